"""All that is fuzzed."""

from __future__ import annotations

from typing import Final

from tests.fuzz import archives, checks, messages, protocols, records

TARGETS: Final = {
    target.name: target for module in (messages, records, archives, protocols, checks) for target in module.TARGETS
}
