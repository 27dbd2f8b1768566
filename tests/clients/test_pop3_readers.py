"""Programs that read mail over POP3: they get what was sent."""

from __future__ import annotations

import poplib
import re

import pytest

from tests.clients import collectors, maildir
from tests.clients.mail import COMPOSED, deliver, every_message, same, same_octets, some_messages
from tests.clients.programs import Security, Site


def mpop(site: Site) -> list[bytes]:
    """Fetch what is new with mpop into a Maildir; in no particular order."""
    folder = maildir.make(site.home / "mail")
    tls = {
        Security.PLAIN: "tls off",
        Security.STARTTLS: f"tls on\ntls_starttls on\ntls_trust_file {site.certificate}",
        Security.TLS: f"tls on\ntls_starttls off\ntls_trust_file {site.certificate}",
    }
    config = site.write(
        "mpoprc",
        f"""
        defaults
        host {site.host}
        port {site.port("pop3")}
        user {site.account.address}
        passwordeval "echo {site.account.secret}"
        {tls[site.security]}
        auth user
        received_header off
        delivery maildir {folder}
        uidls_file {site.home}/uidls
        account default
        """,
    )
    site.run("mpop", f"--file={config}", "--keep")
    return maildir.messages(folder)


def test_fetchmail_reads_what_was_sent(site: Site) -> None:
    messages = collectors.fetchmail_messages()
    deliver(site.daemon, site.account, messages)
    same(collectors.fetchmail(site, "pop3"), messages)


@pytest.mark.parametrize("site", [Security.PLAIN, Security.TLS], indirect=True)
def test_getmail_reads_what_was_sent(site: Site) -> None:
    messages = collectors.getmail_messages()
    deliver(site.daemon, site.account, messages)
    same(collectors.getmail(site, "SimplePOP3Retriever"), messages)


def test_fdm_reads_what_was_sent(site: Site) -> None:
    messages = some_messages().values()
    deliver(site.daemon, site.account, messages)
    same(collectors.fdm(site, "pop3"), messages, any_order=True)


def test_mpop_reads_what_was_sent(site: Site) -> None:
    messages = some_messages().values()
    deliver(site.daemon, site.account, messages)
    same(mpop(site), messages, any_order=True)


def test_fetchmail_deletes_what_it_has_fetched(plain_site: Site) -> None:
    site = plain_site
    messages = [COMPOSED["dots"], COMPOSED["blank-lines"]]
    deliver(site.daemon, site.account, messages)
    same(collectors.fetchmail(site, "pop3", "no keep"), messages)
    shown = site.daemon.command("mailbox", "show", site.account.address)
    assert "INBOX: 0 messages" in shown


def test_mpop_fetches_only_what_is_new(plain_site: Site) -> None:
    site = plain_site
    deliver(site.daemon, site.account, [COMPOSED["dots"]])
    same(mpop(site), [COMPOSED["dots"]])
    deliver(site.daemon, site.account, [COMPOSED["eight-bit"]])
    same(mpop(site), [COMPOSED["dots"], COMPOSED["eight-bit"]], any_order=True)


def curl(site: Site, path: str, *options: str) -> bytes:
    tls = ["--ssl-reqd", "--cacert", str(site.certificate)] if site.security is not Security.PLAIN else []
    scheme = "pop3s" if site.security is Security.TLS else "pop3"
    login = ["--user", ":".join(site.account)]
    url = f"{scheme}://{site.host}:{site.port('pop3')}/{path}"
    return site.run("curl", "--silent", "--show-error", *tls, *login, *options, url)


def test_curl_reads_messages_and_lists(site: Site) -> None:
    messages = list(some_messages().values())[:25]
    deliver(site.daemon, site.account, messages)
    listed = [line.split() for line in curl(site, "").splitlines()]
    uids = [line.split() for line in curl(site, "", "--list-only", "--request", "UIDL").splitlines()]
    assert len(listed) == len(messages)
    assert len({uid for _, uid in uids}) == len(messages)
    for number, message in enumerate(messages, 1):
        retrieved = curl(site, str(number))
        same_octets(retrieved, message)
        assert listed[number - 1] == [str(number).encode(), str(len(retrieved)).encode()]


def test_curl_reads_a_top_and_deletes(site: Site) -> None:
    deliver(site.daemon, site.account, [COMPOSED["mbox-from"], COMPOSED["dots"]])
    header = COMPOSED["dots"].partition(b"\r\n\r\n")[0]
    top = curl(site, "", "--request", "TOP 2 1")
    assert top.endswith(header + b"\r\n\r\n.\r\n")
    curl(site, "1", "--list-only", "--request", "DELE")
    same_octets(curl(site, "1"), COMPOSED["dots"])


@pytest.fixture
def pop3(site: Site, monkeypatch: pytest.MonkeyPatch) -> poplib.POP3:
    """A Python client that has logged in; it would refuse lines of more than 2048 octets."""
    monkeypatch.setattr(poplib, "_MAXLINE", 1 << 17)
    context = site.daemon.tls_context()
    pop3: poplib.POP3
    if site.security is Security.TLS:
        pop3 = poplib.POP3_SSL(site.host, site.port("pop3"), context=context, timeout=60)
    else:
        pop3 = poplib.POP3(site.host, site.port("pop3"), timeout=60)
        if site.security is Security.STARTTLS:
            pop3.stls(context)
    deliver(site.daemon, site.account, every_message().values())
    pop3.user(site.account.address)
    pop3.pass_(site.account.secret)
    return pop3


def test_poplib_reads_every_message(pop3: poplib.POP3) -> None:
    messages = every_message().values()
    count, octets = pop3.stat()
    assert count == len(messages)
    retrieved = []
    for number in range(1, count + 1):
        _, lines, _ = pop3.retr(number)
        retrieved.append(b"".join(line + b"\r\n" for line in lines))
    pop3.quit()
    same(retrieved, messages)
    assert octets == sum(map(len, retrieved))


def test_poplib_sees_sizes_ids_and_tops(pop3: poplib.POP3) -> None:
    _, sizes, _ = pop3.list()
    _, ids, _ = pop3.uidl()
    assert len({line.split()[1] for line in ids}) == len(ids) == len(sizes) == len(every_message())
    assert re.fullmatch(rb"\+OK 2 .*", pop3.uidl(2))
    _, top, _ = pop3.top(1, 2)
    _, whole, _ = pop3.retr(1)
    assert top == whole[: whole.index(b"") + 3]
    pop3.dele(1)
    pop3.rset()
    pop3.dele(2)
    assert pop3.stat()[0] == len(sizes) - 1
    pop3.quit()
