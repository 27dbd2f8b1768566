"""`tempmaild block`."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from tests import test_cli

if TYPE_CHECKING:
    from pathlib import Path

House = test_cli.House
tempmaild = test_cli.tempmaild
"""The fixture."""


def test_rules_are_added_listed_and_removed(tempmaild: House) -> None:
    assert tempmaild.done("block", "list") == ""
    added = tempmaild.done(
        "block",
        "add",
        "domain",
        "Example.ORG",
        "--action",
        "junk",
        "--domain",
        "Box.Test",
        "--for",
        "2d",
        "--note",
        "spam",
    )
    assert re.fullmatch(rf"junk domain example\.org to box\.test until {test_cli._TIME} \(spam\)\n", added)
    assert tempmaild.done("block", "add", "network", "192.0.2.0/24") == "refuse network 192.0.2.0/24\n"
    domain, network = tempmaild.objects("block", "list")
    assert domain["created_at"][:10] < domain["until"][:10]
    assert network == {
        "kind": "network",
        "subject": "192.0.2.0/24",
        "action": "refuse",
        "domain": "",
        "note": "",
        "until": "",
        "created_at": network["created_at"],
    }
    assert tempmaild.done("block", "list") == added + "refuse network 192.0.2.0/24\n"
    assert tempmaild.done("block", "remove", "network", "192.0.2.0/24") == "network 192.0.2.0/24 removed\n"
    tempmaild.done("block", "remove", "domain", "example.org", "--domain", "box.test")
    assert tempmaild.objects("block", "list") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "domain", "no domain"), "a value is impossible (subject: 'no domain' is no name of a domain)"),
        (
            ("add", "network", "192.0.2.1/24"),
            "(network: '192.0.2.1/24' goes on after its prefix: write 192.0.2.0/24)",
        ),
        (("remove", "helo", "ylmf-pc"), "there is no such rule (helo ylmf-pc)"),
        (("remove", "helo", "ylmf-pc", "--domain", "box.test"), "there is no such rule (helo ylmf-pc for box.test)"),
        (("import", "/nowhere/at-all"), "a value is impossible (file: [Errno 2] No such file"),
    ],
)
def test_what_is_wrong_is_said(tempmaild: House, arguments: tuple[str, ...], said: str) -> None:
    assert said in tempmaild.refused("block", *arguments)


def test_what_is_exported_can_be_imported(tempmaild: House, tmp_path: Path) -> None:
    tempmaild.done("block", "add", "address", "joe@example.org", "--action", "allow", "--note", 'say "hello"')
    tempmaild.done("block", "add", "helo", "[192.0.2.1]", "--for", "1h", "--domain", "*.box.test")
    exported = tempmaild.done("block", "export")
    file = tmp_path / "rules"
    file.write_text(exported)
    for kind, subject in (("address", "joe@example.org"), ("helo", "[192.0.2.1]")):
        tempmaild.done("block", "remove", kind, subject, *(("--domain", "*.box.test") if kind == "helo" else ()))
    assert tempmaild.done("block", "import", str(file)) == "2 rules imported\n"
    assert tempmaild.done("block", "export") == exported


def test_plain_lists_are_imported(tempmaild: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("# a list\n\nexample.org \nEXAMPLE.net\n"))
    arguments = ("--kind", "domain", "--action", "junk", "--domain", "box.test")
    assert tempmaild.done("block", "import", "-", *arguments) == "2 rules imported\n"
    assert tempmaild.done("block", "list") == (
        "junk domain example.net to box.test\njunk domain example.org to box.test\n"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("example.org", "line 2: line: it is no JSON object; for a list of plain names say their kind"),
        ("{", "line 2: line: it is no JSON object"),
        ("[" * 5000, "line 2: line: it is no JSON object"),
        ('{"a":' * 5000, "line 2: line: it is no JSON object"),
        ("{}", "line 2: line: a rule has kind and subject, and perhaps others of: kind, subject, action, domain"),
        ('{"kind": "helo", "subject": "a", "color": "red"}', "line 2: line: a rule has kind and subject"),
        ('{"kind": "helo", "subject": 1}', "line 2: line: all values are text in quotes"),
        ('{"kind": [], "subject": "a"}', "line 2: line: all values are text in quotes"),
        ('{"kind": "country", "subject": "a"}', "line 2: kind: 'country' is not one of address, domain"),
        ('{"kind": "helo", "subject": "a", "until": "soon"}', "line 2: until: 'soon' is not a time such as"),
        ('{"kind": "helo", "subject": "two words"}', "line 2: subject: 'two words' is nothing that a client can"),
    ],
)
def test_a_bad_line_is_named_and_nothing_imported(tempmaild: House, tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "rules"
    file.write_text('{"kind": "domain", "subject": "example.org"}\n' + line + "\n")
    assert said in tempmaild.refused("block", "import", str(file))
    assert tempmaild.objects("block", "list") == []


def test_so_many_bad_lines_are_named(tempmaild: House, tmp_path: Path) -> None:
    file = tmp_path / "rules"
    file.write_bytes(b"no domain \xff\n" * 100)
    said = tempmaild.refused("block", "import", str(file), "--kind", "domain")
    assert said.count("is no name of a domain") == 20
