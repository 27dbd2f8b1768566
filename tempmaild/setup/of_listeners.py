"""Whether the daemon is there, and answers where it should."""

from __future__ import annotations

import fcntl
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.settings.values import TcpAddress, UnixAddress
from tempmaild.setup.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.settings import Address, Settings

_SECONDS = 5.0
"""What a daemon may take for its greeting; one that is well does it in milliseconds."""
_LONGEST = 1024
"""Octets of a greeting that are looked at."""
_ON_THIS_HOST = {"::": "::1", "0.0.0.0": "127.0.0.1"}  # noqa: S104 - compared with, not bound


class Listener(NamedTuple):
    """Where something should answer, and how its greeting begins."""

    name: str
    address: Address
    tls: bool
    greeting: bytes


def listeners(settings: Settings) -> Iterator[Listener]:
    """Give all of the settings."""
    for name, section, greeting in (
        ("SMTP", settings.smtp, b"220 "),
        ("LMTP", settings.lmtp, b"220 "),
        ("IMAP", settings.imap, b"* OK"),
        ("POP3", settings.pop3, b"+OK"),
    ):
        for address in section.listen:
            yield Listener(name, address, False, greeting)
        for address in getattr(section, "listen_tls", ()):
            yield Listener(f"{name} over TLS", address, True, greeting)


def examine(settings: Settings) -> Iterator[Finding]:
    """See who answers."""
    if _runs(settings):
        yield Finding("fine", "daemon", "it runs")
    else:
        remedy = "systemctl start tempmaild; why it does not: journalctl -u tempmaild"
        yield Finding("error", "daemon", "it does not run", remedy)
    for listener in listeners(settings):
        yield _answer(listener)


def examine_ports(settings: Settings) -> Iterator[Finding]:
    """See, before there is a daemon, who has the ports that it will need."""
    for listener in listeners(settings):
        problem = _taken(listener.address)
        if problem and _answer(listener).severity != "fine":
            remedy = "stop what listens there: ss -ltnp; or have the other mail host bring its mail by LMTP"
            yield Finding("error", listener.name, f"{listener.address} is taken: {problem}", remedy)
        elif problem:
            yield Finding("note", listener.name, f"{listener.address} answers already, as it should")
        else:
            yield Finding("fine", listener.name, f"{listener.address} is free")


def _runs(settings: Settings) -> bool:
    """Tell whether a daemon has locked the state folder."""
    try:
        with (settings.host.state / "daemon.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _answer(listener: Listener) -> Finding:
    subject, where = listener.name, listener.address
    try:
        said = _greeting(listener)
    except OSError as error:
        text = f"{where} does not answer: {error}"
        return Finding("error", subject, text, "systemctl status 'tempmaild*.socket' tempmaild")
    return _judged(listener, said)


def _judged(listener: Listener, said: bytes) -> Finding:
    subject, where = listener.name, listener.address
    if said.startswith(listener.greeting):
        return Finding("fine", subject, f"{where} answers")
    shown = said[:60].decode("ascii", "replace")
    return Finding("error", subject, f"{where} answers with {shown!r}", "another program listens there: ss -ltnp")


def _greeting(listener: Listener) -> bytes:
    """Connect as a client does, and read the first line.

    Raises:
        OSError: nobody is there, or says nothing in time.
    """
    with _connected(listener.address) as connection:
        if not listener.tls:
            return connection.recv(_LONGEST)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Whether the certificate is good is looked at by itself.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(connection) as secured:
            return secured.recv(_LONGEST)


def _connected(address: Address) -> socket.socket:
    if isinstance(address, TcpAddress):
        host = _ON_THIS_HOST.get(address.host, address.host)
        return socket.create_connection((host, address.port), timeout=_SECONDS)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_SECONDS)
        connection.connect(str(address.path))
    except OSError:
        connection.close()
        raise
    return connection


def _taken(address: Address) -> str:
    """Say why an address cannot be listened on; "" where it can."""
    if isinstance(address, UnixAddress):
        return "there is a socket" if address.path.exists() else ""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind((address.host, address.port))
            attempt.listen(1)
    except OSError as error:
        return str(error.strerror or error)
    return ""
