"""SMTP and LMTP over real sockets: what depends on how they are closed, cut and encrypted."""

from __future__ import annotations

import smtplib
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.daemon import HOST, start_daemon
from tests.net.client import Client, envelope, inbox_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon import RunningDaemon

MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


# The answer to the dot is never lost


@pytest.mark.parametrize("last", [b"QUIT\r\n", b""])
@pytest.mark.parametrize("half_closes", [True, False])
def test_everything_in_one_piece(daemon: RunningDaemon, last: bytes, half_closes: bool) -> None:
    """As `printf ... | nc -N` does."""
    account = daemon.create()
    with Client(daemon.ports.smtp) as client:
        client.send(envelope(account.address) + MESSAGE + b".\r\n" + last)
        if half_closes or not last:
            client.half_close()
        said = client.rest()
    assert said.count(b"\r\n250 2.0.0 Ok: stored as ") == 1
    assert (b"\r\n221 2.0.0 " in said) == bool(last)
    (stored,) = inbox_of(daemon, account)
    assert stored.endswith(MESSAGE)


def test_a_large_message_and_quit_in_one_piece(daemon: RunningDaemon) -> None:
    account = daemon.create()
    content = MESSAGE + b"x" * 70 + b"\r\n"
    content += b"y" * 998 + b"\r\n"
    content += (b"z" * 76 + b"\r\n") * 30_000
    with Client(daemon.ports.smtp) as client:
        client.send(envelope(account.address) + content + b".\r\nQUIT\r\n")
        client.half_close()
        said = client.rest()
    assert b"\r\n250 2.0.0 Ok: stored as " in said
    assert b"\r\n221 2.0.0 " in said
    (stored,) = inbox_of(daemon, account)
    assert stored.endswith(content)


@pytest.mark.parametrize("implicit", [True, False])
def test_over_tls_quit_may_follow_the_dot(daemon: RunningDaemon, implicit: bool) -> None:
    account = daemon.create()
    with Client(daemon.ports.smtps if implicit else daemon.ports.smtp) as client:
        if not implicit:
            client.reply()
            client.ask(b"EHLO a")
            assert client.ask(b"STARTTLS").startswith(b"220 ")
        client.start_tls(daemon.tls_context())
        client.send(envelope(account.address) + MESSAGE + b".\r\nQUIT\r\n")
        said = client.rest()
    assert b"\r\n250 2.0.0 Ok: stored as " in said
    assert b"\r\n221 2.0.0 " in said
    (stored,) = inbox_of(daemon, account)
    assert b"with ESMTPS id " in stored


def test_pipelined_messages_are_answered_in_their_order(daemon: RunningDaemon) -> None:
    account = daemon.create()
    with Client(daemon.ports.smtp) as client:
        for number in range(20):
            client.send(envelope(account.address) + b"Subject: %d\r\n\r\n.\r\nRCPT TO:<x>\r\n" % number)
        client.send(b"QUIT\r\n")
        codes = [line[:3] for line in client.rest().split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"220", *[b"250", b"250", b"250", b"354", b"250", b"503"] * 20, b"221"]
    subjects = [message.partition(b"Subject: ")[2].partition(b"\r\n")[0] for message in inbox_of(daemon, account)]
    assert subjects == [b"%d" % number for number in range(20)]


# TLS


def test_what_was_injected_before_tls_is_not_run(daemon: RunningDaemon) -> None:
    account = daemon.create()
    with Client(daemon.ports.smtp) as client:
        client.reply()
        client.ask(b"EHLO a")
        client.send(b"STARTTLS\r\n" + envelope(account.address) + b"injected\r\n.\r\n")
        assert client.reply().startswith(b"220 2.0.0 ")
        client.start_tls(daemon.tls_context())
        assert client.ask(b"NOOP") == b"250 2.0.0 Ok\r\n"
        assert client.ask(b"MAIL FROM:<a@example.org>") == b"503 5.5.1 Say EHLO first\r\n"
        assert b"STARTTLS" not in client.ask(b"EHLO a")
        client.send(b"QUIT\r\n")
        assert client.rest().startswith(b"221 ")
    assert inbox_of(daemon, account) == []


@pytest.mark.parametrize("garbage", [b"EHLO a\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100, b"\0" * 100_000])
def test_no_tls_where_tls_is_due(daemon: RunningDaemon, garbage: bytes) -> None:
    with Client(daemon.ports.smtps) as client:
        try:
            client.send(garbage)
            client.half_close()
            said = client.rest()
        except OSError:  # the daemon was faster
            said = b""
    assert b"220" not in said
    assert len(said) < 100


def test_old_tls_is_refused(daemon: RunningDaemon) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Client(daemon.ports.smtps) as client, pytest.raises(ssl.SSLError):
        client.start_tls(context)


def test_tls_can_be_begun_by_a_python_client(daemon: RunningDaemon) -> None:
    account = daemon.create()
    with smtplib.SMTP(HOST, daemon.ports.smtp, timeout=60) as client:
        client.starttls(context=daemon.tls_context())
        assert client.sendmail("a@example.org", [account.address, "nobody@box.test"], MESSAGE.decode()) == {
            "nobody@box.test": (550, b"5.1.1 No such mailbox here")
        }
    assert len(inbox_of(daemon, account)) == 1


# LMTP


@pytest.mark.parametrize("unix", [True, False])
def test_lmtp(daemon: RunningDaemon, unix: bool) -> None:
    accounts = daemon.create_many(2)
    with Client(daemon.lmtp_socket if unix else daemon.ports.lmtp) as client:
        assert client.reply() == b"220 mx.box.test LMTP tempmaild\r\n"
        client.ask(b"LHLO client.example")
        client.ask(b"MAIL FROM:<a@example.org>")
        for account in accounts:
            assert client.ask(b"RCPT TO:<%b>" % account.address.encode()).startswith(b"250 ")
        client.ask(b"DATA")
        assert client.ask(MESSAGE + b".").startswith(b"250 2.0.0 Ok: stored as ")
        assert client.reply().startswith(b"250 2.0.0 Ok: stored as ")
        client.send(b"QUIT\r\n")
        client.rest()
    for account in accounts:
        (stored,) = inbox_of(daemon, account)
        assert (b"from client.example (local)" in stored) == unix
        assert b"with LMTP id " in stored


# Whoever else comes


def test_http_is_closed_without_an_answer(daemon: RunningDaemon) -> None:
    with Client(daemon.ports.smtp) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.rest() == b"220 mx.box.test ESMTP tempmaild\r\n"


def test_a_line_without_end_is_given_up(daemon: RunningDaemon) -> None:
    with Client(daemon.ports.smtp) as client:
        client.reply()
        sent = 0
        try:
            for _ in range(10):
                client.send(b"a" * (1 << 20))
                sent += 1
        except OSError:
            assert sent > 0
        else:
            assert client.rest() == b"500 5.5.2 The line is too long\r\n421 4.7.0 Goodbye\r\n"


def test_the_last_word_reaches_who_still_sends(tmp_path: Path) -> None:
    daemon = start_daemon(tmp_path, smtp={"soft_errors": 2, "hard_errors": 3})
    try:
        with Client(daemon.ports.smtp) as client:
            client.send(b"x\r\n" * 20_000)
            said = client.rest()
    finally:
        assert daemon.stop() == 0
    assert said.endswith(b"421 4.7.0 mx.box.test Too many errors; goodbye\r\n")
    assert said.count(b"\r\n500 ") == 3


def test_a_broken_message_gives_its_memory_back(tmp_path: Path) -> None:
    daemon = start_daemon(tmp_path, limits={"memory_bytes": 1 << 20}, smtp={"max_message_bytes": 1 << 20})
    try:
        account = daemon.create()
        with Client(daemon.ports.smtp) as client:
            client.send(envelope(account.address))
            while client.reply()[:3] != b"354":
                pass
            client.send(b"a" * 900_000)
            client.reset()
        with Client(daemon.ports.smtp) as client:
            client.reply()
            client.ask(b"HELO a")
            # The daemon hears of the reset before it hears of this.
            client.send(envelope(account.address, b"NOOP") + b"a" * 60_000 + b"\r\n.\r\n")
            replies = [client.reply() for _ in range(5)]
            assert [reply[:3] for reply in replies] == [b"250", b"250", b"250", b"354", b"250"]
            client.send(envelope(account.address, b"NOOP") + (b"b" * 60_000 + b"\r\n") * 15 + b".\r\n")
            replies = [client.reply() for _ in range(5)]
            assert [reply[:3] for reply in replies] == [b"250", b"250", b"250", b"354", b"250"]
    finally:
        assert daemon.stop() == 0


def test_neither_content_nor_secrets_are_in_the_log(daemon: RunningDaemon) -> None:
    account = daemon.create()
    with Client(daemon.ports.smtp) as client:
        client.send(envelope(account.address) + b"Subject: very-confidential\r\n\r\nvery-confidential\r\n.\r\n")
        client.send(envelope("nobody@box.test") + b"very-confidential\r\nQUIT\r\n")
        assert b"250 2.0.0 Ok: stored as" in client.rest()
    assert len(inbox_of(daemon, account)) == 1
    log = daemon.log.read_text()
    assert "very-confidential" not in log
    assert account.secret not in log
    mine = [line for line in log.splitlines() if " smtp accepted " in line]
    assert mine
    assert all(" session=" in line and " size=" in line for line in mine)


def test_connections_are_counted(tmp_path: Path) -> None:
    daemon = start_daemon(tmp_path, limits={"connections": 2, "connections_per_network": 2})
    try:
        with Client(daemon.ports.smtp) as first, Client(daemon.ports.smtp) as second:
            assert first.reply().startswith(b"220 ")
            assert second.reply().startswith(b"220 ")
            with Client(daemon.ports.smtp) as third:
                assert third.rest() == b"421 4.7.0 Too many connections; please try again later\r\n"
            second.send(b"QUIT\r\n")
            second.rest()
            with Client(daemon.ports.smtp) as fourth:
                assert fourth.reply().startswith(b"220 ")
    finally:
        assert daemon.stop() == 0


def test_the_listeners_socket_belongs_to_user_and_group(daemon: RunningDaemon) -> None:
    assert daemon.lmtp_socket.stat().st_mode & 0o777 == 0o660
