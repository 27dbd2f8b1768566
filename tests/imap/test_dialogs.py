from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core import lifetime as lifetimes
from tests.dialog import replay, replays
from tests.imap.house import LIFETIME, NESTED, OTHER, PLAIN, RULES

if TYPE_CHECKING:
    from tempmaild.core.lifetime import Lifetime
    from tests.dialog import Script
    from tests.imap.house import House

MAIL = {"no": (), "yes": (PLAIN, OTHER, NESTED)}


@pytest.fixture
def lifetime(script: Script) -> int | Lifetime:
    return lifetimes.from_text(script.options["lifetime"]) if "lifetime" in script.options else LIFETIME


@pytest.mark.parametrize(("script", "cut"), replays(Path(__file__).parents[1] / "dialogs" / "imap"))
def test_dialogue(house: House, script: Script, cut: int) -> None:
    options = script.options
    house.deliver(*MAIL[options.get("mail", "no")])
    plaintext: Any = options.get("plaintext", RULES.plaintext)
    rules = replace(RULES, plaintext=plaintext, tls_available=options.get("certificate") != "no")
    on_this_host = options.get("peer") == "this host"
    dialog = house.connect(rules, tls=options.get("tls") == "yes", on_this_host=on_this_host)
    replay(script, dialog, cut, house.values)
