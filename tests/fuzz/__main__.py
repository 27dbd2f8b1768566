"""Fuzz the parsers, one after the other: `python -m tests.fuzz --seconds 600`.

Atheris (libFuzzer for Python) makes up input that reaches code which no other input has reached. What it has made up
is kept in `.fuzz`, and with it what was a finding, which is tried first the next time.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

import atheris

_KEPT = Path(".fuzz")
_LONGEST = 8 * 1024
"""Octets of an input; what makes a parser do something is shorter, and more would be slower."""
_LONGEST_SEED = 64 * 1024
_HANGS = 30
"""Seconds for one input after which it is a finding."""
_MEBIBYTES = 1024
"""Of memory, beyond which an input is a finding; the interpreter takes up to 200."""
_REPEATING = 0.2
"""The share of the time in which pieces of input are repeated, to find what takes more than linear time."""
_LONGEST_PIECE = 64


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to fuzz (default: everything)")
    parser.add_argument("--seconds", type=float, default=60, help="of fuzzing, shared by all (default: 60)")
    parser.add_argument("--mail", type=Path, help="a folder with more messages to begin with, *.eml")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _fuzz_each(options: argparse.Namespace) -> int:
    """Fuzz every target in a process of its own, which may end as it likes; the number of those with findings."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - in the other processes, it is instrumented before

    unknown = set(options.names) - set(TARGETS)
    if unknown:
        sys.exit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    names = options.names or list(TARGETS)
    found = []
    seconds = max(int(options.seconds / len(names)), 1)
    for name in names:
        begun = time.monotonic()
        command = [sys.executable, "-m", "tests.fuzz", "--alone", name, "--seconds", str(seconds)]
        if options.mail:
            command += ["--mail", str(options.mail)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        _say(
            f"{name:<24} {'finding' if done.returncode else 'nothing':<8} {time.monotonic() - begun:6.1f} s",
        )
        if done.returncode:
            found.append(name)
            lines = (done.stdout + done.stderr).splitlines()
            _say("\n".join(line for line in lines if not line.startswith("INFO: ")))
    _say(f"{len(names)} targets, findings in {len(found)}: {', '.join(found) or 'none'}")
    return len(found)


def _fuzz(name: str, seconds: int, mail: Path | None) -> None:
    """Fuzz one target; ends the process."""
    with atheris.instrument_imports(include=["tempmaild"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415
    from tests.fuzz.target import check_growth, check_in_time  # noqa: PLC0415

    target = TARGETS[name]
    folder = _KEPT / name
    seeds = folder / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*target.seeds, *_messages(mail if target.reads_mail else None)]):
        (seeds / f"{number}").write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{_in_hex(word)}"\n' for word in target.words))
    made_up = folder / "made-up"
    made_up.mkdir(exist_ok=True)
    dice = random.Random(name)
    begun = time.thread_time()
    repeating = 0.0

    def feed(data: bytes) -> None:
        nonlocal repeating
        check_in_time(target, data)
        now = time.thread_time()
        if data and repeating < _REPEATING * (now - begun):
            start = dice.randrange(len(data))
            piece = data[start : start + dice.randint(1, _LONGEST_PIECE)]
            check_growth(target, data[:start], piece, data[start:] * dice.randrange(2))
            repeating += time.thread_time() - now

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST}",
        f"-timeout={_HANGS}",
        f"-rss_limit_mb={_MEBIBYTES}",
        f"-dict={words}",
        # What was a finding is found again first of all.
        f"-artifact_prefix={made_up}/",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(made_up), str(seeds)], feed)
    atheris.Fuzz()


def _in_hex(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _messages(folder: Path | None) -> list[bytes]:
    paths = sorted(folder.rglob("*.eml")) if folder else []
    return [path.read_bytes() for path in paths if path.stat().st_size <= _LONGEST_SEED]


def main() -> None:
    """Do what the command line says."""
    options = _parse_arguments()
    if options.alone:
        _fuzz(options.names[0], int(options.seconds), options.mail)
    elif _fuzz_each(options):
        sys.exit(1)


if __name__ == "__main__":
    main()
