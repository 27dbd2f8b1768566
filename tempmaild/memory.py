"""How a process that lives long keeps its memory."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path
from typing import Final

# mallopt(3)
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
# madvise(2), since Linux 6.1
_MADV_COLLAPSE: Final = 25

_KEPT: Final = 16 << 20
_MAPPINGS: Final = Path("/proc/self/maps")


def keep_freed() -> None:
    """Have up to 16 MiB of freed memory used again at once, instead of given back and asked for anew.

    By default the C library asks the kernel for each object of more than 128 KiB, page by page: for messages of 1 MiB
    that costs more than all that is done to them.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT)


def settle(collect_after: int) -> None:
    """Have what is there now stay to the end: to be called when all is loaded.

    Were the garbage collector to look through it, all clients would wait.

    Args:
        collect_after: objects that are made, and not freed, until it looks through those that are newer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(collect_after)
    _use_huge_pages()


def _use_huge_pages() -> None:
    """Put memory on huge pages, of 2 MiB each instead of 4 KiB, as far as the kernel can.

    The interpreter goes to and fro in some 40 MiB, and the processor knows where one or two thousand pages are. To
    look up another one takes long, above all in a virtual machine.
    """
    libc = ctypes.CDLL(None)
    # Without /proc, and where the kernel is older or has none to spare, all stays as it is.
    with suppress(OSError):
        for line in _MAPPINGS.read_text().splitlines():
            # proc_pid_maps(5)
            addresses, rights, _, _, file, *name = line.split()
            if rights.startswith("rw") and file == "0" and name in ([], ["[heap]"]):
                start, end = (int(address, 16) for address in addresses.split("-"))
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_COLLAPSE)
