"""Ranges of addresses, protocols and ports, as nftables says them."""

from ipaddress import IPv6Address

from .boxes import Box, Interval
from .prefixes import IPV6, alone, span

ANY_PROTOCOL, ANY_PORT = (0, 255), (0, 65535)
# By name, of IPv4 and of IPv6 (assigned by IANA); other numbers are never alone.
PROTOCOLS = {"tcp": (6, 6), "udp": (17, 17), "sctp": (132, 132), "icmp": (1, 58)}
NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp"}


def number_of(ip: str) -> int:
    return span(alone(ip))[0]


def interval(cidr: str) -> Interval:
    first, size = span(cidr)
    return first, first + size - 1


def addresses(one: Interval) -> str:
    """As nftables says them: an address, a prefix, or `first-last`."""
    first, last = one
    size = last - first + 1
    if size == 1:
        return address(first)
    if size & (size - 1) == 0 and first % size == 0:
        return f"{address(first)}/{(129 if first >= IPV6 else 33) - size.bit_length()}"
    return f"{address(first)}-{address(last)}"


def address(number: int) -> str:
    if number < IPV6:
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return str(IPv6Address(number - IPV6))


def protocol_text(one: Interval) -> str:
    first, last = one
    return NAMES.get(first, str(first)) if first == last else f"{first}-{last}"


def texts(box: Box) -> tuple[str, str, str, str]:
    """Source, destination, protocols and ports."""
    source, destination, protocol, ports = box
    return addresses(source), addresses(destination), protocol_text(protocol), numbers(ports)


def numbers(one: Interval) -> str:
    first, last = one
    return str(first) if first == last else f"{first}-{last}"
