"""THREAD: which message answers which, by subject or by what messages refer to (RFC 5256 §3).

Nothing here recurses, however deep a thread is, and all takes about linear time: a chain of all messages of a folder
is an ordinary thread. The generators yield where others may have their turn.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from tempmaild.imap.sort_order import sorted_in_turns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

NONE: Final = -1
"""Stands for no parent."""

_STRIDE = 10_000
"""Messages, or steps through a thread, after which others may have their turn: some milliseconds."""

_LINKED = 1000
"""Messages that are linked to those that they refer to, dozens each, in the same time."""

_LONGEST_NAME = 64
"""Octets of an identifier that are kept; of a longer one it is a hash."""


class Letter(NamedTuple):
    """What threading needs of a message.

    Attributes:
        sent: UTC epoch seconds.
        subject: the base subject, as subjects are compared.
        is_reply: whether the subject says that it is a reply or was forwarded.
    """

    sent: int
    subject: str
    is_reply: bool


class Forest(NamedTuple):
    """Threads. A node is the place of a message among all, or beyond these a dummy, which stands for one not there.

    Attributes:
        roots: where the threads begin; a dummy only here, with at least two below it.
        below: the children of each node.
    """

    roots: Sequence[int]
    below: dict[int, list[int]]


# -- ORDEREDSUBJECT


def by_subject(letters: Sequence[Letter]) -> Generator[None, None, Forest]:
    """Make a thread of the messages of each base subject; all others are children of the first."""
    order = yield from _by_date(letters)
    leaders: dict[str, int] = {}
    parents = [NONE] * len(letters)
    for done, place in enumerate(order, 1):
        if not done % _STRIDE:
            yield
        leader = leaders.setdefault(letters[place].subject, place)
        if leader != place:
            parents[place] = leader
    return (yield from _forest(order, parents))


def _by_date(letters: Sequence[Letter]) -> Generator[None, None, list[int]]:
    dates = [letter.sent for letter in letters]
    return (yield from sorted_in_turns(range(len(dates)), dates))


def _forest(order: Iterable[int], parents: Sequence[int]) -> Generator[None, None, Forest]:
    """Put threads and siblings into this order; a dummy stands where its first child does."""
    roots = []
    below: dict[int, list[int]] = {}
    count = len(parents)
    for done, place in enumerate(order, 1):
        if not done % _STRIDE:
            yield
        parent = parents[place]
        if parent == NONE:
            roots.append(place)
        elif parent in below:
            below[parent].append(place)
        else:
            below[parent] = [place]
            if parent >= count:
                roots.append(parent)
    return Forest(roots, below)


# -- REFERENCES


class Links:
    """Which messages refer to which, by their identifiers.

    Attributes:
        names: how many identifiers are known.
    """

    def __init__(self) -> None:
        self._nodes: dict[bytes, int] = {}
        # By node, the place of the message among all; NONE for one that is only referred to.
        self._places = array("q")
        # By message, its node, and where in `_references` those begin that it refers to.
        self._node_of = array("q")
        self._starts = array("q")
        self._references = array("q")

    @property
    def names(self) -> int:
        """How many identifiers are known."""
        return len(self._nodes)

    def add(self, name: bytes | None, references: Iterable[bytes]) -> None:
        """Take a message with its identifier and those that it refers to, the oldest one first."""
        self._starts.append(len(self._references))
        self._references.extend([self._node(reference) for reference in references])
        node = self._new_node() if name is None else self._node(name)
        if self._places[node] != NONE:
            # Two messages have the same name; to what others refer is the first one.
            node = self._new_node()
        self._places[node] = len(self._node_of)
        self._node_of.append(node)

    def _node(self, name: bytes) -> int:
        if len(name) > _LONGEST_NAME:
            name = blake2b(name, digest_size=32).digest()
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = self._new_node()
        return node

    def _new_node(self) -> int:
        self._places.append(NONE)
        return len(self._places) - 1

    def parents(self) -> Generator[None, None, list[int]]:
        """Give the parent of each message: a message, or a dummy for some that refer to the same, or `NONE`.

        Dummies are counted from the number of messages on (RFC 5256 §3, steps 1 to 3 of REFERENCES).
        """
        nodes = _Nodes(len(self._places))
        for place, node in enumerate(self._node_of):
            if place and not place % _LINKED:
                yield
            last = self._starts[place + 1] if place + 1 < len(self._starts) else len(self._references)
            yield from self._link(nodes, node, self._references[self._starts[place] : last])
        return (yield from self._without_dummies(nodes.parents))

    def _link(self, nodes: _Nodes, node: int, references: Sequence[int]) -> Generator[None, None, None]:
        """Link what a message refers to, and the message to the last of that (steps 1.A and 1.B)."""
        previous = NONE
        for reference in references:
            if previous != NONE and nodes.parents[reference] == NONE:
                yield from nodes.link(previous, reference)
            previous = reference
        if nodes.parents[node] != previous:
            nodes.cut(node)
            if previous != NONE:
                yield from nodes.link(previous, node)

    def _without_dummies(self, parents: Sequence[int]) -> Generator[None, None, list[int]]:
        """Leave of those that are only referred to the tops of threads, where there are several messages below."""
        above = [NONE] * len(self._node_of)
        tops: dict[int, list[int]] = {}
        # By node that is no message: the message above it, or else the top of its thread.
        known: dict[int, int] = {}
        for place, node in enumerate(self._node_of):
            if place and not place % _STRIDE:
                yield
            passed = [node]
            up = parents[node]
            while up not in (NONE, passed[-1]) and self._places[up] == NONE:
                passed.append(up)
                up = known.get(up, parents[up])
                if not len(passed) % _STRIDE:
                    yield
            end = passed[-1] if up == NONE else up
            known.update(dict.fromkeys(passed[1:], end))
            if self._places[end] == NONE:
                tops.setdefault(end, []).append(place)
            elif end != node:
                above[place] = self._places[end]
        dummy = len(above)
        for siblings in tops.values():
            if len(siblings) > 1:
                for place in siblings:
                    above[place] = dummy
                dummy += 1
        return above


class _Nodes:
    """Trees that grow by links; a link that would close a circle is not made."""

    def __init__(self, count: int) -> None:
        self.parents = [NONE] * count
        # Nodes of different groups are in different trees; those of one group may be, after a cut.
        self._groups = list(range(count))
        self._steps = 0

    def cut(self, node: int) -> None:
        """Make the node the top of a tree."""
        self.parents[node] = NONE

    def link(self, parent: int, child: int) -> Generator[None, None, None]:
        """Put the top of a tree under a node, unless that is below it."""
        one, other = self._group(parent), self._group(child)
        if one == other:
            node = parent
            while node not in (NONE, child):
                node = self.parents[node]
                self._steps += 1
                if not self._steps % _STRIDE:
                    yield
            if node == child:
                return
        self._groups[other] = one
        self.parents[child] = parent

    def _group(self, node: int) -> int:
        groups = self._groups
        while groups[node] != node:
            groups[node] = groups[groups[node]]
            node = groups[node]
        return node


def by_references(letters: Sequence[Letter], links: Links) -> Generator[None, None, Forest]:
    """Thread messages by what they refer to, and such threads by subject (RFC 5256 §3, REFERENCES)."""
    parents = yield from links.parents()
    order = yield from _by_date(letters)
    forest = yield from _forest(order, parents)
    yield from _Subjects(letters, forest, parents).join()
    return (yield from _forest(order, parents))


class _Subjects:
    """Joins threads of the same base subject (step 5)."""

    def __init__(self, letters: Sequence[Letter], forest: Forest, parents: list[int]) -> None:
        self._letters = letters
        self._forest = forest
        self._parents = parents
        self._dummies = len(letters) + len(forest.below)
        self._table: dict[str, int] = {}

    def join(self) -> Generator[None, None, None]:
        """Change the parents of the roots of such threads."""
        for take in (self._enter, self._join):
            for done, root in enumerate(self._forest.roots, 1):
                if not done % _STRIDE:
                    yield
                if subject := self._subject(root):
                    take(root, subject)

    def _enter(self, root: int, subject: str) -> None:
        """Enter into the table the thread that others of the subject will join (step 5.B)."""
        first = self._table.setdefault(subject, root)
        if self._is_dummy(first):
            return
        if self._is_dummy(root) or (self._is_reply(first) and not self._is_reply(root)):
            self._table[subject] = root

    def _join(self, root: int, subject: str) -> None:
        """Join a thread to the one in the table (step 5.C)."""
        first = self._table[subject]
        if first == root:
            return
        if self._is_dummy(first) and self._is_dummy(root):
            for place in self._forest.below[root]:
                self._parents[place] = first
        elif self._is_dummy(first) or (self._is_reply(root) and not self._is_reply(first)):
            self._parents[root] = first
        else:
            dummy = self._table[subject] = self._dummies
            self._dummies += 1
            self._parents[first] = self._parents[root] = dummy

    def _is_dummy(self, node: int) -> bool:
        return node >= len(self._letters)

    def _is_reply(self, node: int) -> bool:
        return not self._is_dummy(node) and self._letters[node].is_reply

    def _subject(self, root: int) -> str:
        return self._letters[self._forest.below[root][0] if self._is_dummy(root) else root].subject


# -- the response


def write_threads(forest: Forest, numbers: Sequence[int]) -> Generator[None, None, list[bytes]]:
    """Write threads as THREAD gives them, in pieces; the messages are called by `numbers`."""
    pieces: list[bytes] = []
    # Threads still to be written, the next one last; NONE for the end of one.
    left = list(reversed(forest.roots))
    written = 0
    while left:
        node = left.pop()
        if node == NONE:
            pieces.append(b")")
            continue
        pieces.append(b"(")
        separator = b""
        while True:
            written += 1
            if not written % _STRIDE:
                yield
            if node < len(numbers):
                pieces.append(b"%b%d" % (separator, numbers[node]))
                separator = b" "
            below = forest.below.get(node, ())
            if len(below) != 1:
                break
            node = below[0]
        left.append(NONE)
        if below:
            pieces.append(separator)
            left.extend(reversed(below))
    return pieces
