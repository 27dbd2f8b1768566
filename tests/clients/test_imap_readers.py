"""Programs that read mail over IMAP, and what they do with it there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.clients import collectors, maildir
from tests.clients.mail import COMPOSED, deliver, same, same_octets, some_messages, stored
from tests.clients.programs import Security, Site

if TYPE_CHECKING:
    from pathlib import Path


def test_fetchmail_reads_what_was_sent(site: Site) -> None:
    messages = collectors.fetchmail_messages()
    deliver(site.daemon, site.account, messages)
    same(collectors.fetchmail(site, "imap"), messages)


def test_fetchmail_fetches_what_is_unseen_and_deletes_it(plain_site: Site) -> None:
    site = plain_site
    messages = [COMPOSED["dots"], COMPOSED["blank-lines"]]
    deliver(site.daemon, site.account, messages)
    assert len(collectors.fetchmail(site, "imap", "keep")) == 2
    deliver(site.daemon, site.account, [COMPOSED["folded-header"]])
    same(collectors.fetchmail(site, "imap", "no keep"), [*messages, COMPOSED["folded-header"]])
    same(stored(site.daemon, site.account), messages)


@pytest.mark.parametrize("site", [Security.PLAIN, Security.TLS], indirect=True)
def test_getmail_reads_what_was_sent(site: Site) -> None:
    messages = collectors.getmail_messages()
    deliver(site.daemon, site.account, messages)
    same(collectors.getmail(site, "SimpleIMAPRetriever"), messages)


def test_fdm_reads_what_was_sent(site: Site) -> None:
    messages = some_messages().values()
    deliver(site.daemon, site.account, messages)
    same(collectors.fdm(site, "imap"), messages, any_order=True)


def test_fdm_deletes_what_it_has_fetched(plain_site: Site) -> None:
    site = plain_site
    messages = [COMPOSED["dots"], COMPOSED["blank-lines"]]
    deliver(site.daemon, site.account, messages)
    same(collectors.fdm(site, "imap", ""), messages, any_order=True)
    assert curl(site, "INBOX?ALL").strip() == b"* SEARCH"


# curl


def curl(site: Site, path: str, *options: str | Path) -> bytes:
    tls = ["--ssl-reqd", "--cacert", str(site.certificate)] if site.security is not Security.PLAIN else []
    scheme = "imaps" if site.security is Security.TLS else "imap"
    login = ["--user", ":".join(site.account)]
    url = f"{scheme}://{site.host}:{site.port('imap')}/{path}"
    return site.run("curl", "--silent", "--show-error", *tls, *login, *options, url)


def test_curl_reads_messages_by_uid(site: Site) -> None:
    messages = list(some_messages().values())[:20]
    deliver(site.daemon, site.account, messages)
    for uid, message in enumerate(messages, 1):
        same_octets(curl(site, f"INBOX;UID={uid}"), message)


def test_curl_reads_sections(plain_site: Site) -> None:
    site = plain_site
    header, _, body = COMPOSED["dots"].partition(b"\r\n\r\n")
    deliver(site.daemon, site.account, [COMPOSED["dots"], COMPOSED["big"]])
    assert curl(site, "INBOX;UID=1;SECTION=TEXT") == body
    assert curl(site, "INBOX;UID=1;SECTION=HEADER").endswith(header + b"\r\n\r\n")
    assert curl(site, "INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)") == b"Subject: dots\r\n\r\n"
    assert curl(site, "INBOX;UID=2;SECTION=1") == b"See the attachment."
    assert curl(site, "INBOX;UID=2;SECTION=2").count(b"\r\n") == (3 << 20) // 78 - 1


def test_curl_lists_searches_and_appends(site: Site) -> None:
    curl(site, "", "--request", "CREATE Archive/2026")
    assert b'LIST (\\HasNoChildren) "/" Archive/2026' in curl(site, "").replace(b'"Archive/2026"', b"Archive/2026")
    for name in ("eight-bit", "dots"):
        path = site.home / name
        path.write_bytes(COMPOSED[name])
        curl(site, "Archive%2F2026", "--upload-file", path)
    assert curl(site, "Archive%2F2026?SUBJECT%20dots") == b"* SEARCH 2\r\n"
    assert curl(site, "Archive%2F2026;UID=1") == COMPOSED["eight-bit"]
    curl(site, "Archive%2F2026", "--request", "STORE 1 +FLAGS.SILENT \\Deleted")
    curl(site, "Archive%2F2026", "--request", "EXPUNGE")
    assert curl(site, "Archive%2F2026?ALL") == b"* SEARCH 1\r\n"


# mutt


def mutt(site: Site, *keys: str, folder: str = "INBOX") -> None:
    """Open a folder with mutt and press keys."""
    scheme = "imaps" if site.security is Security.TLS else "imap"
    user = site.account.address.replace("@", "%40")
    config = site.write(
        "muttrc",
        f"""
        set imap_user = "{site.account.address}"
        set imap_pass = "{site.account.secret}"
        set folder = "{scheme}://{user}@{site.host}:{site.port("imap")}/"
        set spoolfile = "+INBOX"
        set ssl_starttls = {"yes" if site.security is Security.STARTTLS else "no"}
        set ssl_force_tls = {"no" if site.security is Security.PLAIN else "yes"}
        set ssl_ca_certificates_file = "{site.certificate}"
        set certificate_file = "{site.home}/certificates"
        set mbox_type = Maildir
        set record = ""
        set quit = yes
        set delete = yes
        set move = no
        set mark_old = no
        set confirmappend = no
        set confirmcreate = no
        set wait_key = no
        set auto_tag = no
        set sleep_time = 0
        """,
    )
    pushed = "".join(keys)
    site.run_on_screen("mutt", "-n", "-F", config, "-f", f"+{folder}", "-e", f"push '{pushed}<quit>'")


def copied(folder: Path) -> list[bytes]:
    """Give what mutt has put into a Maildir, without the two fields that it adds to every header."""
    added = re.compile(rb"Content-Length: \d+\nLines: \d+\n(?=\n)")
    found = [added.subn(b"", message, count=1) for message in maildir.messages(folder)]
    assert all(count for _, count in found)
    return [message for message, _ in found]


def test_mutt_copies_what_was_sent(site: Site) -> None:
    """It would take out the fields of mbox files, so messages that have them are left out."""
    of_mbox = re.compile(rb"^(?:status|x-status|content-length|lines):", re.IGNORECASE | re.MULTILINE)
    whole = some_messages().values()
    messages = [message for message in whole if not of_mbox.search(message.partition(b"\r\n\r\n")[0])]
    deliver(site.daemon, site.account, messages)
    target = maildir.make(site.home / "copied")
    mutt(site, "<tag-pattern>~A<enter>", f"<tag-prefix><copy-message>{target}<enter>")
    same(copied(target), messages, any_order=True)


def test_mutt_flags_moves_and_deletes(plain_site: Site) -> None:
    site = plain_site
    deliver(site.daemon, site.account, [COMPOSED["dots"], COMPOSED["eight-bit"], COMPOSED["folded-header"]])
    mutt(
        site,
        "<limit>~s dots<enter><flag-message>",
        "<limit>~s eight-bit<enter><save-message>+Saved<enter>",
        "<limit>~s folded<enter><delete-message>",
        "<limit>all<enter>",
    )
    same(stored(site.daemon, site.account), [COMPOSED["dots"]])
    saved = maildir.make(site.home / "saved")
    mutt(site, f"<copy-message>{saved}<enter>", folder="Saved")
    same(copied(saved), [COMPOSED["eight-bit"]])
    flagged = maildir.make(site.home / "flagged")
    mutt(site, f"<tag-pattern>~F<enter><tag-prefix><copy-message>{flagged}<enter>")
    same(copied(flagged), [COMPOSED["dots"]])


# imapfilter


def imapfilter(site: Site, script: str) -> None:
    """Run a Lua script with the account as `account`."""
    account = f"""
        options.starttls = {"true" if site.security is Security.STARTTLS else "false"}
        options.create = true
        account = IMAP {{
            server = '{site.host}', port = {site.port("imap")},
            username = '{site.account.address}', password = '{site.account.secret}',
            {"ssl = 'auto'" if site.security is Security.TLS else ""}
        }}
    """
    config = site.write("imapfilter.lua", account + script)
    site.run("imapfilter", "-c", config, "-t", site.certificate)


def test_imapfilter_reads_what_was_sent(site: Site) -> None:
    messages = some_messages().values()
    deliver(site.daemon, site.account, messages)
    imapfilter(
        site,
        """
        for number, message in ipairs(account.INBOX:select_all()) do
            box, uid = table.unpack(message)
            file = io.open(string.format('%05d', uid), 'wb')
            file:write(box[uid]:fetch_message())
            file:close()
        end
        """,
    )
    got = [path.read_bytes() for path in sorted(site.home.glob("[0-9]*"))]
    assert all(b"\r\n" in message for message in got)
    same(got, messages)


def test_imapfilter_searches_marks_copies_and_moves(site: Site) -> None:
    deliver(site.daemon, site.account, [COMPOSED["dots"], COMPOSED["eight-bit"], COMPOSED["folded-header"]])
    imapfilter(
        site,
        """
        account:create_mailbox('Filed/Dots')
        account.INBOX:contain_subject('dots'):mark_seen()
        account.INBOX:is_seen():move_messages(account['Filed/Dots'])
        account.INBOX:contain_body('text'):mark_flagged()
        account.INBOX:contain_subject('eight'):copy_messages(account['Copies'])
        long = account.INBOX:is_unseen() * account.INBOX:contain_field('X-Long', 'four')
        long:delete_messages()
        mailboxes = account:list_all('', '*')
        table.sort(mailboxes)
        total, recent, unseen, next = account.INBOX:check_status()
        file = io.open('result', 'w')
        file:write(table.concat(mailboxes, ' '), ' ', total, ' ', unseen, ' ', next)
        file:close()
        """,
    )
    assert (site.home / "result").read_text() == "Copies Drafts Filed Filed/Dots INBOX Junk Sent Trash 1 1 4"
    same(stored(site.daemon, site.account), [COMPOSED["eight-bit"]])
    same_octets(curl(site, "Filed%2FDots;UID=1"), COMPOSED["dots"])
    same_octets(curl(site, "Copies;UID=1"), COMPOSED["eight-bit"])
