"""A network namespace: the sandbox of the Container Network Model.  Its name is marked as ours where who is
root inside cannot reach; the alias of its lo says the same to people."""

from dataclasses import field
from typing import Any

from ..core.resource import Fixed, Identity, Key, Ownership, Resource, kind
from ..core.subject import CONTAINER, Part, Places
from .ownership import HOST, alias


@kind
class Namespace(Resource):
    noun, rank, whole = "namespace", 0, True
    prompt, lasting = False, True  # the kernel deletes it when the last process leaves
    loss = "recreate"

    name: Identity[str]
    project: str
    up: bool = True  # its lo
    unmarked: bool = False  # its record, or the alias of its lo, does not say whose it is
    attached: Fixed[str] = ""  # to which namespace, where it is another's: then its lo is not ours to set
    path: str = field(default="", compare=False)  # by which that was found

    @property
    def place(self) -> str:
        return self.name

    def owner(self, known: Ownership) -> str:
        return self.project

    def part_of(self, known: Places) -> Part:
        return CONTAINER, self.name

    def commands(self, old: Resource | None) -> list[str]:
        name, mark = f"/run/netns/{self.name}", alias(self.project, self.name)
        whose = f'"{mark} $(stat -Lc %i {name}){self.attached and f" {self.attached}"}"'
        # In the file that the namespace is mounted over, which shows where it is not.
        said = f"echo {whose} | unshare -m sh -c 'umount {name} && cat >{name}'"
        if self.attached:
            made = ["mkdir -p /run/netns", f"touch {name}", f"mount --bind {self.path} {name}"]
            return [*([] if old else made), said]
        lo = f"ip -n {self.name} link set lo alias {mark} {'up' if self.up else 'down'}"
        return [*([] if old else [f"ip netns add {self.name}"]), said, lo]

    def removal(self) -> list[str]:
        return [f"ip netns del {self.name}"]


@kind
class Closed(Namespace):
    """A sandbox that is left as it is, if it stands at all: nothing can be told of it, or something
    that is not ours is in its way."""

    closed = True

    why: str = ""
    trouble: Exception | None = field(default=None, compare=False, repr=False)  # the same, where it is a bug


def around(ns: str) -> tuple[Key, ...]:
    """What a link of this sandbox is within, or one of the host."""
    return () if ns == HOST else (Namespace.at(ns),)


def homes(resource: Any) -> tuple[Key, ...]:
    """`homes` of what may stand in a sandbox: the sandbox, then whatever it is within."""
    return (Namespace.at(resource.place), *resource.within) if resource.place else resource.within
