"""Python's IMAP libraries: every message comes back, and what they can do works."""

from __future__ import annotations

import imaplib
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from imap_tools import AND, H, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessageFlags
from imapclient import IMAPClient

from tests.clients.mail import COMPOSED, as_literals, deliver, every_message, same
from tests.clients.programs import Security, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imap_tools import BaseMailBox

TIMEOUT = 60


@pytest.fixture
def imap4(site: Site) -> Iterator[imaplib.IMAP4]:
    context = site.daemon.tls_context()
    imap: imaplib.IMAP4
    if site.security is Security.TLS:
        imap = imaplib.IMAP4_SSL(site.host, site.port("imap"), ssl_context=context, timeout=TIMEOUT)
    else:
        imap = imaplib.IMAP4(site.host, site.port("imap"), timeout=TIMEOUT)
        if site.security is Security.STARTTLS:
            imap.starttls(context)
    with imap:
        imap.login(*site.account)
        yield imap


@pytest.fixture
def client(site: Site) -> Iterator[IMAPClient]:
    context = site.daemon.tls_context()
    tls = site.security is Security.TLS
    options = {"ssl_context": context} if tls else {}
    with IMAPClient(site.host, site.port("imap"), ssl=tls, timeout=TIMEOUT, **options) as client:
        if site.security is Security.STARTTLS:
            client.starttls(context)
        client.login(*site.account)
        yield client


@pytest.fixture
def box(site: Site) -> Iterator[BaseMailBox]:
    context = site.daemon.tls_context()
    box: BaseMailBox
    match site.security:
        case Security.PLAIN:
            box = MailBoxUnencrypted(site.host, site.port("imap"), timeout=TIMEOUT)
        case Security.STARTTLS:
            box = MailBoxStartTls(site.host, site.port("imap"), timeout=TIMEOUT, ssl_context=context)
        case Security.TLS:
            box = MailBox(site.host, site.port("imap"), timeout=TIMEOUT, ssl_context=context)
    with box.login(*site.account):
        yield box


# imaplib


def test_imaplib_reads_every_message(site: Site, imap4: imaplib.IMAP4) -> None:
    messages = list(every_message().values())
    deliver(site.daemon, site.account, messages)
    _, (count,) = imap4.select()
    assert count == str(len(messages)).encode()
    _, answers = imap4.fetch("1:*", "(UID RFC822.SIZE BODY.PEEK[])")
    received = [answer for answer in answers if isinstance(answer, tuple)]
    same([octets for _, octets in received], as_literals(messages))
    assert all(b" RFC822.SIZE %d " % len(octets) in head for head, octets in received)


def test_imaplib_reads_in_pieces(site: Site, imap4: imaplib.IMAP4) -> None:
    deliver(site.daemon, site.account, [COMPOSED["big"]])
    imap4.select()
    step, pieces = 1_000_003, []
    for start in range(0, 4 * step, step):
        _, answers = imap4.uid("FETCH", "1", f"(BODY.PEEK[]<{start}.{step}>)")
        head, piece = answers[0]
        assert f"BODY[]<{start}>".encode() in head
        pieces.append(piece)
    same([b"".join(pieces)], [COMPOSED["big"]])


def test_imaplib_appends_and_copies(imap4: imaplib.IMAP4) -> None:
    imap4.create("Keep")
    for message in COMPOSED.values():
        assert imap4.append("Keep", r"(\Seen)", "", message)[0] == "OK"
    imap4.select("Keep")
    assert imap4.uid("COPY", "1:*", "INBOX")[0] == "OK"
    imap4.select("INBOX")
    _, answers = imap4.fetch("1:*", "(FLAGS BODY.PEEK[])")
    received = [answer for answer in answers if isinstance(answer, tuple)]
    assert [octets for _, octets in received] == list(COMPOSED.values())
    assert all(rb"\Seen" in head for head, _ in received)


# IMAPClient


def test_imapclient_reads_every_message(site: Site, client: IMAPClient) -> None:
    messages = list(every_message().values())
    deliver(site.daemon, site.account, messages)
    assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == len(messages)
    fetched = client.fetch(
        client.search(), ["BODY.PEEK[]", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE"]
    )
    same([data[b"BODY[]"] for _, data in sorted(fetched.items())], as_literals(messages))
    assert all(data[b"RFC822.SIZE"] == len(data[b"BODY[]"]) for data in fetched.values())
    dots = fetched[list(every_message()).index("dots") + 1]
    assert dots[b"ENVELOPE"].subject == b"dots"
    assert str(dots[b"ENVELOPE"].from_[0]) == "Sender <sender@example.org>"
    big = fetched[list(every_message()).index("big") + 1]
    assert big[b"BODYSTRUCTURE"].is_multipart
    age = datetime.now(UTC) - big[b"INTERNALDATE"].astimezone(UTC)
    assert age < timedelta(hours=1)


def test_imapclient_works_with_folders(client: IMAPClient) -> None:
    client.create_folder("Récoltes/Été & Co")
    names = {name for _, _, name in client.list_folders()}
    assert {"INBOX", "Récoltes", "Récoltes/Été & Co"} <= names
    client.subscribe_folder("Récoltes/Été & Co")
    assert "Récoltes/Été & Co" in {name for _, _, name in client.list_sub_folders()}
    client.rename_folder("Récoltes", "Moissons")
    assert client.folder_exists("Moissons/Été & Co")
    assert client.folder_status("Moissons/Été & Co", ["MESSAGES", "UIDNEXT"]) == {b"MESSAGES": 0, b"UIDNEXT": 1}
    client.delete_folder("Moissons/Été & Co")
    assert not client.folder_exists("Moissons/Été & Co")
    assert client.find_special_folder(b"\\Trash") == "Trash"


def test_imapclient_searches_flags_and_moves(client: IMAPClient) -> None:
    client.select_folder("INBOX")
    when = datetime(2020, 2, 29, 12, 30, tzinfo=UTC)
    names = ["dots", "eight-bit", "utf8-header"]
    for name in names:
        answer = client.append("INBOX", COMPOSED[name], [b"\\Flagged"] if name == "dots" else (), when)
        assert b"APPENDUID" in answer
    assert client.search(["FLAGGED"]) == [1]
    assert client.search(["SUBJECT", "eight"]) == [2]
    assert client.search(["ON", date(2020, 2, 29), "NOT", "SEEN"]) == [1, 2, 3]
    assert client.search(["HEADER", "X-Place", "東京"], charset="UTF-8") == [3]
    assert client.search(["BODY", "Grüße"], charset="UTF-8") == [3]
    assert lasting(client.add_flags([2], [b"\\Answered", b"$Forwarded"])[2]) == {b"\\Answered", b"$Forwarded"}
    assert lasting(client.remove_flags([2], [b"\\Answered"])[2]) == {b"$Forwarded"}
    assert lasting(client.set_flags([1], [b"\\Seen"])[1]) == {b"\\Seen"}
    assert lasting(client.get_flags([3])[3]) == set()
    client.create_folder("Other")
    client.move([1], "Other")
    client.copy([2], "Other")
    client.delete_messages([2])
    client.uid_expunge([2])
    assert client.search() == [3]
    client.select_folder("Other")
    fetched = client.fetch([1, 2], ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"])
    assert [fetched[uid][b"BODY[]"] for uid in (1, 2)] == [COMPOSED["dots"], COMPOSED["eight-bit"]]
    assert [lasting(fetched[uid][b"FLAGS"]) for uid in (1, 2)] == [{b"\\Seen"}, {b"$Forwarded"}]
    assert {data[b"INTERNALDATE"].astimezone(UTC) for data in fetched.values()} == {when}


def lasting(flags: Iterable[bytes]) -> set[bytes]:
    """Leave out the flag that tells only that this is the first session to see a message."""
    return set(flags) - {b"\\Recent"}


def test_imapclient_is_told_of_new_mail_while_idle(site: Site, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    client.idle()
    sender = Thread(target=deliver, args=(site.daemon, site.account, [COMPOSED["dots"]]))
    sender.start()
    told = client.idle_check(timeout=TIMEOUT)
    sender.join()
    client.idle_done()
    assert (1, b"EXISTS") in told
    same([client.fetch([1], ["BODY.PEEK[]"])[1][b"BODY[]"]], [COMPOSED["dots"]])


# imap-tools


def test_imap_tools_reads_every_message(site: Site, box: BaseMailBox) -> None:
    messages = every_message()
    deliver(site.daemon, site.account, messages.values())
    fetched = list(box.fetch(mark_seen=False, bulk=50))
    assert [message.uid for message in fetched] == [str(uid + 1) for uid in range(len(messages))]
    assert [message.size_rfc822 for message in fetched] == box_sizes(box)
    dots = fetched[list(messages).index("dots")]
    assert (dots.subject, dots.from_) == ("dots", "sender@example.org")
    assert dots.text == ".\r\n..\r\n...\r\n.dot first\r\nin the middle . dot\r\n.\r\n"
    (attachment,) = fetched[list(messages).index("big")].attachments
    assert attachment.filename == "big.bin"


def box_sizes(box: BaseMailBox) -> list[int]:
    """Give the length of each message's octets, as the server sends them."""
    _, answers = box.client.fetch("1:*", "(BODY.PEEK[])")
    return [len(answer[1]) for answer in answers if isinstance(answer, tuple)]


def test_imap_tools_works_with_folders_flags_and_searches(site: Site, box: BaseMailBox) -> None:
    deliver(site.daemon, site.account, [COMPOSED["dots"], COMPOSED["eight-bit"], COMPOSED["folded-header"]])
    box.folder.create("Später/Neu")
    assert {"INBOX", "Später", "Später/Neu"} <= {folder.name for folder in box.folder.list()}
    assert box.uids(AND(subject="dots")) == ["1"]
    assert box.uids(AND(header=[H("X-Long", "three")], seen=False)) == ["3"]
    assert box.uids(AND(date_gte=date(2000, 1, 1), size_gt=10, no_keyword="Nowhere")) == ["1", "2", "3"]
    box.flag(["1", "2"], [MailMessageFlags.FLAGGED, "Ours"], True)
    assert box.uids(AND(flagged=True, keyword="Ours")) == ["1", "2"]
    box.copy("1", "Später/Neu")
    box.move("2", "Später/Neu")
    box.delete("3")
    assert box.uids() == ["1"]
    assert box.folder.status("Später/Neu")["MESSAGES"] == 2
    box.append(
        COMPOSED["utf8-header"], "Später/Neu", dt=datetime(2020, 2, 29, 12, 30, tzinfo=UTC), flag_set=["\\Seen"]
    )
    box.folder.set("Später/Neu")
    fetched = list(box.fetch(mark_seen=False))
    assert [(message.subject, set(message.flags) - {"\\Recent"}) for message in fetched] == [
        ("dots", {"\\Flagged", "Ours"}),
        ("eight-bit", {"\\Flagged", "Ours"}),
        ("utf8-header", {"\\Seen"}),
    ]
    box.folder.set("INBOX")
    box.folder.delete("Später/Neu")
    assert not box.folder.exists("Später/Neu")


def test_imap_tools_is_told_of_new_mail_while_idle(site: Site, box: BaseMailBox) -> None:
    with box.idle as idle:
        sender = Thread(target=deliver, args=(site.daemon, site.account, [COMPOSED["eight-bit"]]))
        sender.start()
        told = idle.poll(timeout=TIMEOUT)
        sender.join()
    assert b"* 1 EXISTS" in told
    assert [message.subject for message in box.fetch()] == ["eight-bit"]
