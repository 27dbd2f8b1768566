"""A trial on one's own machine: settings, a certificate and a domain, with nothing to prepare."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tempmaild.errors import DomainExists

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.settings import Settings

DOMAIN = "box.test"
_HOST = "localhost"
_DAYS = 365

_SETTINGS = """\
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
"""

_WELCOME = """\
tempmaild listens on this machine only:
  SMTP  127.0.0.1:2525 (STARTTLS), 2465 (TLS)      LMTP  127.0.0.1:2424
  IMAP  127.0.0.1:1143 (STARTTLS), 1993 (TLS)      POP3  127.0.0.1:1110 (STARTTLS), 1995 (TLS)
  the domain {domain} is ready; the certificate signs itself, clients will ask about it
  mail is NOT scanned for viruses in this trial

Try, in another terminal:
  export TEMPMAILD_CONFIG={config}
  {command} mailbox create {domain}                  # prints an address and its secret
  swaks --server 127.0.0.1:2525 --to ADDRESS              # sends it a message
  curl --user ADDRESS:SECRET 'imap://127.0.0.1:1143/INBOX;UID=1'
  {command} mailbox show ADDRESS

Ctrl-C ends it; everything is in {state}.
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
    adding = appliance.domains.add(DOMAIN)
    try:
        adding.send(None)
    except (StopIteration, DomainExists):
        return


def welcome(config: Path, settings: Settings) -> str:
    """Say what is there and what can be done with it."""
    state = settings.host.state
    return _WELCOME.format(domain=DOMAIN, config=config.resolve(), state=state, command=".venv/bin/tempmaild")


def make_certificate(certificate: Path, key: Path, now: datetime) -> None:
    """Write a certificate for this machine that signs itself, and its key."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _HOST)])
    names = [x509.DNSName(_HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
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
