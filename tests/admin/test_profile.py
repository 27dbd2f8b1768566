"""What people change of themselves by a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from pyotp import TOTP

from tempmaild.core import secret as secrets
from tests.admin.console import Console
from tests.support import run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.person import Person
    from tempmaild.core.secret import Keys
    from tests.admin.console import Browser
    from tests.admin.pages import Page

PASSWORD, OTHER = "nine lives of tea", "seven seas of rye"
NOT_YOURS = "it is not your password"


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys(password: str, salt: bytes) -> Keys:
        return secrets.Keys(salt + secrets.prepared(password).encode("utf-8", "surrogatepass"))

    monkeypatch.setattr(secrets, "keys_of_password", keys)


def ann(console: Console) -> Person:
    return run(console.appliance.people.get("ann"))


@pytest.fixture
def browser(console: Console) -> Browser:
    run(console.appliance.people.add("ann", "viewer", PASSWORD))
    return console.as_person(ann(console))


def secret(page: Page) -> str:
    (found,) = re.findall(r"\b[A-Z2-7]{32}\b", page.text)
    assert isinstance(found, str)
    return found


def set_up(console: Console, browser: Browser, password: str = PASSWORD) -> Page:
    code = TOTP(secret(browser.page("/profile/totp"))).at(int(console.clock.now))
    return browser.submit("/profile/totp", code=code, current=password)


def test_what_it_shows(browser: Browser) -> None:
    page = browser.page("/profile/")
    assert page.unclosed == []
    assert page.headings == ["h1", "h2", "h2", "h2"]
    assert "Whoever learns your password can sign in." in page.text
    assert "127.0.0.1 pytest" in page.text
    assert "here" in page.text
    assert "End" not in page.text.split()


def test_pages_are_as_one_wants_them(console: Console, browser: Browser) -> None:
    page = browser.submit("/profile/preferences", zone="Europe/Vienna", language="de", theme="dark")
    assert page.url == "/profile/"
    assert (ann(console).zone, ann(console).language, ann(console).theme) == ("Europe/Vienna", "de", "dark")
    answer = browser.get("/profile/")
    assert 'data-bs-theme="dark"' in answer.text
    assert '<html lang="de"' in answer.text
    form = browser.page("/profile/preferences").form()
    assert form.fields["zone"] == ["Europe/Vienna"]
    for field, value in (("zone", "Europe/Nowhere"), ("language", "xx"), ("theme", "pink")):
        assert field in browser.submit("/profile/preferences", **{field: value}).errors


def test_the_password_is_changed(console: Console, browser: Browser) -> None:
    other = console.as_person(ann(console))
    for current, new, again, errors in (
        (OTHER, OTHER, OTHER, {"current": NOT_YOURS}),
        (PASSWORD, "short", "short", {"password": "it has not 12 to 256 characters"}),
        (PASSWORD, OTHER, PASSWORD, {"again": "This is not the same."}),
    ):
        assert browser.submit("/profile/password", current=current, password=new, again=again).errors == errors
    assert console.audited("password-change") == []
    page = browser.submit("/profile/password", current=PASSWORD, password=OTHER, again=OTHER)
    assert "You have another password now" in page.text
    assert console.audited("password-change") == [("ann", "ann")]
    assert other.get("/").status_code == 302
    assert browser.page("/")


def test_a_second_factor_is_set_up(console: Console, browser: Browser) -> None:
    other = console.as_person(ann(console))
    page = browser.page("/profile/totp")
    assert page.unclosed == []
    assert browser.submit("/profile/totp", code="000000", current=PASSWORD).errors == {
        "code": "it is not what an authenticator shows now; see that its clock is right"
    }
    assert set_up(console, browser, OTHER).errors == {"current": NOT_YOURS}
    assert secret(browser.page("/profile/totp")) == secret(page)
    codes = re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", set_up(console, browser).text)
    assert len(codes) == 10
    assert ann(console).has_totp
    assert other.get("/").status_code == 302
    page = browser.page("/profile/")
    assert "Recovery codes left 10" in page.text
    assert codes[0] not in page.text
    assert console.audited("totp-set") == [("ann", "ann")]
    fresh = console.browser()
    fresh.submit("/sign-in", name="ann", password=PASSWORD)
    assert fresh.submit("/sign-in/code", code=codes[0]).url == "/"


def test_the_picture_for_authenticators(browser: Browser) -> None:
    response = browser.get("/profile/totp.svg")
    assert response.mimetype == "image/svg+xml"
    assert response.headers["Cache-Control"] == "no-store"
    assert ET.fromstring(response.data).tag == "{http://www.w3.org/2000/svg}svg"
    assert "style" not in response.text, "which the content security policy would forbid"


def test_it_is_removed(console: Console, browser: Browser) -> None:
    set_up(console, browser)
    assert browser.submit("/profile/totp/remove", current=OTHER).errors == {"current": NOT_YOURS}
    page = browser.submit("/profile/totp/remove", current=PASSWORD)
    assert "You sign in with your password alone now." in page.text
    assert not ann(console).has_totp
    assert console.audited("totp-remove") == [("ann", "ann")]


def test_recovery_codes_are_renewed(console: Console, browser: Browser) -> None:
    page = browser.submit("/profile/recovery-codes", current=PASSWORD)
    assert "You have no second factor that they could stand in for." in page.text
    set_up(console, browser)
    assert browser.submit("/profile/recovery-codes", current=OTHER).errors == {"current": NOT_YOURS}
    page = browser.submit("/profile/recovery-codes", current=PASSWORD)
    assert len(re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", page.text)) == 10
    assert console.audited("recovery-codes") == [("ann", "ann")]


def test_sessions_are_ended(console: Console, browser: Browser) -> None:
    others = [console.as_person(ann(console)) for _ in range(3)]
    last = run(console.appliance.sign_ins.sessions(ann(console)))[0]
    assert "You are signed out there." in browser.press("/profile/", f"/profile/sessions/{last.id}/end").text
    assert [other.get("/").status_code for other in others] == [200, 200, 302]
    assert "everywhere but here" in browser.press("/profile/", "/profile/sessions/end").text
    assert [other.get("/").status_code for other in others] == [302, 302, 302]
    assert console.audited("session-end") == [("ann", "ann"), ("ann", "ann")]


def test_who_guesses_the_password_of_a_session_waits(browser: Browser) -> None:
    for _ in range(4):
        browser.submit("/profile/totp/remove", current="wrong password")
    response = browser.send("/profile/password", current=PASSWORD, password=OTHER, again=OTHER)
    assert response.status_code == 429


def test_where_everybody_needs_one_nothing_else_is_done_before(tmp_path: Path) -> None:
    console = Console(tmp_path, admin={"require_totp": True})
    try:
        run(console.appliance.people.add("ann", "owner", PASSWORD))
        browser = console.as_person(ann(console))
        for path in ("/", "/bans/", "/profile/", "/profile/password", "/people/invite"):
            assert browser.get(path).headers["Location"] == "/profile/totp"
        console.app.config["WTF_CSRF_ENABLED"] = False
        assert browser.post("/bans/add", data={"network": "192.0.2.1"}).headers["Location"] == "/profile/totp"
        assert run(console.appliance.bans.list_all()) == []
        assert browser.get("/profile/totp.svg").status_code == 200
        set_up(console, browser)
        page = browser.page("/profile/")
        assert "/profile/totp/remove" not in page.links
        page = browser.submit("/profile/totp/remove", current=PASSWORD)
        assert "Everybody has to have a second factor here." in page.text
        assert ann(console).has_totp
    finally:
        console.house.close()
