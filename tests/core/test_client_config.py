"""What mail clients are told, held against what they demand of it."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest

from tempmaild.core import client_config
from tempmaild.core.client_config import Server, incoming, outgoing
from tempmaild.errors import InvalidValue
from tempmaild.settings import Settings

ADDRESS = "joe@box.test"
_PEM = Path("/etc/tempmaild/certificate.pem")

PUBLIC: dict[str, Any] = {
    "host": {"name": "mx.box.test"},
    "tls": {"certificate": _PEM, "key": _PEM},
    "smtp": {"listen": ["[::]:25"], "listen_tls": ["[::]:465"]},
    "imap": {"listen": ["[::]:143"], "listen_tls": ["[::]:993"]},
    "pop3": {"listen": ["[::]:110"], "listen_tls": ["[::]:995"]},
}
"""Everything, on the usual ports."""


def settings(**sections: dict[str, Any]) -> Settings:
    """Give `PUBLIC`, with other sections."""
    return Settings.model_validate(PUBLIC | sections)


WITHOUT_TLS = settings(
    tls={}, smtp={"listen": ["[::]:25"]}, imap={"listen": ["[::]:143"]}, pop3={"listen": ["[::]:110"]}
)
ONLY_POP3 = settings(imap={"listen": ["unix:/run/imap"]})
NOTHING = settings(imap={"listen": ["unix:/run/imap"]}, pop3={"listen": []})
PECULIAR = ["joe@box.test", "o'neil&co@box.test", "}{|`~@box.test", "käthe@xn--bcher-kva.test", "почта@box.test"]


class TestServers:
    def test_tls_comes_before_starttls_and_imap_before_pop3(self) -> None:
        assert incoming(settings()) == [
            Server("imap", "mx.box.test", 993, "tls"),
            Server("imap", "mx.box.test", 143, "starttls"),
            Server("pop3", "mx.box.test", 995, "tls"),
            Server("pop3", "mx.box.test", 110, "starttls"),
        ]
        assert outgoing(settings()) == Server("smtp", "mx.box.test", 465, "tls")

    def test_without_a_certificate_nothing_is_protected(self) -> None:
        assert [server.security for server in incoming(WITHOUT_TLS)] == ["plain", "plain"]
        assert outgoing(WITHOUT_TLS) == Server("smtp", "mx.box.test", 25, "plain")

    def test_the_first_address_counts(self) -> None:
        two = settings(imap={"listen": ["192.0.2.1:1143", "192.0.2.2:2143"]}, pop3={"listen": []})
        assert incoming(two) == [Server("imap", "mx.box.test", 1143, "starttls")]

    def test_what_only_this_host_reaches_is_for_want_of_others(self) -> None:
        local = {"listen": ["127.0.0.1:143", "[::1]:1143"]}
        both = settings(imap=local | {"listen_tls": ["[::]:993"]}, pop3={"listen": []})
        assert incoming(both) == [Server("imap", "mx.box.test", 993, "tls")]
        alone = settings(imap=local, pop3={"listen": []})
        assert incoming(alone) == [Server("imap", "mx.box.test", 143, "starttls")]

    def test_sockets_and_ports_that_nobody_knows_are_left_out(self) -> None:
        assert {server.protocol for server in incoming(ONLY_POP3)} == {"pop3"}
        chosen_by_the_system = settings(imap={"listen": ["[::]:0"]})
        assert {server.protocol for server in incoming(chosen_by_the_system)} == {"pop3"}

    @pytest.mark.parametrize("write", client_config.FORMATS.values(), ids=client_config.FORMATS)
    def test_nowhere_to_connect_is_an_error(self, write: Any) -> None:
        with pytest.raises(InvalidValue, match="neither IMAP nor POP3"):
            write(ADDRESS, NOTHING)

    def test_behind_a_mail_host_outgoing_mail_goes_to_that(self) -> None:
        assert outgoing(settings(smtp={"listen": []})) == Server("smtp", "mx.box.test", 25, "plain")


def texts(element: ElementTree.Element) -> dict[str, str]:
    """Give the children's texts; each comes once."""
    found = {child.tag: child.text or "" for child in element}
    assert len(found) == len(element)
    return found


class TestAutoconfig:
    def read(self, address: str, told: Settings) -> ElementTree.Element:
        """Read it as Thunderbird's readFromXML does; what that throws about fails here."""
        root = ElementTree.fromstring(client_config.autoconfig(address, told))
        assert (root.tag, root.attrib) == ("clientConfig", {"version": "1.1"})
        (provider,) = root
        assert provider.tag == "emailProvider"
        assert provider.findtext("displayName")
        for server in provider.findall("incomingServer") + provider.findall("outgoingServer"):
            assert re.fullmatch(r"[a-z0-9.-]+", server.findtext("hostname", ""))
            assert 0 < int(server.findtext("port", "")) < 65536
            assert server.findtext("socketType") in {"plain", "SSL", "STARTTLS"}
        assert provider.findall("incomingServer")
        assert provider.findall("outgoingServer")
        return provider

    def test_has_every_way_to_read(self) -> None:
        servers = self.read(ADDRESS, settings()).findall("incomingServer")
        assert [(s.get("type"), s.findtext("port"), s.findtext("socketType")) for s in servers] == [
            ("imap", "993", "SSL"),
            ("imap", "143", "STARTTLS"),
            ("pop3", "995", "SSL"),
            ("pop3", "110", "STARTTLS"),
        ]
        assert texts(servers[0]) == {
            "hostname": "mx.box.test",
            "port": "993",
            "socketType": "SSL",
            "authentication": "password-cleartext",
            "username": "%EMAILADDRESS%",
        }

    def test_without_a_certificate(self) -> None:
        provider = self.read(ADDRESS, WITHOUT_TLS)
        assert {server.findtext("socketType") for server in provider.iter("incomingServer")} == {"plain"}

    def test_leaves_the_outgoing_server_to_the_one_that_is_there(self) -> None:
        (server,) = self.read(ADDRESS, settings()).findall("outgoingServer")
        assert server.get("type") == "smtp"
        assert texts(server) == {
            "hostname": "mx.box.test",
            "port": "465",
            "socketType": "SSL",
            "authentication": "none",
            "useGlobalPreferredServer": "true",
        }

    def test_names_an_internationalised_domain_in_both_ways(self) -> None:
        provider = self.read("joe@xn--bcher-kva.test", settings())
        assert (provider.get("id"), provider.findtext("domain")) == ("xn--bcher-kva.test", "xn--bcher-kva.test")
        assert provider.findtext("displayName") == "bücher.test"


_2006 = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
_2006A = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


class TestAutodiscover:
    def protocols(self, address: str, told: Settings) -> dict[str, dict[str, str]]:
        """Give what it says of each protocol."""
        root = ElementTree.fromstring(client_config.autodiscover(address, told))
        assert root.tag == f"{_2006}Autodiscover"
        (response,) = root
        assert [child.tag for child in response] == [f"{_2006A}User", f"{_2006A}Account"]
        account = response[1]
        assert account.findtext(f"{_2006A}AccountType") == "email"
        assert account.findtext(f"{_2006A}Action") == "settings"
        found = [texts(protocol) for protocol in account.findall(f"{_2006A}Protocol")]
        plain = [{tag.removeprefix(_2006A): text for tag, text in protocol.items()} for protocol in found]
        by_type = {protocol["Type"]: protocol for protocol in plain}
        assert len(by_type) == len(plain)
        return by_type

    def test_has_the_best_server_of_each_protocol(self) -> None:
        found = self.protocols(ADDRESS, settings())
        assert list(found) == ["IMAP", "POP3", "SMTP"]
        assert found["IMAP"] == {
            "Type": "IMAP",
            "Server": "mx.box.test",
            "Port": "993",
            "DomainRequired": "off",
            "SPA": "off",
            "SSL": "on",
            "Encryption": "SSL",
            "LoginName": ADDRESS,
            "AuthRequired": "on",
        }
        assert found["POP3"]["Port"] == "995"
        assert found["SMTP"]["AuthRequired"] == "off"
        assert "LoginName" not in found["SMTP"]

    @pytest.mark.parametrize(
        ("told", "ssl", "encryption"),
        [
            (settings(), "on", "SSL"),
            (settings(imap={"listen": ["[::]:143"]}), "on", "TLS"),
            (WITHOUT_TLS, "off", "None"),
        ],
    )
    def test_says_how_the_connection_is_protected(self, told: Settings, ssl: str, encryption: str) -> None:
        imap = self.protocols(ADDRESS, told)["IMAP"]
        assert (imap["SSL"], imap["Encryption"]) == (ssl, encryption)

    @pytest.mark.parametrize("address", PECULIAR)
    def test_has_any_address(self, address: str) -> None:
        assert self.protocols(address, settings())["IMAP"]["LoginName"] == address


class TestMobileconfig:
    # https://github.com/apple/device-management/blob/release/mdm/profiles/com.apple.mail.managed.yaml
    REQUIRED = frozenset(
        {
            "EmailAccountType",
            "IncomingMailServerAuthentication",
            "IncomingMailServerHostName",
            "OutgoingMailServerAuthentication",
            "OutgoingMailServerHostName",
        }
    )
    COMMON = frozenset({"PayloadType", "PayloadVersion", "PayloadIdentifier", "PayloadUUID"})

    def read(self, address: str, told: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the profile and the account in it."""
        profile = plistlib.loads(client_config.mobileconfig(address, told), fmt=plistlib.FMT_XML)
        (account,) = profile["PayloadContent"]
        assert (profile["PayloadType"], profile["PayloadVersion"]) == ("Configuration", 1)
        assert (account["PayloadType"], account["PayloadVersion"]) == ("com.apple.mail.managed", 1)
        assert profile.keys() >= self.COMMON
        assert account.keys() >= self.COMMON | self.REQUIRED
        return profile, account

    def test_is_an_account(self) -> None:
        _, account = self.read(ADDRESS, settings())
        assert {key: value for key, value in account.items() if not key.startswith("Payload")} == {
            "EmailAccountDescription": ADDRESS,
            "EmailAccountType": "EmailTypeIMAP",
            "EmailAddress": ADDRESS,
            "IncomingMailServerAuthentication": "EmailAuthPassword",
            "IncomingMailServerHostName": "mx.box.test",
            "IncomingMailServerPortNumber": 993,
            "IncomingMailServerUseSSL": True,
            "IncomingMailServerUsername": ADDRESS,
            "OutgoingMailServerAuthentication": "EmailAuthNone",
            "OutgoingMailServerHostName": "mx.box.test",
            "OutgoingMailServerPortNumber": 465,
            "OutgoingMailServerUseSSL": True,
        }

    def test_without_a_certificate(self) -> None:
        _, account = self.read(ADDRESS, WITHOUT_TLS)
        assert account["IncomingMailServerUseSSL"] is False
        assert account["OutgoingMailServerUseSSL"] is False

    def test_is_over_pop3_where_there_is_no_imap(self) -> None:
        _, account = self.read(ADDRESS, ONLY_POP3)
        assert (account["EmailAccountType"], account["IncomingMailServerPortNumber"]) == ("EmailTypePOP", 995)

    def test_replaces_the_profile_of_the_same_address_alone(self) -> None:
        """A device tells profiles apart by their identifiers."""
        names = ("PayloadIdentifier", "PayloadUUID")
        one, again, other = (
            [part[name] for part in self.read(address, told) for name in names]
            for address, told in ((ADDRESS, settings()), (ADDRESS, WITHOUT_TLS), ("ann@box.test", settings()))
        )
        assert one == again
        assert not set(one) & set(other)
        assert len(set(one)) == 4
        assert UUID(one[1]).version == 5
        assert re.fullmatch(r"test\.box\.[0-9a-f-]{36}", one[0])

    @pytest.mark.parametrize("address", PECULIAR)
    def test_has_any_address(self, address: str) -> None:
        _, account = self.read(address, settings())
        assert account["IncomingMailServerUsername"] == address


class TestSrv:
    # RFC 2782: the format of the record. RFC 1035 §5.1: the format of the line.
    RECORD = re.compile(r"(_[a-z0-9]+)\._tcp\.([a-z0-9.-]+)\. IN SRV (\d+) (\d+) (\d+) ([a-z0-9.-]*)\.")

    def read(self, told: Settings, address: str = ADDRESS) -> dict[str, tuple[int, int, str]]:
        """Give priority, port and target of each service."""
        lines = client_config.srv(address, told).decode("ascii").splitlines()
        found = {}
        for line in lines:
            record = self.RECORD.fullmatch(line)
            assert record, line
            service, domain, priority, weight, port, target = record.groups()
            assert (domain, weight) == (address.rpartition("@")[2], "0")
            found[service] = (int(priority), int(port), target)
        assert len(found) == len(lines)
        return found

    def test_has_every_service(self) -> None:
        """RFC 6186 §3.4: lower numbers come first."""
        assert self.read(settings()) == {
            "_imaps": (0, 993, "mx.box.test"),
            "_imap": (10, 143, "mx.box.test"),
            "_pop3s": (20, 995, "mx.box.test"),
            "_pop3": (30, 110, "mx.box.test"),
            "_submission": (0, 0, ""),
            "_submissions": (0, 0, ""),
        }

    def test_says_what_is_not_there(self) -> None:
        """RFC 2782: a target of "." means that the service is decidedly not available."""
        found = self.read(WITHOUT_TLS)
        assert found["_imaps"] == found["_pop3s"] == (0, 0, "")
        assert found["_imap"] == (0, 143, "mx.box.test")
        assert self.read(ONLY_POP3)["_imap"] == (0, 0, "")

    def test_is_about_the_domain_of_the_address(self) -> None:
        assert self.read(settings(), "joe@xn--bcher-kva.test")["_imaps"] == (0, 993, "mx.box.test")


@pytest.mark.parametrize(
    ("configured", "url"),
    [
        (settings(), "imaps://joe%2Ba%40box.test@mx.box.test:993/"),
        (WITHOUT_TLS, "imap://joe%2Ba%40box.test@mx.box.test:143/"),
        (ONLY_POP3, "pops://joe%2Ba%40box.test@mx.box.test:995/"),
    ],
)
def test_url_of_a_mailbox(configured: Settings, url: str) -> None:
    assert client_config.imap_url("joe+a@box.test", configured) == url
