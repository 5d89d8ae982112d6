"""Sandboxes by name, and their lo."""

import errno
from collections.abc import Iterator
from dataclasses import replace

from ...kinds import cni
from ...kinds.file import File
from ...kinds.link import OrphanVeth, Veth
from ...kinds.namespace import Namespace
from ...kinds.ownership import HOST, alias
from ...kinds.remote import RemoteEndpoint
from ...kinds.workload import ASTRAY, Workload
from .. import netns, records
from ..netlink.links import IFLA_IFALIAS, NEWLINK, UP, ifinfo
from ..netlink.socket import Message, text
from .table import Held, Kind, Live, Readings, Requests, Step, register

LO = 1  # its index in every namespace


def lo(namespace: Namespace) -> Message:
    """Up, and with the alias that says to people whose the namespace is."""
    mark = text(IFLA_IFALIAS, alias(namespace.project, namespace.name))
    return Message(NEWLINK, 0, ifinfo(LO, UP if namespace.up else 0, UP) + mark)


def put(requests: Requests, step: Step, namespace: Namespace) -> None:
    if not namespace.attached:
        requests.add(step, lo(namespace))
    if step.op == "~":  # a new one gets its record with its name
        records.write(namespace.name, record(namespace))


def record(namespace: Namespace) -> records.NameRecord:
    return records.NameRecord(namespace.project, namespace.attached)


def remove(requests: Requests, _: Step, namespace: Namespace) -> None:
    requests.flush()
    netns.remove(namespace.name)


def decode(readings: Readings, name: str) -> Iterator[Namespace]:
    lo, project, told = readings.view(name).links[LO], readings.project(name), readings.record(name)
    if told.attached:
        yield Namespace(name=name, project=project, attached=told.attached)
        return
    marked = told.project == project and lo.alias == alias(project, name)
    yield Namespace(name=name, project=project, up=lo.up, unmarked=not marked)


def absent_place(ns: str, held: Held) -> int:
    """The errno for making something in a sandbox that does not stand."""
    return errno.ENOENT if ns != HOST and Namespace.at(ns) not in held else 0


def cascade(old: Namespace, live: Live) -> None:
    """What lost its name is cleaned up later; until then the host ends of its pairs stand.  The files of
    /etc/netns need no namespace."""
    for r in [r for r in live.values() if r.place == old.name and not isinstance(r, File)]:
        del live[r.key]
        if isinstance(r, cni.CniAttachment | RemoteEndpoint):
            live[r.key] = r.broken(cni.ASTRAY)
        if isinstance(r, Veth):
            left = OrphanVeth(ns=HOST, name=r.host_name, mtu=r.mtu, project=r.project)
            live[left.key] = left
    for r in [r for r in live.values() if isinstance(r, Workload) and r.sandbox == old.name]:
        live[r.key] = replace(r, state=ASTRAY)


register(
    Kind(
        of=Namespace,
        put=put,
        remove=remove,
        from_outside="-",
        places=(False, True),
        decode=decode,
        cascade=cascade,
    )
)
