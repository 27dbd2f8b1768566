"""The whole way through the console by a real browser, beside a daemon that does what is decided there."""

from __future__ import annotations

import re
import smtplib
import socket
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final

from playwright.sync_api import expect
from pyotp import TOTP

from tempmaild.core.totp import STEP
from tests.daemon import HOST
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.site import Site

PASSWORD: Final = "four walls and a roof"
_PATIENCE: Final = 60.0
_EFFECTIVE_WITHIN: Final = 10.0
"""Seconds from the answer of the console until the daemon does it: one, and what a machine takes longer that is busy
with other tests."""


_HOSTILE: Final = """<p>Your code is <b>4711</b>.</p>
<script>parent.document.title = "taken over"</script><img src=x onerror=alert(1)>"""


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()


def told(page: Page, text: str) -> None:
    expect(page.locator(".alert").filter(has_text=text)).to_be_visible()


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something holds now, or in so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def greeting(site: Site) -> bytes:
    with socket.create_connection((HOST, site.daemon.ports.smtp), timeout=_PATIENCE) as client:
        return client.recv(1000)


def mail_code(site: Site) -> int:
    with smtplib.SMTP(HOST, site.daemon.ports.smtp, timeout=_PATIENCE) as client:
        client.ehlo()
        return client.mail("a@sender.test")[0]


def send(site: Site, to: str, subject: str, html: str = "<p>Hello.</p>") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@sender.test", to, subject
    message.set_content("Hello.\n")
    message.add_alternative(html, subtype="html")
    with smtplib.SMTP(HOST, site.daemon.ports.smtp, timeout=_PATIENCE) as client:
        client.send_message(message)


def test_the_first_owner_gets_in_by_the_link_and_comes_back_with_a_code(site: Site) -> None:
    printed = site.daemon.command("operator", "invite", "--role", "owner")
    link = re.search(r"http://\S+/invitation/\S+", printed)
    assert link, printed
    page = site.context().new_page()
    page.goto(link[0])
    page.get_by_label("Name").fill("ada")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD + "!")
    press(page, "Choose it")
    expect(page.get_by_text("This is not the same.")).to_be_visible()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    press(page, "Choose it")

    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    # Not `wait_for_function`: its second look is one that the page's policy does not allow.
    qr_code = page.locator("img.qr-code")
    assert within(_PATIENCE, lambda: qr_code.evaluate("image => image.naturalWidth") > 0)
    secret = page.locator("code").inner_text()
    totp, now = TOTP(secret), time.time()
    page.get_by_label("Code").fill(totp.at(now))
    page.get_by_label("Current password").fill(PASSWORD)
    press(page, "Set it up")
    codes = page.locator("main li code")
    expect(codes).to_have_count(10)
    assert len(set(codes.all_inner_texts())) == 10
    follow(page, "I have kept them")
    press(page, "Sign out")

    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")
    page.get_by_label("Code").fill(totp.at(now))
    press(page, "Go on")
    expect(page.get_by_text("This code is wrong, or was used already.")).to_be_visible()
    page.get_by_label("Code").fill(totp.at(now + STEP))
    press(page, "Go on")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    cookie = next(each for each in page.context.cookies() if each["name"] == "tempmaild")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.goto(link[0])
    expect(page.get_by_role("heading", name="This invitation is over")).to_be_visible()


def test_a_domain_its_mailbox_and_its_mail(site: Site) -> None:
    page = site.page("operator")
    follow(page, "Domains")
    follow(page, "Add a domain")
    page.get_by_label("Name", exact=True).fill("shop.example.org")
    page.get_by_label("Seal mail").uncheck()
    press(page, "Add, and go on to its DNS records")
    expect(page.locator("#record-1")).to_have_text(re.compile(r"shop\.example\.org\. IN MX 10 mx\.box\.test\."))

    follow(page, "Mailboxes")
    follow(page, "Make a mailbox")
    page.get_by_label("Address", exact=True).fill("joe@shop.example.org")
    press(page, "Make it")
    assert page.locator("#secret").inner_text()
    follow(page, "I have kept the secret")
    assert within(_EFFECTIVE_WITHIN, lambda: _takes(site, "joe@shop.example.org"))
    send(site, "joe@shop.example.org", "Your code", _HOSTILE)

    page.reload()
    row = page.get_by_role("row").filter(has_text="INBOX")
    expect(row.get_by_role("cell").first).to_have_text("1")
    follow(page, "INBOX")
    follow(page, "Your code")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your code")
    frame = page.frame_locator("iframe.message-frame")
    expect(frame.locator("body")).to_contain_text("Your code is 4711.")
    assert frame.locator("script").count() == 0
    assert frame.locator("[onerror]").count() == 0
    expect(page).to_have_title("Your code · tempmaild")
    assert [(row.actor, row.subject) for row in site.appliance.audit.rows(action="domain-add")][-1] == (
        "otto",
        "shop.example.org",
    )


def _takes(site: Site, address: str) -> bool:
    with smtplib.SMTP(HOST, site.daemon.ports.smtp, timeout=_PATIENCE) as client:
        client.ehlo()
        client.mail("a@sender.test")
        return client.rcpt(address)[0] == 250


def test_the_overview_moves_while_it_is_open(site: Site) -> None:
    account = site.daemon.create()
    page = site.page("viewer")
    page.evaluate("window.isTheSame = true")
    accepted = page.locator("#totals li").filter(has_text="Accepted").locator("strong")
    expect(accepted).to_have_text("0")
    expect(page.locator("#mail-shown svg")).to_have_count(0)
    send(site, account.address, "hello")
    # The daemon puts away every ten seconds what it has counted, and the page asks as often.
    expect(accepted).to_have_text("1")
    expect(page.locator("#mail-shown svg")).to_be_visible()
    assert page.evaluate("window.isTheSame")


def test_a_limit_bites_soon(site: Site) -> None:
    assert [mail_code(site), mail_code(site)] == [250, 250]
    page = site.page("operator", "/limits/")
    follow(page, "messages")
    page.get_by_label("How much there may be").fill("1")
    press(page, "Save")
    told(page, "messages is changed.")
    assert within(_EFFECTIVE_WITHIN, lambda: mail_code(site) == 450)
    page.get_by_role("row").filter(has_text="messages").get_by_role("button", name="Switch off").click()
    told(page, "messages")
    assert within(_EFFECTIVE_WITHIN, lambda: mail_code(site) == 250)


def test_a_purge_is_scheduled_and_run(site: Site) -> None:
    account = site.daemon.create()
    page = site.page("operator", "/schedules/")
    follow(page, "Add a schedule")
    page.get_by_label("Name").fill("every-sunday")
    page.get_by_label("Cron line").fill("0 4 * * sun")
    expect(page.locator("#next-runs li")).to_have_count(5)
    page.get_by_label("Cron line").fill("0 4 * * nonsense")
    expect(page.locator("#next-runs li")).to_have_count(0)
    page.get_by_label("Cron line").fill("0 4 * * sun")
    press(page, "Save")
    told(page, "every-sunday is kept")
    follow(page, "Run now")
    expect(page.get_by_text("destroy all mailboxes")).to_be_visible()
    press(page, "Yes, do it")

    def is_done() -> bool:
        page.reload()
        return page.get_by_text(re.compile("1 mailbox with 0 messages destroyed")).count() > 0

    assert within(_PATIENCE, is_done)
    page.goto("/mailboxes/")
    expect(page.get_by_text("There are no mailboxes yet.")).to_be_visible()
    assert not _takes(site, account.address)


def test_a_ban_is_made_and_lifted(site: Site) -> None:
    page = site.page("operator", "/bans/")
    follow(page, "Ban a network")
    page.get_by_label("Network").fill("127.0.0.0/40")
    page.get_by_label("For", exact=True).fill("1h")
    page.get_by_label("What it may not do").select_option("send mail")
    press(page, "Ban")
    expect(page.locator(".invalid-feedback").first).to_be_visible()
    page.get_by_label("Network").fill("127.0.0.0/8")
    press(page, "Ban")
    expect(page.get_by_role("row").filter(has_text="127.0.0.0/8")).to_be_visible()
    assert within(_EFFECTIVE_WITHIN, lambda: greeting(site).startswith(b"421 4.7.0"))
    press(page, "Lift")
    expect(page.get_by_text("Nobody is turned away.")).to_be_visible()
    assert within(_EFFECTIVE_WITHIN, lambda: greeting(site).startswith(b"220 "))


def test_a_viewer_sees_no_buttons_and_changes_nothing(site: Site) -> None:
    site.daemon.create()
    page = site.page("viewer")
    entries = page.get_by_role("navigation", name="Main").get_by_role("link")
    for path in [entry.get_attribute("href") for entry in entries.all()]:
        assert path
        page.goto(path)
        # What is one's own may be changed by everybody.
        if path != "/profile/":
            expect(page.locator("main form[method=post]")).to_have_count(0)
            expect(page.locator("main input[type=checkbox]")).to_have_count(0)
    for path in ("/bans/add", "/limits/add", "/domains/add", "/mailboxes/create", "/people/invite"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403
        expect(page.get_by_role("heading", name="This is not for your role")).to_be_visible()
    operator = site.page("operator", "/people/")
    expect(operator.get_by_role("link", name="Invite somebody")).to_have_count(0)
    owner = site.page("owner", "/people/")
    expect(owner.get_by_role("link", name="Invite somebody")).to_be_visible()


def test_a_change_by_somebody_else_is_told_and_not_overwritten(site: Site) -> None:
    context = site.context("operator")
    first, second = context.new_page(), context.new_page()
    for page in (first, second):
        page.goto("/limits/named/recipients/")
    first.get_by_label("How much there may be").fill("111")
    press(first, "Save")
    told(first, "recipients is changed.")
    second.get_by_label("How much there may be").fill("222")
    press(second, "Save")
    told(second, "Somebody else has changed this meanwhile.")
    expect(second.get_by_label("How much there may be")).to_have_value("222")
    assert run(site.appliance.limits.get("recipients")).amount == 111
    # Having been told, one may mean it.
    press(second, "Save")
    told(second, "recipients is changed.")
    assert run(site.appliance.limits.get("recipients")).amount == 222


def test_a_form_is_filled_in_by_keyboard_alone(site: Site) -> None:
    page = site.page("operator", "/bans/")

    def tab_to(name: str) -> None:
        """Go on to what has this name; that it has the focus is to be seen."""
        for _ in range(40):
            page.keyboard.press("Tab")
            focus = page.evaluate(_FOCUS)
            assert focus["outline"] or focus["shadow"], f"nobody sees that {focus['name']!r} has the focus"
            if focus["name"].startswith(name):
                return
        raise AssertionError(f"no way leads to {name!r}")

    tab_to("To the content")
    expect(page.get_by_role("link", name="To the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    # The first that comes is one of the page, not of the menu.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.reload()
    tab_to("Ban a network")
    page.keyboard.press("Enter")
    page.wait_for_url("**/bans/add")
    for name, typed in (("Network", "203.0.113.9"), ("For", "2h"), ("Reason", "by keyboard")):
        tab_to(name)
        page.keyboard.press("Control+a")
        page.keyboard.type(typed)
    tab_to("What it may not do")
    page.keyboard.press("ArrowDown")
    tab_to("Ban")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="203.0.113.9/32")).to_contain_text("send mail")


_FOCUS: Final = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  return {
    name: (here.labels?.[0] ?? here).textContent.trim() || here.value || here.getAttribute("aria-label") || "",
    outline: style.outlineStyle !== "none" && style.outlineWidth !== "0px",
    shadow: style.boxShadow !== "none",
  };
}"""


def test_pages_work_without_scripts(site: Site) -> None:
    page = site.page("operator", "/schedules/", java_script_enabled=False, viewport={"width": 390, "height": 844})
    follow(page, "Bans")  # the menu is there where nothing opens it
    follow(page, "Ban a network")
    page.get_by_label("Network").fill("203.0.113.9")
    press(page, "Ban")
    expect(page.get_by_role("row").filter(has_text="203.0.113.9/32")).to_be_visible()
    page.goto("/schedules/add")
    page.get_by_label("Cron line").fill("0 4 * * sun")
    page.get_by_label("Name").fill("x")
    press(page, "Show the next runs")
    expect(page.locator("#next-runs li")).to_have_count(5)


def test_another_name_for_the_console_is_refused(site: Site) -> None:
    page = site.context().new_page()
    answer = page.goto(site.url.replace(HOST, "localhost") + "/sign-in")
    assert answer is not None
    assert answer.status == 400
    expect(page.get_by_label("Password")).to_have_count(0)
    # Nor are its style and its scripts given out, about which the browser complains.
    assert all("localhost" in problem for problem in site.problems)
    site.problems.clear()
