from __future__ import annotations

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.address import normalise_local_part
from tempmaild.core.naming import make_up, pronounceable, short


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


@given(st.binary(min_size=16, max_size=16))
def test_short_names_are_the_beginning_of_a_uuid(octets: bytes) -> None:
    name = short(lambda count: octets[:count])
    assert name == octets.hex()[:8]
    assert normalise_local_part(name) == name


def test_names_are_made_up_as_the_style_wants() -> None:
    octets = Random(1).randbytes(16)
    assert make_up("words", lambda _: octets) == pronounceable(lambda _: octets)
    assert make_up("short", lambda _: octets) == short(lambda _: octets)
