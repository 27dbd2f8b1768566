"""Pictures of the console for the documentation: `make pictures` takes them anew, into docs/images."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.browser.furniture import DOMAIN, furnish
from tests.browser.site import Site
from tests.needs import needs

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
LARGEST: Final = 150_000
"""Octets; the repository keeps every version of a picture."""
PICTURES: Final = {
    "overview": "/",
    "dns-records": f"/domains/{DOMAIN}/dns",
    "mailboxes": "/mailboxes/",
    "limits": "/limits/",
    "mail-log": "/mail-log/",
    "second-factor": "/profile/totp",
}
_SIZE: Final = {"width": 1200, "height": 760}


def main() -> None:
    """Take all of them."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs("chromium"))
        site = Site(Path(folder), browser, host={"name": "mx.example.org"}, mail_log={"addresses": "shown"})
        try:
            furnish(site)
            page = site.context("owner", color_scheme="light", viewport=_SIZE).new_page()
            for name, path in PICTURES.items():
                page.goto(path)
                page.screenshot(path=FOLDER / f"{name}.png")
                subprocess.run([needs("pngquant"), "--force", "--ext", ".png", FOLDER / f"{name}.png"], check=True)
        finally:
            site.close()
    if large := [path.name for path in FOLDER.glob("*.png") if path.stat().st_size > LARGEST]:
        sys.exit(f"larger than {LARGEST} octets: {large}")


if __name__ == "__main__":
    main()
