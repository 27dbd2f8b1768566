"""One client's SMTP or LMTP session: the dialogue of RFC 5321 and RFC 2033."""

from __future__ import annotations

from collections.abc import Awaitable, Callable  # noqa: TC003 - the NamedTuple keeps them
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core.mail_log import reason_of
from tempmaild.errors import MessageTooLarge, OutOfMemory, TempmaildError
from tempmaild.net.conversation import Flood, Interruption, Line, LineTooLong, ShuttingDown, StartTls, TimedOut
from tempmaild.service.checking import Arrival
from tempmaild.smtp import replies
from tempmaild.smtp.data import data
from tempmaild.smtp.dialogue import Dialogue, Goodbye
from tempmaild.smtp.grammar import (
    NULL_PATH,
    NeedsUtf8,
    Path,
    SyntaxProblem,
    UnknownParameter,
    helo_name,
    mail_arguments,
    rcpt_arguments,
    split_command,
)
from tempmaild.smtp.transaction import Transaction, takes

if TYPE_CHECKING:
    from tempmaild.core.delivery import Recipient
    from tempmaild.smtp.dialogue import Rules

_LONGEST_COMMAND = 2048
"""Octets; RFC 5321 §4.5.3.1.4 wants 512 and what extensions add, SMTPUTF8 addresses among them."""
_HTTP = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"PATCH", b"TRACE"})


class Command(NamedTuple):
    """A row of the command table."""

    handler: Callable[[SmtpSession, bytes], Awaitable[None]]
    after_greeting: bool = False


class SmtpSession(Dialogue):
    """Takes mail from one client."""

    async def converse(self) -> None:
        """Hold the dialogue."""
        rules = self.rules
        self.say(f"220 {rules.host} {'LMTP' if rules.lmtp else 'ESMTP'} tempmaild\r\n".encode())
        try:
            while True:
                try:
                    line = await Line(_LONGEST_COMMAND, rules.patience, strict=True)
                except LineTooLong:
                    await self.refuse(b"500 5.5.2 The line is too long\r\n")
                else:
                    await self._command(line)
        except Goodbye:
            pass
        except Flood:
            self.say(b"500 5.5.2 The line is too long\r\n421 4.7.0 Goodbye\r\n")
        except TimedOut:
            self.say(f"421 4.4.2 {rules.host} This takes too long; goodbye\r\n".encode())
        except ShuttingDown:
            self.say(f"421 4.3.2 {rules.host} The service is shutting down\r\n".encode())

    # Commands

    async def _command(self, line: bytes) -> None:
        verb, argument = split_command(line)
        self.verb, self.named = verb, NULL_PATH
        command = _COMMANDS[self.rules.lmtp].get(verb)
        if command is None:
            await self._unknown(verb)
        elif command.after_greeting and not self.client_name:
            await self.refuse(f"503 5.5.1 Say {'LHLO' if self.rules.lmtp else 'EHLO'} first\r\n".encode())
        else:
            try:
                await command.handler(self, argument)
            except SyntaxProblem as problem:
                await self.refuse(f"501 5.5.4 Syntax: {problem}\r\n".encode(), "malformed")
            except NeedsUtf8:
                await self.refuse(b"553 5.6.7 The address needs the parameter SMTPUTF8\r\n", "malformed")
            except UnknownParameter:
                await self.refuse(b"555 5.5.4 The parameter is not implemented\r\n", "malformed")
            except TempmaildError as error:
                self.log.info("refused", session=self.id, verb=verb, reason=type(error).__name__, text=error)
                await self.refuse(self.reply_to(error), reason_of(error))
            except (Interruption, Goodbye):
                raise
            except Exception as error:  # a defect of ours ends a command, not the session
                self.log.failure("command-failed", error, session=self.id, verb=verb)
                await self.refuse(replies.OUR_FAULT, "defect")

    async def _unknown(self, verb: bytes) -> None:
        if verb in _HTTP and not self.client_name:
            self.log.info("not-smtp", session=self.id, client=self.peer.address)
            raise Goodbye
        if verb in _KNOWN_ELSEWHERE:
            await self.refuse(b"502 5.5.1 The command is not implemented\r\n")
        else:
            await self.refuse(b"500 5.5.2 The command is not recognised\r\n")

    async def helo(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.1
        """Greet a client that has no extensions."""
        self._greeted(helo_name(argument), extended=False)
        self.say(f"250 {self.rules.host}\r\n".encode())

    async def ehlo(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.1, RFC 2033 §4.1
        """Greet a client, and tell which extensions there are."""
        self._greeted(helo_name(argument), extended=True)
        self.say(replies.multiline(250, [self.rules.host, *self._extensions()]))

    def _greeted(self, name: str, *, extended: bool) -> None:
        self.client_name = name
        self.extended = extended
        self.transaction = None

    def _extensions(self) -> list[str]:
        rules = self.rules
        extensions = [
            "PIPELINING",  # RFC 2920
            f"SIZE {rules.largest_message}",  # RFC 1870
            "8BITMIME",  # RFC 6152
            "SMTPUTF8",  # RFC 6531
            "ENHANCEDSTATUSCODES",  # RFC 2034
            f"LIMITS {_mail_max(rules)}RCPTMAX={rules.most_recipients}",  # RFC 9422
        ]
        if rules.offers_tls and not self.peer.tls:
            extensions.append("STARTTLS")  # RFC 3207
        return extensions

    async def starttls(self, argument: bytes) -> None:  # RFC 3207 §4
        """Start TLS."""
        if argument:
            raise SyntaxProblem("STARTTLS takes no parameter")
        if self.peer.tls:
            await self.refuse(b"503 5.5.1 TLS is active already\r\n")
        elif not self.rules.offers_tls:
            await self.refuse(b"502 5.5.1 The command is not implemented\r\n")
        else:
            self.say(b"220 2.0.0 Ready to start TLS\r\n")
            await StartTls()
            # RFC 3207 §4.2: nothing that was said before counts.
            self._greeted("", extended=False)

    async def mail(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.2
        """Begin a transaction."""
        if self.transaction:
            await self.refuse(b"503 5.5.1 A transaction has begun already\r\n")
            return
        sender, parameters = mail_arguments(argument)
        self.named = sender
        if 0 < self.rules.most_messages <= self.messages:
            self.say(f"421 4.7.0 {self.rules.host} Too many messages in one session\r\n".encode())
            raise Goodbye
        if parameters.size > self.rules.largest_message:
            raise MessageTooLarge(f"{parameters.size} octets are announced")
        if self.memory.used + parameters.size > self.memory.limit:
            raise OutOfMemory("no room for another message")
        self.deliveries.check_room()
        await self.count("message", sender.domain)
        arrival = Arrival(self.peer.address, self.client_name, str(sender), parameters.utf8)
        self.transaction = Transaction(arrival, sender.domain, parameters.size)
        self.say(b"250 2.1.0 Ok\r\n")

    async def rcpt(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.3
        """Add a recipient that has a mailbox here."""
        transaction = self.transaction
        if transaction is None:
            await self.refuse(b"503 5.5.1 Say MAIL first\r\n")
            return
        self.named = path = rcpt_arguments(argument, utf8=transaction.arrival.utf8)
        if len(transaction.recipients) >= self.rules.most_recipients:
            await self.refuse(b"452 4.5.3 Too many recipients\r\n", "too-many-recipients")
            return
        recipient = await self._recipient(path)
        if not takes(recipient, transaction.size):
            raise MessageTooLarge(f"{transaction.size} octets are announced for {recipient.address}")
        treatment = await self.checks.treatment(transaction.arrival, path.domain or self.rules.host)
        # One answer at the end of the data is for all recipients, but in LMTP.
        if not self.rules.lmtp and not transaction.treats_alike(treatment):
            reply = b"452 4.5.3 This recipient has rules of its own; please send to it separately\r\n"
            await self.refuse(reply, "other-rules")
            return
        await self.count("recipient", transaction.sender_domain, recipient.address)
        transaction.add(recipient, path, treatment)
        self.say(b"250 2.1.5 Ok\r\n")

    async def _recipient(self, path: Path) -> Recipient:
        if path.domain:
            return await self.deliveries.recipient(path.local_part, path.domain)
        return await self.deliveries.postmaster(self.rules.host)

    async def rset(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.5
        """Give the transaction up."""
        if argument:
            raise SyntaxProblem("RSET takes no parameter")
        self.transaction = None
        self.say(b"250 2.0.0 Ok\r\n")

    async def noop(self, _argument: bytes) -> None:  # RFC 5321 §4.1.1.9
        """Do nothing."""
        self.say(b"250 2.0.0 Ok\r\n")

    async def vrfy(self, argument: bytes) -> None:  # RFC 5321 §3.5.3: without telling who exists
        """Tell nobody who has a mailbox here."""
        if not argument:
            raise SyntaxProblem("VRFY takes an address")
        self.say(b"252 2.0.0 Try RCPT; this is not verified here\r\n")

    async def help(self, _argument: bytes) -> None:  # RFC 5321 §4.1.1.8
        """List the commands."""
        verbs = b" ".join(_COMMANDS[self.rules.lmtp]).decode()
        self.say(replies.multiline(214, [f"2.0.0 Commands: {verbs}", "2.0.0 See RFC 5321"]))

    async def quit(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.10
        """End the session."""
        if argument:
            raise SyntaxProblem("QUIT takes no parameter")
        self.say(f"221 2.0.0 {self.rules.host} Goodbye\r\n".encode())
        raise Goodbye


def _mail_max(rules: Rules) -> str:
    return f"MAILMAX={rules.most_messages} " if rules.most_messages else ""


SMTP_COMMANDS: dict[bytes, Command] = {
    b"HELO": Command(SmtpSession.helo),
    b"EHLO": Command(SmtpSession.ehlo),
    b"STARTTLS": Command(SmtpSession.starttls, after_greeting=True),
    b"MAIL": Command(SmtpSession.mail, after_greeting=True),
    b"RCPT": Command(SmtpSession.rcpt, after_greeting=True),
    b"DATA": Command(data, after_greeting=True),
    b"RSET": Command(SmtpSession.rset),
    b"NOOP": Command(SmtpSession.noop),
    b"VRFY": Command(SmtpSession.vrfy),
    b"HELP": Command(SmtpSession.help),
    b"QUIT": Command(SmtpSession.quit),
}
# RFC 2033 §4.1: LHLO, and neither HELO nor EHLO.
LMTP_COMMANDS: dict[bytes, Command] = {
    b"LHLO": Command(SmtpSession.ehlo),
    **{verb: command for verb, command in SMTP_COMMANDS.items() if verb not in {b"HELO", b"EHLO"}},
}
_COMMANDS = {False: SMTP_COMMANDS, True: LMTP_COMMANDS}
"""By whether LMTP is spoken."""
_KNOWN_ELSEWHERE = frozenset(
    {b"EXPN", b"TURN", b"ETRN", b"AUTH", b"BDAT", b"SEND", b"SOML", b"SAML", b"BURL", b"LHLO"}
)
"""Commands of RFC 5321, its ancestors and extensions that we do not have (§4.2.4)."""
