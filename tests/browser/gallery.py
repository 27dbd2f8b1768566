"""All pages of the console, each with an address that a furnished host has: who adds a page adds it here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from tests.browser.furniture import DOMAIN, KEY, LIMIT, OPEN, RULE, SCHEDULE
from tests.browser.site import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from tempmaild.core.person import Role

Who = Literal["viewer", "operator", "owner", "half", "nobody"]
"""Who looks: "half" has given a password, and owes a code; "nobody" is not signed in."""


class View(NamedTuple):
    """A page in a certain state.

    Attributes:
        endpoint: whose page it is; "" for none.
        path: with names of `Furniture` in braces.
        act: what is done there first.
        name: of its pictures.
        language: of the browser.
        status: of the answer.
    """

    endpoint: str
    path: str
    who: Who = "owner"
    act: Callable[[Page], None] | None = None
    name: str = ""
    status: int = 200
    language: str = "en"

    @property
    def title(self) -> str:
        """What it is called in files and in the names of tests."""
        return self.name or self.endpoint

    @property
    def role(self) -> Role | None:
        """Of who is signed in."""
        if self.who == "nobody":
            return None
        return "owner" if self.who == "half" else self.who


def _press(page: Page, button: Locator) -> None:
    """Send a form, and come back when its answer is there."""
    with page.expect_navigation():
        button.click()


def _send(page: Page) -> None:
    _press(page, page.locator("main form [type=submit]").last)


def _make_mailbox(page: Page) -> None:
    page.get_by_label("Address", exact=True).fill(DOMAIN)
    _press(page, page.get_by_role("button", name="Make it"))


def _destroy(page: Page) -> None:
    _press(page, page.get_by_role("button", name="Yes, do it"))


def _test_domain(page: Page) -> None:
    _press(page, page.get_by_role("button", name="Self test"))


def _make_key(page: Page) -> None:
    page.get_by_label("Name").fill("another")
    page.get_by_role("checkbox").first.check()
    _send(page)


def _open_menu(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Profile").wait_for()


_RULE = f"kind={RULE.kind}&subject={RULE.subject}"
VIEWS: Final = (
    View("overview.show", "/"),
    View("api_keys.index", "/keys/"),
    View("api_keys.add", "/keys/add"),
    View("api_keys.add", "/keys/add", act=_make_key, name="api_keys.secret"),
    View("api_keys.show", f"/keys/named/{KEY}/"),
    View("api_keys.change", f"/keys/named/{KEY}/change"),
    View("api_keys.remove", f"/keys/named/{KEY}/remove"),
    View("api_keys.rotate", f"/keys/named/{KEY}/rotate"),
    View("audit.index", "/audit/"),
    View("audit.show", "/audit/3"),
    View("bans.index", "/bans/"),
    View("bans.index", "/bans/?address=192.0.2.1", name="bans.index-none"),
    View("bans.add", "/bans/add"),
    View("bans.add", "/bans/add", act=_send, name="bans.add-errors"),
    View("bans.import_list", "/bans/import"),
    View("block_rules.index", "/block-rules/"),
    View("block_rules.add", "/block-rules/add"),
    View("block_rules.edit", f"/block-rules/edit?{_RULE}"),
    View("block_rules.import_list", "/block-rules/import"),
    View("block_rules.try_out", f"/block-rules/try?sender=joe@{RULE.subject}&client=192.0.2.9"),
    View("domains.index", "/domains/"),
    View("domains.add", "/domains/add"),
    View("domains.show", f"/domains/{DOMAIN}/"),
    View("domains.show", f"/domains/{OPEN}/", "viewer", name="domains.show-viewer"),
    View("domains.checks", f"/domains/{DOMAIN}/checks"),
    View("domains.delete", f"/domains/{DOMAIN}/delete"),
    View("domains.dns", f"/domains/{DOMAIN}/dns"),
    View("domains.dns", f"/domains/{OPEN}/dns", act=_test_domain, name="domains.test"),
    View("domains.settings", f"/domains/{DOMAIN}/settings"),
    View("limits.index", "/limits/"),
    View("limits.add", "/limits/add"),
    View("limits.add", "/limits/add", act=_send, name="limits.add-errors"),
    View("limits.edit", f"/limits/named/{LIMIT}/"),
    View("limits.remove", f"/limits/named/{LIMIT}/remove"),
    View("limits.now", "/limits/now"),
    View("limits.try_out", "/limits/try?address=203.0.113.7&event=message&amount=1"),
    View("mail_log.index", "/mail-log/"),
    View("mail_log.quarantine", "/mail-log/quarantine"),
    View("mail_log.show", "/mail-log/{logged}"),
    View("mailboxes.index", "/mailboxes/"),
    View("mailboxes.index", "/mailboxes/", "viewer", name="mailboxes.index-viewer"),
    View("mailboxes.create", "/mailboxes/create"),
    View("mailboxes.create", "/mailboxes/create", act=_make_mailbox, name="mailboxes.created"),
    View("mailboxes.show", "/mailboxes/{sealed}/"),
    View("mailboxes.show", "/mailboxes/{long}/", name="mailboxes.show-long"),
    View("mailboxes.extend", "/mailboxes/{sealed}/extend"),
    View("mailboxes.destroy", "/mailboxes/{sealed}/destroy"),
    View("mailboxes.destroy", "/mailboxes/{spare}/destroy", act=_destroy, name="mailboxes.destroyed"),
    View("mailboxes.destroy_many", f"/mailboxes/destroy?domain={DOMAIN}"),
    View("messages.index", "/mailboxes/{open}/{folder}/"),
    View("messages.show", "/mailboxes/{open}/{folder}/{uid}/"),
    View("people.index", "/people/"),
    View("people.invite", "/people/invite"),
    View("people.invite", "/people/invite", act=_send, name="people.link"),
    View("people.edit", f"/people/named/{NAMES['viewer']}"),
    View("people.remove", f"/people/named/{NAMES['viewer']}/remove"),
    View("profile.show", "/profile/"),
    View("profile.password", "/profile/password"),
    View("profile.preferences", "/profile/preferences"),
    View("profile.recovery_codes", "/profile/recovery-codes"),
    View("profile.totp", "/profile/totp"),
    View("profile.remove_totp", "/profile/totp/remove"),
    View("receipts.index", "/receipts/"),
    View("receipts.show", "/receipts/{receipt}"),
    View("receipts.verify", "/receipts/verify"),
    View("schedules.index", "/schedules/"),
    View("schedules.add", "/schedules/add"),
    View("schedules.lifetimes", "/schedules/lifetimes"),
    View("schedules.show", "/schedules/named/nightly-report/"),
    View("schedules.edit", f"/schedules/named/{SCHEDULE}/edit"),
    View("schedules.remove", f"/schedules/named/{SCHEDULE}/remove"),
    View("schedules.run", f"/schedules/named/{SCHEDULE}/run"),
    View("sign_in.sign_in", "/sign-in", "nobody"),
    View("sign_in.sign_in", "/sign-in", "nobody", act=_send, name="sign_in.sign_in-errors"),
    View("sign_in.give_code", "/sign-in/code", "half"),
    View("sign_in.accept", "/invitation/{invitation}", "nobody"),
    View("sign_in.accept", "/invitation/nonsense", "nobody", name="sign_in.no_invitation", status=404),
    View("", "/nothing", name="error-404", status=404),
    View("", "/limits/add", "viewer", name="error-403", status=403),
    View("", "/bans/", act=_open_menu, name="menu"),
    *(
        View("", path, name=f"german{path.replace('/', '-').rstrip('-')}", language="de")
        for path in ("/", "/mailboxes/", "/limits/", "/schedules/", "/mail-log/", f"/domains/{DOMAIN}/settings")
    ),
)
EMPTY: Final = (
    *(
        View(endpoint, path, name=f"{endpoint}-empty")
        for endpoint, path in (
            ("overview.show", "/"),
            ("api_keys.index", "/keys/"),
            ("bans.index", "/bans/"),
            ("block_rules.index", "/block-rules/"),
            ("mail_log.index", "/mail-log/"),
            ("mailboxes.index", "/mailboxes/"),
            ("receipts.index", "/receipts/"),
            ("schedules.index", "/schedules/"),
        )
    ),
)
"""Pages of a host on which nothing has happened."""
NO_PAGES: Final = frozenset({
    "audit.export", "bans.export", "block_rules.export", "domains.check_dns", "mail_log.export", "mailboxes.profile",
    "messages.html", "messages.part", "messages.source", "overview.live", "profile.totp_picture",
    "receipts.download", "schedules.next_runs",
})  # fmt: skip
"""Endpoints that answer GET with something else: files, pictures, parts of pages, what scripts ask for; and the page
whose other half the name servers of the world decide about."""
