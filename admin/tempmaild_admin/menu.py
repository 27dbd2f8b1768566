"""The menu: the parts of the console, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import request, url_for
from flask_babel import lazy_gettext as _l

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

# Each with the page that it leads to. What has no page is not shown, so that parts can be left out.
_ENTRIES = (
    (_l("Overview"), "overview.show"),
    (_l("Mailboxes"), "mailboxes.index"),
    (_l("Domains"), "domains.index"),
    (_l("Schedules"), "schedules.index"),
    (_l("Limits"), "limits.index"),
    (_l("Bans"), "bans.index"),
    (_l("Block rules"), "block_rules.index"),
    (_l("Mail log"), "mail_log.index"),
    (_l("Audit"), "audit.index"),
    (_l("Receipts"), "receipts.index"),
    (_l("People"), "people.index"),
    (_l("Keys"), "api_keys.index"),
    (_l("Profile"), "profile.show"),
)


class Entry(NamedTuple):
    """One entry.

    Attributes:
        part: of the console; its picture in static/icons.svg is called so.
    """

    part: str
    text: str
    url: str
    is_here: bool


def init_app(app: Flask) -> None:
    """Have it in the templates."""

    def menu() -> Iterator[Entry]:
        for text, endpoint in _ENTRIES:
            if endpoint in app.view_functions:
                part = endpoint.partition(".")[0]
                yield Entry(part, str(text), url_for(endpoint), request.blueprint == part)

    app.jinja_env.globals["menu"] = menu
