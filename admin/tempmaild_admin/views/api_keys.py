"""The keys by which programs use the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tempmaild.core.timespan import DAY
from tempmaild.errors import InvalidValue, NameTaken, NoSuchApiKey
from tempmaild_admin.forms import ConfirmForm
from tempmaild_admin.forms.api_keys import WORDS, AddForm, ChangeForm, RotateForm
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call
from tempmaild_admin.stale import is_unchanged

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from tempmaild.core.api_key import ApiKey
    from tempmaild.service.api_keys import NewApiKey

blueprint = Blueprint("api_keys", __name__, url_prefix="/keys")

_PAGE: Final = 50
_SOON: Final = 14 * DAY
"""Seconds before its end from which on the pages say that a key should be rotated."""


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them."""
    after = request.args.get("after", "").replace("\0", "")
    keys = call(appliance().api_keys.page(after, _PAGE + 1))
    return render_template(
        "api_keys/index.html",
        keys=keys[:_PAGE],
        more=len(keys) > _PAGE,
        after=after,
        state=_state,
    )


@blueprint.route("/add", methods=["GET", "POST"])
@needs("operator")
def add() -> ResponseReturnValue:
    """Make one; its secret is in the answer, and nowhere else."""
    form = AddForm()
    if form.validate_on_submit():
        wish = (form.name.data or "", form.scopes.data or (), form.networks.networks, form.seconds.data)
        try:
            return _show_secret(call(appliance().api_keys.add(*wish, actor=current_user.name)))
        except InvalidValue as error:
            show_problem(form, error)
        except NameTaken:
            form.name.errors = [_("There is a key of this name.")]
    return render_template("api_keys/form.html", form=form, title=_("Make a key"), back=url_for("api_keys.index"))


@blueprint.get("/named/<name>/")
@needs("viewer")
def show(name: str) -> str:
    """Show one, but for its secret, which is not kept."""
    key = _key(name)
    return render_template("api_keys/show.html", key=key, state=_state(key), words=WORDS, now=appliance().now())


@blueprint.route("/named/<name>/change", methods=["GET", "POST"])
@needs("operator")
def change(name: str) -> ResponseReturnValue:
    """Have one do other things, or come from elsewhere."""
    key = _key(name)
    form = ChangeForm(data={"scopes": key.scopes, "networks": "\n".join(key.networks)})
    is_fresh = is_unchanged(form, [key.id, key.scopes, key.networks])
    if form.validate_on_submit() and is_fresh:
        wish = (name, form.scopes.data or (), form.networks.networks)
        try:
            call(appliance().api_keys.change(*wish, actor=current_user.name))
        except InvalidValue as error:
            show_problem(form, error)
        except NoSuchApiKey:
            abort(404)
        else:
            flash(_("%(name)s is changed.", name=name), "success")
            return redirect(url_for("api_keys.show", name=name))
    title, back = _("Change %(name)s", name=name), url_for("api_keys.show", name=name)
    return render_template("api_keys/form.html", form=form, title=title, back=back)


@blueprint.route("/named/<name>/rotate", methods=["GET", "POST"])
@needs("operator")
def rotate(name: str) -> ResponseReturnValue:
    """Give one another secret, which is in the answer and nowhere else."""
    key = _key(name)
    form = RotateForm()
    is_fresh = is_unchanged(form, [key.id, key.prefix])
    if form.validate_on_submit() and is_fresh:
        wish = (name, form.seconds.data, form.grace.data or 0)
        try:
            return _show_secret(call(appliance().api_keys.rotate(*wish, actor=current_user.name)))
        except InvalidValue as error:
            show_problem(form, error)
        except NoSuchApiKey:
            abort(404)
    explanation = _("The key keeps its name and what it may do.")
    if key.old_until > appliance().now():
        explanation += " " + _("The secret that it had before the present one ends at once.")
    title, back = _("Another secret for %(name)s", name=name), url_for("api_keys.show", name=name)
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


@blueprint.route("/named/<name>/remove", methods=["GET", "POST"])
@needs("operator")
def remove(name: str) -> ResponseReturnValue:
    """Have one no more."""
    _key(name)
    form = ConfirmForm()
    if form.validate_on_submit():
        try:
            call(appliance().api_keys.remove(name, current_user.name))
        except NoSuchApiKey:
            abort(404)
        flash(_("%(name)s is removed: no program gets in by it.", name=name), "success")
        return redirect(url_for("api_keys.index"))
    explanation = _("Programs that use it are refused from then on. What they have made stays.")
    title, back = _("Remove %(name)s", name=name), url_for("api_keys.show", name=name)
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


def _key(name: str) -> ApiKey:
    try:
        key = call(appliance().api_keys.get(name.replace("\0", "")))
    except NoSuchApiKey:
        abort(404)
    if key.name != name:
        abort(404)
    return key


def _state(key: ApiKey) -> str:
    """Tell how a key's time stands: "over", "soon" to be, or "good"."""
    left = key.expires_at - appliance().now()
    return "over" if left <= 0 else "soon" if left <= _SOON else "good"


def _show_secret(new: NewApiKey) -> str:
    return render_template("api_keys/secret.html", key=new.key, secret=new.secret, now=appliance().now())
