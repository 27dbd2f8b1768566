"""Whether the certificate is one with which others talk to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from tempmaild.jobs import looks
from tempmaild.net.tls import Certificate, CertificateUnusable
from tempmaild.setup.finding import Finding, of_health

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.settings import Settings

_SUBJECT = "certificate"


def examine(settings: Settings, now: float) -> Iterator[Finding]:
    """Look at the files; `now` in UTC epoch seconds."""
    path, key = settings.tls.certificate, settings.tls.key
    lasting = of_health(looks.of_certificate(settings, now))
    if not path or not key:
        yield lasting
        return
    try:
        Certificate(path, key)
        leaf = looks.read_certificate(path)
        names = _names(leaf)
    except (CertificateUnusable, OSError, ValueError, x509.InvalidVersion) as error:
        yield Finding("error", _SUBJECT, f"it cannot be used: {error}", f"look at {path} and {key}")
        return
    yield lasting
    host = settings.host.name
    if any(_matches(name, host) for name in names):
        yield Finding("fine", _SUBJECT, f"it is for {host}")
    else:
        text = f"it is not for {host}, but for {', '.join(names) or 'no host'}"
        yield Finding("error", _SUBJECT, text, f"get one for {host}, or change host.name")
    if leaf.issuer == leaf.subject:
        yield Finding(
            "warning", _SUBJECT, "it signs itself: mail clients will ask about it", "get one from an authority"
        )


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def _matches(name: str, host: str) -> bool:
    """Tell whether a name of a certificate is that of a host; RFC 9525 §6.3: a wildcard is one whole label."""
    name = name.lower()
    if name.startswith("*."):
        return name[2:] == host.partition(".")[2]
    return name == host
