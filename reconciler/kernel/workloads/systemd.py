"""systemd: a unit of the run time for each container, which is gone with the boot as its sandbox is."""

import errno
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from glob import glob

from ... import disk
from ...kinds.workload import RUNNING, Workload, unit, variables
from .. import looking
from ..netns import folder
from ..processes import systemd_runs
from . import tallies
from .commands import make_folders, said_by, whereabouts
from .commands import remove as ended
from .notes import JOB, as_told, is_done, known
from .patience import PACE

PROGRAM = "/usr/bin/systemctl"
UNITS = "/run/systemd/system"
LABEL = "X-Reconciler-"  # before the keys of its lines that systemd passes over
ACTIVE = ("active", "reloading", "activating")
SHOWN = ("Id", "ActiveState", "Result", "MainPID")


def lack() -> str:
    return "" if systemd_runs() and looking.exists(PROGRAM) else "no systemd runs here"


def listing() -> Iterator[Workload]:
    notes = {os.path.basename(path): labels(path) for path in glob(f"{UNITS}/{unit('*')}")}
    ours = {file: found for file, found in notes.items() if is_ours(file, found)}
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
    made, pid, state = as_told("systemd", notes["name"], notes), int(shown["MainPID"]), state_of(shown, notes)
    if state == RUNNING and pid:
        state = whereabouts(pid, made.sandbox)
    return replace(made, state=state, pid=pid, health=tallies.health(made.name, notes))


def state_of(shown: Mapping[str, str], notes: Mapping[str, str]) -> str:
    """One that systemd is about to start again is as it should be, and so is one that has done its work."""
    active = shown["ActiveState"]
    if active in ACTIVE:
        return RUNNING
    well = active == "inactive" and shown["Result"] == "success"
    return RUNNING if well and is_done(notes) else f"{active} ({shown['Result']})"


def put(new: Workload, old: Workload | None) -> None:
    """What was told the same is in its unit already."""
    refuse_anothers(new.name)
    before = files_of(new.name) if old else {}
    if not (old and new.is_same(old)):
        how = known(new)
        make_folders(how.folders)
        write(dict(how.files))
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
    if path and not (path == file_of(name) and is_ours(unit(name), labels(path))):
        raise OSError(errno.EEXIST, f"systemd has a unit {unit(name)} that is not ours: {path}")


def is_ours(file: str, notes: Mapping[str, str]) -> bool:
    """What a person copied from ours is called otherwise."""
    return "project" in notes and file == unit(notes.get("name", ""))


def file_of(name: str) -> str:
    return f"{UNITS}/{unit(name)}"


def files_of(name: str) -> dict[str, str]:
    """The unit, and the file of its variables."""
    found = {}
    for path in (file_of(name), variables(name)):
        with suppress(OSError):
            found[os.path.basename(path) if path.startswith(UNITS) else path] = disk.read(path).decode()
    return found


def write(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = name if name.startswith("/") else f"{UNITS}/{name}"
        for parent in (os.path.dirname(os.path.dirname(path)), os.path.dirname(path)):
            folder(parent)
        disk.write(path, text.encode(), 0o600 if name.startswith("/") else 0o644)
    said_by([PROGRAM, "daemon-reload"])


def remove(old: Workload) -> None:
    """What a person put in its place meanwhile stays, and goes on."""
    refuse_anothers(old.name)
    said_by([PROGRAM, "stop", unit(old.name)])
    ended(file_of(old.name), variables(old.name))
    tallies.forget(old.name)
    with suppress(OSError):  # it has not failed
        said_by([PROGRAM, "reset-failed", unit(old.name)])
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


def test(one: Workload) -> bool:
    return tallies.passes(one, inside(one.name, tallies.words_of(labels(file_of(one.name)))))


def wait(name: str, condition: str) -> None:
    notes, ends = labels(file_of(name)), time.monotonic() + JOB
    if condition == "service_healthy":
        tallies.until_healthy(as_told("systemd", name, notes), notes, inside(name, tallies.words_of(notes)))
    elif condition == "service_completed_successfully":
        while (shown := show([unit(name)])[0])["ActiveState"] in ACTIVE:
            if time.monotonic() > ends:
                raise OSError(errno.ETIMEDOUT, f"{name} has not ended within {JOB:g} s")
            time.sleep(PACE)
        if shown["Result"] != "success":
            raise OSError(errno.EIO, f"{name} ended: {shown['Result']}")
