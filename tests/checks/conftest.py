from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.checks.dns import Resolver
from tests.dns_server import DnsServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """A DNS server without names; give it `zones`."""
    with DnsServer() as server:
        yield server


@pytest.fixture
def resolver(dns: DnsServer) -> Resolver:
    """A resolver that asks `dns` and nobody else."""
    return Resolver([dns.address])


@pytest.fixture
def impatient(dns: DnsServer) -> Resolver:
    """A resolver that gives up soon, for what is never answered."""
    return Resolver([dns.address], query_seconds=0.05, seconds=0.1)
