"""What the host itself has, as far as a decision depends on it."""

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...inventory.facts import Device, HostFacts
from ...kinds.ownership import PROTOCOL
from .. import nft
from ..netlink import addresses_routes_rules
from ..netlink import links as rtnl
from ..netlink.socket import attributes, dump, open_socket
from . import listening, namespace
from .capabilities import Missing

RA = 9  # RTPROT_RA
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


def facts(view: namespace.View, foreign_namespaces: Iterable[str]) -> HostFacts:
    links = {seen.index: seen for seen in view.links.values()}
    ours = {index for index, seen in links.items() if seen.ours}
    routes = [route for route in foreign_routes(view.foreign) if route[1] not in ours]
    uplinks = {index for prefix, index, _ in routes if prefix.endswith("/0") and index in links}
    return HostFacts(
        name=socket.gethostname(),
        machine=text("/etc/machine-id").strip(),
        routes=frozenset(prefix for prefix, _, _ in routes if not prefix.endswith("/0")),
        onlink=dict(onlink(view.foreign, links)),
        addresses={ip: links[index].name for ip, index in own_addresses() if index in links},
        namespaces=frozenset(foreign_namespaces),
        missing=Missing(),
        links={seen.name: device(seen, links) for seen in links.values() if not seen.ours},
        listeners=frozenset(listening.listeners()),
        ephemeral=ephemeral(),
        forwarding=forwarding(),
        nameservers=nameservers(),
        blockers=nft.blockers(),
        mtu=min((links[index].mtu for index in uplinks), default=1500),
        uplinks=frozenset(links[index].name for index in uplinks),
        router_advertisements=tuple(
            sorted({links[i].name for p, i, proto in routes if proto == RA and i in links})
        ),
    )


def device(seen: rtnl.Seen, links: dict[int, rtnl.Seen]) -> Device:
    parent = links.get(seen.number(rtnl.LINK)) if rtnl.NETNSID not in seen.found else None
    master = links.get(seen.number(rtnl.MASTER))
    data = attributes(seen.info.get(rtnl.DATA, b"")) if seen.kind == "vxlan" else {}
    vni, port = int.from_bytes(data.get(1, b""), "little"), int.from_bytes(data.get(15, b""), "big")
    return Device(
        seen.kind, seen.mtu, parent.name if parent else "", master.name if master else "", vni, port,
        seen.up, seen.filtering,
    )  # fmt: skip


def text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def foreign_routes(dump_: list[bytes]) -> Iterator[tuple[str, int, int]]:
    """(prefix, link index, protocol) of routes that are not ours; the kernel's local and multicast ones
    left out."""
    for body in dump_:
        family, length, _, _, table, protocol, _, kind, _ = addresses_routes_rules.RTMSG.unpack_from(body)
        if protocol == PROTOCOL or kind not in (1, 6, 7, 8) or table == 255:
            continue
        found = attributes(body, 12)
        raw = found.get(1, bytes(16 if family == rtnl.INET6 else 4))
        prefix = f"{socket.inet_ntop(family, raw)}/{length}"
        if not prefix.startswith(("fe80:", "ff00:")):
            yield prefix, int.from_bytes(found.get(4, b""), "little"), protocol


def onlink(dump_: list[bytes], links: dict[int, rtnl.Seen]) -> Iterator[tuple[str, str]]:
    """Prefixes whose addresses are neighbours, with their link, which is none of ours."""
    for body in dump_:
        family, length, _, _, table, _, _, kind, _ = addresses_routes_rules.RTMSG.unpack_from(body)
        found = attributes(body, 12)
        link = links.get(int.from_bytes(found.get(4, b""), "little"))
        plain = (
            table == addresses_routes_rules.MAIN
            and kind == addresses_routes_rules.KINDS["unicast"]
            and 5 not in found
        )  # RTA_GATEWAY
        if link and not link.ours and plain:
            raw = found.get(1, bytes(16 if family == rtnl.INET6 else 4))
            yield f"{socket.inet_ntop(family, raw)}/{length}", link.name


def own_addresses() -> Iterator[tuple[str, int]]:
    with open_socket() as channel:
        for body in dump(channel, rtnl.GETADDR, addresses_routes_rules.ALL_ADDRESSES):
            found = attributes(body, 8)
            if found.get(11, b"\0")[0] != PROTOCOL:
                yield (
                    socket.inet_ntop(body[0], found.get(2) or found[1]),
                    addresses_routes_rules.IFADDR.unpack_from(body)[4],
                )


def ephemeral() -> tuple[int, int]:
    low, high = text("/proc/sys/net/ipv4/ip_local_port_range").split() or ("32768", "60999")
    return int(low), int(high)


def forwarding() -> tuple[bool, bool]:
    names = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
    four, six = (text(namespace.PROC + name).strip() == "1" for name in names)
    return four, six


def nameservers() -> tuple[str, ...]:
    """Of /etc/resolv.conf without loopback ones; behind systemd-resolved's stub stands the real list."""
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        words = (line.split() for line in text(path).splitlines())
        servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
        outside = tuple(server for server in servers if not loopback(server))
        if outside:
            return outside
    return ()


def loopback(server: str) -> bool:
    try:
        return ipaddress.ip_address(server.partition("%")[0]).is_loopback
    except ValueError:
        return True
