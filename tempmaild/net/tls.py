"""Certificates for TLS, exchanged without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL

if TYPE_CHECKING:
    from pathlib import Path


class CertificateUnusable(Exception):
    """The certificate or its key cannot be read, or they do not belong together."""


class Certificate:
    """The server's certificate chain and key; connections that start TLS get those that were loaded last."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._context = self._load()

    def reload(self) -> None:
        """Read the files again.

        Raises:
            CertificateUnusable: they are not usable; what was loaded before stays in use.
        """
        self._context = self._load()

    def getContext(self) -> SSL.Context:  # noqa: N802 - the name that Twisted calls
        """Give the context for one more connection."""
        return self._context

    def _load(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        # RFC 8996: nothing older than TLS 1.2.
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_id(b"tempmaild")
        try:
            context.use_certificate_chain_file(str(self._certificate))
            context.use_privatekey_file(str(self._key))
            context.check_privatekey()
        except (SSL.Error, OSError) as error:
            raise CertificateUnusable(f"{self._certificate}, {self._key}: {error}") from error
        return context
