"""Limits: what is decided, who is held to them now, and who would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tempmaild.core import address as addresses
from tempmaild.errors import InvalidAddress, InvalidValue, NameTaken, NoSuchLimit
from tempmaild_admin.forms import ConfirmForm
from tempmaild_admin.forms.limits import ACTIONS, EVENTS, SUBJECTS, LimitForm, TryForm
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call
from tempmaild_admin.stale import is_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from tempmaild.core.limit import Limit
    from tempmaild.service.limit_use import Forecast

blueprint = Blueprint("limits", __name__, url_prefix="/limits")

_SHOWN = 200
"""Subjects on the page of those who are held now."""
_WORDS = {"EVENTS": EVENTS, "SUBJECTS": SUBJECTS, "ACTIONS": ACTIONS}


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them."""
    return render_template("limits/index.html", limits=call(appliance().limits.list_all()), **_WORDS)


@blueprint.get("/now")
@needs("viewer")
def now() -> str:
    """Show who is beyond a limit, or near it."""
    held = call(appliance().limit_use.list_all())
    return render_template(
        "limits/now.html",
        held=held[:_SHOWN],
        more=max(0, len(held) - _SHOWN),
        **_WORDS,
    )


@blueprint.get("/try")
@needs("viewer")
def try_out() -> str:
    """Tell what would become of a client."""
    form = TryForm(request.args) if "address" in request.args else TryForm(formdata=None)
    forecast = None
    if "address" in request.args and form.validate():
        try:
            forecast = _foresee(form)
        except InvalidValue as error:
            show_problem(form, error)
    outcome = _outcome(forecast) if forecast else None
    return render_template("limits/try.html", form=form, forecast=forecast, outcome=outcome, **_WORDS)


@blueprint.route("/add", methods=["GET", "POST"])
@needs("operator")
def add() -> ResponseReturnValue:
    """Have one limit more."""
    form = LimitForm()
    if form.validate_on_submit():
        try:
            limit = call(appliance().limits.add(form.limit(), current_user.name))
        except NameTaken:
            form.name.errors = [_("There is a limit of this name.")]
        except InvalidValue as error:
            show_problem(form, error)
        else:
            flash(_("%(name)s holds from now on.", name=limit.name), "success")
            return redirect(url_for("limits.index"))
    return render_template("limits/edit.html", form=form, old=None)


@blueprint.route("/named/<name>/", methods=["GET", "POST"])
@needs("operator")
def edit(name: str) -> ResponseReturnValue:
    """Change one."""
    old = _find(name)
    form = LimitForm.of(old)
    # Whether it is switched off is not changed here.
    shown = msgspec.structs.replace(old, enabled=True)
    if request.method == "GET":
        is_unchanged(form, shown)
    elif form.validate_on_submit() and is_unchanged(form, shown):
        try:
            call(appliance().limits.change(form.limit(old), current_user.name))
        except NoSuchLimit:
            abort(404)
        except InvalidValue as error:
            show_problem(form, error)
        else:
            flash(_("%(name)s is changed.", name=name), "success")
            return redirect(url_for("limits.index"))
    return render_template("limits/edit.html", form=form, old=old)


@blueprint.post("/named/<name>/enable")
@needs("operator")
def enable(name: str) -> ResponseReturnValue:
    """Hold clients to one again."""
    _switch(name, enabled=True)
    flash(_("%(name)s holds from now on.", name=name), "success")
    return redirect(url_for("limits.index"))


@blueprint.post("/named/<name>/disable")
@needs("operator")
def disable(name: str) -> ResponseReturnValue:
    """Hold nobody to one for the time being."""
    _switch(name, enabled=False)
    flash(_("%(name)s holds for nobody until it is switched on again.", name=name), "success")
    return redirect(url_for("limits.index"))


@blueprint.route("/named/<name>/remove", methods=["GET", "POST"])
@needs("operator")
def remove(name: str) -> ResponseReturnValue:
    """Have one no more."""
    _find(name)
    form = ConfirmForm()
    if form.validate_on_submit():
        try:
            call(appliance().limits.remove(name, current_user.name))
        except NoSuchLimit:
            abort(404)
        flash(_("%(name)s is removed.", name=name), "success")
        return redirect(url_for("limits.index"))
    explanation = _("Nobody is held to it from then on. To have it back later, switch it off instead.")
    title, back = _("Remove %(name)s", name=name), url_for("limits.index")
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


def _find(name: str) -> Limit:
    try:
        return call(appliance().limits.get(name))
    except NoSuchLimit:
        abort(404)


def _switch(name: str, *, enabled: bool) -> None:
    limit = msgspec.structs.replace(_find(name), enabled=enabled)
    try:
        call(appliance().limits.change(limit, current_user.name))
    except NoSuchLimit:
        abort(404)


def _foresee(form: TryForm) -> Forecast:
    """Ask for the forecast.

    Raises:
        InvalidValue: what was typed is impossible; names the field.
    """
    mailbox = _normal(form, "mailbox", addresses.normalise)
    domain = _normal(form, "domain", addresses.normalise_domain)
    return call(
        appliance().limit_use.foresee(
            form.event.data,
            (form.address.data or "").strip(),
            sender_domain=_normal(form, "sender", addresses.normalise_domain),
            mailbox=mailbox,
            domain=domain or mailbox.rpartition("@")[2],
            amount=form.amount.data or 1,
        )
    )


def _normal(form: TryForm, field: str, normalise: Callable[[str], str]) -> str:
    text = (form[field].data or "").strip()
    try:
        return normalise(text) if text else ""
    except InvalidAddress:
        raise InvalidValue(field, _("There can be no such name.")) from None


def _outcome(forecast: Forecast) -> str:
    """Give the word for what would happen: the hardest of what the limits say, or that it is not known."""
    if forecast.banned:
        return "banned"
    actions = {each.limit.action for each in forecast.limits if each.is_beyond}
    for action in ("ban", "refuse", "delay"):
        if action in actions:
            return action
    return "unknown" if any(each.is_beyond is None for each in forecast.limits) else "passes"
