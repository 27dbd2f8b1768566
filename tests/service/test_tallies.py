"""The memory of the limits: it counts as the library's own does, in bounded space."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, memory
from limits.strategies import STRATEGIES

from tempmaild.service import tallies
from tempmaild.service.tallies import Tallies
from tests.support import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEM = RateLimitItemPerSecond(3, 10, "test")
FIXED, MOVING, SLIDING = "fixed-window", "moving-window", "sliding-window-counter"


class _NoTimer:
    """Stands for the thread in which the library forgets what is over; whoever asks is not to see the difference."""

    def __init__(self, _seconds: float, _forget: object) -> None: ...

    def start(self) -> None: ...

    def is_alive(self) -> bool:
        return True


class _NoLock:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@contextmanager
def library_storage(clock: Clock) -> Iterator[MemoryStorage]:
    """The library's storage under a given clock. It takes its time and its threads from modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "time", SimpleNamespace(time=clock))
        patch.setattr(memory, "threading", SimpleNamespace(Timer=_NoTimer, RLock=_NoLock))
        yield MemoryStorage()


HITS = st.lists(
    st.tuples(
        # Quarters are exact: what happens at the very end of a window is the same whoever computes it.
        st.integers(min_value=0, max_value=60).map(lambda quarters: quarters / 4),
        st.sampled_from(["a", "b"]),
        st.integers(min_value=1, max_value=4),
    ),
    max_size=30,
)


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=300)
@given(hits=HITS)
def test_counts_as_the_library_does(strategy: str, hits: list[tuple[float, str, int]]) -> None:
    clock = Clock()
    with library_storage(clock) as theirs:
        limiters = [STRATEGIES[strategy](storage) for storage in (Tallies(clock), theirs)]
        for pause, key, cost in hits:
            clock.now += pause
            answers: list[Any] = []
            for limiter in limiters:
                hit = limiter.hit(ITEM, key, cost=cost)
                answers.append((hit, limiter.test(ITEM, key), limiter.get_window_stats(ITEM, key).remaining))
            assert answers[0] == answers[1]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_cleared_begins_anew(strategy: str) -> None:
    limiter = STRATEGIES[strategy](Tallies(Clock()))
    assert [limiter.hit(ITEM, "a") for _ in range(4)] == [True, True, True, False]
    limiter.clear(ITEM, "a")
    assert limiter.hit(ITEM, "a", cost=3)
    assert not limiter.hit(ITEM, "a")
    limiter.storage.reset()
    assert limiter.hit(ITEM, "a", cost=3)


@pytest.mark.parametrize(("strategy", "bound"), [(FIXED, "MOST_COUNTERS"), (MOVING, "MOST_LOGS")])
def test_whoever_was_there_longest_ago_is_forgotten(
    strategy: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, bound, 2)
    limiter = STRATEGIES[strategy](Tallies(Clock()))
    for key in ("a", "b", "a", "c"):
        limiter.hit(ITEM, key)
    remaining = [limiter.get_window_stats(ITEM, key).remaining for key in ("a", "b", "c")]
    assert remaining == [1, 3, 2]


def test_moving_windows_remember_only_so_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST_INSTANTS", 5)
    storage = Tallies(Clock())
    limiter = STRATEGIES[MOVING](storage)
    assert limiter.hit(ITEM, "a", cost=3)
    assert limiter.hit(ITEM, "b", cost=2)
    assert not limiter.hit(ITEM, "a")
    assert limiter.hit(ITEM, "c")
    # "b" was there longest ago.
    assert limiter.hit(ITEM, "b", cost=3)
    assert storage._instants == sum(map(len, storage._logs.values())) <= 5
    storage.clear(next(iter(storage._logs)))
    assert storage._instants == sum(map(len, storage._logs.values()))


def test_a_moving_window_never_remembers_more_than_its_limit() -> None:
    clock = Clock()
    storage = Tallies(clock)
    limiter = STRATEGIES[MOVING](storage)
    for _ in range(100):
        clock.now += 11
        assert limiter.hit(ITEM, "a")
    assert storage._instants == ITEM.amount


_MANY_CLIENTS = """
from pathlib import Path
from tempfile import TemporaryDirectory
from tempmaild.appliance import open_appliance
from tempmaild.settings import Settings
from tempmaild.core.limit import Limit

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        pass

with TemporaryDirectory() as state:
    appliance = open_appliance(Settings.model_validate({"host": {"name": "mx.box.test", "state": state}}))
    for strategy in ("fixed-window", "moving-window"):
        run(appliance.limits.add(Limit(strategy, "connection", "network", 10, 3600, strategy)))
    run(appliance.limiter.connect("mail", "192.0.2.1"))
    before = resident()
    for number in range(300_000):
        if number == 200_000:
            print(resident() - before)
        run(appliance.limiter.connect("mail", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
    print(resident() - before)
    appliance.handle.close()
"""


def test_a_million_clients_cost_at_most_50_mb() -> None:
    """Three limits concern each of them, one of each strategy; a process of its own is measured.

    200,000 clients fill what there is to fill; from then on no client costs anything, so a million are not needed.
    """
    done = subprocess.run(
        [sys.executable, "-c", _MANY_CLIENTS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    filled, later = map(int, done.stdout.split())
    assert 1_000_000 < filled <= 48_000_000
    assert later - filled <= 2_000_000
