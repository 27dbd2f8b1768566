"""`tempmaild-admin` serves the console."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path

from waitress import serve

from tempmaild import log
from tempmaild.appliance import open_appliance
from tempmaild.errors import StoreFailed
from tempmaild.settings import SettingsError, load
from tempmaild.store.console_key import console_key
from tempmaild_admin import create_app
from tempmaild_admin.access import console_access
from tempmaild_admin.services import Services

_UNUSABLE = 2


def main() -> None:
    """Serve until a signal comes."""
    parser = ArgumentParser(prog="tempmaild-admin", description="The console of tempmaild.")
    parser.add_argument("--config", metavar="FILE", help="settings (default: $TEMPMAILD_CONFIG)")
    config = parser.parse_args().config or os.environ.get("TEMPMAILD_CONFIG")
    try:
        settings = load(Path(config) if config else None, os.environ)
        log.configure(settings.log.level, settings.log.format)
        appliance = open_appliance(settings, partial(console_access, settings))
        app = create_app(settings, appliance, console_key(settings.admin_key_path))
        Services(settings, appliance).call(appliance.profiles.lock_factors())
    except (SettingsError, StoreFailed) as error:
        print(f"tempmaild-admin: {error}", file=sys.stderr)
        sys.exit(_UNUSABLE)
    admin = settings.admin
    log.get_log("admin").info("listening", address=admin.listen, url=admin.url)
    serve(app, host=admin.listen.host, port=admin.listen.port, threads=admin.threads, ident=None)


if __name__ == "__main__":
    main()
