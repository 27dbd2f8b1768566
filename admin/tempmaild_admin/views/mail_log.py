"""What became of the mail that came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request, stream_with_context, url_for

from tempmaild.core.iso_time import iso
from tempmaild.core.timespan import DAY
from tempmaild.errors import InvalidValue
from tempmaild.service.mail_log import LEFT_OUT, LOST
from tempmaild.store.mail_log import Found
from tempmaild_admin import mail_words as words
from tempmaild_admin.csv_export import csv_of
from tempmaild_admin.forms.mail_log import SearchForm
from tempmaild_admin.forms.problems import show_problem
from tempmaild_admin.guard import needs
from tempmaild_admin.periods import PERIODS
from tempmaild_admin.services import appliance, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.typing import ResponseReturnValue

    from tempmaild.core.mail_log import Entry
    from tempmaild.service.mail_log import Search

blueprint = Blueprint("mail_log", __name__, url_prefix="/mail-log")

_PAGE: Final = 50
MOST_EXPORTED: Final = 100_000
"""Rows of one export: some 30 MB, and as much as a spreadsheet is still quick with."""
_TOGETHER: Final = 1000
"""Rows that are read at once for an export."""
_LARGEST: Final = (1 << 63) - 1
_HEADER: Final = (
    *("time", "disposition", "decided by", "stage", "queue id", "client", "helo", "sender", "recipient", "size"),
    *("tls", "findings", "reply"),
)
_SECONDS: Final = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}


class Junk(NamedTuple):
    """How many messages have gone to Junk for one reason, in each of the times that the page shows."""

    decided_by: str
    counts: list[int]


@blueprint.get("/")
@needs("viewer")
def index() -> str:
    """List what is looked for."""
    form, before = SearchForm(request.args), _before()
    found = _find(form, before)
    log, totals = appliance().mail_log, call(appliance().statistics.totals(DAY))
    return render_template(
        "mail_log/index.html",
        form=form,
        rows=found.rows,
        further=found.further,
        is_first=not before,
        criteria=form.criteria,
        count=call(log.count()),
        settings=log.settings,
        missing=totals.get(LEFT_OUT, 0) + totals.get(LOST, 0),
        most_exported=MOST_EXPORTED,
        words=words,
    )


@blueprint.get("/<int:entry_id>")
@needs("viewer")
def show(entry_id: int) -> str:
    """Show all that is known of one message."""
    entry = call(appliance().mail_log.get(entry_id))
    if entry is None:
        abort(404)
    return render_template("mail_log/show.html", entry=entry, words=words, alike=_alike(entry))


@blueprint.get("/quarantine")
@needs("viewer")
def quarantine() -> str:
    """Say how much has gone to Junk, and why; what it is, is its owners' business."""
    totals = [call(appliance().statistics.totals(seconds)) for seconds in _SECONDS.values()]
    reasons = sorted({name.removeprefix("junk/") for counts in totals for name in counts if name.startswith("junk/")})
    rows = [Junk(reason, [counts.get(f"junk/{reason}", 0) for counts in totals]) for reason in reasons]
    rows.sort(key=lambda row: row.counts[::-1], reverse=True)
    return render_template(
        "mail_log/quarantine.html",
        rows=rows,
        periods=PERIODS,
        sums=[counts.get("junk", 0) for counts in totals],
        words=words,
    )


@blueprint.get("/export")
@needs("viewer")
def export() -> ResponseReturnValue:
    """Give what is looked for as a table, the latest first."""
    form = SearchForm(request.args)
    if not form.validate():
        abort(400)
    search = form.search(appliance().now())
    try:
        first = call(appliance().mail_log.page(search, limit=_TOGETHER))
    except InvalidValue:
        abort(400)
    headers = {"Content-Disposition": 'attachment; filename="mail-log.csv"'}
    lines = csv_of(_HEADER, _exported(search, first))
    return Response(stream_with_context(lines), mimetype="text/csv", headers=headers)


def _find(form: SearchForm, before: int) -> Found:
    """Give the rows; none, and the problem beside its field, where nothing can be like this."""
    if not form.validate():
        return Found([], 0)
    try:
        return call(appliance().mail_log.page(form.search(appliance().now()), before, _PAGE))
    except InvalidValue as error:
        show_problem(form, error)
        return Found([], 0)


def _before() -> int:
    """Give where the page begins; 0 for the first page, and for what no page gave."""
    before = request.args.get("before", 0, type=int)
    return before if 0 < before <= _LARGEST else 0


def _alike(entry: Entry) -> dict[str, str]:
    """Give what else can be looked for: links by the name of the field."""
    values = {"recipient": entry.recipient, "sender": entry.sender, "client": entry.client}
    plain = {name: value for name, value in values.items() if value and words.is_plain(value)}
    return {name: f"{url_for('mail_log.index')}?{urlencode({name: value})}" for name, value in plain.items()}


def _exported(search: Search, found: Found) -> Iterator[tuple[object, ...]]:
    left = MOST_EXPORTED
    while True:
        yield from map(_values, found.rows[:left])
        left -= len(found.rows)
        if not found.further or left <= 0:
            return
        found = call(appliance().mail_log.page(search, found.further, _TOGETHER))


def _values(entry: Entry) -> tuple[object, ...]:
    findings = " ".join(f"{noted.method}={noted.result}" for noted in entry.noted)
    return (
        *(iso(int(entry.at)), entry.disposition, entry.decided_by, entry.stage, entry.queue_id, entry.client),
        *(entry.helo, entry.sender, entry.recipient, entry.size, entry.tls, findings, entry.reply),
    )
