"""The servers to ask: those of the settings, or those of resolv.conf as it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.checks.dns_servers import Servers, parse_resolv_conf
from tempmaild.settings.values import TcpAddress

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("nameserver 192.0.2.1\n", ["192.0.2.1"]),
        ("nameserver\t2001:DB8::1 # near\r\nnameserver 192.0.2.1", ["2001:db8::1", "192.0.2.1"]),
        ("nameserver fe80::1%eth0", ["fe80::1%eth0"]),
        ("search example.org\noptions ndots:2\n#nameserver 192.0.2.1\n; nameserver 192.0.2.2", ["127.0.0.1"]),
        ("nameserver\nnameserver nobody\nnameserver 300.0.0.1\nnameserver 192.0.2.1", ["192.0.2.1"]),
        ("nameserver 192.0.2.1\n" * 3, ["192.0.2.1"]),
        ("".join(f"nameserver 192.0.2.{i}\n" for i in range(20)), [f"192.0.2.{i}" for i in range(8)]),
        ("", ["127.0.0.1"]),
        ("\0\ufffd", ["127.0.0.1"]),
    ],
)
def test_resolv_conf(text: str, hosts: list[str]) -> None:
    assert parse_resolv_conf(text) == [TcpAddress(host, 53) for host in hosts]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def hosts(servers: Servers) -> list[str]:
    return [server.address.host for server in servers.in_order()]


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path, clock = tmp_path / "resolv.conf", Clock()
    servers = Servers(path, 1, clock)
    assert hosts(servers) == ["127.0.0.1"]
    path.write_text("nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    assert hosts(servers) == ["127.0.0.1"], "it is not looked at for each question"
    clock.now += 2
    before = servers.in_order()
    assert hosts(servers) == ["192.0.2.1", "192.0.2.2"]
    path.write_text("nameserver 192.0.2.22\nnameserver 192.0.2.2\n")
    clock.now += 2
    assert hosts(servers) == ["192.0.2.22", "192.0.2.2"]
    assert servers.in_order()[1] is before[1], "what is known of a server stays"
    path.unlink()
    clock.now += 2
    assert hosts(servers) == ["127.0.0.1"]


def test_the_silent_come_last() -> None:
    addresses = [TcpAddress(f"192.0.2.{i}", 53) for i in range(3)]
    servers = Servers(addresses, 1, Clock())
    servers.in_order()[0].silent = True
    assert hosts(servers) == ["192.0.2.1", "192.0.2.2", "192.0.2.0"]
