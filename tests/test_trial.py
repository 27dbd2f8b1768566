"""A trial on one's own machine, with nothing to prepare."""

from __future__ import annotations

import ssl
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from tempmaild import trial
from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import FOREVER
from tempmaild.settings import load
from tests.support import run

if TYPE_CHECKING:
    from pathlib import Path


def test_prepares_settings_that_are_right(tmp_path: Path) -> None:
    state = tmp_path / "new" / "var"
    trial.prepare(state)
    settings = load(state / "tempmaild.toml", {})
    assert settings.host.state == state
    addresses = [*settings.smtp.listen, *settings.imap.listen_tls, *settings.pop3.listen, *settings.lmtp.listen]
    assert {str(address).partition(":")[0] for address in addresses} == {"127.0.0.1"}
    assert "box.test" in trial.welcome(state / "tempmaild.toml", settings)


def test_tells_the_addresses_of_the_settings(tmp_path: Path) -> None:
    trial.prepare(tmp_path)
    file = tmp_path / "tempmaild.toml"
    welcome = trial.welcome(file, load(file, {}))
    assert "IMAP  127.0.0.1:1143 (STARTTLS), 127.0.0.1:1993 (TLS)" in welcome
    assert "mail is NOT scanned" in welcome
    text = file.read_text().replace("127.0.0.1:1143", "127.0.0.1:3143").replace("127.0.0.1:2525", "[::1]:3525")
    file.write_text(f'{text}\n[clamav]\naddress = "unix:clamd.sock"\n')
    welcome = trial.welcome(file, load(file, {}))
    assert "IMAP  127.0.0.1:3143 (STARTTLS), 127.0.0.1:1993 (TLS)" in welcome
    assert "imap://127.0.0.1:3143/INBOX" in welcome
    assert "--server [::1]:3525" in welcome
    assert "mail is scanned" in welcome


def test_prepares_once(tmp_path: Path) -> None:
    trial.prepare(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert before.keys() == {"tempmaild.toml", "certificate.pem", "key.pem"}
    trial.prepare(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_adds_the_domain_once(tmp_path: Path) -> None:
    trial.prepare(tmp_path)
    appliance = open_appliance(load(tmp_path / "tempmaild.toml", {}))
    with closing(appliance.handle):
        trial.add_domain(appliance)
        trial.add_domain(appliance)
        assert [domain.name for domain in run(appliance.domains.list_all())] == [trial.DOMAIN]


def test_makes_the_operators_mailbox_once(tmp_path: Path) -> None:
    trial.prepare(tmp_path)
    settings = load(tmp_path / "tempmaild.toml", {})
    assert settings.mailbox.operator == trial.OPERATOR
    appliance = open_appliance(settings)
    with closing(appliance.handle):
        trial.add_domain(appliance)
        assert run(appliance.deliveries.without_postmaster("localhost")) == ["box.test", "localhost"]
        secret = trial.add_operator(appliance)
        assert secret
        assert trial.add_operator(appliance) is None
        assert run(appliance.deliveries.without_postmaster("localhost")) == []
        inbox = run(appliance.logins.login(trial.OPERATOR, secret))
        assert inbox.mailbox.expires_at == FOREVER
    assert secret in trial.welcome(tmp_path / "tempmaild.toml", settings, secret)
    assert trial.OPERATOR not in trial.welcome(tmp_path / "tempmaild.toml", settings)


def test_invites_the_first_owner_until_there_is_one(tmp_path: Path) -> None:
    trial.prepare(tmp_path)
    settings = load(tmp_path / "tempmaild.toml", {})
    appliance = open_appliance(settings)
    with closing(appliance.handle):
        link = trial.invite_owner(appliance, settings.admin.url)
        assert link
        assert link in trial.welcome(tmp_path / "tempmaild.toml", settings, None, link)
        url, _, token = link.rpartition("/")
        assert url == "http://127.0.0.1:8025/invitation"
        assert run(appliance.people.accept(token, "ann", "nine lives of tea")).role == "owner"
        assert trial.invite_owner(appliance, settings.admin.url) is None


def test_the_certificate_can_be_used(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    now = datetime.now(UTC)
    trial.make_certificate(certificate, key, now)
    assert key.stat().st_mode & 0o077 == 0
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert parsed.not_valid_before_utc < now < now + timedelta(days=300) < parsed.not_valid_after_utc
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=str(certificate))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    for name in ("localhost", "127.0.0.1"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
        server = server_side.wrap_bio(to_server, to_client, server_side=True)
        _shake_hands(client, server)
        assert client.getpeercert()


def _shake_hands(*sides: ssl.SSLObject) -> None:
    """Let both sides speak in turn until the handshake is done; raises when the certificate is not trusted."""
    waiting = list(sides)
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
