"""fetchmail, getmail and fdm, which fetch whole mailboxes over POP3 and IMAP alike. getmail has no STARTTLS."""

from __future__ import annotations

import shutil
from email import message_from_bytes
from getpass import getuser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.clients import maildir
from tests.clients.mail import some_messages, stable_messages
from tests.clients.programs import Security, Site

if TYPE_CHECKING:
    from collections.abc import Sequence


def fetchmail_messages() -> list[bytes]:
    """Give messages that fetchmail takes as they are: it puts a line end after each 8 KiB of a line."""
    return [message for name, message in some_messages().items() if name != "long-line"]


def getmail_messages() -> list[bytes]:
    """Give messages that getmail takes as they are: it has no older Return-Path, and see `stable_messages`."""
    return [message for message in stable_messages() if "Return-Path" not in message_from_bytes(message)]


def fetchmail(site: Site, protocol: str, options: str = "keep fetchall") -> list[bytes]:
    """Fetch a mailbox with fetchmail, which hands each message to a program; in the order of the mailbox."""
    deliver = _delivery_script(site)
    tls = {
        Security.PLAIN: "sslproto ''",
        Security.STARTTLS: f"sslproto tls1.2+ sslcertck sslcertfile {site.certificate}",
        Security.TLS: f"ssl sslproto tls1.2+ sslcertck sslcertfile {site.certificate}",
    }
    config = site.write(
        "fetchmailrc",
        f"""
        set invisible
        set no bouncemail
        poll {site.host} service {site.port(protocol)} protocol {protocol} auth password
            user "{site.account.address}" password "{site.account.secret}"
            {tls[site.security]} mda "{deliver}" no rewrite {options}
        """,
    )
    idfile, pidfile = site.home / "ids", site.home / "pid"
    site.run("fetchmail", "--fetchmailrc", config, "--idfile", idfile, "--pidfile", pidfile)
    return _delivered(site)


def getmail(site: Site, retriever: str, options: Sequence[str] = ()) -> list[bytes]:
    """Fetch a mailbox with getmail, which hands each message to a program; in the order of the mailbox."""
    deliver = _delivery_script(site, _UNTIL_AWAITED)
    tls = f"ca_certs = {site.certificate}" if site.security is Security.TLS else ""
    protocol = "pop3" if "POP3" in retriever else "imap"
    lines = [
        "[retriever]",
        f"type = {retriever.replace('Retriever', 'SSLRetriever') if tls else retriever}",
        f"server = {site.host}",
        f"port = {site.port(protocol)}",
        f"username = {site.account.address}",
        f"password = {site.account.secret}",
        "record_mailbox = false" if protocol == "imap" else "",
        tls,
        "[destination]",
        "type = MDA_external",
        f"path = {deliver}",
        "allow_root_commands = true",
        "[options]",
        "delivered_to = false",
        "received = false",
        *options,
        "",
    ]
    site.write("getmailrc", "\n".join(lines))
    site.run("getmail", "--getmaildir", site.home, "--rcfile", "getmailrc", "--quiet")
    return _delivered(site)


# getmail waits 60 seconds for a program that ends before it waits: /proc tells when it does (the SIGCHLD it catches).
_UNTIL_AWAITED = r"""
status=/proc/$PPID/status
until grep -q '^State:.S' $status && grep -q '^SigCgt:.*[13579bdf]....$' $status; do :; done
"""


def fdm(site: Site, protocol: str, options: str = "keep") -> list[bytes]:
    """Fetch a mailbox with fdm into a Maildir; in no particular order. Without `keep` it deletes what it fetches."""
    folder = maildir.make(site.home / "fetched")
    implicit, upgraded = site.security is Security.TLS, site.security is Security.STARTTLS
    config = site.write(
        "fdm.conf",
        f"""
        set no-received
        set verify-certificates
        set default-user "{getuser()}"
        account "test" {protocol}{"s" if implicit else ""} server "{site.host}" port {site.port(protocol)}
            user "{site.account.address}" pass "{site.account.secret}" {"starttls" if upgraded else ""} {options}
        action "save" maildir "{folder}"
        match all action "save"
        """,
    )
    # Run by root, it receives mail as a user of its own, who can get at nothing in the home.
    with TemporaryDirectory() as shared:
        Path(shared).chmod(0o777)
        certificate = Path(shutil.copyfile(site.certificate, Path(shared) / "certificate.pem"))
        site.run("fdm", "-f", config, "fetch", environ={"SSL_CERT_FILE": str(certificate), "TMPDIR": shared})
    return maildir.messages(folder)


def _delivery_script(site: Site, then: str = "") -> Path:
    (site.home / "got").mkdir(parents=True, exist_ok=True)
    name = "$(date +%s.%N)"
    return site.write("deliver", f'#!/bin/sh\ncat >"{site.home}/got/{name}"\n{then}', 0o700)


def _delivered(site: Site) -> list[bytes]:
    return [path.read_bytes() for path in sorted((site.home / "got").iterdir())]
