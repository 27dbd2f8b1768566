"""Programs that send mail: what they say is what the mailbox has."""

from __future__ import annotations

import re
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest

from tests.clients.mail import BARE, COMPOSED, SENDER, same, some_messages, stored, without_trace
from tests.clients.programs import Security, Site
from tests.daemon import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.daemon import RunningDaemon

REAL = [message for name, message in some_messages().items() if name.startswith("messages/")][:6]
"""A few with a MIME structure; a program is started for each."""


def by_swaks(site: Site, message: bytes) -> None:
    """It mends what it sends, unless it is told not to; then the data have to be as they go over the wire."""
    stuffed = re.sub(rb"^\.", b"..", message, flags=re.MULTILINE) + b".\r\n"
    path = site.home / "data"
    path.write_bytes(stuffed)
    recipient = ["--from", SENDER, "--to", site.account.address, "--no-data-fixup", "--data", f"@{path}"]
    site.run("swaks", "--server", site.host, "--port", str(site.port("smtp")), *recipient, *_swaks_tls(site))


def _swaks_tls(site: Site) -> list[str | Path]:
    if site.security is Security.PLAIN:
        return []
    how = "--tls" if site.security is Security.STARTTLS else "--tls-on-connect"
    return [how, "--tls-verify", "--tls-ca-path", site.certificate]


def by_curl(site: Site, message: bytes) -> None:
    scheme = "smtps" if site.security is Security.TLS else "smtp"
    tls = ["--ssl-reqd", "--cacert", str(site.certificate)] if site.security is not Security.PLAIN else []
    url = f"{scheme}://{site.host}:{site.port('smtp')}/client.example.org"
    recipient = ["--mail-from", SENDER, "--mail-rcpt", site.account.address, "--upload-file", "-"]
    site.run("curl", "--silent", "--show-error", *tls, *recipient, url, stdin=message)


def by_msmtp(site: Site, message: bytes) -> None:
    """It takes lines as Unix has them, and adds what is missing to a header unless it is told not to."""
    tls = {
        Security.PLAIN: "tls off",
        Security.STARTTLS: f"tls on\ntls_starttls on\ntls_trust_file {site.certificate}",
        Security.TLS: f"tls on\ntls_starttls off\ntls_trust_file {site.certificate}",
    }
    config = site.write(
        "msmtprc",
        f"""
        defaults
        host {site.host}
        port {site.port("smtp")}
        from {SENDER}
        set_from_header off
        set_date_header off
        set_msgid_header off
        {tls[site.security]}
        account default
        """,
    )
    site.run("msmtp", f"--file={config}", "--", site.account.address, stdin=message.replace(b"\r\n", b"\n"))


@pytest.mark.parametrize("send", [by_swaks, by_curl, by_msmtp], ids=lambda send: send.__name__[3:])
def test_what_is_sent_is_what_arrives(site: Site, send: Callable[[Site, bytes], None]) -> None:
    site.home.mkdir()
    messages = [*COMPOSED.values(), *REAL]
    if send is not by_msmtp:  # which wants a header
        messages += BARE.values()
    for message in messages:
        send(site, message)
    found = stored(site.daemon, site.account)
    same(found, messages)
    protocol = b"ESMTP" if site.security is Security.PLAIN else b"ESMTPS"
    assert all(re.search(rb"^\tby mx\.box\.test with %b id" % protocol, message, re.MULTILINE) for message in found)


def test_swaks_composes_and_sees_every_reply(site: Site) -> None:
    """As people use it: it writes the message, and its exit code tells whether every command succeeded."""
    site.run(
        "swaks",
        "--server",
        f"{site.host}:{site.port('smtp')}",
        "--to",
        site.account.address,
        "--from",
        SENDER,
        "--header",
        "Subject: made by swaks",
        "--body",
        "line one\\n.line two",
        "--attach",
        "@/etc/hostname",
        *_swaks_tls(site),
    )
    (message,) = stored(site.daemon, site.account)
    parsed = message_from_bytes(message)
    assert parsed["Subject"] == "made by swaks"
    assert b"\r\nline one\r\n.line two\r\n" in message
    protocol = "ESMTP" if site.security is Security.PLAIN else "ESMTPS"
    assert f" with {protocol} id " in parsed["Received"]


def test_swaks_gets_a_refusal_for_an_unknown_name(plain_site: Site) -> None:
    site = plain_site
    server = f"{site.host}:{site.port('smtp')}"
    said = site.run("swaks", "--server", server, "--to", "nobody-here@box.test", "--from", SENDER, fails=True)
    assert re.search(rb"^<\*\* 550 5\.1\.1 ", said, re.MULTILINE)


LINES = 51
BODY = b"".join(b"%d%b\n" % (line % 10, b"X" * 77) for line in range(1, LINES)) + b"X" * 80 + b"\n"
"""What smtp-source makes for `-l 4080`."""


def addresses(daemon: RunningDaemon) -> Iterable[tuple[str, list[str]]]:
    yield f"inet:{HOST}:{daemon.ports.smtp}", []
    yield f"inet:{HOST}:{daemon.ports.lmtp}", ["-L"]
    yield f"unix:{daemon.lmtp_socket}", ["-L"]


@pytest.mark.parametrize("one_connection_each", [True, False], ids=["many-connections", "few-connections"])
@pytest.mark.parametrize("way", range(3), ids=["smtp", "lmtp", "lmtp-unix"])
def test_smtp_source(plain_site: Site, way: int, one_connection_each: bool) -> None:
    """Postfix's load generator, which has no TLS: 10 connections at once."""
    account, messages = plain_site.account, 100
    address, options = list(addresses(plain_site.daemon))[way]
    options += [] if one_connection_each else ["-d"]
    mail = ["-f", SENDER, "-t", account.address, "-S", "made by smtp-source", "-l", str(LINES * 80)]
    plain_site.run("smtp-source", *options, "-s", "10", "-m", str(messages), *mail, address)
    head = (
        rf"From: <{SENDER}>\nTo: <{account.address}>\nDate: [^\n]+\nMessage-Id: <([^\n]+)>\n"
        "Subject: made by smtp-source\n\n"
    )
    pattern = re.compile(head.encode() + BODY)
    found = [without_trace(message.replace(b"\r\n", b"\n")) for message in stored(plain_site.daemon, account)]
    assert len({whole[1] for message in found if (whole := pattern.fullmatch(message))}) == len(found) == messages
