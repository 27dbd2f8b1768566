"""Cleans hostile HTML, in a process of its own: HTML on standard input, what is left of it on standard output.

Some pages of 60 KB keep the parser for minutes, which no check beforehand foretells. A thread cannot be stopped, so
`reader` starts this file and ends it when its time is over.
"""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from typing import Final

import nh3

LONGEST_CLEAN: Final = 4 << 20
"""Octets of cleaned HTML: the parser repeats what was left open, and can make much out of little."""
MOST_MEMORY: Final = 512 << 20
"""Octets of address space: an ordinary message takes some 40 MiB with all of Python."""

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


def main() -> None:
    """Clean what comes, or end with an error; memory that runs out ends it, too."""
    with suppress(OSError, ValueError):  # a sandbox may not allow it, or have a lower limit
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cleaned = clean(sys.stdin.buffer.read().decode("utf-8", "replace")).encode()
    if len(cleaned) > LONGEST_CLEAN:
        sys.exit(1)
    sys.stdout.buffer.write(cleaned)


if __name__ == "__main__":
    main()
