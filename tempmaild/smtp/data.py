"""DATA: a message is taken, examined, delivered and answered (RFC 5321 §4.1.1.4, RFC 2033 §4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.lines import has_bare_ends, has_line_over
from tempmaild.core.mail_log import Outcome, reason_of
from tempmaild.errors import MessageTooLarge, NoSuchMailbox, TempmaildError
from tempmaild.net.conversation import DotData, Interruption
from tempmaild.smtp import replies
from tempmaild.smtp.dialogue import Goodbye, refused
from tempmaild.smtp.grammar import SyntaxProblem
from tempmaild.smtp.trace import Hop, protocol_name, trace_fields
from tempmaild.smtp.transaction import mailbox_of, takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.delivery import Recipient
    from tempmaild.core.verdict import Verdict
    from tempmaild.service.checking import Treatment
    from tempmaild.smtp.dialogue import Dialogue, Rules
    from tempmaild.smtp.transaction import Transaction


async def data(s: Dialogue, argument: bytes) -> None:  # RFC 5321 §4.1.1.4
    """Take the message."""
    if argument:
        raise SyntaxProblem("DATA takes no parameter")
    transaction = s.transaction
    if transaction is None:
        await s.refuse(b"503 5.5.1 Say MAIL first\r\n")
    elif not transaction.recipients:
        # RFC 2033 §4.2 wants 503 here, RFC 5321 §4.1.1.4 allows it.
        await s.refuse(b"503 5.5.1 No valid recipients\r\n")
    else:
        s.transaction = None
        s.say(b"354 End the message with <CRLF>.<CRLF>\r\n")
        await _take_message(s, transaction)


async def _take_message(s: Dialogue, transaction: Transaction) -> None:
    rules = s.rules
    reservation = s.memory.reserve()
    s.messages += 1
    message_id = f"{s.id}-{s.messages}"  # an atom, as RFC 5321 §4.4 wants it
    try:
        # RFC 1870 §3: doubled dots do not count. They are at most a quarter of what comes: "..", CR, LF.
        largest = rules.largest_message * 4 // 3
        data = await DotData(largest, reservation, rules.patience, rules.minimum_rate, rules.data_patience)
        transaction.data_ended = s.statistics.stopwatch()
        content = _without_stuffing(data)
        transaction.size = len(content)
        if len(content) > rules.largest_message:
            raise MessageTooLarge(f"{len(content)} octets")
        refusal = _objection(rules, content)
        if refusal:
            _log_refusal(s, transaction, message_id, refusal.decode().strip())
            _note_message(s, transaction, message_id, refused(refusal, "malformed"))
            s.statistics.count(("refuse", "refuse/malformed"))
            await _answer(s, transaction, refusal)
            return
        await s.count("bytes", transaction.sender_domain, amount=len(content))
        await _deliver(s, transaction, content, message_id)
    except TempmaildError as error:
        _log_refusal(s, transaction, message_id, type(error).__name__, text=error)
        reply = s.reply_to(error)
        _note_message(s, transaction, message_id, refused(reply, reason_of(error)))
        await _answer(s, transaction, reply)
    except (Interruption, Goodbye):
        raise
    except Exception as error:  # a defect of ours ends a message, not the session
        s.log.failure("message-failed", error, session=s.id, id=message_id)
        s.statistics.count(("later", "later/defect"))
        _note_message(s, transaction, message_id, refused(replies.OUR_FAULT, "defect"))
        await _answer(s, transaction, replies.OUR_FAULT)
    finally:
        reservation.release()


async def _deliver(s: Dialogue, transaction: Transaction, content: bytes, message_id: str) -> None:
    size = len(content)
    unfitting = [recipient for recipient in transaction.recipients if not takes(recipient, size)]
    if unfitting and not (s.rules.lmtp and len(unfitting) < len(transaction.recipients)):
        raise MessageTooLarge(f"{size} octets")
    if not s.rules.refuses_bare_newlines:
        content = await s.deliveries.normalised(content)
    answers: dict[tuple[str, int], bytes] = {}
    for treatment, recipients in transaction.groups(size):
        answers |= await _deliver_to(s, recipients, treatment, transaction, content, message_id)
    # All are treated alike, but in LMTP. One of them may be gone meanwhile; the others have the message.
    answer = max(answers.values(), key=_is_good)
    good = _is_good(answer)
    if good:
        s.statistics.answered(transaction.data_ended)
    if s.rules.lmtp:
        too_large = replies.reply_to(MessageTooLarge())
        _note_message(s, transaction, message_id, refused(too_large, reason_of(MessageTooLarge())), unfitting)
        for recipient in transaction.recipients:
            s.say(answers[mailbox_of(recipient)] if takes(recipient, size) else too_large)
    elif good:
        s.say(answer)
    else:
        await s.refuse(answer)


async def _deliver_to(
    s: Dialogue,
    recipients: Sequence[Recipient],
    treatment: Treatment,
    transaction: Transaction,
    content: bytes,
    message_id: str,
) -> dict[tuple[str, int], bytes]:
    """Deliver to those who want a message treated like this; the answer for each mailbox."""
    try:
        verdict = await s.checks.examine(content, transaction.arrival, recipients, treatment)
        if verdict.refusal:
            s.statistics.treated(verdict)
            _log_refusal(s, transaction, message_id, verdict.decided_by, text=verdict.refusal.text)
            reply = replies.refusal(verdict.refusal, later=verdict.disposition == "later")
            return _told(s, transaction, message_id, _outcome_of(verdict, reply), recipients, reply)
        trace = _trace(s, transaction, message_id, verdict.fields)
        changed = content if verdict.content is None else verdict.content
        reached = await s.deliveries.deliver(trace + changed, recipients, verdict)
        if not reached:
            raise NoSuchMailbox("all mailboxes were destroyed meanwhile")
    except TempmaildError as error:
        _log_refusal(s, transaction, message_id, type(error).__name__, text=error)
        reply = s.reply_to(error)
        return _told(s, transaction, message_id, refused(reply, reason_of(error)), recipients, reply)
    s.errors = 0
    # Not before: what could not be stored comes again.
    s.statistics.treated(verdict)
    s.log.info(
        "accepted",
        session=s.id,
        id=message_id,
        client=s.peer.address,
        sender=transaction.sender,
        recipients=len(reached),
        size=len(content),
        disposition=verdict.disposition,
    )
    accepted = f"250 2.0.0 Ok: stored as {message_id}\r\n".encode()
    answers = _told(s, transaction, message_id, _outcome_of(verdict, accepted), reached, accepted)
    if len(reached) < len(recipients):
        gone = replies.reply_to(NoSuchMailbox())
        others = [recipient for recipient in recipients if mailbox_of(recipient) not in answers]
        answers |= _told(s, transaction, message_id, refused(gone, reason_of(NoSuchMailbox())), others, gone)
    return answers


def _log_refusal(s: Dialogue, transaction: Transaction, message_id: str, reason: str, **fields: object) -> None:
    s.log.info(
        "refused",
        session=s.id,
        id=message_id,
        client=s.peer.address,
        sender=transaction.sender,
        recipients=len(transaction.recipients),
        reason=reason,
        **fields,
    )


def _note_message(
    s: Dialogue,
    transaction: Transaction,
    message_id: str,
    outcome: Outcome,
    recipients: Sequence[Recipient] | None = None,
) -> None:
    """Have the mail log know what became of a message, for some recipients or for all."""
    for recipient in transaction.recipients if recipients is None else recipients:
        s.note("data", message_id, transaction.sender, recipient.address, transaction.size, outcome)


def _told(
    s: Dialogue,
    transaction: Transaction,
    message_id: str,
    outcome: Outcome,
    recipients: Sequence[Recipient],
    answer: bytes,
) -> dict[tuple[str, int], bytes]:
    """Give all of these recipients the same answer, of which the mail log knows."""
    _note_message(s, transaction, message_id, outcome, recipients)
    return dict.fromkeys(map(mailbox_of, recipients), answer)


async def _answer(s: Dialogue, transaction: Transaction, reply: bytes) -> None:
    """Refuse a message: in LMTP once for each recipient that RCPT took (RFC 2033 §4.2)."""
    if s.rules.lmtp:
        reply *= len(transaction.recipients)
    await s.refuse(reply)


def _objection(rules: Rules, content: bytes) -> bytes | None:
    """Say what is wrong with a message, if anything."""
    if rules.refuses_bare_newlines and has_bare_ends(content):
        return b"550 5.5.2 Bare CR or LF: lines end with CRLF\r\n"
    if has_line_over(content, rules.longest_data_line):
        return b"554 5.6.0 A line of the message is too long\r\n"
    if _received_fields(content) > rules.most_received:
        return b"554 5.4.6 Too many hops: this mail is in a loop\r\n"  # RFC 5321 §6.3
    return None


def _trace(s: Dialogue, transaction: Transaction, message_id: str, fields: bytes) -> bytes:
    protocol = protocol_name(
        lmtp=s.rules.lmtp, extended=s.extended, tls=bool(s.peer.tls), utf8=transaction.arrival.utf8
    )
    hop = Hop(s.client_name, protocol, s.rules.host, message_id)
    # As it was written: in a catch-all mailbox nothing else may tell for whom the mail was.
    only = str(transaction.latest) if len(transaction.recipients) == 1 else None
    return trace_fields(transaction.sender, hop, s.peer, s.clock(), only, fields)


def _outcome_of(verdict: Verdict, reply: bytes) -> Outcome:
    """Say what became of a message that was examined."""
    return Outcome(verdict.disposition, verdict.decided_by, reply.decode("ascii").strip(), verdict.findings)


def _is_good(answer: bytes) -> bool:
    return answer.startswith(b"2")


def _without_stuffing(data: bytes) -> bytes:
    """Undo what the client did to lines that begin with a dot (RFC 5321 §4.5.2)."""
    data = data.replace(b"\r\n.", b"\r\n")
    return data[1:] if data.startswith(b".") else data


def _received_fields(content: bytes) -> int:
    end = content.find(b"\r\n\r\n")
    header = b"\n" + (content if end < 0 else content[:end])
    return header.lower().count(b"\nreceived:")
