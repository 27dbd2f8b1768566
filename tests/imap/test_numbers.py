"""A client that believes every untagged response never loses count, whatever several sessions do at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tempmaild.core.mailbox import INBOX
from tests.imap.house import PLAIN, House
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESPONSE = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH \(.*\))")
_UID = re.compile(rb"UID (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")

STEPS = st.one_of(
    st.just("deliver"),
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(
            [
                "NOOP",
                "FETCH 1:* (UID FLAGS)",
                "FETCH * (UID RFC822.SIZE)",
                "UID FETCH 1:* (FLAGS)",
                "UID FETCH 1:3 (BODY[TEXT])",
                "STORE 1 +FLAGS (\\Deleted)",
                "STORE * +FLAGS.SILENT (\\Deleted)",
                "STORE 1:2 -FLAGS (\\Deleted)",
                "UID STORE 1:4 FLAGS (\\Seen)",
                "EXPUNGE",
                "UID EXPUNGE 1:3",
                "SEARCH ALL",
                "UID SEARCH DELETED",
                "COPY 1 INBOX",
                "UID MOVE 2:3 Trash",
                "MOVE * INBOX",
                "IDLE",
                "CHECK",
                "BOGUS",
            ]
        ),
    ),
)


class Client:
    """What a client knows: the UID of each message where it was told, else None; and the flags."""

    def __init__(self, house: House) -> None:
        self.dialog = house.log_in()
        self.uids: list[int | None] = []
        self.flags: dict[int, set[bytes]] = {}
        self.idling = False
        self.believe(self.dialog.send(b"a SELECT INBOX\r\n"))
        self.command("FETCH 1:* (UID FLAGS)")

    def command(self, command: str) -> None:
        if self.idling:
            self.idling = False
            self.believe(self.dialog.send(b"DONE\r\n"))
        said = self.dialog.send(f"a {command}\r\n".encode())
        self.idling = command == "IDLE"
        if command.startswith(("FETCH", "STORE", "SEARCH")):
            assert b" EXPUNGE\r\n" not in said
        last = self.uids[-1] if self.uids else None
        self.believe(said)
        if ".SILENT" in command and b"a OK" in said and last in self.flags:
            self.flags[last].add(b"\\Deleted")

    def believe(self, said: bytes) -> None:
        assert b"SERVERBUG" not in said
        for line in said.split(b"\r\n"):
            if response := _RESPONSE.fullmatch(line):
                self._believe(int(response[1]), response[2])

    def _believe(self, number: int, what: bytes) -> None:
        if what == b"EXISTS":
            assert number >= len(self.uids), "only EXPUNGE takes messages away"
            self.uids += [None] * (number - len(self.uids))
            return
        assert 1 <= number <= len(self.uids)
        if what == b"EXPUNGE":
            del self.uids[number - 1]
            return
        uid = self.uids[number - 1]
        if told := _UID.search(what):
            assert uid in (None, int(told[1]))
            uid = self.uids[number - 1] = int(told[1])
        if uid and (flags := _FLAGS.search(what)):
            self.flags[uid] = set(flags[1].split()) - {b"\\Recent"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("shared"))
    yield house
    house.appliance.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(steps=st.lists(STEPS, max_size=25))
def test_no_client_loses_count(shared: House, steps: list[str | tuple[int, str]]) -> None:
    inbox = shared.inbox()
    folder = run(inbox.folder(INBOX))
    run(inbox.remove(folder.id, [entry.uid for entry in shared.entries()]))
    shared.deliver(PLAIN, PLAIN)
    clients = [Client(shared) for _ in range(3)]
    for step in steps:
        if isinstance(step, str):
            shared.deliver(PLAIN)
        else:
            clients[step[0]].command(step[1])
        for client in clients:
            client.believe(client.dialog.read())
    for client in clients:
        client.command("NOOP")
        for entry in shared.entries():
            # A client asks for the flags of a message that is new to it.
            if entry.uid in client.flags:
                assert client.flags[entry.uid] == {flag.encode() for flag in entry.flags}
        client.command("UID FETCH 1:* (FLAGS)")
        assert client.uids == [entry.uid for entry in shared.entries()]
        client.dialog.hang_up()
