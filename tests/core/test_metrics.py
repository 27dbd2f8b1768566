"""What is counted and gauged becomes figures, and nothing that others choose becomes a label."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.health import Finding
from tempmaild.core.metrics import (
    METRICS,
    PARTS,
    Sample,
    of_counts,
    of_findings,
    of_gauges,
    of_levels,
    wants_openmetrics,
)

LABELS = {metric.name: metric.labels for metric in METRICS}


def known(samples: list[Sample]) -> list[Sample]:
    """See that samples are of the table."""
    for sample in samples:
        assert len(LABELS[sample.name]) == len(sample.labels)
    return samples


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("refuse", Sample("tempmaild_mail_total", ("refuse",), 3)),
        ("refuse/no-such-mailbox", Sample("tempmaild_mail_decided_total", ("refuse", "no-such-mailbox"), 3)),
        ("junk/clamav", Sample("tempmaild_mail_decided_total", ("junk", "clamav"), 3)),
        ("spf=pass", Sample("tempmaild_check_total", ("spf", "pass"), 3)),
        ("x-dnsbl=temperror", Sample("tempmaild_check_total", ("x-dnsbl", "temperror"), 3)),
        ("session/imaps", Sample("tempmaild_sessions_opened_total", ("imaps",), 3)),
        ("turned-away/too-fast", Sample("tempmaild_turned_away_total", ("too-fast",), 3)),
        ("mail-log/lost", Sample("tempmaild_mail_log_dropped_total", ("lost",), 3)),
    ],
)
def test_what_is_counted(name: str, sample: Sample) -> None:
    assert sample in known(of_counts({name: 3}))


@pytest.mark.parametrize(
    "name", ["", "latency<=0.1", "refuse/joe@example.org", "Session/IMAP", "a=b=c", "refuse/", "x" * 99]
)
def test_what_is_not_a_figure(name: str) -> None:
    assert {sample.name for sample in of_counts({name: 3})} == {"tempmaild_mail_total"}


def test_dispositions_begin_with_nothing() -> None:
    assert [(sample.labels, sample.value) for sample in of_counts({"junk": 2})] == [
        (("accept",), 0),
        (("junk",), 2),
        (("later",), 0),
        (("refuse",), 0),
    ]


@given(
    st.dictionaries(st.text(max_size=90) | st.from_regex(r"[a-z]{1,3}=[a-z]{1,3}", fullmatch=True), st.integers(0))
)
def test_labels_are_plain_and_bounded(counts: dict[str, int]) -> None:
    for sample in known(of_counts(counts)):
        assert all(re.fullmatch("[a-z0-9-]{1,40}", label) for label in sample.labels)


def test_there_are_no_more_than_so_many() -> None:
    assert len(of_counts({f"spf=r{number}": 1 for number in range(1000)})) == 200 + 4


def test_processes_add_up_but_for_how_late_they_are() -> None:
    gauges = {
        "main": {"sessions/smtp": 3.0, "sessions/imap": 1.0, "writer/waiting": 2.0, "reactor/lag": 0.25},
        "serving-1": {"sessions/imap": 4.0, "reactor/lag": 0.5, "checks/processes": 2, "checks/ready": 1},
        "what is this?": {"reactor/lag": 9.0, "strange/joe@example.org": 1.0},
    }
    assert sorted(known(of_gauges(gauges))) == [
        Sample("tempmaild_checking_processes", ("all",), 2),
        Sample("tempmaild_checking_processes", ("ready",), 1),
        Sample("tempmaild_reactor_lag_seconds", ("main",), 0.25),
        Sample("tempmaild_reactor_lag_seconds", ("serving-1",), 0.5),
        Sample("tempmaild_sessions", ("imap",), 5.0),
        Sample("tempmaild_sessions", ("smtp",), 3.0),
        Sample("tempmaild_writer_waiting", (), 2.0),
    ]


def test_how_much_there_is() -> None:
    assert known(of_levels({"mailboxes": 5, "octets": 7, "other": 9})) == [
        Sample("tempmaild_mailboxes", (), 5),
        Sample("tempmaild_messages_bytes", (), 7),
    ]


def test_the_worst_of_each_kind_of_part_is_told_without_names() -> None:
    findings = [
        Finding("address 192.0.2.1", "problem", ""),
        Finding("address 192.0.2.2", "fine", ""),
        Finding("schedule secret-name", "warning", ""),
        Finding("checking processes", "fine", ""),
        Finding("DNS (mx.example.org)", "unknown", ""),
        Finding("something new", "problem", ""),
    ]
    assert known(list(of_findings(findings))) == [
        Sample("tempmaild_findings", ("fine",), 2),
        Sample("tempmaild_findings", ("unknown",), 1),
        Sample("tempmaild_findings", ("warning",), 1),
        Sample("tempmaild_findings", ("problem",), 2),
        Sample("tempmaild_part_state", ("address",), 3),
        Sample("tempmaild_part_state", ("checking_processes",), 0),
        Sample("tempmaild_part_state", ("dns",), 1),
        Sample("tempmaild_part_state", ("schedule",), 2),
    ]


def test_no_part_is_the_beginning_of_another() -> None:
    assert not [(one, other) for one in PARTS for other in PARTS if one != other and other.startswith(one)]


@pytest.mark.parametrize(
    ("accept", "new"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", False),
        ("application/openmetrics-text; version=1.0.0,text/plain;q=0.5", True),
        ("text/plain;q=0.5 , Application/OpenMetrics-Text;version=0.0.1", True),
        ("application/openmetrics-textual", False),
    ],
)
def test_which_format_somebody_wants(accept: str, new: bool) -> None:
    assert wants_openmetrics(accept) == new
