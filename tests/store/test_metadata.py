"""Metadata of folders and mailboxes; `Store.check` runs after each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.mailbox import INBOX, WHOLE_MAILBOX
from tempmaild.errors import MessageDamaged, NoSuchFolder, NoSuchMailbox, TooMuchMetadata
from tempmaild.store.folders import CreateFolder, DeleteFolder, RenameFolder
from tempmaild.store.mailboxes import DestroyMailbox
from tempmaild.store.metadata import MOST_ENTRIES, SetMetadata
from tests.store.house import KEYS
from tests.store.test_forgetting import files_with

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Folder, Mailbox
    from tests.store.house import Store

_CANARY = b"7d1c3f0be2a94c58"


@pytest.fixture(params=["sealed", "plain"])
def mailbox(store: Store, request: pytest.FixtureRequest) -> Mailbox:
    mailboxes = [store.mailbox() for _ in range(2)]
    return next(m for m in mailboxes if (m.public_key is not None) == (request.param == "sealed"))


@pytest.fixture
def folder(store: Store, mailbox: Mailbox) -> Folder:
    return store.folder(mailbox)


def change(mailbox: Mailbox, folder_id: int, special_use: str | None = None, **values: bytes | None) -> SetMetadata:
    named = tuple((f"/private/{name}", value) for name, value in values.items())
    return SetMetadata(mailbox.id, folder_id, named, mailbox.public_key, special_use)


def kept(store: Store, mailbox: Mailbox, folder_id: int) -> dict[str, bytes]:
    found = store.queries.metadata(mailbox.id, folder_id)
    return {name.removeprefix("/private/"): sealed.content(store.opener) for name, sealed in found.items()}


def test_is_kept_by_folder(store: Store, mailbox: Mailbox, folder: Folder) -> None:
    junk = store.folder(mailbox, "Junk")
    store.group(
        change(mailbox, folder.id, a=b"1", b=b""),
        change(mailbox, junk.id, a=b"2\0\xff"),
        change(mailbox, WHOLE_MAILBOX, a=b"3"),
    )
    assert kept(store, mailbox, folder.id) == {"a": b"1", "b": b""}
    assert kept(store, mailbox, junk.id) == {"a": b"2\0\xff"}
    assert kept(store, mailbox, WHOLE_MAILBOX) == {"a": b"3"}
    store.write(change(mailbox, folder.id, a=None, b=b"4", c=None))
    assert kept(store, mailbox, folder.id) == {"b": b"4"}


def test_is_sealed_where_the_mailbox_is(store: Store, mailbox: Mailbox, folder: Folder) -> None:
    store.write(change(mailbox, folder.id, a=_CANARY))
    (sealed,) = store.queries.metadata(mailbox.id, folder.id).values()
    assert (_CANARY in sealed.data) == (mailbox.public_key is None)
    if mailbox.public_key is not None:
        assert mailbox.public_key == KEYS.public
        with pytest.raises(MessageDamaged):
            sealed.content(None)


def test_goes_with_its_folder_and_stays_when_that_is_renamed(store: Store, mailbox: Mailbox) -> None:
    made = store.write(CreateFolder(mailbox.id, "a"))
    store.write(change(mailbox, made.id, a=b"1"))
    store.write(RenameFolder(mailbox.id, "a", "b"))
    assert kept(store, mailbox, store.folder(mailbox, "b").id) == {"a": b"1"}
    store.write(DeleteFolder(mailbox.id, "b"))
    assert store.count("metadata") == 0


def test_goes_with_its_mailbox(store: Store, mailbox: Mailbox, folder: Folder) -> None:
    store.group(change(mailbox, folder.id, a=b"1"), change(mailbox, WHOLE_MAILBOX, a=b"1"))
    store.write(DestroyMailbox(mailbox.id, 0))
    assert store.count("metadata") == 0
    for folder_id in (folder.id, WHOLE_MAILBOX):
        with pytest.raises(NoSuchMailbox):
            store.write(change(mailbox, folder_id, a=b"1"))


def test_belongs_to_a_folder_of_the_mailbox(store: Store, mailbox: Mailbox) -> None:
    other = store.folder(store.mailbox(), INBOX)
    for folder_id in (other.id, 999_999_999):
        with pytest.raises(NoSuchFolder):
            store.write(change(mailbox, folder_id, a=b"1"))


def test_is_bounded(store: Store, mailbox: Mailbox, folder: Folder) -> None:
    names = [f"/private/n{number}" for number in range(MOST_ENTRIES - 1)]
    store.write(SetMetadata(mailbox.id, folder.id, tuple((name, b"") for name in names), mailbox.public_key))
    with pytest.raises(TooMuchMetadata):
        store.write(change(mailbox, WHOLE_MAILBOX, a=b"1", b=b"2"))
    assert kept(store, mailbox, WHOLE_MAILBOX) == {}
    store.write(change(mailbox, WHOLE_MAILBOX, a=b"1"))
    with pytest.raises(TooMuchMetadata):
        store.write(change(mailbox, folder.id, more=b""))
    # In place of others there is room.
    store.write(change(mailbox, folder.id, n0=None, more=b""))
    store.write(change(mailbox, WHOLE_MAILBOX, a=b"2"))
    assert kept(store, mailbox, WHOLE_MAILBOX) == {"a": b"2"}


def test_says_what_a_folder_is_for(store: Store, mailbox: Mailbox, folder: Folder) -> None:
    store.write(change(mailbox, folder.id, "\\Archive", a=b"1"))
    assert store.folder(mailbox).special_use == "\\Archive"
    store.write(change(mailbox, folder.id, a=b"2"))
    assert store.folder(mailbox).special_use == "\\Archive"
    store.write(change(mailbox, folder.id, ""))
    assert store.folder(mailbox).special_use == ""


@pytest.mark.parametrize("end", ["replaced", "deleted", "folder"])
def test_leaves_nothing(sqlite_store: Store, end: str) -> None:
    store = sqlite_store
    plain = [store.mailbox() for _ in range(2)][1]
    made = store.write(CreateFolder(plain.id, "a"))
    store.write(change(plain, made.id, a=_CANARY))
    assert files_with(store, _CANARY)
    if end == "folder":
        store.write(DeleteFolder(plain.id, "a"))
    else:
        store.write(change(plain, made.id, a=None if end == "deleted" else b"other"))
    assert store.vault.traces == {"main"}
    assert not store.handle.forget()
    assert not files_with(store, _CANARY)


def test_is_a_change_of_the_folder(store: Store, mailbox: Mailbox, folder: Folder) -> None:
    """RFC 7162 §3.2: SETMETADATA increments the modification sequence of the folder."""
    store.write(change(mailbox, folder.id, a=b"1"))
    assert store.touched == {folder.id}
    assert store.folder(mailbox).highest_modseq == folder.highest_modseq + 1
    store.write(change(mailbox, WHOLE_MAILBOX, a=b"1"))
    # Those are told who want to know what is kept with the whole mailbox.
    assert store.touched == {mailbox.id}


def test_marks_tell_what_was_set_anew(store: Store, mailbox: Mailbox, folder: Folder) -> None:
    store.group(change(mailbox, folder.id, a=b"1", b=b""), change(mailbox, WHOLE_MAILBOX, a=b"1"))
    before = store.queries.metadata_marks(mailbox.id)
    assert before.keys() == {(folder.id, "/private/a"), (folder.id, "/private/b"), (WHOLE_MAILBOX, "/private/a")}
    store.write(change(mailbox, folder.id, a=b"2", b=None, c=b"x" * 16384))
    after = store.queries.metadata_marks(mailbox.id)
    assert {key for key, _ in before.items() ^ after.items()} == {(folder.id, f"/private/{name}") for name in "abc"}
    assert {len(mark) for mark in after.values()} == {16}
