"""`tempmaild alert`: what is not well, and the messages about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from tempmaild.cli.calls import Call, Commands, iso, json_option, print_json, with_appliance
from tempmaild.service import sending

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance

_REFUSED = 1
_SHOWN = 20


def _test(call: Call) -> None:
    urls = call.settings.alerts.urls
    if not urls:
        print("Nobody is told: alerts.urls is empty.", file=sys.stderr)
        sys.exit(_REFUSED)
    host, failed = call.settings.host.name, False
    for number, url in enumerate(urls, 1):
        # What comes after the scheme holds secrets.
        where = f"{number} ({url.partition(':')[0]})"
        try:
            sending.send(url, f"tempmaild on {host}: a test", "This is a test. Nothing is wrong.", "info")
        except sending.NotSent as error:
            failed = True
            print(f"{where}: {error}", file=sys.stderr)
        else:
            print(f"{where}: sent")
    if failed:
        sys.exit(_REFUSED)


@with_appliance
async def _show(appliance: Appliance, call: Call) -> None:
    findings = await appliance.health.findings()
    for finding in findings:
        if call.options.json:
            print_json({name: getattr(finding, name) for name in ("name", "state", "text", "remedy")})
            continue
        print(f"{finding.state:<8}  {finding.name}: {finding.text}")
        if finding.remedy:
            print(f"          {finding.remedy}")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for message in await appliance.alerts.messages(_SHOWN):
        if call.options.json:
            print_json({**msgspec.structs.asdict(message), "sent_at": iso(message.sent_at)})
        else:
            outcome = "delivered" if message.delivered else "NOT DELIVERED"
            print(f"{iso(message.sent_at)}  {outcome:<13}  {message.subject}")


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild alert`."""
    add("test", _test, "Send a message to everybody who is told when something is not well.")
    json_option(add("show", _show, "Show how every part is, as the daemon has found it last."))
    json_option(add("list", _list, "Show the last messages that were sent."))
