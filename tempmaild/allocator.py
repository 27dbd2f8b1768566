"""How the C library keeps memory that was freed."""

from __future__ import annotations

import ctypes

# mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_KEPT = 16 << 20


def keep_freed_memory() -> None:
    """Have up to 16 MiB of freed memory used again at once, instead of given back and asked for anew.

    By default the C library asks the kernel for each object of more than 128 KiB, page by page: for messages of 1 MiB
    that costs more than all that is done to them.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT)
