"""Commands for some messages: FETCH, STORE, COPY, MOVE (RFC 9051 §6.4.5 to §6.4.9)."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from tempmaild.core.flags import SEEN, FlagChange
from tempmaild.errors import MessageDamaged
from tempmaild.imap import resync
from tempmaild.imap.dialogue import IN_FOLDER, Command, Dialogue
from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.grammar import HIGHEST_MODSEQ, Parser, remembered
from tempmaild.imap.names import folder_name
from tempmaild.imap.partial import parse_range
from tempmaild.imap.replies import BAD, DAMAGED, DONE_BUT_SOME_GONE, SOME_GONE, UNKNOWN_ENCODING, Refused
from tempmaild.imap.sections import UnknownEncoding
from tempmaild.imap.sequence import write_set
from tempmaild.imap.uploads import check_flags, target_folder
from tempmaild.net.conversation import Pause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from tempmaild.core.flags import Flags
    from tempmaild.core.mailbox import Entry, Placement
    from tempmaild.imap.fetch_items import FetchRequest
    from tempmaild.imap.message import Message
    from tempmaild.imap.partial import Range
    from tempmaild.imap.view import View
    from tempmaild.store.messages import FlagResult

_LARGE = 1 << 18
"""Octets of a message; to look through more takes milliseconds, after which others have their turn."""
_BATCH = 100
_STORED_AT_ONCE = 2000
_SEEN = frozenset({SEEN})
_CHANGES = {
    b"FLAGS": FlagChange.REPLACE,
    b"+FLAGS": FlagChange.ADD,
    b"-FLAGS": FlagChange.REMOVE,
}

# -- FETCH


def fetch(s: Dialogue, parser: Parser) -> Awaitable[bytes]:
    """Send what is asked of the messages with these numbers."""
    return _fetch(s, parser, by_uid=False)


def uid_fetch(s: Dialogue, parser: Parser) -> Awaitable[bytes]:
    """Send what is asked of the messages with these UIDs."""
    return _fetch(s, parser, by_uid=True)


async def _fetch(s: Dialogue, parser: Parser, *, by_uid: bool) -> bytes:
    parser.space()
    wanted = parser.sequence_set()
    parser.space()
    request, modifiers = _request(s, parser, by_uid=by_uid)
    since = modifiers.since
    view = s.selected()
    if request.shows_modseq:
        s.enable_condstore()
        view.tells_modseq()
    if by_uid or since is not None:
        await s.catch_up()
    indices: Sequence[int] = view.indices(wanted, by_uid=by_uid)
    if modifiers.partial is not None:
        indices = modifiers.partial.of(indices)
    if since is not None:
        indices = await _changed(s, indices, since)
        if modifiers.vanished:
            await resync.say_vanished(s, wanted, since)
    sent = damaged = undecoded = 0
    for start in range(0, len(indices), _BATCH):
        some = await fetch_some(s, request, indices[start : start + _BATCH])
        sent += some.sent
        damaged += some.damaged
        undecoded += some.undecoded
    s.fetched += sent
    if damaged:
        # The others were sent: one message that cannot be read hides none of them.
        raise Refused(*DAMAGED)
    if undecoded:
        raise Refused(*UNKNOWN_ENCODING)
    if sent < len(indices) and not by_uid:
        return DONE_BUT_SOME_GONE
    return b"OK Fetched"


class _Modifiers(NamedTuple):
    """The modifiers of FETCH (RFC 7162 §3.1.4.1, §3.2.6, RFC 9394 §3.3).

    Attributes:
        since: a modification sequence; only messages that have changed since are fetched. None for all.
        vanished: whether it is told which were expunged since.
        partial: which of the messages are fetched; None for all.
    """

    since: int | None = None
    vanished: bool = False
    partial: Range | None = None


_NO_MODIFIERS = _Modifiers()


def _request(s: Dialogue, parser: Parser, *, by_uid: bool) -> tuple[FetchRequest, _Modifiers]:
    """Read the data items, the modifiers, and the end of the command."""
    request, modifiers = _parse_request(parser, by_uid, b"UIDONLY" in s.enabled)
    if modifiers.vanished and not (by_uid and b"QRESYNC" in s.enabled):
        raise Refused(b"", b"VANISHED is for UID FETCH, after QRESYNC was enabled", BAD)
    if modifiers.partial is not None and not by_uid:
        raise Refused(b"", b"PARTIAL is for UID FETCH", BAD)
    return request, modifiers


@remembered
def _parse_request(parser: Parser, by_uid: bool, uid_only: bool) -> tuple[FetchRequest, _Modifiers]:
    # RFC 9586 §3.3: the responses begin with the UID anyway.
    request = replace(parse_fetch(parser, with_uid=by_uid and not uid_only), uid_only=uid_only)
    modifiers = _parse_modifiers(parser) if parser.accept(b" (") else _NO_MODIFIERS
    parser.end()
    return (request if modifiers.since is None else request.adding(b"MODSEQ")), modifiers


def _parse_modifiers(parser: Parser) -> _Modifiers:
    since, vanished, partial = None, False, None
    while True:
        if since is None and parser.accept(b"CHANGEDSINCE "):
            since = parser.number(HIGHEST_MODSEQ)
        elif not vanished and parser.accept(b"VANISHED"):
            vanished = True
        elif partial is None and parser.accept(b"PARTIAL "):
            partial = parse_range(parser)
        else:
            parser.fail("Expected CHANGEDSINCE, VANISHED or PARTIAL, each once")
        if not parser.accept(b" "):
            break
    if vanished and since is None:
        parser.fail("Expected CHANGEDSINCE with VANISHED")
    parser.expect(b")")
    return _Modifiers(since, vanished, partial)


async def _changed(s: Dialogue, indices: Sequence[int], since: int) -> Sequence[int]:
    """Give those of the messages that have changed since a modification sequence."""
    uids = s.selected().uids
    entries = await s.entries([uids[index] for index in indices])
    return [index for index in indices if (entry := entries.get(uids[index])) and entry.modseq > since]


class _Fetched(NamedTuple):
    """How many messages were sent, and how many are there but cannot be read, or not be decoded."""

    sent: int
    damaged: int
    undecoded: int


async def fetch_some(s: Dialogue, request: FetchRequest, indices: Sequence[int]) -> _Fetched:
    """Send some messages: those that are still there."""
    view = s.selected()
    folder_id = view.folder.id
    uids = [view.uids[index] for index in indices]
    reads = request.sets_seen and not view.read_only
    seen_now = await _mark_seen(s, view, uids) if reads else frozenset()
    entries = await s.entries(uids)
    there = [uid for uid in uids if uid in entries]
    summaries = await s.inbox.summaries(folder_id, there) if request.needs_summary else dict.fromkeys(there)
    # RFC 7162 §3.2.4
    request_seen = request.adding(*_flag_items(s)) if seen_now else request
    sent, damaged, undecoded = list[int](), 0, 0
    for index, uid in zip(indices, uids, strict=True):
        if uid not in summaries:
            continue
        message = view.message(index, entries[uid])
        message.summary = summaries[uid]
        try:
            if request.needs_summary and message.summary is None:
                raise MessageDamaged
            # Nothing was sent yet, and so no time has passed, since the summaries were asked for.
            known_alive = request.needs_summary and not sent
            if request.needs_content and not await _get_content(s, request, message, known_alive=known_alive):
                continue
        except MessageDamaged:
            s.log.error("message-damaged", folder=folder_id, uid=uid)
            damaged += 1
            continue
        except UnknownEncoding:
            undecoded += 1
            continue
        await _send_response(s, request_seen if uid in seen_now else request, message)
        is_large = len(message.content or b"") > _LARGE
        message.drop_content()
        sent.append(uid)
        if is_large:
            await Pause(0)
    if reads:
        # Not before it is sent: what ends with its reading would be gone already.
        await s.inbox.note_read(folder_id, sent)
    return _Fetched(len(sent), damaged, undecoded)


async def _get_content(s: Dialogue, request: FetchRequest, message: Message, *, known_alive: bool) -> bool:
    """Have the message hold its content, and what is decoded of it; False when it is gone."""
    folder_id, uid = s.selected().folder.id, message.entry.uid
    if request.decodes:
        await s.inbox.examine(folder_id, uid, partial(request.decode, message))
    else:
        message.content = await s.inbox.content(folder_id, uid, known_alive=known_alive)
    return message.content is not None


async def _send_response(s: Dialogue, request: FetchRequest, message: Message) -> None:
    for piece in request.response(message):
        await s.send(piece)
        # Nothing can follow half of a response: if the rest of it fails, the session ends.
        s.over = True
    s.over = False


def _flag_items(s: Dialogue) -> tuple[bytes, ...]:
    """Give what is told of a message when its flags have changed."""
    if b"CONDSTORE" not in s.enabled:
        return (b"FLAGS",)
    return (b"FLAGS", b"MODSEQ") if b"UIDONLY" in s.enabled else (b"UID", b"FLAGS", b"MODSEQ")


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
    unchanged_since = _parse_unchanged_since(parser) if parser.accept(b"(") else None
    change, silent = _flag_change(parser)
    parser.space()
    flags = parser.flags()
    parser.end()
    check_flags(flags)
    view = s.selected()
    view.check_writable()
    if unchanged_since is not None:
        s.enable_condstore()
    uids = [view.uids[index] for index in view.indices(wanted, by_uid=by_uid)]
    if not uids:
        return b"OK Stored"
    # What others did is told first, so that what is then told apart is what this command does.
    await s.catch_up()
    flags = view.spelled(flags)
    wish = _Wish(change, flags, silent, unchanged_since)
    changed, modified = 0, list[int]()
    # Each message is changed or not for itself (RFC 7162 §3.1.3); others come to their turn between many of them.
    for start in range(0, len(uids), _STORED_AT_ONCE):
        result = await _store_some(s, wish, uids[start : start + _STORED_AT_ONCE])
        changed += len(result.changed)
        modified += result.modified
    return _stored(view, modified, len(uids) - changed - len(modified), by_uid=by_uid)


class _Wish(NamedTuple):
    """What STORE is to do.

    Attributes:
        silent: whether the client need not be told what it can work out.
        unchanged_since: only messages that have not changed since are changed; None for all.
    """

    change: FlagChange
    flags: Flags
    silent: bool
    unchanged_since: int | None


async def _store_some(s: Dialogue, wish: _Wish, uids: Sequence[int]) -> FlagResult:
    """Change the flags of some messages, and tell what became of them."""
    view = s.selected()
    change, flags, silent, unchanged_since = wish
    conditional = unchanged_since is not None
    entries = await s.entries(uids) if silent or conditional else {}
    before = {uid: entries[uid] for uid in uids if uid in entries}
    expected = {uid: change.apply(entry.flags, flags) for uid, entry in before.items()} if silent else {}
    result = await s.inbox.change_flags(view.folder.id, uids, change, flags, unchanged_since)
    s.say(view.new_keywords(result.changed))
    view.changed_here(result.changed)
    await s.send_lines(_stored_lines(view, result, before, expected, conditional=conditional))
    return result


def _parse_unchanged_since(parser: Parser) -> int:
    parser.expect(b"UNCHANGEDSINCE ")
    modseq = parser.number(HIGHEST_MODSEQ)
    parser.expect(b")")
    parser.space()
    return modseq


def _stored_lines(
    view: View, result: FlagResult, before: Mapping[int, Entry], expected: Mapping[int, Flags], *, conditional: bool
) -> Iterator[bytes]:
    """Tell what became of messages.

    Args:
        before: their entries as the client knew them.
        expected: flags by UID that the client knows without being told.
        conditional: whether their modification sequences are wanted in any case.
    """
    for entry in result.changed:
        # RFC 9051 §6.4.6: .SILENT is for what the client knows.
        if expected.get(entry.uid) != entry.flags:
            yield view.flags_of(entry)
        elif conditional or (b"CONDSTORE" in view.enabled and before[entry.uid].modseq != entry.modseq):
            yield view.modseq_of(entry)
    # So that the client need not ask why these were left as they are (RFC 7162 §3.1.3).
    for uid in result.modified:
        if uid in before:
            yield view.flags_of(before[uid])


def _stored(view: View, left: Sequence[int], gone: int, *, by_uid: bool) -> bytes:
    """Write how STORE ends.

    Args:
        left: UIDs of the messages that were left as they are.
        gone: how many are not there any more.

    Raises:
        Refused: some of them are gone, and others were left as they are.
    """
    modified = left if by_uid else [bisect_left(view.uids, uid) + 1 for uid in left]
    code = b"MODIFIED " + write_set(modified) if modified else b""
    if gone and not by_uid:
        if not code:
            return DONE_BUT_SOME_GONE
        # RFC 7162 §3.1.3 tells of what was modified even so.
        raise Refused(code, SOME_GONE.text)
    return b"OK [%b] Stored" % code if code else b"OK Stored"


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
    if placement:
        # RFC 6851 §4.3: where they are now is told before they are gone.
        s.say(b"* OK [COPYUID %b] Moved\r\n" % _copied(placement))
    return await s.removed(placement is not None, b"Moved")


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
    Command(b"FETCH", IN_FOLDER, fetch, "RFC 9051 §6.4.5", capability=b"BINARY PREVIEW SAVEDATE", expunges=False),
    Command(b"UID FETCH", IN_FOLDER, uid_fetch, "RFC 9051 §6.4.9"),
    Command(b"STORE", IN_FOLDER, store, "RFC 9051 §6.4.6", expunges=False),
    Command(b"UID STORE", IN_FOLDER, uid_store, "RFC 9051 §6.4.9"),
    Command(b"COPY", IN_FOLDER, copy, "RFC 9051 §6.4.7"),
    Command(b"UID COPY", IN_FOLDER, uid_copy, "RFC 9051 §6.4.9"),
    Command(b"MOVE", IN_FOLDER, move, "RFC 9051 §6.4.8", capability=b"MOVE"),
    Command(b"UID MOVE", IN_FOLDER, uid_move, "RFC 9051 §6.4.9"),
)
