"""Networks that are turned away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from tempmaild.core.limit import Ban
from tempmaild.core.list_file import ban_of_line, line_of_ban
from tempmaild.errors import InvalidValue, NoSuchBan
from tempmaild_admin.forms.bans import BanForm, ImportForm
from tempmaild_admin.forms.problems import reason_of, show_problem
from tempmaild_admin.guard import needs
from tempmaild_admin.services import appliance, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.typing import ResponseReturnValue

blueprint = Blueprint("bans", __name__, url_prefix="/bans")

_PAGE = 50
_EXPORTED = 1000
"""Bans that are read at once for an export, so that other requests get their turn."""


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List them, or those of one address."""
    address, after = request.args.get("address", "").strip(), _place()
    problem, found = "", list["Ban"]()
    if address:
        try:
            found = call(appliance().bans.about(address))
        except InvalidValue as error:
            problem = reason_of(error)
    else:
        found = call(appliance().bans.page(after, _PAGE + 1))
    return render_template(
        "bans/index.html",
        bans=found if address else found[:_PAGE],
        more=not address and len(found) > _PAGE,
        address=address,
        problem=problem,
        is_first=after is None,
        count=call(appliance().bans.count()),
    )


@blueprint.route("/add", methods=["GET", "POST"])
@needs("operator")
def add() -> ResponseReturnValue:
    """Ban one more."""
    form = BanForm()
    if form.validate_on_submit():
        wish = form.data
        try:
            ban = call(
                appliance().bans.add(
                    wish["network"], wish["seconds"], wish["reason"], wish["scope"], current_user.name
                )
            )
        except InvalidValue as error:
            show_problem(form, error)
        else:
            flash(_("%(network)s is turned away.", network=ban.network), "success")
            return redirect(url_for("bans.index"))
    return render_template("form.html", form=form, title=_("Ban a network"), back=url_for("bans.index"))


@blueprint.route("/import", methods=["GET", "POST"])
@needs("operator")
def import_list() -> ResponseReturnValue:
    """Have all bans of a list, or none."""
    form = ImportForm()
    if form.validate_on_submit() and form.is_given():
        usual = Ban("", form.reason.data or "", form.scope.data, int(appliance().now()) + form.seconds.data)
        try:
            count = call(appliance().bans.add_all(form.entries(partial(ban_of_line, usual=usual)), current_user.name))
        except InvalidValue as error:
            show_problem(form, error.about("seconds") if error.field == "until" else error)
        else:
            flash(ngettext("%(num)s network is turned away.", "%(num)s networks are turned away.", count), "success")
            return redirect(url_for("bans.index"))
    explanation = _(
        "A network on each line, or a ban as an export has it. Empty lines, those that begin with #, and bans that "
        "are over are passed over. A list that is wrong somewhere is not imported at all."
    )
    title, back = _("Import bans"), url_for("bans.index")
    return render_template("form.html", form=form, title=title, explanation=explanation, back=back)


@blueprint.get("/export")
@needs("viewer")
def export() -> ResponseReturnValue:
    """Give all of them, as the import takes them."""
    headers = {"Content-Disposition": 'attachment; filename="bans.jsonl"'}
    return Response(stream_with_context(_lines()), mimetype="text/plain", headers=headers)


@blueprint.post("/lift/<path:network>")
@needs("operator")
def lift(network: str) -> ResponseReturnValue:
    """Let one come again."""
    try:
        call(appliance().bans.remove(network, current_user.name))
    except (InvalidValue, NoSuchBan):
        flash(_("%(network)s is not banned, or no longer.", network=network), "warning")
    else:
        flash(_("%(network)s may come again.", network=network), "success")
    return redirect(url_for("bans.index"))


def _place() -> tuple[int, str] | None:
    """Give behind which ban the page begins, None for the first page."""
    at = request.args.get("after_time", type=int)
    # Times beyond that are none of a database.
    return None if at is None or not 0 <= at < 2**63 else (at, request.args.get("after", "").replace("\0", ""))


def _lines() -> Iterator[str]:
    after: tuple[int, str] | None = None
    while bans := call(appliance().bans.page(after, _EXPORTED)):
        yield "".join(line_of_ban(ban) + "\n" for ban in bans)
        after = bans[-1].created_at, bans[-1].network
