"""The dialogue with one POP3 client."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from tempmaild.core.lifetime import FOREVER
from tempmaild.core.mailbox import INBOX
from tempmaild.core.plural import counted
from tempmaild.core.timespan import DAY
from tempmaild.errors import (
    Banned,
    MailboxGone,
    MaildropLocked,
    MessageDamaged,
    ReadOnly,
    TempmaildError,
    WrongCredentials,
)
from tempmaild.net.conversation import (
    Drain,
    Flood,
    Interruption,
    Line,
    LineTooLong,
    Pause,
    Session,
    ShuttingDown,
    StartTls,
    TimedOut,
)
from tempmaild.pop3 import grammar, replies
from tempmaild.pop3.maildrop import Maildrop, NoSuchMessage, top

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tempmaild.log import Log
    from tempmaild.net.conversation import Peer
    from tempmaild.service.inbox import Inbox
    from tempmaild.service.limits import Limiter
    from tempmaild.service.logins import Logins

MOST_FAILED_LOGINS = 3

_SLICE = 1 << 18
_LOCK_ATTEMPTS = 100
_LOCK_INTERVAL = 0.02
"""Seconds between two attempts to take the maildrop."""
_HTTP = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE"})


class State(enum.Enum):
    """The states of RFC 1939 §3. QUIT passes through the third one, UPDATE, on its way out."""

    AUTHORIZATION = enum.auto()
    TRANSACTION = enum.auto()


AUTHORIZATION = frozenset({State.AUTHORIZATION})
TRANSACTION = frozenset({State.TRANSACTION})
ANY = AUTHORIZATION | TRANSACTION


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided.

    Attributes:
        host_name: the name in the greeting.
        plaintext: whether a password is taken without TLS; "local" means from this host only.
        tls_available: whether there is a certificate, so that STLS is possible.
        login_seconds: how long a client may take from connecting to logging in.
        idle_seconds: how long a client that has logged in may be silent.
    """

    host_name: str
    plaintext: Literal["never", "local", "always"]
    tls_available: bool
    login_seconds: float
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the states in which it is allowed and what it does with its argument.

    Attributes:
        uses: whether, after the login, it is carried out only while the mailbox is there.
    """

    states: frozenset[State]
    handler: Callable[[Pop3Session, bytes], Awaitable[None]]
    uses: bool = True


class Pop3Session(Session):
    """One client's dialogue.

    Args:
        peer: who the client is.
        session_id: what the log calls this session.
        log: where its lines go.
        rules: what the operator decided.
        logins: opens mailboxes.
        limiter: looks who may try to log in.
        clock: tells the UTC epoch seconds.
    """

    # Set by the login; the table lets no command at them before.
    _inbox: Inbox
    _maildrop: Maildrop

    def __init__(
        self,
        peer: Peer,
        session_id: str,
        log: Log,
        rules: Rules,
        logins: Logins,
        limiter: Limiter,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(peer, session_id, log)
        self._rules = rules
        self._logins = logins
        self._limiter = limiter
        self._clock = clock
        self._login_deadline = clock() + rules.login_seconds
        self._state = State.AUTHORIZATION
        self._over = False
        self._name = ""
        self._failed_logins = 0
        self._undrained = 0
        # UIDs of messages that were sent whole.
        self._retrieved: set[int] = set()
        self._removed = 0

    def say(self, data: bytes) -> None:
        """Send `data`, and remember how much the client has to take."""
        self._undrained += len(data)
        self.output.append(data)

    async def converse(self) -> None:
        """Greet, and answer commands until the client quits."""
        self.say(replies.ok(f"{self._rules.host_name} tempmaild POP3 ready"))
        try:
            while not self._over:
                await self._answer_line()
        except Flood:
            self.say(replies.LINE_TOO_LONG)
        except (TimedOut, ShuttingDown):
            # Nothing is removed, and nothing is said: POP3 has no reply without a command. RFC 1939 §3
            pass
        finally:
            if self._state is State.TRANSACTION:
                self._inbox.close()
                self.log.info("session-end", retrieved=len(self._retrieved), removed=self._removed)

    async def _answer_line(self) -> None:
        try:
            await self._obey(await self._line())
        except LineTooLong:
            self.say(replies.LINE_TOO_LONG)
        if self._undrained > _SLICE:
            await self._drain()

    async def _obey(self, line: bytes) -> None:
        keyword, argument = grammar.split_command(line)
        command = self._commands.get(keyword)
        if command is None:
            self._refuse_unknown(keyword)
        elif self._state not in command.states:
            self.say(replies.NOT_NOW)
        else:
            await self._perform(command, argument)

    def _line(self) -> Line:
        if self._state is State.TRANSACTION:
            return Line(grammar.COMMAND_LIMIT, self._rules.idle_seconds)
        # Any line may be an AUTH with its initial response.
        return Line(grammar.AUTH_LIMIT, max(0.0, self._login_deadline - self._clock()))

    def _refuse_unknown(self, keyword: bytes) -> None:
        if keyword in _HTTP and self._state is State.AUTHORIZATION:
            self._over = True
        else:
            self.say(replies.UNKNOWN)

    async def _perform(self, command: Command, argument: bytes) -> None:
        try:
            if self._state is State.TRANSACTION and command.uses:
                await self._inbox.use()
            await command.handler(self, argument)
        except grammar.Malformed as problem:
            self.say(replies.no(str(problem)))
        except NoSuchMessage:
            self.say(replies.NO_SUCH_MESSAGE)
        except TempmaildError as error:
            self.say(replies.refusal(error))
            self._over |= isinstance(error, MailboxGone)
        except Interruption:
            raise
        except Exception as error:  # a defect of ours ends a command, not the session
            self.log.failure("command-failed", error)
            self.say(replies.OUR_FAULT)

    async def _drain(self) -> None:
        self._undrained = 0
        await Drain()

    # The AUTHORIZATION state

    @property
    def _takes_passwords(self) -> bool:
        rule = self._rules.plaintext
        return bool(self.peer.tls) or rule == "always" or (rule == "local" and self.peer.on_this_host)

    async def _stls(self, argument: bytes) -> None:
        grammar.nothing(argument)
        if self.peer.tls:
            self.say(replies.no("TLS is active"))
        elif not self._rules.tls_available:
            self.say(replies.no("TLS is not available"))
        else:
            self.say(replies.ok("begin TLS"))
            await StartTls()
            self._name = ""

    async def _utf8(self, argument: bytes) -> None:
        # Messages are sent as they are without it too, which RFC 6856 forbids: the error that it asks for would hide
        # mail, and clients that know nothing of UTF8 show such headers well.
        grammar.nothing(argument)
        self.say(replies.ok("UTF-8 mode"))

    async def _user(self, argument: bytes) -> None:
        if not self._takes_passwords:
            self.say(replies.TLS_FIRST)
            return
        self._name = grammar.text(argument.strip())
        self.say(replies.ok("send the password"))

    async def _pass(self, argument: bytes) -> None:
        # Spaces belong to the password. RFC 1939 §7
        name, self._name = self._name, ""
        if not name:
            self.say(replies.no("USER first"))
            return
        await self._log_in(name, grammar.text(argument))

    async def _auth(self, argument: bytes) -> None:
        if not self._takes_passwords:
            self.say(replies.TLS_FIRST)
            return
        if not argument.strip():
            # Not in any RFC's syntax, but asked by clients that know no CAPA.
            self.say(replies.lines(b"+OK", [b"PLAIN"]))
            return
        mechanism, response = grammar.mechanism(argument)
        if mechanism != b"PLAIN":
            self.say(replies.no("unknown mechanism"))
            return
        if response is None:
            self.say(b"+ \r\n")
            response = await self._line()
            if response == b"*":
                self.say(replies.no("cancelled"))
                return
        identity, name, password = grammar.plain(b"" if response == b"=" else response)
        if identity not in {"", name}:
            await self._refuse_login(name)
        else:
            await self._log_in(name, password)

    async def _log_in(self, name: str, password: str) -> None:
        try:
            await self._limiter.check_ban("reading", self.peer.address)
            inbox = await self._logins.login(name, password)
        except (WrongCredentials, Banned) as error:
            self._over = isinstance(error, Banned)
            await self._refuse_login(name)
            return
        try:
            await _lock_maildrop(inbox)
            folder = await inbox.folder(INBOX)
            self._maildrop = Maildrop(folder, await inbox.entries(folder))
        except BaseException:
            inbox.close()
            raise
        self._inbox = inbox
        self._state = State.TRANSACTION
        self.log.info("login", address=inbox.mailbox.address)
        self.say(replies.ok(self._how_many()))

    async def _refuse_login(self, name: str) -> None:
        self.log.info("login-failed", address=name[:256])
        self._failed_logins += 1
        self._over |= self._failed_logins >= MOST_FAILED_LOGINS
        if delay := await self._limiter.failed_login(self.peer.address):
            await Pause(delay)
        self.say(replies.WRONG_CREDENTIALS)

    # Both states

    async def _capa(self, argument: bytes) -> None:
        grammar.nothing(argument)
        capabilities = [b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING", b"UTF8 USER"]
        capabilities += [b"LOGIN-DELAY 0", self._expire(), b"IMPLEMENTATION tempmaild"]
        if self._takes_passwords:
            # Announced after the login as well. RFC 2449 §5
            capabilities += [b"USER", b"SASL PLAIN"]
        if self._state is State.AUTHORIZATION and self._rules.tls_available and not self.peer.tls:
            capabilities.append(b"STLS")
        self.say(replies.lines(b"+OK", capabilities))

    def _expire(self) -> bytes:
        """Whole days that a message is sure to stay, once it has arrived. RFC 2449 §6.7.

        Lifetimes are minutes or days, so before the login nothing is sure.
        """
        if self._state is State.AUTHORIZATION:
            return b"EXPIRE 0 USER"
        lifetime, ends_at = self._inbox.mailbox.lifetime, self._inbox.expires_at
        times = [] if ends_at == FOREVER else [ends_at - self._clock()]
        if lifetime.retention:
            times.append(lifetime.retention)
        if lifetime.after_reading is not None:
            # 0 says what it means for POP3: what was retrieved goes with QUIT.
            times.append(lifetime.after_reading)
        return b"EXPIRE %d" % (min(times) // DAY) if times else b"EXPIRE NEVER"

    async def _quit(self, argument: bytes) -> None:
        grammar.nothing(argument)
        self._over = True
        if self._state is State.TRANSACTION:
            try:
                await self._update()
            except MailboxGone:
                raise
            except Exception as error:  # whatever it is, the client is told that mail is still there
                self.log.failure("update-failed", error)
                self.say(replies.NOT_REMOVED)
                return
        self.say(replies.ok("bye"))

    async def _update(self) -> None:
        """Remove what is marked; what was retrieved, and stays, has now been read."""
        await self._inbox.use()
        folder_id, deleted = self._maildrop.folder_id, self._maildrop.deleted_uids()
        if deleted:
            # Whatever is not among the result was gone before.
            self._removed = len(await self._inbox.remove(folder_id, deleted))
        await self._inbox.note_read(folder_id, sorted(self._retrieved.difference(deleted)))

    # The TRANSACTION state

    def _how_many(self) -> str:
        return counted(self._maildrop.count, "message", "messages")

    async def _stat(self, argument: bytes) -> None:
        grammar.nothing(argument)
        self.say(b"+OK %d %d\r\n" % (self._maildrop.count, self._maildrop.octets))

    async def _list(self, argument: bytes) -> None:
        if argument:
            number = grammar.number(argument)
            self.say(b"+OK %d %d\r\n" % (number, self._maildrop.size(number)))
        else:
            first = f"+OK {self._how_many()} ({self._maildrop.octets} octets)"
            self.say(replies.lines(first.encode(), self._maildrop.sizes()))

    async def _uidl(self, argument: bytes) -> None:
        if argument:
            number = grammar.number(argument)
            self.say(b"+OK %d %b\r\n" % (number, self._maildrop.unique_id(number)))
        else:
            self.say(replies.lines(b"+OK", self._maildrop.unique_ids()))

    async def _retr(self, argument: bytes) -> None:
        number = grammar.number(argument)
        content = await self._content(number)
        await self._send(b"+OK %d octets\r\n" % self._maildrop.size(number), content)
        self._retrieved.add(self._maildrop.uid(number))

    async def _top(self, argument: bytes) -> None:
        number, lines = grammar.number_and_lines(argument)
        await self._send(b"+OK\r\n", top(await self._content(number), lines))

    async def _content(self, number: int) -> bytes:
        folder_id, uid = self._maildrop.folder_id, self._maildrop.uid(number)
        try:
            content = await self._inbox.content(folder_id, uid)
        except MessageDamaged:
            self.log.error("message-damaged", folder=folder_id, uid=uid)
            raise
        if content is None:
            # Somebody else has removed it since the login.
            raise NoSuchMessage
        return content

    async def _send(self, first: bytes, content: bytes) -> None:
        self.say(first)
        content = replies.stuffed(content)
        for start in range(0, len(content), _SLICE):
            self.say(content[start : start + _SLICE])
            if self._undrained > _SLICE:
                await self._drain()
        self.say(b".\r\n")

    async def _dele(self, argument: bytes) -> None:
        if self._inbox.read_only:
            raise ReadOnly
        self._maildrop.delete(grammar.number(argument))
        self.say(replies.ok("deleted"))

    async def _noop(self, argument: bytes) -> None:
        grammar.nothing(argument)
        self.say(b"+OK\r\n")

    async def _rset(self, argument: bytes) -> None:
        grammar.nothing(argument)
        self._maildrop.reset()
        self.say(replies.ok(self._how_many()))

    _commands: ClassVar[dict[bytes, Command]] = {
        b"STLS": Command(AUTHORIZATION, _stls),  # RFC 2595 §4
        b"UTF8": Command(AUTHORIZATION, _utf8),  # RFC 6856 §2.1
        b"USER": Command(AUTHORIZATION, _user),  # RFC 1939 §7
        b"PASS": Command(AUTHORIZATION, _pass),  # RFC 1939 §7
        b"AUTH": Command(AUTHORIZATION, _auth),  # RFC 5034 §4
        b"CAPA": Command(ANY, _capa),  # RFC 2449 §5
        b"QUIT": Command(ANY, _quit, uses=False),  # RFC 1939 §6
        b"STAT": Command(TRANSACTION, _stat),  # RFC 1939 §5
        b"LIST": Command(TRANSACTION, _list),  # RFC 1939 §5
        b"RETR": Command(TRANSACTION, _retr),  # RFC 1939 §5
        b"DELE": Command(TRANSACTION, _dele),  # RFC 1939 §5
        b"NOOP": Command(TRANSACTION, _noop),  # RFC 1939 §5
        b"RSET": Command(TRANSACTION, _rset),  # RFC 1939 §5
        b"TOP": Command(TRANSACTION, _top),  # RFC 1939 §7
        b"UIDL": Command(TRANSACTION, _uidl),  # RFC 1939 §7
    }


async def _lock_maildrop(inbox: Inbox) -> None:
    """Take the maildrop, and wait a little if another session has it: most are over in a moment.

    Raises:
        MaildropLocked: the other session goes on.
    """
    for _ in range(_LOCK_ATTEMPTS):
        try:
            inbox.lock_maildrop()
        except MaildropLocked:
            await Pause(_LOCK_INTERVAL)
        else:
            return
    inbox.lock_maildrop()
