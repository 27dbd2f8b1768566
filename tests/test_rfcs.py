"""The tables of RFCs in the documentation say what the code refers to, and what IMAP announces."""

from __future__ import annotations

import re
from pathlib import Path

from tempmaild.imap.dialogue import LOGGED_IN, NOT_LOGGED_IN
from tempmaild.imap.session import fixed_capabilities

PROJECT = Path(__file__).parents[1]


def in_code() -> set[int]:
    texts = (path.read_text() for path in (PROJECT / "tempmaild").rglob("*.py"))
    return {int(number) for text in texts for number in re.findall(r"RFC (\d+)", text)}


def in_table() -> set[int]:
    cells = re.findall(r"^\| ([\d, ]+) \|", (PROJECT / "docs" / "protocols.md").read_text(), re.MULTILINE)
    return {int(number) for cell in cells for number in cell.split(",")}


def test_the_code_refers_to_what_is_documented() -> None:
    assert in_code() - in_table() == set()


def test_what_is_documented_is_in_the_code() -> None:
    assert in_table() - in_code() == set()


def test_references_have_one_form() -> None:
    odd = [
        f"{path.relative_to(PROJECT)}: {reference}"
        for path in (PROJECT / "tempmaild").rglob("*.py")
        for reference in re.findall(r"\b[Rr][Ff][Cc]\d{4}\b|RFC \d+,? (?:section|sec\.)", path.read_text())
    ]
    assert odd == []


def test_the_capabilities_of_imap_are_documented() -> None:
    text = (PROJECT / "docs" / "protocols.md").read_text()
    cells = re.findall(r"^\| [\d, ]+ \| ([^|]+) \|", text.partition("## IMAP")[2].partition("\n## ")[0], re.MULTILINE)
    # What is written in small letters is no name of a capability.
    names = {name for cell in cells for name in cell.split(", ") if re.fullmatch(r"[A-Z][A-Z0-9=+-]+(rev\d)?", name)}
    announced = b" ".join([fixed_capabilities(LOGGED_IN), fixed_capabilities(NOT_LOGGED_IN)]).decode().split()
    # These depend on the connection and on the domain.
    assert names == {*announced, "STARTTLS", "LOGINDISABLED", "AUTH=PLAIN", "APPENDLIMIT"}
