"""The unit files in systemd/: what systemd says of them, and the daemon under their options."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from imaplib import IMAP4
from pathlib import Path
from smtplib import LMTP, SMTP
from typing import TYPE_CHECKING

import pytest

from tempmaild import daemon as daemon_module
from tempmaild.settings import Settings
from tests.daemon import HOST, start_daemon
from tests.dns_server import DnsServer
from tests.needs import missing, needs
from tests.support import MESSAGE
from tests.unit_sandbox import allowed_calls
from tests.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon import RunningDaemon

PROJECT = Path(__file__).parents[1]
UNITS = PROJECT / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
SOCKETS = sorted(UNITS.glob("*.socket"))
MOST_EXPOSURE = 1.6
"""What issue 6 allows; `systemd-analyze security` gives 0 to 10."""


def analyze(*arguments: str) -> str:
    done = subprocess.run(
        [needs("systemd-analyze"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    root = tmp_path / "root"
    installed = root / "etc/systemd/system"
    shutil.copytree(UNITS, installed)
    # What ExecStart= names has to be there, and so do the units of systemd that ours refer to.
    for unit in SERVICES:
        program = root / Unit.read(unit).value("ExecStart").split()[0].lstrip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (root / "bin").mkdir()
    shutil.copy("/bin/sh", root / "bin/sh")
    shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True)
    names = [path.name for pattern in ("*.service", "*.socket", "*.timer") for path in UNITS.glob(pattern)]
    assert analyze("verify", "--man=no", f"--root={root}", *names) == ""


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_hardly_exposed(unit: Path) -> None:
    told = analyze("security", "--offline=true", "--no-pager", str(unit))
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert score, told
    assert float(score[1]) <= MOST_EXPOSURE


class TestSockets:
    def test_have_names_that_the_daemon_knows(self) -> None:
        names = {Unit.read(path).value("FileDescriptorName"): path for path in SOCKETS}
        assert set(names) == set(daemon_module._addresses(Settings()))
        for name, path in names.items():
            assert path.name == f"tempmaild-{name}.socket"
            assert Unit.read(path).value("Service") == "tempmaild.service"

    def test_are_at_the_ports_of_their_protocols(self) -> None:
        streams = {path.stem.removeprefix("tempmaild-"): Unit.read(path).value("ListenStream") for path in SOCKETS}
        assert streams == {
            "smtp": "25",
            "smtps": "465",
            "lmtp": "/run/tempmaild/lmtp.sock",
            "imap": "143",
            "imaps": "993",
            "pop3": "110",
            "pop3s": "995",
        }

    def test_wait_as_many_as_the_daemon_would_let_wait(self) -> None:
        assert {Unit.read(path).value("Backlog") for path in SOCKETS} == {"1024"}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_services_share_user_and_folder(unit: Path) -> None:
    read = Unit.read(unit)
    assert (read.value("User"), read.value("Group"), read.value("StateDirectory")) == ("tempmaild",) * 3
    assert read.value("DynamicUser") == ""


def test_what_stops_the_daemon_waits_for_the_mail_under_way() -> None:
    unit = Unit.read(UNITS / "tempmaild.service")
    assert int(unit.value("TimeoutStopSec")) >= Settings().shutdown.grace_seconds + 10


def test_user_and_folders_are_understood(tmp_path: Path) -> None:
    for program, name in (("systemd-sysusers", "tempmaild.sysusers"), ("systemd-tmpfiles", "tempmaild.tmpfiles")):
        path = needs(program)
        words = ["--create"] if program == "systemd-tmpfiles" else []
        (tmp_path / "etc").mkdir(exist_ok=True)
        done = subprocess.run(
            [path, f"--root={tmp_path}", *words, str(UNITS / name)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    assert "tempmaild:" in (tmp_path / "etc/passwd").read_text()
    assert (tmp_path / "var/backups/tempmaild").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var/lib/tempmaild").stat().st_mode & 0o777 == 0o750


# The daemon in the sandbox


class Sandboxed:
    """The daemon under the options of tempmaild.service, on sockets as the .socket files describe them."""

    def __init__(self, prepared: RunningDaemon, folder: Path) -> None:
        self.prepared = prepared
        self._stack = ExitStack()
        self.sockets = {Unit.read(path).value("FileDescriptorName"): self._open(path, folder) for path in SOCKETS}
        credentials = folder / "credentials.d"
        credentials.mkdir()
        for name, file in (("tls.certificate", "certificate.pem"), ("tls.key", "key.pem")):
            shutil.copy(prepared.state / file, credentials / name)
        self.log = folder / "sandboxed.log"
        notified = self._stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notified.bind(str(folder / "notify"))
        notified.settimeout(60)
        self.notified = notified
        environ = {
            "PATH": os.environ["PATH"],
            "LISTEN_FDS": str(len(self.sockets)),
            "LISTEN_FDNAMES": ":".join(self.sockets),
            "NOTIFY_SOCKET": str(folder / "notify"),
            "CREDENTIALS_DIRECTORY": str(credentials),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "tests.unit_sandbox", str(UNITS / "tempmaild.service"), str(prepared.state)]
        command += [sys.executable, "-m", "tempmaild", "--config", str(prepared.config), "run"]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _AS_SYSTEMD,
                ",".join(str(one.fileno()) for one in self.sockets.values()),
                *command,
            ],
            cwd=PROJECT,
            env=environ,
            pass_fds=[one.fileno() for one in self.sockets.values()],
            stdout=self._stack.enter_context(self.log.open("wb")),
            stderr=subprocess.STDOUT,
        )
        self._stack.callback(self._end)

    def until(self, notice: bytes) -> None:
        try:
            while notice not in self.notified.recv(4096):
                pass
        except TimeoutError:
            raise AssertionError(self.log.read_text()) from None

    def port(self, name: str) -> int:
        port: int = self.sockets[name].getsockname()[1]
        return port

    def close(self) -> None:
        self._stack.close()

    def _open(self, path: Path, folder: Path) -> socket.socket:
        """Open what a .socket file says: on a free port of loopback, or in a folder of the test."""
        unit = Unit.read(path)
        stream = unit.value("ListenStream")
        if stream.startswith("/"):
            opened = self._stack.enter_context(socket.socket(socket.AF_UNIX))
            opened.bind(str(folder / Path(stream).name))
        else:
            opened = self._stack.enter_context(socket.socket())
            opened.bind((HOST, 0))
        opened.listen(int(unit.value("Backlog")))
        return opened

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()


_AS_SYSTEMD = """\
import os, sys
descriptors = list(map(int, sys.argv[1].split(",")))
for number, descriptor in enumerate(descriptors):
    os.dup2(descriptor, 100 + number)
for number in range(len(descriptors)):
    os.dup2(100 + number, 3 + number)
os.closerange(3 + len(descriptors), 200)
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def sandboxed(tmp_path: Path) -> Iterator[Sandboxed]:
    if os.geteuid() != 0:
        missing("the sandbox needs root")
    needs("systemd-analyze")
    with DnsServer() as dns:
        dns.zones = {"example.org": {"TXT": ["v=spf1 -all"]}}
        checks = {"enabled": True, "processes": 1, "relays": []}
        prepared = start_daemon(tmp_path, checks=checks, dns={"servers": [str(dns.address)]}, log={"level": "debug"})
        assert prepared.stop() == 0
        running = Sandboxed(prepared, tmp_path)
        try:
            yield running
        finally:
            running.close()


def test_the_daemon_takes_and_gives_mail_in_its_sandbox(sandboxed: Sandboxed, tmp_path: Path) -> None:
    account = sandboxed.prepared.create()
    sandboxed.until(b"READY=1")
    state = Path(f"/proc/{sandboxed.process.pid}/status").read_text()
    # It is really in there.
    assert re.search(r"^CapBnd:\s0+$", state, re.MULTILINE)
    assert re.search(r"^Seccomp:\s2$", state, re.MULTILINE)
    with SMTP(HOST, sandboxed.port("smtp")) as client:
        client.starttls()
        assert client.sendmail("a@example.org", account.address, MESSAGE) == {}
    with LMTP(str(tmp_path / "lmtp.sock")) as client:
        assert client.sendmail("a@example.org", account.address, MESSAGE) == {}
    with IMAP4(HOST, sandboxed.port("imap")) as reader:
        reader.starttls(sandboxed.prepared.tls_context())
        reader.login(account.address, account.secret)
        assert reader.select() == ("OK", [b"2"])
        # SMTP asked DNS in a process of its own.
        header = reader.fetch("1", "(BODY[HEADER])")[1][0]
        assert isinstance(header, tuple)
        assert b"spf=fail" in header[1]
        sandboxed.process.send_signal(signal.SIGHUP)
        sandboxed.until(b"READY=1")
        reader.noop()
    sandboxed.process.send_signal(signal.SIGTERM)
    assert sandboxed.process.wait(60) == 0, sandboxed.log.read_text()
    # The sockets are systemd's, and go on taking clients, who wait for the next daemon.
    for opened in sandboxed.sockets.values():
        with socket.socket(opened.family) as waiting:
            waiting.connect(opened.getsockname())
    log = sandboxed.log.read_text()
    assert "reloaded" in log
    assert not re.search(r" (error|warning) (?!daemon (mail-is-not-scanned|nobody-reads-postmaster))", log), log


def test_the_backup_runs_in_its_sandbox(sandboxed: Sandboxed) -> None:
    sandboxed.until(b"READY=1")
    folder = sandboxed.prepared.state / "backups"
    command = [sys.executable, "-m", "tests.unit_sandbox", str(UNITS / "tempmaild-backup.service")]
    command += [str(sandboxed.prepared.state), sys.executable, "-m", "tempmaild"]
    command += ["--config", str(sandboxed.prepared.config), "backup", "--folder", str(folder), "--keep", "7d"]
    subprocess.run(command, cwd=PROJECT, check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert len(list(folder.iterdir())) == 1


def test_the_filter_lets_no_dangerous_call_through() -> None:
    needs("systemd-analyze")
    calls = allowed_calls(Unit.read(UNITS / "tempmaild.service"))
    assert {"read", "epoll_wait", "fdatasync", "prlimit64", "clone"} <= calls
    assert calls.isdisjoint({"mount", "ptrace", "bpf", "init_module", "chroot", "setuid", "reboot", "settimeofday"})
