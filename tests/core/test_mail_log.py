"""What is kept of a message: never anything of its content, and of addresses as much as the operator wants."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.mail_log import (
    HIDDEN,
    LONGEST_REPLY,
    Addresses,
    Concealer,
    Entry,
    Event,
    Ids,
    Noted,
    Outcome,
    domain_form,
    first_id,
    key_of,
    keys_of,
    moment_of,
    reason_of,
    sender_form,
)
from tempmaild.core.verdict import Finding
from tempmaild.errors import MailboxFull, NoSuchMailbox, SenderBlocked
from tests.support import NOW

KEY = b"k" * 32
ACCEPTED = Outcome("accept", "", "250 2.0.0 Ok: stored as s1-1")


def event(outcome: Outcome = ACCEPTED, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "at": NOW,
        "queue_id": "s1-1",
        "stage": "data",
        "client": "192.0.2.1",
        "helo": "mail.example.org",
        "sender": "Joe@Example.ORG",
        "recipient": "me@box.test",
        "size": 4096,
        "tls": "TLSv1.3",
    }
    return Event(**values | changes, outcome=outcome)


def kept(addresses: Addresses, outcome: Outcome = ACCEPTED, **changes: Any) -> Entry:
    return Concealer(addresses, KEY).entry(event(outcome, **changes), 5)


class TestAddresses:
    def test_are_shown(self) -> None:
        entry = kept("shown")
        assert (entry.sender, entry.sender_domain, entry.recipient) == (
            "joe@example.org",
            "example.org",
            "me@box.test",
        )
        assert (entry.client, entry.client_key, entry.helo) == ("192.0.2.1", key_of("192.0.2.1"), "mail.example.org")
        assert entry.reply == ACCEPTED.reply

    def test_are_hashed_with_a_key(self) -> None:
        entry, other = kept("hashed"), Concealer("hashed", b"j" * 32).entry(event(), 5)
        for field in ("sender", "sender_domain", "recipient", "client"):
            value = getattr(entry, field)
            assert value.startswith("#")
            assert len(value) == 17
            assert value != getattr(other, field), "without the key nobody can try addresses"
        assert entry.client_key == entry.client.encode()
        assert entry.reply == "250 2.0.0"

    @pytest.mark.parametrize("addresses", ["shown", "hashed"])
    def test_are_found_by_who_knows_them(self, addresses: Addresses) -> None:
        concealer = Concealer("hashed", KEY)
        entry = kept(addresses)
        assert entry.sender in concealer.forms(sender_form("joe@EXAMPLE.org"))
        assert entry.sender_domain in concealer.forms(domain_form("example.org."))
        assert entry.recipient in concealer.forms("me@box.test")
        assert entry.recipient not in concealer.forms("you@box.test")

    def test_are_hidden(self) -> None:
        entry = kept("hidden")
        assert {entry.sender, entry.sender_domain, entry.recipient, entry.client, entry.helo} == {HIDDEN}
        assert entry.client_key == HIDDEN.encode()

    @pytest.mark.parametrize("addresses", ["shown", "hashed", "hidden"])
    def test_that_are_not_there_stay_so(self, addresses: Addresses) -> None:
        entry = kept(addresses, Outcome("refuse", "malformed", "501 5.5.4 No"), stage="mail", sender="", recipient="")
        assert (entry.sender, entry.sender_domain, entry.recipient) == ("", "", "")

    @pytest.mark.parametrize("disposition", ["refuse", "later"])
    @pytest.mark.parametrize("addresses", ["hashed", "hidden"])
    def test_of_clients_are_kept_where_nothing_was_delivered(self, disposition: Any, addresses: Addresses) -> None:
        entry = kept(addresses, Outcome(disposition, "spf", "550 5.7.23 example.org does not let 192.0.2.1 send"))
        assert (entry.client, entry.helo) == ("192.0.2.1", "mail.example.org")
        assert entry.client_key == key_of("192.0.2.1")
        assert entry.reply == "550 5.7.23", "its words name the sender's domain"
        assert "example.org" not in entry.sender + entry.sender_domain

    @pytest.mark.parametrize("addresses", ["hashed", "hidden"])
    @pytest.mark.parametrize("disposition", ["accept", "junk"])
    def test_nothing_tells_who_has_written_what_was_delivered(self, addresses: Addresses, disposition: Any) -> None:
        outcome = Outcome(
            disposition, "dmarc", "250 example.org", (Finding("dmarc", "fail", (("a", "example.org"),), "joe"),)
        )
        text = msgspec.json.encode(kept(addresses, outcome)).decode().lower()
        for word in ("joe", "example", "me@", "box.test", "192.0.2.1"):
            assert word not in text


FINDINGS = (
    Finding("spf", "fail", (("smtp.mailfrom", "secret.example"),), "secret"),
    Finding("dkim", "fail", (("header.d", "secret.example"),), "secret"),
    Finding("x-attachments", "fail", (("policy.type", "exe"), ("policy.name", "secret.exe")), "secret"),
    Finding("x-dnsbl", "fail", (("dns.zone", "list.example"), ("policy.subject", "secret.example")), "secret"),
    Finding("x-spam", "fail", (("policy.score", "12.5"),), "SECRET_RULE"),
    Finding("x-clamav", "fail", (), "Eicar-Test"),
)


class TestFindings:
    @pytest.mark.parametrize("addresses", ["shown", "hashed", "hidden"])
    def test_of_what_was_refused_have_details_that_are_of_no_message(self, addresses: Addresses) -> None:
        noted = kept(addresses, Outcome("refuse", "clamav", "550 5.7.1 No", FINDINGS)).noted
        assert noted == [
            Noted("spf", "fail"),
            Noted("dkim", "fail"),
            Noted("x-attachments", "fail", "exe"),
            Noted("x-dnsbl", "fail", "list.example"),
            Noted("x-spam", "fail", "12.5"),
            Noted("x-clamav", "fail", "Eicar-Test"),
        ]

    @pytest.mark.parametrize("addresses", ["shown", "hashed", "hidden"])
    def test_of_what_was_delivered_have_none(self, addresses: Addresses) -> None:
        noted = kept(addresses, Outcome("junk", "spam", "250", FINDINGS)).noted
        assert [finding.detail for finding in noted] == [""] * len(FINDINGS)
        assert [finding.method for finding in noted] == [finding.method for finding in FINDINGS]

    def test_are_not_too_many(self) -> None:
        assert len(kept("shown", Outcome("accept", "", "250", (Finding("dkim", "fail"),) * 100)).noted) == 32


@given(st.text(), st.text(), st.text(), st.text(), st.text(), st.sampled_from(["shown", "hashed", "hidden"]))
def test_whatever_strangers_send(
    helo: str, sender: str, recipient: str, reply: str, word: str, addresses: Any
) -> None:
    outcome = Outcome("refuse", word, reply, (Finding("x-clamav", word, (), helo * 50),))
    entry = kept(
        addresses, outcome, helo=helo * 50, sender=sender * 50, recipient=recipient, client=word, tls=word * 50
    )
    for value in msgspec.structs.astuple(entry):
        if isinstance(value, str):
            value.encode()
            assert value.isprintable()
            assert len(value) <= 32 * 300
    assert len(entry.reply) <= LONGEST_REPLY
    assert entry.noted[0].method == "x-clamav"


class TestIds:
    def test_grow_with_the_time_and_tell_it(self) -> None:
        ids = Ids(77)
        first, second, third = ids.next(NOW), ids.next(NOW), ids.next(NOW + 0.5)
        assert first < second < third
        assert abs(moment_of(first) - NOW) < 1e-5
        assert first_id(NOW) <= first < first_id(NOW + 1e-5)
        assert first_id(NOW + 0.5) <= third

    def test_grow_though_the_clock_was_set_back(self) -> None:
        ids = Ids(0)
        later = ids.next(NOW)
        assert ids.next(NOW - 3600) > later

    def test_of_two_daemons_differ(self) -> None:
        assert len({Ids(tag).next(NOW) for tag in range(1024)}) == 1024

    @pytest.mark.parametrize("seconds", [-1e30, -1, 0, 1e12, 1e300])
    def test_fit_into_a_database(self, seconds: float) -> None:
        assert 0 <= first_id(seconds) < 1 << 63


class TestKeys:
    def test_of_a_network_follow_each_other(self) -> None:
        first, last = keys_of("192.0.2.0/24")
        assert first <= key_of("192.0.2.0") < key_of("192.0.2.255") <= last < key_of("192.0.3.0")
        first, last = keys_of("2001:db8::/32")
        assert first <= key_of("2001:db8::") < key_of("2001:db8:ffff::1") <= last < key_of("2001:db9::")

    @pytest.mark.parametrize("text", ["", "nobody", "#0123456789abcdef", "1.2.3"])
    def test_of_what_is_no_address(self, text: str) -> None:
        assert key_of(text) == b""


@pytest.mark.parametrize(
    ("error", "reason"),
    [(NoSuchMailbox(), "no-such-mailbox"), (MailboxFull(), "mailbox-full"), (SenderBlocked("x"), "block-rule")],
)
def test_reasons_are_words(error: Any, reason: str) -> None:
    assert reason_of(error) == reason
