"""The kinds of value an option can hold: text in, typed value out, and back to TOML.

A parser takes the operator's text and raises ValueError in the operator's words.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import NoneType
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainValidator, Strict

KIB, MIB, GIB = 2**10, 2**20, 2**30
"""Octets."""
DAY = 86_400
"""Seconds."""

Network = IPv4Network | IPv6Network

_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not bound
_UNITS = {"GiB": GIB, "MiB": MIB, "KiB": KIB, "B": 1}
_SIZE = re.compile(r"([0-9]{1,15}) ?(B|KiB|MiB|GiB)")
_TCP = re.compile(r"(?:\[(?P<ipv6>[^]]*)\]|(?P<host>[^]\[:]+)):(?P<port>[0-9]{1,5})")
# RFC 1123 §2.1: letters, digits and inner hyphens, at most 63 octets between two dots
_MAILBOX = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_ALERT_URL = re.compile(r"[A-Za-z][A-Za-z0-9]*://[^\s\x00-\x1f]{1,2000}")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """An IP address, in its shortest form, and a port; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a Unix-domain socket."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def is_among(address: str, networks: Iterable[Network]) -> bool:
    """Tell whether one of these networks has an IP address."""
    ip = ipaddress.ip_address(address)
    return any(ip in network for network in networks)


def overlap(one: Address, other: Address) -> bool:
    """Tell whether listening on one address leaves the other one taken.

    `[::]` takes the port for IPv4 as well, for Linux makes such a socket listen to both.
    """
    if isinstance(one, UnixAddress) or isinstance(other, UnixAddress):
        return one == other
    if one.port != other.port or one.port == 0:
        return False
    hosts = {one.host, other.host}
    same_family = len({":" in host for host in hosts}) == 1
    return len(hosts) == 1 or "::" in hosts or (same_family and bool(hosts & _WILDCARDS))


def parse_address(text: str) -> Address:
    """Read `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; HOST is an IP address, so that starting needs no DNS."""
    kind, _, path = text.partition(":")
    if kind == "unix" and path:
        return UnixAddress(Path(path))
    parts = _TCP.fullmatch(text)
    if parts is None or int(parts["port"]) > 65535:
        raise ValueError(f"{toml(text)} is not an address: write HOST:PORT, [IPV6]:PORT, or unix:PATH")
    try:
        host = ipaddress.IPv4Address(parts["host"]) if parts["host"] else ipaddress.IPv6Address(parts["ipv6"])
    except ValueError:
        raise ValueError(f"{toml(text)} has no IP address before the port") from None
    return TcpAddress(str(host), int(parts["port"]))


def parse_server(text: str) -> Address | None:
    """Read the address of a server as `parse_address` does, or "" for none."""
    return parse_address(text) if text else None


def parse_tcp_address(text: str) -> TcpAddress:
    """Read `HOST:PORT` or `[IPV6]:PORT`."""
    address = parse_address(text)
    if isinstance(address, TcpAddress):
        return address
    raise ValueError(f"{toml(text)} is not an address: write HOST:PORT or [IPV6]:PORT")


def parse_local_address(text: str) -> Address:
    """Read an address as `parse_address` does, which other hosts cannot reach."""
    address = parse_address(text)
    if isinstance(address, TcpAddress) and not ipaddress.ip_address(address.host).is_loopback:
        raise ValueError(f"{toml(text)} can be reached from elsewhere: write 127.0.0.1:PORT, [::1]:PORT or unix:PATH")
    return address


def parse_ip_address(text: str) -> str:
    """Read an IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{toml(text)} is not an IP address") from None


def parse_alert_url(text: str) -> str:
    """Read the URL of a service by which people are told; the error does not repeat it: it may hold a password."""
    if not _ALERT_URL.fullmatch(text):
        raise ValueError("this is not a URL as apprise has it, such as slack://TOKEN or mailtos://USER:PASSWORD@HOST")
    return text


def parse_web_address(text: str) -> str:
    """Read the http or https URL of a host, without a path; as browsers write it, without a slash at its end."""
    parts = urlsplit(text)
    try:
        named = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not named or parts.username or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"{toml(text)} is not the address of a host in the web, such as https://mail.example.org")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def parse_dns_server(text: str) -> TcpAddress:
    """Read an IP address, with a port other than 53 as `HOST:PORT` or `[IPV6]:PORT`."""
    with suppress(ValueError):
        return TcpAddress(str(ipaddress.ip_address(text)), 53)
    with suppress(ValueError):
        address = parse_address(text)
        if isinstance(address, TcpAddress) and address.port:
            return address
    raise ValueError(f"{toml(text)} is not a DNS server: write an IP address, HOST:PORT or [IPV6]:PORT")


def parse_network(text: str) -> Network:
    """Read `ADDRESS/PREFIX`, or an address alone."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{toml(text)} is not a network: write ADDRESS/PREFIX, or an address alone") from None
    if network.network_address != ipaddress.ip_address(text.partition("/")[0]):
        raise ValueError(f"{toml(text)} goes on after its prefix: write {network}")
    return network


def parse_host_name(text: str) -> str:
    """Read a host name in ASCII (RFC 1123 §2.1), at most 253 octets long."""
    if len(text) > 253 or not _HOST_NAME.fullmatch(text):
        raise ValueError(f"{toml(text)} is not a host name: write letters, digits and hyphens between dots")
    return text.lower()


def parse_folder(text: str) -> Path:
    """Read a path that must be there."""
    if not text:
        raise ValueError("no folder is named")
    return Path(text)


def parse_optional_path(text: str) -> Path | None:
    """Read a path, or "" for none."""
    return Path(text) if text else None


def parse_database_url(text: str) -> str:
    """Read a PostgreSQL URL, or "" for SQLite. The text is not repeated in the error: it may hold a password."""
    if text and not text.startswith("postgresql://"):
        raise ValueError('the URL must start with postgresql://, or be "" for SQLite')
    return text


def parse_redis_url(text: str) -> str:
    """Read a Redis URL, or "" for none. The text is not repeated in the error: it may hold a password."""
    if text and not text.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError('the URL must start with redis://, rediss:// or redis+unix://, or be "" for none')
    return text


def parse_optional_address(text: str) -> str:
    """Read the address of a mailbox, or "" for none."""
    if text and not _MAILBOX.fullmatch(text):
        raise ValueError(f"{toml(text)} is not the address of a mailbox: write NAME@DOMAIN")
    return text.lower()


def parse_extension(text: str) -> str:
    """Read the extension of a file name: without its dot, and without another in it."""
    if not text or "." in text or not text.isprintable():
        raise ValueError(f'{toml(text)} is not the extension of a file name: write it without a dot, such as "exe"')
    return text.lower()


def parse_media_type(text: str) -> str:
    """Read a MIME type without parameters."""
    if not _MEDIA_TYPE.fullmatch(text):
        raise ValueError(f'{toml(text)} is not a MIME type: write TYPE/SUBTYPE, such as "application/pdf"')
    return text.lower()


def parse_size(value: object) -> object:
    """Turn text such as "10 MiB" into bytes; numbers go on as they are."""
    if not isinstance(value, str):
        return value
    parts = _SIZE.fullmatch(value)
    if parts is None:
        raise ValueError(f'{toml(value)} is not a size: write bytes as a number, or text such as "10 MiB"')
    return int(parts[1]) * _UNITS[parts[2]]


def size_text(size: int) -> str:
    """Write bytes in the largest unit that divides them: 26214400 is 25 MiB, 1000 is 1000 B."""
    fitting = (f"{size // unit} {name}" for name, unit in _UNITS.items() if size >= unit and size % unit == 0)
    return next(fitting, "0 B")


def toml(value: object) -> str:
    """Write a value of the tree, or whatever a TOML file held in its place, in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(item)}' for key, item in value.items())} }}"
    return json.dumps("" if value is None else str(value), ensure_ascii=False)


def from_text(parse: Callable[[str], object], *results: type) -> PlainValidator:
    """Validate text by `parse`; what is one of its `results` already, as in code that builds a tree, stays."""

    def validate(value: object) -> object:
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, results):
            return value
        raise ValueError(f"{toml(value)} is not text in quotes")

    return PlainValidator(validate)


Count = Annotated[int, Strict()]
Seconds = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Size = Annotated[int, BeforeValidator(parse_size), Strict()]
HostName = Annotated[str, from_text(parse_host_name)]
DatabaseUrl = Annotated[str, from_text(parse_database_url)]
RedisUrl = Annotated[str, from_text(parse_redis_url)]
OptionalMailboxAddress = Annotated[str, from_text(parse_optional_address)]
Folder = Annotated[Path, from_text(parse_folder, Path)]
OptionalPath = Annotated[Path | None, from_text(parse_optional_path, Path, NoneType)]
Networks = tuple[Annotated[Network, from_text(parse_network, IPv4Network, IPv6Network)], ...]
Extensions = tuple[Annotated[str, from_text(parse_extension)], ...]
MediaTypes = tuple[Annotated[str, from_text(parse_media_type)], ...]
OptionalAddress = Annotated[Address | None, from_text(parse_server, TcpAddress, UnixAddress, NoneType)]
TcpOnly = Annotated[TcpAddress, from_text(parse_tcp_address, TcpAddress)]
WebAddress = Annotated[str, from_text(parse_web_address)]
DnsServers = tuple[Annotated[TcpAddress, from_text(parse_dns_server, TcpAddress)], ...]
Addresses = tuple[Annotated[Address, from_text(parse_address, TcpAddress, UnixAddress)], ...]
LocalAddresses = tuple[Annotated[Address, from_text(parse_local_address, TcpAddress, UnixAddress)], ...]
IpAddresses = tuple[Annotated[str, from_text(parse_ip_address)], ...]
AlertUrls = tuple[Annotated[str, from_text(parse_alert_url)], ...]
