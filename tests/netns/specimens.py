"""Every kind with the values that its fields can have: what test_readback holds against the kernel."""

import dataclasses
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconciler.cnm.naming import Listed
from reconciler.core.resource import Resource, roles
from reconciler.drivers.firewall.elements import skeleton
from reconciler.drivers.firewall.named import view_skeleton
from reconciler.kernel.kinds.route import TYPES
from reconciler.kernel.kinds.rule import ACTIONS
from reconciler.kernel.kinds.stacked_link import IPVLAN_FLAGS, IPVLAN_MODES, MACVLAN_MODES
from reconciler.kernel.netlink.links import SETTINGS
from reconciler.kinds.address import Address
from reconciler.kinds.balancer import Balancer
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.file import File
from reconciler.kinds.link import Bridge, HandedVeth, Veth, Vlans
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Chain, Element, Map, Table
from reconciler.kinds.overlay import NOBODY, FdbEntries, Neighbours, Vxlan
from reconciler.kinds.ownership import FILE_MARK, HOST, WHOLE
from reconciler.kinds.resolver import Resolver, ZoneFile
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.shaping import Ifb, Redirect, token_bucket
from reconciler.kinds.split_dns import HostDomain
from reconciler.kinds.stacked_link import Dummy, Ipvlan, Macvlan, Vlan
from reconciler.kinds.sysctl import Forwarding, Sysctl
from reconciler.kinds.wireguard import Wireguard

TABLE = "reconciler"
UPLINK = "uplink"  # a link of the host that is not ours
RELEASE = tuple(map(int, platform.release().split(".")[:2]))
LIMITED = RELEASE >= (6, 7)  # a bridge can be told how much to learn
NETFILTER = Path("/proc/sys/net/bridge").exists()  # and to show netfilter what it forwards
CHANGES: dict[str, Any] = {"mtu": [1300], "up": [False]}
NETWORK: dict[str, Any] = {"network": ["m.2_x-y"]}  # of what stands in a sandbox, whose project is its own
WHOSE: dict[str, Any] = {"project": ["u"], **NETWORK}


@dataclass(frozen=True)
class Specimen:
    """A value, what must stand before it, and other values that its fields take in place."""

    value: Resource
    needs: tuple[Resource, ...] = ()
    changes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    feature: str = ""  # of the kernel, where not every kernel has it

    def __str__(self) -> str:
        odd = [f"{f.name}={getattr(self.value, f.name)}" for f in self.odd()]
        return " ".join((type(self.value).__name__, self.value.key, *odd)).replace(" ", "_")[:80]

    def odd(self) -> Iterator[dataclasses.Field[Any]]:
        """The fields that tell it from others of its key."""
        names = set(roles(type(self.value)).names) - set(roles(type(self.value)).keys)
        for one in dataclasses.fields(self.value):
            told = one.name in names - {"rules", "content", "entries", "vlans", "mac", "project"}
            if told and getattr(self.value, one.name) not in (one.default, "", 0):
                yield one

    def variants(self) -> Iterator[Resource]:
        """One field changed at a time."""
        for name, values in self.changes.items():
            yield from (replace(self.value, **{name: value}) for value in values)


BOX = Namespace(name="box", project="t")
BRIDGE = Bridge(ns=HOST, name="br0", project="t", network="n", mac="02:00:00:00:00:01")
OTHER = Bridge(ns=HOST, name="br1", project="t", network="o", mac="02:00:00:00:00:02", mtu=9000)
ETH0 = Veth(ns="box", name="eth0", project="t", host_name="v0", mac="02:00:00:00:01:00", bridge="br0")
ETH1 = Veth(ns="box", name="eth1", project="t", host_name="v1", mac="02:00:00:00:01:01", bridge="br1")
FILTERING = replace(BRIDGE, filtering=True)
VLANS: tuple[Vlans, ...] = (
    (),
    ("10 pvid untagged",),
    ("1 pvid untagged", "20", "30"),
    ("1", "2", "3", "9 pvid untagged", "4094"),
    ("1 pvid untagged", *map(str, range(2, 4095))),
)
PAIRS = (BOX, BRIDGE, OTHER, ETH0, ETH1)


def address(ip: str, prefix: int, link: str = "eth0", ns: str = "box") -> Address:
    return Address(ns=ns, link=link, ip=ip, prefix=prefix)


def host_address(ip: str, prefix: int) -> Address:
    return address(ip, prefix, "br0", HOST)


LAN = (
    *PAIRS,
    address("10.7.0.2", 24),
    address("10.7.0.3", 24),
    address("10.8.0.2", 24, "eth1"),
    address("fd07::2", 64),
    address("fd07::3", 64),
    address("fd08::2", 64, "eth1"),
)


def namespaces() -> Iterator[Specimen]:
    yield Specimen(BOX, changes={"project": ["u"], "up": [False]})
    yield Specimen(Namespace(name="n" * 63 + "-" + "c" * 63, project="p" * 63))
    yield Specimen(Namespace(name="a.b_c-1", project="t.u", up=False), changes={"up": [True]})


def bridges() -> Iterator[Specimen]:
    more: dict[str, Any] = {"mac": ["02:00:00:00:00:09"], "mtu": [1300, 9000], "up": [False]}
    more |= {"max_learned": [0, 100]} if LIMITED else {}
    more |= {"netfilter": ["ip ip6", "ip", "ip6"]} if NETFILTER else {}
    yield Specimen(BRIDGE, changes={**WHOSE, **more})
    yield Specimen(replace(OTHER, name="br-123456789abc", up=False), changes={"up": [True]})
    yield Specimen(replace(BRIDGE, name="a.dot"), changes=CHANGES)
    yield Specimen(replace(BRIDGE, outer=True), changes={"outer": [False]})
    yield Specimen(FILTERING, (), {"filtering": [False]}, "vlan filtering")


def veths() -> Iterator[Specimen]:
    needs = (BOX, BRIDGE, OTHER)
    yield Specimen(
        ETH0,
        needs,
        {"project": ["u"], "mac": ["02:00:00:00:01:09"], "mtu": [1300, 9000], "bridge": ["br1", ""],
         "hairpin": [False], "isolated": [True], "up": [False], "station": ["static", ""]},
    )  # fmt: skip
    yield Specimen(replace(ETH0, isolated=True, hairpin=False, mtu=1400), needs, {"isolated": [False]})
    yield Specimen(replace(ETH0, bridge=""), needs, {**CHANGES, "bridge": ["br0"]})
    yield Specimen(replace(ETH0, up=False), needs, {"up": [True]})
    learned = {"station": ["static sticky"], "mac": ["02:00:00:00:01:09"]}
    yield Specimen(replace(ETH0, station=""), needs, learned)
    other = replace(ETH0, mac="02:00:00:00:01:02")
    yield Specimen(replace(other, name="w0", host_name="w0"), needs, CHANGES)  # one name twice
    other = replace(ETH0, mac="02:00:00:00:01:03")
    yield Specimen(replace(other, name="i" * 15, host_name="h" * 15), needs)
    yield Specimen(ETH1, (*needs, ETH0), CHANGES)
    switches = (BOX, FILTERING, replace(OTHER, filtering=True))
    tagged: dict[str, Any] = {"vlans": [vlans for vlans in VLANS if vlans != VLANS[1]], "bridge": ["br1"]}
    yield Specimen(replace(ETH0, vlans=VLANS[1]), switches, tagged, "vlan filtering")
    yield Specimen(ETH0, switches, {"vlans": VLANS[1:]}, "vlan filtering")


def handed() -> Iterator[Specimen]:
    needs = (BRIDGE, OTHER)
    pair = HandedVeth(
        ns="d-1", name="vd1", project="t", host_name="v7", mac="02:00:00:00:07:01", bridge="br0"
    )
    changes: dict[str, Any] = {
        "project": ["u"],
        "hairpin": [False],
        "isolated": [True],
        "station": ["static", ""],
    }
    yield Specimen(pair, needs, {**CHANGES, **changes, "bridge": ["br1", ""]})
    odd = replace(pair, mac="de:00:00:00:07:02", name="j" * 15, host_name="g" * 15, mtu=1400)
    yield Specimen(odd, needs, {"isolated": [True]})
    switches = (FILTERING, replace(OTHER, filtering=True))
    tagged: dict[str, Any] = {"vlans": [VLANS[0], VLANS[2]], "bridge": ["br1"]}
    yield Specimen(replace(pair, vlans=VLANS[1]), switches, tagged, "vlan filtering")


def ports() -> Iterator[Specimen]:
    lans = (replace(BRIDGE, name="lan0", outer=True), replace(OTHER, name="lan1", outer=True))
    yield Specimen(BridgePort(link=UPLINK, bridge="lan0"), lans, {"bridge": ["lan1"], "learning": [False]})
    filtering = tuple(replace(lan, filtering=True) for lan in lans)
    tagged = BridgePort(link=UPLINK, bridge="lan0", vlans=VLANS[2])
    yield Specimen(tagged, filtering, {"vlans": VLANS[:2], "bridge": ["lan1"]}, "vlan filtering")


def stacked() -> Iterator[Specimen]:
    common: dict[str, Any] = {"project": "t", "network": "n", "parent": UPLINK}
    link: Macvlan | Ipvlan
    shim: Macvlan | Ipvlan
    mac = {"mac": ["02:00:00:00:02:09"]}
    for mode in MACVLAN_MODES:
        own = "" if mode == "passthru" else "02:00:00:00:02:00"
        link = Macvlan(ns="box", name="eth0", mode=mode, mac=own, **common)
        yield Specimen(link, (BOX,), {**CHANGES, **NETWORK, **(mac if own else {})}, "macvlan")
    shim = Macvlan(ns=HOST, name="shim", mode="bridge", mac="02:00:00:00:02:01", mtu=1400, **common)
    yield Specimen(shim, (), {**CHANGES, **WHOSE, **mac}, "macvlan")
    for mode in IPVLAN_MODES:
        link = Ipvlan(ns="box", name="eth0", mode=mode, **common)
        others = {"mode": [m for m in IPVLAN_MODES if m != mode], "flag": list(IPVLAN_FLAGS)[1:]}
        yield Specimen(link, (BOX,), {**CHANGES, **NETWORK, **others}, "ipvlan")
    shim = Ipvlan(ns=HOST, name="shim", mode="l2", flag="vepa", **common)
    yield Specimen(shim, (), {**CHANGES, **WHOSE}, "ipvlan")
    for tag in (1, 4094):
        yield Specimen(Vlan(ns=HOST, name="up.1", parent=UPLINK, tag=tag), (), CHANGES, "vlan")
    yield Specimen(Vlan(ns=HOST, name="up.2", parent=UPLINK, tag=2, protocol="802.1ad"), (), CHANGES, "vlan")
    dummy = Dummy(ns=HOST, name="dm-1", project="t", network="n")
    yield Specimen(dummy, (), {**CHANGES, **WHOSE}, "dummy")


def tunnel(local: str, **more: Any) -> Vxlan:
    more |= {"ns": HOST, "name": "vx0", "project": "t", "network": "n", "bridge": "br0", "mtu": 1400}
    return Vxlan(vni=4097, local=local, port=4789, **more)


def overlays() -> Iterator[Specimen]:
    changes = {**WHOSE, **CHANGES, "bridge": ["br1"], "isolated": [True], "flood": [True]}
    for local in ("198.51.100.1", "2001:db8:1::1"):
        yield Specimen(tunnel(local), (BRIDGE, OTHER), changes, "vxlan")
        back = {"flood": [False], "isolated": [False]}
        yield Specimen(tunnel(local, flood=True, isolated=True), (BRIDGE,), back, "vxlan")
    entries = ("02:00:00:00:03:01 198.51.100.2", "02:00:00:00:03:02 198.51.100.3")
    fewer = [entries[:1], (f"{NOBODY} 198.51.100.2", f"{NOBODY} 198.51.100.3", *entries), (entries[1],)]
    needs: tuple[Resource, ...] = (BRIDGE, tunnel("198.51.100.1"))
    fdb = FdbEntries(link="vx0", bridge="br0", entries=entries)
    yield Specimen(fdb, needs, {"entries": [*fewer, (entries[0].replace("100.2", "100.9"),)]}, "vxlan")
    there = ("10.7.0.9 02:00:00:00:03:01", "fd07::9 02:00:00:00:03:01")
    needs = (*needs, host_address("10.7.0.1", 24), host_address("fd07::1", 64))
    changed = [there[:1], (there[0][:-1] + "5", there[1]), ("10.7.0.10 02:00:00:00:03:02", *there)]
    yield Specimen(Neighbours(link="br0", entries=there), needs, {"entries": changed}, "vxlan")


def limits() -> Iterator[Specimen]:
    """Rates and bursts where Linux rounds them, and beyond 2^32 bytes a second."""
    ifb = Ifb(ns=HOST, name="vi0", project="t", sandbox="box", end="eth0")
    yield Specimen(ifb, (BOX,), {**CHANGES, "project": ["u"], "sandbox": ["bag"], "end": ["eth1"]}, "ifb")
    for link in (ETH0.host_name, "vi0"):
        whole = [token_bucket(link, *one) for one in RATES]
        changes = {"queue": [5000], "rate": [8 * 10**6], "burst": [80_000]}
        yield Specimen(token_bucket(link, 10**7, 40_000), (*PAIRS, ifb), changes, "ifb")
        for one in whole:
            yield Specimen(one, (*PAIRS, ifb), {"queue": [5000]}, "ifb")
    led = Redirect(link=ETH0.host_name, to="vi0")
    yield Specimen(led, (*PAIRS, ifb, replace(ifb, name="vi1")), {"to": ["vi1"]}, "mirred")


RATES = ((80_000, 1600), (10**7, 1 << 40), (999_999_992, 1234567), (10**11, 10**8), (10**13, 9000))
# A key pair, and two more public keys: `wg genkey` made them for this.
PRIVATE = "oIB7PyqFiCWy6HmAO2cO8TtAewI/Aj5J/8JZ715vPEE="
PUBLIC = "jLqbB5MxSPjdw+f8ccnUvGpMnU4kNxTNmEdjJY0pl2Q="
PEERS = ("pBSnIA0LG/0fr8X9uVU92NRrKri6YvR8EII/7tjA8RE=", "VqubL7GgJ1eFh3nnYgwljmXPYdbHGBbfK6XJIBjZzxk=")


def encrypted() -> Iterator[Specimen]:
    """Its key is that of the host, and changes with it alone."""
    one, two = (f"{key} fd07::{n} 198.51.100.{n}:51820" for n, key in enumerate(PEERS, 2))
    six, moved = one.replace("198.51.100.2", "[2001:db8:1::2]"), one.replace("fd07::2", "fd07::9")
    many = one.replace("fd07::2", "10.8.0.0/16,fd07::2")
    pairs = [tuple(sorted((other, two))) for other in (six, moved, many)]
    changed = [(), (one,), (two,), *pairs]
    more: dict[str, Any] = {"port": [51821], "peers": changed}
    peers = tuple(sorted((one, two)))
    link = Wireguard(ns=HOST, name="wg0", project="t", port=51820, public_key=PUBLIC, peers=peers)
    yield Specimen(link, (), {**CHANGES, "project": ["u"], **more}, "wireguard")


def addresses() -> Iterator[Specimen]:
    for prefix in (1, 24, 31, 32):
        yield Specimen(address("10.7.0.2", prefix), PAIRS)
    for prefix in (1, 64, 127, 128):
        yield Specimen(address("fd07::2", prefix), PAIRS)
    for ip, prefix in (("10.7.0.1", 24), ("fd07::1", 64), ("::ffff:10.7.0.1", 128), ("fe80::1", 64)):
        yield Specimen(host_address(ip, prefix), (BRIDGE,))
    yield Specimen(address("169.254.7.7", 16), PAIRS)
    yield Specimen(address("10.9.9.9", 32, "lo"), (BOX,))
    yield Specimen(address("10.7.0.2", 24), (*PAIRS, address("10.7.0.3", 24)))  # the second of a subnet
    yield Specimen(address("10.7.0.2", 24), (*PAIRS, address("10.7.0.2", 24, "eth1")))  # the same elsewhere


def routes() -> Iterator[Specimen]:
    gateways = {"via": ["10.7.0.9", ""], "src": ["10.7.0.3"]}
    for table in ("main", "100", "70000"):
        common: dict[str, Any] = {"ns": "box", "table": table, "link": "eth0"}
        four = Route(dst="0.0.0.0/0", via="10.7.0.1", src="10.7.0.2", **common)
        yield Specimen(four, LAN, gateways)
        plain: dict[str, Any] = {"via": "", "src": "", "metric": 5}
        yield Specimen(replace(four, dst="10.99.0.0/16", **plain), LAN, {"via": ["10.7.0.1"]})
        six = Route(dst="::/0", via="fd07::1", src="fd07::2", **common)
        yield Specimen(six, LAN, {"via": ["fd07::9", "fe80::1", ""], "src": ["fd07::3"]})
        yield Specimen(replace(six, dst="fd99::/48", **plain), LAN, {"via": ["fd07::1"]})
        beyond = replace(four, dst="10.98.0.0/16", via="192.0.0.8", onlink=True)
        yield Specimen(beyond, LAN, {"via": ["192.0.0.9"], "src": ["10.7.0.3"]})
        yield Specimen(replace(beyond, via="10.7.0.1"), LAN, {"onlink": [False]})
    moved = {"link": ["eth1"]}
    yield Specimen(Route(ns="box", dst="10.9.0.0/16", link="eth0"), LAN, moved)
    yield Specimen(Route(ns="box", dst="fd09::/64", link="eth0"), LAN, moved)
    yield Specimen(Route(ns="box", dst="10.7.0.77/32", link="eth0"), LAN)
    for kind in [kind for kind in TYPES if kind != "unicast"]:
        others = {"kind": [other for other in TYPES if other not in (kind, "unicast")]}
        for ns, dst in ((HOST, "10.99.0.0/16"), (HOST, "fd99::/48"), ("box", "::/0"), ("box", "0.0.0.0/0")):
            yield Specimen(Route(ns=ns, dst=dst, kind=kind, table="1090", metric=7), (BOX,), others)
        yield Specimen(Route(ns=HOST, dst="fd99::/48", kind=kind), (), others)


def rules() -> Iterator[Specimen]:
    """Nothing of a rule can be changed: test_readback replaces one by the next."""
    for family in ("inet", "inet6"):
        for action in ACTIONS:
            common: dict[str, Any] = {"family": family, "priority": "1000", "action": action}
            common |= {"lookup": {"table": "70000"}, "goto": {"target": 2000}}.get(action, {})
            yield Specimen(Rule(**common))
            yield Specimen(Rule(mark=0x6D, mask=0xFF, **common))
            yield Specimen(Rule(mark=0xFFFFFFFF, mask=0xFFFFFFFF, iif="lo", **common))
        inner = "10.1.0.0/16" if family == "inet" else "fd01::/64"
        yield Specimen(Rule(family=family, priority="1000", iif="lo", dst=inner, action="goto", target=2000))
        yield Specimen(Rule(family=family, priority="1000", src=inner, action="lookup", table="254"))
        yield Specimen(Rule(family=family, priority="1001", action="lookup", table="254", iif="nosuch0"))


def sysctls() -> Iterator[Specimen]:
    needs, value = (BRIDGE, BOX, ETH0), {"value": ["0"]}
    for ns, link in ((HOST, "br0"), ("box", "eth0")):
        for family, name in SETTINGS:
            path = f"net/{family}/conf/{link}/{name}"
            yield Specimen(Sysctl(ns=ns, name=path, value="1", link=link), needs, value)
    redirects = Sysctl(ns="box", name="net/ipv4/conf/eth0/send_redirects", value="1", link="eth0")
    yield Specimen(redirects, needs, value)
    yield Specimen(Sysctl(ns="box", name="net/ipv4/ip_unprivileged_port_start", value="99"), needs, value)
    ports = Sysctl(ns="box", name="net/ipv4/ip_local_port_range", value="2000 3000")
    yield Specimen(ports, needs, {"value": ["3000 4000"]})
    for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        yield Specimen(Forwarding(ns=HOST, name=name, value="1"), (), {"value": ["0"]})


def files() -> Iterator[Specimen]:
    content = [f"{FILE_MARK}\n127.0.0.1 localhost\n", f"{FILE_MARK}\n# ü\n" + "::1 x\n" * 9999]
    for name in ("hosts", "resolv.conf"):
        file = File(ns="box", path=f"/etc/netns/box/{name}", content=f"{FILE_MARK}\n")
        yield Specimen(file, (BOX,), {"content": content})


def balancers() -> Iterator[Specimen]:
    two = (("10.1.0.2", WHOLE // 2), ("10.1.0.3", WHOLE // 2))
    one, sticky, half = (("10.1.0.9", by, two[:count]) for by, count in ((False, 2), (True, 2), (False, 1)))
    six = ("fd00::9", True, (("fd00::2", 1), ("fd00::3", 0), ("fd00::4", WHOLE - 1)))
    nobody, bare = ("10.1.0.9", False, (("10.1.0.2", 0), ("10.1.0.3", 0))), ("10.1.0.8", False, ())
    changes = {"servers": [(one, six), (sticky,), (nobody,), (bare, one), (half,)]}
    yield Specimen(Balancer(ns="box", servers=(one,)), (BOX,), changes)


def names() -> Iterator[Specimen]:
    lines = ("10.1.0.2 web.m web", "fd00::2 web.m web")
    file = ZoneFile(network="m.2_x-y", project="p", lines=lines)
    yield Specimen(file, (), {"lines": [lines[:1], ()]})
    view = Resolver(project="p", name="m.2_x-y", port=15310, networks=("m.2_x-y",))
    changes = {
        "port": [15311],
        "interfaces": [("br-a", "vp*")],
        "networks": [("a", "b")],
        "wildcards": [(("web", "10.1.0.2"), ("web", "fd00::2"), ("x.y", "10.1.0.2"))],
        "written": [(("x.y", "0123456789ab"), ("y_z.org", "ba9876543210"))],
    }
    yield Specimen(view, (), changes, "names")
    yield Specimen(Resolver(project="p", name="box", ns="box", port=53), (BOX,), {}, "names")
    domain = HostDomain(link=BRIDGE.name, domain="p.internal", server="10.1.0.1:15310")
    changes = {"domain": ["q.internal"], "server": ["[fd00::1]:15311"], "others": [True]}
    yield Specimen(domain, (BRIDGE,), changes, "host names")


# Two of each part of a map's key or value.
WORDS = {
    "ifname": ("br-a", "eth0.100"),
    "nf_proto": ("ipv4", "ipv6"),
    "ipv4_addr": ("10.1.0.2", "198.51.100.7"),
    "ipv6_addr": ("fd00:1::2", "2001:db8::7"),
    "ether_addr": ("02:42:0a:01:00:02", "fe:00:00:00:00:00"),
    "inet_proto": ("tcp", "sctp"),
    "inet_service": ("8080", "65535"),
    "mark": ("0x00000001", "0xffffffff"),
    "verdict": ("goto refused", "goto told"),
    "iifname": ("br-a", "eth0.100"),
    "ether saddr": ("02:42:0a:01:00:02", "fe:00:00:00:00:00"),
    "ip daddr": ("10.1.0.2", "198.51.100.7"),
    "ip6 daddr": ("fd00:1::2", "2001:db8::7"),
    "meta l4proto": ("tcp", "sctp"),
    "th dport": ("8080", "65535"),
    "@nh,0,32": ("0x00000000", "0xffffffff"),
    "@ll,112,32": ("0x00140000", "0xffffffff"),
    "@nh,64,128": (f"0x{7:032x}", f"0x{2**128 - 1:032x}"),
    "@th,192,64": (f"0x{7:016x}", f"0x{2**64 - 1:016x}"),
}
RANGES = {
    "ipv4_addr": ("10.3.0.0/24", "0.0.0.0/8", "255.255.255.0/24", "10.3.2.1-10.3.2.6"),
    "ipv6_addr": ("fd00:3::/64", "2001:dba::/32"),
    "inet_service": ("9000-9063", "1-2"),
    "@nh,0,32": ("0x00000001-0x00005554", "0x00005555-0x0000ffff"),
    "@nh,64,128": (f"0x{8:032x}-0x{2**64:032x}",),
}


# An element's own, by how the one begins that its map has for all; and a second that is far off.
LIMITS = {"limit": "limit rate over 7/minute burst 9 packets", "ct co": "ct count over 70000"}
FOREVER = 1 << 33


def worded(kind: str, pick: int) -> str:
    return " . ".join(WORDS[part][pick] for part in kind.split(" . "))


def items(one: Map) -> Iterator[str]:
    if "dynamic" in one.flags:
        return
    yield from (worded(one.type, pick) for pick in (0, 1))
    *before, last = one.type.split(" . ")
    for span in RANGES.get(last, ()) if one.flags.startswith("interval") else ():
        yield " . ".join((*(WORDS[part][0] for part in before), span))


def beyond(chain: Chain, inside: list[Map | Chain]) -> list[Chain]:
    """The chains that its rules lead to."""
    names = {name for rule in chain.rules for name in re.findall(r"(?:jump|goto) ([\w-]+)", rule)}
    found = [one for one in inside if isinstance(one, Chain) and one.name in names]
    return [*dict.fromkeys(one for first in found for one in (*beyond(first, inside), first))]


def firewall() -> Iterator[Specimen]:
    names = [Listed(name="x.org", itself=True, below=True, ports=((0, (0, 65535)), (6, (80, 443))))]
    every = (*skeleton(), *view_skeleton("t", names, "0123456789ab"))
    parts = list({r.key: r for r in every}.values())  # each once, whichever ruleset has it
    for table in [r for r in parts if isinstance(r, Table)]:
        yield Specimen(table)
        inside = [r for r in parts if isinstance(r, Map | Chain) and r.family == table.family]
        maps = [r for r in inside if isinstance(r, Map)]
        yield from (Specimen(one, (table,)) for one in maps)
        for one in maps:
            where: dict[str, Any] = {"family": one.family, "table": TABLE, "map": one.name}
            value, changed = (worded(one.data, pick) if one.data else "" for pick in (0, 1))
            for item in items(one):
                element = Element(item=item, value=value, project="t", limit=one.template, **where)
                changes: dict[str, Any] = {"project": ["u", ""], "root": ["/srv/a b"]}
                changes |= {"value": [changed]} if one.data else {}
                changes |= {"limit": [LIMITS[one.template[:5]]]} if one.template else {}
                changes |= {"until": [str(FOREVER), str(FOREVER + 1)]} if "timeout" in one.flags else {}
                leads = [r for r in inside if isinstance(r, Chain) and f"goto {r.name}" in (value, changed)]
                yield Specimen(element, (table, one, *leads), changes)
        for chain in [r for r in inside if isinstance(r, Chain)]:
            rules = {"rules": [(), chain.rules[1:], (*chain.rules, "counter accept")]}
            yield Specimen(chain, (table, *maps, *beyond(chain, inside)), rules)
    yield Specimen(Table(family="inet", name=TABLE, root="/srv/a b/ü"), changes={"dormant": [True]})


GROUPS = (
    namespaces, bridges, veths, handed, limits, ports, stacked, overlays, encrypted, addresses, routes, rules,
    sysctls, files, balancers, names, firewall,
)  # fmt: skip
SPECIMENS = tuple(specimen for group in GROUPS for specimen in group())
