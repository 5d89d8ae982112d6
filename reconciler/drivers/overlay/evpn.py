"""EVPN: which hosts speak with which, so that each tells the others where its containers are (RFC 8365)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network

from ...cnm.hosts import this_host
from ...cnm.topology import Network
from ...errors import Unsupported
from ...family import family
from ...inventory.facts import Facts
from ...manifest.spec import EvpnSpec, HostSpec, ProjectSpec
from ...mistakes import WrongTunnel
from . import wireguard
from .model import EvpnSpeaker, Overlay, overlay_here

PORT = 10179  # not BGP's 179: the host may have a BGP daemon of its own
PORT_HINT = "publish another port there, or use `reachability: static`"
ENDS = 1024  # ports of a Linux bridge (BR_MAX_PORTS)
ROUTES = 4  # of an endpoint: its MAC, and with its address of either family, and the link's own
MESH = 10  # hosts that may all speak with one another; above, sessions outgrow what a restart settles at once


def with_speaker(
    projects: Sequence[ProjectSpec], networks: Sequence[Network], facts: Facts
) -> Sequence[Network]:
    """The networks, of which one bears what FRR is to do on this host, if any asks for it."""
    if (speaker := speaker_of(projects, networks, facts)) is None:
        return networks
    first = speaker.project, speaker.vnis[0]

    def bearing(network: Network) -> Network:
        overlay = overlay_here(network)
        if overlay and (network.project, overlay.vni) == first:
            return replace(network, carrier=replace(overlay, speaker=speaker))
        return network

    return [bearing(network) for network in networks]


def speaker_of(
    projects: Sequence[ProjectSpec], networks: Sequence[Network], facts: Facts
) -> EvpnSpeaker | None:
    """What FRR is to do on this host; None where no overlay asks for it."""
    ours: dict[str, list[tuple[Network, Overlay]]] = defaultdict(list)
    for network in networks:
        if overlay := overlay_here(network):
            ours[network.project].append((network, overlay))
    asking = [(project, project.evpn) for project in projects if project.evpn and project.name in ours]
    if not asking:
        return None
    project, spec = asking[0]
    refuse_second([(other.name, theirs) for other, theirs in asking], facts)
    refuse_lack(project, spec, facts)
    here = this_host(project, facts)
    assert here
    if facts.known and (mistake := wireguard.foreign_key(here, facts)):
        raise mistake
    peers = peers_of(project, here)
    return EvpnSpeaker(
        project=project.name,
        asn=spec.asn,
        address=here.address,
        hosts=tuple(host.address for host in project.hosts if host.name != here.name),
        peers=tuple(host.address for host in peers),
        clients=tuple(host.address for host in project.hosts if here.reflector and not host.reflector),
        public_key=here.public_key,
        # A secret is of two: of those that prove who they are, and know this one.
        keys=tuple((host.address, host.public_key) for host in peers if here.public_key and host.public_key),
        vnis=tuple(sorted(overlay.vni for _, overlay in ours[project.name])),
        most=0 if facts.missing.get("prefix limit") else sum(routes(n) for n, _ in ours[project.name]),
        where=spec.where,
    )


def routes(network: Network) -> int:
    """Of a host that is as full as its bridge and the subnets allow, whatever stands there now."""
    return ROUTES * min([ENDS, *(ip_network(subnet.cidr).num_addresses for subnet in network.subnets)])


def peers_of(project: ProjectSpec, here: HostSpec) -> list[HostSpec]:
    """All others; with reflectors, which pass on what they hear, a host that is none hears these alone."""
    others = [host for host in project.hosts if host.name != here.name]
    if here.reflector or not any(host.reflector for host in others):
        return others
    return [host for host in others if host.reflector]


def warnings(speaker: EvpnSpeaker) -> Iterator[str]:
    """Whom it believes without proof."""
    if bare := sorted({*speaker.peers} - dict(speaker.keys).keys()):
        some = ", ".join(bare[:8]) + f" and {len(bare) - 8} more" * (len(bare) > 8)
        yield (
            f"EVPN of project {speaker.project} believes whoever takes the address {some}: "
            "give all hosts a `public_key`, as `reconcile --key` prints it"
        )


def refuse_second(made: Sequence[tuple[str, EvpnSpec]], facts: Facts) -> None:
    """Two instances of FRR would each take the other's entries for its own."""
    holder = facts.router or made[0][0]
    for name, spec in made:
        if name != holder:
            message = f"project {name} wants EVPN, and on this host project {holder} has it"
            hint = "make them one project, or leave one of them `reachability: static`"
            raise WrongTunnel(message, hint, spec.where)


def refuse_lack(project: ProjectSpec, spec: EvpnSpec, facts: Facts) -> None:
    reflectors = [host for host in project.hosts if host.reflector]
    if six := next((host for host in project.hosts if family(host.address) == 6), None):
        hint = "FRR carries EVPN over IPv4 alone"
        raise WrongTunnel(f"host {six.name} has an IPv6 address", hint, six.where)
    if len(reflectors) == 1:
        message = f"{reflectors[0].name} is the only reflector: without it no host would reach another"
        hint = "set `reflector: true` on a second host, or on none: then all speak with one another"
        raise WrongTunnel(message, hint, reflectors[0].where)
    if not reflectors and len(project.hosts) > MESH:
        message = f"{len(project.hosts)} hosts are too many to all speak with one another"
        hint = f"set `reflector: true` on two of them; up to {MESH} hosts need none"
        raise WrongTunnel(message, hint, spec.where)
    if lack := facts.missing.get("evpn"):
        raise Unsupported("`reachability: evpn` needs FRR", lack, spec.where)
