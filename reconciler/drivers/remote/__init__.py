"""Remote drivers of libnetwork: plugins that somebody wrote for Docker, found as Docker finds them."""

import json
from collections.abc import Iterator, Mapping, Sequence

from ...cnm.carrier import Carrier
from ...cnm.driver import Driver, Socket, Wanted, mtu_of
from ...cnm.hosts import this_host
from ...cnm.topology import Endpoint, Network
from ...core.resource import Origin, Resource
from ...errors import Finding
from ...family import family
from ...inventory.facts import Facts, RemotePlugin
from ...kinds import names
from ...kinds.remote import RemoteEndpoint, RemoteNetwork
from ...manifest.options import COMMON
from ...mistakes import NetworkLacks
from ...values import value
from ..cni import asked as by_port
from . import asked

GLOBAL = "global"


@value
class RemoteCarrier(Carrier):
    """A plugin: what it makes on the host is its own, and is not looked at."""

    inner: bool = False
    forwards: bool = True
    publishes: bool = True
    one_gateway: bool = True
    plugin: RemotePlugin
    ident: str  # the same on all hosts where its driver's networks are
    # By sandbox, the addresses that it has instead of those that were asked for
    instead: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]

    def __str__(self) -> str:
        return self.plugin.address


class RemoteDriver(Driver):
    """What a plugin is told; it has no word in what addresses there are."""

    options = COMMON

    def __init__(self, plugin: RemotePlugin):
        self.plugin, self.name = plugin, plugin.name
        self.scope = "swarm" if plugin.scope == GLOBAL else "local"

    def carrier(self, wanted: Wanted, facts: Facts) -> RemoteCarrier:
        spec, here = wanted.spec, this_host(wanted.project, facts)
        if not spec.icc:
            message = f"network {wanted.name} cannot be held to `icc`: plugin {self.name} makes it"
            raise NetworkLacks(message, "leave it out", spec.where)
        everywhere = "swarm" in (self.scope, spec.scope)
        return RemoteCarrier(
            mtu=mtu_of(spec, facts),
            host=here.name if here and everywhere else "",
            plugin=self.plugin,
            ident=names.network_id(wanted.name, "" if everywhere else facts.machine),
            instead={ns: pair for (ns, name), pair in facts.instead.items() if name == wanted.name},
        )

    def is_shared(self, wanted: Wanted, family: int) -> bool:
        return "swarm" in (self.scope, wanted.spec.scope) and bool(wanted.project.hosts)

    def sockets(self, networks: Sequence[Network]) -> Iterator[Socket]:
        """Ports of the host that the plugin leads away: nobody else may publish there."""
        for network in networks:
            for end in network.endpoints:
                yield from by_port.sockets(network, end)

    def findings(self, networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
        mine = [n for n in networks if isinstance(n.carrier, RemoteCarrier) and n.spec.driver == self.name]
        for network in mine:
            if self.plugin.silent:
                what = f"plugin {self.name} does not answer ({self.plugin.silent})"
                yield f"{network.spec.where}: {what}: network {network.name} cannot be changed"
            for end in (end for end in network.endpoints if end.sysctls):
                whose = f"the link of {end.sandbox} on network {network.name} is plugin {self.name}'s"
                message = f"{whose}: no sysctls of it can be set"
                yield NetworkLacks(message, "leave them out", end.where)

    def lower(self, network: Network) -> Iterator[Resource]:
        return lower(network)


def lower(network: Network) -> Iterator[Resource]:
    """Of one that a plugin makes, whichever."""
    carrier = network.carrier
    assert isinstance(carrier, RemoteCarrier)
    if not carrier.external:
        yield RemoteNetwork(
            name=network.name,
            project=network.project,
            driver=carrier.plugin.name,
            ident=carrier.ident,
            subnets=tuple(asked.subnets(network)),
            options=json.dumps(asked.network_options(network), sort_keys=True),
            origin=Origin(network.spec.where, carrier.plugin.name),
        )
    for end in network.endpoints:
        yield endpoint(network, carrier, end)


def endpoint(network: Network, carrier: RemoteCarrier, end: Endpoint) -> RemoteEndpoint:
    wanted = tuple(f"{ip}/{length}" for ip, length in end.addresses)
    given, chosen = carrier.instead.get(end.sandbox, ((), ()))
    return RemoteEndpoint(
        ns=end.sandbox,
        name=end.ifname,
        project=network.project,
        network=network.name,
        driver=carrier.plugin.name,
        home=carrier.ident,
        ident=names.digest("endpoint", carrier.ident, end.sandbox, end.ifname).hex(),
        mac=end.mac,
        chosen=chosen if chosen and given == wanted else wanted,
        leads=tuple(sorted({str(family(source)) for _, source in end.gateways})),
        routes=tuple(f"{dst} {via}" for dst, via in end.routes),
        mtu=0 if network.spec.mtu == "auto" else network.mtu,
        options=json.dumps(asked.endpoint_options(end), sort_keys=True),
        origin=Origin(end.where, carrier.plugin.name),
    )
