"""`tempmaild log`: what became of the mail that came."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from tempmaild.cli.calls import Call, Commands, duration, iso, json_option, print_json, with_appliance
from tempmaild.core.mail_log import HIDDEN
from tempmaild.core.verdict import Disposition
from tempmaild.service.mail_log import Search

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.core.mail_log import Entry

_TOGETHER = 1000
"""Rows that are read at once."""


@with_appliance
async def _log(appliance: Appliance, call: Call) -> None:
    options = call.options
    search = Search(
        since=int(appliance.now()) - options.within if options.within else 0,
        disposition=options.disposition or "",
        decided_by=options.why,
        client=options.client,
        sender=options.sender,
        recipient=options.recipient,
        queue_id=options.id,
    )
    left, further = options.limit, 0
    while left > 0:
        found = await appliance.mail_log.page(search, further, min(left, _TOGETHER))
        for entry in found.rows:
            _print(entry, json=options.json)
        left, further = left - len(found.rows), found.further
        if not further:
            break


def _print(entry: Entry, *, json: bool) -> None:
    findings = {"findings": [f"{noted.method}={noted.result}" for noted in entry.noted]}
    fields: dict[str, object] = {
        "time": iso(int(entry.at)),
        "disposition": entry.disposition,
        "decided_by": entry.decided_by,
        "stage": entry.stage,
        "id": entry.queue_id,
        "client": entry.client,
        "helo": entry.helo,
        "sender": entry.sender,
        "recipient": entry.recipient,
        "size": entry.size,
        "tls": entry.tls,
        "reply": entry.reply,
    }
    if json:
        print_json(fields | findings)
        return
    why = f" ({entry.decided_by})" if entry.decided_by else ""
    envelope = f"{entry.client or 'local'} <{entry.sender}> -> <{entry.recipient}>"
    text = f"{fields['time']}  {entry.disposition}{why}  {entry.queue_id}  {envelope}  {entry.size}  {entry.reply}"
    print(text.replace(f"<{HIDDEN}>", "(not kept)"))


def add_commands(add: Commands) -> None:
    """Put it below `tempmaild`."""
    parser = add("log", _log, "Tell what became of mail, the latest first; all that is asked for holds together.")
    parser.add_argument(
        "--within", type=duration, default=0, metavar="TIME", help="how far to look back, such as 24h"
    )
    parser.add_argument("--disposition", choices=get_args(Disposition), help="what became of it")
    parser.add_argument("--why", default="", metavar="WORD", help='the check or reason, such as "clamav"')
    parser.add_argument("--client", default="", metavar="NETWORK", help="an address, or ADDRESS/PREFIX")
    parser.add_argument("--sender", default="", metavar="ADDRESS", help="an address or a domain; <> for none")
    parser.add_argument("--recipient", default="", metavar="ADDRESS")
    parser.add_argument("--id", default="", help="as the reply and the log have it")
    parser.add_argument("--limit", type=int, default=100, metavar="ROWS", help="at most (default: 100)")
    json_option(parser)
