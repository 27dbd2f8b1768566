"""`make bench`: tempmaild beside Postfix and Dovecot from Debian's packages; the table on standard output."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tests.bench import console
from tests.bench.checked import CheckedPostfix, CheckedTempmaild, Haraka
from tests.bench.corpus import M4K, write_corpus
from tests.bench.load import Load, LoadFailed, LoadGenerator
from tests.bench.measure import take_turns
from tests.bench.peers import CannotStart, Dovecot, Postfix
from tests.bench.report import Result, as_values, table
from tests.bench.rows import (
    CHECKED,
    CHECKED_POSTFIX,
    CLAMD,
    CROWDED,
    DOVECOT,
    FULL,
    HARAKA,
    POSTFIX,
    QUICK,
    TEMPMAILD,
    UNSEALED,
    make_rows,
    make_scale_rows,
    make_sealing_rows,
    stored,
)
from tests.bench.scale import FilledTempmaild
from tests.bench.servers import ACCOUNTS, Role, Server, Tempmaild, UnsealedTempmaild
from tests.bench.surroundings import Surroundings
from tests.bench.sweep import CrowdedTempmaild

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.bench.measure import Measurement, Sample
    from tests.bench.rows import Row, Scope

_ROUNDS = 5
_SEEDED = 40
"""Messages in each account that is read."""


def main() -> int:
    """Measure what is asked for; 0 when all of it could be measured, whatever it is."""
    options = _parser().parse_args()
    # Whatever was started is ended on the way out.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    _allow_many_files()
    try:
        with ExitStack() as stack:
            folder = _working_folder(options.folder, stack)
            if options.console:
                return _measure_console(options, folder)
            results = _measure(options, folder, stack)
    except (CannotStart, LoadFailed) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    if options.json:
        values = {"machine": _machine(), "rows": as_values(results)}
        options.json.write_text(json.dumps(values, indent=1) + "\n")
    print(f"\n{table(results)}")  # noqa: T201 - what it is for
    return int(any(result.problem for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench BENCH_ARGS=…", description=__doc__)
    parser.add_argument("--rounds", type=int, help=f"measurements of each server for each row ({_ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="a short round, to see that everything works")
    parser.add_argument("--only", action="append", metavar="NAME", help="this row; may be given more than once")
    parser.add_argument("--scale", action="store_true", help="what a million stored messages cost, instead of peers")
    parser.add_argument("--sealing", action="store_true", help="what sealing costs, instead of peers")
    parser.add_argument("--console", action="store_true", help="how fast the console answers, instead of peers")
    parser.add_argument("--haraka", type=Path, metavar="FOLDER", help="where npm has installed Haraka, to measure it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample into FILE")
    parser.add_argument(
        "--folder", default="/var/tmp", help="where all servers keep their files: a real disk (/var/tmp)"
    )
    return parser


def _measure(options: argparse.Namespace, folder: Path, stack: ExitStack) -> list[Result]:
    generator = LoadGenerator(folder)
    write_corpus(folder)
    beside_peers = partial(make_rows, haraka=options.haraka is not None)
    make = make_scale_rows if options.scale else make_sealing_rows if options.sealing else beside_peers
    scope = QUICK if options.quick else FULL
    rows = _selected(make(generator, folder, scope), options.only)
    servers = _start_servers(rows, scope, folder, stack)
    servers |= _start_checked(rows, folder, options.haraka, stack)
    _seed(generator, folder / M4K, servers)
    rounds = options.rounds or (1 if options.quick else _ROUNDS)
    measured: dict[Measurement, Result] = {}
    for row in rows:
        if row.measurement not in measured:
            measured[row.measurement] = _result(row, servers, rounds)
    return [Result(row, measured[row.measurement].samples, measured[row.measurement].problem) for row in rows]


def _measure_console(options: argparse.Namespace, folder: Path) -> int:
    """Measure the console's pages; 0 when all are as fast as they are to be."""
    write_corpus(folder)
    taken = console.measure(console.QUICK if options.quick else console.FULL, folder, folder / M4K, _tell)
    print(console.table(taken))  # noqa: T201
    return int(any(page.p95 > console.REACH for page in taken))


def _selected(rows: Sequence[Row], names: Sequence[str] | None) -> list[Row]:
    known = [row.name for row in rows]
    for name in names or ():
        if name not in known:
            sys.exit(f"there is no row {name}; there are {', '.join(known)}")
    return [row for row in rows if names is None or row.name in names]


def _start_servers(rows: Sequence[Row], scope: Scope, folder: Path, stack: ExitStack) -> dict[str, Server]:
    """Start the servers that the rows need; the stack ends them."""
    makers: dict[str, Callable[[Path], Server]] = {
        TEMPMAILD: Tempmaild,
        UNSEALED: UnsealedTempmaild,
        POSTFIX: Postfix,
        DOVECOT: Dovecot,
    }
    makers[CROWDED] = lambda place: CrowdedTempmaild(place, scope.mailboxes, folder / M4K)
    for size in scope.stored:
        makers[stored(size)] = lambda place, size=size: FilledTempmaild(place, size, folder / M4K)  # type: ignore[misc]
    return _started(makers, rows, folder, stack)


def _start_checked(rows: Sequence[Row], folder: Path, haraka: Path | None, stack: ExitStack) -> dict[str, Server]:
    """Start those that check mail, and what they need for it."""
    if not any(CHECKED in row.servers for row in rows):
        return {}
    _tell("starting unbound and clamd")
    around = Surroundings(folder / "surroundings", folder)
    stack.callback(around.stop)
    around.start()
    makers: dict[str, Callable[[Path], Server]] = {
        CHECKED: lambda place: CheckedTempmaild(place, around),
        CHECKED_POSTFIX: lambda place: CheckedPostfix(place, around),
    }
    if haraka:
        makers[HARAKA] = lambda place: Haraka(place, around, haraka)
    return _started(makers, rows, around.folder, stack) | {CLAMD: around.clamd}


def _started(
    makers: Mapping[str, Callable[[Path], Server]], rows: Sequence[Row], folder: Path, stack: ExitStack
) -> dict[str, Server]:
    servers = {}
    for number, (name, make) in enumerate(makers.items()):
        if any(name in row.servers for row in rows):
            _tell(f"starting {name}")
            server = servers[name] = make(folder / f"server{number}")
            stack.callback(server.stop)
            server.start()
    return servers


def _seed(generator: LoadGenerator, message: Path, servers: dict[str, Server]) -> None:
    """Put mail into the accounts that are read."""
    load = Load("lmtp", connections=10, per_session=20, message=message, in_turn=True)
    for server in servers.values():
        if "imap" in server.ports and not isinstance(server, FilledTempmaild | CrowdedTempmaild | CheckedTempmaild):
            generator.run(load, server.ports["lmtp"], server.accounts(Role.READER), ACCOUNTS * _SEEDED)


def _result(row: Row, servers: dict[str, Server], rounds: int) -> Result:
    _tell(row.title)

    def told(name: str, sample: Sample) -> None:
        _tell(f"  {name}: {row.figure(sample):,.1f} {row.unit}")

    try:
        samples = take_turns(row.measurement, {name: servers[name] for name in row.servers}, rounds, told)
    except (LoadFailed, AssertionError, OSError) as error:
        return Result(row, {}, str(error) or repr(error))
    return Result(row, samples)


def _working_folder(parent: str, stack: ExitStack) -> Path:
    """Make a folder for everything, which is removed last of all."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tempmaild-bench-", dir=parent)))
    # The peers' processes are not root's, and go through it.
    folder.chmod(0o755)
    return folder


def _interrupted(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _allow_many_files() -> None:
    """Each connection of the load generator is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _machine() -> dict[str, Any]:
    return {"processors": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the table alone goes to standard output


if __name__ == "__main__":
    sys.exit(main())
