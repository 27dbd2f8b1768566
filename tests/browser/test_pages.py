"""Every page as it is seen: light and dark, on a desk and on a phone; pictures of it go to TESTS_SCREENSHOTS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from tempmaild_admin import create_app
from tests.browser.gallery import EMPTY, NO_PAGES, VIEWS
from tests.browser.site import DESKTOP, PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.furniture import Furnished
    from tests.browser.gallery import View
    from tests.browser.site import Site

_FOLDER = os.environ.get("TESTS_SCREENSHOTS")
_TELLING = {("desktop", "light"), ("phone", "dark")}
_GRAVE = {"serious", "critical"}


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Where pictures go."""
    folder = Path(_FOLDER) if _FOLDER else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.title)
def test_a_page(view: View, furnished: Furnished, album: Path) -> None:
    look(view, furnished.site, furnished.ids, album)


@pytest.mark.parametrize("view", EMPTY, ids=lambda view: view.title)
def test_an_empty_page(view: View, empty: Site, album: Path) -> None:
    look(view, empty, {}, album)


def test_every_page_is_looked_at(empty: Site) -> None:
    app = create_app(empty.daemon.settings, empty.appliance, b"k" * 32)
    answering = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.endpoint.endswith("static")
    }
    assert answering - NO_PAGES == {view.endpoint for view in VIEWS if view.endpoint}


def look(view: View, site: Site, ids: dict[str, str], album: Path) -> None:
    """Open a page, take its pictures, and see that nothing is wrong with it."""
    before = len(site.problems)
    verified = view.who != "half"
    context = site.context(view.role, verified, color_scheme="light", locale=view.language)
    page = context.new_page()
    answer = page.goto(view.path.format_map(ids))
    assert answer is not None
    assert answer.status == view.status
    if view.act:
        view.act(page)
    found = []
    for device, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(viewport)  # type: ignore[arg-type] # a dictionary of the same shape
        for colours in ("light", "dark"):
            # Half of the four show all colours and all arrangements.
            is_telling = (device, colours) in _TELLING
            if not is_telling and not _FOLDER:
                continue
            page.emulate_media(color_scheme=colours)
            page.screenshot(path=album / f"{view.title}-{device}-{colours}.png", full_page=True)
            if is_telling:
                found += [f"{device}, {colours}: {problem}" for problem in barriers(page)]
        if wide := page.evaluate(_TOO_WIDE):
            found.append(f"{device}: wider than the screen: {wide}")
    context.close()
    assert not found
    assert not site.problems[before:]


_TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > width + 1)
    .filter((element) => !element.closest(".table-responsive, pre"))
    .map((element) => element.outerHTML.slice(0, 120));
}"""


def barriers(page: Page) -> list[str]:
    """Give what axe finds that keeps people out."""
    answer = Axe().run(page, options={"resultTypes": ["violations"], "iframes": False})
    return [
        f"{violation['id']} ({violation['impact']}): {[node['html'][:200] for node in violation['nodes'][:5]]}"
        for violation in answer.response["violations"]
        if violation["impact"] in _GRAVE
    ]
