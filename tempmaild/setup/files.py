"""The files of an installation: where they come from, and where they go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from tempmaild.settings.values import toml
from tempmaild.setup.configuration import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.setup.answers import Answers

CONFIG = "/etc/tempmaild/tempmaild.toml"
_CREDENTIALS = "/etc/tempmaild/credentials"
_ALERTS = f"{_CREDENTIALS}/alerts.urls"
_UNITS = "/etc/systemd/system"
_HOME = "/opt/tempmaild"
"""Where the unit files expect the program; another place is written into them."""
_HOOK = "/etc/letsencrypt/renewal-hooks/deploy/tempmaild"

_TLS_SOCKETS = ("tempmaild-imaps.socket", "tempmaild-pop3s.socket")

Audience = Literal["all", "service", "program"]
"""all: it may be read by everybody. service: by root and the service. program: as all, and it can be run."""


class Wanted(NamedTuple):
    """A file that has to be there.

    Attributes:
        path: seen from the root of the installation.
        why: for the plan.
    """

    path: str
    text: str
    why: str
    audience: Audience = "all"


def shared_folder() -> Path:
    """Give the folder that has `systemd` and `config`: beside an installed program, or the clone itself."""
    installed = Path(sys.prefix) / "share/tempmaild"
    return installed if installed.is_dir() else Path(__file__).parents[2]


def wanted(answers: Answers, shared: Path, root: Path, home: str = sys.prefix) -> list[Wanted]:
    """Give the files that belong to an installation.

    Args:
        root: for seeing what else is on the host.
        home: the folder of the virtual environment.
    """
    return [
        *_of_systemd(answers, shared, home),
        *_of_settings(answers, shared, root),
        *_of_others(answers, shared, root, home),
    ]


def unit_names(answers: Answers, shared: Path) -> list[str]:
    """Give the units that are enabled; the port for mail over TLS from the first byte (465) is not."""
    names = sorted(path.name for path in (shared / "systemd").glob("*.socket"))
    # A socket for TLS without a certificate keeps the daemon from starting.
    off = {"tempmaild-smtps.socket"} | (set() if answers.certificate else set(_TLS_SOCKETS))
    # PostgreSQL is backed up with its own tools.
    timers = [] if answers.database else ["tempmaild-backup.timer"]
    return [*(name for name in names if name not in off), "tempmaild.service", "tempmaild-admin.service", *timers]


def _of_systemd(answers: Answers, shared: Path, home: str) -> Iterator[Wanted]:
    for path in sorted((shared / "systemd").iterdir()):
        text = path.read_text().replace(_HOME, home)
        if path.suffix in {".service", ".socket", ".timer"}:
            yield Wanted(f"{_UNITS}/{path.name}", text, "a unit of systemd")
        elif path.suffix == ".sysusers":
            yield Wanted("/etc/sysusers.d/tempmaild.conf", text, "the user that everything runs as")
        elif path.suffix == ".tmpfiles":
            yield Wanted("/etc/tmpfiles.d/tempmaild.conf", text, "the folders that have to be there")
    for service in ("tempmaild", "tempmaild-admin"):
        if lines := list(_credentials(answers, service)):
            text = "\n".join(["# Written by `tempmaild setup`.", "[Service]", *lines, ""])
            yield Wanted(f"{_UNITS}/{service}.service.d/setup.conf", text, "what only the service may read")


def _credentials(answers: Answers, service: str) -> Iterator[str]:
    if answers.certificate and service == "tempmaild":
        yield f"LoadCredential=tls.certificate:{answers.certificate}"
        yield f"LoadCredential=tls.key:{answers.key}"
    if answers.has_password:
        yield f"LoadCredential=store.url:{_CREDENTIALS}/store.url"
    if answers.alerts and service == "tempmaild":
        yield f"LoadCredential=alerts.urls:{_ALERTS}"


def _of_settings(answers: Answers, shared: Path, root: Path) -> Iterator[Wanted]:
    sample = shared / "config/tempmaild.toml"
    yield Wanted(CONFIG, configuration(answers, str(sample)), "the settings", "service")
    if answers.has_password:
        path = f"{_CREDENTIALS}/store.url"
        yield Wanted(path, f"{answers.database}\n", "where the database is, with its password", "service")
    # The file stays when nobody is to be told any more: it goes before the settings.
    if answers.alerts or (root / _ALERTS.lstrip("/")).exists():
        urls = toml(answers.alerts.split())
        yield Wanted(_ALERTS, f"{urls}\n", "who is told when something is not well", "service")


def _of_others(answers: Answers, shared: Path, root: Path, home: str) -> Iterator[Wanted]:
    text = f"""\
#!/bin/sh
# Written by `tempmaild setup`: the command, as the user to whom the database belongs.
case "${{1-}}" in
setup | doctor | restore) exec {home}/bin/tempmaild --config {CONFIG} "$@" ;;
esac
[ "$(id -u)" -ne 0 ] || exec runuser -u tempmaild -- {home}/bin/tempmaild --config {CONFIG} "$@"
exec {home}/bin/tempmaild --config {CONFIG} "$@"
"""
    yield Wanted("/usr/local/bin/tempmaild", text, "the command", "program")
    if answers.certificate.startswith("/etc/letsencrypt/"):
        text = "#!/bin/sh\n# systemd hands the certificate over when the service starts.\n"
        text += "systemctl try-restart tempmaild.service\n"
        yield Wanted(_HOOK, text, "has certbot's next certificate taken over", "program")
    if (root / "etc/fail2ban").is_dir():
        for kind in ("filter", "jail"):
            text = (shared / f"config/fail2ban/{kind}.conf").read_text()
            yield Wanted(f"/etc/fail2ban/{kind}.d/tempmaild.conf", text, f"the {kind} of fail2ban")
