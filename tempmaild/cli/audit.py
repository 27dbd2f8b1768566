"""`tempmaild audit`: what was done to mailboxes and settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tempmaild.cli.calls import Call, Commands, iso, json_option, moment, print_json, with_appliance
from tempmaild.cli.receipts import read_receipt
from tempmaild.core.plural import counted
from tempmaild.errors import InvalidValue

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.store.audit import AuditRow

_REFUSED = 1


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for row in appliance.audit.rows(call.options.since, call.options.action):
        if call.options.json:
            print_json(_as_json(row))
        else:
            print(f"{row.id}  {iso(row.at)}  {row.actor or '-'}  {row.action}  {row.subject or '-'}  {row.details}")


def _as_json(row: AuditRow) -> dict[str, Any]:
    return {
        "row": row.id,
        "at": iso(row.at),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "details": _details(row.details),
        "digest": row.digest.hex(),
    }


def _details(text: str) -> Any:
    """Give what a row says; as it is, where somebody has meddled with it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@with_appliance
async def _verify(appliance: Appliance, call: Call) -> None:
    verified = await appliance.audit.verify()
    problems = [f"row {verified.rows + 1} is broken: {verified.problem}"] if verified.problem else []
    print(f"{counted(verified.rows, 'row', 'rows')} in order, the last one's digest is {verified.digest.hex()}")
    for name in call.options.receipt:
        try:
            await appliance.audit.confirm(read_receipt(Path(name)))
        except InvalidValue as error:
            problems.append(f"{name} is not confirmed: {error.reason}")
        else:
            print(f"{name} is confirmed")
    for problem in problems:
        print(f"tempmaild: {problem}", file=sys.stderr)
    if problems:
        sys.exit(_REFUSED)


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild audit`."""
    listing = add("list", _list, "List what was done, oldest first.")
    listing.add_argument("--since", type=moment, default=0, metavar="TIME", help="such as 2030-01-31T12:00:00Z (UTC)")
    listing.add_argument("--action", default="", help='only this, such as "mailbox-destroy"')
    json_option(listing)
    verify = add("verify", _verify, "See that every row is as it was written, and that none is missing between them.")
    verify.add_argument(
        "--receipt",
        action="extend",
        nargs="+",
        default=[],
        metavar="FILE",
        help="see as well that the log says what these receipts say",
    )
