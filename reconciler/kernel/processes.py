"""The processes that this one may see."""

from pathlib import Path


def folders() -> list[Path]:
    """Of each what /proc tells, the oldest first, as long as its number tells."""
    return sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name))


def name_of(folder: Path) -> str:
    """As the kernel has it; a process may call itself what it likes.  Raises OSError where it has ended."""
    return "".join(filter(str.isprintable, (folder / "comm").read_text(errors="replace")))
