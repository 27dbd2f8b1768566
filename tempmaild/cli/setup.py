"""`tempmaild setup` and `tempmaild doctor`: the service on a mail host."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild import log
from tempmaild.cli.calls import Call, Commands, json_option, print_json
from tempmaild.errors import InvalidValue
from tempmaild.settings import SettingsError, load
from tempmaild.settings.credentials import FOLDER
from tempmaild.setup.answers import Answers, certbot_files, checked

if TYPE_CHECKING:
    import argparse

    from tempmaild.setup.finding import Finding

_REFUSED = 1
_EXIT = {"fine": 0, "note": 0, "warning": 1, "error": 2}
"""What `tempmaild doctor` ends with, by the worst that it has found."""
_MARKS = {"fine": "ok     ", "note": "note   ", "warning": "WARNING", "error": "ERROR  "}
_CLAMD = Path("/run/clamav/clamd.ctl")

_QUESTIONS = {
    "host": "The full name of this host, as in its MX record",
    "domain": "The first domain to take mail for (empty: none yet)",
    "certificate": "The PEM file of its certificate with those of the issuers (empty: none)",
    "key": "The PEM file of its private key",
    "database": "A PostgreSQL URL (empty: SQLite)",
    "clamd": "Where clamd listens (empty: mail is not scanned)",
    "operator": "The mailbox for postmaster@, abuse@ and the like (empty: none)",
    "console": "The address under which people open the console (empty: this host alone)",
    "alerts": "Where messages go when something is not well, as apprise's URLs with spaces between (empty: nowhere)",
}
_NONE = "none"
"""What takes away what is offered."""


def _setup(call: Call) -> None:
    # What no other command needs: they bring the checks.
    from tempmaild.setup.files import CONFIG, shared_folder  # noqa: PLC0415
    from tempmaild.setup.installation import Site, steps  # noqa: PLC0415
    from tempmaild.setup.plan import inside  # noqa: PLC0415

    options = call.options
    root = Path(options.root).absolute()
    if not root.is_dir():
        raise InvalidValue("root", f"{root} is no folder")
    config = inside(root, CONFIG)
    answers = _ask(_usual(options, config), ask=not options.yes and sys.stdin.isatty())
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    site = Site(root, shared_folder(), stamp, options.replace, print)
    if site.is_live:
        for finding in _obstacles(answers):
            _tell(finding)
    plan = steps(answers, site)
    if not plan:
        print("nothing is left to be done")
        return
    print("This will be done:" if not options.dry_run else "This would be done:")
    for step in plan:
        print(f"  - {step.text}")
    if options.dry_run:
        return
    if not options.yes and not _agreed():
        print("nothing was done", file=sys.stderr)
        sys.exit(_REFUSED)
    for step in plan:
        step.do()
        print(f"done: {step.text}")
    print("`tempmaild doctor` tells whether all is well; `tempmaild operator invite --role owner` lets you in")


def _usual(options: argparse.Namespace, config: Path) -> Answers:
    """Give what was said with the command, else what is in force, else what this host suggests."""
    given = {name: getattr(options, name) for name in Answers._fields if getattr(options, name) is not None}
    before = _in_force(config) if config.exists() else {}
    host = given.get("host") or before.get("host") or socket.getfqdn()
    guessed: dict[str, str] = {}
    if not before:
        guessed["certificate"], guessed["key"] = certbot_files(host)
        guessed["clamd"] = f"unix:{_CLAMD}" if _CLAMD.exists() else ""
        if domain := given.get("domain"):
            guessed["operator"] = f"postmaster@{domain}"
    known = {"host": host if "." in host else ""} | guessed | before | given
    known.setdefault("domain", known.get("operator", "").partition("@")[2])
    return Answers(**{name: "" if value == _NONE else value for name, value in known.items()})


def _in_force(config: Path) -> dict[str, str]:
    """Give the answers that the settings of an installation stand for.

    Raises:
        InvalidValue: they cannot be used.
    """
    try:
        settings = load(config, {})
    except SettingsError as error:
        raise InvalidValue(str(config), "; ".join(error.problems)) from None
    admin, tls = settings.admin, settings.tls
    return {
        "host": settings.host.name,
        "certificate": str(tls.certificate or ""),
        "key": str(tls.key or ""),
        "database": settings.store.url,
        "clamd": str(settings.clamav.address or ""),
        "operator": settings.mailbox.operator,
        "console": admin.url if admin.behind_proxy else "",
        # Those that somebody has put into the settings stay there.
        "alerts": " ".join(settings.alerts.urls) if (config.parent / FOLDER / "alerts.urls").exists() else "",
    }


def _ask(usual: Answers, *, ask: bool) -> Answers:
    """Ask about each, until the answer is possible.

    Raises:
        InvalidValue: an answer is impossible, and nobody can be asked.
    """
    if not ask:
        return checked(usual)
    answers = usual
    while True:
        for name, question in _QUESTIONS.items():
            offered = getattr(answers, name)
            if said := input(f"{question} [{offered}]: ").strip():
                answers = answers._replace(**{name: "" if said == _NONE else said})
        try:
            return checked(answers)
        except InvalidValue as error:
            print(f"{error}\n", file=sys.stderr)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise InvalidValue("yes", "nobody can be asked whether to go on; say --yes, or --dry-run")
    return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}


def _obstacles(answers: Answers) -> list[Finding]:
    """Find what would keep this installation from working."""
    from tempmaild.setup.configuration import configuration  # noqa: PLC0415
    from tempmaild.setup.doctor import before_setup  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "tempmaild.toml"
        draft.write_text(configuration(answers, ""))
        settings = load(draft, {})
    found = before_setup(settings, [answers.domain] if answers.domain else [])
    return [finding for finding in found if finding.severity in {"warning", "error"}]


def _tell(finding: Finding) -> None:
    print(f"{_MARKS[finding.severity]} {finding.subject}: {finding.text}")
    if finding.remedy:
        print(f"        {finding.remedy}")


def _doctor(call: Call) -> None:
    from tempmaild.setup.doctor import examine  # noqa: PLC0415
    from tempmaild.setup.finding import gravest  # noqa: PLC0415

    # What the checks would tell their log is told as findings.
    log.configure("error", "text")
    found = examine(call.config, os.environ, Path(call.options.backups))
    for finding in found:
        if call.options.json:
            print_json(finding._asdict())
        elif call.options.all or finding.severity != "fine":
            _tell(finding)
    worst = gravest(found)
    if worst == "fine" and not call.options.json:
        print("all is well")
    sys.exit(_EXIT[worst])


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild`."""
    setup = add(
        "setup", _setup, "Put the service on this host, or change how it is there; says first what it will do."
    )
    for name, question in _QUESTIONS.items():
        setup.add_argument(f"--{name}", metavar="VALUE", help=question)
    setup.add_argument("--yes", action="store_true", help="ask nothing")
    setup.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    text = "put aside files that somebody has edited; without this they stay, and ours are written beside them"
    setup.add_argument("--replace", action="store_true", help=text)
    text = "another folder than /, such as that of an image: there nothing is started"
    setup.add_argument("--root", default="/", metavar="DIR", help=text)
    doctor = add(
        "doctor", _doctor, "Find what is wrong with an installation; ends with 1 after warnings, 2 after errors."
    )
    doctor.add_argument("--all", action="store_true", help="tell also what is as it has to be")
    text = "where the nightly backups are (default: %(default)s)"
    doctor.add_argument("--backups", default="/var/backups/tempmaild", metavar="DIR", help=text)
    json_option(doctor)
    # They are for settings that are missing, or wrong.
    for parser in (setup, doctor):
        parser.set_defaults(needs_settings=False)
