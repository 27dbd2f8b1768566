"""Random sequences of changes, held against a simple model, on each kind of database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tempmaild.core.flags import ANSWERED, DELETED, SEEN, FlagChange, Flags
from tempmaild.core.mailbox import INBOX, NewMessage
from tempmaild.errors import FolderExists, NoSuchFolder, TempmaildError
from tempmaild.store.arriving import Append
from tempmaild.store.folders import CreateFolder, DeleteFolder, RenameFolder
from tempmaild.store.mailboxes import DestroyMailbox
from tempmaild.store.messages import ChangeFlags, Copy, Move, Remove
from tests.store.house import message

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.store.transaction import Change
    from tests.store.house import Store

_FIRST = (INBOX, "Drafts", "Junk", "Sent", "Trash")
_NAMES = st.sampled_from([INBOX, INBOX, INBOX, "Trash", "a", "b", "a/b"])
_FLAGS = st.frozensets(st.sampled_from([SEEN, DELETED, ANSWERED, "$Junk"]))
_UIDS = st.lists(st.integers(1, 5), max_size=4).map(tuple)
_BOXES = st.integers(0, 1)


@dataclass
class ModelFolder:
    """What a folder ought to hold."""

    messages: dict[int, tuple[Flags, bytes]] = field(default_factory=dict)
    uid_next: int = 1

    def add(self, flags: Flags, content: bytes) -> None:
        self.messages[self.uid_next] = (flags, content)
        self.uid_next += 1


class Machine(RuleBasedStateMachine):
    """Two mailboxes, and changes to them alone and in groups."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.texts = 0
        self.boxes: list[Mailbox] = [store.mailbox(), store.mailbox()]
        self.model: list[dict[str, ModelFolder]] = [_new_box(), _new_box()]
        # The highest UIDVALIDITY that each name has had, and with which folder.
        self.validities: dict[tuple[str, str], tuple[int, int]] = {}
        self.modseqs: dict[int, int] = {}

    # Changes

    @rule(recipients=st.lists(_BOXES, min_size=1, max_size=2, unique=True), together=st.integers(1, 3))
    def deliver(self, recipients: list[int], together: int) -> None:
        deliveries = [
            self.store.delivery(*(self.boxes[number] for number in recipients), text=self.text())
            for _ in range(together)
        ]
        self.store.group(*deliveries)
        for delivery in deliveries:
            for number in recipients:
                self.model[number][INBOX].add(frozenset(), delivery.content)

    @rule(box=_BOXES, name=_NAMES, flags=_FLAGS)
    def append(self, box: int, name: str, flags: Flags) -> None:
        appended = message(self.text())
        if self.apply(Append(self.folder_id(box, name), (NewMessage(appended, flags),)), self.needs(box, name)):
            self.model[box][name].add(flags, appended)

    @rule(box=_BOXES, name=_NAMES, uids=_UIDS, change=st.sampled_from(FlagChange), flags=_FLAGS)
    def change_flags(self, box: int, name: str, uids: tuple[int, ...], change: FlagChange, flags: Flags) -> None:
        if self.apply(ChangeFlags(self.folder_id(box, name), uids, change, flags), self.needs(box, name)):
            messages = self.model[box][name].messages
            for uid in set(uids) & messages.keys():
                old, content = messages[uid]
                messages[uid] = (change.apply(old, flags), content)

    @rule(box=_BOXES, name=_NAMES, into=_NAMES, uids=_UIDS, move=st.booleans())
    def copy_or_move(self, box: int, name: str, into: str, uids: tuple[int, ...], move: bool) -> None:
        source_id, target_id = self.folder_id(box, name), self.folder_id(box, into)
        change = Move(source_id, uids, target_id) if move else Copy(source_id, uids, target_id)
        if self.apply(change, self.needs(box, name) or self.needs(box, into)):
            messages = self.model[box][name].messages
            for uid in sorted(set(uids) & messages.keys()):
                self.model[box][into].add(*messages[uid])
                if move:
                    del messages[uid]

    @rule(box=_BOXES, name=_NAMES, uids=st.none() | _UIDS, deleted=st.booleans())
    def remove(self, box: int, name: str, uids: tuple[int, ...] | None, deleted: bool) -> None:
        change = Remove(self.folder_id(box, name), uids, DELETED if deleted else None)
        if self.apply(change, self.needs(box, name)):
            messages = self.model[box][name].messages
            for uid, (flags, _) in list(messages.items()):
                if (uids is None or uid in uids) and (not deleted or DELETED in flags):
                    del messages[uid]

    @rule(box=_BOXES, name=_NAMES)
    def create_folder(self, box: int, name: str) -> None:
        taken = FolderExists if name in self.model[box] else None
        if self.apply(CreateFolder(self.boxes[box].id, name), taken):
            self.make(box, name)

    @rule(box=_BOXES, name=_NAMES.filter(lambda name: name != INBOX))
    def delete_folder(self, box: int, name: str) -> None:
        if self.apply(DeleteFolder(self.boxes[box].id, name), self.needs(box, name)):
            del self.model[box][name]

    @rule(box=_BOXES, old=_NAMES, new=st.sampled_from(["a", "b", "c", "c/d"]))
    def rename_folder(self, box: int, old: str, new: str) -> None:
        folders = self.model[box]
        moving = {name: new + name[len(old) :] for name in folders if name == old or name.startswith(f"{old}/")}
        expected: type[TempmaildError] | None = self.needs(box, old)
        if not expected and (new in folders or (old != INBOX and set(moving.values()) & (folders.keys() - moving))):
            expected = FolderExists
        if not self.apply(RenameFolder(self.boxes[box].id, old, new), expected):
            return
        if old == INBOX:
            self.make(box, new)
            for given in folders[INBOX].messages.values():
                folders[new].add(*given)
            folders[INBOX].messages.clear()
            return
        moved = {moving[name]: folders.pop(name) for name in list(moving)}
        folders |= moved
        self.make(box, new)

    @rule(box=_BOXES)
    def destroy(self, box: int) -> None:
        destroyed = self.store.write(DestroyMailbox(self.boxes[box].id, 0))
        assert destroyed == sum(len(folder.messages) for folder in self.model[box].values())
        self.boxes[box] = self.store.mailbox(self.boxes[box].address)
        self.model[box] = _new_box()

    @rule(seconds=st.integers(-100, 100))
    def set_clock(self, seconds: int) -> None:
        self.store.now += seconds

    # What they ought to do

    @invariant()
    def is_as_the_model_says(self) -> None:
        for mailbox, model in zip(self.boxes, self.model, strict=True):
            folders = self.store.queries.folders(mailbox.id)
            assert [folder.name for folder in folders] == sorted(model)
            for folder in folders:
                expected = model[folder.name]
                entries = self.store.queries.entries(folder.id)
                assert {entry.uid: entry.flags for entry in entries} == {
                    uid: flags for uid, (flags, _) in expected.messages.items()
                }
                assert folder.uid_next == expected.uid_next
                for uid, (_, content) in expected.messages.items():
                    assert self.store.content(folder.id, uid) == content

    @invariant()
    def numbers_only_grow(self) -> None:
        for mailbox in self.boxes:
            for folder in self.store.queries.folders(mailbox.id):
                name = (mailbox.address, folder.name)
                now = (folder.uid_validity, folder.id)
                before = self.validities.get(name, (0, 0))
                assert now == before or now[0] > before[0]
                self.validities[name] = now
                assert folder.highest_modseq >= self.modseqs.get(folder.id, 1)
                self.modseqs[folder.id] = folder.highest_modseq

    # Short ways

    def apply(self, change: Change[Any], expected: type[TempmaildError] | None) -> bool:
        """Commit a change; whether it was done, which it must be unless it fails as expected."""
        (result,) = self.store.group(change)
        if expected is None:
            assert not isinstance(result, Exception), result
            return True
        assert isinstance(result, expected)
        return False

    def needs(self, box: int, name: str) -> type[TempmaildError] | None:
        return None if name in self.model[box] else NoSuchFolder

    def folder_id(self, box: int, name: str) -> int:
        return self.store.folder(self.boxes[box], name).id if name in self.model[box] else 999_999_999

    def make(self, box: int, name: str) -> None:
        levels = name.split("/")
        for depth in range(1, len(levels) + 1):
            self.model[box].setdefault("/".join(levels[:depth]), ModelFolder())

    def text(self) -> str:
        self.texts += 1
        return f"message {self.texts}"

    def teardown(self) -> None:
        for mailbox in self.boxes:
            self.store.write(DestroyMailbox(mailbox.id, 0))
        assert self.store.count("content") == 0


def _new_box() -> dict[str, ModelFolder]:
    return {name: ModelFolder() for name in _FIRST}


def test_random_changes(store: Store) -> None:
    run_state_machine_as_test(
        lambda: Machine(store),  # type: ignore[arg-type] # any maker of machines will do
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
