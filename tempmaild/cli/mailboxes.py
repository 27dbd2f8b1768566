"""`tempmaild mailbox`: disposable mailboxes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from tempmaild.cli.calls import (
    OPERATOR,
    Call,
    Commands,
    duration,
    iso,
    json_option,
    moment,
    print_json,
    with_appliance,
)
from tempmaild.cli.lifetimes import in_words, lifetime_of, lifetime_options, until
from tempmaild.cli.secrets import chosen_password, password_options
from tempmaild.core.lifetime import FOREVER
from tempmaild.core.naming import Style
from tempmaild.core.plural import counted
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
    options = call.options
    password = chosen_password(options)
    domain = await appliance.directory.find(options.address.rpartition("@")[2])
    # Where there is no such domain, `create` says so.
    lifetime = lifetime_of(options, appliance.directory.lifetime(domain)) if domain else None
    for _ in range(options.count):
        new = await appliance.mailboxes.create(
            options.address, lifetime, names=options.names, operator=True, role=options.role, password=password
        )
        _print_new(new, call, public=await _is_public(appliance, new.mailbox), chosen=password is not None)


async def _is_public(appliance: Appliance, mailbox: Mailbox) -> bool:
    domain = await appliance.directory.by_id(mailbox.domain_id)
    return domain is not None and domain.kind == "open"


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for mailbox in await appliance.mailboxes.list_all(call.options.domain):
        public = await _is_public(appliance, mailbox)
        if call.options.json:
            print_json(_as_json(mailbox, public=public))
        else:
            print(f"{mailbox.address}  expires {until(mailbox.expires_at)}{'  (public)' if public else ''}")


@with_appliance
async def _show(appliance: Appliance, call: Call) -> None:
    details = await appliance.mailboxes.describe(call.options.address)
    mailbox = details.mailbox
    public = await _is_public(appliance, mailbox)
    if call.options.json:
        folders = [
            {"name": f.name, "messages": f.messages, "unseen": f.unseen, "size": f.size} for f in details.folders
        ]
        print_json(_as_json(mailbox, public=public) | {"expired": details.expired, "folders": folders})
        return
    print(f"address   {mailbox.address}")
    print(f"created   {iso(mailbox.created_at)}")
    print(f"expires   {until(mailbox.expires_at)}{'  (expired)' if details.expired else ''}")
    _print_rules(mailbox, public=public)
    for folder in details.folders:
        messages = counted(folder.messages, "message", "messages")
        print(f"folder    {folder.name}: {messages}, {folder.unseen} unseen, {folder.size} octets")


@with_appliance
async def _extend(appliance: Appliance, call: Call) -> None:
    options = call.options
    end = FOREVER if options.forever else options.until
    expires_at = await appliance.lifetimes.extend(options.address, by=options.by, until=end, actor=OPERATOR)
    print(f"{options.address}  expires {until(expires_at)}")


@with_appliance
async def _destroy(appliance: Appliance, call: Call) -> None:
    for address in call.options.addresses:
        mailbox = await appliance.mailboxes.find(address)
        messages = await appliance.mailboxes.destroy(mailbox, OPERATOR)
        print(f"{mailbox.address} destroyed, with {counted(messages, 'message', 'messages')}")


def _print_rules(mailbox: Mailbox, *, public: bool) -> None:
    print(f"lifetime  {in_words(mailbox.lifetime)}")
    if public:
        print("mail      public: whoever knows the address reads it")
    else:
        print(f"mail      {'sealed' if mailbox.public_key else 'not sealed'}")


def _as_json(mailbox: Mailbox, *, public: bool) -> dict[str, Any]:
    return {
        "id": mailbox.id,
        "address": mailbox.address,
        "created_at": iso(mailbox.created_at),
        "expires_at": iso(mailbox.expires_at),
        "lifetime": msgspec.structs.asdict(mailbox.lifetime),
        "sealed": mailbox.public_key is not None,
        "public": public,
    }


def _print_new(new: NewMailbox, call: Call, *, public: bool, chosen: bool) -> None:
    mailbox, settings = new.mailbox, call.settings
    servers = {
        "imap": _server(settings, settings.imap.listen, settings.imap.listen_tls),
        "pop3": _server(settings, settings.pop3.listen, settings.pop3.listen_tls),
        "smtp": _server(settings, settings.smtp.listen, settings.smtp.listen_tls),
    }
    if call.options.json:
        secrets = {"secret": None if chosen else new.secret, "receipt_id": new.receipt_id}
        print_json(_as_json(mailbox, public=public) | secrets | servers)
        return
    print(f"address   {mailbox.address}")
    print("secret    as chosen" if chosen else f"secret    {new.secret}    (shown only now)")
    print(f"receipt   {new.receipt_id}    (to ask for the proof of its destruction; shown only now)")
    print(f"expires   {until(mailbox.expires_at)}")
    _print_rules(mailbox, public=public)
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
    lifetime_options(create)
    create.add_argument("--names", choices=get_args(Style), help="how an address is made up")
    create.add_argument("--role", action="store_true", help="let it be a name that no owner gets, such as postmaster")
    create.add_argument("--count", type=_count, default=1, metavar="N", help="make so many with made-up names")
    password_options(create)
    json_option(create)
    listing = add("list", _list, "List mailboxes.")
    listing.add_argument("--domain", help="only those of this domain")
    json_option(listing)
    show = add("show", _show, "Show a mailbox and its folders.")
    show.add_argument("address")
    json_option(show)
    extend = add("extend", _extend, "Put off the end of a mailbox; the operator may do so without bound.")
    extend.add_argument("address")
    end = extend.add_mutually_exclusive_group(required=True)
    end.add_argument("--by", type=duration, default=0, metavar="TIME", help="so much longer, such as 10m, 24h or 7d")
    end.add_argument("--until", type=moment, default=0, metavar="TIME", help="such as 2030-01-31T12:00:00Z (UTC)")
    end.add_argument("--forever", action="store_true", help="until it is destroyed")
    destroy = add("destroy", _destroy, "Destroy mailboxes with all their messages.")
    destroy.add_argument("addresses", nargs="+", metavar="address")


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of mailboxes")
    return int(text)
