"""`tempmaild audit`, `receipt`, `verify-receipt` and `backup`."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tempmaild.appliance import open_appliance
from tempmaild.settings import load
from tests import test_cli
from tests.store.test_audit import allow_anything

if TYPE_CHECKING:
    from pathlib import Path

House = test_cli.House
tempmaild = test_cli.tempmaild
with_domain = test_cli.with_domain
"""The fixtures."""


class Destroyed:
    """A mailbox that was destroyed, and the files with which its owner proves it."""

    def __init__(self, house: House, folder: Path) -> None:
        (new,) = house.objects("mailbox", "create", "joe@box.test")
        self.receipt_id: str = new["receipt_id"]
        house.done("mailbox", "destroy", "joe@box.test")
        self.text = house.done("receipt", "get", self.receipt_id)
        self.file = folder / "receipt.json"
        self.file.write_text(self.text)
        self.key = house.done("receipt", "key").strip()

    def change(self, **values: Any) -> None:
        self.file.write_text(json.dumps(json.loads(self.text) | values))


@pytest.fixture
def destroyed(with_domain: House, tmp_path: Path) -> Destroyed:
    return Destroyed(with_domain, tmp_path)


class TestReceipt:
    def test_is_promised_when_a_mailbox_is_made(self, with_domain: House) -> None:
        printed = with_domain.done("mailbox", "create", "joe@box.test")
        found = re.search(rf"^receipt   ({test_cli._SECRET})    \(.*shown only now\)$", printed, re.MULTILINE)
        assert found
        refused = with_domain.refused("receipt", "get", found[1])
        assert refused.startswith("there is no receipt of this id: ")
        assert found[1] not in refused

    def test_is_verified(self, with_domain: House, destroyed: Destroyed, tmp_path: Path) -> None:
        key_file = tmp_path / "key"
        key_file.write_text(f"{destroyed.key}\n")
        said = json.loads(destroyed.text)
        for key in (destroyed.key, str(key_file)):
            printed = with_domain.done("verify-receipt", str(destroyed.file), "--key", key)
            assert f"\nmessages  0\ndestroyed {said['destroyed_at']}\n" in printed
            assert printed.endswith(f"\nkey       {destroyed.key}\n")
        # It says what it could not know.
        assert "compare it with the key" in with_domain.done("verify-receipt", str(destroyed.file))

    def test_is_verified_without_any_database(self, with_domain: House, destroyed: Destroyed, tmp_path: Path) -> None:
        with_domain.config.write_text(f'[host]\nstate = "{tmp_path}/elsewhere"\n')
        with_domain.done("verify-receipt", str(destroyed.file), "--key", destroyed.key)
        assert not (tmp_path / "elsewhere").exists()

    def test_is_of_one_mailbox(self, with_domain: House, destroyed: Destroyed) -> None:
        verify = ("verify-receipt", str(destroyed.file), "--receipt-id", destroyed.receipt_id)
        assert "(that of this receipt id and address)" in with_domain.done(*verify, "--address", "Joe@Box.test")
        assert "about another mailbox" in with_domain.refused(*verify, "--address", "ann@box.test")
        assert "cannot name a mailbox" in with_domain.refused(*verify, "--address", "a b@box.test")
        assert "checked together" in with_domain.refused(*verify)

    def test_that_is_wrong_is_refused(self, with_domain: House, destroyed: Destroyed, tmp_path: Path) -> None:
        verify = ("verify-receipt", str(destroyed.file))
        assert "another key" in with_domain.refused(*verify, "--key", "ab" * 32)
        for key in ("ab", str(tmp_path / "missing"), str(destroyed.file), "a\0b"):
            assert "proves nothing: " in with_domain.refused(*verify, "--key", key)
        destroyed.change(messages=1)
        assert "changed, or is forged" in with_domain.refused(*verify, "--key", destroyed.key)
        destroyed.file.write_text(destroyed.text[:100])
        assert "not the whole of one" in with_domain.refused(*verify)
        destroyed.file.write_bytes(b"\xff\x00garbage")
        assert "it is no receipt" in with_domain.refused(*verify)
        assert "more than" in with_domain.refused("verify-receipt", "/dev/zero")
        assert "cannot be read" in with_domain.refused("verify-receipt", str(tmp_path))


class TestAudit:
    def test_is_listed(self, with_domain: House, destroyed: Destroyed) -> None:
        assert [row["action"] for row in with_domain.objects("audit", "list")] == [
            "domain-add",
            "signing-key",
            "mailbox-destroy",
        ]
        (row,) = with_domain.objects("audit", "list", "--action", "mailbox-destroy")
        said = json.loads(destroyed.text)
        assert row == {
            "row": 3,
            "at": said["destroyed_at"],
            "actor": "operator",
            "action": "mailbox-destroy",
            "subject": said["mailbox"],
            "details": {"messages": 0},
            "digest": said["audit_digest"],
        }
        (line,) = with_domain.done("audit", "list", "--action", "mailbox-destroy").splitlines()
        assert line == f'3  {said["destroyed_at"]}  operator  mailbox-destroy  {said["mailbox"]}  {{"messages":0}}'
        assert with_domain.done("audit", "list", "--since", "2100-01-01") == ""
        assert len(with_domain.done("audit", "list", "--since", "2020-01-01").splitlines()) == 3

    def test_is_verified(self, with_domain: House, destroyed: Destroyed) -> None:
        digest = json.loads(destroyed.text)["audit_digest"]
        in_order = f"3 rows in order, the last one's digest is {digest}\n"
        assert with_domain.done("audit", "verify") == in_order
        file = str(destroyed.file)
        assert with_domain.done("audit", "verify", "--receipt", file, file) == in_order + f"{file} is confirmed\n" * 2

    def test_does_not_confirm_what_is_forged(self, with_domain: House, destroyed: Destroyed, tmp_path: Path) -> None:
        good = tmp_path / "good.json"
        good.write_text(destroyed.text)
        destroyed.change(messages=5)
        printed = with_domain("audit", "verify", "--receipt", str(destroyed.file), str(good))
        assert with_domain.code == 1
        assert f"{good} is confirmed\n" in printed
        assert with_domain.errors.startswith(f"tempmaild: {destroyed.file} is not confirmed: its signature")

    @pytest.mark.usefixtures("destroyed")
    def test_names_the_first_broken_row(self, with_domain: House) -> None:
        with closing(open_appliance(load(with_domain.config, {})).handle) as handle:
            allow_anything(handle)
            handle.run("UPDATE audit SET actor = 'nobody' WHERE id = 2")
        assert with_domain("audit", "verify").startswith("1 row in order, ")
        assert with_domain.code == 1
        assert with_domain.errors == "tempmaild: row 2 is broken: its digest is not of its content\n"

    @pytest.mark.usefixtures("destroyed")
    def test_shows_a_row_that_somebody_has_meddled_with(self, with_domain: House) -> None:
        with closing(open_appliance(load(with_domain.config, {})).handle) as handle:
            allow_anything(handle)
            handle.run("UPDATE audit SET details = '{broken' WHERE id = 2")
        rows = with_domain.objects("audit", "list")
        assert [row["details"] for row in rows if row["row"] == 2] == ["{broken"]


class TestBackup:
    def test_is_written(self, with_domain: House, tmp_path: Path) -> None:
        target, keys = tmp_path / "backup.db", tmp_path / "keys"
        assert with_domain.done("backup", str(target)) == f"{target} written, without the keys of sealed mailboxes\n"
        assert "not overwritten" in with_domain.refused("backup", str(target), "--with-keys", str(keys))
        assert not keys.exists()
        target.unlink()
        assert f"{target} and {keys} written" in with_domain.done("backup", str(target), "--with-keys", str(keys))
        assert [row["details"] for row in with_domain.objects("audit", "list", "--action", "backup")] == [
            {"with_keys": False},
            {"with_keys": True},
        ]

    def test_of_a_folder_is_kept_for_a_time(self, with_domain: House, tmp_path: Path) -> None:
        folder = tmp_path / "backups"
        folder.mkdir()
        old = [folder / f"tempmaild-2020010{day}T000000Z.db" for day in (1, 2)]
        for path in old:
            path.touch()
        printed = with_domain.done("backup", "--folder", str(folder), "--keep", "7d")
        (new,) = folder.iterdir()
        assert printed == "\n".join(
            [f"{new} written, without the keys of sealed mailboxes", *(f"{path} removed" for path in old), ""]
        )

    def test_goes_to_a_file_or_to_a_folder(self, with_domain: House, tmp_path: Path) -> None:
        name = str(tmp_path / "a")
        assert "name either" in with_domain.refused("backup")
        assert "name either" in with_domain.refused("backup", name, "--folder", name)
        assert "for --folder alone" in with_domain.refused("backup", name, "--keep", "7d")
        (tmp_path / "file").touch()
        assert "cannot make" in with_domain.refused("backup", "--folder", str(tmp_path / "file" / "folder"))

    def test_is_gone_back_to(self, with_domain: House, tmp_path: Path) -> None:
        target = tmp_path / "backup.db"
        with_domain.done("mailbox", "create", "joe@box.test")
        with_domain.done("mailbox", "create", "ann@box.test")
        with_domain.done("backup", str(target))
        with_domain.done("mailbox", "destroy", "joe@box.test")
        with_domain.done("mailbox", "create", "eve@box.test")
        printed = with_domain.done("restore", str(target))
        assert f"{target} restored; 1 mailbox that has ended since was destroyed again\n" in printed
        assert "before-restore.db for a day" in printed
        assert [box["address"] for box in with_domain.objects("mailbox", "list")] == ["ann@box.test"]
        assert "no such file" in with_domain.refused("restore", str(tmp_path / "missing"))

    def test_of_postgresql_is_its_own_business(self, tempmaild: House, postgres_url: str, tmp_path: Path) -> None:
        with tempmaild.config.open("a") as config:
            config.write(f"[store]\nurl = {json.dumps(postgres_url)}\n")
        target = tmp_path / "dump"
        said, command = tempmaild.refused("backup", str(target)).splitlines()
        assert said == "PostgreSQL is backed up with its own program:"
        *words, url = shlex.split(command)
        assert words == ["pg_dump", "--format=custom", "--exclude-schema=keys", f"--file={target}"]
        psycopg.connect(url).close()
        assert not target.exists()
        assert "docs/proof.md" in tempmaild.refused("restore", str(target))
