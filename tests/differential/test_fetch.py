"""FETCH, held against Dovecot: every difference has an explanation, and every explanation a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.differential.differences import EXPLANATIONS, explain
from tests.differential.messages import load_messages

if TYPE_CHECKING:
    from tests.differential.pair import Pair


@pytest.mark.parametrize("name", load_messages())
def test_every_difference_is_explained(pair: Pair, name: str) -> None:
    unexplained = [difference for difference in pair.differences(name) if explain(difference) is None]
    assert not unexplained, "\n".join(
        f"{difference.item}, at {difference.place}\n  ours {difference.ours!r}\n  theirs {difference.theirs!r}"
        for difference in unexplained
    )


def test_every_explanation_is_needed(pair: Pair) -> None:
    found = [explain(difference) for name in pair.messages for difference in pair.differences(name)]
    assert [row.name for row in EXPLANATIONS if row not in found] == []
