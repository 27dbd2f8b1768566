"""The bridge from the reactor to blocking code: what stretches a password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import threading
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from tempmaild.errors import TooManyLogins
from tempmaild.in_thread import _STRETCHING, _WAITING, ReactorAccess

class Writer:
    def start(self): pass
    async def stop(self): pass

access = ReactorAccess(reactor, None, Writer(), None, 1)
full, go_on, together, most = threading.Event(), threading.Event(), 0, 0
lock = threading.Lock()

def work(number):
    global together, most
    with lock:
        together += 1
        most = max(most, together)
        if together == _STRETCHING:
            full.set()
    assert full.wait(30) and go_on.wait(30)
    with lock:
        together -= 1
    return number

async def main():
    access.start()
    jobs = [Deferred.fromCoroutine(access.stretch(work, number)) for number in range(_STRETCHING + _WAITING)]
    try:
        await access.stretch(work, 0)
    except TooManyLogins:
        print("refused")
    go_on.set()
    print(sum([await job for job in jobs]), most)
    # All the places are free again, whether the work succeeds or fails.
    for _ in range(_STRETCHING + _WAITING + 1):
        try:
            await access.stretch(int, "x")
        except ValueError:
            pass
    print(await access.stretch(int, "7"))
    # Who goes away leaves the work behind; its place is free when that is done.
    go_on.clear()
    for number in range(_STRETCHING + _WAITING):
        Deferred.fromCoroutine(access.stretch(work, number)).addErrback(lambda _: None).cancel()
    try:
        await access.stretch(work, 0)
    except TooManyLogins:
        print("still refused")
    go_on.set()
    await access.stop()
    reactor.stop()

reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()).addErrback(lambda f: (print(f), reactor.stop())))
reactor.run()
"""


def test_passwords_are_stretched_four_at_a_time_and_few_wait() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines() == ["refused", f"{sum(range(36))} 4", "7", "still refused"]
    assert ran.stderr == ""
