"""The time goes on whatever is done to the host's clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.timekeeper import LARGEST_STEP, Timekeeper
from tests.support import NOW

_YEAR = 365 * 86_400
_WEEK = 7 * 86_400


class Host:
    """A host whose clock may be set; time passes on both of its clocks."""

    def __init__(self) -> None:
        self.wall = float(NOW)
        self.steady = 1000.0

    def keeper(self, mark: float = 0, tolerance: float = _WEEK) -> Timekeeper:
        return Timekeeper(lambda: self.wall, lambda: self.steady, mark, tolerance)

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def host() -> Host:
    return Host()


class TestWhileItRuns:
    def test_it_is_the_host_s(self, host: Host) -> None:
        now = host.keeper()
        for seconds in (0, 0.25, 3600, _YEAR):
            host.wait(seconds)
            assert now() == host.wall
        assert not now.doubtful

    @pytest.mark.parametrize("step", [0.5, 60, LARGEST_STEP])
    def test_a_small_step_forward_is_followed(self, host: Host, step: float) -> None:
        now = host.keeper()
        host.wall += step
        assert now() == NOW + step
        assert not now.doubtful

    @pytest.mark.parametrize("step", [LARGEST_STEP + 1, _YEAR])
    @pytest.mark.parametrize("direction", [1, -1])
    def test_a_large_step_is_not(self, host: Host, step: float, direction: int) -> None:
        now = host.keeper()
        host.wall += direction * step
        assert now() == NOW
        assert now.doubtful
        host.wait(100)
        assert now() == NOW + 100
        host.wall -= direction * step
        assert now() == host.wall == NOW + 100
        assert not now.doubtful

    def test_a_small_step_back_is_made_up_by_going_slowly(self, host: Host) -> None:
        now = host.keeper()
        host.wall -= 60
        assert now() == NOW
        host.wait(60)
        assert now() == NOW + 30
        host.wait(60)
        assert now() == NOW + 60 == host.wall
        host.wait(60)
        assert now() == host.wall
        assert not now.doubtful

    def test_a_look_is_good_for_a_moment(self, host: Host) -> None:
        now = Timekeeper(lambda: host.wall, lambda: host.steady, good_for=0.125)
        host.wait(0.0625)
        assert now() == NOW
        host.wait(0.0625)
        assert now() == NOW + 0.125
        now.move_to(NOW + 5)
        assert now() == NOW + 5

    def test_it_can_be_moved(self, host: Host) -> None:
        now = host.keeper()
        host.wall += _YEAR
        assert now() == NOW
        now.move_to(host.wall)
        assert now() == NOW + _YEAR
        host.wall -= _YEAR
        now.move_to(host.wall)
        assert now() == NOW
        assert not now.doubtful

    @given(
        st.lists(
            st.tuples(st.floats(0, 10_000), st.sampled_from([0.0, 1.0, -1.0, 3000.0, -3000.0, 1e7, -1e7])),
            max_size=50,
        )
    )
    def test_it_never_goes_back_and_never_far_ahead(self, steps: list[tuple[float, float]]) -> None:
        host = Host()
        now = host.keeper()
        last = now()
        for seconds, step in steps:
            host.wait(seconds)
            host.wall += step
            then, last = last, now()
            assert then <= last <= then + seconds + LARGEST_STEP + 1e-3


class TestAtTheStart:
    def test_without_a_mark_the_host_is_believed(self, host: Host) -> None:
        assert host.keeper(mark=0)() == NOW

    @pytest.mark.parametrize("gap", [0, LARGEST_STEP + 1, _WEEK])
    def test_a_gap_within_the_tolerance_is_believed(self, host: Host, gap: int) -> None:
        now = host.keeper(mark=NOW - gap)
        assert now() == NOW
        assert not now.doubtful

    @pytest.mark.parametrize("gap", [_WEEK + 1, _YEAR])
    def test_a_longer_one_is_not(self, host: Host, gap: int) -> None:
        now = host.keeper(mark=NOW - gap)
        host.wait(5)
        assert now() == NOW - gap + 5
        assert now.doubtful

    def test_a_clock_before_the_mark_is_not(self, host: Host) -> None:
        now = host.keeper(mark=NOW + _YEAR)
        host.wait(5)
        assert now() == NOW + _YEAR + 5
        assert now.doubtful

    def test_a_clock_just_before_the_mark_is_waited_for(self, host: Host) -> None:
        now = host.keeper(mark=NOW + 10)
        host.wait(10)
        assert now() == NOW + 15
        host.wait(10)
        assert now() == NOW + 20 == host.wall
