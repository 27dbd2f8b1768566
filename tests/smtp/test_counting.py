"""What sessions count: mail that is refused and why, and how long the answer to a message takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tempmaild.errors import DiskFull
from tests.smtp.house import BEGIN, RULES
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.smtp.house import House

HOUR = 3600
HELLO, MAIL = b"EHLO client.example\r\n", b"MAIL FROM:<a@example.org>\r\n"
LMTP_BEGIN = BEGIN.replace(b"EHLO", b"LHLO").replace(b"DATA", b"RCPT TO:<you@box.test>\r\nDATA")
END = b".\r\n"
SMALL = b"Subject: hello\r\n\r\nHello.\r\n"


def counted(house: House) -> dict[str, int]:
    """Give what was counted, times as "answered"."""
    statistics = house.appliance.appliance.statistics
    run(statistics.flush())
    (counts,) = run(statistics.between([NOW // HOUR * HOUR, NOW // HOUR * HOUR + HOUR]))
    answered = sum(count for name, count in counts.items() if name.startswith("latency"))
    others = {name: count for name, count in counts.items() if not name.startswith("latency")}
    return others | ({"answered": answered} if answered else {})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (MAIL + b"RCPT TO:<nobody@box.test>\r\n", "refuse/no-such-mailbox"),
        (MAIL + b"RCPT TO:<me@elsewhere.test>\r\n", "refuse/no-such-domain"),
        (b"MAIL FROM:<a@example.org> SIZE=100001\r\n", "refuse/message-too-large"),
    ],
)
def test_what_is_refused_before_its_data(house: House, said: bytes, reason: str) -> None:
    dialog = house.connect()
    dialog.send(HELLO + said)
    assert counted(house) == {"refuse": 1, reason: 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SMALL + b"a" * 66_000 + b"\r\n", "refuse/malformed"),
        ((b"a" * 62 + b"\r\n") * 1600, "refuse/message-too-large"),
    ],
)
def test_what_is_refused_after_it(house: House, content: bytes, reason: str) -> None:
    assert house.connect_to_data().send(content + END).startswith(b"55")
    assert counted(house) == {"refuse": 1, reason: 1}


def test_what_is_put_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.connect_to_data()

    async def deliver(*_: object) -> None:
        raise DiskFull

    monkeypatch.setattr(house.appliance.deliveries, "deliver", deliver)
    assert dialog.send(SMALL + END).startswith(b"452 ")
    assert counted(house) == {"later": 1, "later/disk-full": 1}, "whatever the checks said of it"


def test_a_defect_of_ours(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = house.connect_to_data()

    async def normalised(_: bytes) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(house.appliance.deliveries, "normalised", normalised)
    assert dialog.send(SMALL + END).startswith(b"451 ")
    assert counted(house) == {"later": 1, "later/defect": 1}


def test_the_time_to_the_answer_is_that_since_the_end_of_the_data(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistics = house.appliance.appliance.statistics
    times = iter([100.0, 100.004])
    monkeypatch.setattr(statistics, "stopwatch", lambda: next(times))
    house.connect_to_data().send(SMALL + END)
    run(statistics.flush())
    (counts,) = run(statistics.between([NOW // HOUR * HOUR, NOW // HOUR * HOUR + HOUR]))
    assert counts == {"accept": 1, "latency<=0.005": 1}


def test_a_message_for_several_is_answered_once(house: House) -> None:
    dialog = house.connect(replace(RULES, lmtp=True))
    dialog.send(LMTP_BEGIN)
    assert dialog.send(SMALL + END).count(b"250 ") == 2
    assert counted(house) == {"accept": 1, "answered": 1}
