"""Links that lead nowhere as rtnetlink messages, both ways."""

from collections.abc import Iterator

from ...kinds.ownership import owner
from ...kinds.stacked_link import Dummy
from .link import LinkKind, network_of
from .table import Readings, Seen, register


def decode(_: Readings, ns: str, seen: Seen) -> Iterator[Dummy]:
    project, network = owner(seen.alias), network_of(seen)
    yield Dummy(ns=ns, name=seen.name, mtu=seen.mtu, up=seen.up, project=project, network=network)


register(LinkKind(of=Dummy, link_kind="dummy", decode_link=decode))
