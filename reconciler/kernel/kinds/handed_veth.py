"""Pairs of which somebody takes one end wherever he likes: the other as rtnetlink messages, both ways."""

import re
from collections.abc import Iterator
from dataclasses import replace

from ...kinds.link import HandedVeth
from ...kinds.ownership import ALIAS, GROUP
from ..transcript import HOST_PLACE
from .link import LinkKind
from .table import Readings, Requests, Seen, Step, register
from .veth import create, host_end, host_mac, missing, port_of, switched

ALIAS_OF_ONE = re.compile(rf"{ALIAS}/([^/]+)/([^/]+)/([^/]+)/((?:[0-9a-f]{{2}}:){{5}}[0-9a-f]{{2}})")


def put(requests: Requests, step: Step, pair: HandedVeth) -> None:
    """Both ends on the host, and one down until it is taken; what the other is told is the batch's."""
    if step.before is None:
        requests.flush()
        batch = requests.batch
        requests.add(step, create(pair, 0, batch.home, batch.index(pair.bridge)))


def decode(readings: Readings, ns: str) -> Iterator[HandedVeth]:
    """By their marks; one whose alias somebody has overwritten is known by its name, if it is wanted."""
    view = readings.view(ns)
    wanted = {r.host_name: r for r in readings.wanted(HandedVeth)}
    for seen in view.links.values():
        if seen.kind == "veth" and seen.group == GROUP and (pair := by_marks(seen, wanted.get(seen.name))):
            port = port_of(seen, view.names, switched(readings, seen, pair.mac, HOST_PLACE))
            yield replace(pair, mtu=seen.mtu, mute=seen.mute, up=seen.up, **port)


def by_marks(seen: Seen, wanted: HandedVeth | None) -> HandedVeth | None:
    """Whose it is and what its other end has, which is not to be seen from here; None where it is none."""
    said = ALIAS_OF_ONE.fullmatch(seen.alias)
    if said and (not wanted or said.group(2, 3) == (wanted.ns, wanted.name)):
        project, ns, name, mac = said.groups()
        return HandedVeth(ns=ns, name=name, project=project, host_name=seen.name, mac=mac)
    if wanted:
        mac = wanted.mac if seen.mac == host_mac(wanted.mac) else f"02:{seen.mac[3:]}"
        return HandedVeth(ns=wanted.ns, name=wanted.name, project="", host_name=seen.name, mac=mac)
    return None


register(LinkKind(of=HandedVeth, put=put, host_end=host_end, decode=decode, missing=missing))
