"""The checks that the settings want, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from publicsuffixlist import PublicSuffixList

from tempmaild.checks.arc import Arc
from tempmaild.checks.attachments import Attachments
from tempmaild.checks.blocklists import Blocklists
from tempmaild.checks.clamav import Clamav
from tempmaild.checks.client import Client
from tempmaild.checks.dkim import Dkim
from tempmaild.checks.dmarc import Dmarc
from tempmaild.checks.dns import Resolver
from tempmaild.checks.pipeline import Pipeline, Timed, configured
from tempmaild.checks.spam import Spam
from tempmaild.checks.spf import Spf

if TYPE_CHECKING:
    from tempmaild.checks.pipeline import Check
    from tempmaild.log import Log
    from tempmaild.settings import Settings


class Checks(NamedTuple):
    """What a process checks with.

    Attributes:
        clamav: for its owner to prepare and watch; None where mail is not scanned.
    """

    pipeline: Pipeline
    clamav: Clamav | None


def build(settings: Settings, log: Log) -> Checks:
    """Make the checks, within a running event loop."""
    dns = settings.dns
    resolver = Resolver(
        dns.servers,
        query_seconds=dns.query_seconds,
        seconds=dns.seconds,
        queries=dns.max_queries,
        cache_bytes=dns.cache_bytes,
    )
    host, blocklists, spam = settings.host.name, settings.blocklists, settings.spam
    checks: dict[str, Check] = {
        "spf": Spf(resolver, host, settings.spf.seconds),
        "dkim": Dkim(resolver),
        "arc": Arc(resolver),
        "dmarc": Dmarc(resolver, PublicSuffixList(), settings.dmarc.seconds),
        "client": Client(resolver),
        "attachments": Attachments(),
    }
    clamav = None
    wanted = configured(settings)
    if "blocklists" in wanted:
        checks["blocklists"] = Blocklists(resolver, blocklists.dnsbl, blocklists.domains, log)
    if "clamav" in wanted:
        checks["clamav"] = clamav = Clamav(settings.clamav, settings.smtp.max_message_bytes, log)
    if "spam" in wanted:
        assert spam.address
        checks["spam"] = Spam(spam.address, host, spam.max_message_bytes, log)
    timed = {name: Timed(check, getattr(settings, name).seconds) for name, check in checks.items()}
    return Checks(Pipeline(timed, host, settings.checks.seconds, log), clamav)
