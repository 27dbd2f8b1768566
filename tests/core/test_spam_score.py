"""What spam filters are told, and what they may answer."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.spam_score import (
    BadAnswer,
    Score,
    rspamd_fields,
    score_of_rspamd,
    score_of_spamd,
    spamd_request,
    trace_for_spamd,
)

REPLY = {
    "is_skipped": False,
    "score": 5.26,
    "required_score": 15.0,
    "action": "no action",
    "symbols": {
        "SMALL": {"name": "SMALL", "score": 0.1},
        "GOOD": {"name": "GOOD", "score": -3.0},
        "BAD": {"name": "BAD", "score": 8.16, "options": ["1"]},
        "odd name": {"name": "odd name", "score": 99},
    },
}


class TestRspamd:
    def test_is_told_the_envelope(self) -> None:
        fields = rspamd_fields("192.0.2.1", "mx.example.org", "a@example.org", ("b@box.test", "c@box.test"))
        assert fields == [
            (b"From", b"a@example.org"),
            (b"Rcpt", b"b@box.test"),
            (b"Rcpt", b"c@box.test"),
            (b"IP", b"192.0.2.1"),
            (b"Helo", b"mx.example.org"),
        ]

    def test_is_told_nothing_of_the_client_where_that_is_a_relay(self) -> None:
        assert rspamd_fields("", "mx.example.org", "", ()) == [(b"From", b"<>")]

    def test_is_told_of_so_many_recipients(self) -> None:
        assert len(rspamd_fields("", "", "", ("b@box.test",) * 1000)) == 101

    @given(st.text())
    def test_gets_no_field_that_is_not_meant(self, text: str) -> None:
        for _, value in rspamd_fields(text, text, text, (text,)):
            assert not any(octet < 32 or octet == 127 for octet in value)

    def test_gives_a_score(self) -> None:
        score = score_of_rspamd(json.dumps(REPLY).encode())
        assert score == Score(5.26, ("BAD", "GOOD", "SMALL"))
        assert str(score) == "5.3"

    def test_leaves_mail_alone(self) -> None:
        assert score_of_rspamd(b'{"is_skipped": true, "score": 0.0, "symbols": {}}') is None

    def test_skips_the_test_message_but_has_a_score_for_it(self) -> None:
        assert score_of_rspamd(
            b'{"is_skipped":true,"score":15.0,"required_score":15.0,"action":"reject",'
            b'"symbols":{"GTUBE":{"name":"GTUBE","score":0.0,"metric_score":0.0}}}'
        ) == Score(15.0, ("GTUBE",))

    @pytest.mark.parametrize(
        "reply",
        [
            b"",
            b"{}",
            b"[]",
            b"null",
            b'{"error": "invalid message"}',
            b'{"score": "5"}',
            b'{"score": NaN}',
            b'{"score": 1e400}',
            b'{"score": 5, "symbols": []}',
            b'{"score": 5, "symbols": {"A": 1}}',
            b'{"score": 5, "symbols": {"\xff": {}}}',
            b'{"symbols": ' + b'{"a":' * 100_000,
            b'{"score": 5',
        ],
    )
    def test_says_what_is_no_score(self, reply: bytes) -> None:
        with pytest.raises(BadAnswer):
            score_of_rspamd(reply)

    @given(st.binary())
    def test_says_whatever_it_wants(self, reply: bytes) -> None:
        with suppress(BadAnswer):
            score = score_of_rspamd(reply)
            assert score is None or abs(score.value) <= 10_000


class TestSpamd:
    def test_is_told_the_envelope_by_fields(self) -> None:
        trace = trace_for_spamd("2001:db8::1", "mx.example.org", "a@example.org", "mx.box.test", "a date")
        assert trace == (
            b"Return-Path: <a@example.org>\r\n"
            b"Received: from mx.example.org ([IPv6:2001:db8::1]) by mx.box.test with ESMTP; a date\r\n"
        )
        request = spamd_request(b"Subject: a\r\n\r\n", trace)
        assert request == b"SYMBOLS SPAMC/1.5\r\nContent-length: %d\r\n\r\n%bSubject: a\r\n\r\n" % (
            len(trace) + 14,
            trace,
        )

    def test_is_told_nothing_of_the_client_where_that_is_a_relay(self) -> None:
        assert trace_for_spamd("", "mx.example.org", "", "mx.box.test", "a date") == b"Return-Path: <>\r\n"

    @given(st.text(), st.text())
    def test_gets_no_field_that_is_not_meant(self, helo: str, sender: str) -> None:
        trace = trace_for_spamd("192.0.2.1", helo, sender, "mx.box.test", "a date")
        assert trace.count(b"\n") == trace.count(b"\r\n") == trace.count(b"\r") == 2

    @pytest.mark.parametrize(
        ("answer", "score"),
        [
            (
                b"SPAMD/1.1 0 EX_OK\r\nContent-length: 20\r\nSpam: True ; 11.5 / 5.0\r\n\r\nENV_BAD,HELO_BAD,LOUD",
                Score(11.5, ("ENV_BAD", "HELO_BAD", "LOUD")),
            ),
            (b"SPAMD/1.5 0 EX_OK\r\nSpam: False ; -0.1 / 5.0\r\n\r\n", Score(-0.1)),
            (b"SPAMD/1.5 0 EX_OK\nspam:Yes;7/5\n\nA,two words,\xff,,B\n", Score(7.0, ("A", "B"))),
            (b"SPAMD/1.5 0 EX_OK\r\nSpam: True ; 999999999 / 5.0\r\n\r\n", Score(10_000.0)),
        ],
    )
    def test_gives_a_score(self, answer: bytes, score: Score) -> None:
        assert score_of_spamd(answer) == score

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"SPAMD/1.1 0",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"SPAMD/1.0 76 Bad header line: x\r\n",
            b"SPAMD/1.1 79 Timeout\r\nSpam: False ; 0.0 / 5.0\r\n\r\n",
            b"SPAMD/1.1 0 EX_OK\r\n\r\n",
            b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5.0\r\n\r\n",
            b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1e9 / 5.0\r\n\r\n",
            b"SPAMD/1.1 0 EX_OK\r\n\r\nSpam: True ; 7.0 / 5.0\r\n",
        ],
    )
    def test_says_what_is_no_score(self, answer: bytes) -> None:
        with pytest.raises(BadAnswer):
            score_of_spamd(answer)

    @given(st.binary(), st.integers(min_value=0, max_value=80))
    def test_says_whatever_it_wants(self, garbage: bytes, cut: int) -> None:
        answer = b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 11.5 / 5.0\r\n\r\nENV_BAD"
        with suppress(BadAnswer):
            assert abs(score_of_spamd(answer[:cut] + garbage).value) <= 10_000
