"""Synchronous code that can wait: libraries that ask DNS by calling a function, run on asyncio without a thread.

Such a library runs in a greenlet, a call stack of its own. Where it wants an answer, its stack is set aside until
asyncio has the answer, and other messages go on meanwhile.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_P = ParamSpec("_P")
_T = TypeVar("_T")


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


def wait_for(awaited: Coroutine[Any, Any, _T]) -> _T:
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
