from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.furniture import Furnished, furnish
from tests.browser.site import PATIENCE, Site
from tests.needs import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

# Playwright keeps a loop of asyncio running, beside which no other test can run one: it ends with the tests here.


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    path = needs("chromium")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def furnished(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """A host that has been in use for a while, for tests that only look."""
    site = Site(tmp_path_factory.mktemp("furnished"), chromium, mail_log={"addresses": "shown"})
    try:
        yield Furnished(site, furnish(site))
    finally:
        site.close()


@pytest.fixture(scope="package")
def empty(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A host on which nothing has happened, for tests that only look."""
    site = Site(tmp_path_factory.mktemp("empty"), chromium)
    try:
        yield site
    finally:
        site.close()


@pytest.fixture
def site(chromium: Browser, tmp_path: Path) -> Iterator[Site]:
    """A host as it is after its first start, which trusts nobody."""
    site = Site(tmp_path, chromium, limits={"trusted_networks": []})
    try:
        yield site
        assert not site.problems
    finally:
        site.close()
