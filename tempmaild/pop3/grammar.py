"""What the arguments of POP3 commands may be. Everything here is pure."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error

COMMAND_LIMIT = 253
"""Octets of a command without its CRLF (RFC 2449 §4)."""

AUTH_LIMIT = 12286
"""Octets of a line of the SASL exchange without its CRLF (RFC 5034 §4)."""

_MOST_DIGITS = 10


class Malformed(Exception):
    """The argument of a command is not what its syntax demands; the text tells the client what is."""


def split_command(line: bytes) -> tuple[bytes, bytes]:
    """Split a line into the keyword, in upper case, and everything after the space that ends it."""
    keyword, _, argument = line.partition(b" ")
    return keyword.upper(), argument


def nothing(argument: bytes) -> None:
    """See to it that there is no argument. A space at the end of a line is none."""
    if argument.strip(b" "):
        raise Malformed("this command has no argument")


def number(argument: bytes) -> int:
    """Read the number of a message."""
    (result,) = _numbers(argument, 1, "a message number")
    return result


def number_and_lines(argument: bytes) -> tuple[int, int]:
    """Read the number of a message and how many lines of its body are wanted."""
    message, lines = _numbers(argument, 2, "a message number and a number of lines")
    return message, lines


def _numbers(argument: bytes, count: int, expected: str) -> list[int]:
    words = argument.split()
    if len(words) != count or not all(word.isdigit() and len(word) <= _MOST_DIGITS for word in words):
        raise Malformed(f"expected {expected}")
    return [int(word) for word in words]


def text(argument: bytes) -> str:
    """Read a user name or a password: UTF-8 without control characters. RFC 6856 §2.2."""
    try:
        result = argument.decode()
    except UnicodeDecodeError:
        raise Malformed("expected UTF-8") from None
    if not result or any(character < " " or character == "\x7f" for character in result):
        raise Malformed("expected text without control characters")
    return result


def mechanism(argument: bytes) -> tuple[bytes, bytes | None]:
    """Read the argument of AUTH: the mechanism in upper case and the initial response, None without one."""
    words = argument.split()
    if len(words) > 2:
        raise Malformed("expected a mechanism and at most one response")
    return words[0].upper(), words[1] if len(words) == 2 else None


def plain(response: bytes) -> tuple[str, str, str]:
    """Read a response of SASL PLAIN (RFC 4616 §2): the authorization identity, the name and the password."""
    try:
        message = b64decode(response, validate=True)
    except Base64Error:
        raise Malformed("expected base64") from None
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise Malformed("expected identity, name and password with a NUL between")
    identity, name, password = parts
    return text(identity) if identity else "", text(name), text(password)
