"""Names: a file for each zone, and a resolver for each view."""

from collections.abc import Iterator

from ..cnm.topology import DnsView, Naming, Zone
from ..core.resource import Origin, Resource
from ..kinds.ownership import SHARED
from ..kinds.resolver import HOSTS_SERVERS, Resolver, ZoneFile


def lower(naming: Naming) -> Iterator[Resource]:
    for zone in naming.zones:
        yield names(zone)
    if naming.servers:
        lines = tuple(f"server={server}" for server in naming.servers)
        yield ZoneFile(network=HOSTS_SERVERS, project=SHARED, lines=lines)
    for view in naming.views:
        yield resolver(view)


def names(zone: Zone) -> ZoneFile:
    lines = tuple(f"{ip} {' '.join(called)}" for ip, called in zone.entries)
    return ZoneFile(
        network=zone.network, project=zone.project, lines=lines, origin=Origin(zone.where, "names")
    )


def resolver(view: DnsView) -> Resolver:
    return Resolver(
        ns=view.ns,
        name=view.name,
        project=view.project,
        port=view.port,
        interfaces=view.interfaces,
        networks=view.networks,
        forwards=view.forwards,
        servers=view.servers,
        local=view.local,
        wildcards=view.wildcards,
        origin=Origin(view.where, "names"),
    )
