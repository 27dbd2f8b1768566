"""What SMTP commands are made of: the verb, paths and parameters (RFC 5321 §4.1.2, RFC 6531 §3.3)."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_LONGEST_PATH = 256  # RFC 5321 §4.5.3.1.3, with its brackets
_LARGEST_SIZE_DIGITS = 20  # RFC 1870 §4

# Wherever the dots are: telephone companies gave their customers addresses with two in a row, or one at the end.
_ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010FFFF]+"
_UNQUOTED = re.compile(_ATOMS)
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"'
_LABEL = r"[A-Za-z0-9_\u0080-\U0010FFFF](?:[A-Za-z0-9_\-\u0080-\U0010FFFF]*[A-Za-z0-9_\u0080-\U0010FFFF])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_LITERAL = r"\[[\x21-\x5a\x5e-\x7e]+\]"
# The source route is "deprecated, and MUST be ignored" (§4.1.1.3, appendix C).
_BRACKETS = re.compile(rb'<(?:[^<>"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*>')
_PATH = re.compile(rf"<(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?({_ATOMS}|{_QUOTED})@({_DOMAIN}|{_LITERAL})>")
_KEYWORD = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e]+))?")
_HELO = re.compile(rb"[A-Za-z0-9_.:\[\]-]{1,255}")


class SyntaxProblem(Exception):
    """The client's line is not what the grammar allows; the text says what is wrong."""


class NeedsUtf8(Exception):
    """An address beyond ASCII was given without the parameter SMTPUTF8 (RFC 6531 §3.5)."""


class UnknownParameter(Exception):
    """A parameter of MAIL or RCPT that we do not have (RFC 5321 §4.1.1.11)."""


class Path(NamedTuple):
    """A reverse or forward path; the null reverse path has neither part.

    Attributes:
        local_part: as text, quoting undone.
        domain: as sent; an address literal with its brackets; "" in `<postmaster>`.
    """

    local_part: str
    domain: str

    def __str__(self) -> str:
        """Give it as it stands in a header, without brackets."""
        if not self.domain:
            return self.local_part
        if _UNQUOTED.fullmatch(self.local_part):
            return f"{self.local_part}@{self.domain}"
        quoted = self.local_part.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"@{self.domain}'


NULL_PATH = Path("", "")


class MailParameters(NamedTuple):
    """The parameters of MAIL. `size` is 0 when none was declared."""

    size: int = 0
    utf8: bool = False


def split_command(line: bytes) -> tuple[bytes, bytes]:
    """Give the verb in upper case, and the rest of the line."""
    # §4.1.1: white space before the end of the line is tolerated.
    verb, _, argument = line.rstrip(b" \t").partition(b" ")
    return verb.upper(), argument.lstrip(b" \t")


def helo_name(argument: bytes) -> str:
    """Read the name that HELO, EHLO or LHLO gives.

    Many clients give no proper name, and §4.1.4 forbids to refuse those that do not resolve: what can stand in a
    Received header is taken.
    """
    if not _HELO.fullmatch(argument):
        raise SyntaxProblem("a host name or an address literal is expected")
    return argument.decode("ascii")


def mail_arguments(argument: bytes) -> tuple[Path, MailParameters]:
    """Read what follows MAIL.

    Raises:
        SyntaxProblem: it cannot be read.
        NeedsUtf8: the address does, and the parameter is missing.
        UnknownParameter: there is one.
    """
    path_text, parameters_text = _split_path(argument, b"FROM:")
    parameters = _mail_parameters(parameters_text)
    path = NULL_PATH if path_text == b"<>" else _path(path_text)
    if not (parameters.utf8 or path_text.isascii()):
        raise NeedsUtf8
    return path, parameters


def rcpt_arguments(argument: bytes, *, utf8: bool) -> Path:
    """Read what follows RCPT.

    Args:
        utf8: whether MAIL had the parameter SMTPUTF8.

    Raises:
        SyntaxProblem: it cannot be read.
        NeedsUtf8: the address does, and the parameter is missing.
        UnknownParameter: there is one.
    """
    path_text, parameters = _split_path(argument, b"TO:")
    if parameters:
        raise UnknownParameter
    if path_text.lower() == b"<postmaster>":  # §4.1.1.3
        return Path("postmaster", "")
    if not (utf8 or path_text.isascii()):
        raise NeedsUtf8
    return _path(path_text)


def _split_path(argument: bytes, keyword: bytes) -> tuple[bytes, bytes]:
    """Give the path with its brackets, and the parameters."""
    if argument[: len(keyword)].upper() != keyword:
        raise SyntaxProblem(f"{keyword.decode()}<address> is expected")
    rest = argument[len(keyword) :].lstrip(b" ")
    # A quoted local part may hold brackets and spaces.
    match = _BRACKETS.match(rest)
    if match is None:
        raise SyntaxProblem("the address must stand in angle brackets")
    parameters = rest[match.end() :]
    if parameters and not parameters.startswith(b" "):
        raise SyntaxProblem("a space must follow the address")
    return match[0], parameters.strip(b" ")


def _path(text: bytes) -> Path:
    try:
        match = _PATH.fullmatch(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise SyntaxProblem("the address is not UTF-8") from None
    if match is None or len(text) > _LONGEST_PATH:
        raise SyntaxProblem("this is not an address")
    # The 64 octets of a local part (§4.5.3.1.1) are what everybody has to take; senders do have longer ones. The 255
    # of a domain (§4.5.3.1.2) are more than a path has room for.
    local_part, domain = match.groups()
    if domain.startswith("["):
        _check_literal(domain[1:-1])
    if local_part.startswith('"'):
        local_part = re.sub(r"\\(.)", r"\1", local_part[1:-1])
    return Path(local_part, domain)


def _check_literal(text: str) -> None:
    """Check an address literal (RFC 5321 §4.1.3)."""
    try:
        if text.lower().startswith("ipv6:"):
            ipaddress.IPv6Address(text[5:])
        else:
            ipaddress.IPv4Address(text)
    except ValueError:
        raise SyntaxProblem("this is not an address literal") from None


def _mail_parameters(text: bytes) -> MailParameters:
    if not text:
        return MailParameters()
    size, utf8 = 0, False
    for word in filter(None, text.split(b" ")):
        match = _KEYWORD.fullmatch(word)
        if match is None:
            raise SyntaxProblem("a parameter is KEYWORD or KEYWORD=VALUE")
        keyword, value = match[1].upper(), match[2]
        if keyword == b"SIZE":  # RFC 1870 §3
            size = _size(value)
        elif keyword == b"BODY":  # RFC 6152 §2
            if value is None or value.upper() not in {b"7BIT", b"8BITMIME"}:
                raise SyntaxProblem("BODY is 7BIT or 8BITMIME")
        elif keyword == b"SMTPUTF8" and value is None:  # RFC 6531 §3.4
            utf8 = True
        else:
            raise UnknownParameter
    return MailParameters(size, utf8)


def _size(value: bytes | None) -> int:
    if value is None or not value.isdigit() or len(value) > _LARGEST_SIZE_DIGITS:
        raise SyntaxProblem("SIZE is a number of octets")
    return int(value)
