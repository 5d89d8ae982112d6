"""What a fork has of its parent's open files, and must not use."""

import gc
import os
from collections.abc import Set
from contextlib import suppress


def keep_only(numbers: Set[int], path: str = "") -> None:
    """Close every descriptor but these and those of the file `path`; for a fork that never returns.

    What the parent left to be collected is left alone: it would close numbers that mean others by now.
    """
    gc.freeze()
    for fd in {*map(int, os.listdir("/proc/self/fd"))} - numbers:
        with suppress(OSError):  # the one that listed them has gone
            if os.readlink(f"/proc/self/fd/{fd}") != path:
                os.close(fd)
