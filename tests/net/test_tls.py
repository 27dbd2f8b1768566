from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator

from tempmaild.net.tls import Certificate, CertificateUnusable
from tempmaild.trial import make_certificate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(certificate, key, datetime.now(UTC))
    return certificate, key


def test_every_connection_has_its_own_tls(files: tuple[Path, Path]) -> None:
    certificate = Certificate(*files)
    assert IOpenSSLServerConnectionCreator.providedBy(certificate)
    first, second = certificate.serverConnectionForTLS(None), certificate.serverConnectionForTLS(None)
    assert isinstance(first, SSL.Connection)
    assert first is not second
    assert first.get_context() is second.get_context()


def test_what_is_unusable(files: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = files
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other / "certificate.pem", other / "key.pem", datetime.now(UTC))
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    for unusable in (
        (certificate, other / "key.pem"),
        (tmp_path / "missing.pem", key),
        (certificate, tmp_path / "missing.pem"),
        (garbage, key),
        (certificate, garbage),
        (key, certificate),
    ):
        with pytest.raises(CertificateUnusable, match=unusable[0].name):
            Certificate(*unusable)
