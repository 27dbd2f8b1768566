"""Sending people a message by apprise, which knows Slack, mail, telephones and a hundred others."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Literal

Kind = Literal["failure", "warning", "success", "info"]
INSTALL = "pip install 'tempmaild[alerts]'"
"""How to get what is missing."""


class NotSent(Exception):
    """A message was not taken; the text says why, without the URL, which holds secrets."""


def is_possible() -> bool:
    """Tell whether apprise is installed."""
    return find_spec("apprise") is not None


def send(url: str, subject: str, body: str, kind: Kind) -> None:
    """Send a message to where a URL leads; waits for it, usually for some seconds.

    Raises:
        NotSent: it was not taken.
    """
    try:
        import apprise  # noqa: PLC0415 - it takes half a second and 30 MiB, which most hosts need not spend
    except ImportError:
        raise NotSent(INSTALL) from None
    # Nothing on the disk, no key made for anybody, nothing sent by the way.
    asset = apprise.AppriseAsset(
        app_id="tempmaild",
        app_desc="tempmaild",
        app_url="",
        async_mode=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        pem_autogen=False,
        pgp_autogen=False,
    )
    notifier = apprise.Apprise(asset=asset)
    if not notifier.add(url):
        raise NotSent("apprise does not know such a URL, or a part of it is missing")
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:  # type: ignore[no-untyped-call]
        sent = notifier.notify(body=body, title=subject, notify_type=apprise.NotifyType(kind))
        reason = " ".join(said.getvalue().split())
    if not sent:
        raise NotSent(reason or "it was not taken")
