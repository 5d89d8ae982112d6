"""A first manifest, with comments that tell what the host has."""

from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_address, ip_network

from ..inventory.facts import HostFacts, Listener
from .text import scalar, shown

MOST = 12  # of a kind that are listed
PORTS = (8080, 8000, 8888, *range(8081, 8181))
NOT_LANS = ("bridge", "veth", "dummy", "tun", "wireguard", "vxlan", "sit", "ipip", "ip6tnl", "ifb", "gre")
ENGINES = {
    "podman": "`runtime: podman` at the top runs `image:` in it",
    "oci": "`runtime: oci` at the top runs `command:` in it, by crun",
    "systemd": "`runtime: systemd` at the top runs `command:` in it, as a unit",
}


def text(host: HostFacts, file: str, engines: Collection[str]) -> str:
    return "".join(f"{line}\n" for line in lines(host, file, engines))


def lines(host: HostFacts, file: str, engines: Collection[str]) -> Iterator[str]:
    yield from (
        f"# A first manifest of {shown(host.name) or 'this host'}, by `reconcile --init`.",
        f"#   look at what it would do:  reconcile --plan {shown(file)}",
        f"#   and make it so:            reconcile --apply {shown(file)}",
        "name: first",
        "",
        "networks:",
        "  # Behind this host: containers leave by its address, and are reached at published ports alone.",
        "  inner: {}",
        *lan(host),
        "",
        "containers:",
        "  # A network namespace: `ip netns exec first-web ./server` runs something in it.",
    )
    yield from (f"  # {shown(ENGINES[name])}." for name in engines)
    if not engines:
        yield "  # Nothing is installed here that runs containers: `apt install podman` would be one."
    yield "  web:"
    yield "    networks: [inner]"
    yield from ports(host)


def lan(host: HostFacts) -> Iterator[str]:
    """Each link that leads out, as an example."""
    for link, gateways in sorted(host.gateways.items()):
        via = ", ".join(map(str, gateways))
        yield f"  # The default route leaves by {shown(link)}, to {via}."
        for subnet in subnets_of(host, link):
            gateway = next((ip for ip in gateways if ip_address(ip) in ip_network(subnet)), "")
            ipam = f"subnet: {scalar(subnet)}" + f", gateway: {scalar(gateway)}" * bool(gateway)
            yield "  # Containers as machines of that LAN, at addresses that its DHCP gives to nobody else:"
            yield f"  # lan: {{driver: macvlan, parent: {scalar(link)}, ipam: {{config: [{{{ipam}}}]}}}}"
    others = [name for name, one in sorted(host.links.items()) if name != "lo" and name not in host.gateways]
    plain = [name for name in others if host.links[name].kind not in NOT_LANS]
    for name in plain[:MOST]:
        where = ", ".join(sorted(ip for ip, link in host.addresses.items() if link == name)) or "no address"
        yield f"  # Another link: {shown(name)}, {where}."


def subnets_of(host: HostFacts, link: str) -> list[str]:
    found = (cidr for cidr, name in host.onlink.items() if name == link and ":" not in cidr)
    return sorted(cidr for cidr in found if ip_network(cidr).num_addresses > 2)[:1]


def ports(host: HostFacts) -> Iterator[str]:
    taken = {one.port for one in host.listeners}
    free = next(port for port in (*PORTS, 0) if port not in taken)
    yield f"    # Its port 80, at port {free} of the host:" if free else "    # Its port 80:"
    yield f'    # ports: ["{free}:80"]' if free else '    # ports: ["80"]'
    if said := [*listening(host.heard() or host.listeners)]:
        yield "    # What listens on this host already:"
        yield from (f"    #   {shown(words)}" for words in said[:MOST])
        if len(said) > MOST:
            yield f"    #   and {len(said) - MOST} more"


def listening(found: Iterable[Listener]) -> Iterator[str]:
    """Each port once."""
    rows = {(one.port, one.protocol): one for one in sorted(found, key=lambda one: one.ip)}
    for (port, protocol), one in sorted(rows.items()):
        yield f"{port}/{protocol}  {one.holder}"
