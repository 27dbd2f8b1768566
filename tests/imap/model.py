"""A mailbox as simple as can be, and an IMAP client that takes every word of the server at face value.

The model knows what is in each folder; a client knows only what it was told. Both are held against each other by
`test_model`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.imap.responses import Response, numbers_of, read_responses

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from tests.dialog import Dialog

LAST = None
"""`*` in a set of numbers."""

Set = list[tuple[int | None, int | None]]
"""Ranges of a sequence set as the client writes them."""

KEYS: dict[str, Callable[[frozenset[str]], bool]] = {
    "ALL": lambda _: True,
    "DELETED": lambda flags: "\\deleted" in flags,
    "UNDELETED": lambda flags: "\\deleted" not in flags,
    "SEEN": lambda flags: "\\seen" in flags,
    "UNSEEN": lambda flags: "\\seen" not in flags,
    "NOT FLAGGED": lambda flags: "\\flagged" not in flags,
    "OR SEEN FLAGGED": lambda flags: not flags.isdisjoint({"\\seen", "\\flagged"}),
    "KEYWORD $WORK": lambda flags: "$work" in flags,
}
"""Search keys, and what they ask of the flags of a message."""

_SUBJECT = re.compile(rb"Subject: (\d+)\r\n\r\n")
_PICTURE = "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"


def write_set(ranges: Set) -> str:
    """Write the set as in a command."""
    ends = [("*" if low is LAST else low, "*" if high is LAST else high) for low, high in ranges]
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ends)


def members(ranges: Set, numbers: Iterable[int]) -> list[int]:
    """Give those of the numbers that are in the set; `*` is the last of them."""
    numbers = sorted(numbers)
    if not numbers:
        return []
    pairs = [[numbers[-1] if end is LAST else end for end in pair] for pair in ranges]
    return [number for number in numbers if any(min(pair) <= number <= max(pair) for pair in pairs)]


def flag_set(names: Iterable[str]) -> frozenset[str]:
    r"""Give flags as the model has them: the case of a name means nothing; \Recent is no matter of the message."""
    return frozenset(name.lower() for name in names) - {"\\recent"}


@dataclass
class Mail:
    """A message in a folder; `identity` is what it says, and the same for its copies."""

    identity: int
    flags: frozenset[str]


@dataclass(eq=False)
class Folder:
    """A folder: it keeps its messages and its selections whatever it is called.

    Attributes:
        validities: under which UIDVALIDITY it was seen.
        gone: whether it was deleted.
    """

    mails: dict[int, Mail] = field(default_factory=dict)
    uid_next: int = 1
    validities: set[tuple[str, int]] = field(default_factory=set)
    gone: bool = False

    def add(self, mail: Mail, uid: int | None = None) -> int:
        """Put a message in; without a UID it gets the next one."""
        uid = self.uid_next if uid is None else uid
        assert uid >= self.uid_next, f"UID {uid} after {self.uid_next - 1}"
        self.mails[uid] = Mail(mail.identity, mail.flags)
        self.uid_next = uid + 1
        return uid


@dataclass(eq=False)
class Slot:
    """A message as far as a client knows it: None is what it was not told."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int = 0


@dataclass
class Snapshot:
    """A folder as a client keeps it while it is not selected: flags by UID, which were so at `modseq` or later."""

    uid_validity: int
    modseq: int
    flags: dict[int, frozenset[str]]


@dataclass
class Context:
    """A search of which the client is told when its result changes (RFC 5267 §4.3).

    Attributes:
        key: what it asks of messages.
        order: by which they are sorted, "" for mailbox order.
        result: the messages in that order: their UIDs, or the slots that have their numbers.
    """

    key: str
    order: str
    by_uid: bool
    result: list[int | Slot] = field(default_factory=list)

    @property
    def command(self) -> str:
        """The command that begins it."""
        name = "UID " * self.by_uid + ("SORT" if self.order else "SEARCH")
        return f"{name} RETURN (UPDATE ALL) {f'({self.order}) UTF-8 ' if self.order else ''}{self.key}"

    def add(self, position: int, items: list[int | Slot], place: Callable[[int | Slot], int]) -> None:
        """Put messages in; `place` tells where one is in the folder."""
        assert (position > 0) == bool(self.order)
        assert not any(item in self.result for item in items), "it is there already"
        if position:
            assert position <= len(self.result) + 1
            self.result[position - 1 : position - 1] = items
        else:
            self.result = sorted([*self.result, *items], key=place)

    def remove(self, position: int, items: list[int | Slot]) -> None:
        """Take messages out."""
        assert (position > 0) == bool(self.order)
        for item in items:
            if position:
                assert self.result[position - 1] == item, "another one is at that position"
            self.result.remove(item)


class Client:
    r"""A client that believes every response, in the order in which they come, and forgives nothing.

    Attributes:
        slots: the messages of the selected folder by sequence number, from 1.
        folder: of the model, the one that is selected.
        idling: whether it is in IDLE.
        last: what the server said to the last command.
        told: UIDs of the messages whose flags it told then.
        vanished: UIDs that it told to be gone since the client had the folder before.
        snapshots: of folders that were selected, by name.
        recent: UIDs of the messages that were called \Recent.
        contexts: by the tag of their command.
    """

    def __init__(self, dialog: Dialog, *enabled: str) -> None:
        self.dialog = dialog
        self.enabled = frozenset(enabled)
        self.folder: Folder | None = None
        self.read_only = False
        self.slots: list[Slot] = []
        self.idling = False
        self.uid_validity = 0
        self.uid_next = 0
        self.highest_modseq = 0
        self.recent: set[int] = set()
        self.contexts: dict[str, Context] = {}
        self.last_context = 0
        self.vanished: set[int] = set()
        self.snapshots: dict[str, Snapshot] = {}
        self.told: set[int | None] = set()
        self.last: list[Response] = []
        if enabled:
            assert self.command(f"ENABLE {' '.join(enabled)}").kind == "OK"
            assert {name.upper() for name in self.one("ENABLED").values} == set(enabled)

    # -- commands

    def command(self, command: str, literal: bytes = b"", tag: str = "a") -> Response:
        """Send a command; gives its end, and believes what comes before."""
        self.end_idling()
        assert not self.dialog.read(), "the server spoke without being asked"
        name = command.upper().split()[0]
        self.told.clear()
        self.vanished.clear()
        said = self.dialog.send(command_octets(command, literal, tag))
        *untagged, end = self.last = read_responses(said)
        assert end.tag == tag, f"{command}: {said!r}"
        assert end.code != "SERVERBUG", f"{command}: {said!r}"
        for response in untagged:
            assert response.tag == "*", f"{command}: {said!r}"
            self._believe(response, during=name)
        if end.code == "HIGHESTMODSEQ":
            # RFC 7162 §3.2.7: all up to here has been told.
            self.highest_modseq = int(end.argument)
        return end

    def idle(self) -> None:
        """Begin to wait for news."""
        self.idling = True
        responses = read_responses(self.dialog.send(b"a IDLE\r\n"))
        for response in responses:
            if response.tag != "+":
                self._believe(response, during="IDLE")
        assert "+" in {response.tag for response in responses}

    def listen(self) -> None:
        """Believe what comes in while idling; nothing may come at any other time."""
        said = self.dialog.read()
        assert self.idling or not said, "the server spoke without being asked"
        for response in read_responses(said):
            self._believe(response, during="IDLE")

    def end_idling(self) -> None:
        """Send DONE, where the client idles."""
        if not self.idling:
            return
        self.listen()
        self.idling = False
        *untagged, end = read_responses(self.dialog.send(b"DONE\r\n"))
        assert (end.tag, end.kind) == ("a", "OK")
        for response in untagged:
            self._believe(response, during="IDLE")

    def one(self, kind: str) -> Response:
        """Give the one response of this kind that the last command brought."""
        (response,) = [response for response in self.last if response.tag == "*" and response.kind == kind]
        return response

    def code(self, code: str) -> str | None:
        """Give the argument of a response code that the last command brought."""
        return next((response.argument for response in self.last if response.code == code), None)

    def found(self) -> list[int]:
        """Give the numbers that the last SEARCH found."""
        if "IMAP4REV2" not in self.enabled:
            return self.one("SEARCH").values
        ((_, *values),) = [
            response.values
            for response in self.last
            if response.kind == "ESEARCH" and response.values[0] == ["TAG", b"a"]
        ]
        # RFC 9051 §7.3.4: ALL is left out when nothing is found.
        return numbers_of(str(values[values.index("ALL") + 1])) if "ALL" in values else []

    def begin(self, context: Context) -> None:
        """Begin a context, which the server has to grant."""
        # Whoever is told of VANISHED has to know UIDs: those that it does not know yet it can only guess.
        context.by_uid = context.by_uid or "QRESYNC" in self.enabled
        self.last_context += 1
        tag = f"c{self.last_context}"
        self.contexts[tag] = context
        assert self.command(context.command, tag=tag).kind == "OK"
        assert self.code("NOUPDATE") is None

    def cancel(self, tag: str) -> None:
        """End a context."""
        # What is told from now on is not told of it any more.
        del self.contexts[tag]
        assert self.command(f'CANCELUPDATE "{tag}"').kind == "OK"

    def opened(self, folder: Folder | None, *, read_only: bool) -> None:
        """Take up the folder that SELECT has just opened; None when there is none."""
        self.folder, self.read_only = folder, read_only
        self.contexts.clear()
        if folder is None:
            self.slots = []
            self.recent.clear()

    # -- what it knows

    def look(self) -> None:
        """Ask for what is not known yet of the messages."""
        for _ in range(9):
            unknown = [number for number, slot in enumerate(self.slots, 1) if slot.uid is None]
            if not unknown:
                return
            before = len(self.slots)
            end = self.command(f"FETCH {unknown[0]}:{unknown[-1]} (UID FLAGS)")
            if end.code == "EXPUNGEISSUED" and len(self.slots) == before:
                # Some are gone, and the client will be told when it may be.
                self.command("NOOP")
        raise AssertionError("the server tells no UID")

    def keep(self, name: str) -> None:
        """Keep what is known of the selected folder, for `resynchronise`."""
        self.look()
        flags = {slot.uid: slot.flags for slot in self.slots if slot.uid is not None and slot.flags is not None}
        self.snapshots[name] = Snapshot(self.uid_validity, self.highest_modseq, flags)

    def resynchronise(self, name: str) -> Response:
        """Select a folder and ask only for what has changed since `keep` (RFC 7162 §3.2.5)."""
        snapshot = self.snapshots.pop(name)
        end = self.command(f"SELECT {name} (QRESYNC ({snapshot.uid_validity} {snapshot.modseq}))")
        if end.kind == "OK" and self.uid_validity == snapshot.uid_validity:
            flags = {uid: flags for uid, flags in snapshot.flags.items() if uid not in self.vanished}
            flags |= {slot.uid: slot.flags for slot in self.slots if slot.uid is not None and slot.flags is not None}
            assert len(flags) == len(self.slots), "there are others than the client is told of"
            for slot, uid in zip(self.slots, sorted(flags), strict=True):
                assert slot.uid in {None, uid}
                slot.uid, slot.flags = uid, flags[uid]
        return end

    def uids(self) -> list[int]:
        """Give the UIDs by sequence number; all have to be known."""
        uids = [slot.uid for slot in self.slots if slot.uid is not None]
        assert len(uids) == len(self.slots)
        assert uids == sorted(set(uids)), "UIDs do not ascend"
        return uids

    def assume(self, uids: Collection[int | None], flags: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """Note the outcome of a STORE that is .SILENT."""
        for slot in self.slots:
            if slot.uid in uids and slot.flags is not None:
                slot.flags = flags(slot.flags)

    def check(self) -> None:
        """Hold the picture against the folder; for when the server has told all there is to tell."""
        assert self.folder is not None
        mails = {} if self.folder.gone else self.folder.mails
        assert len(self.slots) == len(mails), f"{len(self.slots)} messages instead of {len(mails)}"
        for slot, (uid, mail) in zip(self.slots, mails.items(), strict=True):
            assert slot.uid in {None, uid}
            assert slot.flags in {None, mail.flags}, f"UID {uid}: {slot.flags} instead of {mail.flags}"
        for context in self.contexts.values():
            found = [uid for uid, mail in mails.items() if KEYS[context.key](mail.flags)]
            if context.order:
                # Those that are equal stay in mailbox order.
                backwards = context.order.startswith("REVERSE")
                found.sort(key=lambda uid: str(mails[uid].identity), reverse=backwards)
            uid_of = dict(zip(map(id, self.slots), mails, strict=True))
            known = [uid_of[id(item)] if isinstance(item, Slot) else item for item in context.result]
            assert known == found, f"{context.command}: {known} instead of {found}"

    def check_all(self) -> None:
        """Ask for everything, and hold it against the folder."""
        assert self.folder is not None
        assert self.command("NOOP").kind == "OK"
        self.check()
        assert self.command(f"UID FETCH 1:* {_PICTURE}").kind == "OK"
        self.check()
        mails = {} if self.folder.gone else self.folder.mails
        assert self.uids() == list(mails)
        told = [response.items for response in self.last if response.kind == "FETCH"]
        said = {items["UID"]: identity_of(items["BODY[HEADER.FIELDS (SUBJECT)]"]) for items in told}
        assert said == {uid: mail.identity for uid, mail in mails.items()}

    # -- what it is told

    def _believe(self, response: Response, during: str) -> None:
        read = getattr(self, f"_on_{response.kind.lower()}", None)
        if read is not None:
            read(response, during)

    def _on_exists(self, response: Response, during: str) -> None:
        if during in {"SELECT", "EXAMINE"}:
            self.slots = [Slot() for _ in range(response.number)]
            self.recent.clear()
            return
        assert response.number >= len(self.slots), "only EXPUNGE takes messages away"
        self.slots += [Slot() for _ in range(response.number - len(self.slots))]

    def _on_recent(self, response: Response, during: str) -> None:
        assert "IMAP4REV2" not in self.enabled, f"RECENT during {during}"
        assert response.number <= len(self.slots)

    def _on_expunge(self, response: Response, during: str) -> None:
        assert during not in {"FETCH", "STORE", "SEARCH"}, f"EXPUNGE during {during}"
        assert "QRESYNC" not in self.enabled, "EXPUNGE instead of VANISHED"
        assert 1 <= response.number <= len(self.slots)
        self._remove(response.number - 1)

    def _on_vanished(self, response: Response, during: str) -> None:
        assert "QRESYNC" in self.enabled, "VANISHED to a client that does not know it"
        earlier = len(response.values) == 2
        gone = set(numbers_of(str(response.values[-1])))
        if earlier:
            assert during in {"SELECT", "EXAMINE", "UID"}
            self.vanished |= gone
            return
        assert during not in {"FETCH", "STORE", "SEARCH"}, f"VANISHED during {during}"
        # RFC 7162 §3.2.10: each UID is one message less.
        for uid in gone:
            self._remove(self._place_of(uid))

    def _remove(self, place: int) -> None:
        slot = self.slots.pop(place)
        for context in self.contexts.values():
            # RFC 5267 §4.3.4
            assert not any(item is slot or item == slot.uid for item in context.result), "gone before REMOVEFROM"

    def _place_of(self, uid: int) -> int:
        """Find the message with this UID; a message of which the client has no UID yet may be the one."""
        exact = [place for place, slot in enumerate(self.slots) if slot.uid == uid]
        if exact:
            return exact[0]
        before = [place for place, slot in enumerate(self.slots) if slot.uid is not None and slot.uid < uid]
        place = before[-1] + 1 if before else 0
        unknown = place < len(self.slots) and self.slots[place].uid is None
        assert unknown, f"VANISHED of {uid}, which was never there"
        return place

    def _on_fetch(self, response: Response, during: str) -> None:
        assert 1 <= response.number <= len(self.slots), f"FETCH of {response.number} during {during}"
        slot = self.slots[response.number - 1]
        if "UID" in response.items:
            uid = response.items["UID"]
            assert slot.uid in {None, uid}, f"message {response.number} was {slot.uid} and is {uid}"
            slot.uid = uid
        else:
            assert "QRESYNC" not in self.enabled, "RFC 7162 §3.2.3: no UID"
        if "FLAGS" in response.items:
            names = response.items["FLAGS"]
            slot.flags = flag_set(names)
            self.told.add(slot.uid)
            if "\\Recent" in names:
                assert "IMAP4REV2" not in self.enabled
                assert slot.uid is not None
                self.recent.add(slot.uid)
        if "MODSEQ" in response.items:
            (modseq,) = response.items["MODSEQ"]
            assert modseq >= slot.modseq, "MODSEQ goes back"
            slot.modseq = modseq

    def _on_search(self, response: Response, during: str) -> None:
        assert response.kind
        assert "IMAP4REV2" not in self.enabled, f"SEARCH instead of ESEARCH during {during}"

    def _on_esearch(self, response: Response, during: str) -> None:
        (_, tag), *values = response.values
        context = self.contexts.get(tag.decode())
        if context is None:
            assert tag == b"a", f"ESEARCH for {tag!r} during {during}"
            return
        if context.by_uid:
            assert values.pop(0) == "UID"
        for name, value in zip(values[::2], values[1::2], strict=True):
            if name == "ALL":
                context.result = self._items(context, value)
                continue
            for position, items in zip(value[::2], value[1::2], strict=True):
                if name == "ADDTO":
                    context.add(position, self._items(context, items), self._where)
                else:
                    assert name == "REMOVEFROM"
                    context.remove(position, self._items(context, items))

    def _items(self, context: Context, numbers: int | str) -> list[int | Slot]:
        """Give the messages that have these UIDs, or now have these numbers."""
        if context.by_uid:
            return list(numbers_of(str(numbers)))
        return [self.slots[number - 1] for number in numbers_of(str(numbers))]

    def _where(self, item: int | Slot) -> int:
        if not isinstance(item, Slot):
            return item
        (place,) = [place for place, slot in enumerate(self.slots) if slot is item]
        return place

    def _on_ok(self, response: Response, during: str) -> None:
        if response.code == "UIDVALIDITY":
            self.uid_validity = int(response.argument)
        elif response.code == "UIDNEXT":
            self.uid_next = int(response.argument)
        elif response.code == "HIGHESTMODSEQ" and during in {"SELECT", "EXAMINE"}:
            self.highest_modseq = int(response.argument)


def command_octets(command: str, literal: bytes, tag: str) -> bytes:
    """Write a command; a literal comes last."""
    if literal:
        return f"{tag} {command} {{{len(literal)}+}}\r\n".encode() + literal + b"\r\n"
    return f"{tag} {command}\r\n".encode()


def identity_of(header: bytes) -> int:
    """Read which message it is out of its Subject."""
    subject = _SUBJECT.fullmatch(header)
    assert subject, header
    return int(subject[1])


def make_message(identity: int) -> bytes:
    """Make a message that says which it is."""
    return b"From: a@example.org\r\nSubject: %d\r\n\r\nMessage %d\r\n" % (identity, identity)
