"""The console's access to the store: what takes long keeps no other request waiting."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from tempmaild.errors import StoreFailed
from tempmaild.store.access import Immediate
from tempmaild.store.vault import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tempmaild.notify.hub import Hub
    from tempmaild.settings import Settings
    from tempmaild.store.database import Handle

P = ParamSpec("P")
T = TypeVar("T")


class Outside(Generic[T]):
    """Work that is awaited, and that `Services.call` does while other requests get at the services."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work

    def __await__(self) -> Generator[Outside[T], Any, T]:
        result: T = yield self
        return result


class ConsoleAccess(Immediate):
    """Does everything in the calling thread; as in the daemon, what may take long needs nothing of the services."""

    async def read_long(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what may take more than a millisecond."""
        try:
            return await Outside(partial(query, *args, **kwargs))
        except self._db.failures as error:
            raise StoreFailed(str(error)) from error

    async def stretch(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Stretch a password; as many at the same time as there are threads for requests."""
        return await Outside(partial(work, *args, **kwargs))


def console_access(settings: Settings, handle: Handle, hub: Hub, clock: Callable[[], float]) -> ConsoleAccess:
    """Make it, for `open_appliance`."""
    return ConsoleAccess(handle, open_vault(settings.host.name, settings.signing_key_path), clock, hub.publish)
