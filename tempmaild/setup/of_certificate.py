"""Whether the certificate is one with which others talk to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from tempmaild.core.plural import counted
from tempmaild.core.timespan import DAY
from tempmaild.jobs.looks import CERTIFICATE_PROBLEM, CERTIFICATE_WARNING
from tempmaild.net.tls import Certificate, CertificateUnusable
from tempmaild.setup.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.settings import Settings
    from tempmaild.setup.finding import Severity

_SUBJECT = "certificate"
_LARGEST = 2**20
"""Octets of a chain; real ones have a few thousand."""


def examine(settings: Settings, now: float) -> Iterator[Finding]:
    """Look at the files; `now` in UTC epoch seconds."""
    path, key = settings.tls.certificate, settings.tls.key
    if not path or not key:
        text = "there is none: mail and secrets travel in the clear, and logins are refused to other hosts"
        yield Finding(
            "warning", _SUBJECT, text, "get one, and give it to `tempmaild setup --certificate FILE --key FILE`"
        )
        return
    try:
        Certificate(path, key)
        with path.open("rb") as file:
            leaf = x509.load_pem_x509_certificate(file.read(_LARGEST))
        names = _names(leaf)
    except (CertificateUnusable, OSError, ValueError, x509.InvalidVersion) as error:
        yield Finding("error", _SUBJECT, f"it cannot be used: {error}", f"look at {path} and {key}")
        return
    yield _lasting(leaf, now)
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


def _lasting(leaf: x509.Certificate, now: float) -> Finding:
    end = leaf.not_valid_after_utc
    left = end.timestamp() - now
    if leaf.not_valid_before_utc.timestamp() > now:
        return Finding(
            "error", _SUBJECT, f"it is good only from {leaf.not_valid_before_utc:%F} on", "is the clock right?"
        )
    if left <= 0:
        return Finding("error", _SUBJECT, f"it has expired on {end:%F}", "renew it: certbot renew")
    if left < CERTIFICATE_WARNING:
        text = f"it expires in {counted(int(left / DAY), 'day', 'days')}"
        severity: Severity = "error" if left < CERTIFICATE_PROBLEM else "warning"
        return Finding(severity, _SUBJECT, text, "why was it not renewed? certbot renew")
    return Finding("fine", _SUBJECT, f"it is good until {end:%F}")


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
