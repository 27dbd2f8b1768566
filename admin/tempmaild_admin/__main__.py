"""`tempmaild-admin` serves the console."""

from __future__ import annotations

import os
import secrets
import sys
from argparse import ArgumentParser
from contextlib import suppress
from functools import partial
from pathlib import Path

from waitress import serve

from tempmaild import log
from tempmaild.appliance import open_appliance
from tempmaild.errors import StoreFailed
from tempmaild.settings import SettingsError, load
from tempmaild_admin import create_app
from tempmaild_admin.access import console_access

_UNUSABLE = 2
_KEY_OCTETS = 32


def main() -> None:
    """Serve until a signal comes."""
    parser = ArgumentParser(prog="tempmaild-admin", description="The console of tempmaild.")
    parser.add_argument("--config", metavar="FILE", help="settings (default: $TEMPMAILD_CONFIG)")
    config = parser.parse_args().config or os.environ.get("TEMPMAILD_CONFIG")
    try:
        settings = load(Path(config) if config else None, os.environ)
        log.configure(settings.log.level, settings.log.format)
        appliance = open_appliance(settings, partial(console_access, settings))
    except (SettingsError, StoreFailed) as error:
        print(f"tempmaild-admin: {error}", file=sys.stderr)
        sys.exit(_UNUSABLE)
    admin = settings.admin
    app = create_app(settings, appliance, _secret_key(settings.admin_key_path))
    log.get_log("admin").info("listening", address=admin.listen, url=admin.url)
    serve(app, host=admin.listen.host, port=admin.listen.port, threads=admin.threads, ident=None)


def _secret_key(path: Path) -> bytes:
    """Give the key that cookies are signed with; it is made with the first start."""
    if not path.exists():
        # Whole or not at all; of two that start together, one has its key taken from the other.
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(_KEY_OCTETS))
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_bytes()


if __name__ == "__main__":
    main()
