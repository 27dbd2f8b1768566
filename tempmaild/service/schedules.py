"""Schedules: what the operator has done to mailboxes again and again, and the doing of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from tempmaild.core import address as addresses
from tempmaild.core.schedule import Outcome, Purge, Report, Schedule
from tempmaild.errors import NoSuchDomain, NoSuchSchedule
from tempmaild.service.mailboxes import go_on
from tempmaild.store.schedules import (
    AddSchedule,
    ChangeSchedule,
    NoteRun,
    RemoveSchedule,
    RequestRun,
    ShortenLifetimes,
    TakeUp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.core.schedule import Run
    from tempmaild.service.mailboxes import Breather, Mailboxes
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries
    from tempmaild.store.schedules import ScheduleQueries

_PORTION = 200
"""Mailboxes that are changed at once, so that others need not wait long for the writer."""


class Schedules:
    """What the operator can do with schedules, and what daemons do for them. `actor` is whom the audit log names.

    Attributes:
        operator: the address whose mailbox gets mail to the roles, where their domain names no other.
    """

    def __init__(
        self,
        access: Access,
        queries: Queries,
        schedule_queries: ScheduleQueries,
        mailboxes: Mailboxes,
        clock: Callable[[], float],
        operator: str,
    ) -> None:
        self._access = access
        self._queries = queries
        self._schedule_queries = schedule_queries
        self._mailboxes = mailboxes
        self._clock = clock
        self.operator = operator

    # What the operator does

    async def add(self, schedule: Schedule, actor: str = "") -> Schedule:
        """Keep a schedule: its name, domain, action, timing, and whether it is enabled.

        Raises:
            InvalidValue: it is impossible.
            InvalidAddress: the domain's name is none.
            NoSuchDomain: the domain is not ours.
            NameTaken: there is one of this name.
        """
        return await self._access.write(AddSchedule(await self._checked(schedule), actor))

    async def change(self, schedule: Schedule, actor: str = "") -> Schedule:
        """Have domain, action, timing, and whether it is enabled, as `schedule` says.

        Raises:
            InvalidValue: it is impossible.
            InvalidAddress: the domain's name is none.
            NoSuchDomain: the domain is not ours.
            NoSuchSchedule: there is none of this name.
        """
        return await self._access.write(ChangeSchedule(await self._checked(schedule), actor))

    async def pause(self, name: str, actor: str = "") -> Schedule:
        """Have a schedule not run until it is resumed.

        Raises:
            NoSuchSchedule: there is none of this name.
        """
        schedule = await self.get(name)
        return await self._access.write(ChangeSchedule(msgspec.structs.replace(schedule, enabled=False), actor))

    async def resume(self, name: str, actor: str = "") -> Schedule:
        """Have a schedule run again; what it has missed is not made up.

        Raises:
            NoSuchSchedule: there is none of this name.
        """
        schedule = await self.get(name)
        return await self._access.write(ChangeSchedule(msgspec.structs.replace(schedule, enabled=True), actor))

    async def run_now(self, name: str, actor: str = "") -> None:
        """Have a schedule run at once, though it be paused, by one of the daemons; by the next if none is running.

        Raises:
            NoSuchSchedule: there is none of this name.
        """
        await self._access.write(RequestRun(name, actor))

    async def remove(self, name: str, actor: str = "") -> None:
        """Keep a schedule no longer; a run that is under way is finished.

        Raises:
            NoSuchSchedule: there is none of this name.
        """
        await self._access.write(RemoveSchedule(name, actor))

    async def list_all(self) -> list[Schedule]:
        """Give all schedules by name."""
        return await self._access.read(self._schedule_queries.schedules)

    async def get(self, name: str) -> Schedule:
        """Give a schedule.

        Raises:
            NoSuchSchedule: there is none of this name.
        """
        schedule = await self._access.read(self._schedule_queries.schedule, name)
        if schedule is None:
            raise NoSuchSchedule(name)
        return schedule

    async def runs(self, schedule: Schedule) -> list[Run]:
        """Give the runs of a schedule that are remembered, the last one first."""
        return await self._access.read(self._schedule_queries.runs, schedule.id)

    async def _checked(self, schedule: Schedule) -> Schedule:
        schedule.check()
        if not schedule.domain:
            return schedule
        domain = addresses.normalise_pattern(schedule.domain)
        if await self._access.read(self._queries.domain, domain) is None:
            raise NoSuchDomain(domain)
        return msgspec.structs.replace(schedule, domain=domain)

    # What daemons do

    async def version(self) -> int:
        """Give a number that is another one after each change of settings, schedules among them."""
        return await self._access.read(self._queries.counter, "settings")

    async def take_up(self, schedule_id: int) -> Schedule | None:
        """Take up what is to be done for a schedule now: whoever gets it runs it, and nobody else.

        Returns:
            None when there is nothing to do, or another daemon does it.
        """
        return await self._access.write(TakeUp(schedule_id))

    async def run(self, schedule: Schedule, is_ending: Callable[[], bool], breathe: Breather = go_on) -> Outcome:
        """Do what a schedule says, and keep with it what came of that.

        Args:
            is_ending: asked before each portion; when it says so the run ends, and is wished for again.
            breathe: awaited after each portion, so that others get at the writer.

        Raises:
            TempmaildError: it failed for this reason.
        """
        began = int(self._clock())
        try:
            outcome = await self._act(schedule, began, is_ending, breathe)
        except Exception as error:
            failed = Outcome(error=f"{type(error).__name__} ({error})")
            await self._access.write(NoteRun(schedule.id, schedule.action.name, began, failed))
            raise
        if outcome.ended_early:
            await self.run_now(schedule.name, _actor(schedule))
        await self._access.write(NoteRun(schedule.id, schedule.action.name, began, outcome))
        return outcome

    async def _act(self, schedule: Schedule, now: int, is_ending: Callable[[], bool], breathe: Breather) -> Outcome:
        domain_id = await self._domain_id(schedule.domain)
        if isinstance(schedule.action, Report):
            counts = await self._access.read_long(self._schedule_queries.counts, domain_id, now)
            return Outcome(
                sum(count.mailboxes for count in counts), sum(count.messages for count in counts), tuple(counts)
            )
        if isinstance(schedule.action, Purge):
            until = now - schedule.action.older_than
            find = partial(self._schedule_queries.made_until, domain_id, until)
            do = partial(self._destroy, _actor(schedule), breathe)
        else:
            until = now + schedule.action.to
            find = partial(self._schedule_queries.ending_after, domain_id, until)
            do = partial(self._shorten, _actor(schedule), until)
        spared = await self._spared()
        mailboxes = messages = after = 0
        ended_early = False
        while found := await self._access.read_long(find, after, _PORTION):
            ended_early = is_ending()
            if ended_early:
                break
            after = found[-1].id
            done = await do([mailbox.id for mailbox in found if mailbox.address not in spared])
            mailboxes += done[0]
            messages += done[1]
            await breathe()
        return Outcome(mailboxes, messages, ended_early=ended_early)

    async def _domain_id(self, name: str) -> int | None:
        if not name:
            return None
        domain = await self._access.read(self._queries.domain, name)
        if domain is None:
            raise NoSuchDomain(name)
        return domain.id

    async def _spared(self) -> set[str]:
        """Give the addresses of mailboxes that take other addresses' mail: no schedule is for these."""
        spared = {self.operator}
        for domain in await self._access.read(self._queries.domains):
            spared |= {domain.policy.operator, domain.policy.catch_all}
        return spared

    async def _destroy(self, actor: str, breathe: Breather, mailbox_ids: Sequence[int]) -> tuple[int, int]:
        """Destroy mailboxes; how many there were, and how many messages they had."""
        mailboxes = await self._access.read_long(self._queries.mailboxes_of, mailbox_ids)
        # Counted before: once their lives are ended the sweep helps to erase them.
        messages = await self._access.read_long(self._queries.messages, mailbox_ids)
        await self._mailboxes.destroy_all(mailboxes, actor, breathe)
        return len(mailboxes), sum(messages.values())

    async def _shorten(self, actor: str, until: int, mailbox_ids: Sequence[int]) -> tuple[int, int]:
        return await self._access.write(ShortenLifetimes(tuple(mailbox_ids), until, actor)), 0


def _actor(schedule: Schedule) -> str:
    return f"schedule {schedule.name}"
