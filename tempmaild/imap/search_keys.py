"""The language of SEARCH: from a command's arguments to a key of `search` (RFC 9051 §6.4.4)."""

from __future__ import annotations

import re
from contextlib import suppress
from encodings import aliases, normalize_encoding
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.core.dates import EPOCH
from tempmaild.core.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from tempmaild.core.timespan import DAY
from tempmaild.imap import search
from tempmaild.imap.grammar import HIGHEST
from tempmaild.imap.replies import UID_REQUIRED, Refused
from tempmaild.imap.sequence import LAST, SAVED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.search import Key

MOST_TEXTS: Final = 100
"""Texts that one search may look for: each takes milliseconds on a large message."""


class Scope(NamedTuple):
    """What a search is about.

    Attributes:
        uids: of the messages in the session's view, by sequence number, for which sequence sets are read.
        now: UTC epoch seconds, from which OLDER and YOUNGER count.
        saved: UIDs of the messages that `$` stands for.
        by_uid_only: whether there are no sequence numbers (RFC 9586).
        is_utf8: whether texts are in UTF-8 without saying so (RFC 6855 §3).
    """

    uids: Sequence[int]
    now: int
    saved: Sequence[int] = ()
    by_uid_only: bool = False
    is_utf8: bool = False


class Criteria(NamedTuple):
    """Which messages a search is to find.

    Attributes:
        size: how many keys there are in it.
        with_modseq: whether MODSEQ is one of them.
        names_last: whether a message counts for being the last one, which another may be at any time.
    """

    key: Key
    size: int
    with_modseq: bool
    names_last: bool = False


def parse_search(parser: Parser, scope: Scope) -> Criteria:
    """Read the criteria of SEARCH up to the end of the command; the charset may be left out.

    Raises:
        SyntaxProblem: if they are none.
        Refused: the charset is not known, a text is not in it, there are more than `MOST_TEXTS`, or a sequence number
            is not allowed.
    """
    codec = "utf-8"
    if not scope.is_utf8 and parser.accept(b"CHARSET "):
        codec = _codec(parser.astring())
        parser.space()
    return _criteria(parser, scope, codec)


def parse_search_in_charset(parser: Parser, scope: Scope) -> Criteria:
    """Read the criteria of SORT and THREAD, which begin with a charset (RFC 5256 §5), to the end of the command.

    Raises:
        SyntaxProblem, Refused: as `parse_search`.
    """
    codec = _codec(parser.astring())
    parser.space()
    return _criteria(parser, scope, codec)


def _criteria(parser: Parser, scope: Scope, codec: str) -> Criteria:
    reader = KeyReader(parser, scope, codec)
    key = reader.keys()
    parser.end()
    return Criteria(key, reader.count, reader.with_modseq, reader.names_last)


def _codec(charset: bytes) -> str:
    # Only names of this table: `codecs.lookup` imports modules by names it is given and keeps every name for ever.
    name = normalize_encoding(charset.decode("latin-1")).lower()
    codec = aliases.aliases.get(name, name)
    if codec in _CODECS:
        with suppress(LookupError):  # a codec, but none of texts, such as base64
            "a".encode(codec)
            return codec
    raise Refused(b"BADCHARSET (US-ASCII UTF-8)", b"The charset is not known")


_CODECS: Final = frozenset(aliases.aliases.values())


class KeyReader:
    """Reads search keys; its methods are the productions of the language, for `_KEYS`.

    Attributes:
        count: how many keys were read.
        with_modseq: whether MODSEQ was one of them.
        names_last: whether a message counts for having the last UID.
    """

    def __init__(self, parser: Parser, scope: Scope, codec: str) -> None:
        self.count = 0
        self.with_modseq = False
        self.names_last = False
        self._parser = parser
        self._scope = scope
        self._codec = codec
        self._texts = 0

    def keys(self) -> Key:
        """Read one or more keys, all of which have to match."""
        keys = [self.key()]
        while self._parser.accept(b" "):
            keys.append(self.key())
        return search.all_of(keys)

    def key(self) -> Key:
        """Read one key."""
        self.count += 1
        first = self._parser.peek()
        self._parser.enter()
        if self._parser.accept(b"("):
            key = self.keys()
            self._parser.expect(b")")
        elif first.isdigit() or first in (b"*", b"$"):
            key = self.numbers()
        else:
            key = self._named_key()
        self._parser.leave()
        return key

    def _named_key(self) -> Key:
        read = _KEYS.get(self._parser.atom().upper())
        if read is None:
            self._parser.fail("Expected a search key")
        return read(self)

    # -- arguments, each with the space before it

    def argument(self) -> Key:
        """Read a key that is the argument of another."""
        self._parser.space()
        return self.key()

    def number(self) -> int:
        """Read a number."""
        self._parser.space()
        return self._parser.number(at_most=(1 << 63) - 1)

    def moment(self) -> int:
        """Read an age in seconds; gives the moment that long ago, UTC epoch seconds."""
        self._parser.space()
        return self._scope.now - self._parser.nz_number()

    def date(self) -> date:
        """Read a day."""
        self._parser.space()
        return self._parser.date()

    def keyword(self) -> str:
        """Read a keyword."""
        self._parser.space()
        return self._parser.atom().decode()

    def field_name(self) -> bytes:
        """Read the name of a header field."""
        self._parser.space()
        return self._parser.astring()

    def text(self) -> str:
        """Read a text to be found."""
        self._parser.space()
        octets = self._parser.astring()
        self._texts += 1
        if self._texts > MOST_TEXTS:
            raise Refused(b"LIMIT", b"There are too many texts to look for")
        try:
            return octets.decode(self._codec)
        except UnicodeDecodeError:
            # Angus Mail (JavaMail) enables UTF8=ACCEPT and then writes the lower octet of each character. After NO it
            # searches by itself, and finds the right messages; BAD it passes on to its user.
            raise Refused(b"CLIENTBUG", b"A text is not in the charset") from None

    def numbers(self) -> Key:
        """Read a set of sequence numbers."""
        wanted = self._parser.sequence_set()
        if wanted is SAVED:
            return self._saved()
        if self._scope.by_uid_only:
            raise Refused(*UID_REQUIRED)
        # Numbers mean what they mean now, even if the result is told of for longer (RFC 5267 §4.3).
        uids = self._scope.uids
        ranges = [pair for pair in wanted.resolve(len(uids)) if pair[0] <= len(uids)]
        return search.has_uid([(uids[low - 1], uids[min(high, len(uids)) - 1]) for low, high in ranges])

    def uids(self) -> Key:
        """Read a set of UIDs."""
        self._parser.space()
        wanted = self._parser.sequence_set()
        if wanted is SAVED:
            return self._saved()
        last = self._scope.uids[-1] if self._scope.uids else 0
        if any(LAST in pair and not 0 < max(pair) <= max(last, 1) for pair in wanted.ranges):
            self.names_last = True
            return search.has_uid(wanted.resolve(last))
        # `*` is but the open end of a range, into which messages that are still to come belong as well.
        return search.has_uid(wanted.resolve(HIGHEST))

    def _saved(self) -> Key:
        return search.is_among(frozenset(self._scope.saved))

    def modseq(self) -> Key:
        """Read a modification sequence, which may be that of one flag; here flags have none of their own."""
        self._parser.space()
        if self._parser.peek() == b'"':
            if not self._parser.string().lower().startswith(b"/flags/"):
                self._parser.fail('Expected an entry such as "/flags/\\\\Seen" before this')
            self._parser.space()
            if self._parser.atom().upper() not in _ENTRY_TYPES:
                self._parser.fail("Expected priv, shared or all before this")
            self._parser.space()
        self.with_modseq = True
        return search.has_modseq(self._parser.number(at_most=(1 << 63) - 1))

    def object_id(self) -> bytes:
        """Read an object identifier (RFC 8474 §7)."""
        self._parser.space()
        found = self._parser.atom()
        if not _OBJECT_ID.fullmatch(found):
            self._parser.fail("Expected an object identifier before this")
        return found


_ENTRY_TYPES: Final = frozenset({b"PRIV", b"SHARED", b"ALL"})
_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}")

# -- the keys by name, and what each reads


def _header(reader: KeyReader) -> Key:
    name = reader.field_name()
    text = reader.text()
    # The summary has these, and a look-up by Message-ID is common.
    field = _ENVELOPE_FIELDS.get(name.lower())
    return search.in_envelope(field, text) if field else search.in_header_field(name, text)


_ENVELOPE_FIELDS: Final = {
    b"date": "date",
    b"subject": "subject",
    b"in-reply-to": "in_reply_to",
    b"message-id": "message_id",
}


def _or(reader: KeyReader) -> Key:
    return search.any_of([reader.argument(), reader.argument()])


def _on(reader: KeyReader) -> Key:
    start = _midnight(reader.date())
    return search.all_of([search.since(start), search.before(start + DAY)])


def _saved_on(reader: KeyReader) -> Key:
    start = _midnight(reader.date())
    return search.all_of([search.saved_since(start), search.saved_before(start + DAY)])


def _thread_id(reader: KeyReader) -> Key:
    # No message has one (RFC 8474 §5.2).
    reader.object_id()
    return search.negation(search.everything())


def _midnight(day: date) -> int:
    """Give the moment at which a day begins, UTC epoch seconds."""
    return (day.toordinal() - EPOCH) * DAY


def _constant(key: Key) -> Callable[[KeyReader], Key]:
    return lambda _: key


def _addresses(field: str) -> Callable[[KeyReader], Key]:
    return lambda reader: search.in_addresses(field, reader.text())


_UNSEEN: Final = search.negation(search.has_flag(SEEN))
_RECENT: Final = search.is_recent()

# RFC 3501 §6.4.4
_KEYS: Final[dict[bytes, Callable[[KeyReader], Key]]] = {
    b"ALL": _constant(search.everything()),
    b"ANSWERED": _constant(search.has_flag(ANSWERED)),
    b"BCC": _addresses("bcc"),
    b"BEFORE": lambda reader: search.before(_midnight(reader.date())),
    b"BODY": lambda reader: search.in_body(reader.text()),
    b"CC": _addresses("cc"),
    b"DELETED": _constant(search.has_flag(DELETED)),
    b"DRAFT": _constant(search.has_flag(DRAFT)),
    b"EMAILID": lambda reader: search.has_email_id(reader.object_id()),  # RFC 8474 §6
    b"FLAGGED": _constant(search.has_flag(FLAGGED)),
    b"FROM": _addresses("from_"),
    b"HEADER": _header,
    b"KEYWORD": lambda reader: search.has_keyword(reader.keyword()),
    b"LARGER": lambda reader: search.larger(reader.number()),
    b"MODSEQ": KeyReader.modseq,  # RFC 7162 §3.1.5
    b"NEW": _constant(search.all_of([_RECENT, _UNSEEN])),
    b"NOT": lambda reader: search.negation(reader.argument()),
    b"OLD": _constant(search.negation(_RECENT)),
    b"OLDER": lambda reader: search.before(reader.moment() + 1),  # RFC 5032 §2
    b"ON": _on,
    b"OR": _or,
    b"RECENT": _constant(_RECENT),
    b"SAVEDATESUPPORTED": _constant(search.everything()),  # RFC 8514 §4.2
    b"SAVEDBEFORE": lambda reader: search.saved_before(_midnight(reader.date())),
    b"SAVEDON": _saved_on,
    b"SAVEDSINCE": lambda reader: search.saved_since(_midnight(reader.date())),
    b"SEEN": _constant(search.has_flag(SEEN)),
    b"SENTBEFORE": lambda reader: search.sent_before(reader.date()),
    b"SENTON": lambda reader: search.sent_on(reader.date()),
    b"SENTSINCE": lambda reader: search.sent_since(reader.date()),
    b"SINCE": lambda reader: search.since(_midnight(reader.date())),
    b"SMALLER": lambda reader: search.smaller(reader.number()),
    b"SUBJECT": lambda reader: search.in_envelope("subject", reader.text()),
    b"TEXT": lambda reader: search.in_header_or_body(reader.text()),
    b"THREADID": _thread_id,
    b"TO": _addresses("to"),
    b"UID": KeyReader.uids,
    b"UNANSWERED": _constant(search.negation(search.has_flag(ANSWERED))),
    b"UNDELETED": _constant(search.negation(search.has_flag(DELETED))),
    b"UNDRAFT": _constant(search.negation(search.has_flag(DRAFT))),
    b"UNFLAGGED": _constant(search.negation(search.has_flag(FLAGGED))),
    b"UNKEYWORD": lambda reader: search.negation(search.has_keyword(reader.keyword())),
    b"UNSEEN": _constant(_UNSEEN),
    b"YOUNGER": lambda reader: search.since(reader.moment()),  # RFC 5032 §2
}
