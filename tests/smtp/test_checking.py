"""What the checks say, and what the client hears; the checks themselves are tested elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.block_rule import BlockRule
from tempmaild.core.policy import Policy
from tempmaild.core.summary import encode, summarise
from tempmaild.core.verdict import Finding, Refusal, Verdict
from tests.smtp.house import BEGIN, ME, RULES, YOU, House
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.checks.mail import Mail
    from tests.dialog import Dialog

MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
OK = b"250 2.0.0 Ok: stored as s1-1\r\n"
LMTP = replace(RULES, lmtp=True)


class Examiner:
    """Says what a test wants, and remembers what it was asked."""

    def __init__(self) -> None:
        self.verdict = Verdict()
        self.mails: list[Mail] = []

    async def examine(self, mail: Mail) -> Verdict:
        self.mails.append(mail)
        return self.verdict


@pytest.fixture
def examiner() -> Examiner:
    return Examiner()


@pytest.fixture
def house(tmp_path: Path, examiner: Examiner) -> Iterator[House]:
    house = House(tmp_path, examiner)
    yield house
    house.appliance.close()


def send(dialog: Dialog, message: bytes = MESSAGE) -> bytes:
    return dialog.send(message + b".\r\n")


def flags(house: House, folder: str, address: str = ME) -> list[list[str]]:
    """Give the flags of every message in a folder."""
    inbox = run(house.appliance.logins.login(address, house.accounts[address].secret))
    return [sorted(entry.flags) for entry in run(inbox.entries(run(inbox.folder(folder))))]


class TestAMessage:
    def test_is_examined_as_it_was_sent(self, house: House, examiner: Examiner) -> None:
        assert send(house.connect_to_data(), b"Subject: bare\n\r\n..stuffed\r\n") == OK
        (mail,) = examiner.mails
        assert mail.content == b"Subject: bare\r\n\r\n.stuffed\r\n"
        assert (mail.client, mail.helo, mail.sender) == ("192.0.2.1", "client.example", "a@example.org")
        assert (mail.recipients, mail.relayed, mail.utf8) == ((ME,), False, False)

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""])
    def test_of_a_host_of_ours_is_relayed(self, house: House, examiner: Examiner, address: str) -> None:
        dialog = house.connect(address=address)
        dialog.send(BEGIN)
        assert send(dialog) == OK
        assert examiner.mails[0].relayed

    def test_gets_what_was_found_out_between_our_fields(self, house: House, examiner: Examiner) -> None:
        examiner.verdict = Verdict(
            fields=b"Authentication-Results: mx.box.test; none\r\n", content=b"Changed: yes\r\n\r\n"
        )
        assert send(house.connect_to_data()) == OK
        (message,) = house.messages()
        assert message.startswith(
            b"Return-Path: <a@example.org>\r\nAuthentication-Results: mx.box.test; none\r\nReceived: from "
        )
        assert message.endswith(b"\r\nChanged: yes\r\n\r\n")

    def test_is_delivered_with_keywords_and_findings(self, house: House, examiner: Examiner) -> None:
        finding = Finding("spf", "pass", (("smtp.mailfrom", "example.org"),))
        examiner.verdict = Verdict(keywords=("spf-fail",), findings=(finding,))
        attached = b"Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF"
        assert send(house.connect_to_data(), attached + b"\r\n") == OK
        assert flags(house, "INBOX") == [["$HasAttachment", "spf-fail"]]
        inbox = run(house.appliance.logins.login(ME, house.accounts[ME].secret))
        folder = run(inbox.folder("INBOX"))
        summary = run(inbox.summaries(folder.id, [1]))[1]
        assert summary
        assert summary.findings == (finding,)

    @pytest.mark.parametrize("changed", [False, True])
    def test_is_stored_with_the_summary_of_its_content(
        self, house: House, examiner: Examiner, *, changed: bool
    ) -> None:
        sent = b"Subject: hello\r\n\r\nOne.\r\n"
        content = b"Subject: changed\r\n\r\nTwo.\r\n" if changed else None
        findings = (Finding("spf", "pass"),)
        examiner.verdict = Verdict(findings=findings, content=content, summary=encode(summarise(sent, findings)))
        assert send(house.connect_to_data(), sent) == OK
        inbox = run(house.appliance.logins.login(ME, house.accounts[ME].secret))
        folder = run(inbox.folder("INBOX"))
        (message,) = house.messages()
        assert run(inbox.summaries(folder.id, [1]))[1] == summarise(message, findings)

    def test_goes_into_junk(self, house: House, examiner: Examiner) -> None:
        examiner.verdict = Verdict("junk", "dmarc", keywords=("$Junk",))
        assert send(house.connect_to_data()) == OK
        assert flags(house, "INBOX") == []
        assert flags(house, "Junk") == [["$Junk"]]

    def test_is_refused(self, house: House, examiner: Examiner) -> None:
        examiner.verdict = Verdict("refuse", "clamav", Refusal("5.7.1", "The message carries malware (Eicar)"))
        dialog = house.connect_to_data()
        assert send(dialog) == b"550 5.7.1 The message carries malware (Eicar)\r\n"
        assert house.messages() == []
        # The next one on this connection is another matter.
        examiner.verdict = Verdict()
        dialog.send(BEGIN.partition(b"\r\n")[2])
        assert send(dialog) == OK.replace(b"s1-1", b"s1-2")

    def test_is_put_off(self, house: House, examiner: Examiner) -> None:
        examiner.verdict = Verdict("later", "clamav", Refusal("5.7.0", "Please try again"))
        assert send(house.connect_to_data()) == b"451 4.7.0 Please try again\r\n"
        assert house.messages() == []

    def test_is_counted(self, house: House, examiner: Examiner) -> None:
        statistics = house.appliance.appliance.statistics
        examiner.verdict = Verdict("junk", "dmarc", findings=(Finding("dmarc", "fail"),))
        send(house.connect_to_data())
        examiner.verdict = Verdict("refuse", "clamav", Refusal("5.7.1", "No"))
        send(house.connect_to_data())
        run(statistics.flush())
        counted = {"junk": 1, "junk/dmarc": 1, "dmarc=fail": 1, "refuse": 1, "refuse/clamav": 1}
        assert run(statistics.totals(3600)) == counted
        # Hours are whole: what was counted in this one is counted until the next but one begins.
        house.clock.now += 2 * 3600
        send(house.connect_to_data())
        run(statistics.flush())
        assert run(statistics.totals(60)) == {"refuse": 1, "refuse/clamav": 1}


def test_nobody_speaks_in_our_name_where_nothing_is_checked(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert send(house.connect_to_data(), b"Authentication-Results: mx.box.test; dkim=pass\r\n" + MESSAGE) == OK
    assert house.contents() == [MESSAGE]
    house.appliance.close()


class TestRecipients:
    """Of several, each may want the mail to be treated otherwise."""

    @pytest.fixture(autouse=True)
    def other_domain(self, house: House) -> None:
        policy = Policy(checks={"spf": {"action": "refuse"}})
        run(house.appliance.domains.add("strict.test", policy=policy))
        house.accounts["me@strict.test"] = house.appliance.create("me@strict.test")

    def test_of_one_mind_share_a_transaction(self, house: House, examiner: Examiner) -> None:
        dialog = house.connect()
        said = dialog.send(BEGIN.replace(b"DATA", b"RCPT TO:<you@box.test>\r\nDATA"))
        assert said.endswith(b"250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n354 End the message with <CRLF>.<CRLF>\r\n")
        assert send(dialog) == OK
        assert [mail.recipients for mail in examiner.mails] == [(ME, YOU)]

    def test_with_other_rules_come_next(self, house: House, examiner: Examiner) -> None:
        dialog = house.connect()
        said = dialog.send(BEGIN.replace(b"DATA", b"RCPT TO:<me@strict.test>\r\nDATA"))
        assert b"\r\n452 4.5.3 This recipient has rules of its own; please send to it separately\r\n354" in said
        assert send(dialog) == OK
        again = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<me@strict.test>\r\nDATA\r\n"
        assert b"250 2.1.5 Ok\r\n354" in dialog.send(again)
        assert send(dialog) == OK.replace(b"s1-1", b"s1-2")
        assert [mail.checking.spf.action for mail in examiner.mails] == ["mark", "refuse"]

    def test_with_other_rules_are_answered_apart_in_lmtp(self, house: House, examiner: Examiner) -> None:
        async def examine(mail: Mail) -> Verdict:
            refused = mail.checking.spf.action == "refuse"
            return Verdict("refuse", "spf", Refusal("5.7.23", "SPF says no")) if refused else Verdict()

        examiner.examine = examine  # type: ignore[method-assign]
        dialog = house.connect(LMTP)
        begin = BEGIN.replace(b"EHLO", b"LHLO")
        dialog.send(begin.replace(b"DATA", b"RCPT TO:<me@strict.test>\r\nRCPT TO:<you@box.test>\r\nDATA"))
        assert send(dialog) == OK + b"550 5.7.23 SPF says no\r\n" + OK
        assert len(house.messages()) == 1
        assert house.messages("me@strict.test") == []


class TestABlockRule:
    def rule(self, house: House, action: str) -> None:
        run(house.appliance.appliance.block_rules.add([BlockRule("domain", "example.org", action)]))  # type: ignore[arg-type]

    def test_refuses(self, house: House, examiner: Examiner) -> None:
        self.rule(house, "refuse")
        said = house.connect().send(BEGIN)
        assert b"\r\n550 5.7.1 Mail from you is not accepted here\r\n503 5.5.1 No valid recipients\r\n" in said
        assert not examiner.mails

    def test_makes_junk_of_it(self, house: House) -> None:
        self.rule(house, "junk")
        assert send(house.connect_to_data()) == OK
        assert flags(house, "Junk") == [["$Junk"]]

    def test_makes_nothing_better_of_what_is_refused(self, house: House, examiner: Examiner) -> None:
        self.rule(house, "junk")
        examiner.verdict = Verdict("refuse", "clamav", Refusal("5.7.1", "No"))
        assert send(house.connect_to_data()) == b"550 5.7.1 No\r\n"

    def test_allows_whatever_others_list(self, house: House, examiner: Examiner) -> None:
        self.rule(house, "allow")
        assert send(house.connect_to_data()) == OK
        checking = examiner.mails[0].checking
        assert (checking.blocklists.enabled, checking.spam.enabled, checking.clamav.enabled) == (False, False, True)
