"""Coroutines that mostly need not wait, and synchronous functions that wait for coroutines."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.checks.waiting import begun, eager, run_waiting, side_by_side, wait_for, within

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="")


async def given(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def refused() -> int:
    await asyncio.sleep(0)
    raise KeyError("refused")


async def at_once(value: int) -> int:
    return value


async def refused_at_once() -> int:
    raise KeyError("refused")


class TestEager:
    """What has not to wait has ended when it was begun; the rest is a task like any other."""

    def test_what_does_not_wait_has_ended(self) -> None:
        async def main() -> None:
            assert eager(at_once(5)).result() == 5
            with pytest.raises(KeyError, match="refused"):
                eager(refused_at_once()).result()

        asyncio.run(main())

    def test_what_waits_goes_on(self) -> None:
        async def several() -> int:
            return await given(1) + await given(2) + await asyncio.to_thread(int, "4")

        async def main() -> None:
            begun = eager(several())
            assert not begun.done()
            assert await begun == 7
            with pytest.raises(KeyError, match="refused"):
                await eager(refused())

        asyncio.run(main())

    def test_what_waits_is_told_of_failures(self) -> None:
        async def main() -> None:
            waited_for = asyncio.get_running_loop().create_future()

            async def rescued() -> int:
                try:
                    return int(await waited_for)
                except KeyError:
                    return await given(7)

            begun = eager(rescued())
            waited_for.set_exception(KeyError())
            assert await begun == 7

        asyncio.run(main())

    def test_what_waits_can_be_cancelled(self) -> None:
        steps: list[str] = []

        async def slow() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                steps.append("unwinds")
                await asyncio.sleep(0)
                steps.append("and may wait")

        async def main() -> None:
            begun = eager(slow())
            begun.cancel()
            await asyncio.wait([begun])
            assert begun.cancelled()

        asyncio.run(main())
        assert steps == ["unwinds", "and may wait"]

    def test_another_runs_what_waits(self) -> None:
        steps: list[str] = []

        async def slow() -> int:
            try:
                return await given(1) + await asyncio.sleep(1000, 1)
            finally:
                steps.append("unwinds")
                await asyncio.sleep(0)
                steps.append("and may wait")

        async def caught(waiting: Coroutine[Any, Any, int]) -> int:
            try:
                return await waiting + 1
            except (KeyError, asyncio.CancelledError):
                return -1

        async def main(turns: int) -> None:
            assert begun(at_once(5), caught) == 5
            for coroutine, result in ((given(5), 6), (refused(), -1)):
                waiting = begun(coroutine, caught)
                assert isinstance(waiting, asyncio.Task)
                assert await waiting == result
            late = begun(slow(), caught)
            assert isinstance(late, asyncio.Task)
            for _ in range(turns):
                await asyncio.sleep(0)
            late.cancel()
            assert await late == -1

        for turns in range(4):
            asyncio.run(main(turns))
        assert steps == ["unwinds", "and may wait"] * 4


class TestSideBySide:
    def test_all_results_are_given(self) -> None:
        assert asyncio.run(side_by_side()) == []
        assert asyncio.run(side_by_side(at_once(1), given(2), at_once(3))) == [1, 2, 3]

    def test_they_wait_at_the_same_time(self) -> None:
        async def main() -> list[bool]:
            barrier = asyncio.Barrier(2)
            return [0 in await side_by_side(barrier.wait(), barrier.wait())]

        assert asyncio.run(main()) == [True]

    def test_one_that_fails_ends_the_others(self) -> None:
        async def main() -> None:
            with pytest.raises(KeyError):
                await side_by_side(refused(), asyncio.sleep(1000, 1))
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(main())


class TestWithin:
    def test_what_is_in_time_is_given(self) -> None:
        assert asyncio.run(within(0, at_once(1))) == 1
        assert asyncio.run(within(1000, given(2))) == 2
        with pytest.raises(KeyError):
            asyncio.run(within(1000, refused()))

    def test_what_is_late_is_ended(self) -> None:
        ended: list[bool] = []

        async def slow() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append(True)

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await within(0.01, slow())
            assert ended

        asyncio.run(main())

    def test_it_can_be_cancelled(self) -> None:
        async def main() -> None:
            waiting = eager(within(1000, asyncio.sleep(1000)))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(main())


def added(*values: int, start: int = 0) -> int:
    return sum((wait_for(given(value)) for value in values), start)


def run(function: Callable[..., int], *args: int) -> int:
    return asyncio.run(run_waiting(function, *args))


def test_it_gives_the_result() -> None:
    assert run(added) == 0
    assert run(added, 1, 2, 3) == 6
    assert asyncio.run(run_waiting(added, 1, start=10)) == 11


def test_what_does_not_suspend_is_waited_for_as_well() -> None:
    assert run(lambda: wait_for(at_once(5))) == 5


def test_exceptions_are_raised_in_the_function() -> None:
    def rescued() -> int:
        try:
            return wait_for(refused())
        except KeyError:
            return wait_for(given(7))

    assert run(rescued) == 7


def test_exceptions_of_the_function_are_raised_outside() -> None:
    with pytest.raises(KeyError, match="refused"):
        run(lambda: wait_for(refused()))
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // wait_for(given(0)))


def test_many_take_turns() -> None:
    order: list[str] = []

    def steps(name: str) -> None:
        for step in range(3):
            order.append(f"{name}{step}")
            wait_for(given(step))

    async def both() -> None:
        await asyncio.gather(run_waiting(steps, "a"), run_waiting(steps, "b"))

    asyncio.run(both())
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_one_can_run_within_another() -> None:
    assert run(lambda: 1 + wait_for(run_waiting(added, 2, 3))) == 6


def test_wait_for_needs_somebody_who_waits() -> None:
    with pytest.raises(RuntimeError, match="outside"):
        wait_for(given(1))


def test_context_variables_come_in_and_stay_in() -> None:
    def change() -> str:
        before = VARIABLE.get()
        wait_for(given(1))
        VARIABLE.set("changed")
        wait_for(given(1))
        return before + VARIABLE.get()

    async def outside() -> tuple[str, str]:
        VARIABLE.set("outside ")
        return await run_waiting(change), VARIABLE.get()

    assert asyncio.run(outside()) == ("outside changed", "outside ")


class TestCancelled:
    """A time limit ends the function wherever it waits, whatever it catches."""

    @staticmethod
    def limited(function: Callable[[], int]) -> None:
        async def main() -> None:
            task = asyncio.create_task(run_waiting(function))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())

    def test_it_unwinds(self) -> None:
        unwound = []

        def function() -> int:
            try:
                return wait_for(asyncio.sleep(1000, 1))
            finally:
                unwound.append(True)

        self.limited(function)
        assert unwound == [True]

    def test_what_catches_everything_gets_nothing_more(self) -> None:
        caught: list[type[BaseException]] = []

        def stubborn() -> int:
            for _ in range(3):
                try:
                    wait_for(asyncio.sleep(1000, 1))
                except BaseException as error:
                    caught.append(type(error))
            return 1

        self.limited(stubborn)
        assert caught == [asyncio.CancelledError] * 3

    def test_what_is_waited_for_is_cancelled(self) -> None:
        cancelled = []

        async def slow() -> int:
            try:
                return await asyncio.sleep(1000, 1)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        self.limited(lambda: wait_for(slow()))
        assert cancelled == [True]

    def test_a_coroutine_that_is_closed_ends_the_function(self) -> None:
        unwound = []

        def function() -> int:
            try:
                return wait_for(asyncio.sleep(0, 1))
            finally:
                unwound.append(True)

        coroutine = run_waiting(function)
        coroutine.send(None)
        coroutine.close()
        assert unwound == [True]
