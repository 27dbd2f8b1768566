from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.address import normalise_local_part
from tempmaild.core.naming import pronounceable


@given(st.binary(min_size=16, max_size=16))
def test_names_can_be_said_and_given(octets: bytes) -> None:
    name = pronounceable(lambda count: octets[:count])
    assert re.fullmatch(r"(?:[bdfgklmnprstvz][aeiou]){4}[0-9]{3}", name)
    assert normalise_local_part(name) == name


def test_names_differ_in_every_part() -> None:
    names = [pronounceable(lambda _, n=number: (n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big"))
             for number in range(1, 2000)]  # fmt: skip
    assert len(set(names)) == len(names)
    for place in range(8):
        assert len({name[place] for name in names}) == (5 if place % 2 else 14)
    assert len({name[8:] for name in names}) > 800
