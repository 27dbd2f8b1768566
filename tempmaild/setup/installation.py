"""Everything that an installation takes, in its order."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import AddressTaken, DomainExists
from tempmaild.settings import SettingsError, load
from tempmaild.setup.asking import has_mailbox
from tempmaild.setup.files import CONFIG, unit_names, wanted
from tempmaild.setup.plan import ActStep, SetupFailed, check_config, file_steps, inside, owner_ids
from tempmaild.store.access import at_once
from tempmaild.store.opening import pending_migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tempmaild.settings import Settings
    from tempmaild.setup.answers import Answers
    from tempmaild.setup.plan import Step

_BASE = ("/etc/sysusers.d/tempmaild.conf", "/etc/tmpfiles.d/tempmaild.conf")
"""Files without which there are neither user nor folders."""
_FOLDERS = ("etc/tempmaild/credentials", "var/lib/tempmaild", "var/backups/tempmaild")
_TARGETS = {".socket": "sockets.target", ".service": "multi-user.target", ".timer": "timers.target"}
_SECONDS = 120
"""What a program of systemd may take; the daemon has as long to stop as its unit says."""


class Site(NamedTuple):
    """Where something is to be installed.

    Attributes:
        root: "/" for this host; another folder for an image, in which nothing is started.
        shared: the folder with the unit files.
        stamp: ends the name of what is put aside.
        replace: whether files that a person has edited are put aside.
        tell: is given what the person has to know once, such as the secret of a mailbox.
    """

    root: Path
    shared: Path
    stamp: str
    replace: bool
    tell: Callable[[str], None]

    @property
    def is_live(self) -> bool:
        """Whether it is the host that this runs on."""
        return self.root.resolve() == self.root.resolve().parent


def steps(answers: Answers, site: Site) -> list[Step]:
    """Give what is still to be done; nothing where all is as it has to be.

    Raises:
        SetupFailed: the host cannot be looked at.
    """
    root = site.root
    files = file_steps(wanted(answers, site.shared, root), root, site.stamp, replace=site.replace)
    base = [step for step in files if step.wanted.path in _BASE]
    rest = [step for step in files if step not in base]
    plan: list[Step] = [*base]
    missing = owner_ids(root) is None or not all((root / folder).is_dir() for folder in _FOLDERS)
    if base or missing:
        plan.append(ActStep("make the user tempmaild, and the folders", partial(_make_user, root)))
    plan += rest
    units = unit_names(answers, site.shared)
    if text := _in_store(answers, root):
        plan.append(ActStep(text, partial(_fill_store, answers, site)))
    off = [unit for unit in units if not _enabled(root, unit)]
    if off:
        plan.append(ActStep(f"enable {', '.join(off)}", partial(_enable, root, off)))
    if plan and site.is_live:
        plan.append(ActStep("start tempmaild, or start it anew", partial(_start, units)))
    return plan


def _systemd(*words: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - programs of systemd, with our own words
            words, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupFailed(f"{words[0]}: {error}") from error
    if done.returncode:
        raise SetupFailed(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")


def _make_user(root: Path) -> None:
    _systemd("systemd-sysusers", f"--root={root}", str(inside(root, _BASE[0])))
    _systemd("systemd-tmpfiles", "--create", f"--root={root}", str(inside(root, _BASE[1])))


def _enabled(root: Path, unit: str) -> bool:
    target = _TARGETS[unit[unit.rindex(".") :]]
    return (root / f"etc/systemd/system/{target}.wants/{unit}").is_symlink()


def _enable(root: Path, units: list[str]) -> None:
    _systemd("systemctl", f"--root={root}", "enable", *units)


def _start(units: list[str]) -> None:
    """Start all; a socket cannot be opened while the daemon runs without it, so that has to stop first."""
    _systemd("systemctl", "daemon-reload")
    _systemd("systemctl", "stop", "tempmaild.service", "tempmaild-admin.service")
    _systemd("systemctl", "start", *units)


# The domain and the operator's mailbox


def _settings(root: Path) -> Settings:
    """Give the settings of an installation, with a state folder that is in it."""
    config = inside(root, CONFIG)
    state = load(config, {}).host.state
    return load(config, {"TEMPMAILD_HOST_STATE": str(inside(root, str(state)))})


def _in_store(answers: Answers, root: Path) -> str:
    """Say what is missing in the database; "" for nothing."""
    if not answers.domain:
        return ""
    todo = [f"take mail for {answers.domain}"]
    if answers.operator:
        todo.append(f"make the mailbox {answers.operator}, which lives for ever")
    text = " and ".join(todo)
    try:
        settings = _settings(root)
        if pending_migrations(settings.store.url, settings.sqlite_path) != []:
            return text
    except SettingsError:
        return text
    appliance = open_appliance(settings)
    with closing(appliance.handle):
        known = {domain.name for domain in at_once(appliance.domains.list_all())}
        there = answers.domain in known and (not answers.operator or has_mailbox(appliance, answers.operator))
    return "" if there else text


def _fill_store(answers: Answers, site: Site) -> None:
    check_config(site.root, CONFIG)
    ids = owner_ids(site.root) if os.geteuid() == 0 else None
    with _acting_as(ids if site.is_live else None):
        secret = _fill(answers, _settings(site.root))
    if ids and not site.is_live:
        # An image is filled by whoever makes it.
        for path in inside(site.root, "/var/lib/tempmaild").rglob("*"):
            os.chown(path, *ids, follow_symlinks=False)
    if secret:
        site.tell(
            f"{answers.operator} gets the mail for postmaster, abuse and the like; it is read over IMAP or POP3"
        )
        site.tell(f"with the secret {secret}, which is shown only now")


def _fill(answers: Answers, settings: Settings) -> str:
    """Add what is missing; the secret of the operator's mailbox if it is new."""
    appliance = open_appliance(settings)
    with closing(appliance.handle):
        with suppress(DomainExists):
            at_once(appliance.domains.add(answers.domain, actor="operator"))
        if not answers.operator:
            return ""
        creating = appliance.mailboxes.create(answers.operator, Lifetime(seconds=0), operator=True, role=True)
        try:
            return at_once(creating).secret
        except AddressTaken:
            return ""


@contextmanager
def _acting_as(ids: tuple[int, int] | None) -> Iterator[None]:
    """Be the service's user for a while, so that what is made is its own, and PostgreSQL takes us for it.

    Args:
        ids: None for staying who we are.
    """
    mask = os.umask(0o077)
    if ids:
        os.setegid(ids[1])
        os.seteuid(ids[0])
    try:
        yield
    finally:
        if ids:
            os.seteuid(0)
            os.setegid(0)
        os.umask(mask)
