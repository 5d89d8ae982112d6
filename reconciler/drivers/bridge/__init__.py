"""bridge: containers behind a bridge of this host, on somebody's LAN, or routed from host to host."""

from collections.abc import Iterator, Sequence

from ...cnm.carrier import Carrier
from ...cnm.driver import Driver, Wanted, mtu_of
from ...cnm.topology import Network, PerHostSubnets
from ...core.resource import Resource
from ...errors import Finding
from ...inventory.facts import Facts
from ...manifest.options import BRIDGE, COMMON, ICC, MASQUERADE, NETWORK, Option
from ...manifest.spec import SubnetSpec
from ..stacked import parents
from . import lan, slices
from .lower import lower


class BridgeDriver(Driver):
    """The default: whoever writes nothing has one."""

    name = "bridge"
    options = (
        *COMMON,
        Option("bridge_name", "name of the bridge", (BRIDGE + "name",), "ifname"),
        Option("parent", "link of the host that becomes a port of the bridge", (), "ifname"),
        Option("mode", "managed, or unmanaged: the bridge is somebody else's and stands"),
        ICC,
        MASQUERADE,
        Option(
            "gateway_mode",
            "nat, routed, nat-unprotected or isolated",
            (BRIDGE + "gateway_mode_ipv4",),
            "mode",
        ),
        Option("gateway_mode_ipv6", "the same for IPv6", (BRIDGE + "gateway_mode_ipv6",), "mode"),
        Option("host_prefix", "routed, with `hosts:`: length of each host's slice, 24 where nothing is said"),
        Option("host_prefix_ipv6", "the same for IPv6, 80 where nothing is said"),
        Option("host_ip", "host address of ports that name none", (BRIDGE + "host_binding_ipv4",), "host_ip"),
        Option("snat", "source address of what leaves", (NETWORK + "host_ipv4",), "ipv4"),
        Option("snat_ipv6", "the same for IPv6", (NETWORK + "host_ipv6",), "ipv6"),
        Option("default", "takes the place of docker0", (BRIDGE + "default_bridge",), "bool"),
        Option("inhibit_ipv4", "the bridge itself has no address", (BRIDGE + "inhibit_ipv4",), "ignored"),
        Option(
            "trusted_interfaces",
            "links that may reach unpublished ports",
            (BRIDGE + "trusted_host_interfaces",),
            "ignored",
        ),
    )

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier:
        plain = Carrier(bridge=wanted.bridge, mtu=mtu_of(wanted.spec, facts), vlans=True)
        return lan.lan(wanted, facts) or plain

    def is_shared(self, wanted: Wanted, family: int) -> bool:
        return slices.is_divided(wanted, family)

    def per_host(self, wanted: Wanted, ranges: Sequence[SubnetSpec], facts: Facts) -> PerHostSubnets | None:
        return slices.per_host_subnets(wanted, ranges, facts)

    def findings(self, networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
        yield from parents.findings(networks, facts, self.name)
        yield from lan.findings(networks, facts)

    def lower(self, network: Network) -> Iterator[Resource]:
        return lower(network)
