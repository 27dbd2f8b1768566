"""Asking the services in this thread, in which none of them has to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.errors import NoSuchMailbox
from tempmaild.store.access import at_once

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance


def has_mailbox(appliance: Appliance, address: str) -> bool:
    """Tell whether there is a mailbox of this address."""
    try:
        at_once(appliance.mailboxes.find(address))
    except NoSuchMailbox:
        return False
    return True
