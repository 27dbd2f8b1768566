"""The daemon's end of the pipes to the processes that check mail."""

from __future__ import annotations

import os
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tempmaild.checks.exchange import Ready, task, verdict_of
from tempmaild.checks.pipeline import configured, failed
from tempmaild.in_pipe import RESTART_AFTER, Companion

if TYPE_CHECKING:
    from tempmaild.checks.exchange import Answer, Task
    from tempmaild.checks.mail import Mail
    from tempmaild.core.verdict import Verdict
    from tempmaild.log import Log
    from tempmaild.settings import Settings

_START_SECONDS = 60.0
"""What a process may need to begin: a host that is starting itself is slow."""
_LENIENCY = 2.0
"""Seconds beyond the time of a message after which a process that says nothing is taken to hang."""
_LOOK_EVERY = 1.0
_TOGETHER = 8
"""Messages of one turn of the reactor that one process gets, though others have less to do."""
_FEWEST = 2
"""Processes, so that a message that keeps one busy does not hold up all."""
_occupied: Final = attrgetter("occupied")


class ChecksUnusable(Exception):
    """Mail cannot be checked as the settings want it; the text says why."""


class CheckingProcesses:
    """Has mail checked by processes beside this one.

    Args:
        reactor: Twisted's.
    """

    def __init__(self, reactor: Any, settings: Settings, log: Log) -> None:
        self._processes = [CheckingProcess(reactor, settings, log) for _ in range(_number(settings))]
        # So no message needs a timer of its own.
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    async def start(self) -> None:
        """Start the processes, and come back when they check.

        Raises:
            ChecksUnusable: what they are to check with does not fit the settings.
        """
        self._looking.start(_LOOK_EVERY)
        for process in self._processes:
            process.start()
        problems = [problem for process in self._processes for problem in await process.begun]
        if problems:
            raise ChecksUnusable("; ".join(dict.fromkeys(problems)))

    def reload(self, settings: Settings) -> None:
        """Have what comes from now on checked as these settings want it."""
        for process in self._processes:
            process.reload(settings)

    def examine(self, mail: Mail) -> Deferred[Verdict]:
        """Have a message examined; fires with the verdict, which may be that it could not be."""
        return min(self._processes, key=_occupied).examine(mail)

    def gauges(self) -> dict[str, float]:
        """Give how many processes there are, how many of them check, and how many messages are with them."""
        return {
            "checks/processes": len(self._processes),
            "checks/ready": sum(process.ready for process in self._processes),
            "checks/waiting": sum(process.load for process in self._processes),
        }

    async def stop(self) -> None:
        """End the processes; what is being checked counts as not checked."""
        self._looking.stop()
        for process in self._processes:
            await process.stop()

    def _look(self) -> None:
        for process in self._processes:
            process.look()


def _number(settings: Settings) -> int:
    """Give how many processes there are to be: on large hosts, half of the processors are for all else."""
    return settings.checks.processes or max(_FEWEST, (os.cpu_count() or 1) // 2)


class _Waiting(NamedTuple):
    """A message that is being checked; `until` is by the reactor's clock."""

    mail: Mail
    until: float
    verdict: Deferred[Verdict]


class CheckingProcess:
    """Has mail checked by one process, and starts it again if it dies or hangs.

    Attributes:
        ready: whether it checks; until then messages wait for it.
        begun: fires when it checks for the first time, with what is wrong with the settings.
    """

    def __init__(self, reactor: Any, settings: Settings, log: Log) -> None:
        self.ready = False
        self.begun: Deferred[tuple[str, ...]] = Deferred()
        self._reactor = reactor
        self._settings = settings
        self._log = log
        self._companion: Companion | None = None
        self._start_until = 0.0
        self._changing = False
        self._tickets = 0
        # The oldest first.
        self._waiting: dict[int, _Waiting] = {}
        self._handing: list[Task] = []
        self._stopped: Deferred[None] | None = None

    @property
    def occupied(self) -> tuple[bool, bool, int]:
        """How little it suits for the next message, to be compared.

        One that is given a message in this turn of the reactor comes first: another one beside it costs less.
        """
        return not self.ready, not 0 < len(self._handing) < _TOGETHER, len(self._waiting)

    @property
    def load(self) -> int:
        """How many messages are with it."""
        return len(self._waiting)

    def start(self) -> None:
        """Start the process."""
        self._start_until = self._reactor.seconds() + _START_SECONDS
        self._companion = Companion(self._take, self._ended)
        self._companion.start(self._reactor, "tempmaild.checks", {})
        self._companion.send(self._settings)

    def reload(self, settings: Settings) -> None:
        """Begin anew with other settings when what is being checked is done."""
        self._settings = settings
        self.ready = False
        if self._companion:
            self._changing = True
            self._companion.close()

    def examine(self, mail: Mail) -> Deferred[Verdict]:
        """Have a message examined."""
        self._tickets += 1
        until = self._reactor.seconds() + self._settings.checks.seconds + _LENIENCY
        waiting = self._waiting[self._tickets] = _Waiting(mail, until, Deferred())
        if self.ready:
            if not self._handing:
                # What this turn of the reactor brings is handed over together: one write, and one process woken once.
                self._reactor.callLater(0, self._hand_over)
            self._handing.append(task(self._tickets, mail))
        return waiting.verdict

    def _hand_over(self) -> None:
        handing, self._handing = self._handing, []
        # One that is only beginning gets all that waits when it is ready, and can take nothing before.
        if self._companion and self.ready:
            self._companion.send(handing)

    def look(self) -> None:
        """See whether it hangs."""
        now = self._reactor.seconds()
        oldest = next(iter(self._waiting.values()), None)
        late = self.ready and oldest is not None and oldest.until < now
        if self._companion and (late or (not self.ready and self._start_until < now)):
            self._log.error("checks-hang", waiting=len(self._waiting))
            self._companion.kill()
        elif oldest is not None and oldest.until < now:
            self._give_up()

    def stop(self) -> Deferred[None]:
        """End the process."""
        self._stopped = Deferred()
        if self._companion is None:
            self._stopped.callback(None)
        else:
            self._companion.close()
        return self._stopped

    def _take(self, said: Ready | list[Answer]) -> None:
        if isinstance(said, Ready):
            self._begin(said)
            return
        for ticket, packed in said:
            waiting = self._waiting.pop(ticket, None)
            if waiting:
                waiting.verdict.callback(verdict_of(packed) or self._failed(waiting.mail))

    def _begin(self, answer: Ready) -> None:
        assert self._companion
        self.ready = True
        if not self.begun.called:
            self.begun.callback(answer.problems)
        else:
            for problem in answer.problems:
                self._log.error("check-unusable", problem=problem)
        self._companion.send([task(ticket, waiting.mail) for ticket, waiting in self._waiting.items()])

    def _ended(self, reason: str) -> None:
        self._companion = None
        self.ready = False
        if self._changing and not self._stopped:
            self._changing = False
            self.start()
            return
        self._give_up()
        if self._stopped:
            self._stopped.callback(None)
            return
        self._log.error("checks-died", reason=reason)
        self._reactor.callLater(RESTART_AFTER, self._start_again)

    def _start_again(self) -> None:
        if self._stopped is None:
            self.start()

    def _give_up(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.verdict.callback(self._failed(one.mail))

    def _failed(self, mail: Mail) -> Verdict:
        return failed(mail, configured(self._settings), self._settings.host.name)
