"""p2p: a veth pair for every container and no bridge; the host has the gateway and a route to each."""

from collections.abc import Iterator
from dataclasses import replace

from reconciler.cnm.carrier import Carrier
from reconciler.cnm.driver import Driver, Wanted, mtu_of
from reconciler.cnm.topology import Endpoint, Network
from reconciler.core.resource import Origin, Resource
from reconciler.drivers.endpoint import addressing, ipv6_switches
from reconciler.drivers.firewall.routing_policy import NOWHERE, ROUTES
from reconciler.errors import ManifestError
from reconciler.family import family
from reconciler.inventory.facts import Facts
from reconciler.kinds.address import Address
from reconciler.kinds.link import Veth
from reconciler.kinds.nft import Chain
from reconciler.kinds.overlay import Neighbours
from reconciler.kinds.ownership import HOST, TABLE_PREFIX
from reconciler.kinds.route import Route
from reconciler.manifest.options import COMMON, Option

LENGTHS = {4: 32, 6: 128}
NOBODY = "00:00:00:00:00:00"  # no link can have this MAC
HOOK = "type filter hook prerouting priority -300; policy accept;"
OWN = ('iifname != "vp*" accept', "ip6 saddr :: accept", "fib saddr . iif oif missing drop")


class PointToPoint(Driver):
    """What containers say to one another goes through the host's routing."""

    api, name = 1, "p2p"
    options = (*COMMON, Option("sources", "own, or any: the addresses that a container may send from"))

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier:
        if wanted.spec.options.get("sources", "own") not in ("own", "any"):
            raise ManifestError("`sources` is own or any", "leave it out for own", wanted.spec.where)
        return Carrier(mtu=mtu_of(wanted.spec, facts), paired=True)

    def lower(self, network: Network) -> Iterator[Resource]:
        if network.spec.options.get("sources") != "any":
            table, origin = TABLE_PREFIX + network.project, Origin(network.spec.where, self.name)
            yield Chain(family="inet", table=table, name="p2p", hook=HOOK, rules=OWN, origin=origin)
        for endpoint in network.endpoints:
            yield from pair(network, endpoint, Origin(endpoint.where, self.name))


def pair(network: Network, end: Endpoint, origin: Origin) -> Iterator[Resource]:
    ns, name, link, project = end.sandbox, end.ifname, end.host_link, network.project
    yield Veth(ns=ns, name=name, project=project, host_name=link, mac=end.mac, mtu=network.mtu, origin=origin)
    yield from ipv6_switches(ns, name, origin, on=network.ipv6)
    yield from ipv6_switches(HOST, link, origin, on=network.ipv6)
    if network.ipv6:
        yield Address(ns=HOST, link=link, ip="fe80::1", prefix=64, origin=origin)
    leads = {family(source) for _, source in end.gateways}
    gateways = {subnet.family: subnet.gateway for subnet in network.subnets}
    whole = tuple((ip, LENGTHS[family(ip)]) for ip, _ in end.addresses)
    yield from addressing(replace(end, addresses=whole, gateways=()), origin)
    for ip, length in whole:
        via, other = gateways[family(ip)], {4: "0.0.0.0/0", 6: "::/0"}[family(ip)]
        yield Address(ns=HOST, link=link, ip=via, prefix=length, origin=origin)
        yield Route(ns=HOST, dst=f"{ip}/{length}", link=link, src=via, origin=origin)
        ways = {other} if family(ip) in leads else {s.cidr for s in network.subnets if s.family == family(ip)}
        for dst in ways:
            yield Route(ns=ns, dst=dst, link=name, via=via, src=ip, onlink=True, origin=origin)
        if family(ip) == 4:  # what rp_filter finds: see routing_policy.ways_back
            yield Route(
                ns=HOST,
                table=ROUTES,
                dst=f"{ip}/32",
                link=link,
                via=NOWHERE,
                src=via,
                onlink=True,
                origin=origin,
            )
    entries = tuple(sorted([f"{NOWHERE} {NOBODY}", *(f"{ip} {end.mac}" for ip, _ in whole)]))
    yield Neighbours(
        link=link, entries=entries, addresses=tuple(filter(None, [gateways.get(4)])), origin=origin
    )
