"""The table of RFCs in the documentation, and the references in the code, name the same documents."""

from __future__ import annotations

import re
from pathlib import Path

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
