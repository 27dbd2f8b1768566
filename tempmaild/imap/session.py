"""The dialogue with one IMAP client: greeting, the loop over commands, and how each of them ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tempmaild.errors import MailboxGone, TempmaildError
from tempmaild.imap import (
    append,
    auth,
    compressing,
    contexts,
    enabling,
    folders,
    messages,
    metadata,
    notifying,
    opening,
    quota,
    replacing,
    searching,
    selected,
)
from tempmaild.imap.dialogue import LOGGED_IN, NEWS, NOT_LOGGED_IN, Command, Dialogue, State
from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.reading import Incoming
from tempmaild.imap.replies import (
    BAD,
    GONE,
    OUR_FAULT,
    UID_REQUIRED,
    WRONG_CREDENTIALS,
    Refusal,
    Refused,
    refusal_for,
    tagged,
)
from tempmaild.net.conversation import Flood, Garbled, Interruption, LineTooLong, ShuttingDown, TimedOut

if TYPE_CHECKING:
    from tempmaild.imap.dialogue import Shared
    from tempmaild.log import Log
    from tempmaild.net.conversation import Peer

_MODULES = (
    auth,
    enabling,
    compressing,
    folders,
    metadata,
    quota,
    opening,
    messages,
    append,
    replacing,
    searching,
    contexts,
    selected,
    notifying,
)
COMMANDS: dict[bytes, Command] = {command.name: command for module in _MODULES for command in module.COMMANDS}

_BY_NUMBER = {name for name in COMMANDS if b"UID " + name in COMMANDS} - {b"EXPUNGE"}
"""Commands that name messages by their numbers, or are answered with numbers (RFC 9586 §3)."""

MOST_PROBLEMS = 50
"""Commands that a client may get wrong one after the other before it is taken for no mail client."""

_TOLD_EARLY: Final = b" ENABLE IDLE MOVE"
"""What a client can use after the login but hears of before, too.

Python's imaplib does not ask again: by what it heard first it judges whether there are ENABLE and (from Python
3.14 on) IDLE, and imap-tools whether there is MOVE.
"""


def fixed_capabilities(states: tuple[State, ...]) -> bytes:
    """Write the capabilities that every client has in these states."""
    named = [c.capability for c in COMMANDS.values() if c.capability and not set(c.states).isdisjoint(states)]
    return b" ".join([b"IMAP4rev1", b"IMAP4rev2", b"LITERAL+", *named])


_BEFORE_LOGIN = fixed_capabilities(NOT_LOGGED_IN) + _TOLD_EARLY
_AFTER_LOGIN = fixed_capabilities(LOGGED_IN)
_UNKNOWN = Refusal(b"", b"Unknown command", BAD)
_NOT_NOW = Refusal(b"", b"Not allowed in this state", BAD)
_TOO_LONG = Refusal(b"TOOBIG", b"The line is too long", BAD)
_TLS_FIRST = Refusal(b"PRIVACYREQUIRED", b"No password is taken without TLS")
_HTTP = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE"})


class ImapSession(Dialogue):
    """One client's dialogue.

    Args:
        peer: who the client is.
        session_id: what the log calls this session.
        log: where its lines go.
        shared: what all sessions have in common.
    """

    def __init__(self, peer: Peer, session_id: str, log: Log, shared: Shared) -> None:
        super().__init__(peer, session_id, log, shared)
        self._expunges = False
        self._problems = 0

    def capabilities(self) -> bytes:
        """Write what this client can use now."""
        if self.logged_in:
            # RFC 7889 §3: the limit of the domain, so that it is known only now.
            return b"%b APPENDLIMIT=%d" % (_AFTER_LOGIN, self.inbox.longest_message)
        starttls = self.shared.rules.tls_available and not self.peer.tls
        return (
            _BEFORE_LOGIN
            + (b" STARTTLS" if starttls else b"")
            + (b" AUTH=PLAIN" if self.takes_passwords else b" LOGINDISABLED")
        )

    async def converse(self) -> None:
        """Greet, and answer commands until the client leaves or has to."""
        self.say(b"* OK [CAPABILITY %b] tempmaild ready\r\n" % self.capabilities())
        try:
            while not self.over:
                try:
                    line = await self.next_line(or_news=self.notifying is not None)
                except LineTooLong:
                    self.tag = b"*"
                    self.say(self._problem(_TOO_LONG))
                else:
                    await (self._tell() if line is NEWS else self._answer(line))
        except Flood:
            self.say(b"* BYE Too much at once\r\n")
        except Garbled:
            self.say(b"* BYE This cannot be decompressed\r\n")
        except TimedOut:
            self.say(b"* BYE Waited too long\r\n")
        except ShuttingDown:
            self.say(b"* BYE Shutting down\r\n")
        except MailboxGone:
            self.say(GONE)
        finally:
            if self.logged_in:
                self.inbox.close()
                self.log.info("session-end", fetched=self.fetched)

    async def _tell(self) -> None:
        if self.notifying is not None:
            await self.notifying.tell(expunges=False)

    async def _answer(self, line: bytes) -> None:
        """Carry out the command that begins with this line."""
        self.tag = b"*"
        self._expunges = False
        if self.logged_in:
            # The client may know of it from its other sessions.
            self.inbox.watcher.hear()
        if line.endswith(b"}"):
            self.incoming = Incoming(self, line)
            parser = Parser(self.incoming.fragments)
        else:
            parser = Parser((line,))
        if self.enabled:
            parser.utf8 = self.utf8
        ending = await self._ending(parser)
        # Where the command has said its completion itself, with the next one: no EXPUNGE may come between commands
        # (RFC 9051 §7.5.1).
        if ending and self.view is not None and self.view.news:
            await self.try_to_tell_news(expunges=self._expunges)
        self.say(ending)
        await self.drain()
        if self._problems > MOST_PROBLEMS:
            raise Flood
        if self.incoming is not None:
            incoming, self.incoming = self.incoming, None
            await incoming.abandon()

    async def _ending(self, parser: Parser) -> bytes:
        """Carry out a command; write how it ends."""
        try:
            command = self._command(parser)
            if self.logged_in and command.uses:
                await self.inbox.use()
            if self.incoming is not None and not command.takes_literals:
                await self.incoming.read_all()
            completion = await command.handler(self, parser)
        except SyntaxProblem as problem:
            return self._problem(Refusal(b"", b"%b (octet %d)" % (problem.text.encode(), problem.position), BAD))
        except Refused as refused:
            return self._problem(refused.refusal)
        except LineTooLong:
            return self._problem(_TOO_LONG)
        except (Interruption, MailboxGone):
            raise
        except TempmaildError as error:
            return self._problem(refusal_for(error))
        except Exception as error:  # a defect of ours ends a command, not the session
            self.log.failure("command-failed", error)
            return self._problem(OUR_FAULT)
        self._problems = 0
        return b"%b %b\r\n" % (self.tag, completion) if completion else b""

    def _command(self, parser: Parser) -> Command:
        """Read which command it is, and see that it may be given now."""
        self.tag = parser.tag()
        name = parser.command()
        command = COMMANDS.get(name)
        if command is None:
            raise Refused(*_UNKNOWN)
        if self.state not in command.states:
            raise Refused(*_NOT_NOW)
        if name in _BY_NUMBER and b"UIDONLY" in self.enabled:
            raise Refused(*UID_REQUIRED)
        if command.private and not self.takes_passwords:
            raise Refused(*_TLS_FIRST)
        self._expunges = command.expunges
        return command

    def _problem(self, refusal: Refusal) -> bytes:
        """Write how a command ends that is not carried out."""
        if self.tag in _HTTP and not self.logged_in:
            # A browser, made to come here by somebody's page: it must not go on to a line that is a command.
            self.over = True
            return b""
        if refusal.condition is BAD:
            self._problems += 1
        ending = tagged(self.tag, refusal)
        if self.over and refusal == WRONG_CREDENTIALS:
            ending += b"* BYE Too many failed logins\r\n"
        return ending
