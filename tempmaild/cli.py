"""The `tempmaild` command."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tempmaild import __version__
from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import TempmaildError
from tempmaild.settings import SettingsError, TcpAddress, load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tempmaild.appliance import Appliance
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.service.mailboxes import NewMailbox
    from tempmaild.settings import Address, Settings

_REFUSED = 1
_UNUSABLE = 2
_ANY = {"::", "0.0.0.0"}  # noqa: S104 - no address to connect to
_OPERATOR = "operator"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Call(NamedTuple):
    """One call of the command."""

    settings: Settings
    config: Path | None
    options: argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 refused, 2 not understood or wrong settings."""
    options = _parser().parse_args(arguments)
    # Not a default of the parser: a command would put it over the --config that stands before the command.
    config = getattr(options, "config", None) or os.environ.get("TEMPMAILD_CONFIG")
    config = Path(config) if config else None
    try:
        options.run(Call(load(config, os.environ), config, options))
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(_UNUSABLE)
    except TempmaildError as error:
        print(f"tempmaild: {_in_words(error)}", file=sys.stderr)
        sys.exit(_REFUSED)


def _in_words(error: TempmaildError) -> str:
    """Say what an error is about: its first sentence, and the thing itself."""
    meaning = (type(error).__doc__ or "").partition(".")[0]
    return f"{meaning[0].lower()}{meaning[1:]} ({error})"


# Commands


def _run(call: Call) -> None:
    from tempmaild import daemon  # noqa: PLC0415 - brings Twisted, which no other command needs
    from tempmaild.net.listeners import CannotListen  # noqa: PLC0415
    from tempmaild.net.tls import CertificateUnusable  # noqa: PLC0415

    try:
        daemon.run(call.settings, call.config, os.environ)
    except (CannotListen, CertificateUnusable) as error:
        print(f"tempmaild: {error}", file=sys.stderr)
        sys.exit(_REFUSED)


def _check_config(call: Call) -> None:
    print(f"{call.config or 'the defaults'}: no problem found")


def _with_appliance(command: Callable[[Appliance, Call], Awaitable[None]]) -> Callable[[Call], None]:
    """Make a command of one that needs the store, which works in this thread and never has to wait."""

    def run(call: Call) -> None:
        appliance = open_appliance(call.settings)
        try:
            command(appliance, call).__await__().__next__()
        except StopIteration:
            return
        finally:
            appliance.handle.close()

    return run


@_with_appliance
async def _domain_add(appliance: Appliance, call: Call) -> None:
    domain = await appliance.domains.add(call.options.name, actor=_OPERATOR)
    print(f"{domain.name} added")


@_with_appliance
async def _domain_list(appliance: Appliance, call: Call) -> None:
    for domain in await appliance.domains.list_all():
        if call.options.json:
            _print_json({"name": domain.name, "kind": domain.kind, "created_at": _iso(domain.created_at)})
        else:
            print(domain.name)


@_with_appliance
async def _domain_remove(appliance: Appliance, call: Call) -> None:
    await appliance.domains.remove(call.options.name, _OPERATOR)
    print(f"{call.options.name} removed")


@_with_appliance
async def _mailbox_create(appliance: Appliance, call: Call) -> None:
    lifetime = Lifetime(call.options.lifetime) if call.options.lifetime else None
    for _ in range(call.options.count):
        new = await appliance.mailboxes.create(call.options.address, lifetime)
        _print_new(new, call)


@_with_appliance
async def _mailbox_list(appliance: Appliance, call: Call) -> None:
    for mailbox in await appliance.mailboxes.list_all(call.options.domain):
        if call.options.json:
            _print_json(_as_json(mailbox))
        else:
            print(f"{mailbox.address}  expires {_iso(mailbox.expires_at)}")


@_with_appliance
async def _mailbox_show(appliance: Appliance, call: Call) -> None:
    details = await appliance.mailboxes.describe(call.options.address)
    mailbox = details.mailbox
    if call.options.json:
        folders = [
            {"name": f.name, "messages": f.messages, "unseen": f.unseen, "size": f.size} for f in details.folders
        ]
        _print_json(_as_json(mailbox) | {"expired": details.expired, "folders": folders})
        return
    print(f"address   {mailbox.address}")
    print(f"created   {_iso(mailbox.created_at)}")
    print(f"expires   {_iso(mailbox.expires_at)}{'  (expired)' if details.expired else ''}")
    for folder in details.folders:
        print(f"folder    {folder.name}: {folder.messages} messages, {folder.unseen} unseen, {folder.size} octets")


@_with_appliance
async def _mailbox_destroy(appliance: Appliance, call: Call) -> None:
    for address in call.options.addresses:
        mailbox = await appliance.mailboxes.find(address)
        messages = await appliance.mailboxes.destroy(mailbox, _OPERATOR)
        print(f"{mailbox.address} destroyed, with {messages} messages")


@_with_appliance
async def _purge(appliance: Appliance, call: Call) -> None:
    purged = await appliance.mailboxes.purge(_OPERATOR)
    if call.options.json:
        _print_json({"mailboxes": purged.mailboxes, "messages": purged.messages})
    else:
        print(f"{purged.mailboxes} expired mailboxes destroyed, with {purged.messages} messages")


def _trial(call: Call) -> None:
    from tempmaild import trial  # noqa: PLC0415 - nothing else needs it

    trial.prepare(Path(call.options.state))
    config = Path(call.options.state) / "tempmaild.toml"
    settings = load(config, os.environ)
    open_trial = open_appliance(settings)
    try:
        trial.add_domain(open_trial)
    finally:
        open_trial.handle.close()
    print(trial.welcome(config, settings), flush=True)
    _run(call._replace(settings=settings, config=config))


# What is printed


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_json(mailbox: Mailbox) -> dict[str, Any]:
    return {
        "id": mailbox.id,
        "address": mailbox.address,
        "created_at": _iso(mailbox.created_at),
        "expires_at": _iso(mailbox.expires_at),
    }


def _print_new(new: NewMailbox, call: Call) -> None:
    mailbox, settings = new.mailbox, call.settings
    servers = {
        "imap": _server(settings, settings.imap.listen, settings.imap.listen_tls),
        "pop3": _server(settings, settings.pop3.listen, settings.pop3.listen_tls),
        "smtp": _server(settings, settings.smtp.listen, settings.smtp.listen_tls),
    }
    if call.options.json:
        _print_json(_as_json(mailbox) | {"secret": new.secret} | servers)
        return
    print(f"address   {mailbox.address}")
    print(f"secret    {new.secret}    (shown only now)")
    print(f"expires   {_iso(mailbox.expires_at)}")
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


# What is understood


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="settings (default: $TEMPMAILD_CONFIG)"
    )
    parser = argparse.ArgumentParser(prog="tempmaild", description="A disposable-mail appliance.", parents=[common])
    parser.add_argument("--version", action="version", version=f"tempmaild {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(group: Any, name: str, run: Callable[[Call], None], text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = group.add_parser(name, help=text, description=text, parents=[common])
        command.set_defaults(run=run)
        return command

    def add_group(name: str, text: str) -> Any:
        group = commands.add_parser(name, help=text, description=text)
        return group.add_subparsers(required=True, metavar="COMMAND")

    add(commands, "run", _run, "Run the daemon in the foreground.")
    add(commands, "check-config", _check_config, "Report every problem of the settings.")
    trial = add(commands, "trial", _trial, "Run on high loopback ports with a domain and a certificate made for it.")
    trial.add_argument("--state", default="./var", metavar="DIR", help="where everything goes (default: ./var)")
    _json_option(add(commands, "purge", _purge, "Destroy all expired mailboxes now."))

    domain = add_group("domain", "Domains whose mail is taken.")
    add(domain, "add", _domain_add, "Take mail for a domain.").add_argument("name")
    _json_option(add(domain, "list", _domain_list, "List the domains."))
    add(domain, "remove", _domain_remove, "Take no more mail for a domain without mailboxes.").add_argument("name")

    mailbox = add_group("mailbox", "Disposable mailboxes.")
    create = add(mailbox, "create", _mailbox_create, "Make a mailbox; its secret is shown this once.")
    create.add_argument("address", help="a whole address, or a domain for a made-up one")
    create.add_argument("--lifetime", type=_duration, metavar="TIME", help="such as 600, 10m, 24h or 7d")
    create.add_argument("--count", type=_count, default=1, metavar="N", help="make so many with made-up names")
    _json_option(create)
    listing = add(mailbox, "list", _mailbox_list, "List mailboxes.")
    listing.add_argument("--domain", help="only those of this domain")
    _json_option(listing)
    show = add(mailbox, "show", _mailbox_show, "Show a mailbox and its folders.")
    show.add_argument("address")
    _json_option(show)
    destroy = add(mailbox, "destroy", _mailbox_destroy, "Destroy mailboxes with all their messages.")
    destroy.add_argument("addresses", nargs="+", metavar="address")
    return parser


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _duration(text: str) -> int:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not number.isdigit() or not int(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 600, 10m, 24h or 7d")
    return int(number) * _UNITS[unit]


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of mailboxes")
    return int(text)
