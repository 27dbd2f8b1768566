"""How findings are told on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.health import Finding
from tempmaild_admin.health_words import advised, part, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.admin.console import Console


def said(console: Console, what: Callable[[Finding], str], finding: Finding, language: str) -> str:
    with console.app.test_request_context(headers={"Accept-Language": language}):
        return what(finding)


@pytest.mark.parametrize(
    ("name", "english", "german"),
    [
        ("disk", "disk", "Platte"),
        ("listener smtp", "listener smtp", "Port smtp"),
        ("schedule disk", "schedule disk", "Zeitplan disk"),
        ("checking processes", "checking processes", "prüfende Prozesse"),
        ("clamd", "clamd", "clamd"),
        ("schedule 100 %(name)s", "schedule 100 %(name)s", "Zeitplan 100 %(name)s"),
        ("moon", "moon", "moon"),
        ("moon phase", "moon phase", "moon phase"),
        ("disk moon", "disk moon", "disk moon"),
    ],
)
def test_parts_are_named(console: Console, name: str, english: str, german: str) -> None:
    finding = Finding(name, "fine", "")
    assert said(console, part, finding, "en") == english
    assert said(console, part, finding, "de") == german


def test_findings_are_told_with_their_values(console: Console) -> None:
    finding = Finding(
        "certificate", "warning", "It expires in %(span)s.", "look at %(path)s", {"span": "9 days", "path": "2 days"}
    )
    assert said(console, told, finding, "en") == "It expires in 9 days."
    assert said(console, told, finding, "de") == "Läuft ab; Restzeit: 9 Tage."
    file = Finding(
        "disk", "problem", "%(path)s cannot be looked at: %(error)s", "", {"path": "/var", "error": "2 gods"}
    )
    assert said(console, told, file, "de") == "/var lässt sich nicht ansehen: 2 gods"
    assert said(console, advised, file, "de") == ""


def test_what_nobody_has_translated_is_told_as_it_is(console: Console) -> None:
    finding = Finding("moon", "problem", "It is %(far)s away.", "fetch it", {"far": 7})
    assert said(console, told, finding, "de") == "It is 7 away."
    assert said(console, advised, finding, "de") == "fetch it"
