"""Mail for the checks of clients, lists and spam filters."""

from __future__ import annotations

from typing import Any

from tempmaild.checks.mail import Examined, Mail
from tempmaild.core.checking import Checking

CLIENT = "192.0.2.1"
MESSAGE = b"From: Joe <joe@from.example>\r\nSubject: hello\r\n\r\nHello.\r\n"


def examined(content: bytes = MESSAGE, **fields: Any) -> Examined:
    """Give a message as checks get it, from a client with everything in order unless `fields` say otherwise."""
    usual: dict[str, Any] = {
        "client": CLIENT,
        "helo": "mx.example.org",
        "sender": "joe@sender.example",
        "recipients": ("box@box.test",),
        "relayed": False,
        "checking": Checking(),
    }
    return Examined(Mail(content, **{**usual, **fields}), {})
