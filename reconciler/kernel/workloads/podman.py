"""podman: asked by its command, which has no daemon to ask."""

import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...kinds.workload import ASTRAY, LABEL, RUNNING, How, Workload
from .. import looking
from ..processes import systemd_runs
from .commands import LONG, make_folders, said_by, whereabouts
from .notes import JOB, as_told, is_done, known
from .patience import until_passed

PROGRAM = "/usr/bin/podman"
PACKAGE = "podman"
BEFORE = ".before"  # behind the name of what is replaced, until that has succeeded
PATIENCE = 20.0  # seconds for what takes a tenth of one, unless another podman keeps the lock
MISREAD = (ValueError, LookupError, TypeError, RecursionError)  # an image's own idea of our labels

Json = dict[str, Any]


def lack() -> str:
    return "" if looking.exists(PROGRAM) else f"apt install {PACKAGE}"


def listing() -> Iterator[Workload]:
    if not os.path.exists(PROGRAM):
        return
    words = "ps", "--all", "--format=json", f"--filter=label={LABEL}project"
    for found in json.loads(asked(*words, patience=PATIENCE) or "[]"):
        labels = {
            key.removeprefix(LABEL): text for key, text in found["Labels"].items() if key.startswith(LABEL)
        }
        # An image that was made of a container of ours has its labels, and so has whatever is run of that.
        if found["Names"][0] in (labels.get("name"), labels.get("name", "") + BEFORE):
            with suppress(*MISREAD):
                yield workload(found, labels)


def workload(found: Json, labels: Mapping[str, str]) -> Workload:
    """What `podman ps` tells of one."""
    made = as_told("podman", found["Names"][0], labels)
    return replace(
        made,
        state=state(found, labels),
        pid=found["Pid"],
        health=health(str(found.get("Status", ""))),
        interval=0.0 if systemd_runs() else made.interval,  # whose timers podman has made
    )


def state(found: Json, labels: Mapping[str, str]) -> str:
    """A container that has done its work, and is not to be started again, is as it should be."""
    sandbox, word = labels.get("sandbox", ""), str(found["State"])
    if word == "running":
        return whereabouts(found["Pid"], sandbox)
    if word != "exited":
        return word
    code = found["ExitCode"]
    return RUNNING if code == 0 and is_done(labels) else f"exited ({code})"


def health(words: str) -> str:
    """Of a status as `Up 2 minutes ago (healthy)`."""
    found = words.rpartition("(")[2].rstrip(")") if words.startswith("Up ") else ""
    return found if found in ("starting", "healthy", "unhealthy") else ""


def logs(name: str) -> list[str]:
    return [PROGRAM, "logs", name]


def inside(name: str, words: Sequence[str]) -> list[str]:
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    return [PROGRAM, "exec", "--interactive", *terminal, name, *words]


def test(one: Workload) -> bool:
    return not failure("healthcheck", "run", one.name, patience=one.timeout)


def put(new: Workload, old: Workload | None) -> None:
    """What was there when it was looked at may be another's by now, or gone."""
    mine = old is not None and is_ours(new.name)
    if mine and old and new.is_same(old) and old.state != "created":
        asked("restart" if old.state == ASTRAY else "start", new.name)
        return
    how = known(new)
    make_folders(how.folders)
    fetch(new.image, how, at_once=old is None)
    if mine:
        put_aside(new.name)
    try:
        asked("run", *how.words, environment=how.environment)
    except OSError:
        dispose(new.name)
        if mine:
            asked("rename", new.name + BEFORE, new.name)
            asked("start", new.name)
        raise
    if mine:
        dispose(new.name + BEFORE)


def put_aside(name: str) -> None:
    """Stops it, under another name; who was cut short may have left one of that."""
    dispose(name + BEFORE)
    if exists("container", name + BEFORE):
        raise OSError(errno.EEXIST, f"podman has a container {name + BEFORE} that is not ours")
    asked("stop", name)
    asked("rename", name, name + BEFORE)


def is_ours(name: str) -> bool:
    return any(one.name == name for one in listing())


def dispose(name: str) -> None:
    """What is not ours may be called so."""
    if is_ours(name):
        asked("rm", "--force", "--ignore", "--time=0", name)


def fetch(image: str, how: How, *, at_once: bool) -> None:
    """Built or pulled, as far as it has to be, before anything is stopped for it; `podman run` pulls too."""
    options = how.words[: how.words.index(image)]
    said = dict(zip(options, options[1:], strict=False))
    policy, platform = said.get("--pull", "missing"), said.get("--platform", "")
    if how.build:
        if not exists("image", image):
            asked("build", "--quiet", *how.build, text=how.containerfile)
    elif at_once:
        return
    elif policy == "always" or policy == "missing" and not exists("image", image):
        asked("pull", "--quiet", *([f"--platform={platform}"] if platform else ()), image)


def exists(what: str, name: str) -> bool:
    from subprocess import DEVNULL, run

    done = run([PROGRAM, what, "exists", name], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, check=False)
    return done.returncode == 0


def remove(old: Workload) -> None:
    if is_ours(old.name):
        asked("rm", "--force", "--ignore", "--volumes", old.name)  # waits as long as its ending may take


def wait(name: str, condition: str) -> None:
    if condition == "service_completed_successfully":
        if (code := asked("wait", name, patience=JOB).strip()) != "0":
            raise OSError(errno.EIO, f"{name} ended with {code}")
    elif condition == "service_healthy":
        until_healthy(name)


def until_healthy(name: str) -> None:
    """As long as its own test says that this may take (Docker's `HEALTHCHECK`: every 30 seconds, three times,
    where it does not say; times are in nanoseconds)."""
    words = "inspect", "--format={{json .Config.Healthcheck}}", name
    test = json.loads(asked(*words, patience=PATIENCE)) or {}
    if not test.get("Test"):
        raise OSError(errno.EIO, f"{name} has no healthcheck")
    start, interval, timeout = (test.get(key, 0) / 1e9 for key in ("StartPeriod", "Interval", "Timeout"))
    interval, retries = interval or 30.0, test.get("Retries") or 3

    def failed() -> str:
        return failure("healthcheck", "run", name, patience=timeout or JOB)

    if why := until_passed(failed, interval, start + retries * interval):
        raise OSError(errno.EIO, f"{name} is not healthy: {why}")


def failure(*words: str, patience: float) -> str:
    """Who is root in there may let it run for ever."""
    try:
        asked(*words, patience=patience)
    except OSError as error:
        return str(error.strerror)
    return ""


def asked(
    *words: str, environment: Mapping[str, str] | None = None, text: str = "", patience: float = LONG
) -> str:
    """What it prints; raises OSError with what it says against it.

    Variables of a container come by the environment of the command, since its words are everybody's to read.
    """
    changes = words[0] not in ("ps", "inspect", "wait")
    return said_by([PROGRAM, *words], environment=environment, text=text, apart=changes, patience=patience)
