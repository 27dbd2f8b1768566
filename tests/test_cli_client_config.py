"""`tempmaild client-config`."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tempmaild.core.client_config import FORMATS
from tests import test_cli

if TYPE_CHECKING:
    from pathlib import Path

House = test_cli.House
tempmaild = test_cli.tempmaild
with_domain = test_cli.with_domain
"""The fixtures."""

_RECORD = "_imap._tcp.box.test. IN SRV 0 0 143 mx.box.test.\n"


class TestClientConfig:
    @pytest.mark.parametrize("form", FORMATS)
    def test_has_no_secret_and_is_the_same_for_a_mailbox_that_is_not_there(
        self, with_domain: House, form: str
    ) -> None:
        before = with_domain.done("client-config", "joe@box.test", "--format", form)
        (new,) = with_domain.objects("mailbox", "create", "joe@box.test")
        assert with_domain.done("client-config", "joe@box.test", "--format", form) == before
        assert new["secret"] not in before

    def test_brings_the_address_into_its_form(self, tempmaild: House) -> None:
        tempmaild.done("domain", "add", "bücher.test")
        profile = plistlib.loads(
            tempmaild.done("client-config", "KÄTHE@Bücher.TEST", "--format", "mobileconfig").encode()
        )
        assert profile["PayloadContent"][0]["IncomingMailServerUsername"] == "käthe@xn--bcher-kva.test"
        assert profile["PayloadDisplayName"] == "käthe@bücher.test"

    def test_knows_the_names_below_a_wildcard(self, tempmaild: House) -> None:
        tempmaild.done("domain", "add", "*.box.test")
        printed = tempmaild.done("client-config", "joe@one.box.test", "--format", "srv")
        assert "_imap._tcp.one.box.test. IN SRV 0 0 143 mx.box.test.\n" in printed

    def test_is_written_to_a_file(self, with_domain: House, tmp_path: Path) -> None:
        target = tmp_path / "autoconfig.xml"
        assert (
            with_domain.done("client-config", "joe@box.test", "--format", "autoconfig", "--output", str(target)) == ""
        )
        assert ElementTree.parse(target).getroot().tag == "clientConfig"

    def test_follows_the_settings(self, with_domain: House) -> None:
        assert _RECORD in with_domain.done("client-config", "joe@box.test", "--format", "srv")
        with with_domain.config.open("a") as config:
            config.write('[imap]\nlisten = ["[::]:1143"]\n')
        moved = with_domain.done("client-config", "joe@box.test", "--format", "srv")
        assert _RECORD.replace("143", "1143") in moved

    def test_is_refused(self, with_domain: House, tmp_path: Path) -> None:
        said = with_domain.refused("client-config", "joe@elsewhere.test", "--format", "srv")
        assert said == "the domain is not one of ours (elsewhere.test)"
        said = with_domain.refused("client-config", "joe", "--format", "srv")
        assert said == "the text is no address that a mailbox or a domain can have ('joe' has no domain)"
        output = str(tmp_path / "no folder" / "file")
        said = with_domain.refused("client-config", "joe@box.test", "--format", "srv", "--output", output)
        assert said.startswith("a value is impossible (output: it cannot be written: ")
        with with_domain.config.open("a") as config:
            config.write("[imap]\nlisten = []\n[pop3]\nlisten = []\n")
        said = with_domain.refused("client-config", "joe@box.test", "--format", "srv")
        assert said.startswith("a value is impossible (imap.listen: neither IMAP nor POP3 ")

    def test_is_not_understood(self, with_domain: House) -> None:
        for wrong in (["joe@box.test"], ["joe@box.test", "--format", "outlook"], ["--format", "srv"]):
            with_domain("client-config", *wrong)
            assert with_domain.code == 2
