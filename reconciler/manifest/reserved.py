"""Addresses that are nobody's own: Linux refuses them on a link, or takes no packet from them."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from .spec import SubnetSpec

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network

NEVER = {
    ip_network("0.0.0.0/8"): "of this network alone",  # RFC 1122, 3.2.1.3
    ip_network("127.0.0.0/8"): "loopback",
    ip_network("224.0.0.0/4"): "multicast",
    ip_network("240.0.0.0/4"): "reserved",  # RFC 1112, 4: class E, and the broadcast address
    ip_network("::/128"): "unspecified",
    ip_network("::1/128"): "loopback",
    ip_network("::/96"): "IPv4-compatible",  # RFC 4291, 2.5.5.1
    ip_network("::ffff:0:0/96"): "IPv4-mapped",
    ip_network("ff00::/8"): "multicast",
}
LINK_LOCAL = {
    ip_network("169.254.0.0/16"): "link-local",  # RFC 3927
    ip_network("fe80::/10"): "link-local",
}


def nobodys(address: Address) -> str:
    """Why no machine can have the address; empty where one can."""
    return next((what for range_, what in NEVER.items() if address in range_), "")


def is_link_local(address: Address) -> bool:
    return any(address in range_ for range_ in LINK_LOCAL)


def is_part(prefix: Prefix, whole: Prefix) -> bool:
    return prefix.prefixlen >= whole.prefixlen and prefix[0] in whole  # which none of another family is


def within(prefix: Prefix) -> tuple[str, str]:
    """A range that the prefix meets and no subnet may, and what it is; both empty where there is none."""
    ranges = (
        (range_, what) for range_, what in (NEVER | LINK_LOCAL).items() if range_.version == prefix.version
    )
    return next(((str(range_), what) for range_, what in ranges if range_.overlaps(prefix)), ("", ""))


def assignable(prefix: Prefix) -> range:
    """The addresses that a host can have, as numbers: neither the network's own nor IPv4's broadcast, which a
    /31 has none of (RFC 3021)."""
    first, size = int(prefix.network_address), prefix.num_addresses
    edge = size > 2
    return range(first + edge, first + size - (edge and prefix.version == 4))


def first_free(subnet: SubnetSpec) -> str:
    """The address that a bridge takes when none is written: the first that is not set aside, if any."""
    prefix, aside = ip_network(subnet.subnet), set(subnet.aux_addresses.values())
    hosts = map(str, map(type(prefix.network_address), assignable(prefix)))
    return next((ip for ip in hosts if ip not in aside), "")
