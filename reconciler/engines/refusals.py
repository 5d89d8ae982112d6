"""What an engine has no way for: each mistake at the place of its key, and all of them at once."""

from collections.abc import Iterable, Iterator

from ..cnm.topology import Task
from ..errors import ManifestError, ManifestErrors
from ..manifest.workload import WRITTEN, WorkloadSpec
from ..mistakes import EngineLacks

PLAIN = WorkloadSpec()  # of which nothing is said

# Keys that no engine here is told of, and without which a container would be less bounded than it was
# written, or would not be what it was written to be.  Whatever else is not heeded describes.
ACTING = {
    "blkio_config",
    "cgroup",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "credential_spec",
    "deploy.resources.reservations.devices",
    "device_cgroup_rules",
    "gpus",
    "isolation",
    "label_file",
    "mem_swappiness",
    "models",
    "oom_kill_disable",
    "post_start",
    "pre_stop",
    "provider",
    "runtime",
    "storage_opt",
    "use_api_socket",
    "volumes_from",
}


def refusal(task: Task, key: str, words: str, hint: str = "") -> ManifestError:
    """A mistake in a field or a key, where it stands."""
    field = task.spec.at(key, task.where)
    return EngineLacks(words, hint, where=task.spec.at(WRITTEN.get(key, key), field))


def lacking(task: Task, fields: Iterable[str]) -> Iterator[ManifestError]:
    """Those of the fields that say something, where the engine has nothing of that kind."""
    for name in fields:
        if getattr(task.spec, name) != getattr(PLAIN, name):
            key = WRITTEN.get(name, name)
            yield refusal(task, name, f"`{key}` cannot be had with `runtime: {task.engine}`", "leave it out")


def unheeded(task: Task) -> Iterator[ManifestError]:
    for key, where in task.spec.unheeded:
        if key in ACTING:
            yield EngineLacks(
                f"`{key}` is not carried out, and the container would not be what was written",
                "leave it out, or say `runtime: none` and run it yourself",
                where=where,
            )


def wrong_commands(task: Task) -> Iterator[ManifestError]:
    """Of an engine without images, which say what to run."""
    spec = task.spec
    if not (spec.entrypoint or spec.command):
        yield refusal(task, "command", "there is no image that would say what to run", "say `command`")


def refuse(mistakes: Iterable[ManifestError]) -> None:
    """Raise ManifestError where there are any."""
    found = [*mistakes]
    if found:
        raise ManifestErrors(found) if len(found) > 1 else found[0]
