"""A packet that a rule of ours has refused: between whom it was, by which rule, and who is bound by what.

The packet is somebody's who may be hostile: whatever it holds, there is an answer, or none.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

from ..drivers.firewall.drops import TELLERS
from ..drivers.firewall.policies import WAYS
from ..drivers.firewall.reasons import reason
from ..kinds.maps import NO_METADATA
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from .chains import Hop, Passing
from .fields import WITH_PORTS
from .packet import FiveTuple, Packet, Tracked
from .world import World

HOOKS = {1: "input", 2: "forward", 3: "output"}  # NF_INET_*
FRAGMENT, AUTHENTICATION = 44, 51
EXTENSIONS = (0, 43, FRAGMENT, AUTHENTICATION, 60)  # headers of IPv6 that another follows
MOST = 8  # of these
# What says who may: by the map of the element that led to the refusal.
BY = {name: way for way, name in WAYS.items()} | {NO_METADATA: "metadata"}
ANY_REASON = "a rule refuses it"


class Headers(NamedTuple):
    """Ports are 0 where there are none, as in what is no first fragment."""

    protocol: int
    ends: FiveTuple


class ExplainedRefusal(NamedTuple):
    """`by` is egress, ingress or metadata; "" for what no policy refuses.  `of` is whose that is."""

    source: str  # names of containers, `host`, or addresses
    destination: str
    by: str
    of: str
    words: str
    about: Element | None  # who is bound by it


def dissected(packet: bytes) -> Headers | None:
    """None where it is no IP, or cut short."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        first = not int.from_bytes(packet[6:8], "big") & 0x1FFF
        return headers(packet, packet[9], packet[12:20], (packet[0] & 15) * 4 if first else 0)
    if version == 6 and len(packet) >= 40:
        protocol, at = behind_extensions(packet)
        return headers(packet, protocol, packet[8:40], at)
    return None


def behind_extensions(packet: bytes) -> tuple[int, int]:
    """What follows, and where; 0 where there is nothing to read."""
    protocol, at = packet[6], 40
    for _ in range(MOST):
        if protocol not in EXTENSIONS or len(packet) < at + 8:
            break
        if protocol == FRAGMENT and int.from_bytes(packet[at + 2 : at + 4], "big") >> 3:
            return packet[at], 0
        size = 8 if protocol == FRAGMENT else (packet[at + 1] + 1) * 8
        size = (packet[at + 1] + 2) * 4 if protocol == AUTHENTICATION else size
        protocol, at = packet[at], at + size
    return protocol, at


def headers(packet: bytes, protocol: int, addresses: bytes, at: int) -> Headers:
    half = len(addresses) // 2
    src, dst = (str(ip_address(raw)) for raw in (addresses[:half], addresses[half:]))
    has_ports = protocol in WITH_PORTS and 0 < at <= len(packet) - 4
    ports = [int.from_bytes(packet[at + n : at + n + 2], "big") if has_ports else 0 for n in (0, 2)]
    return Headers(protocol, FiveTuple(src, ports[0], dst, ports[1]))


def refusal(world: World, hook: int, links: tuple[str, str], found: Headers) -> ExplainedRefusal:
    """Of a packet that came in and was to go out by these links; the chains that are asked last are likeliest
    to have refused it.  Raises Unjudged where somebody has altered a chain."""
    host = world.place(HOST)
    ends = name_of(world, found.ends.src), name_of(world, found.ends.dst)
    for base in reversed(host.firewall.base("inet", HOOKS.get(hook, ""), nat=False)):
        packet, trail = Packet(found.protocol, found.ends), list[Hop]()
        packet.place, packet.tracked = host, Tracked(found.ends)
        packet.iif, packet.oif = links
        if stopped := Passing(host.firewall, packet, HOST, base.chain.name, trail).base(base):
            return explained(ends, stopped, trail)
    return ExplainedRefusal(*ends, "", "", ANY_REASON, None)


def explained(ends: tuple[str, str], stopped: Hop, trail: Sequence[Hop]) -> ExplainedRefusal:
    led_by = next((one.chain for one in reversed(trail) if one.chain not in (stopped.chain, *TELLERS)), "")
    about = next((e for hop in reversed(trail) for e in hop.elements if way(e)), None)
    words = reason(stopped.chain, stopped.rule, led_by) or ANY_REASON
    if stopped.chain != "refused" or about is None:
        return ExplainedRefusal(*ends, "", "", words, next(iter(stopped.elements), None))
    return ExplainedRefusal(*ends, way(about), ends[way(about) == "ingress"], words, about)


def way(e: Element) -> str:
    """egress, ingress or metadata, of an element that says who is bound."""
    return next((said for name, said in BY.items() if e.map.startswith(name)), "")


def name_of(world: World, ip: str) -> str:
    """Whose the address is, as far as it is known here."""
    if found := world.holders.get(ip):
        return found[0][0]
    return HOST if world.place(HOST).routing.is_local(ip) else ip
