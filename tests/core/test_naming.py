from __future__ import annotations

import re
from random import Random

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
    random = Random(1)
    names = [pronounceable(random.randbytes) for _ in range(2000)]
    assert len(set(names)) == len(names)
    for place in range(8):
        assert len({name[place] for name in names}) == (5 if place % 2 else 14)
    assert len({name[8:] for name in names}) > 800
