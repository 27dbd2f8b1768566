"""What the owner of a destroyed mailbox can prove, and what an old backup does not bring back."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core import receipt as receipts
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.errors import InvalidValue, NoSuchMailbox, NoSuchReceipt, WrongCredentials
from tempmaild.settings import Settings
from tempmaild.store.backup import back_up, dump_command
from tests.needs import needs
from tests.support import LIFETIME, MESSAGE, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.service.mailboxes import NewMailbox
    from tests.postgres import Postgres
    from tests.support import TestAppliance


def make(house: TestAppliance, address: str = "joe@box.test") -> NewMailbox:
    return run(house.mailboxes.create(address, Lifetime(LIFETIME)))


class TestReceipts:
    def test_are_for_who_has_the_id(self, house: TestAppliance) -> None:
        new = make(house)
        house.deliver("joe@box.test")
        for receipt_id in (new.receipt_id, new.secret, "", "no id"):
            with pytest.raises(NoSuchReceipt) as refused:
                run(house.appliance.receipts.get(receipt_id))
            assert not receipt_id or receipt_id not in str(refused.value)
        run(house.mailboxes.destroy(new.mailbox, "owner"))
        receipt = receipts.from_text(run(house.appliance.receipts.get(new.receipt_id.upper())))
        receipts.check(receipt)
        receipts.check_subject(receipt, new.receipt_id, "joe@box.test")
        assert receipt.messages == 1
        run(house.appliance.audit.confirm(receipt))

    def test_are_issued_when_the_time_is_over(self, house: TestAppliance) -> None:
        first, second = make(house), make(house, "ann@box.test")
        house.clock.now += LIFETIME
        assert run(house.mailboxes.purge("sweep")).mailboxes == 2
        for new in (first, second):
            run(house.appliance.audit.confirm(receipts.from_text(run(house.appliance.receipts.get(new.receipt_id)))))
        assert run(house.appliance.audit.verify()).problem == ""

    def test_that_were_changed_are_not_confirmed(self, house: TestAppliance) -> None:
        new = make(house)
        run(house.mailboxes.destroy(new.mailbox))
        text = run(house.appliance.receipts.get(new.receipt_id)).replace('"messages":0', '"messages":1')
        with pytest.raises(InvalidValue, match="changed"):
            run(house.appliance.audit.confirm(receipts.from_text(text)))

    def test_of_two_mailboxes_with_one_address_are_two(self, house: TestAppliance) -> None:
        first = make(house)
        run(house.mailboxes.destroy(first.mailbox))
        house.clock.now += 40 * 86_400
        second = make(house)
        run(house.mailboxes.destroy(second.mailbox))
        found = [receipts.from_text(run(house.appliance.receipts.get(new.receipt_id))) for new in (first, second)]
        assert found[0].mailbox != found[1].mailbox
        with pytest.raises(InvalidValue):
            receipts.check_subject(found[0], second.receipt_id, "joe@box.test")


class Restored:
    """A house that is taken down, and stands again on what a backup had."""

    def __init__(self, house: TestAppliance, url: str) -> None:
        settings = Settings.model_validate(
            {"host": {"name": "mx.box.test", "state": house.state}, "store": {"url": url}}
        )
        self.appliance = open_appliance(settings, clock=house.clock)

    def is_refused(self, new: NewMailbox) -> bool:
        """Whether the right secret is answered as a wrong one is."""
        with pytest.raises(WrongCredentials) as wrong:
            run(self.appliance.logins.login(new.mailbox.address, "0" * 26))
        try:
            run(self.appliance.logins.login(new.mailbox.address, new.secret))
        except WrongCredentials as right:
            return type(right) is type(wrong.value)
        return False


def content(appliance: Appliance, new: NewMailbox) -> bytes | None:
    async def read() -> bytes | None:
        inbox = await appliance.logins.login(new.mailbox.address, new.secret)
        try:
            return await inbox.content((await inbox.folder(INBOX)).id, 1)
        finally:
            inbox.close()

    return run(read())


class TestSqliteBackup:
    @pytest.fixture
    def database_url(self) -> str:
        return ""

    @pytest.fixture
    def new(self, house: TestAppliance) -> NewMailbox:
        new = make(house)
        house.deliver("joe@box.test")
        return new

    def restore(self, house: TestAppliance, backup: Path) -> Restored:
        house.close()
        for name in ("tempmaild.db-wal", "tempmaild.db-shm"):
            (house.state / name).unlink(missing_ok=True)
        shutil.copy(backup, house.state / "tempmaild.db")
        return Restored(house, "")

    def test_without_keys_does_not_open_what_was_destroyed(
        self, house: TestAppliance, new: NewMailbox, tmp_path: Path
    ) -> None:
        back_up(house.appliance.handle, tmp_path / "backup")
        uid_validity = run(run(house.logins.login("joe@box.test", new.secret)).folder(INBOX)).uid_validity
        run(house.mailboxes.destroy(new.mailbox))
        house.clock.now += 60
        restored = self.restore(house, tmp_path / "backup")
        appliance = restored.appliance
        assert appliance.handle.row("SELECT count(*) FROM entry") == (1,)
        assert restored.is_refused(new)
        (now,) = appliance.handle.row("SELECT min(uid_validity) FROM folder") or (0,)
        assert now > uid_validity
        # It is destroyed in its time, and there is a receipt of that.
        assert run(appliance.mailboxes.purge("sweep")).mailboxes == 0
        house.clock.now += LIFETIME
        assert run(appliance.mailboxes.purge("sweep")).mailboxes == 1
        with pytest.raises(NoSuchMailbox):
            run(appliance.mailboxes.find("joe@box.test"))
        receipt = receipts.from_text(run(appliance.receipts.get(new.receipt_id)))
        run(appliance.audit.confirm(receipt))
        assert [row.action for row in appliance.audit.rows()].count("restore") == 1
        appliance.handle.close()

    def test_without_keys_opens_what_still_lives_here(
        self, house: TestAppliance, new: NewMailbox, tmp_path: Path
    ) -> None:
        back_up(house.appliance.handle, tmp_path / "backup")
        restored = self.restore(house, tmp_path / "backup")
        assert content(restored.appliance, new) == MESSAGE
        restored.appliance.handle.close()

    def test_without_keys_opens_nothing_elsewhere(
        self, house: TestAppliance, new: NewMailbox, tmp_path: Path
    ) -> None:
        back_up(house.appliance.handle, tmp_path / "backup")
        house.close()
        for path in house.state.glob("keys.db*"):
            path.unlink()
        restored = self.restore(house, tmp_path / "backup")
        assert restored.is_refused(new)
        restored.appliance.handle.close()

    def test_with_keys_opens_everything(self, house: TestAppliance, new: NewMailbox, tmp_path: Path) -> None:
        back_up(house.appliance.handle, tmp_path / "backup", tmp_path / "backup-keys")
        run(house.mailboxes.destroy(new.mailbox))
        house.close()
        for path in house.state.glob("keys.db*"):
            path.unlink()
        shutil.copy(tmp_path / "backup-keys", house.state / "keys.db")
        restored = self.restore(house, tmp_path / "backup")
        assert content(restored.appliance, new) == MESSAGE
        restored.appliance.handle.close()


class TestPostgresDump:
    @pytest.fixture
    def database_url(self, postgres_url: str) -> str:
        return postgres_url

    def test_does_not_open_what_was_destroyed(
        self, postgres: Postgres, postgres_url: str, house: TestAppliance, tmp_path: Path
    ) -> None:
        new = make(house)
        house.deliver("joe@box.test")
        program, *arguments = shlex.split(dump_command(postgres_url, tmp_path / "dump"))
        subprocess.run([needs(program), *arguments], check=True, timeout=60)
        run(house.mailboxes.destroy(new.mailbox))
        url = postgres.create(migrated=False)
        subprocess.run(
            [needs("pg_restore"), "--no-owner", f"--dbname={url}", tmp_path / "dump"], check=True, timeout=60
        )
        mark = "INSERT INTO counter (name, value) VALUES ('restored', 1)"
        subprocess.run([needs("psql"), "--quiet", f"--dbname={url}", f"--command={mark}"], check=True, timeout=60)
        house.clock.now += 60
        restored = Restored(house, url)
        try:
            assert restored.appliance.handle.row("SELECT count(*) FROM entry") == (1,)
            assert restored.is_refused(new)
            uid_validities = restored.appliance.handle.row("SELECT min(uid_validity) FROM folder")
            assert uid_validities == (int(house.clock.now),)
            assert run(restored.appliance.audit.verify()).problem == ""
            house.clock.now += LIFETIME
            assert run(restored.appliance.mailboxes.purge("sweep")).mailboxes == 1
        finally:
            restored.appliance.handle.close()
            postgres.drop(url)
