"""What is installed."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def test_every_package_is_installed() -> None:
    setup = ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    found = {
        ".".join(path.parent.relative_to(folder).parts)
        for folder, name in ((PROJECT, "tempmaild"), (PROJECT / "admin", "tempmaild_admin"))
        for path in (folder / name).rglob("__init__.py")
    }
    assert set(setup["options"]["packages"].split()) == found


def test_every_other_file_is_installed() -> None:
    setup = ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    data = setup["options.package_data"]
    covered = {
        path
        for package, patterns in data.items()
        for pattern in patterns.split()
        for path in _folder(package).glob(pattern)
    }
    packages = {_folder(package) for package in setup["options"]["packages"].split()}
    for name in ("tempmaild", "tempmaild_admin"):
        for path in _folder(name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path in covered or (path.suffix == ".py" and path.parent in packages), path


def _folder(package: str) -> Path:
    top, *rest = package.split(".")
    return PROJECT.joinpath("admin" if top == "tempmaild_admin" else "", top, *rest)
