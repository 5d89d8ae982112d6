"""Of a network that is divided between hosts: the addresses that others give, as they do it themselves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..family import family
from ..inventory.facts import Facts
from ..manifest.spec import SubnetSpec
from .driver import Joined
from .endpoint import Addresses, Attachments, SandboxSpec
from .ipam import Range, Request, assign, gateway_of
from .topology import Lock, Network, PerHostSubnets


def with_others(
    joined: Joined, networks: Iterable[Network], everywhere: Sequence[SandboxSpec], facts: Facts
) -> Joined:
    """Who is on the networks of this host, and on divided ones who is there on others."""
    attachments, given = dict(joined.attachments), dict(joined.given)
    for network in networks:
        if others := others_on(network, everywhere):
            attachments[network.name] = attachments[network.name] + others
            given |= addresses_elsewhere(network, others, facts)
    return joined._replace(attachments=attachments, given=given)


def shared_addresses(network: Network, per_host: PerHostSubnets, joined: Joined) -> Lock:
    """What other hosts have to know: containers that are on every host have no one address."""
    families = {family(cidr) for cidr in per_host.whole}
    sandboxes = [one.name for one, _ in joined.attachments[network.name] if one.host]
    given = {name: joined.given.get((network.name, name), ()) for name in sandboxes}
    return {
        (network.name, name): tuple(ip for ip, _ in ips if family(ip) in families)
        for name, ips in given.items()
    }


def others_on(network: Network, everywhere: Sequence[SandboxSpec]) -> Attachments:
    """Who is on a divided network on other hosts."""
    if not network.per_host:
        return []
    return [
        (one, end)
        for one in everywhere
        if one.project.name == network.project and one.host not in ("", network.per_host.host)
        for end in one.endpoints
        if end.network == network.key
    ]


def addresses_elsewhere(network: Network, others: Attachments, facts: Facts) -> Addresses:
    """Decided from the manifest and addresses.lock alone, and so alike on every host."""
    given: Addresses = {}
    for host in dict.fromkeys(one.host for one, _ in others):
        own = [(one, end) for one, end in others if one.host == host]
        for part in ranges_of(network, host):
            number = family(part.spec.subnet)
            requests = [
                Request(
                    name=one.name,
                    written=end.ipv4_address if number == 4 else end.ipv6_address,
                    held=tuple(facts.locked.get((network.name, one.name), ())),
                    where=end.where,
                )
                for one, end in own
            ]
            for name, ip in assign(network.name, [part], requests, []).items():
                given.setdefault((network.name, name), []).append((ip, part.prefix.prefixlen))
    return given


def ranges_of(network: Network, host: str) -> Iterator[Range]:
    """What a host gives addresses from."""
    written = {family(spec.subnet): spec for spec in network.spec.subnets}
    for part in network.per_host.parts if network.per_host else ():
        if part.host == host:
            spec = written.get(family(part.cidr)) or SubnetSpec(subnet=part.cidr)
            aside = {name: ip for name, ip in spec.aux_addresses.items() if Range.within(part.cidr, ip)}
            spec = replace(spec, subnet=part.cidr, aux_addresses=aside)
            yield Range(spec, gateway_of(spec))
