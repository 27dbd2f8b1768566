"""What a folder may be called."""

from __future__ import annotations

import pytest

from tempmaild.core.folder_name import normalise_name, normalise_new_name
from tempmaild.core.mailbox import INBOX
from tempmaild.errors import FolderExists, FolderRefused, NoSuchFolder


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("INBOX", INBOX),
        ("inBox", INBOX),
        ("ınbox", "ınbox"),  # noqa: RUF001 - in upper case this letter is an I
        ("Junk", "Junk"),
        ("junk", "junk"),
        ("", ""),
    ],
)
def test_inbox_is_one_however_it_is_written(name: str, normal: str) -> None:
    # RFC 9051 §5.1
    assert normalise_name(name) == normal


def test_none_has_a_nul() -> None:
    with pytest.raises(NoSuchFolder):
        normalise_name("a\0b")


@pytest.mark.parametrize("name", ["x" * 255, "/".join("a" * 20), "é/ü", "&", " ", "~", ".", "a/inbox"])
def test_new_ones_stay_as_they_are(name: str) -> None:
    assert normalise_new_name(name) == name


def test_new_ones_may_be_below_inbox() -> None:
    assert normalise_new_name("inbox/below") == "INBOX/below"


def test_no_new_one_is_inbox() -> None:
    with pytest.raises(FolderExists):
        normalise_new_name("inbox")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a//b",
        "/a",
        "a/",
        "a*",
        "100%",
        "a\n",
        "a\0b",
        "\x7f",
        "x" * 256,
        "é" * 128,
        "/".join("a" * 21),
        "a\x85",
        "\u2028",
        "\ud800",
    ],
)
def test_new_ones_that_cannot_be(name: str) -> None:
    with pytest.raises(FolderRefused):
        normalise_new_name(name)
