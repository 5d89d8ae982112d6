"""The processes that this one may see."""

import os
from pathlib import Path

from .. import disk


def folders() -> list[Path]:
    """Of each what /proc tells, the oldest first, as long as its number tells."""
    return sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name))


def name_of(folder: Path) -> str:
    """As the kernel has it; a process may call itself what it likes.  Raises OSError where it has ended."""
    return "".join(filter(str.isprintable, (folder / "comm").read_text(errors="replace")))


def command_of(pid: int) -> list[str]:
    """The words of its command line; raises OSError where it has ended."""
    return os.fsdecode(disk.read(f"/proc/{pid}/cmdline")).split("\0")[:-1]


def parent_of(pid: int) -> int:
    """Raises OSError where it has ended."""
    return int(disk.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])


def systemd_runs() -> bool:
    return os.path.isdir("/run/systemd/system")  # sd_booted(3)
