"""What an owner puts into a folder: how large it may be, and what becomes of octets that are no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from tempmaild.core.content import decoded_body
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX, NewMessage
from tempmaild.core.mime import parse
from tempmaild.core.policy import Policy
from tempmaild.errors import MailboxFull, MessageTooLarge
from tests.support import MESSAGE, TestAppliance, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.mailbox import Folder
    from tempmaild.service.inbox import Inbox

ADDRESS = "me@small.test"
SETTINGS_SIZE, DOMAIN_SIZE = 1 << 20, 1 << 17
BINARY = b"Content-Transfer-Encoding: binary\r\n\r\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TestAppliance]:
    house = make_appliance(tmp_path, smtp={"max_message_bytes": SETTINGS_SIZE})
    run(house.domains.add("small.test", policy=Policy(largest_message=DOMAIN_SIZE)))
    yield house
    house.close()


def log_in(house: TestAppliance, address: str = ADDRESS, lifetime: int | Lifetime = 1000) -> Inbox:
    return run(house.logins.login(address, house.create(address, lifetime).secret))


def add(inbox: Inbox, *messages: bytes, binary: bool = False) -> None:
    run(inbox.append_all(INBOX, [NewMessage(content, binary=binary) for content in messages]))


def inbox_of(inbox: Inbox) -> Folder:
    return run(inbox.folder(INBOX))


def test_the_domain_says_how_large_a_message_may_be(house: TestAppliance) -> None:
    inbox = log_in(house)
    assert inbox.longest_message == DOMAIN_SIZE
    add(inbox, bytes(DOMAIN_SIZE))
    with pytest.raises(MessageTooLarge):
        add(inbox, MESSAGE, bytes(DOMAIN_SIZE + 1))
    with pytest.raises(MessageTooLarge):
        run(inbox.replace(inbox_of(inbox).id, 1, INBOX, NewMessage(bytes(DOMAIN_SIZE + 1))))
    assert [entry.uid for entry in run(inbox.entries(inbox_of(inbox)))] == [1]


def test_no_domain_has_more_than_the_settings_say(house: TestAppliance) -> None:
    assert log_in(house, "me@box.test").longest_message == SETTINGS_SIZE
    domain = run(house.domains.get("small.test"))
    run(house.domains.change(structs.replace(domain, policy=Policy(largest_message=SETTINGS_SIZE * 2))))
    assert log_in(house).longest_message == SETTINGS_SIZE


def test_what_is_full_is_known_before(house: TestAppliance) -> None:
    inbox = log_in(house, lifetime=Lifetime(1000, messages=2))
    add(inbox, MESSAGE)
    folder = run(inbox.check_append(INBOX))
    with pytest.raises(MailboxFull):
        add(inbox, MESSAGE, MESSAGE)
    add(inbox, MESSAGE)
    with pytest.raises(MailboxFull):
        run(inbox.check_append(INBOX))
    assert run(inbox.check_append(INBOX, replaces_in=folder.id)).messages == 2
    assert run(inbox.replace(folder.id, 1, INBOX, NewMessage(MESSAGE))) is not None
    assert [entry.uid for entry in run(inbox.entries(inbox_of(inbox)))] == [2, 3]
    assert run(inbox.replace(folder.id, 1, INBOX, NewMessage(MESSAGE))) is None


@pytest.mark.parametrize("size", [7, DOMAIN_SIZE // 2])
def test_binary_is_kept_octet_for_octet(house: TestAppliance, size: int) -> None:
    inbox = log_in(house)
    octets = (b"\0\n\r\xff" * size)[:size]
    add(inbox, BINARY + octets, binary=True)
    content = run(inbox.content(inbox_of(inbox).id, 1))
    assert content is not None
    assert b"\0" not in content
    assert decoded_body(content, parse(content)[0]) == octets
    assert run(inbox.entries(inbox_of(inbox)))[0].size == len(content)
