"""Random states that a Linux host could hold, drawn so that any two of them share most of their keys."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from reconciler.core.resource import Fixed, Resource, State, kind, state
from reconciler.kinds.address import Address
from reconciler.kinds.balancer import Balancer
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.cni import CniAttachment
from reconciler.kinds.file import File
from reconciler.kinds.link import Bridge, HandedVeth, Link, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Chain, Element, Map, Table
from reconciler.kinds.overlay import FdbEntries, Neighbours, Vxlan
from reconciler.kinds.ownership import HOST
from reconciler.kinds.remote import RemoteEndpoint, RemoteNetwork
from reconciler.kinds.resolver import Resolver, ZoneFile
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.shaping import Ifb, Redirect, token_bucket
from reconciler.kinds.split_dns import HostDomain
from reconciler.kinds.stacked_link import Macvlan, Vlan
from reconciler.kinds.sysctl import Forwarding, Sysctl
from reconciler.kinds.wireguard import Wireguard
from reconciler.kinds.workload import Workload

PICKS = 160  # more than a state takes
FOREIGN = (
    Bridge(ns=HOST, name="docker0", project="", network="", mac="02:42:00:00:00:01"),
    Address(ns=HOST, link="docker0", ip="172.17.0.1", prefix=16),
    Link(ns=HOST, name="nic"),
    Route(ns=HOST, dst="192.168.0.0/16", kind="blackhole"),
    Rule(family="inet", priority="50", action="lookup", table="50"),
    Namespace(name="cni-1234", project=""),
    Table(family="ip", name="filter"),
    Chain(
        family="ip", table="filter", name="FORWARD", hook="type filter hook forward priority 0; policy drop;"
    ),
)


@kind
class Tagged(Bridge):
    """A bridge with something that no bridge can change in place: it is replaced under its ports."""

    protocol: Fixed[str] = "802.1Q"


class Picks:
    """Decisions read off a string of bytes; 0 takes the first option, and shrinking leads there."""

    def __init__(self, data: bytes):
        self._data = iter(data)

    def of(self, *options):
        return options[next(self._data, 0) % len(options)]


def state_of(data: bytes) -> State:
    picks = Picks(data)
    switches = list(host(picks))
    bridges = {r.name for r in switches if isinstance(r, Bridge | Vlan)}
    rest = (*firewall(picks), *sandboxes(picks, bridges), *policy(picks))
    return state(*switches, *rest, *ports(picks, bridges))


def edited(data: bytes, edits: dict[int, int]) -> bytes:
    return bytes(edits.get(index, byte) for index, byte in enumerate(data))


seeds = st.binary(min_size=PICKS, max_size=PICKS)
states = seeds.map(state_of)


@st.composite
def moves(draw: st.DrawFn) -> tuple[State, State]:
    """From a state to another: a few edits away, or wholly different."""
    before = draw(seeds)
    few = st.dictionaries(st.integers(0, PICKS - 1), st.integers(0, 255), min_size=1, max_size=6)
    after = draw(seeds | few.map(lambda edits: edited(before, edits)))
    return state_of(before), state_of(after)


def host(picks: Picks) -> Iterator[Resource]:
    for n in (1, 2):
        kind, mac, mtu = picks.of(None, Bridge, Tagged), picks.of("02::1", "02::2"), picks.of(1500, 9000)
        more = {"protocol": picks.of("802.1Q", "802.1ad")}
        prefix, six, setting, via = (
            picks.of(24, 16),
            picks.of("", "64"),
            picks.of(None, "0", "1"),
            picks.of(77, 78),
        )
        if not kind:
            continue
        name = f"br{n}"
        yield kind(
            ns=HOST, name=name, project="p", network="n", mac=mac, mtu=mtu, **(more if kind is Tagged else {})
        )
        yield Address(ns=HOST, link=name, ip=f"10.{n}.0.1", prefix=prefix)
        yield Route(ns=HOST, dst=f"10.9{n}.0.0/16", link=name, via=f"10.{n}.0.{via}", src=f"10.{n}.0.1")
        if six:
            yield Address(ns=HOST, link=name, ip=f"fd00:{n}::1", prefix=int(six))
        if setting:
            yield Sysctl(ns=HOST, name=f"net/ipv4/conf/{name}/route_localnet", value=setting, link=name)
        if port := picks.of("", "1", "2"):
            yield HostDomain(ns=HOST, link=name, domain="p.internal", server=f"10.{n}.0.1:{port}")
        yield from tunnel(picks, name, n)
    if tag := picks.of(0, 50, 51):
        yield Vlan(ns=HOST, name="up0.5", parent="up0", tag=tag)
    if tag and (address := picks.of("", "10.5.0.1", "10.5.0.2")):
        common: dict[str, Any] = {"project": "p", "network": "n", "parent": "up0.5"}
        yield Macvlan(ns=HOST, name="shim", mode="bridge", mac=picks.of("02::3", "02::4"), **common)
        yield Address(ns=HOST, link="shim", ip=address, prefix=32)
        yield Route(ns=HOST, dst="10.5.0.9/32", link="shim", src=address)
    if key := picks.of("", "k1", "k2"):
        one, two = "k3 fd09::2 192.0.2.2:51820", "k4 fd09::3 192.0.2.3:51820"
        peers, port = picks.of((), (one,), (one, two)), picks.of(51820, 51821)
        yield Wireguard(ns=HOST, name="wg1", project="p", port=port, public_key=key, peers=peers)
        yield Address(ns=HOST, link="wg1", ip="fd09::1", prefix=64)


def ports(picks: Picks, bridges: set[str]) -> Iterator[Resource]:
    """Links that are lent to a bridge."""
    for link in ("nic", "up0.5"):
        bridge, vlans = picks.of("", "br1", "br2"), picks.of((), ("1 pvid untagged", "20"))
        if bridge in bridges and link in (*bridges, "nic"):
            yield BridgePort(link=link, bridge=bridge, vlans=vlans)


def tunnel(picks: Picks, bridge: str, n: int) -> Iterator[Resource]:
    """A VXLAN link on the bridge, perhaps, with what it and the bridge know of another host."""
    common: dict[str, Any] = {"project": "p", "network": "n", "local": "10.9.0.1", "port": 4789}
    vni, flood, macs = (
        picks.of(0, 10, 20),
        picks.of(False, True),
        picks.of((), ("02::7",), ("02::7", "02::8")),
    )
    if not vni:
        return
    yield Vxlan(ns=HOST, name=f"vx{n}", vni=vni + n, bridge=bridge, flood=flood, **common)
    if macs:
        yield FdbEntries(link=f"vx{n}", bridge=bridge, entries=tuple(f"{mac} 10.9.0.2" for mac in macs))
        yield Neighbours(
            link=bridge,
            entries=tuple(f"10.{n}.0.{mac[-1]} {mac}" for mac in macs),
            addresses=(f"10.{n}.0.1",),
        )


def sandboxes(picks: Picks, bridges: set[str]) -> Iterator[Resource]:
    if remote := picks.of("", "{}", '{"c": "d"}'):
        yield RemoteNetwork(name="r", project="p", driver="d", ident="1", options=remote)
    for n in (1, 2, 3):
        project, owner = picks.of("", "p", "q"), picks.of("p", "q")
        links = [list(endpoint(picks, f"c{n}", end, bridges)) for end in (0, 1)]
        hosts, setting = picks.of("", "one", "two\nlines"), picks.of("", "0", "1")
        if not project:
            continue
        yield Namespace(name=f"c{n}", project=owner)
        for resources in links:
            yield from resources
        if hosts:
            yield File(ns=f"c{n}", path=f"/etc/netns/c{n}/hosts", content=hosts)
        if setting:
            yield Sysctl(ns=f"c{n}", name="net/ipv4/ip_default_ttl", value=setting)
        yield from names(picks, f"c{n}", owner)
        if share := picks.of(0, 1, 2):
            yield Balancer(ns=f"c{n}", servers=(("10.1.0.9", False, (("10.1.0.2", share),)),))
        if config := picks.of("", '{"plugins": []}', '{"plugins": [{"type": "a"}]}'):
            yield CniAttachment(ns=f"c{n}", name="cni0", project=owner, network="n", config=config)
        if remote and (options := picks.of("", "{}", '{"a": "b"}')):
            yield remote_endpoint(f"c{n}", owner, options)
        if digest := picks.of("", "d", "e"):
            engine, home = picks.of("podman", "oci"), picks.of(f"c{n}", "")
            yield Workload(name=f"c{n}", project=owner, engine=engine, sandbox=home, digest=digest)


def remote_endpoint(ns: str, project: str, options: str) -> RemoteEndpoint:
    return RemoteEndpoint(
        ns=ns, name="rem0", project=project, network="r", driver="d", home="1", ident=ns, options=options
    )


def names(picks: Picks, ns: str, project: str) -> Iterator[Resource]:
    """What a project's containers are called, and who answers, on the host or in a sandbox."""
    lines, port = picks.of((), ("10.1.0.2 a",), ("10.1.0.2 a b",)), picks.of(0, 15300, 15301)
    if lines:
        yield ZoneFile(network="n", project=project, lines=lines)
    if port:
        home = picks.of(HOST, ns)
        name = ns if home == HOST else f"@{ns}"  # which is in one place alone
        yield Resolver(project=project, name=name, ns=home, port=port, networks=("n",))


def endpoint(picks: Picks, ns: str, end: int, bridges: set[str]) -> Iterator[Resource]:
    """`eth0` or `eth1`, on a bridge where the state has it, else alone."""
    net, name, generation = picks.of(0, 1, 2, 3), f"eth{end}", picks.of("a", "b")
    number = 10 * int(ns[1:]) + end
    host_name, number = f"v{number}{generation}", number + picks.of(0, 100)
    mtu, prefix, six, gateway = (
        picks.of(1500, 1400),
        picks.of(24, 16),
        picks.of(False, True),
        picks.of(1, 254),
    )
    metric, disabled = picks.of(0, 7), picks.of("", "0", "1")
    if not net:
        return
    common = {"ns": ns, "name": name, "project": "p", "mac": f"02::{number}", "mtu": mtu}
    if net == 3 and picks.of(False, True):
        # Whose it is has no sandbox of ours.
        bridge = "br1" if "br1" in bridges else ""
        yield HandedVeth(host_name=host_name, bridge=bridge, **common | {"ns": f"away-{ns}"})
        return
    if net == 3 and "up0.5" in bridges:
        mode = "bridge" if host_name.endswith("a") else "vepa"
        yield Macvlan(network="n", parent="up0.5", mode=mode, **common)
    else:
        bridge = f"br{net}" if f"br{net}" in bridges else ""
        station = picks.of("static", "") if bridge else "static"
        yield Veth(host_name=host_name, bridge=bridge, station=station, **common)
        yield from limits(picks, host_name, ns, name)
    here, six_here = f"10.{net}.0.{number}", f"fd00:{net}::{number}"
    yield Address(ns=ns, link=name, ip=here, prefix=prefix)
    yield Route(
        ns=ns, dst=f"10.20{end}.0.0/16", link=name, via=f"10.{net}.0.{gateway}", src=here, metric=metric
    )
    if six:
        yield Address(ns=ns, link=name, ip=six_here, prefix=64 + prefix)
        yield Route(ns=ns, dst=f"fd0{end}::/16", link=name, src=six_here, metric=1024 + metric)
    if disabled:
        yield Sysctl(ns=ns, name=f"net/ipv6/conf/{name}/accept_ra", value=disabled, link=name)


def limits(picks: Picks, host_name: str, ns: str, end: str) -> Iterator[Resource]:
    """How much may go there, and come from there."""
    to, by = picks.of(0, 8000, 16000), picks.of(0, 8000, 16000)
    if to:
        yield token_bucket(host_name, to, 3000)
    if by:
        beside = f"i{host_name}"
        yield Ifb(ns=HOST, name=beside, project="p", sandbox=ns, end=end)
        yield token_bucket(beside, by, 3000)
        yield Redirect(link=host_name, to=beside)


def policy(picks: Picks) -> Iterator[Resource]:
    for family, priority in (("inet", "1090"), ("inet", "1091"), ("inet6", "1090")):
        action, table, mark = picks.of("", "lookup", "nop"), picks.of("109", "110"), picks.of(0, 1 << 24)
        if action:
            yield Rule(
                family=family,
                priority=priority,
                action=action,
                table=table * (action == "lookup"),
                mark=mark,
                mask=mark,
            )
    if kind := picks.of("", "prohibit", "unreachable"):
        yield Route(ns=HOST, table="109", dst="10.1.0.0/24", kind=kind)
    for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        if value := picks.of("", "0", "1"):
            yield Forwarding(ns=HOST, name=name, value=value)


def firewall(picks: Picks) -> Iterator[Resource]:
    for project in ("p", "q"):
        root = picks.of(None, "/etc/a", "/etc/b")
        at = {"family": "inet", "table": f"reconciler-{project}"}
        contents = list(chains(picks, at))
        if root is not None:
            yield Table(family="inet", name=at["table"], root=root)
            yield from contents


def chains(picks: Picks, at: dict[str, Any]) -> Iterator[Resource]:
    wide, jumped, hook = picks.of(False, True), picks.of(False, True), picks.of("filter", "nat")
    yield Map(
        **at, name="publish4", type="inet_service" if wide else "inet_proto . inet_service", data="ipv4_addr"
    )
    for port in ("80", "81", "82"):
        if value := picks.of("", "10.1.0.2", "10.1.0.3"):
            yield Element(**at, map="publish4", item=port if wide else f"tcp . {port}", value=value)
    yield Map(**at, name="publish4_spread", type="inet_proto . inet_service . @nh,0,32", data="ipv4_addr")
    for share in picks.of((), ("0-65535",), ("0-32767", "32768-65535"), ("0-21844", "21845-65535")):
        value = picks.of("10.1.0.2", "10.1.0.3")
        yield Element(**at, map="publish4_spread", item=f"tcp . 80 . {share}", value=value)
    yield Chain(
        **at,
        name="base",
        hook=f"type {hook} hook prerouting priority 0; policy accept;",
        rules=("dnat to tcp dport map @publish4", *(("jump direct",) if jumped else ())),
    )
    if jumped:
        yield Chain(**at, name="direct", rules=picks.of(("drop",), ("accept", "drop")))
        yield Map(**at, name="verdicts", type="ifname", data="verdict")
        yield Element(**at, map="verdicts", item="br1", value=picks.of("jump direct", "goto direct"))
        yield Chain(**at, name="vmap", rules=("iifname vmap @verdicts", "ct state established accept"))
