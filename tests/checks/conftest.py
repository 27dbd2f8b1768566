from __future__ import annotations

from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild import checks
from tempmaild.checks.dns import Resolver
from tempmaild.core.verdict import Finding
from tempmaild_admin import mail_words
from tests.dns_server import DnsServer

if TYPE_CHECKING:
    from collections.abc import Iterator


_MODULES = [module.name for module in iter_modules(checks.__path__, "tempmaild.checks.") if "__" not in module.name]


@pytest.fixture(autouse=True)
def _the_console_has_words(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See that whatever a check finds in these tests can be told on the console's pages."""
    found: set[tuple[str, str]] = set()

    def finding(method: str, result: str, *rest: Any, **named: Any) -> Finding:
        found.add((method, result))
        return Finding(method, result, *rest, **named)

    for name in _MODULES:
        monkeypatch.setattr(f"{name}.Finding", finding, raising=False)
    yield
    assert found <= mail_words._FOUND.keys()


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
