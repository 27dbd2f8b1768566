"""What the mail log learns of a session: every message once for each recipient, and what never became one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.block_rule import BlockRule
from tempmaild.core.policy import Policy
from tempmaild.core.verdict import Finding, Refusal, Verdict
from tempmaild.service.mail_log import Search
from tempmaild.settings.mail_log import MailLog
from tests.dialog import TLS
from tests.smtp.house import BEGIN, ME, RULES, YOU, House
from tests.smtp.test_checking import LMTP, MESSAGE, Examiner, send
from tests.support import NOW, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.mail_log import Entry

HELLO, MAIL, RCPT = b"EHLO client.example\r\n", b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<me@box.test>\r\n"
STORED = "250 2.0.0 Ok: stored as s1-1"
NOBODY = "550 5.1.1 No such mailbox here"


@pytest.fixture
def examiner() -> Examiner:
    return Examiner()


@pytest.fixture
def house(tmp_path: Path, examiner: Examiner) -> Iterator[House]:
    house = House(tmp_path, examiner)
    house.appliance.appliance.mail_log.change(MailLog(addresses="shown"))
    yield house
    house.appliance.close()


def logged(house: House) -> list[Entry]:
    """Give what was logged, the oldest first."""
    log = house.appliance.appliance.mail_log
    run(log.flush())
    return run(log.page(Search())).rows[::-1]


def outcomes(house: House) -> list[tuple[str, ...]]:
    return [(row.stage, row.disposition, row.decided_by, row.recipient, row.reply) for row in logged(house)]


class TestAMessage:
    def test_that_is_accepted(self, house: House, examiner: Examiner) -> None:
        examiner.verdict = Verdict(findings=(Finding("spf", "pass"),))
        dialog = house.connect(tls=True)
        dialog.send(BEGIN)
        send(dialog)
        (row,) = logged(house)
        assert (row.stage, row.disposition, row.decided_by, row.reply) == ("data", "accept", "", STORED)
        assert (row.queue_id, row.client, row.helo, row.tls) == ("s1-1", "192.0.2.1", "client.example", TLS)
        assert (row.sender, row.sender_domain, row.recipient) == ("a@example.org", "example.org", ME)
        assert (row.size, round(row.at)) == (len(MESSAGE), NOW)
        assert [(noted.method, noted.result) for noted in row.noted] == [("spf", "pass")]

    def test_that_is_junk(self, house: House, examiner: Examiner) -> None:
        examiner.verdict = Verdict("junk", "dmarc")
        send(house.connect_to_data())
        assert outcomes(house) == [("data", "junk", "dmarc", ME, STORED)]

    @pytest.mark.parametrize(
        ("disposition", "reply"), [("refuse", "550 5.7.1 Malware"), ("later", "451 4.7.1 Malware")]
    )
    def test_that_the_checks_do_not_let_through(
        self, house: House, examiner: Examiner, disposition: Any, reply: str
    ) -> None:
        found = (Finding("x-clamav", "fail", reason="Eicar"),)
        examiner.verdict = Verdict(disposition, "clamav", Refusal("5.7.1", "Malware"), found)
        send(house.connect_to_data())
        assert outcomes(house) == [("data", disposition, "clamav", ME, reply)]
        assert [noted.detail for noted in logged(house)[0].noted] == ["Eicar"]

    def test_for_several(self, house: House) -> None:
        dialog = house.connect()
        dialog.send(BEGIN.replace(b"DATA", b"RCPT TO:<you@box.test>\r\nDATA"))
        send(dialog)
        assert outcomes(house) == [("data", "accept", "", ME, STORED), ("data", "accept", "", YOU, STORED)]

    def test_for_several_of_whom_one_is_gone(self, house: House) -> None:
        dialog = house.connect()
        dialog.send(BEGIN.replace(b"DATA", b"RCPT TO:<you@box.test>\r\nDATA"))
        run(house.appliance.mailboxes.destroy(house.accounts[ME].mailbox))
        send(dialog)
        assert outcomes(house) == [
            ("data", "accept", "", YOU, STORED),
            ("data", "refuse", "no-such-mailbox", ME, NOBODY),
        ]

    def test_for_several_with_other_rules_in_lmtp(self, house: House, examiner: Examiner) -> None:
        run(house.appliance.domains.add("strict.test", policy=Policy(checks={"spf": {"action": "refuse"}})))
        house.accounts["me@strict.test"] = house.appliance.create("me@strict.test")

        async def examine(mail: Any) -> Verdict:
            refused = mail.checking.spf.action == "refuse"
            return Verdict("refuse", "spf", Refusal("5.7.23", "No")) if refused else Verdict()

        examiner.examine = examine  # type: ignore[method-assign]
        dialog = house.connect(LMTP)
        dialog.send(BEGIN.replace(b"EHLO", b"LHLO").replace(b"DATA", b"RCPT TO:<me@strict.test>\r\nDATA"))
        send(dialog)
        assert sorted(outcomes(house)) == [
            ("data", "accept", "", ME, STORED),
            ("data", "refuse", "spf", "me@strict.test", "550 5.7.23 No"),
        ]

    def test_that_is_too_large_for_one_in_lmtp(self, house: House) -> None:
        run(house.appliance.domains.add("small.test", policy=Policy(largest_message=65536)))
        house.accounts["me@small.test"] = house.appliance.create("me@small.test")
        dialog = house.connect(LMTP)
        dialog.send(BEGIN.replace(b"EHLO", b"LHLO").replace(b"DATA", b"RCPT TO:<me@small.test>\r\nDATA"))
        send(dialog, MESSAGE + (b"x" * 998 + b"\r\n") * 70)
        assert sorted(outcomes(house)) == [
            ("data", "accept", "", ME, STORED),
            ("data", "refuse", "message-too-large", "me@small.test", "552 5.3.4 The message is too large"),
        ]

    def test_that_is_malformed(self, house: House) -> None:
        dialog = house.connect_to_data(replace(RULES, refuses_bare_newlines=True))
        send(dialog, b"Subject: a\nb\r\n\r\n")
        assert outcomes(house) == [
            ("data", "refuse", "malformed", ME, "550 5.5.2 Bare CR or LF: lines end with CRLF")
        ]

    def test_that_is_too_large(self, house: House) -> None:
        send(house.connect_to_data(), b"x" * 70 + b"\r\n" + (b"y" * 998 + b"\r\n") * 101)
        ((stage, disposition, reason, _, _),) = outcomes(house)
        assert (stage, disposition, reason) == ("data", "refuse", "message-too-large")

    def test_that_meets_a_defect(self, house: House, examiner: Examiner) -> None:
        async def examine(mail: Any) -> Verdict:
            raise RuntimeError(mail.sender)

        examiner.examine = examine  # type: ignore[method-assign]
        send(house.connect_to_data())
        ((stage, disposition, reason, recipient, _),) = outcomes(house)
        assert (stage, disposition, reason, recipient) == ("data", "later", "defect", ME)


class TestACommand:
    @pytest.mark.parametrize(
        ("command", "reason", "sender", "reply"),
        [
            (b"MAIL FROM:<a@example.org> SIZE=999999", "message-too-large", "a@example.org", "552 5.3.4"),
            (b"MAIL FROM:<a@example.org> X=1", "malformed", "", "555 5.5.4"),
            (b"MAIL FROM:<a b@example.org>", "malformed", "", "501 5.5.4"),
            (b"MAIL", "malformed", "", "501 5.5.4"),
        ],
    )
    def test_that_names_a_sender(self, house: House, command: bytes, reason: str, sender: str, reply: str) -> None:
        house.connect().send(HELLO + command + b"\r\n")
        (row,) = logged(house)
        assert (row.stage, row.disposition, row.decided_by, row.sender) == ("mail", "refuse", reason, sender)
        assert (row.recipient, row.queue_id, row.size) == ("", "s1", 0)
        assert row.reply.startswith(reply)

    @pytest.mark.parametrize(
        ("command", "disposition", "reason", "recipient"),
        [
            (b"RCPT TO:<nobody@box.test>", "refuse", "no-such-mailbox", "nobody@box.test"),
            (b"RCPT TO:<me@elsewhere.test>", "refuse", "no-such-domain", "me@elsewhere.test"),
            (b"RCPT TO:<me@box.test", "refuse", "malformed", ""),
        ],
    )
    def test_that_names_a_recipient(
        self, house: House, command: bytes, disposition: str, reason: str, recipient: str
    ) -> None:
        house.connect().send(HELLO + MAIL.replace(b">\r", b"> SIZE=77\r") + command + b"\r\n")
        (row,) = logged(house)
        assert (row.stage, row.disposition, row.decided_by) == ("rcpt", disposition, reason)
        assert (row.sender, row.recipient, row.size) == ("a@example.org", recipient, 77)

    def test_that_names_one_recipient_too_many(self, house: House) -> None:
        house.connect(replace(RULES, most_recipients=1)).send(HELLO + MAIL + RCPT + RCPT)
        assert outcomes(house) == [("rcpt", "later", "too-many-recipients", ME, "452 4.5.3 Too many recipients")]

    def test_that_a_rule_refuses(self, house: House) -> None:
        run(house.appliance.appliance.block_rules.add([BlockRule("domain", "example.org", "refuse")]))
        house.connect().send(HELLO + MAIL + RCPT)
        assert [row[:3] for row in outcomes(house)] == [("rcpt", "refuse", "block-rule")]

    def test_that_is_no_matter_of_a_message(self, house: House) -> None:
        """Mistakes in the order of commands come by the dozen after one refusal."""
        dialog = house.connect()
        dialog.send(b"NOOP\r\nMAIL FROM:<a@b.c>\r\nFOO\r\n" + HELLO + RCPT + b"DATA\r\nVRFY\r\n" + MAIL + MAIL)
        dialog.send(b"x" * 5000 + b"\r\nQUIT\r\n")
        assert outcomes(house) == []


def test_without_a_log(house: House) -> None:
    house.services = house.services._replace(mail_log=None)
    dialog = house.connect()
    dialog.send(HELLO + MAIL + b"RCPT TO:<nobody@box.test>\r\n" + RCPT + b"DATA\r\n")
    assert send(dialog) == f"{STORED}\r\n".encode()
    assert outcomes(house) == []
