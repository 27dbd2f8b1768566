"""The RFC 7208 test suite that pyspf's source distribution has: fetching it, and reading it.

`python -m tests.checks.spf_suite` gets it from the package index into the virtual environment; `make test` does.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import dns.name
import yaml

from tests.dns_server import SERVFAIL, Answer, Zones

FILE = Path(sys.prefix) / "share" / "pyspf" / "rfc7208-tests.yml"
COUNT = 203
"""Cases in the suite of 2014.04, the last one."""
_KINDS = ("A", "AAAA", "MX", "PTR", "SPF", "TXT")


class Case(NamedTuple):
    """A case of the suite.

    Attributes:
        results: those that are right, the preferred one first.
        explanation: "DEFAULT" for none of the domain's; None where it does not matter.
    """

    scenario: str
    name: str
    client: str
    helo: str
    sender: str
    results: tuple[str, ...]
    explanation: str | None
    zones: Zones


def fetch() -> None:
    """Get the suite that belongs to the pyspf that is installed.

    Raises:
        CalledProcessError: pip cannot have it; it has said why.
    """
    requirement = f"pyspf=={version('pyspf')}"
    with TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
        subprocess.run([*pip, "--no-binary", ":all:", "--no-deps", "--dest", folder, requirement], check=True)
        (archive,) = Path(folder).iterdir()
        with tarfile.open(archive) as packed:
            (member,) = [each for each in packed.getmembers() if Path(each.name).name == FILE.name]
            text = packed.extractfile(member)
            assert text
            FILE.parent.mkdir(parents=True, exist_ok=True)
            FILE.write_bytes(text.read())


def cases() -> list[Case]:
    """Give all cases; none if the suite is not there."""
    if not FILE.exists():
        return []
    return [case for scenario in yaml.safe_load_all(FILE.read_bytes()) for case in _cases(scenario)]


def _cases(scenario: dict[str, Any]) -> list[Case]:
    zones = {_escaped(name): _records(records) for name, records in scenario["zonedata"].items()}
    return [
        Case(
            scenario["description"],
            name,
            case["host"],
            case["helo"],
            case["mailfrom"],
            tuple(case["result"]) if isinstance(case["result"], list) else (case["result"],),
            case.get("explanation"),
            zones,
        )
        for name, case in scenario["tests"].items()
    ]


def _escaped(name: str) -> str:
    """Write a name as zone files do: some of the suite have blanks."""
    labels = [label.encode() for label in name.split(".")]
    return dns.name.Name([*labels, b""]).to_text(omit_final_dot=True).lower()


def _records(entries: list[Any]) -> dict[str, Answer]:
    """Give the values of a name by type; they are not to be cached, as other cases have others."""
    values: dict[str, list[Any]] = {}
    for entry in entries:
        if entry != "TIMEOUT":
            ((kind, value),) = entry.items()
            values.setdefault(kind, []).append(_value(kind, value))
    # Records of the type SPF, which is no more, stand for TXT unless there are some (or "NONE").
    values["TXT"] = values.get("TXT", values.get("SPF", []))
    if values["TXT"] == ["NONE"]:
        values["TXT"] = []
    answers = {kind: Answer(found, ttl=0) for kind, found in values.items() if found}
    return (dict.fromkeys(_KINDS, SERVFAIL) if "TIMEOUT" in entries else {}) | answers


def _value(kind: str, value: Any) -> Any:
    if kind == "MX":
        preference, host = value
        return preference, host or "."
    if kind in {"SPF", "TXT"} and value == []:
        return ""
    return value


if __name__ == "__main__":
    try:
        fetch()
    except subprocess.CalledProcessError as problem:
        sys.exit(f"the RFC 7208 test suite cannot be had; its tests are skipped: {problem}")
