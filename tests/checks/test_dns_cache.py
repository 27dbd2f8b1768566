"""What DNS has said is kept for its time, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tempmaild.checks.dns_cache import Cache, Known


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_entry_ends_with_its_ttl() -> None:
    clock = Clock()
    cache = Cache(10_000, clock)
    cache.put(("a", "A"), Known(("192.0.2.1",)), 60)
    clock.now += 59.9
    assert cache.get(("a", "A")) == Known(("192.0.2.1",))
    clock.now += 0.1
    assert cache.get(("a", "A")) is None
    assert len(cache) == 0


def test_types_are_apart() -> None:
    cache = Cache(10_000, Clock())
    cache.put(("a", "A"), Known(("192.0.2.1",)), 60)
    assert cache.get(("a", "TXT")) is None


def test_a_newer_answer_takes_the_place_of_an_older_one() -> None:
    cache = Cache(10_000, Clock())
    cache.put(("a", "A"), Known(("192.0.2.1",)), 60)
    cache.put(("a", "A"), Known(("192.0.2.2",)), 60)
    assert cache.get(("a", "A")) == Known(("192.0.2.2",))
    cache.put(("a", "A"), Known(("192.0.2.3",)), 0)
    assert cache.get(("a", "A")) is None


def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache = Cache(4 * 600, Clock())
    for name in "abcd":
        cache.put((name, "TXT"), Known((b"x",)), 60)
    cache.get(("a", "TXT"))
    cache.put(("e", "TXT"), Known((b"x",)), 60)
    assert [name for name in "abcde" if cache.get((name, "TXT"))] == ["a", "c", "d", "e"]


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = Cache(10_000, Clock())
    cache.put(("a", "TXT"), Known((b"x" * 10_000,)), 60)
    assert cache.get(("a", "TXT")) is None
    cache.put(("b", "TXT"), Known((b"x",)), 60)
    assert cache.get(("b", "TXT")) is not None


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3), st.integers(0, 3000)), max_size=60))
def test_it_never_takes_more_than_its_size(steps: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    cache = Cache(5000, clock)
    for name, ttl, length in steps:
        cache.put((name, "TXT"), Known((b"x" * length,)), ttl)
        clock.now += 0.5
        cache.get((name, "TXT"))
        kept = list(cache._entries.values())
        assert cache._taken == sum(size for _, _, size in kept) <= 5000
