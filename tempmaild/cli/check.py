"""`tempmaild check`: what the checks say of a message that is in a file."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tempmaild import log
from tempmaild.cli.calls import Call, Commands, json_option, print_json, with_appliance
from tempmaild.core.lines import with_crlf
from tempmaild.errors import InvalidValue
from tempmaild.service.checking import Arrival, treated

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.checks.mail import Mail
    from tempmaild.core.verdict import Report, Verdict
    from tempmaild.settings import Settings

_DISPOSITIONS = {
    "accept": "it is delivered",
    "junk": "it is delivered into Junk",
    "refuse": "it is refused",
    "later": "the sender is asked to come back",
}


@with_appliance
async def _check(appliance: Appliance, call: Call) -> None:
    from tempmaild.checks.pipeline import decide  # noqa: PLC0415 - no other command needs the checks

    options = call.options
    arrival = Arrival(options.ip, options.helo, options.sender)
    treatment = await appliance.checks.treatment(arrival, options.to.rpartition("@")[2])
    recipients = (options.to,) if options.to else ()
    mail = appliance.checks.mail(with_crlf(_content(options.file)), arrival, recipients, treatment)
    reports, problems = asyncio.run(_reports(call.settings, mail))
    for problem in problems:
        print(f"tempmaild: {problem}", file=sys.stderr)
    verdict = treated(decide(mail, reports, call.settings.host.name), treatment)
    if options.json:
        print_json(_as_json(reports, verdict))
    else:
        _print(reports, verdict)


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidValue("file", str(error)) from None


async def _reports(settings: Settings, mail: Mail) -> tuple[dict[str, Report], list[str]]:
    from tempmaild.checks.build import build  # noqa: PLC0415

    checks = build(settings, log.get_log("checks"))
    problems = await checks.clamav.prepare() if checks.clamav else []
    return await checks.pipeline.reports(mail), problems


def _print(reports: dict[str, Report], verdict: Verdict) -> None:
    for name, report in reports.items():
        print(f"{name:<12} {report.state}")
        for finding in report.findings:
            properties = "".join(f" {key}={value}" for key, value in finding.properties)
            reason = f" ({finding.reason})" if finding.reason else ""
            print(f"  {finding.method}={finding.result}{properties}{reason}")
    because = f", because of {verdict.decided_by}" if verdict.decided_by else ""
    print(f"{_DISPOSITIONS[verdict.disposition]}{because}")
    if verdict.refusal:
        print(f"  {verdict.refusal.status} {verdict.refusal.text}")
    if verdict.keywords:
        print(f"keywords: {' '.join(verdict.keywords)}")
    if verdict.content is not None:
        print("its content is changed")
    print(verdict.fields.decode(errors="replace").replace("\r\n", "\n"), end="")


def _as_json(reports: dict[str, Report], verdict: Verdict) -> dict[str, Any]:
    return {
        "disposition": verdict.disposition,
        "decided_by": verdict.decided_by,
        "refusal": verdict.refusal and {"status": verdict.refusal.status, "text": verdict.refusal.text},
        "keywords": list(verdict.keywords),
        "fields": verdict.fields.decode(errors="replace"),
        "changed": verdict.content is not None,
        "checks": {
            name: {
                "state": report.state,
                "findings": [
                    {
                        "method": finding.method,
                        "result": finding.result,
                        "properties": dict(finding.properties),
                        "reason": finding.reason,
                    }
                    for finding in report.findings
                ],
            }
            for name, report in reports.items()
        },
    }


def add_commands(add: Commands) -> None:
    """Put it below `tempmaild`."""
    parser = add("check", _check, "Check a message in a file as if it arrived now, and tell what would become of it.")
    parser.add_argument("file", help='the message; "-" reads it from standard input')
    parser.add_argument("--from", dest="sender", default="", metavar="ADDRESS", help="MAIL FROM (default: none)")
    text = "the address of the client (default: a host of yours brings it, and SPF is not checked)"
    parser.add_argument("--ip", type=_ip, default="", metavar="ADDRESS", help=text)
    parser.add_argument("--helo", default="localhost", metavar="NAME", help="how the client names itself")
    parser.add_argument("--to", default="", metavar="ADDRESS", help="the recipient, whose domain may have rules")
    json_option(parser)


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address") from None
