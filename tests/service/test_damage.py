"""A message whose row is damaged, or that somebody has tampered with, spoils no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.mailbox import INBOX
from tempmaild.errors import MessageDamaged
from tests.support import MESSAGE, run

if TYPE_CHECKING:
    from tests.support import Account, TestAppliance

SPOIL = {
    "the sealed content key": "UPDATE entry SET content_key = ? WHERE uid = 2 AND content_key IS NOT NULL",
    "the content": "UPDATE content SET data = ? WHERE id = (SELECT content_id FROM entry WHERE uid = 2)",
    "the summary": "UPDATE summary SET data = ? WHERE entry_id = (SELECT id FROM entry WHERE uid = 2)",
}
CODEC = "UPDATE content SET codec = 1 - codec WHERE id = (SELECT content_id FROM entry WHERE uid = 2)"


@pytest.fixture(params=[True, False], ids=["sealed", "unsealed"])
def account(house: TestAppliance, request: pytest.FixtureRequest) -> Account:
    """A mailbox with three messages."""
    run(house.domains.add("x.test", sealed=request.param))
    account = house.create("joe@x.test")
    for _ in range(3):
        house.deliver(account.address)
    return account


def readable(house: TestAppliance, account: Account) -> tuple[list[int], list[int]]:
    """Give the UIDs whose summary and whose content can be read."""
    inbox = run(house.logins.login(account.address, account.secret))
    folder = run(inbox.folder(INBOX))
    summaries = run(inbox.summaries(folder.id, [1, 2, 3]))
    assert sorted(summaries) == [1, 2, 3]
    contents = []
    for uid in (1, 2, 3):
        try:
            assert run(inbox.content(folder.id, uid)) == MESSAGE
            contents.append(uid)
        except MessageDamaged:
            with pytest.raises(MessageDamaged):
                run(inbox.examine(folder.id, uid, len))
    return [uid for uid, summary in summaries.items() if summary is not None], contents


@pytest.mark.parametrize(
    ("what", "summaries", "contents"),
    [
        ("the sealed content key", [1, 3], [1, 3]),
        ("the content", [1, 2, 3], [1, 3]),
        ("the summary", [1, 3], [1, 2, 3]),
    ],
)
def test_spoils_no_other(
    house: TestAppliance, account: Account, what: str, summaries: list[int], contents: list[int]
) -> None:
    spoiled = house.appliance.handle.run(SPOIL[what], b"(\xb5/\xfdgarbage")
    if not spoiled:
        # There is no such key where nothing is sealed.
        assert what == "the sealed content key"
        assert account.mailbox.public_key is None
        assert readable(house, account) == ([1, 2, 3], [1, 2, 3])
        return
    if what == "the content" and account.mailbox.public_key is None:
        # Kept as it is, nothing tells that it was another; compressed, Zstandard does.
        house.appliance.handle.run(CODEC)
    assert readable(house, account) == (summaries, contents)


def test_with_the_codec_spoils_no_other(house: TestAppliance, account: Account) -> None:
    assert house.appliance.handle.run(CODEC)
    assert readable(house, account) == ([1, 2, 3], [1, 3])


def test_of_another_mailbox_is_not_read(house: TestAppliance) -> None:
    """Who can write to the database moves a row into a mailbox of his own, and still does not read it."""
    victim, thief = house.create("victim@box.test"), house.create("thief@box.test")
    house.deliver(victim.address)
    inbox = run(house.logins.login(thief.address, thief.secret))
    folder = run(inbox.folder(INBOX))
    assert house.appliance.handle.run("UPDATE entry SET folder_id = ?", folder.id)
    assert run(inbox.summaries(folder.id, [1])) == {1: None}
    with pytest.raises(MessageDamaged):
        run(inbox.content(folder.id, 1))
