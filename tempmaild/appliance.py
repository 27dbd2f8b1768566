"""The store and the services put together: what the daemon and the command line have in common."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import StoreFailed
from tempmaild.notify.hub import Hub
from tempmaild.service.delivery import Deliveries
from tempmaild.service.directory import Directory
from tempmaild.service.domains import Domains
from tempmaild.service.logins import Logins
from tempmaild.service.mailboxes import Mailboxes
from tempmaild.service.room import Room
from tempmaild.store.access import Immediate
from tempmaild.store.opening import open_database
from tempmaild.store.queries import Queries
from tempmaild.store.vault import open_vault

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
    directory: Directory
    domains: Domains
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
    if access_factory:
        access = access_factory(handle, hub)
    else:
        vault = open_vault(settings.host.name, settings.signing_key_path)
        access = Immediate(handle, vault, clock, hub.publish)
    room = Room(state, settings.store.minimum_free_disk_bytes, clock)
    directory = Directory(access, queries, hub, Lifetime(settings.mailbox.lifetime_seconds))
    return Appliance(
        handle=handle,
        hub=hub,
        directory=directory,
        domains=Domains(access, queries),
        mailboxes=Mailboxes(
            access, queries, directory, clock, secrets.token_bytes, settings.mailbox.quarantine_seconds
        ),
        deliveries=Deliveries(access, queries, directory, clock, room, settings.mailbox.operator),
        logins=Logins(access, queries, directory, hub, clock, room, settings.smtp.max_message_bytes),
    )
