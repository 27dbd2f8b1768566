"""The daemon as a process: signals, systemd, the PROXY protocol, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tempmaild import trial
from tests.daemon import HOST, start_daemon
from tests.net.client import Client, envelope, inbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon import RunningDaemon

PROJECT = Path(__file__).parents[2]
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


@contextmanager
def running(daemon: RunningDaemon) -> Iterator[RunningDaemon]:
    try:
        yield daemon
    finally:
        daemon.close()


def begin_message(daemon: RunningDaemon, address: str) -> Client:
    client = Client(daemon.ports.smtp)
    client.send(envelope(address))
    while client.reply()[:3] != b"354":
        pass
    client.send(b"Subject: under way\r\n")
    return client


# The end


def test_a_message_under_way_is_finished_and_all_others_are_sent_away(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path)) as daemon, ThreadPoolExecutor(1) as pool:
        account = daemon.create()
        with Client(daemon.ports.smtp) as idle, begin_message(daemon, account.address) as busy:
            idle.reply()
            idle.ask(b"HELO a")
            stopping = pool.submit(daemon.stop)
            assert idle.rest() == b"421 4.3.2 mx.box.test The service is shutting down\r\n"
            with pytest.raises(ConnectionRefusedError):
                Client(daemon.ports.smtp)
            busy.send(b"\r\nfinished\r\n.\r\nMAIL FROM:<>\r\n")
            said = busy.rest()
            assert said.startswith(b"250 2.0.0 Ok: stored as ")
            assert said.endswith(b"\r\n421 4.3.2 mx.box.test The service is shutting down\r\n")
        assert stopping.result() == 0
        daemon.start()
        (stored,) = inbox_of(daemon, account)
        assert stored.endswith(b"finished\r\n")
        assert daemon.stop() == 0
        assert not daemon.lmtp_socket.exists()


def test_who_takes_too_long_is_cut_off(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path, shutdown={"grace_seconds": 1})) as daemon:
        account = daemon.create()
        with begin_message(daemon, account.address) as busy:
            assert daemon.stop() == 0
            with pytest.raises(OSError, match="reset"):
                busy.rest()
        daemon.start()
        assert inbox_of(daemon, account) == []


def test_after_a_crash_it_starts_again(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path)) as daemon:
        account = daemon.create()
        with Client(daemon.lmtp_socket) as client:
            client.send(envelope(account.address, b"LHLO a") + MESSAGE + b".\r\nQUIT\r\n")
            assert b"250 2.0.0 Ok: stored as" in client.rest()
        daemon.kill()
        assert daemon.lmtp_socket.exists()
        daemon.start()
        assert len(inbox_of(daemon, account)) == 1
        with Client(daemon.lmtp_socket) as client:
            assert client.reply().startswith(b"220 ")


# SIGHUP


def test_settings_are_read_again(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path)) as daemon, Client(daemon.ports.smtp) as before:
        settings = daemon.config.read_text()
        before.reply()

        daemon.config.write_text(settings.replace("[smtp]", "[smtp]\nmax_message_bytes = 99999"))
        daemon.reload()
        assert b"250-SIZE 26214400\r\n" in before.ask(b"EHLO a")
        with Client(daemon.ports.smtp) as after:
            after.reply()
            assert b"250-SIZE 99999\r\n" in after.ask(b"EHLO a")

        daemon.config.write_text(settings.replace("[smtp]", "[smtp]\nmax_message_bytes = -1\nnonsense = 1"))
        daemon.reload()
        with Client(daemon.ports.smtp) as after:
            after.reply()
            assert b"250-SIZE 99999\r\n" in after.ask(b"EHLO a")
        assert "reload-refused" in daemon.log.read_text()
        assert daemon.stop() == 0


def test_what_needs_a_restart_stays_and_is_named(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path)) as daemon:
        settings = daemon.config.read_text()
        changed = settings.replace("mx.box.test", "mail.box.test").replace("[checks]", "[checks]\nprocesses = 3")
        daemon.config.write_text(changed + "\n[mailbox]\nclock_tolerance_seconds = 3600\n[admin]\nthreads = 2\n")
        for _ in range(2):
            daemon.reload()
        with Client(daemon.ports.smtp) as client:
            assert client.reply().startswith(b"220 mx.box.test ")
        told = daemon.log.read_text()
        names = "host.name, mailbox.clock_tolerance_seconds, checks.processes"
        assert told.count(f'restart-needed of=tempmaild options="{names}"') == 2
        # The console may have been started anew between the two.
        assert told.count("restart-needed of=tempmaild-admin") == 1
        daemon.config.write_text(settings.replace("[host]", "[host]\n# Nothing else."))
        daemon.reload()
        assert "restart-needed of=tempmaild " not in daemon.log.read_text()[len(told) :]
        assert daemon.stop() == 0


def test_the_operators_mailbox_is_another_at_once(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path)) as daemon:
        account = daemon.create()
        daemon.config.write_text(daemon.config.read_text() + f'\n[mailbox]\noperator = "{account.address}"\n')
        daemon.reload()
        daemon.config.write_text(daemon.config.read_text().replace(account.address, "no..body@box.test"))
        daemon.reload()
        assert "reload-refused" in daemon.log.read_text()
        with Client(daemon.ports.smtp) as client:
            client.reply()
            client.ask(b"EHLO a")
            client.ask(b"MAIL FROM:<>")
            assert client.ask(b"RCPT TO:<abuse@box.test>").startswith(b"250 ")
        assert daemon.stop() == 0


def served(daemon: RunningDaemon) -> bytes | None:
    """The certificate that a client is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((HOST, daemon.ports.smtps), 60) as plain, context.wrap_socket(plain) as tls:
        return tls.getpeercert(binary_form=True)


def test_certificates_are_read_again(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path)) as daemon:
        first = served(daemon)
        key = daemon.state / "key.pem"
        trial.make_certificate(daemon.certificate, key, datetime.now(UTC) - timedelta(days=1))
        assert served(daemon) == first
        daemon.reload()
        second = served(daemon)
        assert second != first
        key.write_text("no key")
        daemon.reload()
        assert served(daemon) == second
        assert "reload-refused" in daemon.log.read_text()
        assert daemon.stop() == 0
        assert "Warning" not in daemon.log.read_text()


def test_no_certificate_is_no_certificate_for_what_is_listened_on(tmp_path: Path) -> None:
    with running(start_daemon(tmp_path)) as daemon:
        lines = daemon.config.read_text().splitlines()
        gone = ("listen_tls", "certificate", "key")
        daemon.config.write_text("\n".join(line for line in lines if not line.startswith(gone)))
        daemon.reload()
        assert 'reload-refused problem="smtps needs a certificate"' in daemon.log.read_text()
        assert served(daemon)
        assert daemon.stop() == 0


# systemd


LAUNCHER = """\
import os, sys
for number, descriptor in enumerate(map(int, sys.argv[1].split(","))):
    os.dup2(descriptor, 50 + number)
for number in range(len(sys.argv[1].split(","))):
    os.dup2(50 + number, 3 + number)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "tempmaild", "--config", sys.argv[2], "run"])
"""


def test_sockets_notices_and_signs_of_life_as_systemd_wants_them(tmp_path: Path) -> None:
    prepared = start_daemon(tmp_path)
    account = prepared.create()
    assert prepared.stop() == 0
    unix_path, notify_path = tmp_path / "handed.sock", tmp_path / "notify.sock"
    with (
        socket.create_server((HOST, 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
    ):
        unix.bind(str(unix_path))
        unix_path.chmod(0o600)
        unix.listen()
        notified.bind(str(notify_path))
        notified.settimeout(60)
        descriptors = [tcp.fileno(), unix.fileno()]
        environ = os.environ | {
            "LISTEN_FDS": "2",
            "LISTEN_FDNAMES": "smtp:lmtp",
            "NOTIFY_SOCKET": str(notify_path),
            "WATCHDOG_USEC": "200000",
        }
        with (tmp_path / "second.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, ",".join(map(str, descriptors)), str(prepared.config)],
                cwd=PROJECT,
                env=environ,
                pass_fds=descriptors,
                stdout=log,
                stderr=log,
            )
        try:
            notices = until(notified, b"READY=1")
            for _ in range(3):
                notices += until(notified, b"WATCHDOG=1")
            with Client(tcp.getsockname()[1]) as client:
                client.send(envelope(account.address) + MESSAGE + b".\r\nQUIT\r\n")
                assert b"250 2.0.0 Ok: stored as" in client.rest()
            with Client(unix_path) as client:
                client.send(envelope(account.address, b"LHLO a") + MESSAGE + b".\r\nQUIT\r\n")
                assert b"250 2.0.0 Ok: stored as" in client.rest()
            # Only what was handed over is listened to.
            with pytest.raises(ConnectionRefusedError):
                Client(prepared.ports.smtp)
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            process.send_signal(signal.SIGHUP)
            assert b"RELOADING=1\nMONOTONIC_USEC=" in until(notified, b"RELOADING=1")
            until(notified, b"READY=1")
            process.send_signal(signal.SIGTERM)
            until(notified, b"STOPPING=1")
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
        # The socket is systemd's: it stays, as it was.
        assert unix_path.stat().st_mode & 0o777 == 0o600


def until(notified: socket.socket, notice: bytes) -> bytes:
    """Wait for a notice; all that came up to it."""
    received = b""
    while notice not in received:
        received += notified.recv(4096) + b"\n"
    return received


# Behind a proxy


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with running(start_daemon(tmp_path_factory.mktemp("proxied"), proxy={"trusted": [f"{HOST}/32"]})) as daemon:
        yield daemon
        assert daemon.stop() == 0


HEADER = b"PROXY TCP4 198.51.100.7 192.0.2.9 4000 25\r\n"


def test_the_client_behind_a_proxy_is_in_the_trace(proxied: RunningDaemon) -> None:
    account = proxied.create()
    with Client(proxied.ports.smtp) as client:
        client.send(HEADER + envelope(account.address) + MESSAGE + b".\r\nQUIT\r\n")
        assert b"250 2.0.0 Ok: stored as" in client.rest()
    with Client(proxied.ports.smtp) as client:
        client.send(b"EHLO a\r\n")
        assert client.rest() == b""
    with Client(proxied.lmtp_socket) as client:
        assert client.reply().startswith(b"220 ")
    assert "198.51.100.7" in proxied.log.read_text()


def test_a_proxy_may_send_its_header_together_with_the_client_s_first_octets(proxied: RunningDaemon) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = proxied.tls_context().wrap_bio(incoming, outgoing, server_hostname=HOST)
    with Client(proxied.ports.smtps) as client:
        early = HEADER
        while True:
            try:
                greeting = tls.read()
                break
            except ssl.SSLWantReadError:
                client.send(early + outgoing.read())
                early = b""
                incoming.write(client.socket.recv(65536))
    assert greeting == b"220 mx.box.test ESMTP tempmaild\r\n"
