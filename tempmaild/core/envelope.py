"""The envelope of a message: its address, date and identifier fields as IMAP gives them (RFC 9051 §7.5.2)."""

import re
from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from tempmaild.core.headers import comment_end, text_of, unfold, unquote
from tempmaild.core.remembering import remembering


class Address(Struct, frozen=True, array_like=True, gc=False):
    """One IMAP address structure.

    A group of RFC 5322 §3.4 is its members between two markers: its name as `mailbox` without a host, and all None.
    The `host` of an address that was sent without a domain is empty, since None would make it a group.
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


class Envelope(Struct, frozen=True, array_like=True, gc=False):
    """The ENVELOPE structure of IMAP; texts are unfolded, encoded words and 8-bit octets are as sent."""

    date: bytes | None = None
    subject: bytes | None = None
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    in_reply_to: bytes | None = None
    message_id: bytes | None = None


_GROUP_END = Address(None, None, None, None)

_MAILBOX = re.compile(  # RFC 5322 §3.4 in the forms nearly all mail has; the rest is left to _AddressReader
    rb'\s*+(?:(?:"([^"\\]*+)"\s*+|([^()<>\[\]:;@\\,"]*+))<([^\s()<>\[\]:;@\\,"]++)@([^\s()<>\[\]:;@\\,"]++)>'
    rb'|([^\s()<>\[\]:;@\\,"]++)@([^\s()<>\[\]:;@\\,"]++))\s*+(?:,|\Z)'
)
_TOKEN = re.compile(
    rb"\s++"
    rb'|"([^"\\]*+(?:\\.[^"\\]*+)*+)"?'  # quoted string
    rb'|([^\s()<>\[\]:;@\\,"]++|\[[^\]\\]*+(?:\\.[^\]\\]*+)*+\]?)'  # atoms with dots, or domain literal
    rb"|([<>@,:;(])"
    rb"|.",  # stray brackets and backslashes say nothing
    re.DOTALL,
)


def make_envelope(values: Mapping[bytes, bytes]) -> Envelope:
    """The envelope out of a header's first values by lower-case field name, as `headers.first_values` gives them."""
    from_ = _address_field(values, b"from")
    return Envelope(
        text_of(values, b"date"),
        text_of(values, b"subject"),
        from_,
        _address_field(values, b"sender") or from_,
        _address_field(values, b"reply-to") or from_,
        _address_field(values, b"to"),
        _address_field(values, b"cc"),
        _address_field(values, b"bcc"),
        text_of(values, b"in-reply-to"),
        text_of(values, b"message-id"),
    )


def _address_field(values: Mapping[bytes, bytes], name: bytes) -> tuple[Address, ...]:
    value = values.get(name)
    return () if value is None else parse_addresses(value)


@remembering(longest=256, most=16)  # each message's sender is read twice at least
def parse_addresses(value: bytes) -> tuple[Address, ...]:
    """The addresses of a field's value, folded or not, in linear time (RFC 5322 §3.4, and its obsolete forms).

    Broken input gives what can be made of it: a phrase alone is a mailbox without a host, a bracket or quote left
    open closes at the end, a semicolon separates.
    """
    value = unfold(value)
    addresses: list[Address] = []
    reader = _AddressReader(value, addresses)
    position = 0
    while position < len(value):
        if match := _MAILBOX.match(value, position):
            quoted, phrase, mailbox, host, bare_mailbox, bare_host = match.groups()
            if bare_host:
                addresses.append(Address(None, None, bare_mailbox, bare_host))
            else:
                name = b" ".join(phrase.split()) if quoted is None else quoted
                addresses.append(Address(name or None, None, mailbox, host))
            position = match.end()
        else:
            position = reader.read(position)
    reader.end()
    return tuple(addresses)


class _AddressReader:
    """Reads an address list token by token; between tokens it holds what it has of one address."""

    def __init__(self, value: bytes, addresses: list[Address]) -> None:
        self._value = value
        self._addresses = addresses
        self._in_group = False
        self._begin()

    def _begin(self) -> None:
        self._words: list[bytes] = []  # a phrase or a local part, which of them the next special tells
        self._domain: list[bytes] | None = None  # of an address or a route, from its "@" on
        self._name = self._route = self._comment = b""
        self._in_brackets = self._complete = False

    def read(self, position: int) -> int:
        """Read on to the next comma between addresses; gives the offset after it, or the end of the value."""
        while match := _TOKEN.match(self._value, position):
            quoted, atom, special = match.groups()
            position = match.end()
            if special == b"(":
                position = comment_end(self._value, match.start())
                self._comment = self._value[match.end() : position].removesuffix(b")")
            elif special == b"," and not self._in_route():
                self._finish()
                return position
            elif special:
                self._SPECIALS[special](self)
            elif quoted is not None:
                self._word(unquote(quoted))
            elif atom:
                self._word(atom)
        return position

    def end(self) -> None:
        """End the address and the group that are open."""
        self._finish()
        self._end_group()

    def _word(self, word: bytes) -> None:
        if not self._complete:
            (self._words if self._domain is None else self._domain).append(word)

    def _open_bracket(self) -> None:
        if self._in_brackets:
            return
        if self._complete:  # the comma after the address before is missing
            self._finish()
        self._name = b" ".join(filter(None, (self._name, *self._words)))
        if self._domain is not None:  # "a@b <a@b>": the "@" of a name should have been quoted, and seldom is
            self._name += b"@" + b"".join(self._domain)
        self._words, self._domain = [], None
        self._in_brackets = True

    def _close_bracket(self) -> None:
        if self._in_brackets:
            self._in_brackets, self._complete = False, True

    def _at(self) -> None:
        if self._complete:
            return
        if self._domain is None:
            self._domain = []
            self._split_name()
        elif self._in_route():
            self._domain.append(b"@")
        elif len(self._domain) > 1:  # "a@b c@d": the comma is missing
            local_part = self._domain.pop()
            self._finish()
            self._words, self._domain = [local_part], []
        else:  # the last "@" is the one before the domain
            self._words += [b"@", *self._domain]
            self._domain = []

    def _split_name(self) -> None:
        """In "Name user@host" the brackets are missing; in the obsolete "user . name@host" they are not."""
        *phrase, word = self._words or [b""]
        if phrase and not self._in_brackets and not (phrase[-1].endswith(b".") or word.startswith(b".")):
            self._name, self._words = b" ".join(phrase), [word]

    def _comma(self) -> None:
        """Of a route; all others are between addresses."""
        self._word(b",")

    def _colon(self) -> None:
        if self._in_route():
            self._route = b"@" + b"".join(self._domain or ())
            self._domain = None
        elif self._words and self._domain is None and not (self._in_group or self._in_brackets):
            self._addresses.append(Address(None, None, b" ".join(self._words), None))
            self._in_group = True
            self._begin()

    def _in_route(self) -> bool:
        """Whether this is "<@relay,@relay:user@host>" before its colon (RFC 5322 §4.4)."""
        return self._in_brackets and self._domain is not None and not self._words

    def _semicolon(self) -> None:
        self._finish()
        self._end_group()

    def _end_group(self) -> None:
        if self._in_group:
            self._addresses.append(_GROUP_END)
            self._in_group = False

    def _finish(self) -> None:
        if self._words or self._domain or self._name:
            mailbox = (b" " if self._domain is None else b"").join(self._words)
            host = b"".join(self._domain or ())
            name = self._name or b" ".join(unquote(self._comment).split())  # "a@b (Name)" is RFC 822's way
            self._addresses.append(Address(name or None, self._route or None, mailbox, host))
        self._begin()

    _SPECIALS: ClassVar = {
        b"<": _open_bracket,
        b">": _close_bracket,
        b"@": _at,
        b",": _comma,
        b":": _colon,
        b";": _semicolon,
    }
