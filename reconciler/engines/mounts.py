"""What is mounted in a container: the sandbox's two files of names, and volumes, which are folders of ours
where an engine has none."""

from collections.abc import Iterator

from ..cnm.topology import Task
from ..errors import NOWHERE, ManifestError
from ..manifest.workload import MountSpec
from ..mistakes import EngineLacks

NAMED = ("/etc/resolv.conf", "/etc/hosts")
VOLUMES = "/var/lib/reconciler/volumes"
SHARED = ("shared", "rshared", "slave", "rslave", "private", "rprivate", "bind", "rbind")
OF_MOUNTS = {
    *SHARED,
    "noexec",
    "exec",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noatime",
    "ro",
    "rw",
}  # of mount(8)
UNMOUNTED = {
    "z",
    "Z",
    "copy",
    "nocopy",
    "cached",
    "delegated",
    "consistent",
}  # Compose's, of copies and labels


def names_files(task: Task) -> Iterator[tuple[str, str]]:
    """(file, target) of those that the task does not mount itself; the host's where it has its network."""
    taken = {mount.target for mount in task.spec.mounts}
    for target in NAMED:
        if target not in taken and (task.sandbox or task.rootfs):
            yield target.replace("/etc", f"/etc/netns/{task.sandbox}") if task.sandbox else target, target


def source(mount: MountSpec) -> str:
    return f"{VOLUMES}/{mount.source}" if mount.kind == "volume" else mount.source


def folders(task: Task) -> Iterator[str]:
    """Of the host, that are made where they are missing."""
    for mount in task.spec.mounts:
        if mount.kind == "volume" or mount.make:
            yield source(mount)


def wrong_mounts(task: Task) -> Iterator[ManifestError]:
    """Of an engine that knows mount(8) alone."""
    for mount in task.spec.mounts:
        where = task.where if mount.where == NOWHERE else mount.where
        if mount.kind == "volume" and not mount.source:
            words = f"a volume without a name cannot be had with `runtime: {task.engine}`"
            yield EngineLacks(words, "give it a name", where=where)
        for option in mount.options:
            own = mount.kind == "tmpfs" and "=" in option
            if not own and option not in OF_MOUNTS and option not in UNMOUNTED:
                words = f"the option `{option}` of a mount cannot be had with `runtime: {task.engine}`"
                yield EngineLacks(words, "leave it out", where=where)
