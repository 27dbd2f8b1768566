"""The language of SEARCH: from a command's arguments to a key of `search` (RFC 3501 §6.4.4)."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from encodings import aliases, normalize_encoding
from typing import TYPE_CHECKING, Final

from tempmaild.core.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from tempmaild.imap import search
from tempmaild.imap.replies import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.imap.grammar import Parser
    from tempmaild.imap.search import Key

MOST_TEXTS: Final = 100
"""Texts that one search may look for: each takes milliseconds on a large message."""


def parse_search(parser: Parser, uids: Sequence[int], now: int) -> Key:
    """Read the arguments of SEARCH up to the end of the command.

    Args:
        uids: of the messages in the session's view, by sequence number, for which sequence sets are read.
        now: UTC epoch seconds, from which OLDER and YOUNGER count.

    Raises:
        SyntaxProblem: if they are none.
        Refused: the CHARSET is not known, or there are more than `MOST_TEXTS`.
    """
    codec = "utf-8"
    if parser.accept(b"CHARSET "):
        codec = _codec(parser.astring())
        parser.space()
    key = KeyReader(parser, uids, now, codec).keys()
    parser.end()
    return key


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
    """Reads search keys; its methods are the productions of the language, for `_KEYS`."""

    def __init__(self, parser: Parser, uids: Sequence[int], now: int, codec: str) -> None:
        self._parser = parser
        self._uids = uids
        self._codec = codec
        self._now = now
        self._texts = 0

    def keys(self) -> Key:
        """Read one or more keys, all of which have to match."""
        keys = [self.key()]
        while self._parser.accept(b" "):
            keys.append(self.key())
        return search.all_of(keys)

    def key(self) -> Key:
        """Read one key."""
        first = self._parser.peek()
        self._parser.enter()
        if self._parser.accept(b"("):
            key = self.keys()
            self._parser.expect(b")")
        elif first.isdigit() or first == b"*":
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
        return self._now - self._parser.nz_number()

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
            self._parser.fail(f"Expected a string in {self._codec}")

    def numbers(self) -> Key:
        """Read a set of sequence numbers."""
        return search.has_number(self._parser.sequence_set().resolve(len(self._uids)))

    def uids(self) -> Key:
        """Read a set of UIDs."""
        self._parser.space()
        highest = self._uids[-1] if self._uids else 0
        return search.has_uid(self._parser.sequence_set().resolve(highest))


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
    return search.all_of([search.since(start), search.before(start + _SECONDS_OF_A_DAY)])


def _midnight(day: date) -> int:
    """Give the moment at which a day begins, UTC epoch seconds."""
    return (day.toordinal() - _EPOCH) * _SECONDS_OF_A_DAY


_EPOCH: Final = date(1970, 1, 1).toordinal()
_SECONDS_OF_A_DAY: Final = 86400


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
    b"FLAGGED": _constant(search.has_flag(FLAGGED)),
    b"FROM": _addresses("from_"),
    b"HEADER": _header,
    b"KEYWORD": lambda reader: search.has_keyword(reader.keyword()),
    b"LARGER": lambda reader: search.larger(reader.number()),
    b"NEW": _constant(search.all_of([_RECENT, _UNSEEN])),
    b"NOT": lambda reader: search.negation(reader.argument()),
    b"OLD": _constant(search.negation(_RECENT)),
    b"OLDER": lambda reader: search.before(reader.moment() + 1),  # RFC 5032 §2
    b"ON": _on,
    b"OR": _or,
    b"RECENT": _constant(_RECENT),
    b"SEEN": _constant(search.has_flag(SEEN)),
    b"SENTBEFORE": lambda reader: search.sent_before(reader.date()),
    b"SENTON": lambda reader: search.sent_on(reader.date()),
    b"SENTSINCE": lambda reader: search.sent_since(reader.date()),
    b"SINCE": lambda reader: search.since(_midnight(reader.date())),
    b"SMALLER": lambda reader: search.smaller(reader.number()),
    b"SUBJECT": lambda reader: search.in_envelope("subject", reader.text()),
    b"TEXT": lambda reader: search.in_header_or_body(reader.text()),
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
