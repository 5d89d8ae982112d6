"""What an engine keeps of ours with a container: labels that tell what it was made of."""

import json
from collections.abc import Iterable
from hashlib import sha256

from ..cnm.topology import Task
from ..kinds.workload import LABEL


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
        "interval": f"{interval(task):g}",
        **tested(task),
    }
    return {**task.labels, **{LABEL + name: text for name, text in ours.items()}}


def tested(task: Task) -> dict[str, str]:
    """For who counts for engines that do not: the words of the test, and how often it may fail."""
    asked = task.spec.health
    if task.engine == "podman" or not asked or not asked.test:
        return {}
    words = asked.test if len(asked.test) > 1 else ("/bin/sh", "-c", *asked.test)
    return {"health": json.dumps(words), "retries": str(asked.retries)}


def interval(task: Task) -> float:
    """Seconds between two tests of its health; 0 where it has none of its own."""
    asked = task.spec.health
    return asked.interval if asked and asked.test else 0.0


def digest(task: Task, told: Iterable[object]) -> str:
    """Of all that the engine is told, and of the variables that it is told nowhere else."""
    whole = (task.engine, task.image, task.spec.variables, *told)
    return sha256(repr(whole).encode()).hexdigest()[:16]
