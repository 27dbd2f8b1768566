"""The pictures of the documentation: each is shown, and none is large."""

from __future__ import annotations

import re

from tests.browser.pictures import FOLDER, LARGEST, PICTURES


def test_every_picture_is_shown_in_the_guide() -> None:
    shown = re.findall(r"!\[[^\]]{20,}\]\(images/([a-z-]+)\.png\)", (FOLDER.parent / "operator.md").read_text())
    assert sorted(shown) == sorted(PICTURES)
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(PICTURES)


def test_no_picture_is_large() -> None:
    for path in FOLDER.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size <= LARGEST, path
