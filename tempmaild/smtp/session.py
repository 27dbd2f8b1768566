"""One client's SMTP or LMTP session: the dialogue of RFC 5321 and RFC 2033."""

from __future__ import annotations

from collections.abc import Awaitable, Callable  # noqa: TC003 - the NamedTuple keeps them
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core.lines import has_bare_ends, has_line_over
from tempmaild.core.mail_log import Event, Outcome, reason_of
from tempmaild.errors import MessageTooLarge, NoSuchMailbox, OutOfMemory, TempmaildError
from tempmaild.net.conversation import (
    DotData,
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
from tempmaild.service.checking import Arrival
from tempmaild.smtp import replies
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
from tempmaild.smtp.trace import Hop, protocol_name, trace_fields
from tempmaild.smtp.transaction import Transaction, mailbox_of, takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.delivery import Recipient
    from tempmaild.core.limit import Event as Countable
    from tempmaild.core.mail_log import Stage
    from tempmaild.core.verdict import Verdict
    from tempmaild.log import Log
    from tempmaild.net.conversation import Memory, Peer
    from tempmaild.service.checking import Checks, Treatment
    from tempmaild.service.delivery import Deliveries
    from tempmaild.service.limits import Limiter
    from tempmaild.service.mail_log import MailLog
    from tempmaild.service.statistics import Statistics

_LONGEST_COMMAND = 2048
"""Octets; RFC 5321 §4.5.3.1.4 wants 512 and what extensions add, SMTPUTF8 addresses among them."""
_TARPIT = 1.0
"""Seconds that each further error costs a client beyond the soft limit."""
_HTTP = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"PATCH", b"TRACE"})

_NAMING = frozenset({b"MAIL", b"RCPT"})
"""Commands that name a sender or recipient; the mail log has those that are refused."""


@dataclass(frozen=True)
class Rules:
    """What a session allows; times in seconds, sizes in octets.

    Attributes:
        host: our own name.
        lmtp: whether LMTP is spoken instead of SMTP.
        offers_tls: whether STARTTLS is there.
        most_messages: in one session; 0 is no limit.
        refuses_bare_newlines: else they become CRLF.
        data_patience: from DATA to the end of the message, at `minimum_rate` octets a second or more.
    """

    host: str
    lmtp: bool
    offers_tls: bool
    largest_message: int
    most_recipients: int
    most_messages: int
    most_received: int
    longest_data_line: int
    refuses_bare_newlines: bool
    soft_errors: int
    hard_errors: int
    patience: float
    data_patience: float
    minimum_rate: int


class Services(NamedTuple):
    """What sessions need: who takes mail, what is found out about it, who sends too much, and the counting.

    Attributes:
        mail_log: notes what becomes of each message; None for nobody.
    """

    deliveries: Deliveries
    checks: Checks
    limiter: Limiter
    statistics: Statistics
    mail_log: MailLog | None = None


class Goodbye(Exception):
    """The session is over; its last line was said."""


class Command(NamedTuple):
    """A row of the command table."""

    handler: Callable[[SmtpSession, bytes], Awaitable[None]]
    after_greeting: bool = False


class SmtpSession(Session):
    """Takes mail from one client.

    Args:
        clock: UTC epoch seconds, for the trace fields.
    """

    def __init__(
        self,
        peer: Peer,
        session_id: str,
        log: Log,
        rules: Rules,
        services: Services,
        memory: Memory,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(peer, session_id, log)
        self.rules = rules
        self._deliveries, self._checks, self._limiter, self._statistics, self._mail_log = services
        self._memory = memory
        self._clock = clock
        self._client_name = ""
        self._extended = False
        self._transaction: Transaction | None = None
        self._verb = b""
        self._named = NULL_PATH
        self._commands = LMTP_COMMANDS if rules.lmtp else SMTP_COMMANDS
        self._messages = 0
        self._errors = 0

    async def converse(self) -> None:
        """Hold the dialogue."""
        rules = self.rules
        self.say(f"220 {rules.host} {'LMTP' if rules.lmtp else 'ESMTP'} tempmaild\r\n".encode())
        try:
            while True:
                try:
                    line = await Line(_LONGEST_COMMAND, rules.patience, strict=True)
                except LineTooLong:
                    await self._refuse(b"500 5.5.2 The line is too long\r\n")
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
        self._verb, self._named = verb, NULL_PATH
        command = self._commands.get(verb)
        if command is None:
            await self._unknown(verb)
        elif command.after_greeting and not self._client_name:
            await self._refuse(f"503 5.5.1 Say {'LHLO' if self.rules.lmtp else 'EHLO'} first\r\n".encode())
        else:
            try:
                await command.handler(self, argument)
            except SyntaxProblem as problem:
                await self._refuse(f"501 5.5.4 Syntax: {problem}\r\n".encode(), "malformed")
            except NeedsUtf8:
                await self._refuse(b"553 5.6.7 The address needs the parameter SMTPUTF8\r\n", "malformed")
            except UnknownParameter:
                await self._refuse(b"555 5.5.4 The parameter is not implemented\r\n", "malformed")
            except TempmaildError as error:
                self.log.info("refused", session=self.id, verb=verb, reason=type(error).__name__, text=error)
                await self._refuse(self._reply_to(error), reason_of(error))
            except (Interruption, Goodbye):
                raise
            except Exception as error:  # a defect of ours ends a command, not the session
                self.log.failure("command-failed", error, session=self.id, verb=verb)
                await self._refuse(replies.OUR_FAULT, "defect")

    async def _unknown(self, verb: bytes) -> None:
        if verb in _HTTP and not self._client_name:
            self.log.info("not-smtp", session=self.id, client=self.peer.address)
            raise Goodbye
        if verb in _KNOWN_ELSEWHERE:
            await self._refuse(b"502 5.5.1 The command is not implemented\r\n")
        else:
            await self._refuse(b"500 5.5.2 The command is not recognised\r\n")

    async def _refuse(self, reply: bytes, reason: str = "") -> None:
        """Say that something cannot be done, and hold it against the client, unless it may try again.

        Args:
            reason: for the mail log, which has it of MAIL and RCPT; "" for what is no matter of a message.
        """
        if reason and self._verb in _NAMING:
            self._note_command(_outcome(reply, reason))
        if reply.startswith(b"4"):
            self.say(reply)
            if reply.startswith(b"421"):
                raise Goodbye
            return
        self._errors += 1
        if self._errors >= self.rules.hard_errors:
            self.log.info("too-many-errors", session=self.id, client=self.peer.address)
            self.say(reply + f"421 4.7.0 {self.rules.host} Too many errors; goodbye\r\n".encode())
            raise Goodbye
        if self._errors > self.rules.soft_errors:
            await Pause(_TARPIT)
        self.say(reply)

    async def helo(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.1
        """Greet a client that has no extensions."""
        self._greeted(helo_name(argument), extended=False)
        self.say(f"250 {self.rules.host}\r\n".encode())

    async def ehlo(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.1, RFC 2033 §4.1
        """Greet a client, and tell which extensions there are."""
        self._greeted(helo_name(argument), extended=True)
        self.say(replies.multiline(250, [self.rules.host, *self._extensions()]))

    def _greeted(self, name: str, *, extended: bool) -> None:
        self._client_name = name
        self._extended = extended
        self._transaction = None

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
            await self._refuse(b"503 5.5.1 TLS is active already\r\n")
        elif not self.rules.offers_tls:
            await self._refuse(b"502 5.5.1 The command is not implemented\r\n")
        else:
            self.say(b"220 2.0.0 Ready to start TLS\r\n")
            await StartTls()
            # RFC 3207 §4.2: nothing that was said before counts.
            self._greeted("", extended=False)

    async def mail(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.2
        """Begin a transaction."""
        if self._transaction:
            await self._refuse(b"503 5.5.1 A transaction has begun already\r\n")
            return
        sender, parameters = mail_arguments(argument)
        self._named = sender
        if 0 < self.rules.most_messages <= self._messages:
            self.say(f"421 4.7.0 {self.rules.host} Too many messages in one session\r\n".encode())
            raise Goodbye
        if parameters.size > self.rules.largest_message:
            raise MessageTooLarge(f"{parameters.size} octets are announced")
        if self._memory.used + parameters.size > self._memory.limit:
            raise OutOfMemory("no room for another message")
        self._deliveries.check_room()
        await self._count("message", sender.domain)
        arrival = Arrival(self.peer.address, self._client_name, str(sender), parameters.utf8)
        self._transaction = Transaction(arrival, sender.domain, parameters.size)
        self.say(b"250 2.1.0 Ok\r\n")

    async def rcpt(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.3
        """Add a recipient that has a mailbox here."""
        transaction = self._transaction
        if transaction is None:
            await self._refuse(b"503 5.5.1 Say MAIL first\r\n")
            return
        self._named = path = rcpt_arguments(argument, utf8=transaction.arrival.utf8)
        if len(transaction.recipients) >= self.rules.most_recipients:
            await self._refuse(b"452 4.5.3 Too many recipients\r\n", "too-many-recipients")
            return
        recipient = await self._recipient(path)
        if not takes(recipient, transaction.size):
            raise MessageTooLarge(f"{transaction.size} octets are announced for {recipient.address}")
        treatment = await self._checks.treatment(transaction.arrival, path.domain or self.rules.host)
        # One answer at the end of the data is for all recipients, but in LMTP.
        if not self.rules.lmtp and not transaction.treats_alike(treatment):
            reply = b"452 4.5.3 This recipient has rules of its own; please send to it separately\r\n"
            await self._refuse(reply, "other-rules")
            return
        await self._count("recipient", transaction.sender_domain, recipient.address)
        transaction.add(recipient, path, treatment)
        self.say(b"250 2.1.5 Ok\r\n")

    async def _recipient(self, path: Path) -> Recipient:
        if path.domain:
            return await self._deliveries.recipient(path.local_part, path.domain)
        return await self._deliveries.postmaster(self.rules.host)

    async def _count(self, event: Countable, sender_domain: str, recipient: str = "", amount: int = 1) -> None:
        """Hold the client to the limits of the operator.

        Raises:
            TooFast: it has gone beyond one.
            Banned: its network is turned away.
        """
        delay = await self._limiter.count(
            event,
            self.peer.address,
            sender_domain=sender_domain,
            mailbox=recipient,
            domain=recipient.rpartition("@")[2],
            amount=amount,
        )
        if delay:
            await Pause(delay)

    async def data(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.4
        """Take the message."""
        if argument:
            raise SyntaxProblem("DATA takes no parameter")
        transaction = self._transaction
        if transaction is None:
            await self._refuse(b"503 5.5.1 Say MAIL first\r\n")
        elif not transaction.recipients:
            # RFC 2033 §4.2 wants 503 here, RFC 5321 §4.1.1.4 allows it.
            await self._refuse(b"503 5.5.1 No valid recipients\r\n")
        else:
            self._transaction = None
            self.say(b"354 End the message with <CRLF>.<CRLF>\r\n")
            await self._take_message(transaction)

    async def rset(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.5
        """Give the transaction up."""
        if argument:
            raise SyntaxProblem("RSET takes no parameter")
        self._transaction = None
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
        verbs = b" ".join(self._commands).decode()
        self.say(replies.multiline(214, [f"2.0.0 Commands: {verbs}", "2.0.0 See RFC 5321"]))

    async def quit(self, argument: bytes) -> None:  # RFC 5321 §4.1.1.10
        """End the session."""
        if argument:
            raise SyntaxProblem("QUIT takes no parameter")
        self.say(f"221 2.0.0 {self.rules.host} Goodbye\r\n".encode())
        raise Goodbye

    # The message

    async def _take_message(self, transaction: Transaction) -> None:
        rules = self.rules
        reservation = self._memory.reserve()
        self._messages += 1
        message_id = f"{self.id}-{self._messages}"  # an atom, as RFC 5321 §4.4 wants it
        try:
            # RFC 1870 §3: doubled dots do not count. They are at most a quarter of what comes: "..", CR, LF.
            largest = rules.largest_message * 4 // 3
            data = await DotData(largest, reservation, rules.patience, rules.minimum_rate, rules.data_patience)
            transaction.data_ended = self._statistics.stopwatch()
            content = _without_stuffing(data)
            transaction.size = len(content)
            if len(content) > rules.largest_message:
                raise MessageTooLarge(f"{len(content)} octets")
            refusal = self._objection(content)
            if refusal:
                self._log_refusal(transaction, message_id, refusal.decode().strip())
                self._note_message(transaction, message_id, _outcome(refusal, "malformed"))
                self._statistics.count(("refuse", "refuse/malformed"))
                await self._answer(transaction, refusal)
                return
            await self._count("bytes", transaction.sender_domain, amount=len(content))
            await self._deliver(transaction, content, message_id)
        except TempmaildError as error:
            self._log_refusal(transaction, message_id, type(error).__name__, text=error)
            reply = self._reply_to(error)
            self._note_message(transaction, message_id, _outcome(reply, reason_of(error)))
            await self._answer(transaction, reply)
        except (Interruption, Goodbye):
            raise
        except Exception as error:  # a defect of ours ends a message, not the session
            self.log.failure("message-failed", error, session=self.id, id=message_id)
            self._statistics.count(("later", "later/defect"))
            self._note_message(transaction, message_id, _outcome(replies.OUR_FAULT, "defect"))
            await self._answer(transaction, replies.OUR_FAULT)
        finally:
            reservation.release()

    async def _deliver(self, transaction: Transaction, content: bytes, message_id: str) -> None:
        size = len(content)
        unfitting = [recipient for recipient in transaction.recipients if not takes(recipient, size)]
        if unfitting and not (self.rules.lmtp and len(unfitting) < len(transaction.recipients)):
            raise MessageTooLarge(f"{size} octets")
        if not self.rules.refuses_bare_newlines:
            content = await self._deliveries.normalised(content)
        answers: dict[tuple[str, int], bytes] = {}
        for treatment, recipients in transaction.groups(size):
            answers |= await self._deliver_to(recipients, treatment, transaction, content, message_id)
        # All are treated alike, but in LMTP. One of them may be gone meanwhile; the others have the message.
        answer = max(answers.values(), key=_is_good)
        good = _is_good(answer)
        if good:
            self._statistics.answered(transaction.data_ended)
        if self.rules.lmtp:
            too_large = replies.reply_to(MessageTooLarge())
            self._note_message(transaction, message_id, _outcome(too_large, reason_of(MessageTooLarge())), unfitting)
            for recipient in transaction.recipients:
                self.say(answers[mailbox_of(recipient)] if takes(recipient, size) else too_large)
        elif good:
            self.say(answer)
        else:
            await self._refuse(answer)

    async def _deliver_to(
        self,
        recipients: Sequence[Recipient],
        treatment: Treatment,
        transaction: Transaction,
        content: bytes,
        message_id: str,
    ) -> dict[tuple[str, int], bytes]:
        """Deliver to those who want a message treated like this; the answer for each mailbox."""
        try:
            verdict = await self._checks.examine(content, transaction.arrival, recipients, treatment)
            if verdict.refusal:
                self._statistics.treated(verdict)
                self._log_refusal(transaction, message_id, verdict.decided_by, text=verdict.refusal.text)
                reply = replies.refusal(verdict.refusal, later=verdict.disposition == "later")
                self._note_message(transaction, message_id, _outcome_of(verdict, reply), recipients)
                return _same_for_all(recipients, reply)
            trace = self._trace(transaction, message_id, verdict.fields)
            changed = content if verdict.content is None else verdict.content
            reached = await self._deliveries.deliver(trace + changed, recipients, verdict)
            if not reached:
                raise NoSuchMailbox("all mailboxes were destroyed meanwhile")
        except TempmaildError as error:
            self._log_refusal(transaction, message_id, type(error).__name__, text=error)
            reply = self._reply_to(error)
            self._note_message(transaction, message_id, _outcome(reply, reason_of(error)), recipients)
            return _same_for_all(recipients, reply)
        self._errors = 0
        # Not before: what could not be stored comes again.
        self._statistics.treated(verdict)
        self.log.info(
            "accepted",
            session=self.id,
            id=message_id,
            client=self.peer.address,
            sender=transaction.sender,
            recipients=len(reached),
            size=len(content),
            disposition=verdict.disposition,
        )
        accepted = f"250 2.0.0 Ok: stored as {message_id}\r\n".encode()
        self._note_message(transaction, message_id, _outcome_of(verdict, accepted), reached)
        answers = _same_for_all(reached, accepted)
        if len(reached) < len(recipients):
            gone = replies.reply_to(NoSuchMailbox())
            others = [recipient for recipient in recipients if mailbox_of(recipient) not in answers]
            self._note_message(transaction, message_id, _outcome(gone, reason_of(NoSuchMailbox())), others)
            answers |= _same_for_all(others, gone)
        return answers

    def _log_refusal(self, transaction: Transaction, message_id: str, reason: str, **fields: object) -> None:
        self.log.info(
            "refused",
            session=self.id,
            id=message_id,
            client=self.peer.address,
            sender=transaction.sender,
            recipients=len(transaction.recipients),
            reason=reason,
            **fields,
        )

    def _note_command(self, outcome: Outcome) -> None:
        """Have the mail log know that MAIL or RCPT was refused."""
        transaction = self._transaction
        if transaction is None:
            self._note("mail", self.id, str(self._named), "", 0, outcome)
        else:
            self._note("rcpt", self.id, transaction.sender, str(self._named), transaction.size, outcome)

    def _note_message(
        self,
        transaction: Transaction,
        message_id: str,
        outcome: Outcome,
        recipients: Sequence[Recipient] | None = None,
    ) -> None:
        """Have the mail log know what became of a message, for some recipients or for all."""
        for recipient in transaction.recipients if recipients is None else recipients:
            self._note("data", message_id, transaction.sender, recipient.address, transaction.size, outcome)

    def _note(self, stage: Stage, queue_id: str, sender: str, recipient: str, size: int, outcome: Outcome) -> None:
        if self._mail_log is not None:
            peer, helo = self.peer, self._client_name
            self._mail_log.note(
                Event(self._clock(), queue_id, stage, peer.address, helo, sender, recipient, size, peer.tls, outcome)
            )

    async def _answer(self, transaction: Transaction, reply: bytes) -> None:
        """Refuse a message: in LMTP once for each recipient that RCPT took (RFC 2033 §4.2)."""
        if self.rules.lmtp:
            reply *= len(transaction.recipients)
        await self._refuse(reply)

    def _reply_to(self, error: TempmaildError) -> bytes:
        """Give what is said to a client whose mail is refused for this, and count that it is."""
        reply = replies.reply_to(error)
        self._statistics.refused(error, later=reply.startswith(b"4"))
        return reply

    def _objection(self, content: bytes) -> bytes | None:
        """Say what is wrong with a message, if anything."""
        if self.rules.refuses_bare_newlines and has_bare_ends(content):
            return b"550 5.5.2 Bare CR or LF: lines end with CRLF\r\n"
        if has_line_over(content, self.rules.longest_data_line):
            return b"554 5.6.0 A line of the message is too long\r\n"
        if _received_fields(content) > self.rules.most_received:
            return b"554 5.4.6 Too many hops: this mail is in a loop\r\n"  # RFC 5321 §6.3
        return None

    def _trace(self, transaction: Transaction, message_id: str, fields: bytes) -> bytes:
        protocol = protocol_name(
            lmtp=self.rules.lmtp, extended=self._extended, tls=bool(self.peer.tls), utf8=transaction.arrival.utf8
        )
        hop = Hop(self._client_name, protocol, self.rules.host, message_id)
        # As it was written: in a catch-all mailbox nothing else may tell for whom the mail was.
        only = str(transaction.latest) if len(transaction.recipients) == 1 else None
        return trace_fields(transaction.sender, hop, self.peer, self._clock(), only, fields)


def _outcome(reply: bytes, reason: str) -> Outcome:
    """Say what became of mail that was refused for a reason, for good or for now."""
    return Outcome("later" if reply.startswith(b"4") else "refuse", reason, reply.decode("utf-8", "replace").strip())


def _outcome_of(verdict: Verdict, reply: bytes) -> Outcome:
    """Say what became of a message that was examined."""
    return Outcome(verdict.disposition, verdict.decided_by, reply.decode("ascii").strip(), verdict.findings)


def _same_for_all(recipients: Sequence[Recipient], answer: bytes) -> dict[tuple[str, int], bytes]:
    return dict.fromkeys(map(mailbox_of, recipients), answer)


def _is_good(answer: bytes) -> bool:
    return answer.startswith(b"2")


def _mail_max(rules: Rules) -> str:
    return f"MAILMAX={rules.most_messages} " if rules.most_messages else ""


def _without_stuffing(data: bytes) -> bytes:
    """Undo what the client did to lines that begin with a dot (RFC 5321 §4.5.2)."""
    data = data.replace(b"\r\n.", b"\r\n")
    return data[1:] if data.startswith(b".") else data


def _received_fields(content: bytes) -> int:
    end = content.find(b"\r\n\r\n")
    header = b"\n" + (content if end < 0 else content[:end])
    return header.lower().count(b"\nreceived:")


SMTP_COMMANDS: dict[bytes, Command] = {
    b"HELO": Command(SmtpSession.helo),
    b"EHLO": Command(SmtpSession.ehlo),
    b"STARTTLS": Command(SmtpSession.starttls, after_greeting=True),
    b"MAIL": Command(SmtpSession.mail, after_greeting=True),
    b"RCPT": Command(SmtpSession.rcpt, after_greeting=True),
    b"DATA": Command(SmtpSession.data, after_greeting=True),
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
_KNOWN_ELSEWHERE = frozenset(
    {b"EXPN", b"TURN", b"ETRN", b"AUTH", b"BDAT", b"SEND", b"SOML", b"SAML", b"BURL", b"LHLO"}
)
"""Commands of RFC 5321, its ancestors and extensions that we do not have (§4.2.4)."""
