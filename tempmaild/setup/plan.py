"""What has to be done for an installation: steps, each of which says what it will do before it does it.

A file that a person has edited is not overwritten: it is known by the digest of what was written there last. Ours is
put beside it, or, if that is asked for, takes its place, and the other one is kept under the name of the day.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from tempmaild.errors import InvalidValue, TempmaildError
from tempmaild.settings import SettingsError, load
from tempmaild.store.disk import flush

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tempmaild.setup.files import Audience, Wanted

RECORD = "etc/tempmaild/.setup.json"
"""The digests of the files that were written, by path."""
OWNER = "tempmaild"
_MODES: Mapping[Audience, int] = {"all": 0o644, "service": 0o640, "program": 0o755}
_LARGEST = 2**20
"""Octets of a file of ours; none comes near."""

Manner = Literal["new", "changed", "mode", "beside", "replace"]
"""new: there is none. changed: it is as it was written before, and is to be another. mode: only who may read it.
beside: a person has edited it, and it stays. replace: … and it is put aside."""
_WORDS: Mapping[Manner, str] = {
    "new": "write {path}: {why}",
    "changed": "write {path} anew: {why}",
    "mode": "have {path} readable for whom it is meant: {why}",
    "beside": "leave {path} as somebody has edited it, and write what it would be to {path}.new",
    "replace": "keep {path}, which somebody has edited, as {path}.{stamp}, and write it anew: {why}",
}


class SetupFailed(TempmaildError):
    """The installation cannot go on."""


class FileStep(NamedTuple):
    """A file to write."""

    wanted: Wanted
    manner: Manner
    root: Path
    stamp: str

    @property
    def text(self) -> str:
        """What will be done."""
        return _WORDS[self.manner].format(path=self.wanted.path, why=self.wanted.why, stamp=self.stamp)

    def do(self) -> None:
        """Do it.

        Raises:
            SetupFailed: it could not be written.
        """
        path = inside(self.root, self.wanted.path)
        target = path.with_name(f"{path.name}.new") if self.manner == "beside" else path
        try:
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            if self.manner == "replace":
                shutil.copy2(path, path.with_name(f"{path.name}.{self.stamp}"))
            write_file(
                target, self.wanted.text, _MODES[self.wanted.audience], _group(self.root, self.wanted.audience)
            )
            if self.manner != "beside":
                _note(self.root, self.wanted)
        except OSError as error:
            raise SetupFailed(f"cannot write {target}: {error.strerror}") from error


class ActStep(NamedTuple):
    """Something to do beyond files."""

    text: str
    act: Callable[[], None]

    def do(self) -> None:
        """Do it.

        Raises:
            TempmaildError: it could not be done.
        """
        self.act()


Step = FileStep | ActStep


def inside(root: Path, path: str) -> Path:
    """Give the place of a path in an installation under `root`."""
    return root / path.lstrip("/")


def file_steps(files: Iterable[Wanted], root: Path, stamp: str, *, replace: bool) -> list[FileStep]:
    """Give what has to be done about files; nothing for one that is as it has to be.

    Args:
        stamp: ends the name of what is put aside.
        replace: whether what a person has edited is put aside.

    Raises:
        SetupFailed: one of them cannot be looked at.
    """
    record = _record(root)
    manners = ((wanted, _manner(wanted, root, record, replace=replace)) for wanted in files)
    return [FileStep(wanted, manner, root, stamp) for wanted, manner in manners if manner]


def _manner(wanted: Wanted, root: Path, record: Mapping[str, str], *, replace: bool) -> Manner | None:
    path = inside(root, wanted.path)
    try:
        with path.open("rb") as file:
            there, mode = file.read(_LARGEST), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except FileNotFoundError:
        return "new"
    except OSError as error:
        raise SetupFailed(f"cannot look at {path}: {error.strerror}") from error
    if there == wanted.text.encode():
        return None if mode == _MODES[wanted.audience] else "mode"
    if record.get(wanted.path) == _digest(there):
        return "changed"
    if replace:
        return "replace"
    beside = path.with_name(f"{path.name}.new")
    with suppress(OSError):
        if beside.read_bytes() == wanted.text.encode():
            return None
    return "beside"


def write_file(path: Path, text: str, mode: int, group: int | None) -> None:
    """Write a file so that nobody ever sees half of it, or more of it than he may."""
    draft = path.with_name(f".{path.name}.setup")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if group is not None:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    # What is written next, above all the record, is not to be there before it.
    flush(path.parent)


def owner_ids(root: Path) -> tuple[int, int] | None:
    """Give the numbers of the service's user and group in an installation; None as long as there is no such user."""
    with suppress(OSError, ValueError, IndexError):
        for line in (root / "etc/passwd").read_text().splitlines():
            name, _, user, group, *_ = line.split(":")
            if name == OWNER:
                return int(user), int(group)
    return None


def check_config(root: Path, path: str) -> None:
    """See that the settings that will be in force can be used.

    Raises:
        InvalidValue: they cannot.
    """
    try:
        load(inside(root, path), {})
    except SettingsError as error:
        raise InvalidValue(path, "; ".join(error.problems)) from None


def _group(root: Path, audience: Audience) -> int | None:
    ids = owner_ids(root)
    return ids[1] if audience == "service" and ids and os.geteuid() == 0 else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _record(root: Path) -> dict[str, str]:
    """Read what was written; what makes no sense is nothing, so that every file counts as edited."""
    try:
        found = json.loads((root / RECORD).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(path): str(digest) for path, digest in found.items()} if isinstance(found, dict) else {}


def _note(root: Path, wanted: Wanted) -> None:
    record = _record(root) | {wanted.path: _digest(wanted.text.encode())}
    (root / RECORD).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_file(root / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n", 0o644, None)
