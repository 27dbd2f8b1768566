from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from tempmaild.checks.mail import Examined, Mail
from tempmaild.checks.pipeline import Check, Pipeline, Timed, decide, failed, not_made
from tempmaild.core.checking import Checking, override
from tempmaild.core.summary import encode, summarise
from tempmaild.core.verdict import Finding, Refusal, Removal, Report, Verdict
from tempmaild.log import get_log

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "mx.box.test"
CONTENT = b"From: a@example.org\r\nSubject: hello\r\n\r\nHello.\r\n"
WORDS = Refusal("5.7.1", "No")
PASS = Report(findings=(Finding("spf", "pass", (("smtp.mailfrom", "example.org"),)),))


def mail(overrides: Mapping[str, Mapping[str, object]] | None = None, content: bytes = CONTENT) -> Mail:
    checking = override(Checking(), overrides or {})
    return Mail(content, "192.0.2.1", "mail.example.org", "a@example.org", ("b@box.test",), False, checking)


class Says:
    """A check that says what it is told to."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.saw: dict[str, Report] = {}

    async def examine(self, examined: Examined) -> Report:
        await asyncio.sleep(0)
        self.saw = dict(examined.reports)
        return self._report


class Hangs:
    async def examine(self, examined: Examined) -> Report:
        await asyncio.Event().wait()
        raise AssertionError(examined)


class Breaks:
    async def examine(self, examined: Examined) -> Report:
        raise ValueError(examined)


def pipeline(checks: Mapping[str, Check], *, each: float = 30.0, together: float = 30.0) -> Pipeline:
    return Pipeline({name: Timed(check, each) for name, check in checks.items()}, HOST, together, get_log("checks"))


def verdicts(pipeline: Pipeline, *mails: Mail) -> list[Verdict]:
    async def examine() -> list[Verdict]:
        return await asyncio.gather(*pipeline.begin(mails))

    return asyncio.run(examine())


class Notes:
    """A check that notes what it is given, and may have to wait."""

    def __init__(self, name: str, notes: list[str], *, waits: bool = False) -> None:
        self._name = name
        self._notes = notes
        self._waits = waits

    async def examine(self, examined: Examined) -> Report:
        self._notes.append(f"{self._name} {examined.mail.helo}")
        if self._waits:
            await asyncio.sleep(0.01)
            self._notes.append(f"{self._name} is done")
        return Report(findings=(Finding(self._name, examined.mail.helo),))


class TestSeveral:
    """Messages that are examined together."""

    def test_each_has_its_verdict(self) -> None:
        checks: dict[str, Check] = {"spf": Notes("spf", []), "clamav": Notes("clamav", [], waits=True)}
        mails = [structs.replace(mail(), helo=name) for name in ("one", "two", "three")]
        found = verdicts(pipeline(checks), *mails)
        assert [[str(each.result) for each in verdict.findings] for verdict in found] == [
            [name, name] for name in ("one", "two", "three")
        ]

    def test_one_that_cannot_be_examined_leaves_the_others_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.CRITICAL)
        content = mail({"clamav": {"enabled": False}})
        found = verdicts(pipeline({"clamav": Breaks(), "spf": Says(PASS)}), mail(), content)
        assert [verdict.disposition for verdict in found] == ["later", "accept"]

    def test_each_check_is_made_for_all_of_them_before_the_next(self) -> None:
        notes: list[str] = []
        checks: dict[str, Check] = {name: Notes(name, notes) for name in ("spf", "dmarc", "client")}
        checks["clamav"] = Notes("clamav", notes, waits=True)
        verdicts(pipeline(checks), structs.replace(mail(), helo="1"), structs.replace(mail(), helo="2"))
        # What waits for another program begins first, and DMARC does not wait for it.
        begun = ["clamav 1", "clamav 2", "spf 1", "spf 2", "client 1", "client 2", "dmarc 1", "dmarc 2"]
        assert notes == [*begun, "clamav is done", "clamav is done"]


class TestReports:
    def test_come_from_every_check(self) -> None:
        checks = {"spf": Says(PASS), "dkim": Says(Report("failed"))}
        assert asyncio.run(pipeline(checks).reports(mail())) == {"spf": PASS, "dkim": Report("failed")}

    def test_of_the_others_are_there_for_dmarc(self) -> None:
        dmarc = Says(Report())
        asyncio.run(pipeline({"dmarc": dmarc, "spf": Says(PASS)}).reports(mail()))
        assert dmarc.saw == {"spf": PASS}

    def test_of_a_check_that_is_switched_off_are_none(self) -> None:
        checks: dict[str, Check] = {"spf": Says(PASS), "dmarc": Breaks()}
        message = mail({"dmarc": {"enabled": False}, "spf": {"enabled": True}})
        assert asyncio.run(pipeline(checks).reports(message)) == {"spf": PASS}

    @pytest.mark.parametrize("times", [{"each": 0.01}, {"together": 0.01}])
    def test_do_not_wait_for_a_check_that_hangs(
        self, times: dict[str, float], caplog: pytest.LogCaptureFixture
    ) -> None:
        found = asyncio.run(
            pipeline({"spf": Says(PASS), "clamav": Hangs(), "dmarc": Hangs()}, **times).reports(mail())
        )
        assert found == {"spf": PASS, "clamav": not_made("clamav"), "dmarc": not_made("dmarc")}
        assert [record.message for record in caplog.records] == ["check-timed-out"] * 2

    def test_wait_for_each_as_long_as_it_may_take(self) -> None:
        class Late(Says):
            async def examine(self, examined: Examined) -> Report:
                await asyncio.sleep(0.05)
                return await super().examine(examined)

        checks = {"spf": Timed(Hangs(), 0.01), "dkim": Timed(Late(PASS), 30.0), "arc": Timed(Hangs(), 0.1)}
        found = asyncio.run(Pipeline(checks, HOST, 30.0, get_log("checks")).reports(mail()))
        assert found == {"spf": not_made("spf"), "dkim": PASS, "arc": not_made("arc")}

    def test_of_a_check_with_a_defect_are_that_it_has_failed(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.CRITICAL)
        assert asyncio.run(pipeline({"clamav": Breaks()}).reports(mail())) == {"clamav": not_made("clamav")}

    def test_come_with_a_summary_where_it_is_stored_as_it_was_sent(self) -> None:
        forged = b"Authentication-Results: mx.box.test; spf=pass\r\n" + CONTENT
        dkim = Says(Report("bad", PASS.findings))
        contents = [
            mail(),
            mail(content=forged),
            mail({"dkim": {"action": "junk"}}),
            mail({"dkim": {"action": "refuse"}}),
        ]
        found = verdicts(pipeline({"dkim": dkim}), *contents)
        assert [verdict.disposition for verdict in found] == ["accept", "accept", "junk", "refuse"]
        made = encode(summarise(CONTENT, PASS.findings))
        assert [verdict.summary for verdict in found] == [made, b"", made, b""]

    def test_become_a_verdict(self) -> None:
        (verdict,) = verdicts(pipeline({"spf": Says(PASS)}), mail())
        assert (verdict.disposition, verdict.content) == ("accept", None)
        assert verdict.fields == b"Authentication-Results: mx.box.test;\r\n\tspf=pass smtp.mailfrom=example.org\r\n"


BAD = Report("bad", refusal=WORDS)
UNSCANNABLE = Report("unscannable", refusal=WORDS)
FAILED = Report("failed")


@pytest.mark.parametrize(
    ("reports", "overrides", "disposition", "decided_by"),
    [
        ({}, {}, "accept", ""),
        ({"spf": PASS}, {}, "accept", ""),
        # What each check does as delivered.
        ({"spf": BAD}, {}, "accept", "spf"),
        ({"dmarc": BAD}, {}, "junk", "dmarc"),
        ({"clamav": BAD}, {}, "refuse", "clamav"),
        ({"clamav": UNSCANNABLE}, {}, "junk", "clamav"),
        ({"clamav": FAILED}, {}, "later", "clamav"),
        ({"attachments": BAD}, {}, "refuse", "attachments"),
        ({"attachments": UNSCANNABLE}, {}, "accept", "attachments"),
        ({"attachments": FAILED}, {}, "junk", "attachments"),
        ({"spf": FAILED}, {}, "accept", "spf"),
        # As the operator wants it.
        ({"spf": BAD}, {"spf": {"action": "refuse"}}, "refuse", "spf"),
        ({"spf": FAILED}, {"spf": {"failing": "later"}}, "later", "spf"),
        ({"spf": FAILED}, {"spf": {"failing": "junk"}}, "junk", "spf"),
        ({"clamav": BAD}, {"clamav": {"action": "mark"}}, "accept", "clamav"),
        ({"attachments": UNSCANNABLE}, {"attachments": {"encrypted": "refuse"}}, "refuse", "attachments"),
        # The sternest holds, and what is refused for good is so whatever else could not be found out.
        ({"spf": BAD, "dmarc": BAD, "clamav": BAD}, {}, "refuse", "clamav"),
        ({"clamav": FAILED, "attachments": BAD}, {}, "refuse", "attachments"),
        ({"clamav": FAILED, "dmarc": BAD}, {}, "later", "clamav"),
        # p=quarantine asks for no more than that.
        ({"dmarc": Report("bad", refusal=WORDS, most="junk")}, {"dmarc": {"action": "refuse"}}, "junk", "dmarc"),
        ({"dmarc": Report("bad", refusal=WORDS, most="junk")}, {"dmarc": {"action": "mark"}}, "accept", "dmarc"),
        # Nothing can be taken out.
        ({"clamav": BAD}, {"clamav": {"action": "strip"}}, "junk", "clamav"),
    ],
)
def test_decisions(
    reports: dict[str, Report], overrides: dict[str, dict[str, object]], disposition: str, decided_by: str
) -> None:
    verdict = decide(mail(overrides), reports, HOST)
    assert (verdict.disposition, verdict.decided_by) == (disposition, decided_by)
    assert (verdict.refusal is not None) == (disposition in {"refuse", "later"})


class TestAVerdict:
    def test_says_why_a_message_is_refused(self) -> None:
        assert decide(mail(), {"clamav": BAD}, HOST).refusal == WORDS

    def test_has_keywords_for_what_is_wrong(self) -> None:
        reports = {
            "spf": Report("bad", keywords=("$Odd",), refusal=WORDS),
            "dkim": Report("failed"),
            "attachments": UNSCANNABLE,
        }
        keywords = decide(mail(), reports, HOST).keywords
        assert keywords == ("$Odd", "spf-fail", "dkim-failed", "attachments-unscannable")
        assert decide(mail(), {"dmarc": BAD}, HOST).keywords == ("dmarc-fail", "$Junk")

    def test_has_the_fields_of_the_checks_below_ours(self) -> None:
        fields = decide(mail(), {"spf": Report(fields=(b"Received-SPF: none\r\n",))}, HOST).fields
        assert fields == b"Authentication-Results: mx.box.test; none\r\nReceived-SPF: none\r\n"

    def test_takes_out_what_others_wrote_in_our_name(self) -> None:
        forged = b"Authentication-Results: MX.box.test; dkim=pass\r\n" + CONTENT
        assert decide(mail(content=forged), {}, HOST).content == CONTENT

    def test_takes_out_what_is_to_be_stripped(self) -> None:
        part = b"Content-Type: application/x\r\n\r\nevil\r\n"
        content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfine\r\n--b\r\n" + part + b"--b--\r\n"
        start = content.index(part)
        report = Report("bad", refusal=WORDS, removals=(Removal(start, start + len(part) - 2, "It was evil."),))
        verdict = decide(mail({"clamav": {"action": "strip"}}, content), {"clamav": report}, HOST)
        assert verdict.disposition == "accept"
        assert verdict.content
        assert b"\nevil" not in verdict.content
        assert b"It was evil." in verdict.content
        # The same report takes nothing out where nothing is to be.
        assert decide(mail({"clamav": {"action": "junk"}}, content), {"clamav": report}, HOST).content is None


class TestWhatCouldNotBeMade:
    """RFC 8601 §2.7: who reads the header learns that nobody knows."""

    def test_has_the_methods_of_each_check(self) -> None:
        reports = {name: not_made(name) for name in Checking.__struct_fields__}
        assert {report.state for report in reports.values()} == {"failed"}
        told = {name: [f"{one.method}={one.result}" for one in report.findings] for name, report in reports.items()}
        assert told == {
            "spf": ["spf=temperror"],
            "dkim": ["dkim=temperror"],
            "arc": [],
            "dmarc": ["dmarc=temperror"],
            "client": ["iprev=temperror", "x-helo=temperror"],
            "blocklists": ["x-dnsbl=temperror"],
            "attachments": ["x-attachments=temperror"],
            "clamav": ["x-clamav=temperror"],
            "spam": ["x-spam=temperror"],
        }

    @pytest.mark.parametrize("check", [Hangs(), Breaks()])
    def test_is_told_in_the_header(self, check: Check, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.CRITICAL)
        checks: dict[str, Check] = {"spf": Says(PASS), "dkim": check}
        (verdict,) = verdicts(pipeline(checks, each=0.01), mail())
        told = b'spf=pass smtp.mailfrom=example.org;\r\n\tdkim=temperror reason="the check could not be made"\r\n'
        assert verdict.fields == b"Authentication-Results: mx.box.test;\r\n\t" + told
        assert (verdict.disposition, verdict.keywords) == ("accept", ("dkim-failed",))


def test_nothing_could_be_checked() -> None:
    assert failed(mail(), ["spf", "clamav"], HOST).disposition == "later"
    verdict = failed(mail({"client": {"enabled": False}}), ["spf", "dkim", "client"], HOST)
    assert verdict.keywords == ("spf-failed", "dkim-failed")
    assert verdict.findings == (*not_made("spf").findings, *not_made("dkim").findings)
    assert failed(mail({"clamav": {"enabled": False}}), ["clamav"], HOST).disposition == "accept"
