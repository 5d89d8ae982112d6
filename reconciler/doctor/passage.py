"""What gets through, and what should not: sizes of packets, and addresses that tell secrets."""

from collections.abc import Iterator

from ..drivers.overlay import decide, wireguard
from ..family import family
from ..kinds.link import Bridge, Veth
from ..kinds.namespace import Namespace
from ..kinds.overlay import Vxlan
from ..kinds.ownership import OUTER
from ..kinds.stacked_link import ChildLink
from ..kinds.wireguard import Wireguard
from .finding import Examination, Finding, lasting

DISABLED = {"1": "never", "2": "never, and what it is told is forgotten"}  # ip-sysctl.rst
MOST = 4  # containers that are named


def tunnels(host: Examination) -> Iterator[Finding]:
    """Each whose packets, with what is put before them, are larger than what they leave by lets through."""
    for r in host.live.of(Vxlan):
        link = host.facts.addresses.get(r.local, "")
        if link in host.facts.links:
            yield from too_large(f"network {r.network}", r.mtu, decide.OVERHEAD[family(r.local)], host, link)
    for one in host.live.of(Wireguard):
        for link in sorted(host.facts.uplinks & host.facts.links.keys()):
            yield from too_large(f"link {one.name}", one.mtu, wireguard.OVERHEAD[4], host, link)


def too_large(who: str, mtu: int, more: int, host: Examination, link: str) -> Iterator[Finding]:
    room = host.facts.links[link].mtu - more
    if mtu > room:
        what = f"{who} sends {mtu} bytes at once, and {link} has room for {room}"
        why = "large packets vanish between hosts: connections open, and stall with the first full one"
        yield Finding(
            what, why, f"ip link set {link} mtu {mtu + more}  # or apply again, which makes it smaller"
        )


def discovery(host: Examination) -> Iterator[Finding]:
    """Whether the host heeds what routers say of sizes."""
    name = "net/ipv4/ip_no_pmtu_disc"
    if (value := host.vitals.sysctl(name)) in DISABLED:
        what = f"net.ipv4.ip_no_pmtu_disc is {value}: the host asks for the MTU of a path {DISABLED[value]}"
        why = "tunnels between hosts send what a router on the way has no room for, and are not told"
        yield Finding(what, why, lasting(name, 0))


def metadata(host: Examination) -> Iterator[Finding]:
    """Containers that a metadata service answers: who has one of them has the host's role there."""
    by_service: dict[tuple[str, ...], list[str]] = {}
    for container, addresses in sorted(host.vitals.metadata.items()):
        by_service.setdefault(addresses, []).append(container)
    for addresses, containers in by_service.items():
        more = f" and {len(containers) - MOST} more" * (len(containers) > MOST)
        what = f"{', '.join(containers[:MOST])}{more} reach the metadata service at {', '.join(addresses)}"
        why = "it hands out the credentials of this machine to whoever asks, in a container too"
        projects = sorted({r.project for r in host.live.of(Namespace) if r.name in containers})
        mend = f"# write `metadata: deny` into {', '.join(projects)}, and apply"
        if not_ours := sorted(on_lans(host).intersection(containers)):
            mend += f"\n# of {', '.join(not_ours[:MOST])} only the router of their LAN can keep it"
        yield Finding(what, why, mend)


def on_lans(host: Examination) -> set[str]:
    """Containers whose packets do not all pass the firewall of this host."""
    inner = {r.name for r in host.live.of(Bridge) if r.group != OUTER}
    bridged = {r.ns for r in host.live.of(Veth) if r.bridge and r.bridge not in inner}
    return bridged | {r.ns for r in host.live.of(ChildLink)}
