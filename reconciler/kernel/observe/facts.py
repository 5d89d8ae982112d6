"""What the host itself has, as far as a decision depends on it."""

import ipaddress
import socket
import time
from collections.abc import Iterable, Iterator

from ...inventory.facts import Device, HostFacts
from ...kinds.address import Address
from ...kinds.route import Route
from ...kinds.sysctl import FORWARDING
from .. import looking, nft
from ..attached import Attached
from ..kinds.address import IFA_ADDRESS, IFA_LOCAL, IFADDR, is_marked
from ..kinds.stacked_link import TAG, TAGGING
from ..kinds.vxlan import PORT, VNI, alone
from ..netlink.links import IFLA_LINK, IFLA_LINK_NETNSID, IFLA_MASTER, Seen, ip_of
from ..netlink.socket import attributes
from ..remote.discovery import Plugins
from ..transcript import note
from . import listening
from .capabilities import Missing
from .readings import View
from .routes import Routes, led_here
from .routes import seen as seen_routes

PROC, MACHINE = "/proc/sys/", "/etc/machine-id"
# Behind systemd-resolved's stub, which is all that the first may name, stands the real list.
RESOLV_CONF, RESOLVED = "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


def facts(view: View, foreign_namespaces: Iterable[str]) -> HostFacts:
    links = {seen.index: seen for seen in view.links.values()}
    ours = {index for index, seen in links.items() if seen.ours}
    names = {index: seen.name for index, seen in links.items() if index not in ours}
    routes = Routes(seen_routes(view.dumps[Route]), names, ours)
    uplinks = routes.uplinks
    return HostFacts(
        name=hostname(),
        now=time.time,
        machine=text(MACHINE).strip(),
        routes=routes.prefixes,
        hops=routes.hops,
        onlink=routes.onlink,
        local=led_here,
        gateways=routes.gateways,
        addresses={ip: names[index] for ip, index in own_addresses(view.dumps[Address]) if index in names},
        namespaces=frozenset(foreign_namespaces),
        missing=Missing(),
        attached=Attached(),
        plugins=Plugins(),
        links=devices(view),
        listeners=frozenset(listening.listeners()),
        heard=listening.heard,
        ephemeral=ephemeral(),
        forwarding=forwarding(),
        bridged=bridged(),
        nameservers=nameservers(),
        servers=tuple(servers(RESOLV_CONF)),
        blockers=nft.blockers(),
        mtu=min((links[index].mtu for index in uplinks), default=0),
        uplinks=frozenset(links[index].name for index in uplinks),
        router_advertisements=routes.advertised,
    )


def devices(view: View) -> dict[str, Device]:
    return {seen.name: device(seen, view.links) for seen in view.links.values() if not seen.ours}


def device(seen: Seen, links: dict[int, Seen]) -> Device:
    parent = links.get(seen.number(IFLA_LINK)) if IFLA_LINK_NETNSID not in seen.found else None
    master = links.get(seen.number(IFLA_MASTER))
    vni = VNI.of(seen.data) if seen.kind == "vxlan" and not alone(seen) else 0
    port = PORT.of(seen.data) if seen.kind == "vxlan" else 0
    vlan = f"{TAGGING.of(seen.data)} {TAG.of(seen.data)}" if seen.kind == "vlan" else ""
    return Device(
        seen.kind, seen.mtu, parent.name if parent else "", master.name if master else "", vni, port,
        seen.up, seen.filtering, seen.native, seen.setting(FORWARDING.format(seen.name)) != "0", vlan,
    )  # fmt: skip


def hostname() -> str:
    name = socket.gethostname()
    note("hostname", (), [name.encode()], "")
    return name


def text(path: str) -> str:
    try:
        return looking.content(path, "").decode(errors="replace")
    except OSError:
        return ""


def own_addresses(dump: list[bytes]) -> Iterator[tuple[str, int]]:
    """(address, link index) of those without our mark, which on links of ours an old `ip` cannot write."""
    for body in dump:
        *_, index = IFADDR.unpack_from(body)
        found = attributes(body, IFADDR.size)
        if not is_marked(found):
            yield ip_of(found.get(IFA_LOCAL) or found[IFA_ADDRESS]), index


def ephemeral() -> tuple[int, int]:
    low, high = text("/proc/sys/net/ipv4/ip_local_port_range").split() or ("32768", "60999")
    return int(low), int(high)


def forwarding() -> tuple[bool, bool]:
    names = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
    four, six = (text(PROC + name).strip() == "1" for name in names)
    return four, six


def bridged() -> bool:
    """Whether in either family."""
    names = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
    return any(text(f"{PROC}net/bridge/{name}").strip() == "1" for name in names)


def nameservers() -> tuple[str, ...]:
    """The first of them that are not on a loopback address."""
    for path in (RESOLV_CONF, RESOLVED):
        if outside := tuple(server for server in servers(path) if not loopback(server)):
            return outside
    return ()


def servers(path: str) -> list[str]:
    """As resolv.conf(5) has them, each once; what is no address is none."""
    words = (line.split() for line in text(path).splitlines())
    found = (word[1] for word in words if len(word) > 1 and word[0] == "nameserver")
    return list(dict.fromkeys(server for server in found if is_address(server)))


def is_address(server: str) -> bool:
    try:
        ipaddress.ip_address(server)
    except ValueError:
        return False
    return True


def loopback(server: str) -> bool:
    return ipaddress.ip_address(server.partition("%")[0]).is_loopback
