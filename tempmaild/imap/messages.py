"""Commands for some messages: FETCH, STORE, COPY, MOVE (RFC 9051 §6.4.5 to §6.4.9)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core.flags import SEEN, FlagChange
from tempmaild.errors import MessageDamaged
from tempmaild.imap.append import check_flags, target_folder
from tempmaild.imap.dialogue import IN_FOLDER, Command, Dialogue
from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.names import folder_name
from tempmaild.imap.replies import DAMAGED, SOME_GONE, Refused
from tempmaild.imap.sequence import write_set

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tempmaild.core.mailbox import Placement
    from tempmaild.imap.fetch_items import FetchRequest
    from tempmaild.imap.message import Message
    from tempmaild.imap.view import View

_BATCH = 100
_SHORT_REQUEST = 100
_SEEN = frozenset({SEEN})
_CHANGES = {
    b"FLAGS": FlagChange.REPLACE,
    b"+FLAGS": FlagChange.ADD,
    b"-FLAGS": FlagChange.REMOVE,
}

# -- FETCH


async def fetch(s: Dialogue, parser: Parser) -> bytes:
    """Send what is asked of the messages with these numbers."""
    return await _fetch(s, parser, by_uid=False)


async def uid_fetch(s: Dialogue, parser: Parser) -> bytes:
    """Send what is asked of the messages with these UIDs."""
    return await _fetch(s, parser, by_uid=True)


async def _fetch(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    parser.space()
    wanted = parser.sequence_set()
    parser.space()
    request = _request(parser, by_uid=by_uid)
    if by_uid:
        await s.catch_up()
    indices = s.selected().indices(wanted, by_uid=by_uid)
    sent = damaged = 0
    for start in range(0, len(indices), _BATCH):
        some = await _fetch_some(s, request, indices[start : start + _BATCH])
        sent += some.sent
        damaged += some.damaged
    s.fetched += sent
    if damaged:
        # The others were sent: one message that cannot be read hides none of them.
        raise Refused(*DAMAGED)
    if sent < len(indices) and not by_uid:
        raise Refused(*SOME_GONE)
    return b"OK Fetched"


def _request(parser: Parser, *, by_uid: bool) -> FetchRequest:
    """Read the data items and the end of the command."""
    text = parser.rest()
    if len(text) <= _SHORT_REQUEST:
        # A client asks for the same few combinations of items all day.
        try:
            return _short_request(text, by_uid)
        except SyntaxProblem:
            pass  # to be raised once more with its place in this command
    request = parse_fetch(parser, with_uid=by_uid)
    parser.end()
    return request


@lru_cache(maxsize=512)
def _short_request(text: bytes, by_uid: bool) -> FetchRequest:
    parser = Parser((text,))
    request = parse_fetch(parser, with_uid=by_uid)
    parser.end()
    return request


class _Fetched(NamedTuple):
    """How many messages were sent, and how many are there but cannot be read."""

    sent: int
    damaged: int


async def _fetch_some(s: Dialogue, request: FetchRequest, indices: Sequence[int]) -> _Fetched:
    """Send some messages: those that are still there."""
    view = s.selected()
    folder_id = view.folder.id
    uids = [view.uids[index] for index in indices]
    seen_now = await _mark_seen(s, view, uids) if request.sets_seen and not view.read_only else frozenset()
    entries = await s.entries(uids)
    messages = [view.message(index, entries[uid]) for index, uid in zip(indices, uids, strict=True) if uid in entries]
    if request.needs_summary:
        summaries = await s.inbox.summaries(folder_id, [message.entry.uid for message in messages])
        messages = [message for message in messages if message.entry.uid in summaries]
        for message in messages:
            message.summary = summaries[message.entry.uid]
    sent, damaged = [], 0
    for message in messages:
        uid = message.entry.uid
        try:
            if request.needs_summary and message.summary is None:
                raise MessageDamaged
            if request.needs_content:
                message.content = await s.inbox.content(folder_id, uid)
                if message.content is None:
                    continue
        except MessageDamaged:
            s.log.error("message-damaged", folder=folder_id, uid=uid)
            damaged += 1
            continue
        await _send_response(s, request.with_flags() if uid in seen_now else request, message)
        message.content = None
        sent.append(uid)
    if request.sets_seen and not view.read_only:
        # Not before it is sent: what ends with its reading would be gone already.
        await s.inbox.note_read(folder_id, sent)
    return _Fetched(len(sent), damaged)


async def _send_response(s: Dialogue, request: FetchRequest, message: Message) -> None:
    for piece in request.response(message):
        await s.send(piece)
        # Nothing can follow half of a response: if the rest of it fails, the session ends.
        s.over = True
    s.over = False


async def _mark_seen(s: Dialogue, view: View, uids: Sequence[int]) -> frozenset[int]:
    r"""Set \Seen; give the UIDs of the messages that had it not."""
    entries = await s.entries(uids)
    unseen = [uid for uid in uids if uid in entries and SEEN not in entries[uid].flags]
    if not unseen:
        return frozenset()
    result = await s.inbox.change_flags(view.folder.id, unseen, FlagChange.ADD, _SEEN)
    view.changed_here(result.changed)
    return frozenset(unseen)


# -- STORE


async def store(s: Dialogue, parser: Parser) -> bytes:
    """Change the flags of the messages with these numbers."""
    return await _store(s, parser, by_uid=False)


async def uid_store(s: Dialogue, parser: Parser) -> bytes:
    """Change the flags of the messages with these UIDs."""
    return await _store(s, parser, by_uid=True)


async def _store(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    parser.space()
    wanted = parser.sequence_set()
    parser.space()
    change, silent = _flag_change(parser)
    parser.space()
    flags = parser.flags()
    parser.end()
    check_flags(flags)
    view = s.selected()
    view.check_writable()
    uids = [view.uids[index] for index in view.indices(wanted, by_uid=by_uid)]
    if not uids:
        return b"OK Stored"
    # What others did is told first, so that what is then told apart is what this command does.
    await s.catch_up()
    flags = view.spelled(flags)
    before = await s.entries(uids) if silent else {}
    expected = {uid: change.apply(before[uid].flags, flags) for uid in uids if uid in before}
    result = await s.inbox.change_flags(view.folder.id, uids, change, flags)
    s.say(view.new_keywords(result.changed))
    view.changed_here(result.changed)
    for entry in result.changed:
        # RFC 9051 §6.4.6: .SILENT is for what the client knows.
        if expected.get(entry.uid) != entry.flags:
            await s.send(view.flags_of(entry))
    if len(result.changed) < len(uids) and not by_uid:
        raise Refused(*SOME_GONE)
    return b"OK Stored"


def _flag_change(parser: Parser) -> tuple[FlagChange, bool]:
    word, _, silent = parser.atom().upper().partition(b".")
    change = _CHANGES.get(word)
    if change is None or silent not in (b"", b"SILENT"):
        parser.fail("Expected FLAGS, +FLAGS or -FLAGS, with or without .SILENT, before this")
    return change, bool(silent)


# -- COPY and MOVE


async def copy(s: Dialogue, parser: Parser) -> bytes:
    """Copy the messages with these numbers."""
    return await _copy(s, parser, by_uid=False)


async def uid_copy(s: Dialogue, parser: Parser) -> bytes:
    """Copy the messages with these UIDs."""
    return await _copy(s, parser, by_uid=True)


async def _copy(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    uids, name = _uids_and_folder(s, parser, by_uid=by_uid)
    placement = await _place(s, s.inbox.copy, uids, name, by_uid=by_uid)
    return b"OK [COPYUID %b] Copied" % _copied(placement) if placement else b"OK Copied"


async def move(s: Dialogue, parser: Parser) -> bytes:
    """Move the messages with these numbers."""
    return await _move(s, parser, by_uid=False)


async def uid_move(s: Dialogue, parser: Parser) -> bytes:
    """Move the messages with these UIDs."""
    return await _move(s, parser, by_uid=True)


async def _move(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    uids, name = _uids_and_folder(s, parser, by_uid=by_uid)
    s.selected().check_writable()
    placement = await _place(s, s.inbox.move, uids, name, by_uid=by_uid)
    s.selected().news = True
    if placement:
        # RFC 6851 §4.3: where they are now is told before they are gone.
        s.say(b"* OK [COPYUID %b] Moved\r\n" % _copied(placement))
    return b"OK Moved"


def _uids_and_folder(s: Dialogue, parser: Parser, *, by_uid: bool) -> tuple[list[int], str]:
    parser.space()
    wanted = parser.sequence_set()
    name = folder_name(parser)
    parser.end()
    view = s.selected()
    return [view.uids[index] for index in view.indices(wanted, by_uid=by_uid)], name


async def _place(
    s: Dialogue,
    act: Callable[[int, Sequence[int], str], Awaitable[Placement]],
    uids: Sequence[int],
    name: str,
    *,
    by_uid: bool,
) -> Placement | None:
    """Copy or move; None when there is nothing to be copied."""
    target = await target_folder(s, name)
    if not uids:
        return None
    view = s.selected()
    placement = await act(view.folder.id, uids, name)
    if target.id == view.folder.id:
        view.news = True
    if not placement.uids and not by_uid:
        raise Refused(*SOME_GONE)
    return placement if placement.uids else None


def _copied(placement: Placement) -> bytes:
    """Write what follows COPYUID (RFC 4315 §3)."""
    old, new = zip(*placement.uids, strict=True)
    return b"%d %b %b" % (placement.uid_validity, write_set(old), write_set(new))


COMMANDS = (
    Command(b"FETCH", IN_FOLDER, fetch, "RFC 9051 §6.4.5", expunges=False),
    Command(b"UID FETCH", IN_FOLDER, uid_fetch, "RFC 9051 §6.4.9"),
    Command(b"STORE", IN_FOLDER, store, "RFC 9051 §6.4.6", expunges=False),
    Command(b"UID STORE", IN_FOLDER, uid_store, "RFC 9051 §6.4.9"),
    Command(b"COPY", IN_FOLDER, copy, "RFC 9051 §6.4.7"),
    Command(b"UID COPY", IN_FOLDER, uid_copy, "RFC 9051 §6.4.9"),
    Command(b"MOVE", IN_FOLDER, move, "RFC 9051 §6.4.8", capability=b"MOVE"),
    Command(b"UID MOVE", IN_FOLDER, uid_move, "RFC 9051 §6.4.9"),
)
