"""`tempmaild client-config`: what a mail client has to be told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.cli.calls import Call, Commands, with_appliance
from tempmaild.core import address as addresses
from tempmaild.core.client_config import FORMATS
from tempmaild.errors import InvalidValue, NoSuchDomain

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance


@with_appliance
async def _client_config(appliance: Appliance, call: Call) -> None:
    options = call.options
    # The mailbox need not be there: who asks for a form learns nothing about which are.
    address = addresses.normalise(options.address)
    domain = address.rpartition("@")[2]
    if await appliance.directory.find(domain) is None:
        raise NoSuchDomain(domain)
    document = FORMATS[options.format](address, call.settings)
    if options.output:
        _write(Path(options.output), document)
    else:
        # As octets, for XML says itself which encoding it has.
        sys.stdout.buffer.write(document)
        sys.stdout.flush()


def _write(path: Path, document: bytes) -> None:
    try:
        path.write_bytes(document)
    except OSError as error:
        raise InvalidValue("output", f"it cannot be written: {error}") from None


def add_commands(add: Commands) -> None:
    """Put it below `tempmaild`."""
    client_config = add("client-config", _client_config, "Write the settings for a mail client, without a secret.")
    client_config.add_argument("address")
    client_config.add_argument(
        "--format",
        required=True,
        choices=FORMATS,
        help="for Thunderbird, Outlook, Apple's Mail, or the DNS zone of the domain",
    )
    client_config.add_argument("--output", metavar="FILE", help="where to write them (default: standard output)")
