from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.net.conversation import Peer
from tempmaild.pop3.server import session_factory
from tempmaild.settings import Settings
from tempmaild.settings.tree import Host, Login, Pop3, Tls
from tests.dialog import Dialog

if TYPE_CHECKING:
    from tests.pop3.house import House


def test_sessions_follow_the_settings(house: House) -> None:
    settings = Settings(
        host=Host(name="pop.example.org"),
        login=Login(plaintext="never"),
        pop3=Pop3(login_seconds=17, idle_seconds=700),
        tls=Tls(certificate=Path("/cert.pem"), key=Path("/key.pem")),
    )
    make = session_factory(settings, house.logins, house.appliance.appliance.limiter, house.clock)
    session = make(Peer("127.0.0.1", on_this_host=True), "s1")
    assert session.id == "s1"
    dialog = Dialog(session)
    assert dialog.read() == b"+OK pop.example.org tempmaild POP3 ready\r\n"
    assert dialog.awaited
    assert dialog.awaited.patience == 17
    assert b"\r\nUSER\r\n" not in dialog.send(b"CAPA\r\n")
    assert dialog.send(b"STLS\r\n") == b"+OK begin TLS\r\n"
    dialog.send(f"AUTH PLAIN {house.values['plain']}\r\n".encode())
    assert dialog.awaited.patience == 700


def test_without_a_certificate_there_is_no_stls(house: House) -> None:
    make = session_factory(Settings(), house.logins, house.appliance.appliance.limiter, house.clock)
    dialog = Dialog(make(Peer("127.0.0.1", on_this_host=True), "s1"))
    assert b"\r\nSTLS\r\n" not in dialog.send(b"CAPA\r\n")
