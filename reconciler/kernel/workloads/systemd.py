"""systemd: a unit of the run time for each container, which is gone with the boot as its sandbox is."""

import errno
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from glob import glob
from json import loads

from ... import disk
from ...kinds.workload import RUNNING, Workload
from .. import looking
from ..netns import folder
from ..processes import systemd_runs
from . import tallies
from .commands import RUN, make_folders, said_by, whereabouts
from .commands import remove as ended

PROGRAM = "/usr/bin/systemctl"
UNITS, PREFIX, SUFFIX = "/run/systemd/system", "reconciler-", ".service"
LABEL = "X-Reconciler-"  # before the keys of its lines that systemd passes over
ACTIVE = ("active", "reloading", "activating")
SHOWN = ("Id", "ActiveState", "Result", "MainPID", "NRestarts")


def lack() -> str:
    return "" if systemd_runs() and looking.exists(PROGRAM) else "no systemd runs here"


def unit(name: str) -> str:
    return f"{PREFIX}{name}{SUFFIX}"


def listing() -> Iterator[Workload]:
    notes = {os.path.basename(path): labels(path) for path in glob(f"{UNITS}/{PREFIX}*{SUFFIX}")}
    ours = {name: found for name, found in notes.items() if "project" in found}
    if ours:
        for shown in show(ours):
            yield workload(shown, ours[shown["Id"]])


def show(units: Iterable[str]) -> list[dict[str, str]]:
    told = said_by([PROGRAM, "show", f"--property={','.join(SHOWN)}", "--", *units])
    return [dict(line.split("=", 1) for line in part.splitlines()) for part in told.strip().split("\n\n")]


def labels(path: str) -> dict[str, str]:
    """Of ours, in a unit."""
    try:
        lines = disk.read(path).decode(errors="replace").splitlines()
    except OSError:
        return {}
    rows = (line.removeprefix(LABEL).split("=", 1) for line in lines if line.startswith(LABEL))
    return {key.lower(): text.replace("%%", "%") for key, text in rows}


def workload(shown: Mapping[str, str], notes: Mapping[str, str]) -> Workload:
    name, pid = shown["Id"][len(PREFIX) : -len(SUFFIX)], int(shown["MainPID"])
    state, sandbox = state_of(shown, notes), notes.get("sandbox", "")
    if state == RUNNING and pid:
        state = whereabouts(pid, sandbox)
    return Workload(
        name=name,
        project=notes["project"],
        engine="systemd",
        sandbox=sandbox,
        image=notes.get("image", ""),
        digest=notes.get("digest", ""),
        state=state,
        pid=pid,
        health=tallies.health(name, notes),
        tested=tallies.interval(notes),
        after=tuple((other, condition) for other, condition in loads(notes.get("after", "[]"))),
    )


def state_of(shown: Mapping[str, str], notes: Mapping[str, str]) -> str:
    """One that systemd is about to start again is as it should be, and so is one that has done its work."""
    active = shown["ActiveState"]
    if active in ACTIVE:
        return RUNNING
    done = active == "inactive" and shown["Result"] == "success"
    again = notes.get("restart", "no").partition(":")[0] not in ("no", "on-failure")
    return RUNNING if done and not again else f"{active} ({shown['Result']})"


def put(new: Workload, old: Workload | None) -> None:
    """What was told the same is in its unit already."""
    refuse_anothers(new.name)
    before = files_of(new.name) if old else {}
    if not (old and new.is_same(old)):
        if new.how is None:
            raise OSError(errno.ENODATA, f"nobody knows any more how {new.name} was run; apply its manifest")
        make_folders(new.how.folders)
        write(dict(new.how.files))
    try:
        said_by([PROGRAM, "restart", unit(new.name)])
    except OSError:
        if before:
            write(before)
            said_by([PROGRAM, "restart", unit(new.name)])
        raise


def refuse_anothers(name: str) -> None:
    """A unit of that name which a person wrote, there or where it would be in force instead of ours."""
    path = said_by([PROGRAM, "show", "--property=FragmentPath", "--value", unit(name)]).strip()
    if path and (path != f"{UNITS}/{unit(name)}" or "project" not in labels(path)):
        raise OSError(errno.EEXIST, f"systemd has a unit {unit(name)} that is not ours: {path}")


def files_of(name: str) -> dict[str, str]:
    """The unit, and the file of its variables."""
    found = {}
    for path in (f"{UNITS}/{unit(name)}", variables(name)):
        with suppress(OSError):
            found[os.path.basename(path) if path.startswith(UNITS) else path] = disk.read(path).decode()
    return found


def variables(name: str) -> str:
    return f"{RUN}/systemd/{name}.env"


def write(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = name if name.startswith("/") else f"{UNITS}/{name}"
        for parent in (os.path.dirname(os.path.dirname(path)), os.path.dirname(path)):
            folder(parent)
        disk.write(path, text.encode(), 0o600 if name.startswith("/") else 0o644)
    said_by([PROGRAM, "daemon-reload"])


def remove(old: Workload) -> None:
    with suppress(OSError):
        refuse_anothers(old.name)
        said_by([PROGRAM, "stop", unit(old.name)])
        said_by([PROGRAM, "reset-failed", unit(old.name)])
    ended(f"{UNITS}/{unit(old.name)}", variables(old.name))
    tallies.forget(old.name)
    said_by([PROGRAM, "daemon-reload"])


def logs(name: str) -> list[str]:
    return ["journalctl", "--output=cat", f"--unit={unit(name)}"]


def inside(name: str, words: Sequence[str]) -> list[str]:
    return ["nsenter", f"--target={pid_of(name)}", "--all", "--", *words]


def pid_of(name: str) -> int:
    pid = int(said_by([PROGRAM, "show", "--property=MainPID", "--value", unit(name)]).strip() or "0")
    if not pid:
        raise OSError(errno.ESRCH, f"{name} does not run")
    return pid


def test(name: str) -> bool:
    try:
        return tallies.passes(name, inside(name, tallies.words_of(labels(f"{UNITS}/{unit(name)}"))))
    except OSError:
        return False


def wait(name: str, condition: str) -> None:
    notes = labels(f"{UNITS}/{unit(name)}")
    if condition == "service_healthy":
        tallies.until_healthy(name, notes, inside(name, tallies.words_of(notes)))
    elif condition == "service_completed_successfully":
        while (shown := show([unit(name)])[0])["ActiveState"] in ACTIVE:
            time.sleep(tallies.PACE)
        if shown["Result"] != "success":
            raise OSError(errno.EIO, f"{name} ended: {shown['Result']}")
