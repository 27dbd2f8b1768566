"""`tempmaild receipt` and `tempmaild verify-receipt`: proofs that a mailbox was destroyed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tempmaild.cli.calls import Call, Commands, with_appliance
from tempmaild.core import address as addresses
from tempmaild.core import receipt as receipts
from tempmaild.errors import InvalidValue
from tempmaild.store.vault import open_vault

if TYPE_CHECKING:
    from tempmaild.appliance import Appliance
    from tempmaild.core.receipt import Receipt

_REFUSED = 1
_KEY = re.compile(r"[0-9a-f]{64}")


@with_appliance
async def _get(appliance: Appliance, call: Call) -> None:
    print(await appliance.receipts.get(call.options.receipt_id))


@with_appliance
async def _key(_appliance: Appliance, call: Call) -> None:
    # The appliance has made the folder in which the key is.
    vault = open_vault(call.settings.host.name, call.settings.signing_key_path)
    print(vault.signing_key.verify_key.encode().hex())


def _verify(call: Call) -> None:
    options = call.options
    try:
        key = _read_key(options.key) if options.key else None
        receipt = read_receipt(Path(options.file))
        receipts.check(receipt, key)
        if options.receipt_id is not None or options.address is not None:
            _check_subject(receipt, options.receipt_id, options.address)
    except InvalidValue as error:
        print(f"tempmaild: {options.file} proves nothing: {error.reason}", file=sys.stderr)
        sys.exit(_REFUSED)
    print(f"host      {receipt.host}")
    print(f"mailbox   {receipt.mailbox}{'  (that of this receipt id and address)' if options.address else ''}")
    print(f"messages  {receipt.messages}")
    print(f"destroyed {receipt.destroyed_at}")
    print(f"audit     row {receipt.audit_row}, digest {receipt.audit_digest}")
    print(f"key       {receipt.key}{'' if key else '  (compare it with the key that the host has published)'}")


def _check_subject(receipt: Receipt, receipt_id: str | None, address: str | None) -> None:
    if receipt_id is None or address is None:
        raise InvalidValue("receipt", "--receipt-id and --address are checked together, one of them is missing")
    receipts.check_subject(receipt, receipt_id, addresses.normalise(address))


def read_receipt(path: Path) -> Receipt:
    """Read a receipt from a file that anybody may have written.

    Raises:
        InvalidValue: it cannot be read, or is no receipt.
    """
    return receipts.from_text(_read(path))


def _read_key(text: str) -> bytes:
    """Give a public key that is given itself, or by the name of a file that it is in.

    Raises:
        InvalidValue: it is none.
    """
    if not _KEY.fullmatch(text):
        text = _read(Path(text)).decode("ascii", "replace").strip()
    if not _KEY.fullmatch(text):
        raise InvalidValue("key", "its key is to be 64 hexadecimal digits, or the name of a file with them")
    return bytes.fromhex(text)


def _read(path: Path) -> bytes:
    """Give what is in a file, or the beginning of what is too much.

    Raises:
        InvalidValue: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(receipts.LONGEST + 1)
    except (OSError, ValueError) as error:
        raise InvalidValue("file", f"it cannot be read: {error}") from None


def add_commands(add: Commands) -> None:
    """Put them below `tempmaild receipt`."""
    get = add("get", _get, "Print the receipt of a destroyed mailbox, as JSON.")
    get.add_argument("receipt_id", metavar="RECEIPT_ID", help="as it was shown when the mailbox was made")
    add("key", _key, "Print the public key with which this host's receipts are checked.")


def add_host_commands(add: Commands) -> None:
    """Put them below `tempmaild`."""
    verify = add("verify-receipt", _verify, "See who signed a receipt, and what it says; needs no database.")
    verify.add_argument("file", metavar="FILE")
    verify.add_argument("--key", metavar="HEX|FILE", help="the host's public key, as it was published")
    verify.add_argument("--receipt-id", metavar="ID", help="see as well that it is about the mailbox of this id ...")
    verify.add_argument("--address", help="... and of this address")
