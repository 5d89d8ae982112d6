"""What an engine keeps of ours with a container: labels that tell what it was made of."""

import json
from collections.abc import Iterable
from hashlib import sha256

from ..cnm.topology import Task
from ..kinds.workload import LABEL, How, Workload


def labels(task: Task) -> dict[str, str]:
    """The task's own, and ours over them; the digest is not among them, since it is of them too."""
    spec = task.spec
    ours = {
        "project": task.project,
        "name": task.name,
        "image": task.image,
        "sandbox": task.sandbox,
        "restart": spec.restart,
        "after": json.dumps(task.after),
        "grace": f"{spec.stop_grace_period:g}",
        **tested(task),
    }
    return {**task.labels, **{LABEL + name: text for name, text in ours.items()}}


def tested(task: Task) -> dict[str, str]:
    """How its health is tested: all of it where the engine does not count failures."""
    asked = task.spec.health
    if not asked or not asked.test:
        return {}
    times = {"interval": f"{asked.interval:g}", "timeout": f"{asked.timeout:g}"}
    if task.engine == "podman":
        return times
    words = asked.test if len(asked.test) > 1 else ("/bin/sh", "-c", *asked.test)
    start = f"{asked.start_period:g}"
    return {**times, "start": start, "health": json.dumps(words), "retries": str(asked.retries)}


def digest(task: Task, told: Iterable[object]) -> str:
    """Of all that the engine is told, and of the variables that it is told nowhere else."""
    whole = (task.engine, task.image, task.spec.variables, *told)
    return sha256(repr(whole).encode()).hexdigest()[:16]


def workload(task: Task, mark: str, how: How) -> Workload:
    """What is wanted of the engine: by its digest, and in full."""
    return Workload(
        name=task.name,
        project=task.project,
        engine=task.engine,
        sandbox=task.sandbox,
        image=task.image,
        digest=mark,
        after=task.after,
        how=how,
    )
