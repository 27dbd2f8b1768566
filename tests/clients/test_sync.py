"""Programs that keep a Maildir and the server alike, in both directions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient

from tests.clients import maildir
from tests.clients.mail import COMPOSED, deliver, same, some_messages, stable_messages, stored
from tests.clients.programs import Security, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def mbsync(site: Site) -> None:
    """Make the Maildirs in `mail` and the server alike; it marks what it uploads with a field of its own."""
    tls = {Security.PLAIN: "None", Security.STARTTLS: "STARTTLS", Security.TLS: "IMAPS"}
    (site.home / "mail").mkdir(parents=True, exist_ok=True)
    config = site.write(
        "mbsyncrc",
        f"""
IMAPStore far
Host {site.host}
Port {site.port("imap")}
User {site.account.address}
Pass "{site.account.secret}"
SSLType {tls[site.security]}
SystemCertificates no
CertificateFile {site.certificate}
AuthMechs {"LOGIN" if site.security is Security.PLAIN else "*"}

MaildirStore near
Path {site.home}/mail/
Inbox {site.home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
""",
    )
    site.run("mbsync", "--config", config, "all")


# imaplib2, which offlineimap uses, reads and writes in two threads on one OpenSSL connection. When the session
# tickets of TLS 1.3 are all there is to read after STARTTLS, its read keeps its next command from ever being sent.
_TLS_1_2 = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = limits
[limits]
MaxProtocol = TLSv1.2
"""


def offlineimap(site: Site) -> None:
    """Make the Maildirs in `mail` and the server alike. After STARTTLS it does not look at the certificate."""
    tls = {
        Security.PLAIN: "ssl = no\nstarttls = no",
        Security.STARTTLS: "ssl = no\nstarttls = yes",
        Security.TLS: f"ssl = yes\nsslcacertfile = {site.certificate}",
    }
    config = site.write(
        "offlineimaprc",
        f"""
[general]
accounts = test
metadata = {site.home}/offlineimap
ui = quiet

[Account test]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {site.home}/mail

[Repository far]
type = IMAP
remotehost = {site.host}
remoteport = {site.port("imap")}
remoteuser = {site.account.address}
remotepass = {site.account.secret}
usecompression = no
{tls[site.security]}
""",
    )
    environ = {}
    if site.security is Security.STARTTLS:
        environ["OPENSSL_CONF"] = str(site.write("openssl.cnf", _TLS_1_2))
    site.run("offlineimap", "-o", "-c", config, environ=environ)


both = pytest.mark.parametrize("synchronise", [mbsync, offlineimap])


@pytest.fixture
def far(site: Site) -> Iterator[IMAPClient]:
    """Another client, which changes things on the server."""
    with other_client(site) as client:
        yield client


def other_client(site: Site) -> IMAPClient:
    context = site.daemon.tls_context()
    client = IMAPClient("localhost", site.daemon.ports.imaps, ssl_context=context, timeout=60)
    client.login(*site.account)
    return client


def near(site: Site, folder: str = "INBOX") -> Path:
    return site.home / "mail" / folder


def put(folder: Path, message: bytes, flags: str = "") -> None:
    """Put a message into a Maildir, as a mail program on this host would."""
    name = f"1600000000.{len(maildir.files(folder))}.here:2,{flags}"
    (folder / "cur" / name).write_bytes(message.replace(b"\r\n", b"\n"))


def file_of(folder: Path, name: str) -> Path:
    """Find the composed message of this name."""
    wanted = COMPOSED[name].replace(b"\r\n", b"\n")
    found = [path for path in maildir.files(folder) if without_mark(path.read_bytes()).endswith(wanted)]
    assert len(found) == 1
    return found[0]


def without_mark(message: bytes) -> bytes:
    """Take off the fields by which the two programs know a message that they have just uploaded."""
    return re.sub(rb"^(?:X-TUID|X-OfflineIMAP): [^\n]*\n", b"", message, count=1, flags=re.MULTILINE)


def mailbox(site: Site) -> list[bytes]:
    return [without_mark(message.replace(b"\r\n", b"\n")) for message in stored(site.daemon, site.account)]


@both
def test_messages_come(site: Site, synchronise: Callable[[Site], None]) -> None:
    messages = list(some_messages().values()) if synchronise is mbsync else stable_messages()
    deliver(site.daemon, site.account, messages)
    synchronise(site)
    same(map(without_mark, maildir.messages(near(site))), messages, any_order=True)


@both
def test_messages_go(site: Site, synchronise: Callable[[Site], None]) -> None:
    """What is new here is uploaded, and there is still one of it afterwards."""
    synchronise(site)
    for name, message in COMPOSED.items():
        put(near(site), message, "FS" if name == "dots" else "")
    synchronise(site)
    synchronise(site)
    composed = sorted(message.replace(b"\r\n", b"\n") for message in COMPOSED.values())
    assert sorted(mailbox(site)) == composed
    assert sorted(map(without_mark, maildir.messages(near(site)))) == composed
    with other_client(site) as client:
        client.select_folder("INBOX", readonly=True)
        (uid,) = client.search(["SUBJECT", "dots"])
        assert client.search(["FLAGGED", "SEEN"]) == [uid]


@both
def test_flags_and_deletions_go_both_ways(site: Site, far: IMAPClient, synchronise: Callable[[Site], None]) -> None:
    names = ["dots", "eight-bit", "folded-header", "mbox-from"]
    deliver(site.daemon, site.account, [COMPOSED[name] for name in names])
    synchronise(site)
    far.select_folder("INBOX")
    far.add_flags([1], [b"\\Answered", b"\\Seen"])
    far.delete_messages([2])
    far.expunge()
    seen = file_of(near(site), "folded-header")
    seen.rename(near(site) / "cur" / (seen.name.partition(":2,")[0] + ":2,FS"))
    file_of(near(site), "mbox-from").unlink()
    synchronise(site)
    far.noop()
    assert far.search() == [1, 3]
    assert set(far.get_flags([3])[3]) - {b"\\Recent"} == {b"\\Flagged", b"\\Seen"}
    assert len(maildir.files(near(site))) == 2
    assert maildir.flags(file_of(near(site), "dots")) == {"R", "S"}


@both
def test_folders_go_both_ways(site: Site, far: IMAPClient, synchronise: Callable[[Site], None]) -> None:
    far.create_folder("From there")
    far.append("From there", COMPOSED["dots"], [b"\\Seen"])
    synchronise(site)
    (arrived,) = maildir.files(near(site, "From there"))
    assert without_mark(arrived.read_bytes()) == COMPOSED["dots"].replace(b"\r\n", b"\n")
    assert maildir.flags(arrived) == {"S"}
    put(maildir.make(near(site, "From here")), COMPOSED["eight-bit"])
    synchronise(site)
    far.select_folder("From here", readonly=True)
    sent = far.fetch([1], ["BODY.PEEK[]"])[1][b"BODY[]"]
    assert without_mark(sent.replace(b"\r\n", b"\n")) == COMPOSED["eight-bit"].replace(b"\r\n", b"\n")


def test_mbsync_removes_a_folder_on_both_sides(site: Site, far: IMAPClient) -> None:
    far.create_folder("Short-lived")
    mbsync(site)
    assert near(site, "Short-lived").is_dir()
    far.delete_folder("Short-lived")
    mbsync(site)
    assert not near(site, "Short-lived").exists()
