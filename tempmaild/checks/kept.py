"""Outcomes that need not be worked out again as long as DNS says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeVar, overload
from weakref import ref

from tempmaild.checks.dns import LookupFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from tempmaild.checks.dns import Resolver
    from tempmaild.checks.dns_cache import Known
    from tempmaild.core.dns_message import Value

_T = TypeVar("_T")

MOST_KEPT: Final = 4096
"""Outcomes, of about a kibibyte each at most."""


class _Answer(NamedTuple):
    """What DNS has said, as long as the resolver keeps it."""

    name: str
    kind: str
    known: ref[Known]


class Asking:
    """Asks the resolver, and notes what it has said: for one outcome."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._answers: list[_Answer] | None = []

    @property
    def answers(self) -> tuple[_Answer, ...] | None:
        """What the outcome depends on beside its key; None when there is more than that."""
        return None if self._answers is None else tuple(self._answers)

    @overload
    async def lookup(self, name: str, kind: Literal["A", "AAAA", "PTR", "CNAME"]) -> tuple[str, ...]: ...
    @overload
    async def lookup(self, name: str, kind: Literal["TXT"]) -> tuple[bytes, ...]: ...
    @overload
    async def lookup(self, name: str, kind: str) -> tuple[Value, ...]: ...
    async def lookup(self, name: str, kind: str) -> tuple[Value, ...]:
        """Do as `Resolver.lookup`."""
        try:
            return await self._resolver.lookup(name, kind)
        except LookupFailed:
            self.depend_on_more()
            raise
        finally:
            self._note(name, kind)

    def depend_on_more(self) -> None:
        """Have the outcome not kept."""
        self._answers = None

    def _note(self, name: str, kind: str) -> None:
        known = self._resolver.known(name, kind)
        if known is None:
            self.depend_on_more()
        elif self._answers is not None:
            self._answers.append(_Answer(name, kind, ref(known)))


class Kept(Generic[_T]):
    """Outcomes that depend on nothing but their keys and on answers of DNS.

    Of the same answers comes the same outcome. So it is kept for as long as the resolver keeps every one of these.

    Args:
        most: outcomes that are kept; the oldest go first.
    """

    def __init__(self, resolver: Resolver, most: int) -> None:
        self._resolver = resolver
        self._most = most
        self._kept: dict[Hashable, tuple[_T, tuple[_Answer, ...]]] = {}

    async def outcome(self, key: Hashable, work_out: Callable[[Asking], Awaitable[_T]]) -> _T:
        """Give an outcome that is kept, or else have it worked out with what asks DNS."""
        outcome = self.recall(key)
        if outcome is None:
            asking = Asking(self._resolver)
            outcome = await work_out(asking)
            self.keep(key, outcome, asking)
        return outcome

    def recall(self, key: Hashable) -> _T | None:
        """Give an outcome that would be the same again; None if there is none."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        outcome, answers = kept
        for name, kind, then in answers:
            known = self._resolver.known(name, kind)
            if known is None or known is not then():
                return None
        return outcome

    def keep(self, key: Hashable, outcome: _T, asked: Asking) -> None:
        """Keep an outcome, if it depends on nothing but its key and what was asked."""
        answers = asked.answers
        if answers is None:
            return
        self._kept.pop(key, None)
        self._kept[key] = outcome, answers
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
