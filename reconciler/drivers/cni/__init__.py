"""cni: networks that plugins of the Container Network Interface make, whoever wrote them."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from ...cnm.carrier import Carrier
from ...cnm.driver import Driver, Socket, Wanted, mtu_of
from ...cnm.topology import Endpoint, Network
from ...core.resource import Origin, Resource
from ...errors import Finding, ManifestError
from ...inventory.facts import Facts
from ...kinds.cni import PLUGINS, CniAttachment
from ...manifest.options import COMMON, Option
from ...mistakes import NetworkLacks
from ...values import value
from . import asked
from .asked import CAPABLE_PORTS

OWN = ("container_prefix", "enable_ipv4", "enable_ipv6")  # of the options that all networks have


@value
class PluginChain(Carrier):
    """Plugins, one upon the other: what they make on the host is theirs, and is not looked at."""

    inner: bool = False
    forwards: bool = True
    config: str
    path: str

    @cached_property
    def plugins(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.config)["plugins"]
        return found

    @property
    def capabilities(self) -> frozenset[str]:
        return asked.capabilities(self.plugins)

    @property
    def unreached(self) -> str:
        return f"of plugins without the capability `{CAPABLE_PORTS}`"

    def __str__(self) -> str:
        return "+".join(plugin["type"] for plugin in self.plugins)


class CniDriver(Driver):
    """What plugins are told, and what is to be said beforehand of what they cannot do."""

    name = "cni"
    configured, pools = True, False
    options = (
        *(option for option in COMMON if option.key in OWN),
        Option("path", f"folders with plugins, instead of {':'.join(PLUGINS)}"),
    )

    def carrier(self, wanted: Wanted, facts: Facts) -> PluginChain:
        spec = wanted.spec
        if not spec.config:
            raise NetworkLacks(f"network {wanted.name} has no `config`", "", spec.where)
        for key, is_written in (("internal", spec.internal), ("icc", not spec.icc)):
            if is_written:
                message = f"network {wanted.name} cannot be held to `{key}`: its plugins make it"
                raise NetworkLacks(message, "say it in their `config`", spec.where)
        able = asked.capabilities(json.loads(spec.config)["plugins"])
        return PluginChain(
            mtu=mtu_of(spec, facts),
            config=spec.config,
            path=spec.options.get("path") or ":".join(PLUGINS),
            publishes=CAPABLE_PORTS in able,
        )

    def sockets(self, networks: Sequence[Network]) -> Iterator[Socket]:
        """Ports of the host that plugins lead away: nobody else may publish there."""
        for network, end in ends_of(networks):
            yield from asked.sockets(network, end)

    def findings(self, networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
        mine = [network for network in networks if isinstance(network.carrier, PluginChain)]
        yield from led_twice(mine, networks)
        for network, end in ends_of(mine):
            assert isinstance(network.carrier, PluginChain)
            yield from beyond(network, end)
            if len(end.addresses) > 1 and "ips" not in network.carrier.capabilities:
                message = f"{end.sandbox} would have {len(end.addresses)} addresses on network {network.name}"
                hint = "give the plugin with the `ipam` the capability: `capabilities: {ips: true}`"
                yield NetworkLacks(message + ", and CNI_ARGS tells its plugins one", hint, end.where)
            yield from asked.warnings(network, end)

    def lower(self, network: Network) -> Iterator[Resource]:
        chain = network.carrier
        assert isinstance(chain, PluginChain)
        for end in network.endpoints:
            yield CniAttachment(
                ns=end.sandbox,
                name=end.ifname,
                project=network.project,
                network=network.name,
                config=chain.config,
                runtime=asked.runtime(end, chain.capabilities),
                args=asked.arguments(end, chain.capabilities),
                path=chain.path,
                origin=Origin(end.where, self.name),
            )


def ends_of(networks: Sequence[Network]) -> Iterator[tuple[Network, Endpoint]]:
    return ((network, end) for network in networks for end in network.endpoints)


def beyond(network: Network, end: Endpoint) -> Iterator[ManifestError]:
    """What we would set on a link of our own."""
    given = (("driver_opts", end.sysctls), ("routes", end.routes))
    for key, is_written in given:
        if is_written:
            message = f"`{key}` of {end.sandbox} on network {network.name}: its link is its plugins'"
            yield NetworkLacks(message, "say it in their `config`, as of tuning or sbr", end.where)


def led_twice(mine: Sequence[Network], networks: Sequence[Network]) -> Iterator[str]:
    """Which way out is taken then, plugins decide."""
    others = (network for network in networks if not isinstance(network.carrier, PluginChain))
    led = {end.sandbox for _, end in ends_of([*others]) if end.gateways}
    for network, end in ends_of(mine):
        assert isinstance(network.carrier, PluginChain)
        if end.sandbox in led and asked.leads_out(network.carrier.plugins):
            words = f"plugins of network {network.name} give {end.sandbox} a default route"
            yield f"{words}, which has one by another network; leave one of them out"
