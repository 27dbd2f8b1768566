"""NOTIFY: a client chooses what it is told, and is told it at any time (RFC 5465)."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX, WHOLE_MAILBOX
from tempmaild.errors import MailboxGone
from tempmaild.imap import metadata
from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.listing import Listing, list_line
from tempmaild.imap.messages import fetch_some
from tempmaild.imap.names import decoded, normal, written
from tempmaild.imap.replies import BAD, Refused
from tempmaild.net.conversation import Interruption

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tempmaild.core.mailbox import Changes, Folder
    from tempmaild.imap.fetch_items import FetchRequest
    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.view import View

_NEW: Final = b"MESSAGENEW"
_EXPUNGE: Final = b"MESSAGEEXPUNGE"
_FLAGS: Final = b"FLAGCHANGE"
_NAME: Final = b"MAILBOXNAME"
_SUBSCRIPTION: Final = b"SUBSCRIPTIONCHANGE"
_METADATA: Final = b"MAILBOXMETADATACHANGE"
_SERVER_METADATA: Final = b"SERVERMETADATACHANGE"
_EVENTS: Final = {
    _NEW: b"MessageNew",
    _EXPUNGE: b"MessageExpunge",
    _FLAGS: b"FlagChange",
    _NAME: b"MailboxName",
    _SUBSCRIPTION: b"SubscriptionChange",
    _METADATA: b"MailboxMetadataChange",
    _SERVER_METADATA: b"ServerMetadataChange",
}
_OF_MESSAGES: Final = frozenset({_NEW, _EXPUNGE})
_OF_METADATA: Final = frozenset({_METADATA, _SERVER_METADATA})
_OF_FOLDERS: Final = _OF_METADATA | {_NAME, _SUBSCRIPTION}

_SELECTED: Final = b"SELECTED"
_DELAYED: Final = b"SELECTED-DELAYED"
_NAMELESS: Final = frozenset({b"INBOXES", b"PERSONAL", b"SUBSCRIBED"})
_NAMING: Final = frozenset({b"SUBTREE", b"MAILBOXES"})

_MOST_NAMES = 200
"""Names and groups of one NOTIFY; a mailbox has hardly more folders."""
_BATCH = 100


class _Selected(NamedTuple):
    """What the client wants to be told of the selected folder.

    Attributes:
        messages: whether of messages that come and go.
        flags: whether of flags.
        at_once: whether messages that are gone are told of between two commands, whose numbers they change.
        request: what is told of each new message besides that it is there.
    """

    messages: bool = False
    flags: bool = False
    at_once: bool = False
    request: FetchRequest | None = None


class _Group(NamedTuple):
    """Events that the client wants to be told of, of some folders; no events at all for NONE.

    Attributes:
        names: those that SUBTREE and MAILBOXES give.
    """

    kind: bytes
    names: frozenset[str]
    events: frozenset[bytes]

    def covers(self, folder: Folder) -> bool:
        """Tell whether a folder is one of them (RFC 5465 §6)."""
        if self.kind == b"INBOXES":
            # Those into which mail is delivered by itself.
            return folder.name == INBOX or folder.special_use == "\\Junk"
        if self.kind == b"SUBSCRIBED":
            return folder.subscribed
        if self.kind == b"MAILBOXES":
            return folder.name in self.names
        if self.kind == b"SUBTREE":
            return any(folder.name == name or folder.name.startswith(name + FOLDER_SEPARATOR) for name in self.names)
        return True


_NOTHING: Final = _Selected()
_NO_GROUPS: Final[tuple[_Group, ...]] = ()


class _Held(NamedTuple):
    """What the client has not been told of a folder, because it did not want to be.

    Attributes:
        modseq: up to which change it has been told everything.
        told: how many messages it has been told of; None for all.
    """

    view: View
    modseq: int
    told: int | None


class Notifying:
    """What one client wants to be told, and what it has been told.

    Attributes:
        pending: whether something has happened of which it may have to be told.
    """

    __slots__ = ("_asked", "_folders", "_groups", "_held", "_metadata", "_selected", "_session", "pending")

    def __init__(self, session: Dialogue, selected: _Selected, groups: Sequence[_Group]) -> None:
        self._session = session
        self._selected = selected
        self._groups = tuple(groups)
        # As the client knows them, by id; none while it does not ask.
        self._folders: dict[int, Folder] = {}
        # Marks of what the client knows to be kept, by folder and name; none while it does not ask.
        self._metadata: dict[tuple[int, str], object] = {}
        self._held: _Held | None = None
        self._asked = False
        self.pending = False

    # -- all folders

    async def start(self, *, tell_status: bool) -> None:
        """Look what there is, which the client knows or is told now, and listen for what happens to it."""
        if not self._groups:
            self.listen()
            return
        await self._look()
        for folder in self._folders.values() if tell_status else ():
            if folder.id != self._selected_id and self._belongs_to_snapshot(folder):
                await self._session.send(self._status(folder))

    def replace(self, former: Notifying) -> None:
        """Take over what the client has not been told."""
        self._held = former._held

    def listen(self) -> None:
        """Hear what happens to all folders of which the client may have to be told."""
        inbox = self._session.inbox
        inbox.watcher.watch_besides((inbox.mailbox.id, *self._folders) if self._groups else (), self._hear)

    async def _look(self) -> None:
        folders = await self._session.inbox.folders()
        known, self._folders = self._folders, {folder.id: folder for folder in folders}
        if known.keys() != self._folders.keys():
            self.listen()
            # Something may have happened before it could be heard.
            self.pending = True
        if any(group.events & _OF_METADATA for group in self._groups):
            self._metadata = await metadata.marks(self._session, folders)

    def _hear(self) -> None:
        self.pending = True
        self._session.wake()

    async def _tell_of_folders(self) -> None:
        s = self._session
        if not self._groups:
            await s.inbox.check_alive()
            return
        known, known_metadata = self._folders, self._metadata
        await self._look()
        await s.send_lines(self._changed_names(known))
        await s.send_lines(self._changed_metadata(known_metadata))
        for folder in self._folders.values():
            if folder.id != self._selected_id and self._has_changed(known.get(folder.id), folder):
                await s.send(self._status(folder))

    def _changed_names(self, known: dict[int, Folder]) -> Iterator[bytes]:
        """Write LIST responses for folders that have come, have gone, or have another name or subscription."""
        s = self._session
        listing = Listing(self._folders.values(), utf8=s.utf8)
        names = {folder.name for folder in self._folders.values()}
        for folder in self._folders.values():
            before = known.get(folder.id)
            wanted = self._events_of(folder) | (self._events_of(before) if before else set())
            if _NAME in wanted and (before is None or before.name != folder.name):
                # RFC 5465 §5.4
                yield listing.renamed(folder.name, before.name if before else folder.name)
            elif _SUBSCRIPTION in wanted and before is not None and before.subscribed != folder.subscribed:
                yield listing.renamed(folder.name, folder.name)
        for folder_id, before in known.items():
            if folder_id not in self._folders and before.name not in names and _NAME in self._events_of(before):
                yield list_line(["\\NonExistent"], before.name, utf8=s.utf8)

    def _changed_metadata(self, known: dict[tuple[int, str], object]) -> Iterator[bytes]:
        """Write METADATA responses with the names of entries that have changed (RFC 5465 §5.6, §5.7)."""
        changed = sorted({key for key, _ in known.items() ^ self._metadata.items()})
        for folder_id, keys in groupby(changed, key=itemgetter(0)):
            names = [name for _, name in keys]
            folder = self._folders.get(folder_id)
            if folder is not None and _METADATA in self._events_of(folder):
                yield metadata.changed_line(folder.name, names, utf8=self._session.utf8)
            elif folder_id == WHOLE_MAILBOX and self._wants_server_metadata:
                yield metadata.changed_line("", names, utf8=self._session.utf8)

    def _has_changed(self, known: Folder | None, folder: Folder) -> bool:
        """Tell whether something has happened to the messages of a folder of which the client wants to be told."""
        wanted = self._events_of(folder)
        if _NEW not in wanted:
            return False
        if known is None or known.uid_validity != folder.uid_validity:
            return True
        if _FLAGS in wanted and known.highest_modseq != folder.highest_modseq:
            return True
        return (known.uid_next, known.messages) != (folder.uid_next, folder.messages)

    def _status(self, folder: Folder) -> bytes:
        """Write the STATUS response of a folder (RFC 5465 §5.1 to §5.3)."""
        s = self._session
        modseq = b""
        if _FLAGS in self._events_of(folder) or b"CONDSTORE" in s.enabled:
            modseq = b" HIGHESTMODSEQ %d" % folder.highest_modseq
        return b"* STATUS %b (MESSAGES %d UIDNEXT %d UIDVALIDITY %d%b)\r\n" % (
            written(folder.name, utf8=s.utf8),
            folder.messages,
            folder.uid_next,
            folder.uid_validity,
            modseq,
        )

    def _belongs_to_snapshot(self, folder: Folder) -> bool:
        """Tell whether the client wants to know how a folder is now: for NONE that is all that it is ever told."""
        return any((_NEW in group.events or not group.events) and group.covers(folder) for group in self._groups)

    def _events_of(self, folder: Folder) -> set[bytes]:
        return {event for group in self._groups if group.covers(folder) for event in group.events}

    @property
    def _wants_server_metadata(self) -> bool:
        # Whatever folders a group means: it is of none of them.
        return any(_SERVER_METADATA in group.events for group in self._groups)

    @property
    def _selected_id(self) -> int:
        view = self._session.view
        return 0 if view is None else view.folder.id

    # -- the selected folder

    @property
    def has_news(self) -> bool:
        """Whether there may be something to tell between two commands."""
        view = self._session.view
        return self.pending or (self._selected.at_once and view is not None and view.has_expunged)

    async def tell(self, *, expunges: bool) -> None:
        """Tell what has happened.

        Args:
            expunges: whether any client may be told now of messages that are gone.
        """
        s = self._session
        self.pending = False
        try:
            if s.view is not None and self._selected.messages and (s.view.news or s.view.has_expunged):
                await s.tell_news(expunges=expunges or self._selected.at_once)
            await self._tell_of_folders()
        except (Interruption, MailboxGone):
            raise
        except Exception as error:  # it is told no more, and told so
            s.log.failure("news-failed", error)
            self._give_up()

    def _give_up(self) -> None:
        # RFC 5465 §5.8
        s = self._session
        self._selected, self._groups, self.pending = _NOTHING, _NO_GROUPS, False
        self.listen()
        if not s.over:
            s.say(b"* OK [NOTIFICATIONOVERFLOW] Not everything could be told; nothing is from now on\r\n")

    @property
    def wants_flags(self) -> bool:
        """Whether the client is to be told of changed flags in the selected folder."""
        return self._selected.flags or self._asked

    @property
    def wants_messages(self) -> bool:
        """Whether the client is to be told of messages that come to the selected folder, and go."""
        return self._selected.messages or self._asked

    def ask(self) -> None:
        """Have everything told once: the client has removed messages, and needs to know where the others are."""
        self._asked = True

    def has_answered(self) -> None:
        """Go back to what the client has asked for."""
        self._asked = False

    def known(self, view: View) -> int:
        """Give how many messages the client knows, before it is told more; what was held back is told anew."""
        held = self._held if self._held is not None and self._held.view is view else None
        known = len(view.uids) if held is None or held.told is None else held.told
        if self.wants_messages and known < len(view.uids):
            self._session.say(b"* %d EXISTS\r\n" % len(view.uids))
        if self.wants_messages and self.wants_flags:
            if held is not None:
                view.modseq = min(view.modseq, held.modseq)
            self._held = None
        else:
            modseq = view.modseq if held is None else held.modseq
            self._held = _Held(view, modseq, None if self.wants_messages else known)
        return known

    def learn(self, view: View, changes: Changes) -> Iterable[bytes]:
        """Have the view learn changes; give what the client wants to be told of them."""
        lines = view.learn(changes, flags=self.wants_flags)
        if self._held is not None:
            view.told_modseq = min(view.told_modseq, self._held.modseq)
        return lines if self.wants_messages else ()

    async def describe(self, view: View, known: int) -> None:
        """Tell what the client has asked for of each message that it did not know (RFC 5465 §5.2)."""
        request = self._selected.request
        if request is None:
            return
        if b"UIDONLY" in self._session.enabled:
            request = msgspec.structs.replace(request, uid_only=True)
        for start in range(known, len(view.uids), _BATCH):
            await fetch_some(self._session, request, range(start, min(start + _BATCH, len(view.uids))))


async def notify(s: Dialogue, parser: Parser) -> bytes:
    """Tell from now on what the client wants to be told, and when that is."""
    parser.space()
    word = parser.atom().upper()
    tell_status = False
    selected = _NOTHING
    groups: Sequence[_Group] = ()
    if word == b"SET":
        tell_status = parser.accept(b" STATUS")
        selected, groups = _event_groups(parser)
    elif word != b"NONE":
        parser.fail("Expected SET or NONE before this")
    parser.end()
    if selected.request is not None and selected.request.shows_modseq:
        s.enable_condstore()
    notifying = Notifying(s, selected, groups)
    try:
        await notifying.start(tell_status=tell_status)
    except BaseException:
        if s.notifying is not None:
            # What was asked for before still holds.
            s.notifying.listen()
        raise
    if s.notifying is not None:
        notifying.replace(s.notifying)
    s.notifying = notifying
    if s.view is not None and selected.messages:
        # RFC 5465 §3.1: what has been held back is told at the end of this command.
        s.view.news = True
    return b"OK You will be told" if selected.messages or groups else b"OK You will not be told"


def _event_groups(parser: Parser) -> tuple[_Selected, Sequence[_Group]]:
    selected = None
    groups = []
    names = 0
    unknown = False
    while parser.accept(b" "):
        parser.expect(b"(")
        kind = parser.atom().upper()
        of_selected = kind in {_SELECTED, _DELAYED}
        if of_selected and selected is not None:
            parser.fail("Expected SELECTED or SELECTED-DELAYED only once before this")
        group_names = _names(parser, kind)
        parser.space()
        events, request = _events(parser)
        parser.expect(b")")
        unknown = unknown or not events <= _EVENTS.keys()
        if request is not None and not of_selected:
            parser.fail("Expected data items only for the selected mailbox before this")
        if of_selected and events & _OF_FOLDERS:
            parser.fail("Expected only events of messages for the selected mailbox before this")
        if of_selected:
            selected = _Selected(_NEW in events, _FLAGS in events, kind == _SELECTED and _NEW in events, request)
        else:
            groups.append(_Group(kind, group_names, events))
        names += 1 + len(group_names)
    if selected is None and not groups:
        parser.fail("Expected a space and groups of events")
    if unknown:
        raise Refused(b"BADEVENT (%b)" % b" ".join(_EVENTS.values()), b"Not all of these events are told")
    if names > _MOST_NAMES:
        raise Refused(b"NOTIFICATIONOVERFLOW", b"These are too many mailboxes; ask for all of them instead")
    return selected or _NOTHING, groups


def _names(parser: Parser, kind: bytes) -> frozenset[str]:
    if kind not in _NAMING:
        if kind not in _NAMELESS and kind not in {_SELECTED, _DELAYED}:
            parser.fail("Expected which mailboxes are meant before this")
        return frozenset()
    parser.space()
    if not parser.accept(b"("):
        return frozenset({_name(parser)})
    names = {_name(parser)}
    while parser.accept(b" "):
        names.add(_name(parser))
    parser.expect(b")")
    return frozenset(names)


def _name(parser: Parser) -> str:
    return normal(decoded(parser.astring(), utf8=parser.utf8))


def _events(parser: Parser) -> tuple[frozenset[bytes], FetchRequest | None]:
    """Read events, and what is to be told of new messages."""
    request = None
    if not parser.accept(b"("):
        if parser.atom().upper() != b"NONE":
            parser.fail("Expected NONE or events in parentheses before this")
        return frozenset(), None
    events = set()
    while True:
        event = parser.atom().upper()
        events.add(event)
        goes_on = parser.accept(b" ")
        if goes_on and event == _NEW and parser.peek() == b"(":
            request = parse_fetch(parser)
            goes_on = parser.accept(b" ")
        if not goes_on:
            break
    parser.expect(b")")
    # RFC 5465 §5
    of_messages = events & _OF_MESSAGES
    if of_messages != _OF_MESSAGES and (of_messages or _FLAGS in events):
        raise Refused(b"", b"MessageNew, MessageExpunge: each needs the other, and FlagChange both of them", BAD)
    return frozenset(events), request


COMMANDS = (Command(b"NOTIFY", LOGGED_IN, notify, "RFC 5465 §3.1", capability=b"NOTIFY"),)
