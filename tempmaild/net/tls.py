"""Certificates for TLS, exchanged without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

if TYPE_CHECKING:
    from pathlib import Path


class CertificateUnusable(Exception):
    """The certificate or its key cannot be read, or they do not belong together."""


@implementer(IOpenSSLServerConnectionCreator)
class Certificate:
    """The server's certificate chain and key, as the files were when this was made.

    Raises:
        CertificateUnusable: they are not usable.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        # RFC 8996: nothing older than TLS 1.2.
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_id(b"tempmaild")
        try:
            context.use_certificate_chain_file(str(certificate))
            context.use_privatekey_file(str(key))
            context.check_privatekey()
        except (SSL.Error, OSError) as error:
            raise CertificateUnusable(f"{certificate}, {key}: {error}") from error
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:  # noqa: ARG002, N802, N803 - Twisted's
        """Make the TLS side of one connection."""
        return SSL.Connection(self._context, None)
