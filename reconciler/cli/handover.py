"""What an engine does better: the log of a container, and a command in it."""

import os
import re
import shlex

from ..errors import ReconcileError, UsageError
from ..kernel import netns, workloads
from ..kinds.workload import Workload
from ..manifest.yaml.node import nearest
from .options import Options


def logs(options: Options) -> int:
    """Its engine's command takes over, and so does what it ends with."""
    found = workload(options.logs)
    if not found:
        raise unknown(options.logs, "`runtime:` says what runs in it")
    return become(workloads.runner(found.engine).logs(found.name))


def exec(options: Options) -> int:
    """Likewise; in a sandbox that nothing runs in, the command has its network alone."""
    if not options.paths:
        raise UsageError("no command to run", "reconcile --exec NAME -- COMMAND")
    if found := workload(options.exec):
        return become(workloads.runner(found.engine).inside(found.name, options.paths))
    if options.exec not in netns.names():
        raise unknown(options.exec)
    return become(["ip", "netns", "exec", options.exec, *options.paths])


def workload(name: str) -> Workload | None:
    """The one that is called so, whole or as its project calls it; raises UsageError where several are."""
    try:
        known = [*workloads.listing()]
    except OSError as error:
        raise ReconcileError(f"its engine does not answer: {error.strerror}") from error
    found = [one for one in known if one.name == name] or [one for one in known if name in short(one)]
    if len(found) > 1:
        raise UsageError(f"{name!r} may be {', '.join(one.name for one in found)}", "name one of them")
    return found[0] if found else None


def short(one: Workload) -> tuple[str, str]:
    """Its name within its project, and that of the service that it is a replica of."""
    own = one.name.removeprefix(f"{one.project}-")
    return own, re.sub(r"-[0-9]+$", "", own)


def unknown(name: str, idle: str = "") -> UsageError:
    """A name that nothing has, or that of a bare sandbox, which is `idle`."""
    bare = netns.names()
    if name in bare and idle:
        return UsageError(f"nothing runs in {name}", idle)
    called = (word for one in workloads.listing() for word in (one.name, *short(one)))
    return UsageError(f"no container here is {name!r}", nearest(name, {*bare, *called}))


def become(words: list[str]) -> int:
    """Does not return."""
    try:
        os.execvp(words[0], words)
    except OSError as error:
        raise ReconcileError(f"{shlex.join(words[:2])}: {error.strerror}") from error
