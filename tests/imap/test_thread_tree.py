"""Threads by subject and by references (RFC 5256 §3)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.imap.thread_tree import Forest, Letter, Links, by_references, by_subject, write_threads
from tests.imap.turns import finish, timed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass
class Mail:
    """A message: its identifier and those of the messages that it refers to are single letters."""

    name: str | None = None
    references: str = ""
    subject: str = ""
    is_reply: bool = False
    sent: int | None = None


def threads(*mails: Mail) -> str:
    """Give the threads by references; messages are called 1, 2, … and were sent in this order unless they say."""
    letters, links = collected(mails)
    return written(finish(by_references(letters, links)), len(mails))


def collected(mails: Iterable[Mail]) -> tuple[list[Letter], Links]:
    letters, links = [], Links()
    for place, mail in enumerate(mails):
        letters.append(Letter(place if mail.sent is None else mail.sent, mail.subject, mail.is_reply))
        links.add(mail.name.encode() if mail.name else None, [letter.encode() for letter in mail.references])
    return letters, links


def written(forest: Forest, count: int) -> str:
    return b"".join(finish(write_threads(forest, range(1, count + 1)))).decode()


# -- by subject


@pytest.mark.parametrize(
    ("mails", "expected"),
    [
        ([], ""),
        ([Mail(subject="a")], "(1)"),
        ([Mail(subject="a"), Mail(subject="b"), Mail(subject="a")], "(1 3)(2)"),
        ([Mail(subject="a"), Mail(subject="a"), Mail(subject="b"), Mail(subject="a")], "(1 (2)(4))(3)"),
        ([Mail(subject="a", sent=9), Mail(subject="a", sent=3), Mail(subject="b", sent=5)], "(2 1)(3)"),
        ([Mail(subject="a", sent=1), Mail(subject="a", sent=1)], "(1 2)"),
        ([Mail(), Mail(), Mail()], "(1 (2)(3))"),
    ],
)
def test_by_subject(mails: list[Mail], expected: str) -> None:
    assert written(finish(by_subject(collected(mails)[0])), len(mails)) == expected


# -- by references


@pytest.mark.parametrize(
    ("mails", "expected"),
    [
        ([], ""),
        ([Mail("a")], "(1)"),
        ([Mail("a"), Mail("b", "a"), Mail("c", "ab")], "(1 2 3)"),
        ([Mail("c", "ab"), Mail("b", "a"), Mail("a")], "(3 2 1)"),
        ([Mail("a"), Mail("b", "a"), Mail("c", "a")], "(1 (2)(3))"),
        ([Mail("a"), Mail("b", "a"), Mail("c", "b"), Mail("d", "b"), Mail("e", "a")], "(1 (2 (3)(4))(5))"),
        # No identifier, or one that is there already: nothing refers to it.
        ([Mail(None), Mail(None, "a"), Mail("a")], "(1)(3 2)"),
        ([Mail("a"), Mail("a"), Mail("b", "a")], "(1 3)(2)"),
        # The parent is missing: alone, as the only child, or beside others.
        ([Mail("b", "a")], "(1)"),
        ([Mail("c", "ab")], "(1)"),
        ([Mail("b", "a"), Mail("c", "a")], "((1)(2))"),
        ([Mail("b", "a"), Mail("c", "a"), Mail("a")], "(3 (1)(2))"),
        # Missing ones in the middle.
        ([Mail("a"), Mail("c", "ab"), Mail("d", "ab")], "(1 (2)(3))"),
        ([Mail("a"), Mail("d", "abc")], "(1 2)"),
        ([Mail("c", "xa"), Mail("d", "xb")], "((1)(2))"),
        ([Mail("c", "xab"), Mail("d", "xa")], "((1)(2))"),
        # Its own last reference counts for a message, the first one to say so for others.
        ([Mail("c", "ab"), Mail("b", "x"), Mail("a"), Mail("x")], "(3)(4 2 1)"),
        ([Mail("c", "ab"), Mail("b"), Mail("a")], "(2 1)(3)"),
        ([Mail("a"), Mail("b"), Mail("x", "ab")], "(1 2 3)"),
        ([Mail("a"), Mail("b"), Mail("x", "ac"), Mail("y", "bc"), Mail("c")], "(1)(2)(5 (3)(4))"),
        # Circles.
        ([Mail("a", "a")], "(1)"),
        ([Mail("a", "b"), Mail("b", "a")], "(2 1)"),
        ([Mail("a", "b"), Mail("b", "c"), Mail("c", "a")], "(3 2 1)"),
        ([Mail("a"), Mail("x", "aba"), Mail("b")], "(1 2)(3)"),
        # Siblings and threads by date; a dummy stands where its first message does.
        ([Mail("a", sent=5), Mail("b", "a", sent=9), Mail("c", "a", sent=7), Mail("d", sent=1)], "(4)(1 (3)(2))"),
        ([Mail("b", "a", sent=9), Mail("d", sent=5), Mail("c", "a", sent=2)], "((3)(1))(2)"),
        ([Mail("a", sent=1), Mail("b", sent=1), Mail("c", sent=0)], "(3)(1)(2)"),
    ],
)
def test_by_references(mails: list[Mail], expected: str) -> None:
    assert threads(*mails) == expected


# Step 5
@pytest.mark.parametrize(
    ("mails", "expected"),
    [
        # Neither answers the other.
        ([Mail("a", subject="s"), Mail("b", subject="s")], "((1)(2))"),
        ([Mail("a", subject="s"), Mail("b", subject="s"), Mail("c", subject="s")], "((1)(2)(3))"),
        ([Mail("a", subject="s", is_reply=True), Mail("b", subject="s", is_reply=True)], "((1)(2))"),
        ([Mail("a", subject=""), Mail("b", subject="")], "(1)(2)"),
        # A reply belongs below, also where it came first.
        ([Mail("a", subject="s"), Mail("b", subject="s", is_reply=True)], "(1 2)"),
        ([Mail("a", subject="s", is_reply=True), Mail("b", subject="s")], "(2 1)"),
        ([Mail("a", subject="s"), Mail("b", subject="s"), Mail("c", subject="s", is_reply=True)], "((1)(2)(3))"),
        (
            [Mail("a", subject="s", is_reply=True), Mail("b", subject="s"), Mail("c", subject="s")],
            "((2 1)(3))",
        ),
        # Dummies take in the others.
        ([Mail("b", "a", subject="s"), Mail("c", "a", subject="s"), Mail("d", subject="s")], "((1)(2)(3))"),
        ([Mail("d", subject="s"), Mail("b", "a", subject="s"), Mail("c", "a", subject="t")], "((1)(2)(3))"),
        (
            [
                Mail("b", "a", subject="s"),
                Mail("c", "a", subject="s"),
                Mail("e", "d", subject="s"),
                Mail("f", "d", subject="s"),
            ],
            "((1)(2)(3)(4))",
        ),
        # Only the subject of the first message of a thread counts.
        ([Mail("a", subject="s"), Mail("b", "a", subject="t"), Mail("c", subject="t")], "(1 2)(3)"),
    ],
)
def test_threads_of_one_subject(mails: list[Mail], expected: str) -> None:
    assert threads(*mails) == expected


# -- against the words of the RFC


@dataclass(eq=False)
class Node:
    """A message or, without a place, a dummy."""

    place: int | None = None
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)


class InWordsOfTheRfc:
    """Threads messages step by step, as RFC 5256 §3 tells it."""

    def __init__(self, mails: Sequence[Mail]) -> None:
        self.mails = mails
        tops = [node for node in linked(mails) if node.parent is None]
        self.roots = sorted(pruned(tops, at_root=True), key=self.date)
        self.table: dict[str, Node] = {}
        for root in self.roots:
            if self.lead(root).subject:
                self.enter(root)
        for root in list(self.roots):
            if self.lead(root).subject:
                self.join(root)

    def date(self, node: Node) -> tuple[int, int]:
        if node.place is None:
            return min(map(self.date, node.children))
        sent = self.mails[node.place].sent
        return (node.place if sent is None else sent), node.place

    def lead(self, node: Node) -> Mail:
        place = min(node.children, key=self.date).place if node.place is None else node.place
        assert place is not None
        return self.mails[place]

    def enter(self, root: Node) -> None:
        subject = self.lead(root).subject
        first = self.table.setdefault(subject, root)
        if first.place is not None and (
            root.place is None or (self.lead(first).is_reply and not self.lead(root).is_reply)
        ):
            self.table[subject] = root

    def join(self, root: Node) -> None:
        subject = self.lead(root).subject
        first = self.table[subject]
        if first is root:
            return
        self.roots.remove(root)
        if first.place is None and root.place is None:
            first.children += root.children
        elif first.place is None or (self.lead(root).is_reply and not self.lead(first).is_reply):
            first.children.append(root)
        else:
            self.roots.remove(first)
            self.table[subject] = Node(children=[first, root])
            self.roots.append(self.table[subject])

    def text(self, node: Node) -> str:
        children = [self.text(child) for child in sorted(node.children, key=self.date)]
        own = [] if node.place is None else [str(node.place + 1)]
        if len(children) > 1:
            children = ["".join(f"({child})" for child in children)]
        return " ".join(own + children)

    def __str__(self) -> str:
        return "".join(f"({self.text(root)})" for root in sorted(self.roots, key=self.date))


def linked(mails: Sequence[Mail]) -> list[Node]:
    nodes: dict[object, Node] = {}
    for place, mail in enumerate(mails):
        name: object = mail.name
        if name is None or name in [earlier.name for earlier in mails[:place]]:
            name = place
        previous = None
        for reference in mail.references:
            current = nodes.setdefault(reference, Node())
            if previous and current.parent is None:
                link(previous, current)
            previous = current
        node = nodes.setdefault(name, Node())
        node.place = place
        if node.parent:
            node.parent.children.remove(node)
            node.parent = None
        if previous:
            link(previous, node)
    return list(nodes.values())


def link(parent: Node, child: Node) -> None:
    ancestor: Node | None = parent
    while ancestor:
        if ancestor is child:
            return
        ancestor = ancestor.parent
    child.parent = parent
    parent.children.append(child)


def pruned(nodes: list[Node], *, at_root: bool) -> list[Node]:
    kept: list[Node] = []
    for node in nodes:
        node.children = pruned(node.children, at_root=False)
        if node.place is not None or (at_root and len(node.children) > 1):
            kept.append(node)
        else:
            kept += node.children
    return kept


NAMES = "abcdef"
MAILS = st.builds(
    Mail,
    st.sampled_from(NAMES) | st.none(),
    st.text(NAMES + "xy", max_size=4),
    st.sampled_from(["", "s", "t"]),
    st.booleans(),
    st.none() | st.integers(0, 5),
)


@given(st.lists(MAILS, max_size=9))
def test_threads_are_those_of_the_rfc(mails: list[Mail]) -> None:
    assert threads(*mails) == str(InWordsOfTheRfc(mails))


# -- many


LONG = 20_000
ORDERS = {
    "forwards": list(range(LONG)),
    "backwards": list(range(LONG))[::-1],
    "shuffled": random.Random(1).sample(range(LONG), LONG),
}


def chain(order: Sequence[int], references: int) -> tuple[list[Letter], Links]:
    letters, links = [], Links()
    for number in order:
        letters.append(Letter(number, "", False))
        links.add(b"%d" % number, [b"%d" % earlier for earlier in range(max(0, number - references), number)])
    return letters, links


@pytest.mark.parametrize("references", [1, 5])
@pytest.mark.parametrize("order", ORDERS)
def test_a_long_chain(order: str, references: int) -> None:
    letters, links = chain(ORDERS[order], references)
    forest, turns = timed(by_references(letters, links))
    assert written_numbers(forest, ORDERS[order]) == b"(%b)" % b" ".join(b"%d" % number for number in range(LONG))
    assert turns.taken > 1


def written_numbers(forest: Forest, numbers: Sequence[int]) -> bytes:
    return b"".join(finish(write_threads(forest, numbers)))


def test_a_deep_tree_is_written() -> None:
    below = {node: [node + 1, node + 2] for node in range(0, LONG, 2)}
    text = written_numbers(Forest([0], below), range(1, LONG + 3))
    assert text.startswith(b"(1 (2)(3 (4)(5 ")
    assert text.count(b"(") == text.count(b")") == LONG + 1


def test_who_closes_circles_has_others_wait_no_longer() -> None:
    length, circles = 4000, 400
    letters, links = chain(range(length), 1)
    for _ in range(circles):
        letters.append(Letter(0, "", False))
        links.add(None, [b"%d" % (length - 1), b"0"])
    # Each of them has to be looked for along the whole chain, but others have their turn meanwhile.
    assert timed(by_references(letters, links))[1].taken > circles * length // 10_000


@pytest.mark.parametrize("threading", [by_references, by_subject], ids=lambda threading: threading.__name__)
def test_many_threads(threading: object) -> None:
    letters, links = [], Links()
    for number in range(LONG):
        letters.append(Letter(-number, f"s{number % 5000}", False))
        links.add(None, [])
    forest = finish(by_subject(letters) if threading is by_subject else by_references(letters, links))
    text = written_numbers(forest, range(1, LONG + 1))
    first = b"20000 (15000)(10000)(5000)" if threading is by_subject else b"(20000)(15000)(10000)(5000)"
    assert text.startswith(b"(%b)" % first)
    assert len(forest.roots) == 5000


def test_long_identifiers_are_told_apart() -> None:
    long = "x" * 1000
    letters, links = [], Links()
    for name, references in ((long + "1", []), (long + "2", []), ("b", [long + "2"])):
        letters.append(Letter(0, "", False))
        links.add(name.encode(), [reference.encode() for reference in references])
    assert links.names == 3
    assert written(finish(by_references(letters, links)), 3) == "(1)(2 3)"
