"""The pages about people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.admin.pages import page_of
from tests.support import run

if TYPE_CHECKING:
    from tests.admin.console import Console

LINK = re.compile(r"http://127\.0\.0\.1:8025(/invitation/[\w-]{43})")
LAST = "Somebody has to be an owner who can sign in. Let another one be it first."


def test_the_list_says_who_there_is(console: Console) -> None:
    owner, viewer = console.as_("owner"), console.as_("viewer")
    page = owner.page("/people/")
    assert "ow you owner not set up yes" in page.text
    assert "/people/named/vi" in page.links
    assert page.unclosed == []
    page = viewer.page("/people/")
    assert "vi you viewer not set up yes" in page.text
    assert not [link for link in page.links if link.startswith("/people/named")]
    run(console.appliance.people.invite("viewer", 600, "for Joe", "ow"))
    assert "for Joe" in owner.page("/people/").text
    assert "for Joe" not in viewer.page("/people/").text


def test_somebody_is_invited(console: Console) -> None:
    browser = console.as_("owner")
    assert browser.submit("/people/invite", seconds="soon").errors == {
        "seconds": "This is not a time such as 30m, 24h or 7d."
    }
    assert browser.submit("/people/invite", seconds="31d").errors == {
        "seconds": "2678400 is not between 1 and 2592000"
    }
    assert "role" in browser.submit("/people/invite", role="root").errors
    page = browser.submit("/people/invite", role="viewer", seconds="12h", note="for <Joe>")
    found = LINK.search(page.text)
    assert found
    assert page.unclosed == []
    assert console.details("person-invite")[0]["role"] == "viewer"
    assert "You may look at everything here" in console.browser().page(found[1]).text
    page = browser.page("/people/")
    assert "for <Joe>" in page.text
    assert not LINK.search(page.text), "it is shown only once"
    (invitation,) = run(console.appliance.people.invitations())
    withdraw = f"/people/invitations/{invitation.id}/withdraw"
    form = page.form(withdraw)
    assert "This link is good no longer." in browser.press("/people/", withdraw).text
    assert console.audited("invitation-withdraw") == [("ow", "")]
    again = browser.post(withdraw, data=form.fields, follow_redirects=True)
    assert "was used, or is over" in page_of(again).text


def test_a_role_is_changed_and_ends_sessions(console: Console) -> None:
    owner, operator = console.as_("owner"), console.as_("operator")
    page = owner.page("/people/named/op")
    assert page.unclosed == []
    assert page.form().fields["role"] == ["operator"]
    assert page.form().fields["enabled"] == ["y"]
    assert "signed out" not in owner.submit("/people/named/op").text
    assert operator.page("/"), "nothing was changed"
    page = owner.submit("/people/named/op", role="viewer")
    assert page.url == "/people/"
    assert "op is changed, and signed out everywhere." in page.text
    assert console.details("person-change") == [{"role": "viewer", "enabled": True}]
    assert operator.get("/").status_code == 302
    owner.submit("/people/named/op", enabled=None)
    assert not run(console.appliance.people.get("op")).enabled
    assert run(console.appliance.people.get("op")).role == "viewer"
    assert "role" in owner.submit("/people/named/op", role="root").errors


def test_who_was_changed_meanwhile_is_not_changed(console: Console) -> None:
    owner = console.as_("owner")
    console.person("op", "operator")
    form = owner.page("/people/named/op").form()
    run(console.appliance.people.change("op", "viewer", enabled=True, actor="other"))
    form.fields["role"] = ["owner"]
    response = owner.post(form.action, data=form.fields)
    assert "Somebody else has changed this meanwhile." in page_of(response).text
    assert run(console.appliance.people.get("op")).role == "viewer"


def test_the_last_owner_stays(console: Console) -> None:
    browser = console.as_("owner")
    console.person("op", "operator")
    assert browser.submit("/people/named/ow", role="viewer").errors == {"role": LAST}
    assert browser.submit("/people/named/ow", enabled=None).errors == {"role": LAST}
    assert LAST in browser.submit("/people/named/ow/remove").text
    assert run(console.appliance.people.get("ow")).role == "owner"


def test_somebody_is_removed(console: Console) -> None:
    owner, operator = console.as_("owner"), console.as_("operator")
    page = owner.submit("/people/named/op/remove")
    assert "op is removed, and signed out." in page.text
    assert operator.get("/").status_code == 302
    assert console.audited("person-remove") == [("ow", "op")]
    for path in ("/people/named/op", "/people/named/op/remove", "/people/named/OW", "/people/named/%00"):
        owner.page(path, 404)


def test_a_link_for_another_password(console: Console) -> None:
    owner, operator = console.as_("owner"), console.as_("operator")
    page = owner.press("/people/named/op", "/people/named/op/reset")
    assert LINK.search(page.text)
    assert operator.page("/"), "until it is used everything stays as it is"
    assert console.audited("person-reset") == [("ow", "op")]
    assert "op, for another password" in owner.page("/people/").text


def test_sessions_of_others_are_ended(console: Console) -> None:
    owner, operator = console.as_("owner"), console.as_("operator")
    page = owner.page("/people/named/op")
    assert "127.0.0.1 pytest" in page.text
    person = console.person("op")
    (session,) = run(console.appliance.sign_ins.sessions(person))
    page = owner.press("/people/named/op", f"/people/named/op/sessions/{session.id}/end")
    assert "op is signed out there." in page.text
    assert "Nowhere at the moment." in page.text
    assert operator.get("/").status_code == 302
    assert console.audited("session-end") == [("ow", "op")]


def test_a_session_is_ended_by_whose_it_is_alone(console: Console) -> None:
    owner = console.as_("owner")
    console.as_("operator")
    (session,) = run(console.appliance.sign_ins.sessions(console.person("op")))
    console.app.config["WTF_CSRF_ENABLED"] = False
    response = owner.post(f"/people/named/ow/sessions/{session.id}/end", follow_redirects=True)
    assert "This session has ended already." in page_of(response).text
    response = owner.post(f"/profile/sessions/{session.id}/end", follow_redirects=True)
    assert "This session has ended already." in page_of(response).text
    assert len(run(console.appliance.sign_ins.sessions(console.person("op")))) == 1
