"""The sandbox itself: a namespace with its lo, its own sysctls, and the two files that resolvers read."""

from collections.abc import Iterator

from ..cnm.topology import Sandbox
from ..core.resource import Origin, Resource
from ..inventory.facts import ForeignNamespace
from ..kinds.file import HOSTS, RESOLV, File
from ..kinds.namespace import Namespace
from ..kinds.ownership import FILE_MARK
from ..kinds.sysctl import Sysctl
from . import balancer

PATH = str.maketrans("./", "/.")  # as sysctl(8): net.ipv4.conf.eth0/50.forwarding is eth0.50's
FILES = "/etc/netns"  # where `ip netns exec` and systemd's NetworkNamespacePath= users bind them from


def lower(box: Sandbox) -> Iterator[Resource]:
    if box.handed:
        return
    origin = Origin(box.where, "sandbox")
    foreign = box.attached or ForeignNamespace()
    yield Namespace(
        name=box.name, project=box.project, attached=foreign.identity, path=foreign.path, origin=origin
    )
    for name, value in sorted(box.sysctls.items()):
        yield Sysctl(ns=box.name, name=name.translate(PATH), value=value, origin=origin)
    yield from balancer.lower(box, origin)
    for name, text in ((HOSTS, box.hosts), (RESOLV, box.resolv)):
        yield File(
            ns=box.name, path=f"{FILES}/{box.name}/{name}", content=f"{FILE_MARK}\n{text}", origin=origin
        )
