"""Counting in Redis: several daemons together, and each by itself while Redis is gone."""

from __future__ import annotations

import logging
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from limits.strategies import STRATEGIES

from tempmaild.core.limit import Limit, Strategy
from tempmaild.errors import StoreFailed, TooFast
from tempmaild.log import get_log
from tempmaild.service.meter import Claim, Meter
from tests.needs import needs
from tests.support import Clock, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import TestAppliance

_PATIENCE = 30.0
LIMIT = Limit("few", "message", "network", 2, 3600, "fixed-window", id=7)


class Redis:
    """A Redis server on a Unix socket, which can be gone for a while."""

    def __init__(self, folder: Path) -> None:
        self._program = needs("redis-server")
        self._folder = folder
        self._socket = folder / "redis.sock"
        self.url = f"redis+unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [self._program, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--daemonize", "no"]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self._socket))
            except OSError:
                return False
            client.sendall(b"PING\r\n")
            return client.recv(16) == b"+PONG\r\n"

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._socket.unlink(missing_ok=True)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server that runs."""
    redis = Redis(tmp_path)
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TestAppliance]:
    """An appliance whose way to blocking code the meters use."""
    house = make_appliance(tmp_path / "state")
    yield house
    house.close()


def meter(house: TestAppliance, redis: Redis, clock: Clock) -> Meter:
    return Meter(house.appliance.limiter._access, clock, redis.url, get_log("limits"))


def count(meter: Meter, limit: Limit = LIMIT, subject: str = "192.0.2.1/32") -> int:
    (excess,) = run(meter.count([Claim(limit, subject, 1)]))
    return excess


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_daemons_count_together(house: TestAppliance, redis: Redis, strategy: Strategy) -> None:
    limit = Limit("few", "message", "network", 2, 3600, strategy, id=7)
    one, other = meter(house, redis, Clock()), meter(house, redis, Clock())
    assert [count(one, limit), count(other, limit), count(one, limit), count(other, limit)] == [0, 0, 1, 2]
    assert count(one, limit, "192.0.2.2/32") == 0


def test_a_restart_forgets_nothing(house: TestAppliance, redis: Redis) -> None:
    assert [count(meter(house, redis, Clock())) for _ in range(3)] == [0, 0, 1]


def test_without_redis_each_counts_by_itself(
    house: TestAppliance, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tempmaild.limits")
    clock = Clock()
    one, other = meter(house, redis, clock), meter(house, redis, clock)
    assert [count(one), count(one)] == [0, 0]
    redis.stop()
    assert [count(one) for _ in range(3)] == [0, 0, 1]
    assert [count(other) for _ in range(3)] == [0, 0, 1]
    assert [record.getMessage() for record in caplog.records] == ["redis-lost", "redis-lost"], "once each"
    redis.start()
    # It is not asked again at once.
    assert count(one) == 2
    clock.now += 10
    # The server is a new one.
    assert [count(one) for _ in range(3)] == [0, 0, 1]
    assert [record.getMessage() for record in caplog.records][2:] == ["redis-found"]


def test_redis_is_asked_in_a_thread(house: TestAppliance, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    access = house.appliance.limiter._access
    asked = []
    read_long = access.read_long

    async def remember(query: object, *arguments: object) -> object:
        asked.append(query)
        return await read_long(query, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(access, "read_long", remember)
    count(meter(house, redis, Clock()))
    assert len(asked) == 1


def test_the_settings_name_it(tmp_path: Path, redis: Redis) -> None:
    houses = [
        make_appliance(tmp_path / name, limits={"redis_url": redis.url, "trusted_networks": ()}) for name in "ab"
    ]
    for house in houses:
        run(house.appliance.limits.change(Limit("messages", "message", "network", 1, 3600)))
    run(houses[0].appliance.limiter.count("message", "192.0.2.1"))
    with pytest.raises(TooFast):
        run(houses[1].appliance.limiter.count("message", "192.0.2.1"))
    for house in houses:
        house.close()


@pytest.mark.parametrize("url", ["redis://host:no-port", "redis://[::1"])
def test_a_url_that_cannot_be_used_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreFailed, match=r"limits\.redis_url cannot be used"):
        make_appliance(tmp_path, limits={"redis_url": url})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_used_up_is_known_without_counting(house: TestAppliance, redis: Redis, strategy: Strategy) -> None:
    limit = Limit("few", "message", "network", 3, 3600, strategy, id=7)
    one, other = meter(house, redis, Clock()), meter(house, redis, Clock())
    claims = [Claim(limit, subject, 1) for subject in ("192.0.2.1/32", "192.0.2.2/32")]
    count(one, limit)
    count(one, limit)
    for _ in range(3):
        assert run(other.usage(claims)) == run(other.shared_usage(claims)) == [2, 0]
    redis.stop()
    assert run(other.shared_usage(claims)) is None
    assert run(other.usage(claims)) == [0, 0], "its own"


def test_the_console_sees_what_daemons_count_in_redis(tmp_path: Path, redis: Redis) -> None:
    houses = [
        make_appliance(tmp_path / name, limits={"redis_url": redis.url, "trusted_networks": ()}) for name in "ab"
    ]
    for house in houses:
        run(house.appliance.limits.change(Limit("messages", "message", "network", 3, 3600)))
    for _ in range(2):
        run(houses[0].appliance.limiter.count("message", "192.0.2.1"))
    (seen,) = run(houses[1].appliance.limit_use.foresee("message", "192.0.2.1")).limits
    assert (seen.used, seen.is_beyond, seen.noted_at) == (2, False, 0)
    assert run(houses[1].appliance.limit_use.foresee("message", "192.0.2.1", amount=2)).limits[0].is_beyond
    for house in houses:
        house.close()
