"""Whom containers may reach and who may reach them, as the firewall has it: what policies come to."""

from collections import defaultdict
from collections.abc import Mapping
from ipaddress import ip_address

from ..core.bykind import ByKind
from ..kinds.maps import ALLOWING, BOUND, BY_PEER
from ..kinds.nft import Element
from .model import EGRESS, INGRESS, Allowance

WAYS = dict(zip(BOUND, (EGRESS, INGRESS), strict=True))
ALL = ("0-255", "0-65535")


class Permits:
    """`at` are containers by their addresses, `networks` names by their subnets."""

    def __init__(self, state: ByKind, at: Mapping[str, str], networks: Mapping[str, str]):
        self.at, self.networks = at, networks
        self.elements = [r for r in state.of(Element) if r.map[:-1] in (*BOUND, *ALLOWING)]

    def bound(self) -> dict[str, tuple[str, ...]]:
        """By container, the directions in which it is."""
        found = {(self.at.get(r.item, ""), WAYS[r.map[:-1]]) for r in self.elements if r.map[:-1] in BOUND}
        ways: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for name, way in sorted(found):
            ways[name] += (way,)
        return ways

    def allowances(self) -> dict[str, list[Allowance]]:
        """By container, all that it may; of both families once."""
        bound, found = self.bound(), defaultdict[str, dict[Allowance, None]](dict)
        for r in sorted(self.elements, key=lambda r: (r.map, r.item)):
            way, _, word = r.map[:-1].partition("_")
            if r.map[:-1] in BOUND:
                continue
            parts = r.item.split(" . ")
            peers = self.called(parts[0]) if way in BY_PEER and not word else [word]
            own, protocol, ports = parts[-3:]
            what = "" if (protocol, ports) == ALL else f"{ports}/{protocol}"
            for name in (name for name in self.called(own) if way in bound.get(name, ())):
                found[name] |= {Allowance(way, peer, what): None for peer in peers if peer != name}
        return {name: list(those) for name, those in found.items()}

    def called(self, addresses: str) -> list[str]:
        """The containers that have these, or the network, or what else it is."""
        if addresses in self.at:
            return [self.at[addresses]]
        if "-" not in addresses:
            return [self.networks.get(addresses, addresses)]
        low, high = (number(ip) for ip in addresses.split("-"))
        inside = (name for ip, name in self.at.items() if low <= number(ip) <= high)
        return list(dict.fromkeys(inside)) or [addresses]


def number(ip: str) -> tuple[int, int]:
    """Its family, and its number there."""
    known = ip_address(ip)
    return known.version, int(known)
