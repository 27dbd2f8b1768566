import platform
import re
import subprocess
import sys
from pathlib import Path

_SETTLED = """
import gc
from tempmaild import memory

memory.keep_freed()
kept = [bytes(300) for _ in range(100_000)]
memory.settle(1234)
assert gc.get_freeze_count() > 0 and gc.get_threshold()[0] == 1234
assert all(octets == bytes(300) for octets in kept)
# What comes afterwards finds its place, too.
del kept[::2]
more = [bytes([number % 256]) * 400 for number in range(100_000)]
assert all(octets == bytes([number % 256]) * 400 for number, octets in enumerate(more))
print(open("/proc/self/smaps_rollup").read())
"""
_NO_PROC = """
from pathlib import Path
from tempmaild import memory

memory._MAPPINGS = Path("/nowhere")
memory.settle(1234)
"""


def test_what_is_there_is_put_on_huge_pages() -> None:
    said = _run(_SETTLED)
    found = re.search(r"AnonHugePages:\s+(\d+) kB", said)
    assert found
    # 30 MiB were there, and few of them can be beside a boundary of 2 MiB.
    if _kernel() >= (6, 1) and Path("/sys/kernel/mm/transparent_hugepage").is_dir():
        assert int(found[1]) >= 16 << 10
    else:
        assert not int(found[1])


def test_nobody_needs_them() -> None:
    _run(_NO_PROC)


def _run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _kernel() -> tuple[int, ...]:
    return tuple(map(int, platform.release().split("-")[0].split(".")[:2]))
