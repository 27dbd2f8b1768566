"""The store and the services put together: what the daemon and the command line have in common."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tempmaild.errors import StoreFailed
from tempmaild.notify.hub import Hub
from tempmaild.service.delivery import Deliveries
from tempmaild.service.inbox import Logins
from tempmaild.service.mailboxes import Mailboxes
from tempmaild.service.room import Room
from tempmaild.store.access import Immediate
from tempmaild.store.opening import open_database
from tempmaild.store.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.settings import Settings
    from tempmaild.store.access import Access
    from tempmaild.store.database import Handle


@dataclass(frozen=True)
class Appliance:
    """Everything that can be asked of a tempmaild, whoever asks."""

    handle: Handle
    hub: Hub
    mailboxes: Mailboxes
    deliveries: Deliveries
    logins: Logins


def open_appliance(
    settings: Settings,
    access_factory: Callable[[Handle, Hub], Access] | None = None,
    clock: Callable[[], float] = time.time,
) -> Appliance:
    """Open the store and put the services on it.

    Args:
        access_factory: makes the access to the store; without it everything is done at once in the calling thread.
        clock: UTC epoch seconds.

    Raises:
        StoreFailed: the database cannot be opened.
    """
    state = settings.host.state
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFailed(f"cannot make the state directory: {error}") from error
    handle = open_database(settings.store.url, settings.sqlite_path)
    hub, queries = Hub(), Queries(handle)
    access = access_factory(handle, hub) if access_factory else Immediate(handle, clock, hub.publish)
    room = Room(state, settings.store.minimum_free_disk_bytes, clock)
    return Appliance(
        handle=handle,
        hub=hub,
        mailboxes=Mailboxes(access, queries, clock, secrets.token_bytes, settings.mailbox.quarantine_seconds),
        deliveries=Deliveries(access, queries, clock, room),
        logins=Logins(access, queries, hub, clock, room, settings.smtp.max_message_bytes),
    )
