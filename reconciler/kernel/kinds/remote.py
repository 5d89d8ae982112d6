"""What remote drivers of libnetwork have made, by kernel/remote: as they said, and as it is."""

from collections.abc import Iterator, Set
from dataclasses import replace
from errno import ENOENT

from ...kinds.cni import ATTACHED
from ...kinds.link import Intruder
from ...kinds.remote import RemoteEndpoint, RemoteNetwork
from .. import netns
from ..remote import records
from ..remote.records import UNFINISHED, RemoteEndpointRecord, RemoteNetworkRecord
from .address import lost
from .link import plain_link
from .namespace import absent_place
from .table import Held, Kind, Readings, View, register


def networks(readings: Readings, _: Set[str]) -> Iterator[RemoteNetwork]:
    """All, or those of the places that are asked for."""
    asked = readings.places
    if asked is None or any(place.startswith("/network:") for place in asked):
        found = map(network, records.networks())
        yield from (one for one in found if asked is None or one.place in asked)


def network(record: RemoteNetworkRecord) -> RemoteNetwork:
    known = record.scope or record.network.leftover
    return record.network if known else record.network.broken(UNFINISHED)


def decode(readings: Readings, ns: str) -> Iterator[RemoteEndpoint]:
    for record in records.of(ns):
        found = replace(record.endpoint, addresses=record.addresses)
        state = found.state if found.leftover else state_of(readings, record)
        yield found if state == ATTACHED else found.broken(state)


def state_of(readings: Readings, record: RemoteEndpointRecord) -> str:
    """What of it is no longer as its plugin said."""
    ns, name = record.endpoint.ns, record.endpoint.name
    if not record.whole:
        return UNFINISHED
    if netns.inode(ns) != record.inode:  # then all else that is read of it tells so too
        return "its sandbox is another"
    home = network(records.network(record.endpoint.network))
    if home.leftover or home.ident != record.endpoint.home:
        return "its network is not what it was"
    lack = lost(readings.view(ns), name, record.mac, record.addresses) if record.source else ""
    return lack or ATTACHED


def shut(_: Readings, ns: str) -> Iterator[RemoteEndpoint]:
    return (record.endpoint for record in records.of(ns))


def orphans(readings: Readings, _: Set[str]) -> Iterator[RemoteEndpoint]:
    ours = [name for name in readings.names if readings.project(name)]
    return records.orphans(ours, readings.places)


def in_the_way(view: View, wanted: RemoteEndpoint) -> Iterator[Intruder]:
    if seen := view.by_name.get(wanted.name):
        yield Intruder(**plain_link(wanted.ns, seen) | {"name": wanted.name})


def missing(wanted: RemoteEndpoint, held: Held) -> int:
    absent = 0 if RemoteNetwork.at(wanted.network) in held else ENOENT
    return absent_place(wanted.ns, held) or absent


register(Kind(of=RemoteNetwork, enters=lambda _: False, places=(False, False), asked=networks))
register(
    Kind(
        of=RemoteEndpoint,
        enters=lambda _: False,
        places=(False, True),
        decode=decode,
        shut=shut,
        asked=orphans,
        in_the_way=in_the_way,
        missing=missing,
    )
)
