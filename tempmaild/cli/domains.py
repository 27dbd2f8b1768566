"""`tempmaild domain`: domains whose mail is taken."""

from __future__ import annotations

import argparse
import tomllib
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from tempmaild.cli.calls import OPERATOR, Call, Commands, iso, json_option, print_json, with_appliance
from tempmaild.cli.lifetimes import ABSENT, given, in_words, lifetime_of, lifetime_options, span, time_or_none
from tempmaild.core.address import readable
from tempmaild.core.naming import Style
from tempmaild.core.policy import Kind, Policy
from tempmaild.settings.values import parse_size, size_text, toml

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.core.mailbox import Domain

_POLICY = ("longest", "largest_message", "names", "passwords", "catch_all", "operator", "reserved", "checks")
"""The options that are fields of a policy, beside the lifetime."""
_PUBLIC = "open, public: whoever knows an address reads its mail"


@with_appliance
async def _add(appliance: Appliance, call: Call) -> None:
    options = call.options
    kind: Kind = options.kind or "claimed"
    policy = _policy(appliance, options, kind, Policy())
    domain = await appliance.domains.add(
        options.name, kind, sealed=options.sealed is not False, policy=policy, actor=OPERATOR
    )
    print(f"{domain.name} added ({_kind(domain)})")


@with_appliance
async def _set(appliance: Appliance, call: Call) -> None:
    options = call.options
    domain = await appliance.domains.get(options.name)
    kind: Kind = options.kind or domain.kind
    before = domain.policy
    if kind != "catch-all":
        before = msgspec.structs.replace(before, catch_all="")
    changes = given(options, ["kind", "sealed"]) | {"policy": _policy(appliance, options, kind, before)}
    domain = await appliance.domains.change(msgspec.structs.replace(domain, **changes), OPERATOR)
    print(f"{domain.name} changed ({_kind(domain)})")


def _policy(appliance: Appliance, options: argparse.Namespace, kind: Kind, before: Policy) -> Policy:
    """Give a policy with what was asked for changed."""
    changes = given(options, _POLICY)
    if "reserved" in changes:
        changes["reserved"] = tuple(changes["reserved"])
    if "checks" in changes:
        changes["checks"] = _checks(changes["checks"], before.checks)
    kept = None if options.preset == ABSENT else before.lifetime
    usual = appliance.directory.usual_lifetime(kind, changes.get("longest", before.longest))
    changes["lifetime"] = lifetime_of(options, kept or usual) or kept
    return msgspec.structs.replace(before, **changes)


@with_appliance
async def _enable(appliance: Appliance, call: Call) -> None:
    await _switch(appliance, call, enabled=True)


@with_appliance
async def _disable(appliance: Appliance, call: Call) -> None:
    await _switch(appliance, call, enabled=False)


async def _switch(appliance: Appliance, call: Call, *, enabled: bool) -> None:
    domain = await appliance.domains.get(call.options.name)
    await appliance.domains.change(msgspec.structs.replace(domain, enabled=enabled), OPERATOR)
    print(f"{domain.name} {'enabled' if enabled else 'disabled'}")


@with_appliance
async def _show(appliance: Appliance, call: Call) -> None:
    domain = await appliance.domains.get(call.options.name)
    lifetime, policy = appliance.directory.lifetime(domain), domain.policy
    if call.options.json:
        print_json(
            _as_json(domain)
            | {"lifetime": msgspec.structs.asdict(lifetime)}
            | {name: getattr(policy, name) for name in _POLICY}
        )
        return
    lines = {
        "domain": domain.name if domain.name == readable(domain.name) else f"{domain.name} ({readable(domain.name)})",
        "kind": _PUBLIC if domain.kind == "open" else domain.kind,
        "state": "enabled" if domain.enabled else "disabled: takes no mail and gets no mailboxes",
        "mail": "sealed" if domain.sealed else "not sealed",
        "lifetime": in_words(lifetime),
        "longest": span(policy.longest) if policy.longest else "",
        "messages": f"{size_text(policy.largest_message)} at most" if policy.largest_message else "",
        "names": policy.names,
        "passwords": "may be chosen" if policy.passwords else "",
        "all else": policy.catch_all,
        "operator": policy.operator,
        "reserved": ", ".join(policy.reserved),
        "checks": " ".join(f"{c}.{f}={_word(v)}" for c, fields in policy.checks.items() for f, v in fields.items()),
    }
    for name, text in lines.items():
        if text:
            print(f"{name:<9} {text}")


@with_appliance
async def _list(appliance: Appliance, call: Call) -> None:
    for domain in await appliance.domains.list_all():
        if call.options.json:
            print_json(_as_json(domain))
        else:
            print(f"{domain.name}  {_kind(domain)}")


@with_appliance
async def _remove(appliance: Appliance, call: Call) -> None:
    await appliance.domains.remove(call.options.name, OPERATOR)
    print(f"{call.options.name} removed")


def _kind(domain: Domain) -> str:
    kind = "open, public" if domain.kind == "open" else f"{domain.kind}, {'sealed' if domain.sealed else 'unsealed'}"
    return kind if domain.enabled else f"{kind}, disabled"


def _as_json(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "kind": domain.kind,
        "public": domain.kind == "open",
        "sealed": domain.sealed,
        "enabled": domain.enabled,
        "created_at": iso(domain.created_at),
    }


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild domain`."""
    _options(add("add", _add, 'Take mail for a domain; "*.example.org" stands for all names below that one.'))
    _options(add("set", _set, "Decide otherwise for a domain; what is not named stays."), removable=True)
    add("enable", _enable, "Take mail for a domain again.").add_argument("name")
    add("disable", _disable, "Take no mail for a domain for the time being.").add_argument("name")
    show = add("show", _show, "Show what was decided for a domain.")
    show.add_argument("name")
    json_option(show)
    json_option(add("list", _list, "List the domains."))
    add("remove", _remove, "Take no more mail for a domain without mailboxes.").add_argument("name")


def _options(parser: argparse.ArgumentParser, *, removable: bool = False) -> None:
    parser.add_argument("name")
    parser.add_argument("--kind", choices=get_args(Kind), help="who takes mail (default: claimed)")
    text = "whether mail to new mailboxes is sealed to their secrets (default: it is)"
    seal = parser.add_mutually_exclusive_group()
    seal.add_argument("--sealed", action="store_const", const=True, help=text)
    seal.add_argument("--unsealed", dest="sealed", action="store_const", const=False)
    text = "whether owners may choose a password (default: they may not)"
    parser.add_argument("--passwords", action=argparse.BooleanOptionalAction, help=text)
    lifetime_options(parser, removable=removable)
    text = "no owner gets a longer lifetime; or none"
    parser.add_argument("--longest", type=time_or_none, metavar="TIME", help=text)
    text = "the largest message, such as 10MiB; or none, for what the settings say"
    parser.add_argument("--largest-message", type=_size, metavar="SIZE", help=text)
    parser.add_argument("--names", choices=get_args(Style), help="how addresses are made up")
    parser.add_argument(
        "--catch-all", type=_address, metavar="ADDRESS", help="who gets all else, in a catch-all domain"
    )
    text = "who gets mail to postmaster@ and the other reserved names; or none"
    parser.add_argument("--operator", type=_address, metavar="ADDRESS", help=text)
    text = "names that no owner gets, beside the roles of RFC 2142"
    parser.add_argument("--reserve", dest="reserved", nargs="*", metavar="NAME", help=text)
    text = "a check's option that is to be another than in the settings, such as spf.action=refuse; =none: as there"
    parser.add_argument("--check", dest="checks", type=_wish, nargs="+", metavar="CHECK.FIELD=VALUE", help=text)


def _checks(wishes: list[tuple[str, str, Any]], before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give what a domain wants otherwise of the checks: what it wanted before, with the wishes."""
    checks = {name: dict(changes) for name, changes in before.items()}
    for check, field, value in wishes:
        changes = checks.setdefault(check, {})
        if value is None:
            changes.pop(field, None)
        else:
            changes[field] = value
    return {name: changes for name, changes in checks.items() if changes}


def _wish(text: str) -> tuple[str, str, Any]:
    """Read CHECK.FIELD=VALUE; the value is TOML as in the settings, or a bare word, and none for no wish any more."""
    key, _, value = text.partition("=")
    check, _, field = key.partition(".")
    if not (check and field and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not such as spf.action=refuse")
    if value == ABSENT:
        return check, field, None
    try:
        return check, field, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return check, field, value


def _word(value: object) -> str:
    """Write a value as `_wish` reads it."""
    return value if isinstance(value, str) else toml(value)


def _size(text: str) -> int:
    try:
        return 0 if text == ABSENT else int(text) if text.isdecimal() else int(str(parse_size(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> str:
    return "" if text == ABSENT else text
