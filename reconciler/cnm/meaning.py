"""What a name means: whose it is on which network, and by what is written where."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple

from ..errors import Where
from ..kinds import names
from ..kinds.ownership import TASKS
from ..manifest.spec import EndpointSpec, Manifest
from .called import domain, lines_of
from .endpoint import SandboxSpec
from .hosts import sandboxes_of
from .naming import DnsView, Zone
from .topology import Sandbox, Topology


class Member(NamedTuple):
    """Who is on a network; `holder` is who has the address: a container, or all replicas of a service."""

    one: SandboxSpec
    end: EndpointSpec
    holder: str


Members = Mapping[tuple[str, tuple[str, ...]], Member]  # by network and names there


class Meaning(NamedTuple):
    """Who has a name on one network; of an address, `name` is what it is called."""

    name: str
    network: str  # "" for what stands in a hosts file
    sandbox: str
    addresses: tuple[str, ...]
    kind: str  # as the manifest calls such a name
    where: Where

    def __str__(self) -> str:
        ips = " ".join(self.addresses)
        return f"{self.network or self.kind}  {self.sandbox}  {ips}  {self.kind}  {self.where}"


def members(manifest: Manifest, topology: Topology) -> Members:
    """Everybody who is on a network, of all hosts."""
    known = {(network.project, network.key): network for network in topology.networks}
    ends = (
        (one, end) for project in manifest.projects for one in sandboxes_of(project) for end in one.endpoints
    )
    found = ((known.get((one.project.name, end.network)), one, end) for one, end in ends)
    return {
        (network.name, line.called): Member(one, end, line.holder)
        for network, one, end in found
        if network
        for rests in (False, True)
        for line in lines_of(network, one, end, rests=rests)
    }


def meanings(asked: str, zones: Iterable[Zone], known: Members) -> list[Meaning]:
    """Of a name or an address; what is written in full goes before `*.web`, of which the longest counts."""
    zones, name = list(zones), asked.rstrip(".").lower()
    if matching := [*matches(name, zones)]:
        return [*merged(matching, known)]
    domains = {domain for zone in zones for domain, _ in zone.wildcards if f".{name}".endswith(f".{domain}")}
    longest = max(domains, key=len, default="")
    ends = {(zone.network, ip) for zone in zones for domain, ip in zone.wildcards if domain == longest}
    lines = ((zone, ip, called) for zone in zones for ip, called in zone.entries)
    wild = [(z, ip, called, f"*.{longest}") for z, ip, called in lines if (z.network, ip) in ends]
    return [*merged(wild, known)]


Match = tuple[Zone, str, tuple[str, ...], str]  # whose line, and the name in it that was meant


def matches(name: str, zones: Iterable[Zone]) -> Iterator[Match]:
    address = None
    with suppress(ValueError):
        address = ip_address(name)
    for zone in zones:
        for ip, called in zone.entries:
            if address and ip_address(ip) == address:
                yield zone, ip, called, called[0]
            elif name in called:
                yield zone, ip, called, name


def merged(found: Iterable[Match], known: Members) -> Iterator[Meaning]:
    """One for each container and network, with the addresses of both families."""
    ips: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for zone, ip, called, name in found:
        ips.setdefault((zone.network, called, name), []).append(ip)
    for (network, called, name), addresses in sorted(ips.items()):
        one, end, holder = known[network, called]
        yield Meaning(name, network, holder, tuple(addresses), *reason(name, one, end))


def reason(name: str, one: SandboxSpec, end: EndpointSpec) -> tuple[str, Where]:
    """What such a name is called, and the place that says it."""
    spec = one.spec
    if name in map(str.lower, end.aliases):
        return "wildcard" if name.startswith("*.") else "alias", end.where
    kinds = {
        f"{TASKS}{spec.name}": "tasks",
        spec.name: "service" if spec.is_service else "container",
        spec.container_name: "container_name",
        one.name: "sandbox",
        spec.hostname.partition(".")[0]: "hostname",
        spec.hostname: "hostname",
        names.short_id(one.name): "short id",
    }
    return next((kind for text, kind in kinds.items() if name == text.lower()), "qualified"), spec.where


def in_hosts_file(asked: str, sandbox: Sandbox) -> list[Meaning]:
    """By what goes before any question."""
    lines = [line.split() for line in sandbox.hosts.splitlines()]
    ips = tuple(ip for ip, *called in lines if asked.lower() in map(str.lower, called))
    return [Meaning(asked, "", sandbox.name, ips, "hosts file", sandbox.where)] if ips else []


def beyond(asked: str, view: DnsView) -> str:
    """What becomes of a question for what is nobody's here."""
    name = asked.rstrip(".").lower()
    local = f".{name}".endswith(f".{domain(view.project)}")
    if not view.servers or "." not in name or local:
        return "answered here: there is no such name"
    return f"asked of {' '.join(view.servers)}"
