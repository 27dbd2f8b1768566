"""Servers with every check on: tempmaild, Postfix with what Debian has for it, and Haraka from npm."""

from __future__ import annotations

import imaplib
import os
import shutil
from abc import abstractmethod
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Final

from tests.bench.peers import DOMAIN, CannotStart, Peer, Postfix
from tests.bench.servers import Role, Server, Tempmaild
from tests.daemon import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.bench.surroundings import Clamd, Surroundings

_FETCHED: Final = "(UID BODY.PEEK[HEADER.FIELDS (AUTHENTICATION-RESULTS)])"

_POLICYD_SPF: Final = """\
debugLevel = 1
HELO_reject = False
Mail_From_reject = False
PermError_reject = False
TempError_Defer = False
Header_Type = AR
Authserv_Id = {domain}
skip_addresses = 192.0.2.0/24
"""
"""It adds what it finds, in the form that all others have, and leaves loopback no exception."""
_OPENDKIM: Final = """\
Mode v
Socket local:{socket}
UMask 000
InternalHosts {folder}/nobody
ExternalIgnoreList {folder}/nobody
Nameservers {dns}
AuthservID {domain}
AlwaysAddARHeader yes
Background no
Syslog no
"""
_CLAMAV_MILTER: Final = """\
Foreground yes
MilterSocket unix:{socket}
MilterSocketMode 666
ClamdSocket unix:{clamd}
OnInfected Reject
OnFail Defer
MaxFileSize 50M
LogFile {folder}/clamav-milter.log
"""
_POSTFIX_MAIN: Final = """\
smtpd_milters = unix:{folder}/opendkim unix:{folder}/clamav-milter
milter_default_action = tempfail
policyd-spf_time_limit = 3600
"""
_POSTFIX_MASTER: Final = """\
policyd-spf   unix -       n      n      -      0         spawn user=nobody argv={program} {folder}/policyd-spf.conf
"""

_HARAKA_FILES: Final = {
    "me": "{domain}\n",
    "host_list": "{domain}\n",
    "loglevel": "ERROR\n",
    "databytes": "50000000\n",
    "smtp.ini": "listen={host}:{port}\nnodes={processes}\n",
    "plugins": "public_peer\nspf\nrcpt_to.in_host_list\ndkim\nclamd\nto_disk\n",
    "dkim.ini": "[verify]\nenabled=true\n",
    "clamd.ini": (
        "clamd_socket={clamd}\nonly_with_attachments=false\n[check]\nprivate_ip=true\nlocal_ip=true\n"
        "authenticated=true\nrelay=true\n"
    ),
}
_PUBLIC_PEER: Final = """\
'use strict'
// A client on loopback is checked as one from anywhere: without this, spf leaves it out.
exports.hook_connect = function (next, connection) {
  connection.set('remote.is_private', false)
  connection.set('remote.is_local', false)
  next()
}
"""
_TO_DISK: Final = """\
'use strict'
// Writes each message to a file, flushed to disk, before the 250.
const fs = require('fs'), path = require('path')
const folder = path.join(__dirname, '..', 'mail')
let count = 0
exports.hook_queue = function (next, connection) {
  const name = `${process.pid}.${count++}`, written = path.join(folder, `tmp.${name}`)
  const out = fs.createWriteStream(written, { flush: true })
  out.on('error', () => next(DENYSOFT))
  out.on('close', () => fs.rename(written, path.join(folder, `${name}.eml`), (e) => (e ? next(DENYSOFT) : next(OK))))
  connection.transaction.message_stream.pipe(out)
}
"""


class Checked(Server):
    """A server with every check on.

    Attributes:
        clamd: what scans for it.
        passing: what Authentication-Results has to say of a message.
    """

    clamd: Clamd
    passing: tuple[str, ...] = ("spf=pass", "dkim=pass")

    @abstractmethod
    def new_results(self) -> Iterator[str]:
        """Give what Authentication-Results says of messages that are stored since the last call, one for each."""


class CheckedTempmaild(Tempmaild, Checked):
    """tempmaild with every check on that needs no service of others but clamd and DNS."""

    passing = ("spf=pass", "dkim=pass", "dmarc=pass", "x-clamav=pass")

    def __init__(self, folder: Path, surroundings: Surroundings) -> None:
        self.clamd = surroundings.clamd
        self._seen: dict[str, int] = {}
        # The client is none of ours, so that its address is checked.
        checks = {"enabled": True, "relays": []}
        clamav = {"address": f"unix:{self.clamd.socket}"}
        super().__init__(folder, {"checks": checks, "dns": {"servers": [surroundings.dns]}, "clamav": clamav})

    def new_results(self) -> Iterator[str]:
        for line in self.accounts(Role.TAKER).read_text().splitlines():
            address, secret = line.split()
            with imaplib.IMAP4(HOST, self.ports["imap"]) as client:
                client.login(address, secret)
                client.select("INBOX", readonly=True)
                first = self._seen.get(address, 0) + 1
                _, found = client.uid("FETCH", f"{first}:*", _FETCHED)
            for item in found:
                if not isinstance(item, tuple):
                    continue
                # The newest is given whatever the range says.
                uid = int(item[0].split(b"UID ")[1].split()[0])
                if uid >= first:
                    self._seen[address] = max(uid, self._seen.get(address, 0))
                    yield _results(item[1])


class CheckedPostfix(Postfix, Checked):
    """Postfix with opendkim, policyd-spf and clamav-milter, over Unix sockets."""

    networks = "192.0.2.0/24"
    restrictions = "reject_unauth_destination, check_policy_service unix:private/policyd-spf"

    def __init__(self, folder: Path, surroundings: Surroundings) -> None:
        for program in ("opendkim", "clamav-milter", "policyd-spf"):
            if shutil.which(program) is None:
                raise CannotStart(f"{program} is not installed (as root: tests/packages.sh bench)")
        self.clamd = surroundings.clamd
        self.resolver = surroundings.resolver
        super().__init__(folder)
        values = {"folder": folder, "domain": DOMAIN, "dns": surroundings.dns, "clamd": self.clamd.socket}
        (folder / "nobody").write_text("192.0.2.1\n")
        (folder / "policyd-spf.conf").write_text(_POLICYD_SPF.format(**values))
        (folder / "opendkim.conf").write_text(_OPENDKIM.format(socket=folder / "opendkim", **values))
        milter = _CLAMAV_MILTER.format(socket=folder / "clamav-milter", **values)
        (folder / "clamav-milter.conf").write_text(milter)

    def new_results(self) -> Iterator[str]:
        return _taken_away((self.folder / "mail").glob("*/Maildir/new/*"))

    def _main(self) -> str:
        return super()._main() + _POSTFIX_MAIN.format(folder=self.folder)

    def _master(self) -> str:
        return super()._master() + _POSTFIX_MASTER.format(folder=self.folder, program=shutil.which("policyd-spf"))

    def _helpers(self) -> list[list[str]]:
        opendkim = ["opendkim", "-f", "-x", str(self.folder / "opendkim.conf")]
        return [opendkim, ["clamav-milter", "-c", str(self.folder / "clamav-milter.conf")]]


class Haraka(Peer, Checked):
    """Haraka with its plug-ins spf, dkim and clamd, and one that writes to the disk.

    Args:
        installed: the folder in which npm has installed it.
    """

    program = "node"

    def __init__(self, folder: Path, surroundings: Surroundings, installed: Path) -> None:
        self.clamd = surroundings.clamd
        self.resolver = surroundings.resolver
        package = installed.absolute() / "node_modules" / "Haraka"
        self._script = package / "bin" / "haraka"
        if not self._script.is_file():
            raise CannotStart(f"there is no Haraka in {installed}")
        super().__init__(folder, "smtp")
        for name in ("config", "plugins", "mail"):
            (folder / name).mkdir()
        # What it does not start without, as it is; `haraka --install` copies it, too.
        shutil.copy(package / "config" / "connection.ini", folder / "config")
        values = {
            "domain": DOMAIN,
            "host": HOST,
            "port": self.ports["smtp"],
            "processes": os.cpu_count(),
            "clamd": self.clamd.socket,
        }
        for name, text in _HARAKA_FILES.items():
            (folder / "config" / name).write_text(text.format(**values))
        (folder / "plugins" / "public_peer.js").write_text(_PUBLIC_PEER)
        (folder / "plugins" / "to_disk.js").write_text(_TO_DISK)

    def new_results(self) -> Iterator[str]:
        return _taken_away((self.folder / "mail").glob("*.eml"))

    def _command(self) -> list[str]:
        return ["node", str(self._script), "-c", str(self.folder)]


def _taken_away(paths: Iterable[Path]) -> Iterator[str]:
    for path in list(paths):
        yield _results(path.read_bytes())
        path.unlink()


def _results(header: bytes) -> str:
    """Give all that Authentication-Results of a message says, on one line."""
    found = BytesHeaderParser().parsebytes(header).get_all("Authentication-Results", [])
    return " ".join(" ".join(found).split())
