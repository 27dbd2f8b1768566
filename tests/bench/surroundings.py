"""What servers need to check mail: a DNS server and a clamd, which all of them share, in turn."""

from __future__ import annotations

import random
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bench.corpus import M4K, M40K, SIGNED_4K, SIGNED_40K
from tests.bench.peers import CannotStart
from tests.bench.process import Tree
from tests.bench.sender import Sender
from tests.bench.servers import Server
from tests.clamd import ClamdServer

_DNS: Final = "127.53.{}.{}"
"""An address of loopback that nobody else uses, for its port 53: who reads resolv.conf asks no other port."""
_START_WITHIN: Final = 30.0
_PAUSE: Final = 0.02
_MEMORY: Final = Path("/dev/shm")

_UNBOUND: Final = """\
server:
  interface: {address}
  do-daemonize: no
  chroot: ""
  username: ""
  directory: {folder}
  pidfile: ""
  use-syslog: no
  access-control: 127.0.0.0/8 allow
  local-zone: "." static
  local-data: ". 3600 IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 3600"
  local-zone: "127.in-addr.arpa." static
{records}
remote-control:
  control-enable: no
"""


class Surroundings:
    """A DNS server that knows nothing but the sender, and a clamd that knows nothing but test signatures.

    Args:
        corpus: the folder of the messages; those that are signed are written there.

    Attributes:
        folder: where its files are; there is room for others.
        dns: the address of the DNS server.
        resolver: a resolv.conf that names the DNS server.
    """

    def __init__(self, folder: Path, corpus: Path) -> None:
        for program, package in (("unbound", "unbound"), ("clamd", "clamav-daemon")):
            if shutil.which(program) is None:
                raise CannotStart(f"{package} is not installed (as root: tests/packages.sh bench)")
        folder.mkdir()
        self.folder = folder
        sender = Sender()
        for plain, signed in ((M4K, SIGNED_4K), (M40K, SIGNED_40K)):
            (corpus / signed).write_bytes(sender.signed((corpus / plain).read_bytes()))
        chance = random.SystemRandom()
        self.dns = _DNS.format(chance.randrange(256), chance.randrange(1, 255))
        self.resolver = folder / "resolv.conf"
        self.resolver.write_text(f"nameserver {self.dns}\n")
        self._config = folder / "unbound.conf"
        records = "\n".join(f"  local-data: '{record}'" for record in sender.records())
        self._config.write_text(_UNBOUND.format(address=self.dns, folder=folder, records=records))
        self._unbound: subprocess.Popen[bytes] | None = None
        self.clamd = Clamd(folder / "clamd")

    def start(self) -> None:
        """Start both."""
        with self._config.with_name("unbound.log").open("wb") as output:
            self._unbound = subprocess.Popen(
                ["unbound", "-d", "-c", str(self._config)], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + _START_WITHIN
        while self._unbound.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection((self.dns, 53)).close()
            except ConnectionRefusedError:
                time.sleep(_PAUSE)
            else:
                break
        else:
            said = self._config.with_name("unbound.log").read_text(errors="replace")
            raise CannotStart(f"unbound does not come up: {said[-2000:]}")
        self.clamd.start()

    def stop(self) -> None:
        """Stop both; may be called when they do not run."""
        self.clamd.stop()
        if self._unbound:
            self._unbound.terminate()
            self._unbound.wait()
            self._unbound = None


class Clamd(Server):
    """The clamd that scans for all servers; as a server of its own it tells how much it can scan."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ports = {}
        self._log = folder / "clamd.log"
        self._read = 0
        self._server: ClamdServer | None = None
        # As config/clamd.conf advises: what is scanned is written into memory, not to a disk.
        self._temporary = tempfile.mkdtemp(prefix="tempmaild-bench-", dir=_MEMORY if _MEMORY.is_dir() else folder)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        assert self._server, "clamd does not run"
        return self._server.address.path

    @property
    def tree(self) -> Tree:
        assert self._server, "clamd does not run"
        return Tree(self._server.pid)

    def start(self) -> None:
        logging = {"LogFile": str(self._log), "LogFileMaxSize": "0", "LogClean": "yes"}
        self._server = ClamdServer({**logging, "TemporaryDirectory": self._temporary})

    def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        shutil.rmtree(self._temporary, ignore_errors=True)

    def new_scans(self) -> int:
        """Count what it has scanned, and found clean, since the last call."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            lines = log.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        self._read += len(lines)
        return lines.count(b": OK\n")

    def connect(self) -> ScanConnection:
        """Open a connection that is kept for many scans."""
        return ScanConnection(self.socket)


class ScanConnection:
    """A connection to clamd, for one scan after the other."""

    def __init__(self, address: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(address))
        self.socket.sendall(b"zIDSESSION\0")

    def scan(self, message: bytes) -> None:
        """Have a message scanned."""
        self.socket.sendall(b"zINSTREAM\0" + struct.pack("!I", len(message)) + message + bytes(4))

    def take(self) -> None:
        """Take the reply, which has come.

        Raises:
            AssertionError: it does not say that the message is clean.
        """
        reply = self.socket.recv(4096)
        assert reply.endswith(b": stream: OK\0"), reply

    def close(self) -> None:
        """Hang up."""
        self.socket.close()
