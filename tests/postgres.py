"""A PostgreSQL server for tests: made and started once by each worker, with a fresh database for each test."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest

from tempmaild.store.opening import open_database
from tests.needs import needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_USER = "tempmaild"
_EMPTY = "with_schema"
"""The database that the others are copies of: migrated, and nothing in it."""
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "40",
    "shared_buffers": "16MB",
    # Nothing of this is to outlive the tests.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # Who waits for each other is told soon.
    "deadlock_timeout": "10ms",
}


class Postgres:
    """A server on a Unix socket in a folder of its own.

    Attributes:
        folder: where everything is, the socket among it.
    """

    def __init__(self) -> None:
        programs = Path(os.path.realpath(needs("initdb"))).parent
        # PostgreSQL does not run as root, so that the folder is not below pytest's, which are root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="tempmaild-pg-"))
        self._account = _unprivileged_account()
        if self._account:
            shutil.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self._pg_ctl = str(programs / "pg_ctl")
        self._data = self.folder / "data"
        self._numbers = itertools.count(1)
        # The order of text differs from that of SQLite's on purpose: nothing may depend on it.
        locale = ("--locale=C", "--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8")
        self._run([str(programs / "initdb"), "-D", str(self._data), "-U", _USER, "-A", "trust", "-N", *locale])
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        with (self._data / "postgresql.conf").open("a") as config:
            config.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self.start()
        self._administer(f"CREATE DATABASE {_EMPTY}")
        open_database(self.url(_EMPTY), self.folder).close()

    def start(self) -> None:
        """Start the server, and come back when it takes connections."""
        self._run([self._pg_ctl, "-D", str(self._data), "-w", "-l", str(self.folder / "log"), "start"])

    def stop(self) -> None:
        """Stop the server, whoever is connected."""
        self._run([self._pg_ctl, "-D", str(self._data), "-w", "-m", "fast", "stop"])

    def close(self) -> None:
        """Leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder)

    def create(self, *, migrated: bool = True) -> str:
        """Make a database, with the schema or without anything; its URL."""
        name = f"test{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {_EMPTY if migrated else 'template0'}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Delete a database, whoever is connected to it."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """Give the URL of a database."""
        return f"postgresql:///{name}?host={quote(str(self.folder), safe='')}&user={_USER}"

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, command: Sequence[str]) -> None:
        account = self._account
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=self.folder,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
        )
        assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests of this worker."""
    server = Postgres()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database for this test alone."""
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """What `store.url` is: a test that takes this runs on both kinds of database."""
    url: str = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return url


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Give who is to run the server, None when that is who runs the tests."""
    if os.geteuid():
        return None
    names = {account.pw_name: account for account in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
