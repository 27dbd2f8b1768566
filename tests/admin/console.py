"""The console for tests: the real application on the real services, and browsers that are signed in to it.

browser = console.as_("operator")
page = browser.page("/bans/")                             # GET, which must answer 200
page = browser.submit("/bans/add", network="192.0.2.1")   # the page's own form, with its token and what it has
browser.press("/bans/", "/bans/lift/192.0.2.1/32")        # a button on a page
assert console.audited("ban-add") == [("op", "192.0.2.1/32")]
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from flask.testing import FlaskClient

from tempmaild.service.sign_ins import Client
from tempmaild.settings import Settings
from tempmaild.store.people import AddPerson
from tempmaild_admin import create_app
from tempmaild_admin.sessions import TOKEN
from tests.admin.pages import Page, page_of
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.person import Person, Role
    from tempmaild.store.audit import AuditRow
    from tempmaild.store.transaction import Change

T = TypeVar("T")

HOST = "127.0.0.1:8025"
CLIENT = "192.0.2.7"
"""Whence browsers come: limits do not concern this host itself."""
NAMES: dict[str, str] = {"viewer": "vi", "operator": "op", "owner": "ow"}
"""What those are called who `Console.as_` gives."""


class Browser(FlaskClient):
    """A browser, with a cookie jar of its own."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request to the host that the settings name."""
        kwargs.setdefault("base_url", f"http://{HOST}")
        return super().open(*args, **kwargs)

    def page(self, path: str, status: int = 200) -> Page:
        """Get a page."""
        response = self.get(path)
        assert response.status_code == status, f"{path}: {response.status} {response.headers.get('Location', '')}"
        return page_of(response)

    def send(self, path: str, action: str = "", /, follow: bool = True, **changes: Any) -> Any:
        """Get a page, fill in its form, and send that; the answer.

        Args:
            action: where the form goes; "" for the page itself.
            changes: by field; a list for several values, None to leave a field out (a box that is not ticked).
        """
        response = self.get(path)
        assert response.status_code == 200, f"{path}: {response.status} {response.headers.get('Location', '')}"
        form = page_of(response).form(action)
        for name, value in changes.items():
            if value is None:
                form.fields.pop(name, None)
            else:
                form.fields[name] = value if isinstance(value, list) else [value]
        return self.post(form.action, data=form.fields, follow_redirects=follow)

    def submit(self, path: str, action: str = "", /, **changes: Any) -> Page:
        """Do as `send`, and give the page that it ends with, which must answer 200."""
        response = self.send(path, action, **changes)
        assert response.status_code == 200, response.status
        return page_of(response)

    def press(self, path: str, action: str) -> Page:
        """Press the button on a page whose form goes to `action`."""
        return self.submit(path, action)


class Console:
    """The application, and what is behind it."""

    def __init__(self, folder: Path, **sections: Any) -> None:
        self.house = make_appliance(folder, **sections)
        self.appliance = self.house.appliance
        self.clock = self.house.clock
        host = {"name": "mx.box.test", "state": folder}
        self.settings = Settings.model_validate({"host": host, **sections})
        self.app = create_app(self.settings, self.appliance, b"k" * 32)
        self.app.test_client_class = Browser

    def browser(self) -> Browser:
        """Give a browser that nobody is signed in by."""
        browser = self.app.test_client()
        assert isinstance(browser, Browser)
        browser.environ_base["REMOTE_ADDR"] = CLIENT
        return browser

    def person(self, name: str, role: Role = "operator") -> Person:
        """Give somebody of this name, whose password nobody knows: that would take time."""
        for person in run(self.appliance.people.list_all()):
            if person.name == name:
                return person
        return self.write(AddPerson(name, role, b"\x01" * 32, b"\x02" * 16))

    def write(self, change: Change[T]) -> T:
        """Have a change committed."""

        async def commit() -> T:
            return await self.appliance.people._access.write(change)

        return run(commit())

    def token(self, person: Person) -> str:
        """Begin a session of somebody; its token."""
        return run(self.appliance.sign_ins.begin(person, Client("127.0.0.1", "pytest")))

    def as_(self, role: Role) -> Browser:
        """Give a browser by which somebody of this role is signed in."""
        return self.as_person(self.person(NAMES[role], role))

    def as_person(self, person: Person) -> Browser:
        """Give a browser by which somebody is signed in."""
        browser = self.browser()
        with browser.session_transaction(base_url=f"http://{HOST}") as cookie:
            cookie[TOKEN] = self.token(person)
        return browser

    def audit(self, action: str) -> list[AuditRow]:
        """Give the rows of the audit log about one action."""
        return list(self.appliance.audit.rows(action=action))

    def audited(self, action: str) -> list[tuple[str, str]]:
        """Give who has done something, and to what."""
        return [(row.actor, row.subject) for row in self.audit(action)]

    def details(self, action: str) -> list[dict[str, Any]]:
        """Give the details of those rows."""
        return [json.loads(row.details) for row in self.audit(action)]
