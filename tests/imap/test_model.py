"""Random commands in several sessions at once, against a model of a mailbox: what is told and what is there agree."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tempmaild.imap.contexts import MOST
from tests.imap.house import House
from tests.imap.model import (
    KEYS,
    LAST,
    Client,
    Context,
    Folder,
    Mail,
    Set,
    flag_set,
    make_message,
    members,
    write_set,
)
from tests.imap.responses import numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.imap.responses import Response

FLAGS = ["\\Seen", "\\Deleted", "\\Deleted", "\\Flagged", "$Work", "$work"]
NAMES = ["INBOX", "INBOX", "INBOX", "inbox", "Work", "Play", "Work/Below", "Trash"]
SPECIAL = ("Junk", "Trash", "Sent", "Drafts")
KINDS: dict[str, tuple[str, ...]] = {"rev1": (), "rev2": ("IMAP4REV2",), "qresync": ("QRESYNC",)}

indices = st.integers(0, 2)
names = st.sampled_from(NAMES)
flags = st.lists(st.sampled_from(FLAGS), max_size=3, unique_by=str.lower).map(tuple)
ends = st.one_of(st.just(LAST), st.integers(1, 5), st.integers(1, 30))
sets = st.lists(st.tuples(ends, ends), min_size=1, max_size=3)
changes = st.sampled_from(["FLAGS", "+FLAGS", "+FLAGS", "-FLAGS"])


class Mailbox(RuleBasedStateMachine):
    """The mailbox, its model, and three clients.

    Who was first told of a message as \\Recent is the model's to know too: nobody else may be.
    """

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house = house
        self.account = house.appliance.create()
        self.folders = {name: Folder() for name in ("INBOX", *SPECIAL)}
        self.identities = 0
        self.validities: dict[tuple[str, int], Folder] = {}
        self.recent: dict[tuple[Folder, int], int] = {}
        self.selections = 0
        self.clients: list[Client] = []
        self.selection_of: dict[Client, int] = {}
        self.name_of: dict[Client, str] = {}

    @initialize(
        kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=3, max_size=3),
        mails=st.integers(0, 6),
        contexts=st.booleans(),
    )
    def begin(self, kinds: list[str], mails: int, contexts: bool) -> None:
        for _ in range(mails):
            self.deliver()
        for kind in kinds:
            dialog = self.house.connect()
            dialog.read()
            account = self.account
            assert b"\r\na OK " in b"\r\n" + dialog.send(f"a LOGIN {account.address} {account.secret}\r\n".encode())
            self.clients.append(Client(dialog, *KINDS[kind]))
        for client in self.clients:
            self._open(client, "INBOX", read_only=False)
            if contexts:
                client.begin(Context("UNDELETED", "", by_uid=False))
                client.begin(Context("ALL", "REVERSE SUBJECT", by_uid=True))

    # -- from outside

    @rule()
    def deliver(self) -> None:
        mail = self._new_mail(frozenset())
        self.house.appliance.deliver(self.account.address, make_message(mail.identity))
        self.folders["INBOX"].add(mail)

    # -- opening and leaving

    @rule(who=indices, name=names, read_only=st.sampled_from([False, False, True]))
    def select(self, who: int, name: str, read_only: bool) -> None:
        self._open(self.clients[who], name, read_only=read_only)

    @rule(who=indices, command=st.sampled_from(["CLOSE", "UNSELECT", "SELECT Nowhere"]))
    def leave(self, who: int, command: str) -> None:
        client = self.clients[who]
        folder, read_only = client.folder, client.read_only
        end = client.command(command)
        if command.startswith("SELECT"):
            assert (end.kind, end.code) == ("NO", "NONEXISTENT")
        else:
            assert end.kind == ("OK" if folder else "BAD")
        assert {response.code for response in client.last[:-1]} <= {"CLOSED"}, "a silent command tells something"
        if command == "CLOSE" and folder and not read_only:
            self._expunge(folder, list(folder.mails))
        client.opened(None, read_only=False)

    @rule(who=indices, name=names, command=st.sampled_from(["CLOSE", "UNSELECT"]))
    def look_in(self, who: int, name: str, command: str) -> None:
        """Open a folder to read, and leave it as it is."""
        self._open(self.clients[who], name, read_only=True)
        self.leave(who, command)

    @rule(who=indices)
    def leave_for_a_while(self, who: int) -> None:
        client = self.clients[who]
        if client.folder is not None and "QRESYNC" in client.enabled:
            client.keep(self.name_of[client])
            self.leave(who, "UNSELECT")

    @rule(who=indices)
    def come_back(self, who: int) -> None:
        client = self.clients[who]
        if client.snapshots:
            name = next(iter(client.snapshots))
            self._opened(client, name, client.resynchronise(name), read_only=False)
            if client.folder is not None:
                client.check()

    @rule(who=indices, ranges=sets)
    def miss_something(self, who: int, ranges: Set) -> None:
        """Be away while another client expunges and flags messages, and mail arrives."""
        self.leave_for_a_while(who)
        other = (who + 1) % 3
        self.store(other, ranges, True, "+FLAGS", False, ("\\Deleted",))
        self.expunge(other, None)
        self.deliver()
        self.store(other, ranges, True, "+FLAGS", False, ("\\Flagged",))
        self.come_back(who)

    # -- waiting

    @rule(who=indices)
    def noop(self, who: int) -> None:
        client = self.clients[who]
        assert client.command("NOOP").kind == "OK"
        if client.folder:
            client.check()

    @rule(who=indices, command=st.sampled_from(["CHECK", "BOGUS", "FETCH"]))
    def say_something(self, who: int, command: str) -> None:
        """Send what does nothing, or is wrong: it may bring news as any command may."""
        client = self.clients[who]
        end = client.command(command)
        assert end.kind == ("OK" if command == "CHECK" and client.folder is not None else "BAD")

    @rule(who=indices)
    def idle(self, who: int) -> None:
        client = self.clients[who]
        client.end_idling()
        client.idle()

    @invariant()
    def who_idles_knows_all(self) -> None:
        for client in self.clients:
            client.listen()
            if client.idling and client.folder:
                client.check()

    @invariant()
    def only_one_is_told_that_a_message_is_recent(self) -> None:
        for client in self.clients:
            # EXAMINE takes \Recent from nobody, so that it may show it too.
            if client.folder is not None and not client.read_only:
                for uid in client.recent:
                    selection = self.selection_of[client]
                    assert self.recent.setdefault((client.folder, uid), selection) == selection

    # -- reading

    @rule(who=indices, ranges=sets, by_uid=st.booleans())
    def fetch(self, who: int, ranges: Set, by_uid: bool) -> None:
        client = self.clients[who]
        if client.folder is None:
            return
        named = self._named(client, ranges, by_uid=by_uid)
        known = client.uids()
        end = client.command(f"{'UID ' * by_uid}FETCH {write_set(ranges)} (UID FLAGS)")
        told = [response.items["UID"] for response in client.last if "UID" in response.items]
        if by_uid:
            # What came just before belongs to it; `*` may be a message of which the client does not know it is gone.
            living = self._there(client)
            named = [uid for uid in members(ranges, {*known, *living}) if uid in living]
            assert (end.kind, set(named) <= set(told)) == ("OK", True)
        elif named is None:
            assert end.kind == "BAD"
        else:
            there = [uid for uid in named if uid in self._there(client)]
            assert set(there) <= set(told) <= set(named)
            assert end.kind == "OK" or len(there) < len(named)

    @rule(who=indices, ranges=sets, by_uid=st.booleans())
    def read(self, who: int, ranges: Set, by_uid: bool) -> None:
        r"""Fetch the texts, with which messages become \Seen."""
        client = self.clients[who]
        if client.folder is None:
            return
        named = self._named(client, ranges, by_uid=by_uid)
        known = client.uids()
        end = client.command(f"{'UID ' * by_uid}FETCH {write_set(ranges)} (UID BODY[TEXT])")
        if named is None:
            assert end.kind == "BAD"
            return
        living = self._there(client)
        there = [uid for uid in (members(ranges, {*known, *living}) if by_uid else named) if uid in living]
        texts = [response.items for response in client.last if "BODY[TEXT]" in response.items]
        assert {items["UID"]: items["BODY[TEXT]"] for items in texts} == {
            uid: make_message(living[uid].identity).partition(b"\r\n\r\n")[2] for uid in there
        }
        if not client.read_only:
            for uid in there:
                living[uid].flags |= {"\\seen"}

    @rule(who=indices, key=st.sampled_from(["ALL", "DELETED", "UNSEEN", "NOT FLAGGED", "KEYWORD $WORK"]))
    def search(self, who: int, key: str) -> None:
        self._search(self.clients[who], key, by_uid=False)

    @rule(who=indices, key=st.sampled_from(["ALL", "SEEN", "UNDELETED", "OR SEEN FLAGGED"]))
    def uid_search(self, who: int, key: str) -> None:
        self._search(self.clients[who], key, by_uid=True)

    # -- searches that last

    @rule(
        who=indices,
        key=st.sampled_from(sorted(KEYS)),
        order=st.sampled_from(["", "SUBJECT", "REVERSE SUBJECT"]),
        by_uid=st.booleans(),
    )
    def begin_context(self, who: int, key: str, order: str, by_uid: bool) -> None:
        client = self.clients[who]
        if client.folder is not None and len(client.contexts) < MOST:
            client.begin(Context(key, order, by_uid))

    @rule(who=indices)
    def cancel_context(self, who: int) -> None:
        client = self.clients[who]
        if client.contexts:
            client.cancel(next(iter(client.contexts)))

    # -- changing

    @rule(who=indices, name=names, flags=flags)
    def append(self, who: int, name: str, flags: tuple[str, ...]) -> None:
        client = self.clients[who]
        mail = self._new_mail(flag_set(flags))
        end = client.command(f"APPEND {name} ({' '.join(flags)})", make_message(mail.identity))
        folder = self._folder(name)
        if folder is None:
            assert (end.kind, end.code) == ("NO", "TRYCREATE")
            return
        assert (end.kind, end.code) == ("OK", "APPENDUID")
        validity, uid = map(int, end.argument.split())
        self._see(folder, name, validity)
        folder.add(mail, uid)

    @rule(who=indices, ranges=sets, by_uid=st.booleans(), change=changes, silent=st.booleans(), flags=flags)
    def store(self, who: int, ranges: Set, by_uid: bool, change: str, silent: bool, flags: tuple[str, ...]) -> None:
        client = self.clients[who]
        if client.folder is None:
            return
        named = self._named(client, ranges, by_uid=by_uid)
        what = f"{change}{'.SILENT' * silent} ({' '.join(flags)})"
        end = client.command(f"{'UID ' * by_uid}STORE {write_set(ranges)} {what}")
        if client.read_only:
            assert end.kind == "NO"
        elif named is None:
            assert end.kind == "BAD"
        else:
            there = [uid for uid in named if uid in self._there(client)]
            apply = partial(_changed, change, flag_set(flags))
            for uid in there:
                mail = client.folder.mails[uid]
                mail.flags = apply(mail.flags)
            if silent:
                client.assume(there, apply)
            else:
                assert set(there) <= client.told
            if not client.folder.gone:
                _expect_all(end, [] if by_uid else named, there)

    @rule(who=indices, ranges=st.none() | sets)
    def expunge(self, who: int, ranges: Set | None) -> None:
        client = self.clients[who]
        if client.folder is None:
            return
        named = None if ranges is None else self._named(client, ranges, by_uid=True)
        end = client.command("EXPUNGE" if ranges is None else f"UID EXPUNGE {write_set(ranges)}")
        if client.read_only or client.folder.gone:
            assert end.kind == "NO"
            return
        assert end.kind == "OK"
        self._expunge(client.folder, list(client.folder.mails) if named is None else named)

    @rule(who=indices, ranges=sets, by_uid=st.booleans(), name=names, move=st.booleans())
    def copy(self, who: int, ranges: Set, by_uid: bool, name: str, move: bool) -> None:
        client = self.clients[who]
        if client.folder is None:
            return
        named = self._named(client, ranges, by_uid=by_uid)
        end = client.command(f"{'UID ' * by_uid}{'MOVE' if move else 'COPY'} {write_set(ranges)} {name}")
        target = self._folder(name)
        if named is None:
            assert end.kind == "BAD"
        elif move and client.read_only:
            assert end.kind == "NO"
        elif target is None:
            assert (end.kind, end.code) == ("NO", "TRYCREATE")
        else:
            there = [uid for uid in named if uid in self._there(client)]
            if there:
                self._take_over(client, there, target, name, move=move)
            if not client.folder.gone:
                assert end.kind == ("OK" if there or by_uid else "NO")

    # -- folders

    @rule(who=indices, name=names)
    def create(self, who: int, name: str) -> None:
        end = self.clients[who].command(f"CREATE {name}")
        if self._folder(name) is not None:
            assert (end.kind, end.code) == ("NO", "ALREADYEXISTS")
        else:
            assert end.kind == "OK"
            self._create(name)
            self._check_identity(self.clients[who], name)

    @rule(who=indices, name=names)
    def delete(self, who: int, name: str) -> None:
        end = self.clients[who].command(f"DELETE {name}")
        folder = self._folder(name)
        if name.upper() == "INBOX":
            assert (end.kind, end.code) == ("NO", "CANNOT")
        elif folder is None:
            # RFC 9051 §6.3.5: a name may still be there for those below it.
            below = any(other.startswith(name + "/") for other in self.folders)
            assert (end.kind, end.code) == ("NO", "HASCHILDREN" if below else "NONEXISTENT")
        else:
            assert end.kind == "OK"
            folder.gone = True
            del self.folders[name]

    @rule(who=indices, old=names, new=names)
    def rename(self, who: int, old: str, new: str) -> None:
        end = self.clients[who].command(f"RENAME {old} {new}")
        old, new = _canonical(old), _canonical(new)
        moving = [name for name in self.folders if name == old or (old != "INBOX" and name.startswith(old + "/"))]
        moved = {new + name.removeprefix(old): self.folders[name] for name in moving}
        problems = {
            "NONEXISTENT": old not in self.folders,
            "CANNOT": new.startswith(old + "/"),
            "ALREADYEXISTS": new in self.folders or not moved.keys().isdisjoint(self.folders.keys() - set(moving)),
        }
        if any(problems.values()):
            assert (end.kind, problems[end.code]) == ("NO", True)
            return
        assert end.kind == "OK"
        self._create(new)
        if old == "INBOX":
            inbox, target = self.folders["INBOX"], self.folders[new]
            for mail in inbox.mails.values():
                target.add(mail)
            inbox.mails.clear()
        else:
            for name in moving:
                del self.folders[name]
            self.folders |= moved
        self._check_identity(self.clients[who], new)

    # -- the end

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            return
        for client in self.clients:
            client.end_idling()
            if client.folder is not None:
                client.check_all()
            self._check_folders(client)
            client.dialog.hang_up()
            assert not client.dialog.read()

    # -- what the rules share

    def _folder(self, name: str) -> Folder | None:
        return self.folders.get(_canonical(name))

    def _there(self, client: Client) -> dict[int, Mail]:
        assert client.folder is not None
        return {} if client.folder.gone else client.folder.mails

    def _new_mail(self, flags: frozenset[str]) -> Mail:
        self.identities += 1
        return Mail(self.identities, flags)

    def _open(self, client: Client, name: str, *, read_only: bool) -> None:
        end = client.command(f"{'EXAMINE' if read_only else 'SELECT'} {name}")
        self._opened(client, name, end, read_only=read_only)

    def _opened(self, client: Client, name: str, end: Response, *, read_only: bool) -> None:
        """See whether a folder was opened as it should be."""
        folder = self._folder(name)
        if folder is None:
            assert (end.kind, end.code) == ("NO", "NONEXISTENT")
        else:
            assert (end.kind, end.code) == ("OK", "READ-ONLY" if read_only else "READ-WRITE")
            assert len(client.slots) == len(folder.mails)
            assert client.uid_next == folder.uid_next
            self._see(folder, name, client.uid_validity)
            self.selections += 1
            self.selection_of[client] = self.selections
            self.name_of[client] = _canonical(name)
        client.opened(folder, read_only=read_only)

    def _see(self, folder: Folder, name: str, uid_validity: int) -> None:
        """Note under which name and UIDVALIDITY a folder is seen: no other may ever be."""
        assert self.validities.setdefault((_canonical(name), uid_validity), folder) is folder

    def _named(self, client: Client, ranges: Set, *, by_uid: bool) -> list[int] | None:
        """Give the UIDs that a set means to the client; None when it names numbers that there are not."""
        client.look()
        uids = client.uids()
        if by_uid:
            return members(ranges, uids)
        greatest = max(len(uids) if end is LAST else end for pair in ranges for end in pair)
        if not 0 < greatest <= len(uids):
            return None
        return [uids[number - 1] for number in members(ranges, range(1, len(uids) + 1))]

    def _search(self, client: Client, key: str, *, by_uid: bool) -> None:
        if client.folder is None:
            return
        assert client.command(f"{'UID ' * by_uid}SEARCH {key}").kind == "OK"
        found = client.found()
        if not by_uid:
            slots = [client.slots[number - 1] for number in found]
            client.look()
            found = [slot.uid for slot in slots if slot.uid is not None]
        assert found == [uid for uid, mail in self._there(client).items() if KEYS[key](mail.flags)]

    def _take_over(self, client: Client, uids: list[int], target: Folder, name: str, *, move: bool) -> None:
        """Do as COPY or MOVE has done, and see whether it tells that."""
        assert client.folder is not None
        argument = client.code("COPYUID")
        assert argument is not None
        validity, old, new = argument.split()
        self._see(target, name, int(validity))
        assert numbers_of(old) == uids
        for uid, copied in zip(uids, numbers_of(new), strict=True):
            target.add(client.folder.mails[uid], copied)
        if move:
            kinds = [response.code or response.kind for response in client.last]
            assert "COPYUID" not in kinds[kinds.index("EXPUNGE") :] if "EXPUNGE" in kinds else kinds
            for uid in uids:
                del client.folder.mails[uid]

    def _expunge(self, folder: Folder, uids: list[int]) -> None:
        for uid in uids:
            if uid in folder.mails and "\\deleted" in folder.mails[uid].flags:
                del folder.mails[uid]

    def _create(self, name: str) -> None:
        """Make a folder and those above it that are missing."""
        levels = name.split("/")
        for depth in range(1, len(levels) + 1):
            self.folders.setdefault("/".join(levels[:depth]), Folder())

    def _check_identity(self, client: Client, name: str) -> None:
        """See that a name which may have been another folder's is not mistaken for that one."""
        assert client.command(f"STATUS {name} (UIDVALIDITY)").kind == "OK"
        self._see(self.folders[name], name, client.one("STATUS").values[1][1])

    def _check_folders(self, client: Client) -> None:
        """Hold all folders against what LIST and STATUS tell."""
        assert client.command('LIST "" *').kind == "OK"
        listed = [response.values for response in client.last if response.kind == "LIST"]
        there = {name for attributes, _, name in listed if not {"\\Noselect", "\\NonExistent"} & set(attributes)}
        assert {name if isinstance(name, str) else name.decode() for name in there} == set(self.folders)
        for name, folder in self.folders.items():
            assert client.command(f"STATUS {name} (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)").kind == "OK"
            items = client.one("STATUS").values[1]
            status = dict(zip(items[::2], items[1::2], strict=True))
            self._see(folder, name, status.pop("UIDVALIDITY"))
            unseen = sum("\\seen" not in mail.flags for mail in folder.mails.values())
            assert status == {"MESSAGES": len(folder.mails), "UNSEEN": unseen, "UIDNEXT": folder.uid_next}


def _canonical(name: str) -> str:
    return "INBOX" if name.upper() == "INBOX" else name


def _expect_all(end: Response, named: list[int], there: list[int]) -> None:
    """Tell by its end whether a command has found all the messages that it names."""
    if len(there) < len(named):
        assert (end.kind, end.code) == ("OK", "EXPUNGEISSUED")
    else:
        assert end.kind == "OK"


def _changed(change: str, named: frozenset[str], old: frozenset[str]) -> frozenset[str]:
    return {"FLAGS": named, "+FLAGS": old | named, "-FLAGS": old - named}[change]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("shared"))
    yield house
    house.appliance.close()


def test_a_mailbox_is_what_its_model_is(shared: House) -> None:
    machine = cast("type[RuleBasedStateMachine]", lambda: Mailbox(shared))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
