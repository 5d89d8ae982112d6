"""Names: for each zone a file; for each view another, of whom it asks, and a resolver; and a domain of the
host that leads to one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

from ..cnm.called import domain
from ..cnm.naming import DnsView, Listed, Naming, Zone
from ..core.resource import Origin, Resource
from ..kinds.named import digest
from ..kinds.ownership import HOST
from ..kinds.resolver import VIEW, Resolver, ZoneFile
from ..kinds.split_dns import HostDomain


def lower(naming: Naming) -> Iterator[Resource]:
    known: dict[tuple[str, str], set[str]] = defaultdict(set)
    for zone in naming.zones:
        yield names(zone)
        known[zone.network, zone.project] |= own_domains(zone)
    same: dict[str, str] = {}
    for view in (view for view in naming.views if not view.lender):
        theirs = set[str]().union(*(known[network, view.project] for network in view.networks))
        lines = (same.setdefault(line, line) for line in questions(view, theirs))  # what many views say
        yield ZoneFile(
            network=f"{VIEW}{view.name}",
            project=view.project,
            lines=tuple(lines),
            origin=Origin(view.where, "names"),
        )
        yield resolver(view)
        if view.link:
            yield domain_of_host(view)


def names(zone: Zone) -> ZoneFile:
    lines = tuple(f"{ip} {' '.join(called)}" for ip, called in zone.entries)
    return ZoneFile(
        network=zone.network, project=zone.project, lines=lines, origin=Origin(zone.where, "names")
    )


def own_domains(zone: Zone) -> set[str]:
    """The names that others could be asked about, or what they end in where nobody's do."""
    within = f".{domain(zone.project)}"
    called = chain.from_iterable(called for _, called in zone.entries)
    return {ending(name) for name in called if "." in name and not name.endswith(within)}


def ending(name: str) -> str:
    """No public domain has an underscore (RFC 1123, 2.1), as most networks have."""
    last = name.rpartition(".")[2]
    return last if "_" in last else name


def questions(view: DnsView, known: Iterable[str]) -> Iterator[str]:
    """Whom it asks what it does not know, and what nobody else is asked about.

    A name is known in all its types: whoever is asked for the other family would say that there is no such
    name, or what it means to the world, or nothing.  What ends in it is somebody else's to answer.  Who has
    nobody to ask says that there is no such name, as dnsmasq would refuse, and musl then waits five seconds.
    """
    yield from (f"server=/{ours}/" for ours in dict(view.wildcards))
    if view.listed:
        yield from (
            line for one in view.listed if one.name not in known for line in asked_of(one, view.servers)
        )
    if not view.servers or view.listed:
        yield "server=/#/"
        return
    yield from (f"server={server}" for server in view.servers)
    yield from ("server=//", f"server=/{domain(view.project)}/")
    yield from (f"rev-server={cidr}" for cidr in view.subnets)
    for name in sorted(known):
        yield f"server=/{name}/"
        if "." in name:
            yield f"server=/*.{name}/#"


def asked_of(one: Listed, servers: Iterable[str]) -> Iterator[str]:
    """Who is asked of a name alone, or of what is below it alone; the longest of what it ends in counts."""
    for server in servers:
        yield from [f"server=/{one.name}/{server}"] * one.itself
        yield from [f"server=/*.{one.name}/{server}"] * one.below
    if not one.below:
        yield f"server=/*.{one.name}/"


def resolver(view: DnsView) -> Resolver:
    return Resolver(
        ns=view.ns,
        name=view.name,
        project=view.project,
        port=view.port,
        interfaces=view.interfaces,
        networks=view.networks,
        wildcards=view.wildcards,
        written=tuple((one.name, digest_of(view.project, one)) for one in view.listed or ()),
        origin=Origin(view.where, "names"),
    )


def digest_of(project: str, one: Listed) -> str:
    return digest(project, one.name, itself=one.itself, below=one.below)


def domain_of_host(view: DnsView) -> HostDomain:
    ip = f"[{view.ip}]" if ":" in view.ip else view.ip
    return HostDomain(
        ns=HOST,
        link=view.link,
        domain=domain(view.project),
        server=f"{ip}:{view.port}",
        origin=Origin(view.where, "names"),
    )
