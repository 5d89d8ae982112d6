"""Names have one owner.  What stands keeps its name, what is written is had or refused, what is derived steps
aside; and what another project has is never taken."""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from ..errors import ManifestError, Where
from ..inventory.facts import Facts, LiveNetwork
from ..kinds import names
from ..manifest.spec import Manifest
from ..mistakes import NameTaken, OtherFolder
from .topology import Network


class Use(NamedTuple):
    """A link of the host that this run wants: all kinds of them share one name space."""

    name: str
    what: str  # equal where it is one link for several
    where: Where
    written: bool = False
    hint: str = "set `bridge_name` to another name"


def with_lost_aliases(wanted: Mapping[str, str], facts: Facts) -> Facts:
    """The facts, in which networks whose alias is lost or another's are known by their bridge's MAC again: it
    comes from the name.  `wanted` has the project of every name."""

    def tells(name: str, mac: str) -> bool:
        ident = names.network_id(name, facts.machine)
        own = names.bridge_macs(name, facts.machine, facts.name)
        return mac in own or names.is_mac_on_lan(mac, ident, "bridge")

    def known(standing: Mapping[str, LiveNetwork]) -> Mapping[str, LiveNetwork]:
        odd = {one.mac: key for key, one in standing.items() if not tells(key, one.mac)}
        found = {name: key for name in wanted for mac, key in odd.items() if tells(name, mac)}
        known_again = set(found.values())
        rest = {key: one for key, one in standing.items() if key not in known_again}
        ours = ((name, standing[key]) for name, key in found.items())
        return rest | {name: one._replace(project=one.project or wanted[name]) for name, one in ours}

    return replace(facts, networks=known(facts.networks), lans=known(facts.lans))


def of_others(facts: Facts, projects: Set[str]) -> dict[str, str]:
    """The links that this run may not have, with what they are."""
    bridges = (*facts.networks.values(), *facts.lans.values())
    found = {one.bridge: one.project for one in bridges if one.project not in projects}
    found |= facts.devices
    held = {name: f"project {owner}'s" if owner else "another project's" for name, owner in found.items()}
    return held | {one.name: vlan_link(one.parent, one.tag) for one in facts.tagged}


def findings(manifest: Manifest, networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    yield from from_elsewhere(manifest, facts)
    yield from conflicts(networks, facts, {project.name for project in manifest.projects})


def from_elsewhere(manifest: Manifest, facts: Facts) -> Iterator[ManifestError]:
    """Projects that stand from another folder."""
    for project in manifest.projects:
        if project.name in facts.elsewhere:
            other, own = facts.elsewhere[project.name]
            message = f"project {project.name} stands from {other}, and {own} has one of that name"
            hint = "set `name:` to another, or take it over with --adopt"
            yield OtherFolder(message, hint, project.where)


def vlan_link(parent: str, tag: int) -> str:
    return f"the 802.1Q link {tag} on {parent}"


def with_bridge_names(networks: Sequence[Network], facts: Facts, projects: Set[str]) -> list[Network]:
    """The networks with the names of their bridges."""
    derived = {n.name: names.bridges(n.project, n.key, n.id) for n in networks if is_derived(n)}
    standing = {name: one.bridge for name, one in {**facts.lans, **facts.networks}.items()}
    kept = {name: standing[name] for name, forms in derived.items() if standing.get(name) in forms}
    fixed = {use.name for n in networks for use in uses(n) if use.written}
    taken = {*kept.values(), *fixed, *of_others(facts, projects)}
    chosen = {}
    for name, forms in sorted(derived.items()):
        chosen[name] = kept.get(name) or next((form for form in forms if form not in taken), forms[-1])
        taken.add(chosen[name])
    return [
        replace(n, carrier=replace(n.carrier, bridge=chosen[n.name])) if n.name in chosen else n
        for n in networks
    ]


def is_derived(network: Network) -> bool:
    return bool(network.bridge) and not network.external and not network.spec.bridge_name


def uses(network: Network) -> Iterator[Use]:
    """The links of the host that a network of this run is made of."""
    at, vlan = network.spec.where, network.carrier.tagged
    if network.external:
        return
    if network.bridge:
        yield Use(network.bridge, f"the bridge of network {network.name}", at, bool(network.spec.bridge_name))
    if vlan:
        yield Use(vlan.name, vlan_link(vlan.parent, vlan.tag), at, True)
    for name, what in network.carrier.links:
        yield Use(name, what, at)


def host_ends(network: Network) -> Iterator[Use]:
    """The host ends of its endpoints' pairs."""
    for end in network.endpoints if network.bridge or network.carrier.paired else ():
        yield Use(end.host_link, f"the host end of {end.ifname} of {end.sandbox}", end.where)


def handed_ends(network: Network) -> Iterator[Use]:
    """What is called on the host as somebody expects it, until he takes it."""
    for end in network.endpoints:
        if end.handed:
            what = f"the link that {end.sandbox} is attached to"
            yield Use(end.ifname, what, end.where, True, "let `attach:` name another link")


def conflicts(networks: Sequence[Network], facts: Facts, projects: Set[str]) -> Iterator[ManifestError]:
    """Names of networks and of links that others have, or two of this run."""
    standing = {**facts.lans, **facts.networks}
    for network in networks:
        other = standing.get(network.name)
        if other and not network.external and other.project not in projects:
            message = f"network {network.name} is project {other.project}'s"
            hint = "set `external: true` to join it, or rename this one"
            yield NameTaken(message, hint, network.spec.where)
    found = ((*uses(network), *host_ends(network), *handed_ends(network)) for network in networks)
    ends = (end for network in networks for end in network.endpoints if end.handed)
    stand = {end.ifname for end in ends if (end.sandbox, end.ifname) in facts.stations}
    yield from meetings([*chain(*found)], of_others(facts, projects), facts.links.keys() - stand)


def meetings(
    wanted: Sequence[Use], theirs: Mapping[str, str], foreign: Collection[str]
) -> Iterator[ManifestError]:
    """What was written is told of, rather than what it meets."""
    mine: dict[str, Use] = {}
    for use in sorted(wanted, key=lambda use: use.written):
        name, hint = use.name, use.hint
        other = mine.setdefault(name, use)
        if other.what != use.what:
            message = f"{use.what} and {other.what} would both be the link {name}"
            yield NameTaken(message, hint, use.where, (other.where, "the other one"))
        elif theirs.get(name, use.what) != use.what:
            yield NameTaken(f"the link {name} is {theirs[name]}: {use.what} wants it", hint, use.where)
        elif name in foreign:
            hint += ", or remove the link"
            yield NameTaken(f"the host has a link {name} that is not ours", hint, use.where)
