"""podman: asked by its command, which has no daemon to ask."""

import errno
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...kinds.workload import ASTRAY, LABEL, RUNNING, How, Workload
from .. import looking
from ..processes import systemd_runs
from .commands import make_folders, said_by, whereabouts

PROGRAM = "/usr/bin/podman"
PACKAGE = "podman"
BEFORE = ".before"  # behind the name of what is replaced, until that has succeeded
PACE = 0.2  # seconds between two tests of one that others wait for, at first
PATIENCE = 20.0  # seconds for what takes a tenth of one, unless another podman keeps the lock
MISREAD = (ValueError, LookupError, TypeError, RecursionError)  # an image's own idea of our labels

Json = dict[str, Any]


def lack() -> str:
    return "" if looking.exists(PROGRAM) else f"apt install {PACKAGE}"


def listing() -> Iterator[Workload]:
    if not os.path.exists(PROGRAM):
        return
    for found in json.loads(asked("ps", "--all", "--format=json", f"--filter=label={LABEL}project") or "[]"):
        labels = {
            key.removeprefix(LABEL): text for key, text in found["Labels"].items() if key.startswith(LABEL)
        }
        # An image that was made of a container of ours has its labels, and so has whatever is run of that.
        if found["Names"][0] in (labels.get("name"), labels.get("name", "") + BEFORE):
            with suppress(*MISREAD):
                yield workload(found, labels)


def workload(found: Json, labels: Mapping[str, str]) -> Workload:
    """What `podman ps` tells of one."""
    return Workload(
        name=found["Names"][0],
        project=labels["project"],
        engine="podman",
        sandbox=labels.get("sandbox", ""),
        image=labels.get("image", ""),
        digest=labels.get("digest", ""),
        state=state(found, labels),
        pid=found["Pid"],
        health=health(str(found.get("Status", ""))),
        tested=0.0 if systemd_runs() else float(labels.get("interval", "0")),  # whose timers podman has made
        after=tuple((name, condition) for name, condition in json.loads(labels.get("after", "[]"))),
    )


def state(found: Json, labels: Mapping[str, str]) -> str:
    """A container that has done its work, and is not to be started again, is as it should be."""
    sandbox, word = labels.get("sandbox", ""), str(found["State"])
    if word == "running":
        return whereabouts(found["Pid"], sandbox)
    if word != "exited":
        return word
    code = found["ExitCode"]
    done = code == 0 and labels.get("restart", "no").partition(":")[0] in ("no", "on-failure")
    return RUNNING if done else f"exited ({code})"


def health(words: str) -> str:
    """Of a status as `Up 2 minutes ago (healthy)`."""
    found = words.rpartition("(")[2].rstrip(")") if words.startswith("Up ") else ""
    return found if found in ("starting", "healthy", "unhealthy") else ""


def logs(name: str) -> list[str]:
    return [PROGRAM, "logs", name]


def inside(name: str, words: Sequence[str]) -> list[str]:
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    return [PROGRAM, "exec", "--interactive", *terminal, name, *words]


def test(name: str) -> bool:
    return not failure("healthcheck", "run", name)


def put(new: Workload, old: Workload | None) -> None:
    """What was there when it was looked at may be another's by now, or gone."""
    mine = old is not None and is_ours(new.name)
    if mine and old and new.is_same(old) and old.state != "created":
        asked("restart" if old.state == ASTRAY else "start", new.name)
        return
    if new.how is None:
        raise OSError(errno.ENODATA, f"nobody knows any more how {new.name} was run; apply its manifest")
    make_folders(new.how.folders)
    fetch(new.image, new.how, at_once=old is None)
    if mine:
        put_aside(new.name)
    try:
        asked("run", *new.how.words, environment=new.how.environment)
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
        asked("stop", "--ignore", old.name)  # as long as it was told that this may take
        asked("rm", "--force", "--ignore", "--time=0", "--volumes", old.name)


def wait(name: str, condition: str) -> None:
    if condition == "service_completed_successfully":
        if (code := asked("wait", name).strip()) != "0":
            raise OSError(errno.EIO, f"{name} ended with {code}")
    elif condition == "service_healthy":
        until_healthy(name)


def until_healthy(name: str) -> None:
    """As long as its own test says that this may take (Docker's `HEALTHCHECK`; times are in nanoseconds)."""
    test = json.loads(asked("inspect", "--format={{json .Config.Healthcheck}}", name)) or {}
    if not test.get("Test"):
        raise OSError(errno.EIO, f"{name} has no healthcheck")
    times = [test.get(key, 0) / 1e9 for key in ("StartPeriod", "Interval", "Timeout")]
    retries = max(test.get("Retries", 0), 1)
    ends, pace = time.monotonic() + times[0] + retries * (times[1] + times[2]), PACE
    while words := failure("healthcheck", "run", name):
        if time.monotonic() > ends:
            raise OSError(errno.EIO, f"{name} is not healthy: {words}")
        time.sleep(pace)
        pace = min(pace * 1.5, max(times[1], PACE))


def failure(*words: str) -> str:
    try:
        asked(*words)
    except OSError as error:
        return str(error.strerror)
    return ""


def asked(*words: str, environment: Mapping[str, str] | None = None, text: str = "") -> str:
    """What it prints; raises OSError with what it says against it.

    Variables of a container come by the environment of the command, since its words are everybody's to read.
    """
    changes = words[0] not in ("ps", "inspect", "wait")
    patience = PATIENCE if words[0] in ("ps", "inspect") else None
    return said_by([PROGRAM, *words], environment=environment, text=text, apart=changes, patience=patience)
