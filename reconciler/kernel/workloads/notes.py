"""What an engine keeps of ours with a container, as text by name (engines/labels.py), read back."""

import errno
from collections.abc import Mapping
from json import loads

from ...kinds.workload import How, Workload

Notes = Mapping[str, str]
JOB = 120.0  # seconds that an apply, which keeps others out, waits for the end of one: it is looked at again


def as_told(engine: str, name: str, notes: Notes) -> Workload:
    """A container by what it was told, whatever has become of it.  Raises ValueError or LookupError where
    others have written that."""
    return Workload(
        name=name,
        project=notes["project"],
        engine=engine,
        sandbox=notes.get("sandbox", ""),
        image=notes.get("image", ""),
        digest=notes.get("digest", ""),
        interval=float(notes.get("interval", "0")),
        timeout=float(notes.get("timeout", "30")),
        after=tuple((other, condition) for other, condition in loads(notes.get("after", "[]"))),
    )


def is_done(notes: Notes) -> bool:
    """Whether one that has ended well is not to be started again."""
    return notes.get("restart", "no").partition(":")[0] in ("no", "on-failure")


def known(wanted: Workload) -> How:
    """What it is to be told; raises OSError where that was kept nowhere."""
    if wanted.how is None:
        raise OSError(errno.ENODATA, f"nobody knows any more how {wanted.name} was run; apply its manifest")
    return wanted.how
