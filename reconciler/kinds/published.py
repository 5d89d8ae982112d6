"""Published ports and their limits, as the names of maps and what is in these tell of them."""

import re
from typing import NamedTuple

PUBLISH = "publish"  # first word of the name of every map whose elements are published ports
REACHABLE = "reachable"  # and of the ports that are reached at a container's own address
LIMITED = "limited"  # and of those that hold, in the same words, which of these have limits
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}  # that have ports to publish, as IANA numbers them
SHARES = ("_spread", "_spans")  # how the names of those end in which several share a port, or a range
# And of that map in which the first of them has all of it; and the other way round.
TWINS = {"_spread": "", "_spans": "_range", "_range": "_spans", "": "_spread"}
SOURCES, BY_LINK, RATES, CONNECTIONS = "allow_from", "allow_by", "rates", "conns"  # what limits are
LIMITS = re.compile(rf"({LIMITED}|{SOURCES}|{BY_LINK}|{RATES}|{CONNECTIONS})(_at)?([46])(?:_range)?")


class Flow(NamedTuple):
    """The original direction of the connections through a published port; `ip` is "" for
    any of the host's."""

    family: int  # 4 or 6
    ip: str
    protocol: str
    first: int
    last: int

    def meets(self, other: "Flow") -> bool:
        """Whether a connection could be through both."""
        return self[:3] == other[:3] and self.first <= other.last and other.first <= self.last

    @property
    def door(self) -> str:
        """As people write it: `192.0.2.1:8080/tcp`."""
        at = f"[{self.ip}]:" if ":" in self.ip else f"{self.ip}:" * bool(self.ip)
        ports = f"{self.first}-{self.last}" if self.last > self.first else str(self.first)
        return f"{at}{ports}/{self.protocol}"


class DoorLimit(NamedTuple):
    """One element of what limits a port: what it is of, as above, who may come, and by which link."""

    what: str
    flow: Flow
    source: str = ""
    link: str = ""

    @property
    def doors(self) -> list[tuple[str, str]]:
        """Where the port may be published: map and item, a range by its first where each has its own."""
        family, ip, protocol, first, last = self.flow
        at = f"{ip} . " * bool(ip)
        name, item = f"{PUBLISH}{'_at' * bool(ip)}{family}", f"{at}{protocol} . {first}"
        found = [(f"{name}_range", f"{item}-{last}")] if last > first else []
        return [*found, (name, item), *([(f"{REACHABLE}{family}", item)] if ip else [])]


def flow_of(name: str, item: str) -> Flow | None:
    """What an element of the map of this name publishes; None for what publishes nothing."""
    if not name.startswith(PUBLISH):
        return None
    parts = item.split(" . ")
    *ip, protocol, ports = ["", "", *(parts[:-1] if is_shared(name) else parts)]
    if len(ip) > 3 or not protocol:  # a map that somebody put into our table
        return None
    return published_flow("6" if "6" in name else "4", "".join(ip), protocol, ports)


def limit_of(name: str, item: str) -> DoorLimit | None:
    """What an element of the map of this name limits; None for what limits nothing."""
    if not (found := LIMITS.fullmatch(name)):
        return None
    what, at, family = found.groups()
    *before, protocol, ports, source = [*item.split(" . "), *[""] * (what not in (SOURCES, BY_LINK))]
    if len(before) != bool(at) + (what == BY_LINK):
        return None
    link = before.pop(0) if what == BY_LINK else ""
    known = published_flow(family, "".join(before), protocol, ports)
    return DoorLimit(what, known, source, link) if known else None


def published_flow(family: str, ip: str, protocol: str, ports: str) -> Flow | None:
    """None for what nobody publishes: somebody else has put it into our map."""
    first, _, last = ports.partition("-")
    if protocol not in PROTOCOLS or not first.isdecimal():
        return None
    return Flow(int(family), ip, protocol, int(first), int(last or first))


def is_shared(name: str) -> bool:
    """Whether what is in the map of this name has a share of a port."""
    return name.startswith(PUBLISH) and name.endswith(SHARES)


def twin(name: str) -> str:
    """The other map that may publish what the map of this name publishes."""
    end = next(end for end in TWINS if name.endswith(end))
    return name.removesuffix(end) + TWINS[end]
