"""Getting in and out by a browser."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from pyotp import TOTP

from tempmaild.core import secret as secrets
from tempmaild.core.totp import recovery_verifier
from tempmaild.store.people import SetTotp
from tempmaild_admin.sessions import TOKEN
from tests.admin.console import HOST, Console
from tests.admin.pages import page_of
from tests.support import run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.secret import Keys
    from tests.admin.console import Browser

PASSWORD = "nine lives of tea"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RECOVERY = "aaaq-eaye-auda-ocaj"
WRONG = "Name and password do not belong together."


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys(password: str, salt: bytes) -> Keys:
        return secrets.Keys(salt + secrets.prepared(password).encode("utf-8", "surrogatepass"))

    monkeypatch.setattr(secrets, "keys_of_password", keys)


@pytest.fixture
def ann(console: Console) -> None:
    run(console.appliance.people.add("ann", "owner", PASSWORD))


@pytest.fixture
def _with_totp(console: Console) -> None:
    verifier = recovery_verifier(RECOVERY)
    assert verifier
    console.write(SetTotp("ann", SECRET, 0, (verifier,)))


def token(browser: Browser) -> str:
    with browser.session_transaction(base_url=f"http://{HOST}") as cookie:
        return str(cookie.get(TOKEN, ""))


def test_before_anybody_is_there_the_page_says_what_to_do(console: Console) -> None:
    page = console.browser().page("/sign-in")
    assert "tempmaild operator invite --role owner" in page.text
    assert "Password" not in page.text


@pytest.mark.usefixtures("ann")
def test_in_and_out(console: Console) -> None:
    browser = console.browser()
    assert browser.get("/bans/").headers["Location"] == "/sign-in?next=/bans/"
    response = browser.send("/sign-in?next=/bans/", name="Ann", password=PASSWORD, follow=False)
    assert response.headers["Location"] == "/bans/"
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert console.audited("sign-in") == [("ann", "ann")]
    stolen = token(browser)
    assert browser.get("/sign-in").headers["Location"] == "/"
    page = browser.press("/", "/sign-out")
    assert "You are signed out." in page.text
    assert token(browser) == ""
    assert console.audited("sign-out") == [("ann", "ann")]
    with browser.session_transaction(base_url=f"http://{HOST}") as kept:
        kept[TOKEN] = stolen
    assert browser.get("/").status_code == 302, "it ended at the server"


def test_over_tls_cookies_are_for_tls_alone(tmp_path: Path) -> None:
    console = Console(tmp_path, admin={"url": "https://127.0.0.1:8025"})
    try:
        run(console.appliance.people.add("ann", "owner", PASSWORD))
        browser = console.browser()
        response = browser.send("/sign-in", name="ann", password=PASSWORD, follow=False)
        assert response.status_code in {302, 400}
        assert all("Secure" in cookie for cookie in response.headers.getlist("Set-Cookie"))
        assert "Secure" in browser.get("/sign-in").headers["Set-Cookie"]
    finally:
        console.house.close()


@pytest.mark.usefixtures("ann")
def test_what_does_not_belong_together(console: Console, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    browser = console.browser()
    told = []
    for name, password in (("ann", "wrong"), ("bob", PASSWORD)):
        page = browser.submit("/sign-in", name=name, password=password)
        assert page.errors == {"password": WRONG}
        assert page.form().fields["password"] == [""], "it does not come back"
        told.append(page.text)
    assert told[0] == told[1]
    assert console.audited("sign-in-failed") == [("console", "ann"), ("console", "")]
    assert sum(record.message == "login-failed" for record in caplog.records) == 2
    assert "bob" not in caplog.text, "people type their passwords there"
    assert browser.submit("/sign-in", name="", password="").errors == {
        "name": "This field is required.",
        "password": "This field is required.",
    }


@pytest.mark.usefixtures("ann")
def test_who_fails_too_often_is_told_to_wait(console: Console) -> None:
    browser = console.browser()
    for _ in range(4):
        browser.submit("/sign-in", name="ann", password="wrong")
    response = browser.send("/sign-in", name="ann", password=PASSWORD)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    assert "Please wait for a second." in page_of(response).text
    run(console.appliance.bans.add("192.0.2.0/24", 600, scope="reading"))
    response = browser.send("/sign-in", name="ann", password=PASSWORD)
    assert response.status_code == 429
    assert "turned away" in page_of(response).text


@pytest.mark.usefixtures("ann", "_with_totp")
def test_with_a_second_factor(console: Console) -> None:
    browser = console.browser()
    page = browser.submit("/sign-in?next=/bans/", name="ann", password=PASSWORD)
    assert page.url == "/sign-in/code"
    half = token(browser)
    assert browser.get("/").headers["Location"] == "/sign-in?next=/", "the password alone opens nothing"
    assert browser.post("/bans/add").status_code in {302, 400}
    page = browser.submit("/sign-in/code?next=/bans/", code="000000")
    assert page.errors == {"code": "This code is wrong, or was used already."}
    code = TOTP(SECRET).at(int(console.clock.now))
    response = browser.send("/sign-in/code?next=/bans/", code=f"{code[:3]} {code[3:]}", follow=False)
    assert response.headers["Location"] == "/bans/"
    assert token(browser) != half
    assert console.audited("code-wrong") == [("ann", "ann")]
    assert browser.get("/sign-in/code").headers["Location"] == "/"


@pytest.mark.usefixtures("ann", "_with_totp")
def test_with_a_recovery_code(console: Console) -> None:
    browser = console.browser()
    browser.submit("/sign-in", name="ann", password=PASSWORD)
    assert browser.submit("/sign-in/code", code=RECOVERY.upper()).url == "/"
    assert console.audited("recovery-code-use") == [("ann", "ann")]


@pytest.mark.usefixtures("ann", "_with_totp")
def test_after_wrong_codes_one_begins_again(console: Console) -> None:
    browser = console.browser()
    browser.submit("/sign-in", name="ann", password=PASSWORD)
    for _ in range(5):
        page = browser.submit("/sign-in/code", code="000000")
        console.clock.now += 10
    assert page.url == "/sign-in"
    assert "Please sign in again." in page.text
    assert console.browser().get("/sign-in/code").headers["Location"] == "/sign-in"


@pytest.mark.usefixtures("ann", "_with_totp")
def test_signing_in_as_somebody_else(console: Console) -> None:
    browser = console.browser()
    browser.submit("/sign-in", name="ann", password=PASSWORD)
    assert browser.press("/sign-in/code", "/sign-out").url == "/sign-in"
    assert token(browser) == ""


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/bans/?page=2", "/bans/?page=2"),
        ("", "/"),
        ("bans", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("\\\\evil.example", "/"),
        (" //evil.example", "/"),
    ],
)
def test_one_is_led_to_our_own_pages_alone(console: Console, wanted: str, led: str) -> None:
    browser = console.browser()
    form = browser.page("/sign-in").form()
    fields = form.fields | {"name": ["ann"], "password": [PASSWORD]}
    response = browser.post("/sign-in", query_string={"next": wanted}, data=fields)
    assert response.status_code == 302
    assert response.headers["Location"] == led


@pytest.mark.usefixtures("ann")
def test_another_site_cannot_sign_somebody_in(console: Console) -> None:
    browser = console.browser()
    assert browser.post("/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 400
    assert console.audited("sign-in") == []


def test_somebody_new_comes_by_a_link(console: Console) -> None:
    link = f"/invitation/{run(console.appliance.people.invite('owner', 600)).token}"
    browser = console.browser()
    page = browser.page(link)
    assert "You will be an owner of this host, and may do everything." in page.text
    for name, password, again, errors in (
        ("ann", "short", "short", {"password": "it has not 12 to 256 characters"}),
        ("an n", PASSWORD, PASSWORD, {"name": "'an n' is not made of at most 64 of a-z, 0-9 and inner . _ @ + -"}),
        ("ann", PASSWORD, "another", {"again": "This is not the same."}),
        ("", PASSWORD, PASSWORD, {"name": "This field is required."}),
    ):
        assert browser.submit(link, name=name, password=password, again=again).errors == errors
    page = browser.submit(link, name="Ann", password=PASSWORD, again=PASSWORD)
    assert page.url == "/profile/totp"
    assert "Welcome, ann." in page.text
    assert [row.subject for row in console.audit("person-add")] == ["ann"]
    for gone in (link, "/invitation/x"):
        assert "It was used or withdrawn" in browser.page(gone, 404).text
    link = f"/invitation/{run(console.appliance.people.invite('viewer', 600)).token}"
    assert browser.submit(link, name="ann", password=PASSWORD, again=PASSWORD).errors == {
        "name": "Somebody has this name."
    }


@pytest.mark.usefixtures("ann", "_with_totp")
def test_another_password_is_chosen_by_a_link(console: Console) -> None:
    old = console.as_person(run(console.appliance.people.get("ann")))
    link = f"/invitation/{run(console.appliance.people.reset('ann')).token}"
    browser = console.browser()
    page = browser.page(link)
    assert "Choose another password, ann." in page.text
    assert "name" not in page.form().fields
    assert browser.submit(link, password="seven seas of rye", again="seven seas of rye").url == "/profile/totp"
    assert old.get("/").status_code == 302
    assert not run(console.appliance.people.get("ann")).has_totp


def test_whose_password_is_new_is_no_longer_who_was_signed_in(console: Console) -> None:
    browser = console.as_("viewer")
    link = f"/invitation/{run(console.appliance.people.invite('owner', 600)).token}"
    page = browser.submit(link, name="ann", password=PASSWORD, again=PASSWORD)
    assert "ann owner" in page.text
    assert console.audited("sign-out") == [("vi", "vi")]


def test_cookies_of_other_applications_on_this_host_do_not_matter(console: Console) -> None:
    browser = console.as_("viewer")
    for name in ("remember_token", "session"):
        browser.set_cookie(name, "another's", domain="127.0.0.1")
    assert browser.page("/")


@pytest.mark.parametrize("cookie", ["", "x", "\ud800", 7, None, ["a"], {"a": 1}])
def test_whatever_is_in_the_cookie(console: Console, cookie: object) -> None:
    """It is signed, so that this takes our own key; other versions of the console may have written it."""
    browser = console.browser()
    with browser.session_transaction(base_url=f"http://{HOST}") as session:
        session[TOKEN] = cookie
    assert browser.get("/").status_code == 302
    assert browser.get("/sign-in").status_code == 200
    assert browser.get("/sign-in/code").status_code == 302
