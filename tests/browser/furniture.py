"""What a host has after a while: domains, mailboxes and mail, people, rules, and what has happened."""

from __future__ import annotations

import time
from email.message import EmailMessage
from smtplib import SMTP, SMTPRecipientsRefused
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tempmaild.core.block_rule import BlockRule
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.core.policy import Policy
from tempmaild.core.schedule import Cron, Every, Purge, Report, Schedule, Shorten
from tempmaild.service.mail_log import Search
from tests.browser.history import AddHistory
from tests.daemon import HOST
from tests.support import run

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.core.mailbox import Mailbox
    from tests.browser.site import Site

LONG: Final = "verification-of-a-rather-long-name-typed-by-hand"
OPEN: Final = "try.example.org"
READABLE: Final = f"offers@{OPEN}"
"""A mailbox whose mail can be read."""
SUBJECT: Final = "Your order 4711 is on its way"
KEY: Final = "release-tests"
LIMIT: Final = "messages"
RULE: Final = BlockRule("domain", "spam.example", note="nothing but advertising")
SCHEDULE: Final = "weekly-purge"
DOMAIN: Final = "box.example.org"
_KNOWN_WITHIN: Final = 10.0
"""Seconds; the daemon looks once in a second what was changed beside it."""
_MESSAGES: Final = 5
"""That arrive."""
_HOUR, _DAY = 3600, 86_400


class Furnished(NamedTuple):
    """A host with its furniture.

    Attributes:
        ids: and tokens of what a page may be about.
    """

    site: Site
    ids: dict[str, str]


def furnish(site: Site) -> dict[str, str]:
    """Fill a host; the ids and tokens of what a page may be about."""
    house = site.appliance
    for role in ("viewer", "operator"):
        site.person(role)
    actor = site.person("owner").name
    _add_domains(house, actor)
    made = _make_mailboxes(house)
    _make_rules(house, actor)
    invited = run(house.people.invite("operator", note="for Ada, who is on duty in August", actor=actor))
    run(house.api_keys.add(KEY, ("mailboxes:create", "messages:read"), ["192.0.2.0/24"], actor=actor))
    site.write(AddHistory())
    _send(site, f"joe@{DOMAIN}", "Sealed as it arrives")
    for number in range(3):
        _send(site, READABLE, f"Offer {number + 1} of the week")
    _send(site, READABLE, SUBJECT)
    _be_refused(site, f"nobody@{DOMAIN}")
    readable = run(house.mailboxes.describe(READABLE))
    inbox = next(folder for folder in readable.folders if folder.name == INBOX)
    return {
        **{name: str(mailbox.id) for name, mailbox in made.items()},
        "open": str(readable.mailbox.id),
        "folder": str(inbox.id),
        "uid": str(inbox.messages),
        "invitation": invited.token,
        "receipt": _destroy_one(house, actor),
        "logged": str(_logged(site)),
    }


def _add_domains(house: Appliance, actor: str) -> None:
    usual = Policy(lifetime=Lifetime(_DAY, messages=50, extend=7 * _DAY))
    run(house.domains.add(DOMAIN, policy=usual, actor=actor))
    run(house.domains.add(OPEN, "open", actor=actor))
    run(house.domains.add("*.inbox.example.net", actor=actor))
    run(house.domains.add("bücher.example.com", sealed=False, actor=actor))
    old = run(house.domains.add("old.example.org", actor=actor))
    run(house.domains.change(msgspec.structs.replace(old, enabled=False), actor))


def _make_mailboxes(house: Appliance) -> dict[str, Mailbox]:
    """Make more than a page has, and those that pages are about."""
    for number in range(58):
        run(house.mailboxes.create(DOMAIN, Lifetime(_HOUR + number * 5000)))
    addresses = {
        "long": f"{LONG}@a-subdomain.of-some-length.inbox.example.net",
        "spare": "leser@bücher.example.com",
        "sealed": f"joe@{DOMAIN}",
    }
    return {
        name: run(house.mailboxes.create(address, Lifetime(7 * _DAY, extend=30 * _DAY))).mailbox
        for name, address in addresses.items()
    }


def _destroy_one(house: Appliance, actor: str) -> str:
    """Have a mailbox destroyed; the name of its receipt."""
    doomed = run(house.mailboxes.create(DOMAIN, Lifetime(_HOUR)))
    run(house.mailbox_list.destroy(doomed.mailbox, actor))
    return run(house.receipts.page(0, 1 << 40, "", 1)).rows[0].lookup


def _make_rules(house: Appliance, actor: str) -> None:
    """Have bans, block rules, schedules, and somebody who came near a limit."""
    run(house.bans.add("203.0.113.0/24", 7 * _DAY, "guesses passwords", actor=actor))
    run(house.bans.add("2001:db8:bad::/48", _DAY, "limit failed-logins-ban", "reading"))
    run(house.bans.add("198.51.100.77", 30 * _DAY, "sends nothing but spam, see the mail log", "mail", actor))
    rules = (
        RULE,
        BlockRule("address", "newsletter@a-sender-with-a-long-name.example.com", "junk"),
        BlockRule("network", "192.0.2.0/24", "allow", note="our own monitoring"),
        BlockRule("helo", "ylmf-pc"),
    )
    run(house.block_rules.add(rules, actor))
    for schedule in (
        Schedule(SCHEDULE, "", Purge(older_than=7 * _DAY), Cron("0 4 * * sun")),
        Schedule("nightly-report", "", Report(), Cron("30 3 * * *")),
        Schedule("short-lives", DOMAIN, Shorten(_DAY), Every(6 * _HOUR)),
    ):
        run(house.schedules.add(schedule, actor))
    run(house.schedules.pause("short-lives", actor))
    run(house.schedules.run_now("nightly-report", actor))
    for _ in range(4):
        run(house.limiter.failed_login("198.51.100.20"))
    run(house.limit_use.flush())


def _be_refused(site: Site, to: str) -> None:
    with SMTP(HOST, site.daemon.ports.smtp, timeout=60) as client:
        client.helo("mail.shop.example")
        client.mail("orders@shop.example")
        assert client.rcpt(to)[0] == 550


def _logged(site: Site) -> int:
    """Give the first row of the mail log, once all are there."""
    deadline = time.monotonic() + _KNOWN_WITHIN
    while len(rows := run(site.appliance.mail_log.page(Search())).rows) < _MESSAGES + 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return rows[-1].id


def _send(site: Site, to: str, subject: str) -> None:
    message = EmailMessage()
    message["From"] = "A Shop <orders@shop.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Fri, 20 Nov 2026 10:00:00 +0100"
    message.set_content("Dear customer,\n\nyour parcel leaves our house today.\n\nThe shop\n")
    message.add_alternative(
        "<h1>Dear customer</h1><p>your <b>parcel</b> leaves our house today: "
        '<a href="https://shop.example/track">track it</a>.</p><img src="https://shop.example/pixel.gif" alt="">',
        subtype="html",
    )
    message.add_attachment(b"1;2;3\r\n", maintype="text", subtype="csv", filename="invoice.csv")
    deadline = time.monotonic() + _KNOWN_WITHIN
    while True:
        try:
            with SMTP(HOST, site.daemon.ports.smtp, timeout=60) as client:
                client.send_message(message)
        except SMTPRecipientsRefused:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
