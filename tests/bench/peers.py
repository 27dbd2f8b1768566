"""Postfix and Dovecot from Debian's packages: durable and tuned, with nothing of the system's configuration.

Each runs in the foreground as a child of ours, in a session of its own, so that an interrupt from the terminal
reaches it through us. Their mail belongs to `nobody`. Starting them takes root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from tests.bench.process import Tree, is_running
from tests.bench.servers import ACCOUNTS, Role, Server, free_ports
from tests.daemon import HOST

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN = "perf.test"
_SECRET = "pw"
_START_WITHIN, _STOP_WITHIN, _DRAIN_WITHIN = 30.0, 30.0, 300.0
_PAUSE = 0.02
"""Seconds between two looks at what nobody tells us."""

_POSTFIX_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/etc
data_directory = {folder}/data
queue_directory = {folder}/spool
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = {domain}
mydestination =
mynetworks = {networks}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_recipient_restrictions = {restrictions}
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
default_process_limit = 100
message_size_limit = 50000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_transport = virtual
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_minimum_uid = 100
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_destination_concurrency_limit = 20
"""
_POSTFIX_MASTER = """\
# service     type private unpriv chroot wakeup processes command
{host}:{port} inet n       -      n      -      100       smtpd
cleanup       unix n       -      n      -      0         cleanup
qmgr          unix n       -      n      300    1         qmgr
rewrite       unix -       -      n      -      -         trivial-rewrite
bounce        unix -       -      n      -      0         bounce
defer         unix -       -      n      -      0         bounce
trace         unix -       -      n      -      0         bounce
verify        unix -       -      n      -      1         verify
flush         unix n       -      n      1000?  0         flush
proxymap      unix -       -      n      -      -         proxymap
showq         unix n       -      n      -      -         showq
error         unix -       -      n      -      -         error
retry         unix -       -      n      -      -         error
virtual       unix -       n      n      -      -         virtual
anvil         unix -       -      n      -      1         anvil
postlog       unix-dgram n -      n      -      1         postlogd
"""
_DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap pop3 lmtp
listen = {host}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Ln
login_trusted_networks = 127.0.0.0/8
mail_max_userip_connections = 100000
first_valid_uid = 100
mail_location = maildir:~/Maildir
default_process_limit = 5000
default_client_limit = 20000
default_vsz_limit = 512M
passdb {{
  driver = static
  args = password={secret}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%n allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 2
  client_limit = 10000
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 2
  client_limit = 10000
}}
service imap {{
  process_limit = 5000
  service_count = 1000
  process_min_avail = 4
}}
service pop3 {{
  process_limit = 5000
  service_count = 1000
  process_min_avail = 4
}}
service lmtp {{
  inet_listener lmtp {{
    address = {host}
    port = {lmtp}
  }}
  process_min_avail = 4
  service_count = 0
}}
service anvil {{
  client_limit = 30000
}}
service auth {{
  client_limit = 30000
}}
protocol lmtp {{
  postmaster_address = postmaster@{domain}
}}
"""


class CannotStart(Exception):
    """A peer is not installed, or does not get there."""


class Peer(Server):
    """A server that is another's program, with accounts that share one secret.

    Attributes:
        resolver: the resolv.conf that it is to see in the place of the system's; None for the system's.
    """

    program: str
    resolver: Path | None = None

    def __init__(self, folder: Path, *protocols: str) -> None:
        super().__init__(folder)
        if os.geteuid():
            raise CannotStart(f"{self.program} starts as root only")
        if shutil.which(self.program) is None:
            raise CannotStart(f"{self.program} is not installed (as root: tests/packages.sh bench)")
        self.ports = free_ports(*protocols)
        self._process: subprocess.Popen[bytes] | None = None
        self._beside: list[subprocess.Popen[bytes]] = []
        for role in Role:
            addresses = [f"{role.value}{number}@{DOMAIN}" for number in range(ACCOUNTS)]
            self.write_accounts(role, [(address, _SECRET) for address in addresses])

    def start(self) -> None:
        self._beside = [self._started(command) for command in self._helpers()]
        self._process = self._started(self._command())
        for port in self.ports.values():
            self._await(port)

    def stop(self) -> None:
        if self._process is None:
            return
        members = self.tree.members()
        self._ask_to_stop(self._process)
        for process in self._beside:
            process.terminate()
        for process in (self._process, *self._beside):
            process.wait(_STOP_WITHIN)
        self._process = None
        deadline = time.monotonic() + _STOP_WITHIN
        while any(map(is_running, members)):
            assert time.monotonic() < deadline, f"{self.program} leaves processes behind"
            time.sleep(_PAUSE)

    @property
    def tree(self) -> Tree:
        assert self._process, f"{self.program} does not run"
        return Tree(self._process.pid, *(process.pid for process in self._beside))

    @abstractmethod
    def _command(self) -> list[str]:
        """Give the command that runs it in the foreground."""

    def _helpers(self) -> list[list[str]]:
        """Give the commands that run, in the foreground, what it does not start itself."""
        return []

    def _started(self, command: list[str]) -> subprocess.Popen[bytes]:
        if self.resolver:
            # In a mount namespace of its own; `mount` keeps what is seen there from all others.
            script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", script, str(self.resolver), *command]
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()

    def _await(self, port: int) -> None:
        assert self._process
        deadline = time.monotonic() + _START_WITHIN
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection((HOST, port)).close()
            except ConnectionRefusedError:
                time.sleep(_PAUSE)
            else:
                return
        said = (self.folder / "output").read_text(errors="replace")
        raise CannotStart(f"{self.program} does not come up: {said[-2000:]}")


class Postfix(Peer):
    """Postfix, which takes mail by SMTP and delivers it into maildirs.

    Attributes:
        networks: whose clients are its own.
        restrictions: of recipients.
    """

    program = "postfix"
    networks = "127.0.0.0/8"
    restrictions = "permit_mynetworks, reject"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "smtp")
        nobody = pwd.getpwnam("nobody")
        self._config = folder / "etc"
        self._spool = folder / "spool"
        for name in ("etc", "spool", "data", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        shutil.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
        (self._config / "main.cf").write_text(self._main())
        (self._config / "master.cf").write_text(self._master())
        names = [f"{role.value}{number}" for role in Role for number in range(ACCOUNTS)]
        lines = [f"{name}@{DOMAIN} {name}/Maildir/\n" for name in names]
        (self._config / "mailboxes").write_text("".join(lines))

    def drain(self) -> None:
        """Wait until all mail of the queue is delivered."""
        deadline = time.monotonic() + _DRAIN_WITHIN
        while self._has_queued():
            assert time.monotonic() < deadline, "Postfix does not deliver its queue"
            time.sleep(_PAUSE)

    def _main(self) -> str:
        nobody = pwd.getpwnam("nobody")
        owner = {"uid": nobody.pw_uid, "gid": nobody.pw_gid}
        allowed = {"networks": self.networks, "restrictions": self.restrictions}
        return _POSTFIX_MAIN.format(folder=self.folder, domain=DOMAIN, **owner, **allowed)

    def _master(self) -> str:
        return _POSTFIX_MASTER.format(host=HOST, port=self.ports["smtp"])

    def _has_queued(self) -> bool:
        queues = (self._spool / name for name in ("incoming", "active", "deferred"))
        return any(path.is_file() for queue in queues for path in queue.rglob("*"))

    def _command(self) -> list[str]:
        return ["postfix", "-c", str(self._config), "start-fg"]

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 - it is but a script
        command = ["postfix", "-c", str(self._config), "stop"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Dovecot(Peer):
    """Dovecot, which takes mail by LMTP and gives it out by IMAP and POP3."""

    program = "dovecot"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "lmtp", "imap", "pop3")
        nobody = pwd.getpwnam("nobody")
        self._config = folder / "dovecot.conf"
        for name in ("run", "state", "home"):
            (folder / name).mkdir()
        shutil.chown(folder / "home", nobody.pw_uid, nobody.pw_gid)
        values = {"folder": folder, "host": HOST, "domain": DOMAIN, "secret": _SECRET, **self.ports}
        self._config.write_text(_DOVECOT.format(uid=nobody.pw_uid, gid=nobody.pw_gid, **values))

    def _command(self) -> list[str]:
        return ["dovecot", "-F", "-c", str(self._config)]
