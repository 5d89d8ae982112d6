"""What an engine does better: the log of a container, and a command in it."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..core.subject import as_counted
from ..errors import NotPermitted, ReconcileError, UsageError
from ..kernel import netns, records, workloads
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
    if not (bare := called(options.exec, sandboxes())):
        raise unknown(options.exec)
    return become(["ip", "netns", "exec", bare, *options.paths])


def workload(name: str) -> Workload | None:
    """The one that is called so."""
    try:
        with looking():
            known = {one.name: one for one in workloads.listing()}
    except OSError as error:
        raise ReconcileError(f"its engine does not answer: {error.strerror}") from error
    return known.get(called(name, {one.name: one.project for one in known.values()}))


def sandboxes() -> Mapping[str, str]:
    """All namespaces that have a name, each with its project; "" for somebody else's."""
    with looking():
        return {name: told.project for name, told in records.read(netns.names()).items()}


@contextmanager
def looking() -> Iterator[None]:
    """Who may not look is told so."""
    try:
        yield
    except PermissionError as error:
        raise NotPermitted(f"looking at what stands: {error.strerror}", "run as root") from None


def called(name: str, projects: Mapping[str, str]) -> str:
    """Whoever is called so, whole or as its project calls it; raises UsageError where several are."""
    found = [name] if name in projects else [one for one in projects if name in short(one, projects[one])]
    if len(found) > 1:
        words = ", ".join(sorted(found, key=as_counted))
        raise UsageError(f"{name!r} may be {words}", "name one of them")
    return found[0] if found else ""


def short(name: str, project: str) -> tuple[str, ...]:
    """Its name within its project, and that of the service that it is a replica of."""
    own = name.removeprefix(f"{project}-")
    return (own, re.sub(r"-[0-9]+$", "", own)) if project else ()


def unknown(name: str, idle: str = "") -> UsageError:
    """A name that nothing has, or that of a bare sandbox, which is `idle`."""
    known = {**sandboxes(), **{one.name: one.project for one in workloads.listing()}}
    if (bare := called(name, known)) and idle:
        return UsageError(f"nothing runs in {bare}", idle)
    words = {word for one in known for word in (one, *short(one, known[one]))}
    return UsageError(f"no container here is {name!r}", nearest(name, words))


def become(words: list[str]) -> int:
    """Does not return."""
    try:
        os.execvp(words[0], words)
    except OSError as error:
        raise ReconcileError(f"{shlex.join(words[:2])}: {error.strerror}") from error
