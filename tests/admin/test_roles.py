"""Nobody without the role changes anything: every route of the URL map, with every role, and with none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.person import ROLES
from tempmaild_admin.guard import role_of

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.routing import Rule

    from tests.admin.console import Browser, Console

_CHANGING = ("POST", "PUT", "PATCH", "DELETE")


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if not rule.endpoint.endswith("static")]


def path(app: Flask, rule: Rule) -> str:
    """Give a path of a rule, with something in each of its places."""
    values = {name: _some(converter) for name, converter in rule._converters.items()}
    # Adapters fill in places as `url_for` does, and no application context is needed.
    return app.url_map.bind("x").build(rule.endpoint, values)


def _some(converter: object) -> object:
    kind = type(converter).__name__
    if kind == "IntegerConverter":
        return 1
    if kind == "FloatConverter":
        return 1.0
    assert kind in {"UnicodeConverter", "PathConverter", "AnyConverter"}, kind
    return next(iter(converter.items)) if kind == "AnyConverter" else "something"  # type: ignore[attr-defined]


def send(browser: Browser, method: str, url: str) -> int:
    status: int = browser.open(url, method=method, data={"name": "x", "confirm": "y"}).status_code
    return status


def state(console: Console) -> dict[str, list[tuple[object, ...]]]:
    """Give all that is in the database, but for the times at which sessions were used."""
    handle = console.appliance.handle
    tables = [name for name in handle.database.get_tables() if name != "admin_session"]
    return {table: [tuple(row) for row in handle.rows(f"SELECT * FROM {table}")] for table in tables}


def test_every_view_says_which_role_it_needs(console: Console) -> None:
    for rule in rules(console.app):
        assert role_of(rule.endpoint, console.app) in (*ROLES, "everybody"), rule.endpoint


def test_what_changes_something_is_not_for_viewers_but_for_what_is_their_own(console: Console) -> None:
    for rule in rules(console.app):
        role = role_of(rule.endpoint, console.app)
        if set(_CHANGING) & set(rule.methods or ()) and role == "viewer":
            assert rule.endpoint.startswith("profile."), f"{rule.endpoint} changes something, and viewers may"
        if role == "everybody":
            assert rule.endpoint.partition(".")[0] in {"sign_in", "health", "metrics"}, rule.endpoint


def test_people_are_for_owners_alone(console: Console) -> None:
    for rule in rules(console.app):
        if rule.endpoint.startswith("people.") and rule.endpoint != "people.index":
            assert role_of(rule.endpoint, console.app) == "owner", rule.endpoint


@pytest.mark.parametrize("method", ["GET", *_CHANGING])
def test_who_is_signed_out_gets_nowhere(console: Console, method: str) -> None:
    before, browser = state(console), console.browser()
    console.app.config["WTF_CSRF_ENABLED"] = False
    for rule in rules(console.app):
        if role_of(rule.endpoint, console.app) == "everybody" or method not in (rule.methods or ()):
            continue
        response = browser.open(path(console.app, rule), method=method)
        assert response.status_code == 302, f"{method} {rule}: {response.status}"
        assert response.headers["Location"].startswith("/sign-in"), f"{method} {rule}"
    assert state(console) == before


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_has_a_lower_role_changes_nothing(console: Console, role: str) -> None:
    """The token is not asked for here, so that the role alone is in the way."""
    browser = console.as_(role)  # type: ignore[arg-type]
    console.app.config["WTF_CSRF_ENABLED"] = False
    before, refused = state(console), 0
    for rule in rules(console.app):
        needed = role_of(rule.endpoint, console.app)
        if needed == "everybody" or ROLES.index(needed) <= ROLES.index(role):
            continue
        for method in {"GET", *_CHANGING} & set(rule.methods or ()):
            assert send(browser, method, path(console.app, rule)) == 403, f"{method} {rule}"
            refused += 1
    assert refused
    assert state(console) == before


@pytest.mark.parametrize("role", ROLES)
def test_without_a_token_nothing_is_changed(console: Console, role: str) -> None:
    """Another site can have a browser send a form, but does not know the token."""
    browser = console.as_(role)  # type: ignore[arg-type]
    before, sent = state(console), 0
    for rule in rules(console.app):
        for method in set(_CHANGING) & set(rule.methods or ()):
            assert send(browser, method, path(console.app, rule)) in {400, 403}, f"{method} {rule}"
            sent += 1
    assert sent
    assert state(console) == before


@pytest.mark.parametrize("role", ROLES)
def test_to_look_changes_nothing(console: Console, role: str) -> None:
    """Links can be followed by anybody's page, and by programs that look ahead."""
    browser = console.as_(role)  # type: ignore[arg-type]
    before = state(console)
    for rule in rules(console.app):
        if "GET" in (rule.methods or ()):
            status = browser.get(path(console.app, rule)).status_code
            assert status < 500, f"{rule}: {status}"
    assert state(console) == before
