"""Reading mail that is not sealed: what is shown, under which policies, and what the audit log says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.verdict import UNCHECKED, Finding, Verdict
from tempmaild_admin import reader
from tests.support import LIFETIME, run

if TYPE_CHECKING:
    from tempmaild_admin.services import Services
    from tests.admin.console import Console

MESSAGE = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: joe@open.test\r\nSubject: <b>hello</b>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: text/plain\r\n\r\nplain <script>alert(1)</script>\r\n"
    b"--x\r\nContent-Type: text/html\r\n\r\n<b>bold</b><script>alert(1)</script><img src='https://track.example/'>\r\n"
    b'--x\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename="../a\\"b.html"\r\n\r\n<script>\r\n'
    b"--x--\r\n"
)


@pytest.fixture
def inbox(console: Console) -> str:
    """The path of a folder that has the message."""
    run(console.appliance.domains.add("open.test", "open"))
    return deliver(console, "joe@open.test", MESSAGE)


def deliver(console: Console, address: str, message: bytes, verdict: Verdict = UNCHECKED) -> str:
    mailbox = console.house.create(address).mailbox
    console.house.deliver(address, message, verdict)
    folders = run(console.appliance.mailboxes.describe(address)).folders
    folder = next(folder for folder in folders if folder.name == "INBOX")
    return f"/mailboxes/{mailbox.id}/{folder.id}/"


def looked_at(console: Console) -> list[tuple[str, object, object]]:
    rows = zip(console.audit("message-read"), console.details("message-read"), strict=True)
    return [(row.actor, details["uid"], details["what"]) for row, details in rows]


def test_the_list(console: Console, inbox: str) -> None:
    page = console.as_("operator").page(inbox)
    assert "Jörg <joerg@example.org> <b>hello</b> attachments plain" in page.text
    assert f"{inbox}1/" in page.links
    assert page.unclosed == []
    assert looked_at(console) == [("op", 0, "list")]


def test_the_list_pages(console: Console, inbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempmaild_admin.views.messages._PAGE", 1)
    console.house.deliver("joe@open.test", b"Subject: second\r\n\r\nx")
    browser = console.as_("operator")
    page = browser.page(inbox)
    assert "second" in page.text
    assert f"{inbox}?before=2" in page.links
    older = browser.page(f"{inbox}?before=2")
    assert "hello" in older.text
    assert "Next page" not in older.text
    assert "No mail is in this folder." in browser.page(f"{inbox}?before=1").text
    assert "second" in browser.page(f"{inbox}?before={'9' * 30}").text


def test_a_message(console: Console, inbox: str) -> None:
    answer = console.as_("operator").get(f"{inbox}1/")
    text = answer.text
    assert "plain &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "Jörg &lt;joerg@example.org&gt;" in text
    assert "&lt;b&gt;hello&lt;/b&gt;" in text
    assert ' sandbox referrerpolicy="no-referrer"' in text
    assert f'src="{inbox}1/html"' in text
    assert "bold" not in text
    assert "_a_b.html" in text
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert looked_at(console) == [("op", 1, "text")]


def test_what_was_found_on_arrival(console: Console, inbox: str) -> None:
    del inbox
    found = (Finding("spf", "pass", (("smtp.mailfrom", "<b>"),)), Finding("x-new", "odd", reason="who knows"))
    path = deliver(console, "ann@open.test", MESSAGE, Verdict(findings=found))
    page = console.as_("operator").page(f"{path}1/")
    assert "SPF pass The sender's domain lets this client send its mail. smtp.mailfrom=<b>" in page.text
    assert "x-new odd The result is “odd”. (who knows)" in page.text


def test_html_is_of_no_origin(console: Console, inbox: str) -> None:
    answer = console.as_("operator").get(f"{inbox}1/html")
    assert "<b>bold</b><img>" in answer.text
    for gone in ("script", "track.example"):
        assert gone not in answer.text
    policy = {directive.strip() for directive in answer.headers["Content-Security-Policy"].split(";")}
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'self'"} <= policy
    assert not [directive for directive in policy if directive.startswith(("script", "img", "allow"))]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert looked_at(console) == [("op", 1, "html")]


def test_html_that_cannot_be_cleaned_is_said_not_shown(
    console: Console, inbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "DEEPEST", 0)
    answer = console.as_("operator").get(f"{inbox}1/html")
    assert "too large or too tangled" in answer.text
    assert "bold" not in answer.text


def test_cleaning_leaves_threads_for_others(console: Console, inbox: str) -> None:
    services: Services = console.app.extensions["tempmaild"]
    turns = 0
    while services.waiting.acquire(blocking=False):
        turns += 1
    assert turns
    browser = console.as_("operator")
    assert "Try again in a few seconds." in browser.get(f"{inbox}1/html").text
    services.waiting.release()
    assert "<b>bold</b>" in browser.get(f"{inbox}1/html").text
    assert services.waiting.acquire(blocking=False), "the turn was given back"


def test_the_source(console: Console, inbox: str) -> None:
    answer = console.as_("operator").get(f"{inbox}1/source")
    assert answer.data.endswith(MESSAGE)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert looked_at(console) == [("op", 1, "source")]


def test_an_attachment_is_saved_never_opened(console: Console, inbox: str) -> None:
    answer = console.as_("operator").get(f"{inbox}1/parts/3")
    assert answer.data == b"<script>"
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=_a_b.html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert looked_at(console) == [("op", 1, "part 3")]


def test_a_name_may_have_any_letters(console: Console, inbox: str) -> None:
    console.house.deliver(
        "joe@open.test",
        b"Content-Type: a/b\r\nContent-Disposition: attachment; filename*=utf-8''%e2%82%ac%0d%0aX:y.txt\r\n\r\nx",
    )
    answer = console.as_("operator").get(f"{inbox}2/parts/1")
    # RFC 6266 §4.3
    assert "filename*=UTF-8''%E2%82%ACX_y.txt" in answer.headers["Content-Disposition"]
    assert "X" not in answer.headers


@pytest.mark.parametrize("rest", ["99/", "99/html", "99/source", "99/parts/1", "0/", f"{'9' * 30}/", "1/parts/0"])
def test_what_is_not_there(console: Console, inbox: str, rest: str) -> None:
    console.as_("operator").page(inbox + rest, 404)


def test_a_message_without_html_has_none(console: Console, inbox: str) -> None:
    console.house.deliver("joe@open.test", b"Subject: x\r\n\r\ntext")
    browser = console.as_("operator")
    browser.page(f"{inbox}2/html", 404)
    assert "<iframe" not in browser.get(f"{inbox}2/").text


def test_a_folder_of_another_mailbox(console: Console, inbox: str) -> None:
    other = deliver(console, "joe@box.test", MESSAGE)
    mailbox, folder = inbox.split("/")[2], other.split("/")[3]
    for rest in ("", "1/", "1/html", "1/source", "1/parts/1"):
        console.as_("operator").page(f"/mailboxes/{mailbox}/{folder}/{rest}", 404)


@pytest.mark.parametrize("rest", ["", "1/", "1/html", "1/source", "1/parts/1"])
def test_sealed_mail_is_not_shown(console: Console, rest: str) -> None:
    sealed = deliver(console, "joe@box.test", MESSAGE)
    answer = console.as_("operator").get(sealed + rest, follow_redirects=True)
    assert answer.request.path == f"/mailboxes/{sealed.split('/')[2]}/"
    assert "The mail of this mailbox cannot be read here." in answer.text
    assert "only its owner" in answer.text
    assert "bold" not in answer.text
    assert looked_at(console) == []


@pytest.mark.parametrize("rest", ["", "1/", "1/html", "1/source", "1/parts/1"])
def test_mail_is_not_shown_when_its_time_is_over(console: Console, inbox: str, rest: str) -> None:
    browser = console.as_("operator")
    console.clock.now += LIFETIME
    browser = console.as_("operator")
    answer = browser.get(inbox + rest, follow_redirects=True)
    assert "Its time is over" in answer.text
    assert "bold" not in answer.text


@pytest.mark.parametrize("rest", ["", "1/", "1/html", "1/source", "1/parts/1"])
def test_mail_is_not_for_viewers(console: Console, inbox: str, rest: str) -> None:
    assert console.as_("viewer").get(inbox + rest).status_code == 403
    assert looked_at(console) == []
