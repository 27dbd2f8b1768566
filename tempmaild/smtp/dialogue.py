"""What all commands of an SMTP session share: its rules, its state, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.core.mail_log import Event, Outcome
from tempmaild.net.conversation import Pause, Session
from tempmaild.smtp import replies
from tempmaild.smtp.grammar import NULL_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.limit import Event as Countable
    from tempmaild.core.mail_log import Stage
    from tempmaild.errors import TempmaildError
    from tempmaild.log import Log
    from tempmaild.net.conversation import Memory, Peer
    from tempmaild.service.checking import Checks
    from tempmaild.service.delivery import Deliveries
    from tempmaild.service.limits import Limiter
    from tempmaild.service.mail_log import MailLog
    from tempmaild.service.statistics import Statistics
    from tempmaild.smtp.transaction import Transaction

_TARPIT = 1.0
"""Seconds that each further error costs a client beyond the soft limit."""
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


class Dialogue(Session):
    """One client's dialogue, as far as it is the same for all commands.

    Args:
        clock: UTC epoch seconds, for the trace fields and the mail log.

    Attributes:
        client_name: from the greeting, "" before it.
        extended: whether that was EHLO or LHLO.
        transaction: what MAIL has begun; None once DATA has taken it on.
        verb: of the command that is being carried out.
        named: the sender or recipient in it.
        messages: how many there were.
        errors: since a message was accepted last.
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
        self.deliveries, self.checks, self._limiter, self.statistics, self._mail_log = services
        self.memory = memory
        self.clock = clock
        self.client_name = ""
        self.extended = False
        self.transaction: Transaction | None = None
        self.verb = b""
        self.named = NULL_PATH
        self.messages = 0
        self.errors = 0

    async def refuse(self, reply: bytes, reason: str = "") -> None:
        """Say that something cannot be done, and hold it against the client, unless it may try again.

        Args:
            reason: for the mail log, which has it of MAIL and RCPT; "" for what is no matter of a message.
        """
        if reason and self.verb in _NAMING:
            self._note_command(refused(reply, reason))
        if reply.startswith(b"4"):
            self.say(reply)
            if reply.startswith(b"421"):
                raise Goodbye
            return
        self.errors += 1
        if self.errors >= self.rules.hard_errors:
            self.log.info("too-many-errors", session=self.id, client=self.peer.address)
            self.say(reply + f"421 4.7.0 {self.rules.host} Too many errors; goodbye\r\n".encode())
            raise Goodbye
        if self.errors > self.rules.soft_errors:
            await Pause(_TARPIT)
        self.say(reply)

    async def count(self, event: Countable, sender_domain: str, recipient: str = "", amount: int = 1) -> None:
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

    def reply_to(self, error: TempmaildError) -> bytes:
        """Give what is said to a client whose mail is refused for this, and count that it is."""
        reply = replies.reply_to(error)
        self.statistics.refused(error, later=reply.startswith(b"4"))
        return reply

    def note(self, stage: Stage, queue_id: str, sender: str, recipient: str, size: int, outcome: Outcome) -> None:
        """Have the mail log know what became of a command or a message."""
        if self._mail_log is not None:
            peer, helo = self.peer, self.client_name
            self._mail_log.note(
                Event(self.clock(), queue_id, stage, peer.address, helo, sender, recipient, size, peer.tls, outcome)
            )

    def _note_command(self, outcome: Outcome) -> None:
        """Have the mail log know that MAIL or RCPT was refused."""
        transaction = self.transaction
        if transaction is None:
            self.note("mail", self.id, str(self.named), "", 0, outcome)
        else:
            self.note("rcpt", self.id, transaction.sender, str(self.named), transaction.size, outcome)


def refused(reply: bytes, reason: str) -> Outcome:
    """Say what became of mail that was refused for a reason, for good or for now."""
    return Outcome("later" if reply.startswith(b"4") else "refuse", reason, reply.decode("utf-8", "replace").strip())
