"""What a mail client has to be told to read a mailbox here, in the forms that clients take.

No form has a secret in it: the client asks for that. tempmaild takes mail in and sends none, but no form is complete
without an outgoing server. So they name this host's own, without a login: it takes mail to addresses that are here,
and refuses all other mail with the reason (550 5.7.1).
"""

from __future__ import annotations

import ipaddress
import plistlib
import uuid
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from tempmaild.core.address import readable
from tempmaild.errors import InvalidValue
from tempmaild.settings import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any
    from xml.etree.ElementTree import Element

    from tempmaild.settings import Address, Settings

Protocol = Literal["imap", "pop3", "smtp"]
Security = Literal["tls", "starttls", "plain"]

_SMTP_PORT = 25


class Server(NamedTuple):
    """Where and how a client connects.

    Attributes:
        host: the name that the certificate has to have.
        security: `tls` from the first byte (RFC 8314), `starttls`, or `plain` for neither.
    """

    protocol: Protocol
    host: str
    port: int
    security: Security


def incoming(settings: Settings) -> list[Server]:
    """Give the ways to read mail, the best first: IMAP before POP3, TLS before STARTTLS.

    Raises:
        InvalidValue: by these settings no client can connect over TCP.
    """
    imap, pop3 = settings.imap, settings.pop3
    servers = [
        *_servers("imap", imap.listen_tls, imap.listen, settings),
        *_servers("pop3", pop3.listen_tls, pop3.listen, settings),
    ]
    if not servers:
        raise InvalidValue("imap.listen", "neither IMAP nor POP3 listens on a TCP port that is known beforehand")
    return servers


def outgoing(settings: Settings) -> Server:
    """Give the server for outgoing mail that forms demand; see the top of this file."""
    smtp = settings.smtp
    # Without a port of its own this host gets its mail from a mail host in front of it, which has the usual one.
    in_front = Server("smtp", settings.host.name, _SMTP_PORT, "plain")
    return next(iter(_servers("smtp", smtp.listen_tls, smtp.listen, settings)), in_front)


def _servers(
    protocol: Protocol, tls: Iterable[Address], plain: Iterable[Address], settings: Settings
) -> list[Server]:
    """Give one server for each kind of security, by the first address of each."""
    upgraded: Security = "starttls" if settings.tls.certificate else "plain"
    listening: list[tuple[Address, Security]] = [(a, "tls") for a in tls]
    listening += [(a, upgraded) for a in plain]
    known = [(a, security) for a, security in listening if isinstance(a, TcpAddress) and a.port]
    # What only programs on this host reach counts when there is nothing else, as in a trial.
    reachable = [(a, security) for a, security in known if not ipaddress.ip_address(a.host).is_loopback] or known
    ports: dict[Security, int] = {}
    for address, security in reachable:
        ports.setdefault(security, address.port)
    return [Server(protocol, settings.host.name, port, security) for security, port in ports.items()]


def autoconfig(address: str, settings: Settings) -> bytes:
    """Write what Thunderbird, and others after it, look for: `config-v1.1.xml`.

    https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat

    Args:
        address: a normalised address.

    Raises:
        InvalidValue: by these settings no client can connect over TCP.
    """
    domain = address.rpartition("@")[2]
    root = ElementTree.Element("clientConfig", version="1.1")
    provider = ElementTree.SubElement(root, "emailProvider", id=domain)
    _add(provider, domain=domain, displayName=readable(domain), displayShortName=readable(domain))
    for server in incoming(settings):
        element = _autoconfig_server(provider, "incomingServer", server)
        _add(element, authentication="password-cleartext", username="%EMAILADDRESS%")
    element = _autoconfig_server(provider, "outgoingServer", outgoing(settings))
    # Whoever has an outgoing server already sends by that.
    _add(element, authentication="none", useGlobalPreferredServer="true")
    return _xml(root)


_SOCKET_TYPE: Mapping[Security, str] = {"tls": "SSL", "starttls": "STARTTLS", "plain": "plain"}


def _autoconfig_server(provider: Element, tag: str, server: Server) -> Element:
    element = ElementTree.SubElement(provider, tag, type=server.protocol)
    _add(element, hostname=server.host, port=str(server.port), socketType=_SOCKET_TYPE[server.security])
    return element


def autodiscover(address: str, settings: Settings) -> bytes:
    """Write what Outlook looks for: the response of the Autodiscover service in plain XML ("POX").

    https://learn.microsoft.com/exchange/client-developer/web-service-reference/pox-autodiscover-web-service-reference-for-exchange

    Args:
        address: a normalised address.

    Raises:
        InvalidValue: by these settings no client can connect over TCP.
    """
    # As attributes, so that no element gets a prefix.
    schemas = "http://schemas.microsoft.com/exchange/autodiscover"
    root = ElementTree.Element("Autodiscover", xmlns=f"{schemas}/responseschema/2006")
    response = ElementTree.SubElement(root, "Response", xmlns=f"{schemas}/outlook/responseschema/2006a")
    _add(ElementTree.SubElement(response, "User"), DisplayName=readable(address))
    account = ElementTree.SubElement(response, "Account")
    _add(account, AccountType="email", Action="settings")
    # Outlook knows one server of each protocol.
    best: dict[Protocol, Server] = {}
    for server in incoming(settings):
        best.setdefault(server.protocol, server)
    for server in best.values():
        _autodiscover_protocol(account, server, LoginName=address, AuthRequired="on")
    _autodiscover_protocol(account, outgoing(settings), AuthRequired="off")
    return _xml(root)


_ENCRYPTION: Mapping[Security, str] = {"tls": "SSL", "starttls": "TLS", "plain": "None"}


def _autodiscover_protocol(account: Element, server: Server, **login: str) -> None:
    _add(
        ElementTree.SubElement(account, "Protocol"),
        Type=server.protocol.upper(),
        Server=server.host,
        Port=str(server.port),
        DomainRequired="off",
        SPA="off",
        # Outlook 2007 knows SSL alone, later ones go by Encryption.
        SSL="off" if server.security == "plain" else "on",
        Encryption=_ENCRYPTION[server.security],
        **login,
    )


def mobileconfig(address: str, settings: Settings) -> bytes:
    """Write a configuration profile for iOS, iPadOS and macOS; each time with the same identifiers.

    https://github.com/apple/device-management/blob/release/mdm/profiles/com.apple.mail.managed.yaml

    Args:
        address: a normalised address.

    Raises:
        InvalidValue: by these settings no client can connect over TCP.
    """
    receiving, sending = incoming(settings)[0], outgoing(settings)
    # RFC 9562 §5.5
    profile = uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{address}")
    account = {
        "EmailAccountDescription": readable(address),
        "EmailAccountType": "EmailTypeIMAP" if receiving.protocol == "imap" else "EmailTypePOP",
        "EmailAddress": readable(address),
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": receiving.host,
        "IncomingMailServerPortNumber": receiving.port,
        "IncomingMailServerUseSSL": receiving.security != "plain",
        "IncomingMailServerUsername": address,
        "OutgoingMailServerAuthentication": "EmailAuthNone",
        "OutgoingMailServerHostName": sending.host,
        "OutgoingMailServerPortNumber": sending.port,
        "OutgoingMailServerUseSSL": sending.security != "plain",
    } | _payload("com.apple.mail.managed", uuid.uuid5(profile, "account"), address)
    return plistlib.dumps({"PayloadContent": [account]} | _payload("Configuration", profile, address))


def _payload(kind: str, identifier: uuid.UUID, address: str) -> dict[str, Any]:
    labels = address.rpartition("@")[2].split(".")
    return {
        "PayloadDisplayName": readable(address),
        "PayloadIdentifier": ".".join([*reversed(labels), str(identifier)]),
        "PayloadType": kind,
        "PayloadUUID": str(identifier).upper(),
        "PayloadVersion": 1,
    }


# RFC 6186 §3.2 and §3.3
_SERVICES: Mapping[tuple[Protocol, bool], str] = {
    ("imap", True): "_imaps",
    ("imap", False): "_imap",
    ("pop3", True): "_pop3s",
    ("pop3", False): "_pop3",
}
_NOT_OFFERED = "0 0 0 ."
"""The record of a service that is decidedly not available (RFC 2782)."""


def srv(address: str, settings: Settings) -> bytes:
    """Write the SRV records of the address's domain, as lines of a zone file (RFC 2782).

    Args:
        address: a normalised address.

    Raises:
        InvalidValue: by these settings no client can connect over TCP.
    """
    # RFC 6186 §3.4: the lower the priority's number, the rather a client takes the service.
    records = dict.fromkeys(_SERVICES.values(), _NOT_OFFERED)
    for priority, server in enumerate(incoming(settings)):
        service = _SERVICES[server.protocol, server.security == "tls"]
        records[service] = f"{priority * 10} 0 {server.port} {server.host}."
    # Nothing takes mail for elsewhere. RFC 6186 §3.1, RFC 8314 §5.1
    records |= {"_submission": _NOT_OFFERED, "_submissions": _NOT_OFFERED}
    domain = address.rpartition("@")[2]
    lines = (f"{service}._tcp.{domain}. IN SRV {record}\n" for service, record in records.items())
    return "".join(lines).encode("ascii")


def imap_url(address: str, settings: Settings) -> str:
    """Write the URL of a mailbox as some clients take it (RFC 5092 §3); "pop://" where there is no IMAP (RFC 2384).

    "imaps" and "pops" are no schemes of those RFCs, but what clients go by for TLS from the first byte.

    Args:
        address: a normalised address.

    Raises:
        InvalidValue: by these settings no client can connect over TCP.
    """
    server = incoming(settings)[0]
    scheme = {"imap": "imap", "pop3": "pop", "smtp": "smtp"}[server.protocol]
    secure = "s" if server.security == "tls" else ""
    return f"{scheme}{secure}://{quote(address, safe='')}@{server.host}:{server.port}/"


FORMATS: Mapping[str, Callable[[str, Settings], bytes]] = {
    "autoconfig": autoconfig,
    "autodiscover": autodiscover,
    "mobileconfig": mobileconfig,
    "srv": srv,
}
"""All forms, by the names that the command has for them."""


def _add(parent: Element, **children: str) -> None:
    """Add elements with text, in this order."""
    for tag, text in children.items():
        ElementTree.SubElement(parent, tag).text = text


def _xml(root: Element) -> bytes:
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
