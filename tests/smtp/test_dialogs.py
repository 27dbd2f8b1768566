from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tempmaild.core.lifetime import Lifetime
from tempmaild.core.policy import Policy
from tests.dialog import replay, replays
from tests.smtp.house import GREEN, ME, RULES, YOU
from tests.support import LIFETIME, NOW, run

if TYPE_CHECKING:
    from tests.dialog import Script
    from tests.smtp.house import House

DIALOGS = Path(__file__).parents[1] / "dialogs"


@pytest.mark.parametrize(("script", "cut"), replays(DIALOGS / "smtp"))
def test_smtp(house: House, script: Script, cut: int) -> None:
    hold(house, script, cut, lmtp=False)


@pytest.mark.parametrize(("script", "cut"), replays(DIALOGS / "lmtp"))
def test_lmtp(house: House, script: Script, cut: int) -> None:
    hold(house, script, cut, lmtp=True)


def add_domains(house: House) -> None:
    """Add a domain of each kind; all their mail that is not refused goes to `YOU`."""
    domains = house.appliance.domains
    run(domains.add("small.test", "catch-all", policy=Policy(catch_all=YOU, largest_message=1 << 16)))
    run(domains.add("catch.test", "catch-all", policy=Policy(catch_all=YOU)))
    run(domains.add("*.open.test", "open"))
    run(domains.add("mx.box.test", policy=Policy(operator=YOU)))
    closed = run(domains.add("closed.test"))
    run(domains.change(msgspec.structs.replace(closed, enabled=False)))
    new = run(house.appliance.mailboxes.create("full@box.test", Lifetime(LIFETIME, messages=1, when_full="refuse")))
    house.appliance.deliver(new.mailbox.address)


def hold(house: House, script: Script, cut: int, *, lmtp: bool) -> None:
    options = script.options
    if options.get("domains") == "yes":
        add_domains(house)
    if options.get("expired") == "yes":
        house.clock.now = house.accounts[ME].mailbox.expires_at
    rules = replace(
        RULES,
        lmtp=lmtp,
        offers_tls=options.get("certificate") != "no",
        largest_message=int(options.get("size", RULES.largest_message)),
        most_messages=int(options.get("messages", RULES.most_messages)),
        most_received=int(options.get("received", RULES.most_received)),
        refuses_bare_newlines=options.get("bare") == "refuse",
        # With all commands at once the same errors are counted.
        hard_errors=RULES.hard_errors if "errors" in script.name else 100,
    )
    replay(script, house.connect(rules, tls=options.get("tls") == "yes"), cut)
    house.clock.now = NOW
    accepted = {step.text for step in script.steps if step.text.startswith("250 2.0.0 Ok: stored as ")}
    assert max(len(house.messages(address)) for address in (ME, YOU, GREEN)) == len(accepted)
