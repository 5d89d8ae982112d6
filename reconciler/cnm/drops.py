"""Of whom it is told what is refused: `log: true` on a container, a policy that is for it, or its network."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..errors import Where
from ..inventory.facts import Facts
from ..mistakes import NetworkLacks
from .bounds import Logged, is_meant
from .endpoint import SandboxSpec
from .topology import Endpoint, Network

Attached = Mapping[str, Sequence[tuple[Network, Endpoint]]]


def logged(here: Iterable[SandboxSpec], attached: Attached, facts: Facts) -> Iterator[Logged]:
    """Their addresses on networks whose packets pass the firewall."""
    for one in here:
        for network, end in attached[one.name]:
            where = said_by(one, network)
            if where and network.inner:
                facts.require("nflog", where)
                yield from (Logged(one.project.name, ip, where) for ip, _ in end.addresses)


def said_by(one: SandboxSpec, network: Network) -> Where | None:
    if one.spec.log:
        return one.spec.where
    keys = [end.network for end in one.endpoints]
    for policy in (policy for policy in one.project.policies if policy.log):
        if any(is_meant(peer, one.spec, keys) for peer in policy.selected):
            return policy.where
    return network.spec.where if network.spec.log else None


def unheard(networks: Iterable[Network]) -> Iterator[NetworkLacks]:
    for network in (network for network in networks if network.spec.log and not network.inner):
        message = f"what is said on network {network.name} passes no firewall of this host"
        yield NetworkLacks(message, "leave `log` out", network.spec.where)
