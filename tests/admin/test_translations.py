"""The console in other languages: every text is there, and says as much as the original."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from gettext import GNUTranslations
from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.pofile import read_po

from tempmaild.errors import InvalidValue
from tempmaild_admin.forms.problems import reason_of
from tempmaild_admin.language import LANGUAGES

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

    from tests.admin.console import Browser, Console

ROOT = Path(__file__).parents[2]
CATALOGUES = ROOT / "admin/tempmaild_admin/translations"
OTHERS = sorted(LANGUAGES.keys() - {"en"})
TEMPLATES = ROOT / "admin/tempmaild_admin/templates"
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_NAMES = {"HTML", "HTTP", "UTC", "tempmaild"}
"""What is called so in every language."""
_PLACE = re.compile(r"%\(\w+\)[a-z]|%%")


def catalogue(folder: Path, language: str) -> Catalog:
    with (folder / language / "LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def texts(catalogue: Catalog) -> dict[str, list[tuple[str, str]]]:
    """Give by each original what translates what: a single text, or each form for one and for more."""
    found = {}
    for message in catalogue:
        if not message.id:
            continue
        if isinstance(message.id, str):
            found[message.id] = [(message.id, str(message.string))]
        else:
            assert isinstance(message.string, tuple)
            found[message.id[0]] = [(message.id[min(place, 1)], text) for place, text in enumerate(message.string)]
    return found


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do what `make translations` does, to copies of the catalogues."""
    folder = tmp_path_factory.mktemp("catalogues")
    shutil.copytree(CATALOGUES, folder / "translations")
    venv, binaries = f"VENV={folder}", f"BIN={Path(sys.executable).parent}"
    command = ["make", "-o", str(folder / ".installed-test"), "translations", venv, binaries]
    done = subprocess.run(
        [*command, f"CATALOGUES={folder / 'translations'}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "translations"


@pytest.mark.parametrize("language", OTHERS)
class TestCatalogue:
    def test_has_every_text_and_no_other(self, language: str, updated: Path) -> None:
        now, kept = texts(catalogue(updated, language)), texts(catalogue(CATALOGUES, language))
        assert len(now) > 500, "the texts are found"
        assert sorted(now.keys() - kept.keys()) == [], "run `make translations`, and translate these"
        assert sorted(kept.keys() - now.keys()) == [], "run `make translations`: nobody says these any more"

    def test_translates_everything(self, language: str) -> None:
        found = catalogue(CATALOGUES, language)
        assert [message.id for message in found if message.fuzzy and message.id] == []
        assert [one for one, pairs in texts(found).items() if not all(text.strip() for _, text in pairs)] == []

    def test_has_the_places_of_the_original(self, language: str) -> None:
        differ = [
            (original, text)
            for pairs in texts(catalogue(CATALOGUES, language)).values()
            for original, text in pairs
            if sorted(_PLACE.findall(original)) != sorted(_PLACE.findall(text))
        ]
        assert differ == []

    def test_begins_and_ends_as_the_original_does(self, language: str) -> None:
        """Else words run together, or a sentence has no end."""
        differ = [
            (original, text)
            for pairs in texts(catalogue(CATALOGUES, language)).values()
            for original, text in pairs
            if _edges(original) != _edges(text)
        ]
        assert differ == []

    def test_is_compiled(self, language: str) -> None:
        with (CATALOGUES / language / "LC_MESSAGES/messages.mo").open("rb") as file:
            compiled: dict[Any, str] = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        said = {pair[1] for pairs in texts(catalogue(CATALOGUES, language)).values() for pair in pairs}
        assert {text for key, text in compiled.items() if key} == said, "run `make translations`"


def _edges(text: str) -> tuple[bool, bool, bool]:
    return text[:1].isspace(), text[-1:].isspace(), text[-1:] in ".?!:…" and text[-1:] != "…"


def test_the_reader_chooses_the_language(console: Console) -> None:
    ann = console.as_("operator")
    assert "Bans" in ann.page("/bans/").text
    ann.submit("/profile/preferences", language="de")
    page = ann.page("/bans/")
    assert "Niemand ist gesperrt." in page.text
    assert '<html lang="de"' in ann.get("/bans/").text


def test_the_browser_chooses_the_language(console: Console) -> None:
    for wanted, expected in (("de-AT,de;q=0.9,en;q=0.8", "Anmelden"), ("fr,en;q=0.5", "Sign in")):
        assert expected in console.browser().get("/sign-in", headers={"Accept-Language": wanted}).text


@pytest.fixture
def german(console: Console) -> Browser:
    browser = console.as_("owner")
    browser.submit("/profile/preferences", language="de")
    return browser


def test_what_services_object_to_is_translated(german: Browser) -> None:
    page = german.submit("/bans/add", network="nowhere", seconds="1h")
    assert page.errors == {"network": "'nowhere' ist nicht ADRESSE/PRÄFIX und auch keine einzelne Adresse"}


def test_what_is_wrong_with_lines_of_a_list_is_translated(german: Browser) -> None:
    page = german.submit("/bans/import", text="nowhere\n{", seconds="1h")
    assert page.errors["text"] == (
        "Zeile 1: network: 'nowhere' ist nicht ADRESSE/PRÄFIX und auch keine einzelne Adresse; "
        "Zeile 2: line: das ist kein JSON-Objekt"
    )


def test_what_the_form_library_says_is_translated(german: Browser) -> None:
    assert german.submit("/bans/add", network="", seconds="1h").errors == {"network": "Dieses Feld wird benötigt."}


def test_what_the_settings_say_of_checks_is_translated(german: Browser) -> None:
    page = german.page("/domains/box.test/checks")
    assert "Ob DKIM-Signaturen geprüft werden." in page.text
    assert "Whether DKIM signatures are verified." not in page.text
    assert "das Wort none: nichts." in page.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidValue("name", "it is the address"), "es ist die Adresse"),
        (InvalidValue("n", "%(value)s is not %(only)s", value=1, only=2), "1 ist nicht 2"),
        (InvalidValue("file", "100 % of what nobody has translated"), "100 % of what nobody has translated"),
        (InvalidValue("file"), ""),
    ],
)
def test_reasons_are_translated_with_their_values(console: Console, error: InvalidValue, text: str) -> None:
    with console.app.test_request_context(headers={"Accept-Language": "de"}):
        assert reason_of(error) == text


def test_what_services_say_can_be_translated() -> None:
    """A template that is put together when it is needed is in no catalogue."""
    spec = spec_from_file_location("extract_texts", ROOT / "admin/extract_texts.py")
    assert spec
    assert spec.loader
    extract_texts = module_from_spec(spec)
    spec.loader.exec_module(extract_texts)
    found: list[ast.expr] = []
    for folder in ("core", "jobs", "service", "store"):
        for path in (ROOT / "tempmaild" / folder).rglob("*.py"):
            found += extract_texts.template_nodes(ast.parse(path.read_text()))
    assert len(found) > 100
    made = {ast.unparse(node) for node in found if not isinstance(node, ast.Constant)}
    # What is wrong with each line of a list is a template; what is wrong with a file, the command alone says.
    only_the_command = {made for made in made if "source" in made or "keys_beside" in made}
    assert made - only_the_command == {"'; '.join((f'%({name})s' for name in values))"}


class Bare(HTMLParser):
    """Collects what a template says without asking for a translation."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.texts += [
            value for name, value in attrs if value and name in {"alt", "aria-label", "placeholder", "title"}
        ]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._tag = ""

    def handle_data(self, data: str) -> None:
        # Commands and stylesheets are the same in every language.
        if self._tag not in {"code", "style"}:
            self.texts.append(data)


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_templates_say_nothing_that_cannot_be_translated(path: Path) -> None:
    bare = Bare()
    # What Jinja does is left out, with a mark in its place.
    bare.feed(_JINJA.sub("·", path.read_text()))
    bare.close()
    words = {word for text in bare.texts for word in re.findall(r"[^\W\d_]{2,}", text)}
    assert words <= _NAMES
