"""The DNS records that a domain whose mail is taken needs, and whether what DNS has is what is needed."""

from __future__ import annotations

import re
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from tempmaild.core import client_config, dmarc_record
from tempmaild.core.address import WILDCARD
from tempmaild.core.timespan import DAY
from tempmaild.errors import InvalidValue
from tempmaild.settings.values import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tempmaild.core.dns_message import Value
    from tempmaild.settings import Settings

Purpose = Literal[
    "mx", "address", "spf", "dmarc", "mta-sts", "mta-sts-host", "tls-rpt", "service", "autoconfig", "caa", "below"
]
"""What a record is for.

mx: mail gets here. address: this host is found. spf, dmarc: nobody sends mail in the domain's name. mta-sts, its
host, tls-rpt: mail comes over TLS only, and who is told when it cannot. service, autoconfig: mail programs find this
host. caa: who may issue its certificate. below: what leads mail for names below the domain here, which are not ours.
"""
Need = Literal["must", "should", "may"]
"""must: without it there is no mail. should: without it others can do harm, or look on. may: a convenience."""
State = Literal["fine", "missing", "different", "unknown"]
"""unknown: DNS did not tell."""

_NO_SENDER = "v=spf1 -all"  # RFC 7208 §10.1.2
_REJECT = "v=DMARC1; p=reject;"  # RFC 9989 §4.7
_STS_SECONDS = 7 * DAY
"""How long senders keep the MTA-STS policy: RFC 8461 §3.2 finds weeks sensible; a mistake should not last longer."""
_STS = re.compile(rb"v=STSv1[ \t]*;[ \t]*id=[A-Za-z0-9]{1,32}[ \t]*(?:;|\Z)")  # RFC 8461 §3.1
_TLS_RPT = re.compile(rb"v=TLSRPTv1[ \t]*;.*?\brua=(?:mailto|https):", re.DOTALL)  # RFC 8460 §3
_ISSUE = re.compile(r'\d+ issue "[ \t]*[A-Za-z0-9]')


class Record(Struct, frozen=True):
    """A record to publish.

    Attributes:
        name: whose record it is, without the dot at its end; it may begin with "*.".
        kind: such as "MX".
        value: as zone files have it; "" where only the operator knows it, such as a public address.
    """

    purpose: Purpose
    need: Need
    name: str
    kind: str
    value: str

    @property
    def line(self) -> str:
        """The record as a line of a zone file (RFC 1035 §5.1)."""
        value = f'"{self.value}"' if self.kind == "TXT" else self.value
        return f"{self.name}. IN {self.kind} {value}"


def records(domain: str, settings: Settings, *, operator: bool = False) -> list[Record]:
    """Give the records for a domain, most needed first.

    Args:
        domain: its normalised name; "*." and a name for all below that one. Below a wildcard there are no names of
            services, so such a domain does without what has one.
        operator: whether there is a mailbox that takes the reports that come to postmaster@.
    """
    host = settings.host.name
    found = [Record("mx", "must", domain, "MX", f"10 {host}."), *_addresses(settings)]
    found.append(Record("spf", "should", domain, "TXT", _NO_SENDER))
    if domain.startswith(WILDCARD):
        # One name has both: each is found there, as who looks for one passes over the other (RFC 4592 §2.2.1).
        return [*found, Record("dmarc", "should", domain, "TXT", _REJECT), _caa(host)]
    found.append(Record("dmarc", "should", f"_dmarc.{domain}", "TXT", _REJECT))
    if settings.tls.certificate:
        found += _secured(domain, settings, operator=operator)
    return [*found, *_services(domain, settings), _caa(host)]


def below(domain: str) -> Record:
    """Give what is not to be there: a record that leads mail for any name below a domain here."""
    return Record("below", "should", f"{WILDCARD}{domain}", "MX", "")


def sts_policy(settings: Settings) -> str:
    """Write what `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` has to say (RFC 8461 §3.2).

    It begins with the mode in which senders report what would have failed, and deliver all the same.
    """
    return f"version: STSv1\nmode: testing\nmx: {settings.host.name}\nmax_age: {_STS_SECONDS}\n"


def _addresses(settings: Settings) -> Iterator[Record]:
    """Give the address records of this host; which it has is known where it listens on single public ones."""
    public: dict[int, str] = {}
    for address in settings.smtp.listen:
        if isinstance(address, TcpAddress) and (ip := ip_address(address.host)).is_global:
            public.setdefault(ip.version, address.host)
    yield Record("address", "must", settings.host.name, "A", public.get(4, ""))
    yield Record("address", "may", settings.host.name, "AAAA", public.get(6, ""))


def _secured(domain: str, settings: Settings, *, operator: bool) -> Iterator[Record]:
    # Senders fetch the policy anew when the id is another. RFC 8461 §3.1: up to 32 letters and digits.
    identifier = sha256(sts_policy(settings).encode()).hexdigest()[:16]
    yield Record("mta-sts", "should", f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={identifier};")
    yield Record("mta-sts-host", "should", f"mta-sts.{domain}", "CNAME", f"{settings.host.name}.")
    if operator:
        report = f"v=TLSRPTv1; rua=mailto:postmaster@{domain}"
        yield Record("tls-rpt", "should", f"_smtp._tls.{domain}", "TXT", report)


def _services(domain: str, settings: Settings) -> Iterator[Record]:
    try:
        lines = client_config.srv(f"postmaster@{domain}", settings).decode().splitlines()
    except InvalidValue:
        return  # no client can connect
    for line in lines:
        name, _, value = line.partition(". IN SRV ")
        yield Record("service", "may", name, "SRV", value)
    yield Record("autoconfig", "may", f"autoconfig.{domain}", "CNAME", f"{settings.host.name}.")


def _caa(host: str) -> Record:
    return Record("caa", "may", host, "CAA", '0 issue "letsencrypt.org"')


def judge(record: Record, values: Sequence[Value]) -> State:
    """Tell what the values that DNS has mean for a record."""
    return _JUDGES[record.purpose](record, values)


def shown(values: Sequence[Value]) -> tuple[str, ...]:
    """Write values of DNS as text; the words of strangers, without anything but printable characters of ASCII."""
    return tuple(map(_shown, values))


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return f"{value[0]} {value[1]}."
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return "".join(c if " " <= c <= "~" else f"\\{ord(c):03d}" for c in text)


def _mx(record: Record, values: Sequence[Value]) -> State:
    host = record.value.partition(" ")[2].removesuffix(".")
    if not values:
        return "missing"
    return "fine" if host in {value[1] for value in values} else "different"


def _address(record: Record, values: Sequence[Value]) -> State:
    if not values:
        return "missing"
    return "fine" if not record.value or record.value in values else "different"


def _anything(_record: Record, values: Sequence[Value]) -> State:
    return "fine" if values else "missing"


def _below(_record: Record, values: Sequence[Value]) -> State:
    """What was found leads here; nothing should."""
    return "different" if values else "fine"


def _spf(_record: Record, values: Sequence[Value]) -> State:
    # RFC 7208 §4.5: two records are an error.
    found = [text for text in _texts(values) if re.match(rb"v=spf1(?: |\Z)", text, re.IGNORECASE)]
    return _one_of(found, lambda text: text.lower().split() == _NO_SENDER.encode().split())


def _dmarc(_record: Record, values: Sequence[Value]) -> State:
    found = dmarc_record.parse_records(_texts(values))
    if found is None:
        several = [text for text in _texts(values) if re.match(rb"\s*v\s*=\s*DMARC1", text, re.IGNORECASE)]
        return "different" if several else "missing"
    rejects = not found.broken and found.applied(below=False, exists=True) == "reject"
    return "fine" if rejects else "different"


def _matching(pattern: re.Pattern[bytes], version: bytes, _record: Record, values: Sequence[Value]) -> State:
    # RFC 8460 §3, RFC 8461 §3.1: other records are passed over, and two of the right version count as none.
    found = [text for text in _texts(values) if text.startswith(version)]
    return _one_of(found, lambda text: pattern.match(text) is not None)


def _one_of(found: Sequence[bytes], is_right: Callable[[bytes], bool]) -> State:
    if not found:
        return "missing"
    return "fine" if len(found) == 1 and is_right(found[0]) else "different"


def _service(record: Record, values: Sequence[Value]) -> State:
    if not values:
        return "missing"
    return "fine" if record.value in values else "different"


def _caa_state(_record: Record, values: Sequence[Value]) -> State:
    issuers = [value for value in values if isinstance(value, str) and " issue " in value]
    if not issuers:
        return "missing"
    # RFC 8659 §4.2: an issuer of ";" stands for nobody.
    return "fine" if any(map(_ISSUE.match, issuers)) else "different"


def _texts(values: Sequence[Value]) -> list[bytes]:
    return [value for value in values if isinstance(value, bytes)]


_JUDGES: Mapping[Purpose, Callable[[Record, Sequence[Value]], State]] = {
    "mx": _mx,
    "address": _address,
    "spf": _spf,
    "dmarc": _dmarc,
    "mta-sts": partial(_matching, _STS, b"v=STSv1"),
    "mta-sts-host": _anything,
    "tls-rpt": partial(_matching, _TLS_RPT, b"v=TLSRPTv1"),
    "service": _service,
    "autoconfig": _anything,
    "caa": _caa_state,
    "below": _below,
}
