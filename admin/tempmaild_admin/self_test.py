"""The self test of a domain: a message goes through the daemon's own listener into a mailbox made for it."""

from __future__ import annotations

import secrets
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Literal

from flask_babel import gettext as _
from msgspec import Struct

from tempmaild.core.address import WILDCARD
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.timespan import HOUR
from tempmaild.errors import NoSuchMailbox, TempmaildError
from tempmaild.service.handing_in import hand_in, way_in
from tempmaild_admin.services import appliance, call, services

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Domain

_LIFETIME: Final = Lifetime(HOUR, messages=10)
"""Of the mailbox, should the console not come to destroying it."""
_NAME_OCTETS: Final = 8


class Step(Struct, frozen=True):
    """One step, as the reader is told of it."""

    state: Literal["fine", "failed"]
    title: str
    text: str = ""


def run(domain: Domain, actor: str) -> list[Step]:
    """Make the test; it ends with the first step that fails, and nothing of it is left.

    Args:
        actor: whom the audit log names for the destruction.
    """
    way = way_in(services().settings)
    if way is None:
        return [Step("failed", _("Find the listener"), _("By the settings, no port takes mail without TLS."))]
    try:
        address = _make_mailbox(domain)
    except TempmaildError as error:
        return [Step("failed", _("Make a mailbox"), f"{(type(error).__doc__ or '').strip()} ({error})")]
    steps = [Step("fine", _("Make a mailbox"), address)]
    try:
        host = services().settings.host.name
        answer = hand_in(way, host, address, _message(domain, address))
        title = _("Hand in a message at %(address)s", address=way.address)
        steps.append(Step("fine" if answer.taken else "failed", title, f"{answer.command}: {answer.text}"))
        if answer.taken:
            steps.append(_arrival(address))
    finally:
        steps.append(_destruction(address, actor))
    return steps


def _make_mailbox(domain: Domain) -> str:
    """Make it; below a wildcard, at a name that nobody has."""
    label = secrets.token_hex(_NAME_OCTETS)
    host = domain.name
    if host.startswith(WILDCARD):
        host = f"self-test-{label}.{host.removeprefix(WILDCARD)}"
    new = call(appliance().mailboxes.create(f"self-test-{label}@{host}", _LIFETIME, operator=True))
    return new.mailbox.address


def _message(domain: Domain, address: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    # In a domain that has no policy: the domain itself says that nobody sends in its name.
    message["From"] = "self-test@tempmaild.invalid"
    message["To"] = address
    message["Subject"] = f"Self test of {domain.name}"
    message["Date"] = formatdate(appliance().now())
    message["Message-ID"] = f"<{secrets.token_hex(_NAME_OCTETS)}@tempmaild.invalid>"
    message.set_content("The console of tempmaild sent this to see whether mail arrives.\n")
    return message.as_bytes()


def _arrival(address: str) -> Step:
    title = _("See it arrive")
    try:
        folders = call(appliance().mailboxes.describe(address)).folders
    except NoSuchMailbox:
        return Step("failed", title, _("The mailbox was destroyed meanwhile."))
    arrived = [folder for folder in folders if folder.messages]
    if not arrived:
        return Step(
            "failed", title, _("The daemon took the message, but it is not there. Does it use this database?")
        )
    return Step("fine", title, _("It is in %(folder)s.", folder=arrived[0].name))


def _destruction(address: str, actor: str) -> Step:
    title = _("Destroy the mailbox")
    try:
        call(appliance().mailboxes.destroy(call(appliance().mailboxes.find(address)), actor))
    except NoSuchMailbox:
        return Step("failed", title, _("Somebody else has destroyed it."))
    return Step("fine", title)
