"""Commands in any state, and those that lead to a login (RFC 9051 §6.1, §6.2)."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from tempmaild.errors import Banned, WrongCredentials
from tempmaild.imap.dialogue import ANY, NOT_LOGGED_IN, Command, Dialogue
from tempmaild.imap.replies import BAD, WRONG_CREDENTIALS, Refused
from tempmaild.net.conversation import Line, Pause, StartTls

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser

MOST_FAILED_LOGINS = 3
_MOST_ID_FIELDS = 30  # RFC 2971 §3.3


async def capability(s: Dialogue, parser: Parser) -> bytes:
    """Tell what can be used."""
    parser.end()
    s.say(b"* CAPABILITY %b\r\n" % s.capabilities())
    return b"OK Capabilities listed"


async def noop(_: Dialogue, parser: Parser) -> bytes:
    """Do nothing; the news of the folder come with the answer to any command."""
    parser.end()
    return b"OK Done"


async def logout(s: Dialogue, parser: Parser) -> bytes:
    """End the session."""
    parser.end()
    s.close_view()
    s.over = True
    s.say(b"* BYE Logging out\r\n")
    return b"OK Logged out"


async def identify(s: Dialogue, parser: Parser) -> bytes:
    """Exchange names; neither believes the other's."""
    parser.space()
    if not parser.accept(b"NIL"):
        parser.expect(b"(")
        # aioimaplib writes a space inside of each parenthesis.
        parser.accept(b" ")
        fields = 0
        while not (parser.accept(b")") or parser.accept(b" )")):
            if fields:
                parser.space()
            fields += 1
            if fields > _MOST_ID_FIELDS:
                parser.fail("Expected no more fields")
            parser.string()
            parser.space()
            parser.nstring()
    parser.end()
    s.say(b'* ID ("name" "tempmaild")\r\n')
    return b"OK Glad to know you"


async def starttls(s: Dialogue, parser: Parser) -> bytes:
    """Begin TLS. What came before it is forgotten by the effect."""
    parser.end()
    if s.peer.tls:
        raise Refused(b"", b"TLS is active", BAD)
    if not s.shared.rules.tls_available:
        raise Refused(b"", b"TLS is not available", BAD)
    s.say(b"%b OK Begin TLS now\r\n" % s.tag)
    await StartTls()
    return b""


async def login(s: Dialogue, parser: Parser) -> bytes:
    """Log in with name and password."""
    parser.space()
    name = parser.astring()
    parser.space()
    secret = parser.astring()
    parser.end()
    return await _open_mailbox(s, name, secret)


async def authenticate(s: Dialogue, parser: Parser) -> bytes:
    """Log in by a SASL mechanism (RFC 9051 §6.2.2); the first response may come with the command (RFC 4959)."""
    parser.space()
    mechanism = parser.atom().upper()
    initial = b""
    if parser.accept(b" "):
        initial = parser.astring()
    parser.end()
    if mechanism != b"PLAIN":
        raise Refused(b"", b"There is no such mechanism")
    if not initial:
        s.say(b"+ \r\n")
        initial = await Line(s.longest_line, s.patience)
        if initial == b"*":
            raise Refused(b"", b"Authentication given up", BAD)
    return await _open_mailbox(s, *_plain(initial))


def _plain(response: bytes) -> tuple[bytes, bytes]:
    """Give name and password of a PLAIN response (RFC 4616 §2); nobody acts for another."""
    try:
        parts = binascii.a2b_base64(b"" if response == b"=" else response, strict_mode=True).split(b"\0")
    except binascii.Error:
        raise Refused(b"", b"The response is not base64", BAD) from None
    if len(parts) != 3:
        raise Refused(b"", b"The response is not one of PLAIN", BAD)
    authorization, name, secret = parts
    if authorization not in (b"", name):
        # To act for another is as wrong as any credentials: a name with NUL is nobody's.
        name = authorization + b"\0" + name
    return name, secret


async def _open_mailbox(s: Dialogue, name: bytes, secret: bytes) -> bytes:
    address = name.decode("utf-8", "replace")
    limiter, client = s.shared.limiter, s.peer.address
    try:
        await limiter.check_ban("reading", client)
        inbox = await s.shared.logins.login(address, secret.decode("utf-8"))
    except (WrongCredentials, UnicodeDecodeError, Banned) as error:
        s.log.info("login-failed", address=address)
        s.failed_logins += 1
        s.over = s.failed_logins == MOST_FAILED_LOGINS or isinstance(error, Banned)
        if delay := await limiter.failed_login(client):
            await Pause(delay)
        raise Refused(*WRONG_CREDENTIALS) from None
    s.open_mailbox(inbox)
    s.log.info("login", address=address)
    return b"OK [CAPABILITY %b] Logged in" % s.capabilities()


COMMANDS = (
    Command(b"CAPABILITY", ANY, capability, "RFC 9051 §6.1.1"),
    Command(b"NOOP", ANY, noop, "RFC 9051 §6.1.2"),
    Command(b"LOGOUT", ANY, logout, "RFC 9051 §6.1.3", uses=False),
    Command(b"ID", ANY, identify, "RFC 2971 §3.1", capability=b"ID"),
    Command(b"STARTTLS", NOT_LOGGED_IN, starttls, "RFC 9051 §6.2.1"),
    Command(b"AUTHENTICATE", NOT_LOGGED_IN, authenticate, "RFC 9051 §6.2.2", b"SASL-IR", private=True),
    Command(b"LOGIN", NOT_LOGGED_IN, login, "RFC 9051 §6.2.3", private=True),
)
