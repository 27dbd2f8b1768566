"""`tempmaild mailbox`: disposable mailboxes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tempmaild.cli.calls import OPERATOR, Call, Commands, duration, iso, json_option, print_json, with_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.settings import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.appliance import Appliance
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.service.mailboxes import NewMailbox
    from tempmaild.settings import Address, Settings

_ANY = {"::", "0.0.0.0"}  # noqa: S104 - no address to connect to


@with_appliance
async def _create(appliance: Appliance, call: Call) -> None:
    lifetime = Lifetime(call.options.lifetime) if call.options.lifetime else None
    for _ in range(call.options.count):
        new = await appliance.mailboxes.create(call.options.address, lifetime)
        _print_new(new, call)


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for mailbox in await appliance.mailboxes.list_all(call.options.domain):
        if call.options.json:
            print_json(_as_json(mailbox))
        else:
            print(f"{mailbox.address}  expires {iso(mailbox.expires_at)}")


@with_appliance
async def _show(appliance: Appliance, call: Call) -> None:
    details = await appliance.mailboxes.describe(call.options.address)
    mailbox = details.mailbox
    if call.options.json:
        folders = [
            {"name": f.name, "messages": f.messages, "unseen": f.unseen, "size": f.size} for f in details.folders
        ]
        print_json(_as_json(mailbox) | {"expired": details.expired, "folders": folders})
        return
    print(f"address   {mailbox.address}")
    print(f"created   {iso(mailbox.created_at)}")
    print(f"expires   {iso(mailbox.expires_at)}{'  (expired)' if details.expired else ''}")
    for folder in details.folders:
        print(f"folder    {folder.name}: {folder.messages} messages, {folder.unseen} unseen, {folder.size} octets")


@with_appliance
async def _destroy(appliance: Appliance, call: Call) -> None:
    for address in call.options.addresses:
        mailbox = await appliance.mailboxes.find(address)
        messages = await appliance.mailboxes.destroy(mailbox, OPERATOR)
        print(f"{mailbox.address} destroyed, with {messages} messages")


def _as_json(mailbox: Mailbox) -> dict[str, Any]:
    return {
        "id": mailbox.id,
        "address": mailbox.address,
        "created_at": iso(mailbox.created_at),
        "expires_at": iso(mailbox.expires_at),
    }


def _print_new(new: NewMailbox, call: Call) -> None:
    mailbox, settings = new.mailbox, call.settings
    servers = {
        "imap": _server(settings, settings.imap.listen, settings.imap.listen_tls),
        "pop3": _server(settings, settings.pop3.listen, settings.pop3.listen_tls),
        "smtp": _server(settings, settings.smtp.listen, settings.smtp.listen_tls),
    }
    if call.options.json:
        print_json(_as_json(mailbox) | {"secret": new.secret} | servers)
        return
    print(f"address   {mailbox.address}")
    print(f"secret    {new.secret}    (shown only now)")
    print(f"expires   {iso(mailbox.expires_at)}")
    for name, server in servers.items():
        ports = [f"port {server['port']}{' (STARTTLS)' if server['starttls'] else ''}"] if server["port"] else []
        ports += [f"port {server['tls_port']} (TLS)"] if server["tls_port"] else []
        if ports:
            print(f"{name.upper():<9} {server['host']}, {', '.join(ports)}")
    print("          the user name is the address, the password is the secret\n", flush=True)


def _server(settings: Settings, plain: Sequence[Address], tls: Sequence[Address]) -> dict[str, Any]:
    """Say how a client gets at a service, by the first address of each kind."""
    plain_tcp = [address for address in plain if isinstance(address, TcpAddress)]
    tls_tcp = [address for address in tls if isinstance(address, TcpAddress)]
    hosts = [address.host for address in (*plain_tcp, *tls_tcp) if address.host not in _ANY]
    return {
        "host": hosts[0] if hosts else settings.host.name,
        "port": plain_tcp[0].port if plain_tcp else None,
        "tls_port": tls_tcp[0].port if tls_tcp else None,
        "starttls": settings.tls.certificate is not None,
    }


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild mailbox`."""
    create = add("create", _create, "Make a mailbox; its secret is shown this once.")
    create.add_argument("address", help="a whole address, or a domain for a made-up one")
    create.add_argument("--lifetime", type=duration, metavar="TIME", help="such as 600, 10m, 24h or 7d")
    create.add_argument("--count", type=_count, default=1, metavar="N", help="make so many with made-up names")
    json_option(create)
    listing = add("list", _list, "List mailboxes.")
    listing.add_argument("--domain", help="only those of this domain")
    json_option(listing)
    show = add("show", _show, "Show a mailbox and its folders.")
    show.add_argument("address")
    json_option(show)
    destroy = add("destroy", _destroy, "Destroy mailboxes with all their messages.")
    destroy.add_argument("addresses", nargs="+", metavar="address")


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of mailboxes")
    return int(text)
