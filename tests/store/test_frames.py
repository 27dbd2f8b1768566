from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tempmaild.frames import Frames, to_frame

_VALUES = st.lists(st.none() | st.binary(max_size=40) | st.lists(st.integers(), max_size=5), max_size=6)


@given(_VALUES, st.integers(1, 50))
def test_values_arrive_however_they_are_cut(values: list[object], cut: int) -> None:
    stream = b"".join(map(to_frame, values))
    frames, arrived = Frames(), []
    for start in range(0, len(stream), cut):
        arrived += frames.feed(stream[start : start + cut])
    assert arrived == values
