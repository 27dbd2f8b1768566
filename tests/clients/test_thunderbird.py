"""Thunderbird, set up by what `tempmaild client-config` writes for it, and driven as its own windows drive it."""

from __future__ import annotations

import base64
import re
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from imapclient import IMAPClient

from tests.clients.mail import COMPOSED, deliver, same, some_messages, wire
from tests.clients.thunderbird import Thunderbird
from tests.daemon import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon import Account, RunningDaemon

_PATIENCE = 30.0

_SET_UP = """
const [xml, way, address, password, certificate] = args;
const from = name => ChromeUtils.importESModule(`resource:///modules/${name}.sys.mjs`);
const { JXON } = from("JXON");
const { readFromXML } = from("accountcreation/readFromXML");
const { AccountConfig } = from("accountcreation/AccountConfig");
const { CreateInBackend } = from("accountcreation/CreateInBackend");
const config = readFromXML(JXON.build(new DOMParser().parseFromString(xml, "text/xml")), "test");
AccountConfig.replaceVariables(config, "Somebody", address, password);
config.identity.realname = "Somebody";
config.identity.emailAddress = address;
if (!config.isComplete()) {
  throw new Error(`something is missing: ${config}`);
}
config.incoming = [config.incoming, ...config.incomingAlternatives].find(
  server => server.type == way[0] && server.socketType == Ci.nsMsgSocketType[way[1]]
);
// The certificate signs itself: this is "Confirm Security Exception".
const certificates = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
const trusted = certificates.constructX509FromBase64(certificate);
const exceptions = Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
exceptions.rememberValidityOverride(config.incoming.hostname, config.incoming.port, {}, trusted, true);
const account = await CreateInBackend.createAccountInBackend(config);
return account.key;
"""

_IN_ACCOUNT = """
const account = MailServices.accounts.getAccount(args.shift());
const server = account.incomingServer;
const root = server.rootFolder;
const named = name => [...root.subFolders].find(folder => folder.name == name);
const inbox = () => root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const message = (folder, subject) => [...folder.messages].find(header => header.subject == subject);
// News that come while Thunderbird fetches are lost on it until the next time it asks. So let it come to an end; of a
// folder that is busy there is no answer.
const updated = folder => until(() => new Promise(resolve => {
  setTimeout(resolve, 1000, false);
  folder.QueryInterface(Ci.nsIMsgImapMailFolder).updateFolderWithListener(null, {
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
    OnStartRunningUrl() {},
    OnStopRunningUrl() { resolve(true); },
  });
}));
const copied = start => new Promise((resolve, reject) => {
  const stop = status => Components.isSuccessCode(status) ? resolve() : reject(new Error(`copying: ${status}`));
  start({
    QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
    onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
    onStopCopy: stop,
  });
});
"""


class Client:
    """An account in Thunderbird.

    Args:
        way: the protocol and the name in `nsMsgSocketType` of the server to be taken from what is offered.
    """

    def __init__(
        self, thunderbird: Thunderbird, daemon: RunningDaemon, account: Account, way: tuple[str, str]
    ) -> None:
        self.daemon = daemon
        self.account = account
        certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(daemon.certificate.read_text())).decode()
        xml = daemon.command("client-config", account.address, "--format", "autoconfig")
        self._thunderbird = thunderbird
        self._key = thunderbird.run(_SET_UP, xml, way, *account, certificate)

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script that knows the `account`, its `root` folder, the `inbox()`, and folders by name."""
        return self._thunderbird.run(_IN_ACCOUNT + script, self._key, *arguments)

    def open(self, count: int) -> list[str]:
        """Open the INBOX, and wait until so many messages are in it; their subjects."""
        subjects: list[str] = self.run(
            """
            server.performExpand(null);
            await until(inbox);
            await updated(inbox());
            await until(() => [...inbox().messages].length == args[0]);
            await updated(inbox());
            return [...inbox().messages].map(header => header.subject);
            """,
            count,
        )
        return subjects

    def close(self) -> None:
        self._thunderbird.run(
            "MailServices.accounts.removeAccount(MailServices.accounts.getAccount(args[0]), true)", self._key
        )


@pytest.fixture(scope="module")
def thunderbird(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thunderbird]:
    with Thunderbird(tmp_path_factory.mktemp("thunderbird")) as running:
        yield running


@pytest.fixture
def client(thunderbird: Thunderbird, strict_daemon: RunningDaemon) -> Iterator[Client]:
    """An account over IMAP with TLS."""
    made = Client(thunderbird, strict_daemon, strict_daemon.create(), ("imap", "SSL"))
    yield made
    made.close()


@contextmanager
def other_session(client: Client) -> Iterator[IMAPClient]:
    """Somebody else who reads the same mailbox."""
    daemon = client.daemon
    with IMAPClient(HOST, daemon.ports.imaps, ssl_context=daemon.tls_context(), timeout=60) as imap:
        imap.login(*client.account)
        yield imap
        imap.logout()


def flags_by_subject(imap: IMAPClient) -> dict[str, set[str]]:
    """Give the flags of the messages of the folder that is open, by subject."""
    found = imap.fetch(imap.search(), ["ENVELOPE", "FLAGS"])
    return {
        data[b"ENVELOPE"].subject.decode(): {flag.decode() for flag in data[b"FLAGS"]} - {"\\Recent"}
        for data in found.values()
        # Of a message that is expunged just now nothing comes but that it was flagged \Deleted before.
        if b"ENVELOPE" in data
    }


def wait_for(client: Client, folder: str, expected: dict[str, set[str]]) -> None:
    """Wait until another session finds just these messages with these flags: Thunderbird does not wait for answers.

    Raises:
        AssertionError: it does not come to that.
    """
    deadline = time.monotonic() + _PATIENCE
    with other_session(client) as imap:
        imap.select_folder(folder, readonly=True)
        while (found := flags_by_subject(imap)) != expected:
            left = deadline - time.monotonic()
            assert left > 0, f"{folder} has {found}"
            imap.idle()
            imap.idle_check(timeout=left)
            imap.idle_done()


DOTS, EIGHT_BIT, FOLDED = (COMPOSED[name] for name in ("dots", "eight-bit", "folded-header"))


@pytest.mark.parametrize("way", [("imap", "SSL"), ("imap", "alwaysSTARTTLS")], ids=lambda way: way[1])
def test_reads_what_was_sent(thunderbird: Thunderbird, strict_daemon: RunningDaemon, way: tuple[str, str]) -> None:
    messages = list(some_messages().values())
    client = Client(thunderbird, strict_daemon, strict_daemon.create(), way)
    deliver(client.daemon, client.account, messages)
    client.open(len(messages))
    got = client.run(
        """
        const { NetUtil } = ChromeUtils.importESModule("resource://gre/modules/NetUtil.sys.mjs");
        const folder = inbox();
        folder.setFlag(Ci.nsMsgFolderFlags.Offline);
        folder.downloadAllForOffline(null, null);
        const headers = [...folder.messages].sort((one, other) => one.messageKey - other.messageKey);
        await until(() => headers.every(header => header.flags & Ci.nsMsgMessageFlags.Offline));
        return headers.map(header => {
          const stream = folder.getMsgInputStream(header, {});
          const text = NetUtil.readInputStreamToString(stream, header.offlineMessageSize);
          stream.close();
          return btoa(text);
        });
        """
    )
    own = re.compile(rb"\A(?:X-Mozilla-[^\n]*\n)+")
    same([own.sub(b"", base64.b64decode(message)) for message in got], messages)
    client.close()


def test_knows_the_folders_and_what_they_are_for(client: Client) -> None:
    client.open(0)
    found = client.run(
        """
        await until(() => ["Drafts", "Junk", "Sent", "Trash"].every(named));
        const uses = { Drafts: "Drafts", Junk: "Junk", Sent: "SentMail", Trash: "Trash" };
        return Object.entries(uses).map(([name, flag]) => named(name).getFlag(Ci.nsMsgFolderFlags[flag]));
        """
    )
    assert found == [True] * 4


def test_sees_new_mail_arrive(client: Client) -> None:
    """It looks by itself every ten minutes, so what it sees at once it has heard of while it idles."""
    deliver(client.daemon, client.account, [DOTS])
    assert client.open(1) == ["dots"]
    for count, message in ((2, EIGHT_BIT), (3, FOLDED)):
        deliver(client.daemon, client.account, [message])
        client.run("await until(() => [...inbox().messages].length == args[0]); await updated(inbox())", count)


def test_sees_what_another_session_does(client: Client) -> None:
    deliver(client.daemon, client.account, [DOTS, EIGHT_BIT, FOLDED])
    client.open(3)
    with other_session(client) as imap:
        imap.select_folder("INBOX")
        imap.add_flags([1], [b"\\Seen", b"\\Flagged", b"$label1"])
        client.run(
            "await until(() => { const it = message(inbox(), 'dots');"
            " return it.isRead && it.isFlagged && it.getStringProperty('keywords').includes('$label1'); })"
        )
        imap.delete_messages([2])
        imap.expunge()
        client.run("await until(() => !message(inbox(), 'eight-bit'))")
    assert set(client.run("return [...inbox().messages].map(header => header.subject)")) == {"dots", "folded-header"}


def test_reads_and_flags(client: Client) -> None:
    deliver(client.daemon, client.account, [DOTS, EIGHT_BIT])
    client.open(2)
    client.run(
        """
        const [dots, other] = [message(inbox(), "dots"), message(inbox(), "eight-bit")];
        inbox().markMessagesRead([dots, other], true);
        inbox().markMessagesFlagged([dots], true);
        inbox().addKeywordsToMessages([dots], "$label2");
        inbox().markMessagesRead([other], false);
        """
    )
    expected = {"dots": {"\\Seen", "\\Flagged", "$label2"}, "eight-bit": set()}
    wait_for(client, "INBOX", expected)


def test_creates_a_folder_and_moves_mail_to_it(client: Client) -> None:
    deliver(client.daemon, client.account, [DOTS, EIGHT_BIT, FOLDED])
    client.open(3)
    left = client.run(
        """
        root.createSubfolder("Bücher & Co", null);
        const target = await until(() => named("Bücher & Co"));
        const chosen = ["dots", "folded-header"].map(subject => message(inbox(), subject));
        await copied(listener =>
          MailServices.copy.copyMessages(inbox(), chosen, target, true, listener, null, false));
        await until(() => [...inbox().messages].length == 1);
        target.updateFolder(null);
        await until(() => [...target.messages].length == 2);
        return [...inbox().messages].map(header => header.subject);
        """
    )
    assert left == ["eight-bit"]
    wait_for(client, "INBOX", {"eight-bit": set()})
    wait_for(client, "Bücher & Co", {"dots": set(), "folded-header": set()})


def test_renames_and_deletes_a_folder(client: Client) -> None:
    client.open(0)
    client.run(
        """
        root.createSubfolder("Old", null);
        (await until(() => named("Old"))).rename("New", null);
        await until(() => named("New") && !named("Old"));
        """
    )
    with other_session(client) as imap:
        assert imap.folder_exists("New")
        assert not imap.folder_exists("Old")
    client.run("named('New').deleteSelf(null); await until(() => !named('New'))")
    with other_session(client) as imap:
        assert not imap.folder_exists("New")


def test_deletes_mail_and_empties_the_trash(client: Client) -> None:
    deliver(client.daemon, client.account, [DOTS, EIGHT_BIT])
    client.open(2)
    client.run(
        """
        inbox().deleteMessages([message(inbox(), "dots")], null, false, true, null, false);
        await until(() => [...inbox().messages].length == 1);
        """
    )
    wait_for(client, "Trash", {"dots": set()})
    client.run("await until(() => named('Trash')); root.emptyTrash(null)")
    wait_for(client, "Trash", {})
    wait_for(client, "INBOX", {"eight-bit": set()})


def test_saves_a_draft(client: Client, tmp_path: Path) -> None:
    draft = tmp_path / "draft.eml"
    draft.write_bytes(wire(EIGHT_BIT))
    client.open(0)
    client.run(
        """
        const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
        file.initWithPath(args[0]);
        const target = await until(() => named("Drafts"));
        await copied(listener =>
          MailServices.copy.copyFileMessage(file, target, null, true, 0, "", listener, null));
        """,
        str(draft),
    )
    with other_session(client) as imap:
        imap.select_folder("Drafts", readonly=True)
        (found,) = imap.fetch(imap.search(), ["BODY.PEEK[]", "FLAGS"]).values()
    assert found[b"BODY[]"] == wire(EIGHT_BIT)
    assert b"\\Draft" in found[b"FLAGS"]


def test_searches_on_the_server(client: Client) -> None:
    deliver(client.daemon, client.account, [DOTS, EIGHT_BIT, FOLDED])
    client.open(3)
    assert client.run(_SEARCH, "middle") == ["dots"]
    assert client.run(_SEARCH, "nowhere to be found") == []


_SEARCH = """
const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, inbox());
const term = session.createTerm();
term.attrib = Ci.nsMsgSearchAttrib.Body;
term.op = Ci.nsMsgSearchOp.Contains;
const value = term.value;
value.attrib = term.attrib;
value.str = args[0];
term.value = value;
session.appendTerm(term);
const hits = [];
await new Promise(resolve => {
  session.registerListener({
    QueryInterface: ChromeUtils.generateQI(["nsIMsgSearchNotify"]),
    onSearchHit: header => hits.push(header.subject),
    onSearchDone: resolve,
    onNewSearch() {},
  });
  session.search(null);
});
return hits;
"""
