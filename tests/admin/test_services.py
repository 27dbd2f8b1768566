"""The services for requests in several threads."""

from __future__ import annotations

import sqlite3
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.errors import StoreFailed, WrongCredentials
from tempmaild.service.sign_ins import Client
from tempmaild.settings import Settings
from tempmaild_admin.access import console_access
from tempmaild_admin.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATIENCE = 10.0
"""Seconds for a thread that is not kept waiting."""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    settings = Settings.model_validate({"host": {"name": "mx.box.test", "state": tmp_path}})
    appliance = open_appliance(settings, partial(console_access, settings))
    yield Services(settings, appliance)
    appliance.handle.close()


@pytest.mark.parametrize("kind", ["read_long", "stretch"])
def test_what_takes_long_keeps_nobody_waiting(services: Services, kind: str) -> None:
    answers: list[object] = []

    def ask() -> None:
        answers.append(services.call(services.appliance.bans.list_all()))
        services.appliance.handle.close()

    def work(name: str, *, number: int) -> str:
        other = Thread(target=ask)
        other.start()
        other.join(_PATIENCE)
        return f"{name} {number}"

    async def long() -> str:
        access = services.appliance.people._access
        result: str = await getattr(access, kind)(work, "done", number=7)
        return result

    assert services.call(long()) == "done 7"
    assert answers == [[]]


def test_what_fails_outside_is_told_to_who_awaits_it(services: Services) -> None:
    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async def long() -> str:
        try:
            await services.appliance.people._access.read_long(fail)
        except StoreFailed as error:
            return str(error)
        return ""

    assert services.call(long()) == "disk I/O error"
    with pytest.raises(sqlite3.OperationalError):
        services.call(services.appliance.people._access.stretch(fail))  # type: ignore[arg-type]


def test_somebody_signs_in(services: Services) -> None:
    appliance = services.appliance
    services.call(appliance.people.add("ann", "owner", "nine lives of tea"))
    with pytest.raises(WrongCredentials):
        services.call(appliance.sign_ins.sign_in("ann", "seven seas of rye", Client("192.0.2.1")))
    token = services.call(appliance.sign_ins.sign_in("ann", "nine lives of tea", Client("192.0.2.1"))).token
    visitor = services.call(appliance.sign_ins.visitor(token))
    assert visitor is not None
    assert visitor.person.name == "ann"
