"""The attachments in TNEF, which Outlook and Exchange put around those of a message (winmail.dat; [MS-OXTNEF]).

Attributes stand one after the other: those of the message, and then those of each attachment, in which there can be
lists of MAPI properties. Programs take an attachment's name from several of them, so all count. Checksums do not, as
some programs pass over them; nor does the level of an attribute, or the upper half of its number, which is its type.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tempmaild.core.archive import Octets, Unreadable, decoded_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.core.archive import Budget

MARK: Final = b"\x78\x9f\x3e\x22"
_KEY_SIZE: Final = 2
_ATTRIBUTE: Final = struct.Struct("<B2HL")  # its level, number, type and size
_CHECKSUM_SIZE: Final = 2
_LEVELS: Final = (1, 2)  # of the message, of an attachment
_PADDING: Final = b"\0\t\n\r "
_DATA, _TITLE, _RENDERING, _PROPERTIES, _CODE_PAGE = 0x800F, 0x8010, 0x9002, 0x9005, 0x9007

_DISPLAY_NAME, _CONTENT, _EXTENSION, _MIME_TYPE = 0x3001, 0x3701, 0x3703, 0x370E
_FILE_NAMES: Final = frozenset({0x3704, 0x3707})  # the short and the long one
_FIRST_NAMED: Final = 0x8000  # number of a property; from here on they have a GUID, and a number or name within it
_SEVERAL: Final = 0x1000  # in the type of a property that may have any number of values
_OBJECT, _TEXT, _UNICODE, _OCTETS = 0x000D, 0x001E, 0x001F, 0x0102
_VARIABLE: Final = frozenset({_OBJECT, _TEXT, _UNICODE, _OCTETS})  # each value has a size
_SIZES: Final = {
    **dict.fromkeys((0x0002, 0x0003, 0x0004, 0x000A, 0x000B), 4),
    **dict.fromkeys((0x0005, 0x0006, 0x0007, 0x0014, 0x0040), 8),
    0x0048: 16,
}
"""Octets of a value of the other types, with what it is padded with."""
_GUID_SIZE: Final = 16
_MESSAGE: Final = bytes.fromhex("0703020000000000c000000000000046")
"""The interface that an object has which is a message, itself in TNEF (IID_IMessage)."""

_STEP_COST: Final = 512
"""Octets that an attribute, a property or a value counts as, as if so many were unpacked: it takes 2 to 5 µs."""
_CODECS: Final = {
    **{
        code_page: f"cp{code_page:03}"
        for code_page in (37, 273, 424, 437, 500, 720, 737, 775, 850, 852, 855, 857, 858)
    },
    **{
        code_page: f"cp{code_page}" for code_page in (*range(860, 867), 869, 874, 875, 932, 936, 949, 950, 1026, 1140)
    },
    **{code_page: f"cp{code_page}" for code_page in range(1250, 1259)},
    **{28590 + part: f"iso8859_{part}" for part in (*range(1, 10), 13, 15)},
    0: "cp1252",
    1361: "johab",
    10000: "mac_roman",
    20127: "cp1252",  # ASCII
    20866: "koi8_r",
    20932: "euc_jp",
    21866: "koi8_u",
    50220: "iso2022_jp",
    51932: "euc_jp",
    51949: "euc_kr",
    54936: "gb18030",
    65000: "utf_7",
    65001: "utf_8",
}
"""Code pages, and what they are in Python: 8-bit texts are in one of them, which need not be like ASCII."""


class Attachment:
    """What there is of an attachment.

    Attributes:
        types: MIME types that it claims, in lower case.
        contents: what a program may take for its content.
        messages: the same, where it is a message in TNEF.
    """

    def __init__(self) -> None:
        self.file_names: list[str] = []
        self.display_names: list[str] = []
        self.types: set[str] = set()
        self.contents: list[bytes] = []
        self.messages: list[bytes] = []

    @property
    def names(self) -> list[str]:
        """Every name that it has; the display name of what is a message only is a subject."""
        return self.file_names + (self.display_names if self.contents or not self.messages else [])


def tnef_attachments(data: bytes, budget: Budget) -> Iterator[Attachment]:
    """The attachments, and then those of messages that are attached.

    Raises:
        Unreadable: after what could be listed, if that may not be all.
    """
    waiting = [data]
    problems: list[str] = []
    while waiting:
        message = _Message(waiting.pop(), budget, problems)
        for attachment in message.attachments():
            waiting += attachment.messages
            yield attachment
    if problems:
        raise Unreadable(problems[0])


class _Message:
    """Reads the attributes of one message, and takes down why there may be more."""

    def __init__(self, data: bytes, budget: Budget, problems: list[str]) -> None:
        self._data = data
        self._budget = budget
        self._problems = problems
        self._codec = "cp1252"

    def attachments(self) -> Iterator[Attachment]:
        """The attachments; what stands in front of the first of them is one, too."""
        attachment = Attachment()
        try:
            for number, value in self._attributes():
                if number == _RENDERING:
                    yield attachment
                    attachment = Attachment()
                elif number == _TITLE:
                    attachment.file_names += self._texts(value)
                elif number == _DATA:
                    self._add_content(attachment, value)
                elif number == _PROPERTIES:
                    self._add_properties(attachment, value)
                elif number == _CODE_PAGE:
                    self._read_code_page(value)
        except Unreadable as error:
            self._problems.append(str(error))
        yield attachment

    def _attributes(self) -> Iterator[tuple[int, bytes]]:
        """The numbers and values of the attributes; of a value that is cut, what there is."""
        octets = Octets(self._data)
        if octets.take(len(MARK)) != MARK:
            raise Unreadable("a message in it is of another format")
        octets.skip(_KEY_SIZE)
        end = len(self._data.rstrip(_PADDING))
        while octets.position < end:
            self._budget.spend_unpacked(_STEP_COST)
            level, number, _, size = _ATTRIBUTE.unpack(octets.take(_ATTRIBUTE.size))
            if level not in _LEVELS:
                self._problems.append("an attribute is broken")
            yield number, self._data[octets.position : octets.position + size]
            octets.skip(size + _CHECKSUM_SIZE)

    def _add_properties(self, attachment: Attachment, value: bytes) -> None:
        """Take over what the properties in a list say; a list that is broken does not hide what follows it."""
        try:
            for number, kind, octets in self._properties(Octets(value)):
                if number == _CONTENT:
                    self._add_content(attachment, octets, kind)
                elif number == _DISPLAY_NAME:
                    attachment.display_names += self._texts(octets, kind)
                elif number in _FILE_NAMES:
                    attachment.file_names += self._texts(octets, kind)
                elif number == _EXTENSION:
                    attachment.file_names += ("." + text.lstrip(".") for text in self._texts(octets, kind))
                elif number == _MIME_TYPE:
                    attachment.types.update(text.lower() for text in self._texts(octets, kind))
        except Unreadable as error:
            self._problems.append(str(error))

    def _properties(self, octets: Octets) -> Iterator[tuple[int, int, bytes]]:
        """The number, the type and a value for each value that has a size; of one that is cut, what there is."""
        for _ in range(_number(octets)):
            self._budget.spend_unpacked(_STEP_COST)
            kind, number = struct.unpack("<HH", octets.take(4))
            if number >= _FIRST_NAMED:
                octets.skip(_GUID_SIZE)
                has_name, size_or_number = _number(octets), _number(octets)
                if has_name:
                    octets.skip(_padded(size_or_number))
                else:  # some programs do not look at the GUID
                    number = size_or_number & 0xFFFF
            several, kind = kind & _SEVERAL, kind & ~_SEVERAL
            count = _number(octets) if several or kind in _VARIABLE else 1
            if kind in _SIZES:
                octets.skip(count * _SIZES[kind])
                continue
            if kind not in _VARIABLE:
                raise Unreadable("a property is of an unknown type")
            for _ in range(count):
                self._budget.spend_unpacked(_STEP_COST)
                size = _number(octets)
                yield number, kind, octets.data[octets.position : octets.position + size]
                octets.skip(_padded(size))
            if count != 1 and not several:  # which some programs do not expect
                raise Unreadable("a property has too many values")

    def _add_content(self, attachment: Attachment, octets: bytes, kind: int = _OCTETS) -> None:
        is_message = octets.startswith(_MESSAGE)
        content = octets[_GUID_SIZE:] if is_message or kind == _OBJECT else octets
        if is_message or content.startswith(MARK):
            self._budget.spend_unpacked(len(content))  # each of many within each other is copied
            attachment.messages.append(content)
        else:
            attachment.contents.append(content)

    def _texts(self, octets: bytes, kind: int = _TEXT) -> Iterator[str]:
        """What the octets are as text, once or, where programs may differ, twice."""
        if kind == _UNICODE:
            texts = [octets.decode("utf-16-le", "replace")]
        else:
            texts = [decoded_name(octets, self._codec), octets.decode(self._codec, "replace")]
        for text in dict.fromkeys(texts):
            self._budget.spend_entry(text)  # and again as an entry: until it is one, it is kept
            if name := text.rstrip("\0"):
                yield name

    def _read_code_page(self, value: bytes) -> None:
        code_page = int.from_bytes(value[:4], "little")
        if code_page not in _CODECS:
            self._problems.append("its code page is not known here")
        self._codec = _CODECS.get(code_page, self._codec)


def _number(octets: Octets) -> int:
    return int.from_bytes(octets.take(4), "little")


def _padded(size: int) -> int:
    return -(-size // 4) * 4
