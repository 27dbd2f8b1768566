"""Cleans hostile HTML, in a process of its own: HTML on standard input, what is left of it on standard output.

Some pages of 60 KB keep the parser for minutes, which no check beforehand foretells. A thread cannot be stopped, so
`reader` starts this file and ends it when its time is over.
"""

from __future__ import annotations

import sys
from typing import Final

import nh3

ATTRIBUTES: Final = {
    tag: names - {"src", "longdesc"} | {"align", "bgcolor", "color", "dir", "height", "style", "valign", "width"}
    for tag, names in (nh3.ALLOWED_ATTRIBUTES | {"font": set(), "div": set(), "p": set(), "*": set()}).items()
}
"""Without those that would load something, so that an image is nothing but its text."""
TAGS: Final = nh3.ALLOWED_TAGS | {"font", "big"}
STYLES: Final = {
    *("background-color", "color", "font-family", "font-size", "font-style", "font-weight", "line-height"),
    *("margin", "padding", "text-align", "text-decoration", "vertical-align", "white-space", "width"),
}
"""None of them can cover what is not the message's: it is shown in a frame."""


def clean(html: str) -> str:
    """Give what is left of a page; well-formed, with nothing in it that runs or loads."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        filter_style_properties=STYLES,
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(clean(sys.stdin.buffer.read().decode("utf-8", "replace")).encode())
