"""A trial on one's own machine: settings, a certificate, a domain and the operator, with nothing to prepare."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import AddressTaken, DomainExists
from tempmaild.store.access import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.settings import Address, Settings

T = TypeVar("T")

DOMAIN = "box.test"
OPERATOR = f"postmaster@{DOMAIN}"
_HOST = "localhost"
_DAYS = 365

_SETTINGS = f"""\
# A trial on this machine only. Every option, with its help: config/tempmaild.toml.

[host]
name = "localhost"
state = "."

[tls]
certificate = "certificate.pem"
key = "key.pem"

[smtp]
listen = ["127.0.0.1:2525"]
listen_tls = ["127.0.0.1:2465"]

[lmtp]
listen = ["127.0.0.1:2424"]

[imap]
listen = ["127.0.0.1:1143"]
listen_tls = ["127.0.0.1:1993"]

[pop3]
listen = ["127.0.0.1:1110"]
listen_tls = ["127.0.0.1:1995"]

[mailbox]
operator = "{OPERATOR}"
"""

_WELCOME = """\
tempmaild listens:
  SMTP  {smtp}
  LMTP  {lmtp}
  IMAP  {imap}
  POP3  {pop3}
  the domain {domain} is ready; the certificate signs itself, clients will ask about it
  mail is {scanned} for viruses in this trial

Try, in another terminal:
  export TEMPMAILD_CONFIG={config}
  {command} mailbox create {domain}                  # prints an address and its secret
  swaks --server {smtp_address} --to ADDRESS              # sends it a message
  curl --user ADDRESS:SECRET 'imap://{imap_address}/INBOX;UID=1'
  {command} mailbox show ADDRESS

Ctrl-C ends it; everything is in {state}.
"""

_OPERATOR = """\
The operator's mailbox is {address}: it gets the mail for postmaster, abuse and the like.
  its password, shown only now: {secret}
"""

_CONSOLE = """\
The console is at {url}; its first owner chooses name and password here, once:
  {link}
"""


def prepare(state: Path) -> None:
    """Make the state folder with settings and a certificate, where they are missing."""
    state.mkdir(mode=0o750, parents=True, exist_ok=True)
    settings = state / "tempmaild.toml"
    if not settings.exists():
        settings.write_text(_SETTINGS)
    if not (state / "certificate.pem").exists():
        make_certificate(state / "certificate.pem", state / "key.pem", datetime.now(UTC))


def add_domain(appliance: Appliance) -> None:
    """Add the domain of the trial, where it is missing."""
    try:
        at_once(appliance.domains.add(DOMAIN))
    except DomainExists:
        return


def add_operator(appliance: Appliance) -> str | None:
    """Make the operator's mailbox, which lives for ever, where it is missing; its secret, None when it is there."""
    creating = appliance.mailboxes.create(OPERATOR, Lifetime(seconds=0), operator=True, role=True)
    try:
        return at_once(creating).secret
    except AddressTaken:
        return None


def invite_owner(appliance: Appliance, url: str) -> str | None:
    """Make a link by which the first owner gets into the console at this address; None when somebody is there."""
    if at_once(appliance.people.list_all()):
        return None
    invited = at_once(appliance.people.invite("owner", note="the first owner", actor="host"))
    return f"{url.rstrip('/')}/invitation/{invited.token}"


def welcome(config: Path, settings: Settings, secret: str | None = None, link: str | None = None) -> str:
    """Say what is there and what can be done with it.

    Args:
        secret: of the operator's mailbox when it has just been made.
        link: for the first owner, while there is none.
    """
    smtp, imap, pop3 = settings.smtp, settings.imap, settings.pop3
    text = _WELCOME.format(
        smtp=_places(smtp.listen, smtp.listen_tls),
        lmtp=", ".join(map(str, settings.lmtp.listen)),
        imap=_places(imap.listen, imap.listen_tls),
        pop3=_places(pop3.listen, pop3.listen_tls),
        smtp_address=next(iter(smtp.listen), "HOST:PORT"),
        imap_address=next(iter(imap.listen), "HOST:PORT"),
        domain=DOMAIN,
        scanned="scanned" if settings.clamav.address else "NOT scanned",
        config=config.resolve(),
        state=settings.host.state,
        command=".venv/bin/tempmaild",
    )
    if secret:
        text += "\n" + _OPERATOR.format(address=OPERATOR, secret=secret)
    if link:
        text += "\n" + _CONSOLE.format(url=settings.admin.url, link=link)
    return text


def _places(plain: Sequence[Address], tls: Sequence[Address]) -> str:
    """Say where a service is offered, and how it is encrypted there."""
    return ", ".join([f"{address} (STARTTLS)" for address in plain] + [f"{address} (TLS)" for address in tls])


@contextmanager
def console(config: Path) -> Iterator[None]:
    """Run the console beside the daemon, where it is installed."""
    if find_spec("tempmaild_admin") is None:
        yield
        return
    command = [sys.executable, "-m", "tempmaild_admin", "--config", str(config)]
    process = subprocess.Popen(command)  # noqa: S603 - all of it is ours
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def make_certificate(certificate: Path, key: Path, now: datetime, host: str = _HOST) -> None:
    """Write a certificate that signs itself, for this name and this machine's own address, and its key."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private_key, hashes.SHA256())
    )
    key.touch(mode=0o600)
    key.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
