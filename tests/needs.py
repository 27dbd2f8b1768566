"""What a test needs beyond Python's packages: programs of Debian packages, which `tests/packages.sh` installs."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

SKIP_NOTHING = "TESTS_SKIP_NOTHING"
"""The environment variable under which a missing program fails its tests; CI sets it."""


def needs(program: str) -> str:
    """Give the path of a program; without the program the test is skipped, or fails where nothing may be skipped.

    Besides PATH it is looked for where Debian puts the programs of administrators and of PostgreSQL.
    """
    folders = ["/usr/sbin", "/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    path = shutil.which(program) or shutil.which(program, path=os.pathsep.join(folders))
    if path is None:
        missing(f"{program} is not installed (as root: tests/packages.sh test)")
    return path


def messages_of_python() -> list[Path]:
    """Give the files of Python's own test messages, which Debian has in a package of its own."""
    try:
        test_email = importlib.import_module("test.test_email")
    except ImportError:
        missing("libpython3.11-testsuite is not installed (as root: tests/packages.sh test)")
    messages = sorted((Path(str(test_email.__file__)).parent / "data").glob("*.txt"))
    return messages or missing("this Python comes without its test messages")


def missing(what: str) -> NoReturn:
    """Skip the test for want of something, or fail where nothing may be skipped.

    Raises:
        Skipped: or `Failed`; it never returns.
    """
    if os.environ.get(SKIP_NOTHING):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
