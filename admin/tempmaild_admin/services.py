"""The ways from a request to the services."""

from __future__ import annotations

from functools import partial
from threading import BoundedSemaphore, RLock
from typing import TYPE_CHECKING, Any, TypeVar

from flask import current_app

from tempmaild_admin.access import Outside

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flask import Flask

    from tempmaild.appliance import Appliance
    from tempmaild.settings import Settings

T = TypeVar("T")

_EXTENSION = "tempmaild"


class Services:
    """The appliance for an application that serves requests in several threads."""

    def __init__(self, settings: Settings, appliance: Appliance) -> None:
        self.settings = settings
        self.appliance = appliance
        self._lock = RLock()
        # Half of the threads may wait for DNS or the daemon; the others are for all else.
        self.waiting = BoundedSemaphore(max(1, settings.admin.threads // 2))

    def init_app(self, app: Flask) -> None:
        """Be there for the requests of this application."""
        app.extensions[_EXTENSION] = self
        app.before_request(self._look_at_others)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run what a service gives; one at a time, for caches are not for many threads, but for what takes long."""
        go_on = partial(coroutine.send, None)
        while True:
            with self._lock:
                try:
                    effect = go_on()
                except StopIteration as end:
                    result: T = end.value
                    return result
            assert isinstance(effect, Outside), f"waits for {effect!r}"
            try:
                go_on = partial(coroutine.send, effect.work())
            except Exception as error:  # whatever it is, it is for who awaits the work
                go_on = partial(coroutine.throw, error)

    def _look_at_others(self) -> None:
        """Have what the daemon and the command have changed known before anything is shown."""
        with self._lock:
            self.appliance.hub.publish(self.appliance.handle.others())


def services() -> Services:
    """Give those of the application that serves this request."""
    found: Services = current_app.extensions[_EXTENSION]
    return found


def appliance() -> Appliance:
    """Give the appliance."""
    return services().appliance


def call(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what a service gives."""
    return services().call(coroutine)
