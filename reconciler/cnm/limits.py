"""Who may use a published port, by which link of the host, how often, and how many at once: decided, each
for one family of addresses."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import collapse_addresses, ip_network
from math import inf
from typing import Any

from ..errors import Finding
from ..family import family
from ..inventory.facts import Facts
from ..manifest.hours import spans
from ..manifest.spec import ContainerSpec, PortSpec
from ..mistakes import Contradiction, NetworkLacks
from ..values import value

ANYBODY = {4: "0.0.0.0/0", 6: "::/0"}
LONGEST = {4: "/32", 6: "/128"}  # of a prefix that is one address
LO = "lo"
LAST = 1.0  # seconds
BURST = 5  # what nft and iptables let through at once where nobody says more


@value
class PortLimits:
    """Of one port; a range has them as a whole."""

    sources: tuple[str, ...]  # disjoint; none is nobody
    link: str = ""
    rate: str = ""  # 10/second burst 5
    max_conns: int = 0
    late: bool = False  # the port is published already: what was opened until now may end
    hours: tuple[str, ...] = ()
    until: int = 0  # the second, since 1970, in which they end, or
    turns: float = inf  # when that will be, or when they begin

    @property
    def words(self) -> str:
        """`from 192.0.2.0/24, 10/second burst 5, 50 at once`, as they are now."""
        nobody = "nobody now" if self.hours and not self.until else "nobody"
        told = [f"from {' '.join(self.sources) or nobody}"]
        told = [] if "".join(self.sources) in ANYBODY.values() else told
        told += [f"by {self.link}"] * bool(self.link) + [self.rate] * bool(self.rate)
        return ", ".join([*told, *[f"{self.max_conns} at once"] * bool(self.max_conns), *self.hours])


def is_limited(port: PortSpec) -> bool:
    return bool(port.allow_from or port.host_if or port.rate or port.max_conns or port.hours)


def limits_of(port: PortSpec, version: int) -> PortLimits | None:
    """None for a port that everybody may use."""
    if not is_limited(port):
        return None
    sources = tuple(allowed(port.allow_from, version)) if port.allow_from else (ANYBODY[version],)
    return PortLimits(
        sources=sources, link=port.host_if, rate=paced(port.rate), max_conns=port.max_conns, hours=port.hours
    )


def at_this_time(limits: PortLimits, now: float) -> PortLimits:
    """Outside its hours nobody may come.  In their last second it is over: what the kernel is told to forget
    then is forgotten already, or still there, whoever looks."""
    for first, end in spans(limits.hours, now):
        if now < first:
            return replace(limits, sources=(), turns=first)
        if now < end - LAST:
            return replace(limits, until=int(end), turns=end - LAST)
    return replace(limits, sources=()) if limits.hours else limits


def allowed(sources: Iterable[str], version: int) -> Iterator[str]:
    """Those of a family, as few prefixes as will do: the kernel takes none within another."""
    mine: list[Any] = [ip_network(source) for source in sources if family(source) == version]
    return (str(one).removesuffix(LONGEST[version]) for one in collapse_addresses(mine))


def paced(rate: str) -> str:
    """`10` is ten in a second."""
    number, _, rest = rate.partition("/")
    unit, _, burst = rest.partition(" burst ")
    return f"{number}/{unit or 'second'} burst {burst or BURST}" if rate else ""


def findings(
    containers: Iterable[ContainerSpec], published: Iterable[PortSpec], links: Iterable[str], facts: Facts
) -> Iterator[Finding]:
    """`published` are the ports that programs of others lead, `links` those of ours."""
    for port in published:
        if is_limited(port):
            what = "the driver of the network publishes its ports itself, and knows no limits"
            yield NetworkLacks(what, "remove the limits, or use a network with driver bridge", port.where)
    known = {*facts.links, *links, LO}
    for port in (port for spec in containers for port in spec.ports):
        strange = [one for one in port.allow_from if port.host_ip and family(one) != family(port.host_ip)]
        for one in strange[:1]:
            what = f"`allow_from` names {one}, from where nobody comes to {port.host_ip}"
            hint = f"addresses of IPv{family(port.host_ip)} alone, or another `host_ip`"
            yield Contradiction(what, hint, port.where)
        if facts.known and port.host_if and port.host_if not in known:
            yield f"{port.where}: there is no link {port.host_if}: until there is, nobody reaches the port"
