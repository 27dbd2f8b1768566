"""Ways to wait for answers that are mostly there already.

For nearly all mail what a check asks is in a cache, so that nothing has to wait: `begun`, `eager`, `side_by_side` and
`within` make a task or a timer only where something does.

A library that asks DNS by calling a function runs in a greenlet, a call stack of its own (`run_waiting`). Where it
wants an answer, its stack is set aside until asyncio has the answer, and other messages go on meanwhile.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Task
from collections.abc import Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Generator

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Running = Coroutine[Any, Any, _T]

_MARGIN = 0.25


def begun(awaited: _Running[_T], around: Callable[[_Running[_T]], _Running[_T]] | None = None) -> _T | Task[_T]:
    """Run a coroutine at once as far as it comes, and give its result; if it has to wait, a task with the rest of it.

    As there is no task yet until it waits for the first time, it cannot use `asyncio.timeout` before; `within` does
    instead. What it raises before is raised here.

    Args:
        around: what is to be run instead if it has to wait, made of the rest.
    """
    try:
        first = awaited.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    rest = _Rest(awaited, first)
    return begun(around(rest)) if around else asyncio.get_running_loop().create_task(rest)


def eager(awaited: _Running[_T]) -> Future[_T]:
    """Run a coroutine as `begun` does, and give something that can be awaited in any case, as Python 3.12 has it."""
    try:
        result = begun(awaited)
    except Exception as error:
        failed: Future[_T] = asyncio.get_running_loop().create_future()
        failed.set_exception(error)
        return failed
    if isinstance(result, Task):
        return result
    ended: Future[_T] = asyncio.get_running_loop().create_future()
    ended.set_result(result)
    return ended


async def side_by_side(*several: _Running[_T]) -> list[_T]:
    """Give the results of coroutines that wait at the same time; the first exception among them is raised."""
    if len(several) == 1:
        return [await several[0]]
    tasks = list(map(eager, several))
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()


async def within(seconds: float, awaited: _Running[_T]) -> _T:
    """Give the result of a coroutine.

    Raises:
        TimeoutError: it has waited for longer than this, and was cancelled.
    """
    task = begun(awaited)
    if not isinstance(task, Task):
        return task
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        late = task.cancel()
    if late:
        await asyncio.wait([task])
        raise TimeoutError
    return task.result()


def shortly_before(seconds: float) -> float:
    """Give when a check ends itself that may take so many seconds, so that its finding names whom it is about."""
    return max(seconds - _MARGIN, seconds / 2)


class _Rest(Coroutine[Any, Any, _T]):
    """The rest of a coroutine that has begun, and waits for something."""

    def __init__(self, begun: _Running[_T], waited_for: object) -> None:
        self._begun = begun
        self._waited_for = [waited_for]

    def send(self, value: object = None) -> Any:
        """Tell whoever runs it what it waits for, and go on from there the next time."""
        return self._waited_for.pop() if self._waited_for else self._begun.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception; it may come before anybody was told what this waits for."""
        self._waited_for.clear()
        return self._begun.throw(*error)

    def close(self) -> None:
        """End it."""
        self._begun.close()

    def __await__(self) -> Generator[Any, Any, _T]:
        """Run it within another, as a coroutine has to be able to."""
        return cast("Generator[Any, Any, _T]", self)

    __next__ = send  # which is what goes on then


async def run_waiting(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a synchronous function that calls `wait_for`, and give its result; its exceptions are raised here.

    When this is cancelled, `wait_for` raises CancelledError, from then on whatever it is asked. Context variables
    are those of the caller; what the function sets stays in the function.
    """
    waiter = _Waiter(function)
    waiter.gr_context = copy_context()
    asked = waiter.switch(*args, **kwargs)
    ended: BaseException | None = None
    while not waiter.dead:
        try:
            answer = await asked
        except (CancelledError, GeneratorExit) as error:
            # A library may catch everything; it learns nothing more, and its result does not count.
            ended = waiter.ended = error
            asked = waiter.throw(error)
        except BaseException as error:  # the function's, and it goes on from there
            asked = waiter.throw(error)
        else:
            asked = waiter.switch(answer)
    if ended:
        raise ended
    result: _T = asked
    return result


def wait_for(awaited: _Running[_T]) -> _T:
    """Give the result of a coroutine, from within a function that `run_waiting` runs; its exceptions are raised here.

    Raises:
        RuntimeError: no `run_waiting` is there to wait.
    """
    current = getcurrent()
    if not isinstance(current, _Waiter):
        awaited.close()
        raise RuntimeError("wait_for was called outside of run_waiting")
    if current.ended:
        awaited.close()
        raise current.ended
    assert current.parent is not None
    answer: _T = current.parent.switch(awaited)
    return answer


class _Waiter(greenlet):
    """A function that waits; `ended` is what ended the waiting."""

    ended: BaseException | None = None
