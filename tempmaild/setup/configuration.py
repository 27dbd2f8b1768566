"""The settings of an installation: only what differs from the defaults, with the reason beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.settings.values import toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.setup.answers import Answers

_LMTP_SOCKET = "/run/tempmaild/lmtp.sock"
_INTRODUCTION = """\
# Settings of tempmaild, written by `tempmaild setup`: what differs from the defaults.
# Every option, with its help and default: {sample}
# `tempmaild check-config` tells everything that is wrong; `systemctl reload tempmaild` has changes in force, and
# `tempmaild alert show` names those that need a restart. The console: `systemctl restart tempmaild-admin`.
"""

Line = tuple[str, object, str]
"""An option of a section, its value, and why it is there."""


def configuration(answers: Answers, sample: str) -> str:
    """Write the settings file.

    Args:
        sample: where the one with every option is.
    """
    parts = [_INTRODUCTION.format(sample=sample)]
    for name, lines in _sections(answers):
        parts.append("\n".join([f"[{name}]", *(f"# {why}\n{key} = {toml(value)}" for key, value, why in lines), ""]))
    return "\n".join(parts)


def _sections(answers: Answers) -> Iterator[tuple[str, list[Line]]]:
    yield "host", [("name", answers.host, "The full name of this host, as in its MX record.")]
    if answers.database and not answers.has_password:
        yield "store", [("url", answers.database, "Where mail is kept.")]
    if answers.certificate:
        why = "The service gets a copy of it from systemd; tempmaild.service.d/setup.conf names it, too."
        yield "tls", [("certificate", answers.certificate, why), ("key", answers.key, "Its private key.")]
    why = "Opened by systemd (tempmaild-lmtp.socket), as are all others; these lines tell clients and checks of them."
    yield "lmtp", [("listen", [f"unix:{_LMTP_SOCKET}"], why)]
    if answers.certificate:
        yield "imap", [("listen_tls", ["[::]:993"], "tempmaild-imaps.socket")]
        yield "pop3", [("listen_tls", ["[::]:995"], "tempmaild-pop3s.socket")]
    if answers.operator:
        yield "mailbox", [("operator", answers.operator, "Gets mail for postmaster, abuse and the like.")]
    if answers.clamd:
        yield "clamav", [("address", answers.clamd, "Mail is scanned by this clamd.")]
    if answers.console:
        why = "A web server in front of the console has the certificate: config/nginx.conf."
        lines: list[Line] = [("url", answers.console, why)]
        if answers.console.startswith("https:"):
            lines.append(("behind_proxy", True, "It tells who the client is."))
        yield "admin", lines
