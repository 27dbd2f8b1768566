"""One's own: password, second factor, how pages look, and where one is signed in."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tempmaild.errors import CredentialRefused, InvalidValue, NoSuchSession
from tempmaild_admin import sessions
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.forms.profile import ChangePasswordForm, CurrentPasswordForm, PreferencesForm, TotpForm
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call
from tempmaild_admin.views.sign_in import REFUSALS, refused

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

blueprint = Blueprint("profile", __name__, url_prefix="/profile")


@blueprint.get("/")
@needs("viewer")
def show() -> str:
    """Show it."""
    person = current_user.person
    return render_template(
        "profile/show.html",
        person=person,
        codes=call(appliance().profiles.recovery_codes(person)),
        sessions=call(appliance().sign_ins.sessions(person)),
        here=current_user.session.id,
        requires_totp=appliance().sign_ins.requires_totp,
    )


@blueprint.route("/preferences", methods=["GET", "POST"])
@needs("viewer")
def preferences() -> ResponseReturnValue:
    """Change how pages look."""
    form = PreferencesForm(obj=current_user.person)
    if form.validate_on_submit():
        wish = (form.zone.data, form.language.data, form.theme.data)
        try:
            call(appliance().profiles.set_preferences(current_user.person, *wish))
        except InvalidValue as error:
            show_problem(form, error)
        else:
            flash(_("Pages are as you want them now."), "success")
            return redirect(url_for("profile.show"))
    return render_template("form.html", form=form, title=_("How pages look"), back=url_for("profile.show"))


@blueprint.route("/password", methods=["GET", "POST"])
@needs("viewer")
def password() -> ResponseReturnValue:
    """Change the password."""
    form = ChangePasswordForm()
    if form.validate_on_submit():
        given = form.data
        wish = (given["current"], given["password"], sessions.client())
        try:
            token = call(appliance().profiles.change_password(current_user.person, *wish))
        except InvalidValue as error:
            show_problem(form, error)
        except REFUSALS as error:
            return refused(error)
        else:
            sessions.begin(token)
            flash(_("You have another password now, and are signed out everywhere but here."), "success")
            return redirect(url_for("profile.show"))
    return render_template("profile/password.html", form=form)


@blueprint.route("/totp", methods=["GET", "POST"])
@needs("viewer")
def totp() -> ResponseReturnValue:
    """Set up a second factor, or another one."""
    form = TotpForm()
    person, token = current_user.person, sessions.token()
    if form.validate_on_submit():
        given = form.data
        wish = (given["current"], given["code"], sessions.client())
        try:
            factor = call(appliance().profiles.set_totp(person, token, *wish))
        except InvalidValue as error:
            show_problem(form, error)
        except REFUSALS as error:
            return refused(error)
        else:
            sessions.begin(factor.token)
            return render_template("profile/codes.html", codes=factor.recovery_codes)
    draft = appliance().profiles.draft_totp(person, token)
    return render_template("profile/totp.html", form=form, person=person, secret=draft.secret)


@blueprint.get("/totp.svg")
@needs("viewer")
def totp_picture() -> Response:
    """Show the QR code for the second factor that is being set up."""
    draft = appliance().profiles.draft_totp(current_user.person, sessions.token())
    picture = io.BytesIO()
    # Readers want dark on light, whatever colours the page has.
    segno.make(draft.uri, error="m").save(picture, kind="svg", light="white", scale=5)
    return Response(picture.getvalue(), mimetype="image/svg+xml")


@blueprint.route("/totp/remove", methods=["GET", "POST"])
@needs("viewer")
def remove_totp() -> ResponseReturnValue:
    """Have no second factor any more."""
    form = CurrentPasswordForm()
    if form.validate_on_submit():
        try:
            call(appliance().profiles.remove_totp(current_user.person, form.data["current"], sessions.client()))
        except InvalidValue as error:
            show_problem(form, error)
        except CredentialRefused:
            flash(_("Everybody has to have a second factor here."), "warning")
            return redirect(url_for("profile.show"))
        except REFUSALS as error:
            return refused(error)
        else:
            flash(_("You sign in with your password alone now."), "success")
            return redirect(url_for("profile.show"))
    explanation = _("Whoever learns your password can sign in then.")
    title = _("Remove the second factor")
    return _form(form, title, explanation)


@blueprint.route("/recovery-codes", methods=["GET", "POST"])
@needs("viewer")
def recovery_codes() -> ResponseReturnValue:
    """Get other recovery codes."""
    form = CurrentPasswordForm()
    if form.validate_on_submit():
        wish = (form.data["current"], sessions.client())
        try:
            codes = call(appliance().profiles.renew_recovery_codes(current_user.person, *wish))
        except InvalidValue as error:
            show_problem(form, error)
        except CredentialRefused:
            flash(_("You have no second factor that they could stand in for."), "warning")
            return redirect(url_for("profile.show"))
        except REFUSALS as error:
            return refused(error)
        else:
            return render_template("profile/codes.html", codes=codes)
    return _form(form, _("New recovery codes"), _("The codes that you have now are good no longer then."))


@blueprint.post("/sessions/<int:session_id>/end")
@needs("viewer")
def end_session(session_id: int) -> ResponseReturnValue:
    """Sign out somewhere else."""
    try:
        call(appliance().sign_ins.end(session_id, current_user.person, current_user.name))
    except NoSuchSession:
        flash(_("This session has ended already."), "warning")
    else:
        flash(_("You are signed out there."), "success")
    return redirect(url_for("profile.show"))


@blueprint.post("/sessions/end")
@needs("viewer")
def end_sessions() -> ResponseReturnValue:
    """Sign out everywhere else."""
    call(appliance().sign_ins.end_all(current_user.person, current_user.name, current_user.session.id))
    flash(_("You are signed out everywhere but here."), "success")
    return redirect(url_for("profile.show"))


def _form(form: CurrentPasswordForm, title: str, explanation: str) -> str:
    back = url_for("profile.show")
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)
