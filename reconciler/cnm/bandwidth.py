"""How much an endpoint may send and receive: what is written, in numbers, and where that can be had."""

from collections.abc import Iterable

from ..errors import ManifestError
from ..inventory.facts import Facts
from ..manifest.spec import EndpointSpec
from ..mistakes import NetworkLacks, WrongValue
from .topology import Network, RateLimit

UNITS = {"g": 10**9, "m": 10**6, "k": 10**3}
# What the kernel needs for what goes to a container, and for what comes from it.
FEATURES = (("tbf",), ("tbf", "ifb", "ingress", "u32", "mirred"))
FRAMES = 16  # of the network's MTU, that go at once where nothing is said,
PART = 100  # or what the rate makes of this part of a second, if that is more
HEAD = 18  # bytes of Ethernet before a packet, with a tag
LONGEST = 4  # seconds that Linux lets a burst take (kinds/shaping.py), from which no frame passes
MOST = 10**13  # bits a second: no link is as fast


def number(text: str) -> int:
    """Of bits, as 100mbit."""
    digits = text.removesuffix("bit")
    unit = UNITS.get(digits[-1:], 1)
    return int(digits.rstrip("kmg") or 0) * unit


def limits(end: EndpointSpec, mtu: int) -> tuple[RateLimit | None, RateLimit | None]:
    written = zip(end.bandwidth, end.bursts, strict=True)
    to, by = (limit(number(rate), number(burst), mtu) for rate, burst in written)
    return to, by


def limit(rate: int, burst: int, mtu: int) -> RateLimit | None:
    """A burst has room for a frame at least, or nothing would ever pass."""
    if not rate:
        return None
    usual = max(rate // 8 // PART, FRAMES * (mtu + HEAD))
    return RateLimit(rate, max(burst // 8 or usual, mtu + HEAD))


def refuse(network: Network, ends: Iterable[EndpointSpec], facts: Facts) -> None:
    """Raises where one cannot be had, or where Linux lacks what it needs."""
    for end in (end for end in ends if any((*end.bandwidth, *end.bursts))):
        if wrong := mistake(network, end):
            raise wrong
        for rate, features in zip(end.bandwidth, FEATURES, strict=True):
            for feature in features if rate else ():
                facts.require(feature, end.where)


def mistake(network: Network, end: EndpointSpec) -> ManifestError | None:
    if not (network.bridge or network.carrier.paired):
        message = f"endpoints of network {network.name} have no end on the host to be limited at"
        return NetworkLacks(message, "leave `bandwidth` out, or take the driver bridge", end.where)
    for rate, burst in zip(end.bandwidth, end.bursts, strict=True):
        least = 8 * (network.mtu + HEAD) // LONGEST + 8
        if burst and not rate:
            return WrongValue(f"a burst of {burst} has no rate", "write both, or neither", end.where)
        if rate and number(rate) < least:
            message = (
                f"at {rate} a second no frame of network {network.name} passes, whose MTU is {network.mtu}"
            )
            return WrongValue(message, f"write {least // 1000 + 1}kbit at least", end.where)
        if number(rate) > MOST:
            return WrongValue(f"no link is as fast as {rate} a second", "leave it out", end.where)
    return None
