"""crun: a bundle for each container, which is gone with the boot as its sandbox is.  It starts nothing anew
by itself, and does not remember how something ended."""

import ctypes
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from ... import disk
from ...kinds.workload import BUNDLE, LABEL, OWN_ROOT, RUN, Workload
from ...paths import LOGS
from .. import looking
from ..netns import checked, folder, libc
from . import tallies
from .commands import complaint, make_folders, said_by, whereabouts
from .notes import as_told, known

PROGRAM = "/usr/bin/crun"
PACKAGE = "crun"
STATE, BUNDLES = f"{RUN}/crun", f"{RUN}/oci"
MUCH = 16 << 20  # bytes of a log, with which the next start begins another
# linux/sched.h, linux/mount.h and linux/fcntl.h
NEWNS, BIND, RECURSIVE, PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, ATTR_RDONLY = 442, -100, 0x8000, 1

Json = dict[str, Any]


def lack() -> str:
    return "" if looking.exists(PROGRAM) else f"apt install {PACKAGE}"


def listing() -> Iterator[Workload]:
    for found in containers():
        if "project" in (notes := labels(found["id"])) and found["bundle"] == f"{BUNDLES}/{found['id']}":
            yield workload(found, notes)


def containers() -> Iterator[Json]:
    """All that are there, whoever has made them."""
    if os.path.isdir(STATE) and os.path.exists(PROGRAM):
        yield from json.loads(crun("list", "--format=json") or "[]")


def labels(name: str) -> dict[str, str]:
    """Of ours, in its bundle."""
    notes = config(name).get("annotations", {})
    return {key.removeprefix(LABEL): text for key, text in notes.items() if key.startswith(LABEL)}


def config(name: str) -> Json:
    try:
        found: Json = json.loads(disk.read(f"{BUNDLES}/{name}/{BUNDLE}"))
        return found
    except (OSError, ValueError):
        return {}


def workload(found: Json, notes: dict[str, str]) -> Workload:
    made, pid, state = as_told("oci", found["id"], notes), found["pid"], str(found["status"])
    return replace(
        made,
        state=whereabouts(pid, made.sandbox) if state == "running" else state,
        pid=pid if state != "stopped" else 0,
        health=tallies.health(made.name, notes),
    )


def put(new: Workload, old: Workload | None) -> None:
    """What was told the same is in its bundle already."""
    if not old and any(one["id"] == new.name for one in containers()):
        raise OSError(errno.EEXIST, f"crun has a container {new.name} that is not ours")
    before = bundle_of(old.name) if old else {}
    if old:
        end(old.name)
    if not (old and new.is_same(old)):
        write(new)
    try:
        run(new.name)
    except OSError:
        if before:
            write_files(new.name, before)
            run(new.name)
        raise


def bundle_of(name: str) -> dict[str, str]:
    return {BUNDLE: disk.read(f"{BUNDLES}/{name}/{BUNDLE}").decode()}


def write(new: Workload) -> None:
    how = known(new)
    make_folders(how.folders)
    write_files(new.name, dict(how.files))


def write_files(name: str, files: Mapping[str, str]) -> None:
    for path in (RUN, STATE, BUNDLES, f"{BUNDLES}/{name}", f"{BUNDLES}/{name}/{OWN_ROOT}"):
        folder(path)
    for file, text in files.items():
        disk.write(f"{BUNDLES}/{name}/{file}", text.encode(), 0o600)


def run(name: str) -> None:
    """What it says is kept on disk, since /run is in memory, and so is what crun says against it."""
    from subprocess import DEVNULL
    from subprocess import run as ran

    bundle = f"{BUNDLES}/{name}"
    before = partial(on_own_root, bundle) if config(name)["root"]["path"] == OWN_ROOT else None
    words = [PROGRAM, f"--root={STATE}", "run", "--detach", f"--bundle={bundle}", name]
    os.makedirs(LOGS, 0o700, exist_ok=True)
    with open(log_of(name), "ab") as log:
        if log.tell() > MUCH:
            log.truncate(0)
        done = ran(words, stdin=DEVNULL, stdout=log, stderr=log, preexec_fn=before, check=False)
    if done.returncode:
        with suppress(OSError):
            crun("delete", "--force", name)
        raise OSError(errno.EIO, complaint(last_of_log(name)) or f"crun ended with {done.returncode}")


def on_own_root(bundle: str) -> None:
    """In a mount namespace of its own: the host's root as the container's, all of it read-only."""
    root = f"{bundle}/{OWN_ROOT}".encode()
    checked(libc.unshare(NEWNS))
    checked(libc.mount(b"", b"/", b"none", RECURSIVE | PRIVATE, None))
    checked(libc.mount(b"/", root, b"none", BIND | RECURSIVE, None))
    attributes = (ctypes.c_uint64 * 4)(ATTR_RDONLY, 0, 0, 0)
    checked(libc.syscall(MOUNT_SETATTR, AT_FDCWD, root, AT_RECURSIVE, attributes, ctypes.sizeof(attributes)))


def log_of(name: str) -> str:
    return f"{LOGS}/{name}"


def last_of_log(name: str) -> str:
    with open(log_of(name), "rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - disk.SMALL))
        return log.read().decode(errors="replace")


def end(name: str) -> None:
    """It is asked to, and killed when it has taken as long as it may; nobody knows how the next one does."""
    import select

    notes = config(name).get("annotations", {})
    pid = next((one.pid for one in listing() if one.name == name), 0)
    if pid:
        stop = notes.get("org.opencontainers.image.stopSignal", "SIGTERM")
        process = os.pidfd_open(pid)
        try:
            crun("kill", name, stop.removeprefix("SIG"))
            select.select([process], [], [], float(notes.get(f"{LABEL}grace", "10")))
        finally:
            os.close(process)
    crun("delete", "--force", name)
    tallies.forget(name)


def remove(old: Workload) -> None:
    end(old.name)
    shutil.rmtree(f"{BUNDLES}/{old.name}", ignore_errors=True)
    with suppress(OSError):
        os.unlink(log_of(old.name))
        os.rmdir(LOGS)
    with suppress(OSError):
        for path in (BUNDLES, STATE, RUN):
            os.rmdir(path)


def logs(name: str) -> list[str]:
    return ["cat", log_of(name)]


def inside(name: str, words: Sequence[str]) -> list[str]:
    return [PROGRAM, f"--root={STATE}", "exec", name, *words]


def test(one: Workload) -> bool:
    return tallies.passes(one, inside(one.name, tallies.words_of(labels(one.name))))


def wait(name: str, condition: str) -> None:
    if condition == "service_healthy":
        notes = labels(name)
        tallies.until_healthy(as_told("oci", name, notes), notes, inside(name, tallies.words_of(notes)))
    elif condition != "service_started":
        raise OSError(errno.EOPNOTSUPP, f"crun does not tell how {name} has ended")


def crun(*words: str) -> str:
    return said_by([PROGRAM, f"--root={STATE}", *words])
