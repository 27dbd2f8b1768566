"""The pages about API keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tempmaild.errors import ApiKeyExpired, NoSuchApiKey, OutOfScope
from tests.admin.pages import page_of
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.core.api_key import ApiKey, Scope
    from tempmaild.service.api_keys import NewApiKey
    from tests.admin.console import Console
    from tests.admin.pages import Page

SECRET = re.compile(r"tmk_[\w-]{43}(?![\w-])")
ONE = "/keys/named/tests/"


def add(console: Console, *networks: str, name: str = "tests") -> NewApiKey:
    return run(console.appliance.api_keys.add(name, ["messages:read"], networks, actor="op"))


def check(console: Console, secret: str, scope: Scope = "messages:read") -> ApiKey:
    return run(console.appliance.api_keys.check(secret, scope, "192.0.2.7"))


def secret_on(page: Page) -> str:
    found = SECRET.search(page.text)
    assert found, page.text
    return found[0]


def test_there_is_none_at_first(console: Console) -> None:
    page = console.as_("operator").page("/keys/")
    assert "No program has a key yet." in page.text
    assert "/keys/add" in page.links
    assert "/keys/add" not in console.as_("viewer").page("/keys/").links


def test_a_key_is_made_and_its_secret_shown_once(console: Console) -> None:
    browser = console.as_("operator")
    form = browser.page("/keys/add").form()
    assert form.fields["seconds"] == ["90d"]
    assert form.fields["scopes"] == []
    wish = {
        "name": "Shop-Tests",
        "scopes": ["mailboxes:create", "messages:read"],
        "networks": "192.0.2.0/24,\n2001:db8::1",
    }
    page = browser.submit("/keys/add", **wish)
    assert page.unclosed == []
    secret = secret_on(page)
    assert "It is shown only now" in page.text
    key = check(console, secret)
    assert (key.name, key.created_by, key.expires_at) == ("shop-tests", "op", NOW + 90 * 86_400)
    assert key.networks == ("192.0.2.0/24", "2001:db8::1/128")
    assert key.scopes == ("mailboxes:create", "messages:read")
    assert console.audited("api-key-add") == [("op", "shop-tests")]
    for path in ("/keys/", "/keys/named/shop-tests/", "/audit/"):
        shown = browser.get(path).text
        assert secret not in shown
        assert secret[12:] not in shown
    text = browser.page("/keys/").text
    assert f"shop-tests {secret[:12]}… mailboxes:create messages:read 192.0.2.0/24 2001:db8::1/128" in text


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "This field is required."),
        ("name", "no name", "is not made of at most 63 of a-z, 0-9 and inner . _ -"),
        ("name", "taken", "There is a key of this name."),
        ("name", "x" * 64, "Field cannot be longer than 63 characters."),
        ("scopes", [], "a key that may do nothing is of no use"),
        ("scopes", ["everything"], "is not a valid choice"),
        ("networks", "here", "'here' is not ADDRESS/PREFIX, or an address alone"),
        ("networks", " ".join(f"10.0.0.{number}" for number in range(51)), "there are more than 50"),
        ("networks", "x" * 2501, "Field cannot be longer than 2500 characters."),
        ("seconds", "soon", "This is not a time such as 30m, 24h or 7d."),
        ("seconds", "", "This field is required."),
        ("seconds", "9999d", "863913600 is not between 1 and 315360000"),
    ],
)
def test_what_is_impossible_is_said_beside_its_field(
    console: Console, field: str, value: str | list[str], problem: str
) -> None:
    add(console, name="taken")
    wish = {"name": "tests", "scopes": ["messages:read"], "networks": "", "seconds": "30d"}
    page = console.as_("operator").submit("/keys/add", **{**wish, field: value})
    assert list(page.errors) == [field]
    assert problem in page.errors[field]
    assert page.unclosed == []
    with pytest.raises(NoSuchApiKey):
        run(console.appliance.api_keys.get("tests"))


def test_what_was_chosen_stays_chosen_when_something_is_wrong(console: Console) -> None:
    page = console.as_("operator").submit("/keys/add", name="no name", scopes=["messages:read", "domains:read"])
    assert page.form().fields["scopes"] == ["messages:read", "domains:read"]


def test_a_key_is_shown(console: Console) -> None:
    new = add(console, "192.0.2.0/24")
    check(console, new.secret)
    page = console.as_("viewer").page(ONE)
    assert page.unclosed == []
    assert f"{new.key.prefix}… (the rest is not kept)" in page.text
    assert "read mail that is not sealed messages:read" in page.text
    assert "It may come from 192.0.2.0/24" in page.text
    assert not any(link.endswith(("/rotate", "/remove", "/change")) for link in page.links)
    assert f"{ONE}rotate" in console.as_("operator").page(ONE).links


def test_an_end_that_comes_is_seen(console: Console) -> None:
    new, browser = add(console), console.as_("owner")
    assert "soon" not in browser.page("/keys/").text
    console.clock.now = new.key.expires_at - 13 * 86_400
    browser = console.as_("owner")
    assert "soon" in browser.page("/keys/").text
    assert "Its time is over soon." in browser.page(ONE).text
    console.clock.now = new.key.expires_at
    browser = console.as_("owner")
    assert "expired" in browser.page("/keys/").text
    assert "programs that use it are refused" in browser.page(ONE).text


def test_a_key_is_changed(console: Console) -> None:
    new, browser = add(console, "192.0.2.0/24", "2001:db8::/32"), console.as_("operator")
    form = browser.page(f"{ONE}change").form()
    assert form.fields["scopes"] == ["messages:read"]
    assert form.fields["networks"] == ["192.0.2.0/24\n2001:db8::/32"]
    page = browser.submit(f"{ONE}change", scopes=["domains:read"], networks="")
    assert page.url == ONE
    assert "tests is changed." in page.text
    assert check(console, new.secret, "domains:read").networks == ()
    with pytest.raises(OutOfScope):
        check(console, new.secret)
    assert console.audited("api-key-change") == [("op", "tests")]
    assert browser.submit(f"{ONE}change", networks="x").errors == {
        "networks": "'x' is not ADDRESS/PREFIX, or an address alone"
    }


def test_a_key_that_was_changed_meanwhile_is_not_changed(console: Console) -> None:
    add(console)
    browser = console.as_("operator")
    form = browser.page(f"{ONE}change").form()
    run(console.appliance.api_keys.change("tests", ["domains:read"]))
    form.fields["scopes"] = ["mailboxes:destroy"]
    assert "Somebody else has changed this meanwhile." in page_of(browser.post(form.action, data=form.fields)).text
    assert run(console.appliance.api_keys.get("tests")).scopes == ("domains:read",)


def test_a_key_gets_another_secret(console: Console) -> None:
    old, browser = add(console), console.as_("operator")
    form = browser.page(f"{ONE}rotate").form()
    assert (form.fields["seconds"], form.fields["grace"]) == (["90d"], ["1d"])
    page = browser.submit(f"{ONE}rotate", grace="1h")
    secret = secret_on(page)
    assert "The secret of before is good until:" in page.text
    assert check(console, secret).name == check(console, old.secret).name == "tests"
    assert console.audited("api-key-rotate") == [("op", "tests")]
    assert f"{old.key.prefix}… is good until" in browser.page(ONE).text
    assert "ends at once." in browser.page(f"{ONE}rotate").text
    page = browser.submit(f"{ONE}rotate", grace="")
    assert "The secret of before is good no longer." in page.text
    with pytest.raises(ApiKeyExpired):
        check(console, secret)
    assert "is good until" not in browser.page(ONE).text


def test_a_key_is_rotated_once_by_two_who_want_it_at_the_same_time(console: Console) -> None:
    add(console)
    browser = console.as_("operator")
    form = browser.page(f"{ONE}rotate").form()
    new = run(console.appliance.api_keys.rotate("tests"))
    assert "Somebody else has changed this meanwhile." in page_of(browser.post(form.action, data=form.fields)).text
    assert check(console, new.secret)
    assert len(console.audit("api-key-rotate")) == 1


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("seconds", "0", "This is not a time such as 30m, 24h or 7d."),
        ("grace", "31d", "2678400 is not between 0 and 2592000"),
        ("grace", "later", "This is not a time such as 30m, 24h or 7d."),
    ],
)
def test_impossible_times_of_a_rotation(console: Console, field: str, value: str, problem: str) -> None:
    new = add(console)
    assert console.as_("operator").submit(f"{ONE}rotate", **{field: value}).errors == {field: problem}
    assert check(console, new.secret)


def test_a_key_is_removed(console: Console) -> None:
    new, browser = add(console), console.as_("operator")
    page = browser.submit(f"{ONE}remove")
    assert "tests is removed: no program gets in by it." in page.text
    with pytest.raises(NoSuchApiKey):
        check(console, new.secret)
    assert console.audited("api-key-remove") == [("op", "tests")]
    for path in ("", "change", "rotate", "remove"):
        browser.page(ONE + path, 404)


@pytest.mark.parametrize("name", ["none", "TESTS", "%00", "a%20b", "%f0%9f%98%80"])
def test_there_is_no_page_of_what_is_none(console: Console, name: str) -> None:
    add(console)
    console.as_("operator").page(f"/keys/named/{name}/", 404)


def test_many_have_pages(console: Console) -> None:
    for number in range(51):
        add(console, name=f"key-{number:02}")
    browser = console.as_("viewer")
    page = browser.page("/keys/")
    assert "key-49" in page.text
    assert "key-50" not in page.text
    assert "/keys/?after=key-49" in page.links
    page = browser.page("/keys/?after=key-49")
    assert "key-50" in page.text
    assert "key-49" not in page.text
    assert "There are no more." in browser.page("/keys/?after=zzz%00").text
