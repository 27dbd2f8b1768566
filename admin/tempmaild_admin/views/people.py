"""The people who operate the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tempmaild.errors import InvalidValue, LastOwner, NoSuchInvitation, NoSuchPerson, NoSuchSession
from tempmaild_admin.forms import ConfirmForm
from tempmaild_admin.forms.people import InviteForm, PersonForm
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.guard import may, needs
from tempmaild_admin.services import appliance, call, services
from tempmaild_admin.stale import is_unchanged

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from tempmaild.core.person import Person
    from tempmaild.service.people import Invited

blueprint = Blueprint("people", __name__, url_prefix="/people")


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them, and the invitations that can be used."""
    return render_template(
        "people/index.html",
        people=call(appliance().people.list_all()),
        invitations=call(appliance().people.invitations()) if may("owner") else [],
    )


@blueprint.route("/invite", methods=["GET", "POST"])
@needs("owner")
def invite() -> ResponseReturnValue:
    """Let somebody in."""
    form = InviteForm()
    if form.validate_on_submit():
        given = form.data
        wish = (given["role"], given["seconds"], given["note"], current_user.name)
        try:
            return _show_link(call(appliance().people.invite(*wish)))
        except InvalidValue as error:
            show_problem(form, error)
    explanation = _("Nobody needs to know another's password: who has the link chooses name and password.")
    back = url_for("people.index")
    return render_template("form.html", form=form, title=_("Invite somebody"), explanation=explanation, back=back)


@blueprint.post("/invitations/<int:invitation_id>/withdraw")
@needs("owner")
def withdraw(invitation_id: int) -> ResponseReturnValue:
    """Have an invitation no more."""
    try:
        call(appliance().people.withdraw(invitation_id, current_user.name))
    except NoSuchInvitation:
        flash(_("This invitation was used, or is over."), "warning")
    else:
        flash(_("This link is good no longer."), "success")
    return redirect(url_for("people.index"))


@blueprint.route("/named/<name>", methods=["GET", "POST"])
@needs("owner")
def edit(name: str) -> ResponseReturnValue:
    """Show somebody, and change what they may do."""
    person = _person(name)
    form = PersonForm(obj=person)
    # The role and whether they may sign in are all that is changed here.
    is_fresh = is_unchanged(form, [person.id, person.role, person.enabled])
    if form.validate_on_submit() and is_fresh:
        wish = (name, form.role.data)
        try:
            changed = call(appliance().people.change(*wish, enabled=form.enabled.data, actor=current_user.name))
        except NoSuchPerson:
            abort(404)
        except LastOwner:
            form.role.errors = [_("Somebody has to be an owner who can sign in. Let another one be it first.")]
        else:
            if changed != person:
                flash(_("%(name)s is changed, and signed out everywhere.", name=name), "success")
            return redirect(url_for("people.index"))
    return render_template(
        "people/edit.html",
        form=form,
        person=person,
        sessions=call(appliance().sign_ins.sessions(person)),
        here=current_user.session.id,
    )


@blueprint.post("/named/<name>/reset")
@needs("owner")
def reset(name: str) -> ResponseReturnValue:
    """Let somebody choose another password."""
    try:
        return _show_link(call(appliance().people.reset(name, actor=current_user.name)))
    except NoSuchPerson:
        abort(404)


@blueprint.route("/named/<name>/remove", methods=["GET", "POST"])
@needs("owner")
def remove(name: str) -> ResponseReturnValue:
    """Have a person no more."""
    _person(name)
    form = ConfirmForm()
    if form.validate_on_submit():
        try:
            call(appliance().people.remove(name, current_user.name))
        except NoSuchPerson:
            abort(404)
        except LastOwner:
            flash(_("Somebody has to be an owner who can sign in. Let another one be it first."), "warning")
        else:
            flash(_("%(name)s is removed, and signed out.", name=name), "success")
        return redirect(url_for("people.index"))
    explanation = _(
        "What they have done stays in the audit log. To let them in later, take the sign-in away instead."
    )
    title = _("Remove %(name)s", name=name)
    back = url_for("people.edit", name=name)
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


@blueprint.post("/named/<name>/sessions/<int:session_id>/end")
@needs("owner")
def end_session(name: str, session_id: int) -> ResponseReturnValue:
    """Sign somebody out."""
    try:
        call(appliance().sign_ins.end(session_id, _person(name), current_user.name))
    except NoSuchSession:
        flash(_("This session has ended already."), "warning")
    else:
        flash(_("%(name)s is signed out there.", name=name), "success")
    return redirect(url_for("people.edit", name=name))


def _person(name: str) -> Person:
    try:
        person = call(appliance().people.get(name))
    except NoSuchPerson:
        abort(404)
    if person.name != name:
        abort(404)
    return person


def _show_link(invited: Invited) -> str:
    """Show a link, this once."""
    url = services().settings.admin.url.rstrip("/") + url_for("sign_in.accept", token=invited.token)
    return render_template("people/link.html", invitation=invited.invitation, url=url)
