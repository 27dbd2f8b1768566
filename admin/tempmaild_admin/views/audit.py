"""The audit log: searched, looked at closely, verified, exported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_babel import gettext as _
from flask_login import current_user
from itsdangerous import BadData, URLSafeSerializer

from tempmaild.core.iso_time import iso
from tempmaild.store.audit import NOTHING_YET, Verified, is_readable
from tempmaild_admin.audit_words import said, wrong
from tempmaild_admin.csv_export import csv_of
from tempmaild_admin.forms.audit import SearchForm
from tempmaild_admin.guard import needs
from tempmaild_admin.presentation import number
from tempmaild_admin.services import appliance, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.typing import ResponseReturnValue

    from tempmaild.store.audit import AuditRow
    from tempmaild.store.audit_list import WantedRows

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

_PAGE: Final = 50
_EXPORTED: Final = 1000
"""Rows that are read at once for an export, so that other requests get their turn."""
_LARGEST: Final = 2**63 - 1
_LAST_YEAR: Final = 253_402_300_799
"""The end of the year 9999: later times cannot be written (UTC epoch seconds)."""
_DEEPEST: Final = 8
"""Levels of details that are told apart; the program writes three."""
_LONG: Final = 48
"""Characters above which the list shows only the beginning of what a row is about: it is the digest of a mailbox."""
_HEADER: Final = ("row", "at", "actor", "action", "subject", "details", "digest")


class Value(NamedTuple):
    """Something that a row says, and what was said of it before; None where nothing was said."""

    name: str
    now: str | None
    before: str | None


class LastVerified(NamedTuple):
    """What looking at all rows has shown last."""

    row: AuditRow
    rows: int
    problem: str


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List the rows that are looked for, the latest first."""
    form = _search_form()
    after = request.args.get("after", "")
    page = call(appliance().audit.page(form.wanted, after, _PAGE)) if form.validate() else None
    return render_template(
        "audit/index.html",
        form=form,
        rows=page.rows if page else [],
        next=page.after if page else "",
        after=after,
        criteria=form.criteria,
        actors=call(appliance().audit.actors()),
        verified=_last_verified(),
        is_readable=_is_readable,
        said=said,
        LONG=_LONG,
    )


@blueprint.get(f"/<int(max={_LARGEST}):row_id>")
@needs("viewer")
def show(row_id: int) -> str:
    """Show one row: what it says, what that was before, and whether it is as it was written."""
    detail = call(appliance().audit.detail(row_id))
    if detail is None:
        abort(404)
    row, earlier = detail.row, detail.earlier
    return render_template(
        "audit/show.html",
        row=row,
        is_readable=_is_readable(row),
        values=_values(row, earlier),
        earlier=earlier,
        problem=wrong(detail.problem),
        said=said,
    )


@blueprint.post("/verify")
@needs("operator")
def verify() -> ResponseReturnValue:
    """Look at all rows, in portions: the browser asks for the next one. What comes of it is noted in the log."""
    known, is_whole = call(appliance().audit.verify_on(_known(request.form.get("known", ""))))
    if not is_whole:
        state = _serializer().dumps([known.rows, known.digest.hex(), current_user.name])
        return render_template("audit/verifying.html", known=state, rows=known.rows)
    call(appliance().audit.note_verified(known, current_user.name))
    if known.problem:
        message = _("Row %(number)s is broken: %(problem)s.", number=known.rows + 1, problem=wrong(known.problem))
        flash(message, "danger")
    else:
        flash(
            _("All %(count)s rows are as they were written, and none is missing.", count=number(known.rows)),
            "success",
        )
    return redirect(url_for("audit.index"))


@blueprint.get("/audit.csv")
@needs("viewer")
def export() -> ResponseReturnValue:
    """Give the rows that are looked for, all of them."""
    form = _search_form()
    if not form.validate():
        abort(400)
    answer = Response(stream_with_context(csv_of(_HEADER, _exported(form.wanted))), mimetype="text/csv")
    answer.headers.set("Content-Disposition", "attachment", filename="audit.csv")
    return answer


def _search_form() -> SearchForm:
    form = SearchForm(request.args)
    form.offer(call(appliance().audit.actions()))
    return form


def _last_verified() -> LastVerified | None:
    """Give what was shown last; None where nobody has looked, or somebody has meddled with the row."""
    row = call(appliance().audit.last_verified())
    details = _details(row) if row is not None and _is_readable(row) else {}
    rows, problem = details.get("rows"), details.get("problem")
    if row is None or not isinstance(rows, int) or not isinstance(problem, str):
        return None
    return LastVerified(row, rows, wrong(problem))


def _known(state: str) -> Verified:
    """Give what was known at the end of the portion before. It is signed: what comes of it will stand in the log."""
    try:
        rows, digest, name = _serializer().loads(state) if state else (0, NOTHING_YET.digest.hex(), current_user.name)
    except BadData:
        abort(400)
    if name != current_user.name:
        abort(400)
    return Verified(rows, bytes.fromhex(digest))


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or b"", salt="tempmaild audit verify")


def _is_readable(row: AuditRow) -> bool:
    """Tell whether a row can be shown as rows are: who has the database in his hands can write anything into it."""
    return is_readable(row) and 0 <= row.at <= _LAST_YEAR


def _details(row: AuditRow) -> dict[str, Any]:
    try:
        details = json.loads(row.details)
    except (ValueError, RecursionError):
        return {"details": row.details}
    return details if isinstance(details, dict) else {"details": row.details}


def _values(row: AuditRow, earlier: AuditRow | None) -> list[Value]:
    if not _is_readable(row):
        return []
    now = dict(_flat("", _details(row), _DEEPEST))
    before = dict(_flat("", _details(earlier), _DEEPEST)) if earlier else {}
    return [Value(name, now.get(name), before.get(name)) for name in dict.fromkeys((*now, *before))]


def _flat(name: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    """Give the single values of details, each with the names that lead to it."""
    if isinstance(value, dict) and value and depth:
        for key, each in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), each, depth - 1)
    elif isinstance(value, list) and all(isinstance(each, str) for each in value):
        yield name, ", ".join(value)
    else:
        yield name, value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _exported(wanted: WantedRows) -> Iterator[tuple[object, ...]]:
    after, is_first = "", True
    while is_first or after:
        page = call(appliance().audit.page(wanted, after, _EXPORTED))
        for row in page.rows:
            at = iso(row.at) if _is_readable(row) else row.at
            digest = row.digest.hex() if isinstance(row.digest, bytes) else row.digest
            yield row.id, at, row.actor, row.action, row.subject, row.details, digest
        after, is_first = page.after, False
