"""Asking the services in this thread, in which none of them has to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tempmaild.errors import NoSuchMailbox

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tempmaild.appliance import Appliance

T = TypeVar("T")


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Give what a service gives."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


def has_mailbox(appliance: Appliance, address: str) -> bool:
    """Tell whether there is a mailbox of this address."""
    try:
        at_once(appliance.mailboxes.find(address))
    except NoSuchMailbox:
        return False
    return True
