from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.core.claims import OURS
from tests.daemon import HOST
from tests.dns_server import DnsServer
from tests.integration.mail_road import RELAY, Road

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNED = ("spf", "dkim", "arc", "dmarc")
DOMAINS: dict[str, dict[str, dict[str, Any]]] = {
    "mark.test": {"dmarc": {"action": "mark"}},
    "junk.test": {name: {"action": "junk"} for name in _SIGNED},
    "refuse.test": {name: {"action": "refuse"} for name in _SIGNED},
    "later.test": {name: {"failing": "later"} for name in _SIGNED},
    "strip.test": {"attachments": {"action": "strip"}},
    "off.test": {name: {"enabled": False} for name in (*_SIGNED, "client", "attachments")},
    "other.test": {},
}
"""Domains with rules of their own; box.test has those of the settings."""


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """A daemon that checks mail, for all tests of this worker; let each publish the names that it needs."""
    with DnsServer(negative_ttl=0) as names:
        road = Road(
            tmp_path_factory.mktemp("road"),
            names,
            DOMAINS,
            host={"name": OURS},
            checks={"relays": [f"{HOST}/32", f"{RELAY}/32"]},
            dns={"query_seconds": 1, "seconds": 2},
        )
        try:
            yield road
            assert road.stop() == 0, road.daemon.log.read_text()
        finally:
            road.close()
