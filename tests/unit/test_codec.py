"""Our codec held against pyroute2's: each reads what the other wrote."""

import socket
import struct
from base64 import b64encode
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.resource import Resource
from reconciler.kernel.kinds import KINDS, bridge_port, entries, namespace, vxlan, wireguard
from reconciler.kernel.kinds.address import IFA_F_PERMANENT, addresses_of
from reconciler.kernel.kinds.address import message as address_message
from reconciler.kernel.kinds.bridge import create as new_bridge
from reconciler.kernel.kinds.bridge import raised as bridge_raised
from reconciler.kernel.kinds.bridge import settings as bridge_settings
from reconciler.kernel.kinds.link import create as new_link
from reconciler.kernel.kinds.link import orphan_of
from reconciler.kernel.kinds.link import settings as link_settings
from reconciler.kernel.kinds.route import TYPES
from reconciler.kernel.kinds.route import message as route_message
from reconciler.kernel.kinds.rule import ACTIONS
from reconciler.kernel.kinds.rule import message as rule_message
from reconciler.kernel.kinds.stacked_link import IPVLAN_FLAGS, IPVLAN_MODES
from reconciler.kernel.kinds.veth import Switched, host_mac, outer_settings, veth_of
from reconciler.kernel.kinds.veth import create as new_veth
from reconciler.kernel.netlink import layouts, traffic
from reconciler.kernel.netlink import links as rtnl
from reconciler.kernel.netlink import neighbours as ndm
from reconciler.kernel.netlink import socket as netlink
from reconciler.kernel.netlink import vlans as port_vlans
from reconciler.kernel.observe.readings import View
from reconciler.kinds.address import Address
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.link import Bridge, Link, OrphanVeth, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.overlay import NOBODY, FdbEntries, Neighbours, Vxlan
from reconciler.kinds.ownership import GROUP, HOST, LENT, OUTER, PROTOCOL, TO_DELETE
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.stacked_link import Dummy, Ipvlan, Macvlan, Vlan
from reconciler.kinds.wireguard import Wireguard

pytest.importorskip("pyroute2")

from pyroute2.netlink.generic.wireguard import wgmsg  # noqa: E402
from pyroute2.netlink.rtnl.fibmsg import fibmsg  # noqa: E402
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # noqa: E402
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # noqa: E402
from pyroute2.netlink.rtnl.ndmsg import ndmsg  # noqa: E402
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # noqa: E402
from pyroute2.netlink.rtnl.tcmsg import tcmsg  # noqa: E402

few = settings(max_examples=settings.default.max_examples // 2)  # of what is drawn in many parts

INDEX, PARENT = 7, 3
NAMES = {INDEX: "eth0", PARENT: "uplink"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

names = st.from_regex(r"[a-z][a-z0-9.-]{0,14}", fullmatch=True)
words = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,40}", fullmatch=True)
macs = st.binary(min_size=5, max_size=5).map(lambda raw: b"\2" + raw).map(lambda raw: raw.hex(":"))
mtus = st.integers(68, 65535)
versions = st.sampled_from([4, 6])
links_of_all = {"mtu": mtus, "up": st.booleans()}
stacked = {
    "ns": st.just("box"),
    "name": names,
    "project": words,
    "network": words,
    "parent": st.just("uplink"),
}

bridges = st.builds(
    Bridge, ns=st.just(HOST), name=names, project=words, network=words, mac=macs, outer=st.booleans(),
    filtering=st.booleans(), **links_of_all
)  # fmt: skip
veths = st.builds(
    Veth, ns=words, name=names, project=words, host_name=names, mac=macs,
    bridge=st.sampled_from(["", "uplink"]),
    hairpin=st.booleans(), isolated=st.booleans(), **links_of_all,
)  # fmt: skip
macvlans = st.builds(
    Macvlan, mac=macs, mode=st.sampled_from(["bridge", "private", "vepa"]), **stacked, **links_of_all
)
ipvlans = st.builds(
    Ipvlan,
    mode=st.sampled_from(list(IPVLAN_MODES)),
    flag=st.sampled_from(list(IPVLAN_FLAGS)),
    **stacked,
    **links_of_all,
)
vlans = st.builds(
    Vlan, ns=st.just(HOST), name=names, parent=st.just("uplink"), tag=st.integers(1, 4094), **links_of_all
)
dummies = st.builds(Dummy, ns=st.just(HOST), name=names, project=words, network=words, **links_of_all)


@st.composite
def ips(draw: st.DrawFn, version: int) -> str:
    raw = draw(st.ip_addresses(v=version)).packed
    return socket.inet_ntop(FAMILIES[version], raw)


any_ips = versions.flatmap(ips)
vxlans = st.builds(
    Vxlan, ns=st.just(HOST), name=names, project=words, network=words, vni=st.integers(0, 2**24 - 1),
    local=any_ips, port=st.integers(1, 65535), bridge=st.just("uplink"), flood=st.booleans(),
    isolated=st.booleans(), **links_of_all,
)  # fmt: skip


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    version = draw(versions)
    prefix = draw(st.integers(0, 32 if version == 4 else 128))
    return Address(ns="box", link="eth0", ip=draw(ips(version)), prefix=prefix)


@st.composite
def prefixes(draw: st.DrawFn, version: int) -> str:
    """With no bit beyond their length, as the kernel demands of a route."""
    size = 32 if version == 4 else 128
    length = draw(st.integers(0, size))
    number = draw(st.integers(0, (1 << length) - 1)) << (size - length)
    return f"{socket.inet_ntop(FAMILIES[version], number.to_bytes(size // 8, 'big'))}/{length}"


@st.composite
def routes(draw: st.DrawFn) -> Route:
    version = draw(versions)
    common: dict[str, Any] = {
        "ns": "box",
        "table": draw(st.just("main") | st.integers(1, 2**32 - 1).filter(lambda n: n != 254).map(str)),
        "dst": draw(prefixes(version)),
        "metric": draw(st.integers(0, 2**32 - 1).filter(lambda n: n != 1024)),
    }
    if draw(st.booleans()):
        return Route(kind=draw(st.sampled_from(["blackhole", "unreachable", "prohibit"])), **common)
    some = st.just("") | ips(version)
    return Route(link="eth0", via=draw(some), src=draw(some), onlink=draw(st.booleans()), **common)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    action = draw(st.sampled_from(list(ACTIONS)))
    mask = draw(st.integers(0, 2**32 - 1))
    version = draw(st.sampled_from([4, 6]))
    return Rule(
        family="inet" if version == 4 else "inet6",
        src=draw(st.just("") | prefixes(version)),
        dst=draw(st.just("") | prefixes(version)),
        priority=str(draw(st.integers(0, 2**32 - 1))),
        iif=draw(st.just("") | names),
        action=action,
        table=str(draw(st.integers(1, 2**32 - 1))) if action == "lookup" else "",
        target=draw(st.integers(1, 2**32 - 1)) if action == "goto" else 0,
        mark=draw(st.integers(1, 2**32 - 1)) if mask else 0,
        mask=mask,
    )


def theirs(kind: type, message: netlink.Message):
    """What pyroute2 makes of a message of ours."""
    head = netlink.HEADER.pack(len(message.body) + 16, message.kind, message.flags, 1, 0)
    decoded = kind(head + message.body)
    decoded.decode()
    return decoded


def ours(message) -> bytes:
    """The body of a message that pyroute2 wrote."""
    message.encode()
    return bytes(message.data[16:])


def again(kind: Any, message: netlink.Message) -> bytes:
    """Our message, read by pyroute2 and written by it from what it read."""
    read = theirs(kind, message)
    fresh = kind()
    for name, _ in kind.fields:
        fresh[name] = read[name]
    fresh["attrs"] = read["attrs"]
    return ours(fresh)


def link_message(*attrs: tuple[str, object], index: int = INDEX, up: bool = False):
    message = ifinfmsg()
    message["index"], message["flags"], message["attrs"] = index, rtnl.MULTICAST | up, list(attrs)
    return message


def told(message) -> dict[str, object]:
    return dict(message["attrs"])


class Knowing:
    """Who answers that a bridge knows its own MAC."""

    def send(self, question: bytes) -> None:
        """It is asked of nothing else."""

    def recv(self, size: int) -> bytes:
        body = ndm.NDMSG.pack(ndm.PF_BRIDGE, INDEX, ndm.NUD_PERMANENT, ndm.NTF_SELF, 0)
        return netlink.HEADER.pack(len(body) + 16, ndm.NEWNEIGH, 0, 0, 0) + body


class Told:
    """One dump of a namespace, and whose sandbox it is."""

    host = Knowing()

    def __init__(self, kind: type[Resource], *bodies: bytes, project: str = ""):
        self.told, self.owner = view(kind, *bodies), project

    def view(self, ns: str) -> View:
        return self.told

    def project(self, ns: str) -> str:
        return self.owner


def view(kind: type[Resource], *bodies: bytes) -> View:
    found = View("box", {}, dumps={kind: list(bodies)})
    found.names = NAMES
    return found


def read(kind: type[Resource], body: bytes) -> list[Resource]:
    """What we make of a message, as the dump of a sandbox has it."""
    return list(KINDS[kind].decode(Told(kind, body), "box"))


def read_link(like: Any, seen: rtnl.Seen) -> list[Resource]:
    """What we make of a link of the same kind and place."""
    readings = Told(Link, project=getattr(like, "project", ""))
    return list(KINDS[type(like)].decode_link(readings, like.ns, seen))


def link_messages(link: Link) -> tuple[netlink.Message, netlink.Message]:
    """The first two that it is made by."""
    mac = getattr(link, "mac", "")
    placed, _ = link_settings(link, rtnl.hardware(mac) if mac else b"")
    return new_link(link, PARENT, 9), placed


# what we write, as pyroute2 reads it


@few
@given(bridges)
def test_a_bridge_as_they_read_it(bridge: Bridge):
    made, settings, quiet = (
        theirs(ifinfmsg, m) for m in (new_bridge(bridge), *bridge_settings(bridge, None))
    )
    assert told(made)["IFLA_IFNAME"] == bridge.name
    assert told(made)["IFLA_ADDRESS"] == bridge.mac
    assert told(made)["IFLA_GROUP"] == told(settings)["IFLA_GROUP"] == (OUTER if bridge.outer else GROUP)
    assert made.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == "bridge"
    data = settings.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    assert bridge.filtering == bool(data and data.get_attr("IFLA_BR_VLAN_FILTERING"))
    assert told(settings)["IFLA_MTU"] == bridge.mtu
    assert told(settings)["IFLA_IFALIAS"] == bridge.alias
    generated = quiet.get_nested("IFLA_AF_SPEC", "AF_INET6", "IFLA_INET6_ADDR_GEN_MODE")
    assert generated == (1 if bridge.mtu >= 1280 else None)  # below, there is no IPv6 to speak of
    deaf, raised, hearing = (theirs(ifinfmsg, m) for m in bridge_raised(bridge))
    turned = [
        one.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA").get_attr("IFLA_BR_MCAST_SNOOPING")
        for one in (deaf, hearing)
    ]
    assert turned == [0, 1] and deaf["change"] == hearing["change"] == 0
    assert (raised["flags"], raised["change"]) == (int(bridge.up), 1)


@few
@given(veths, st.integers(0, 1000), st.integers(0, 1000))
def test_a_veth_as_they_read_it(veth: Veth, index: int, master: int):
    made = theirs(ifinfmsg, new_veth(veth, index, 9, master))
    assert told(made)["IFLA_IFNAME"] == veth.host_name
    assert told(made)["IFLA_ADDRESS"] == host_mac(veth.mac) != veth.mac
    assert told(made)["IFLA_GROUP"] == GROUP and told(made)["IFLA_NET_NS_FD"] == 9
    assert told(made).get("IFLA_MASTER", 0) == master
    assert told(made)["IFLA_NUM_TX_QUEUES"] == told(made)["IFLA_NUM_RX_QUEUES"] == 1
    peer = made.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "VETH_INFO_PEER")
    assert peer["index"] == index and peer["flags"] == 0  # a peer that is made up is refused: ENOTCONN
    assert told(peer)["IFLA_IFNAME"] == veth.name
    assert told(peer)["IFLA_ADDRESS"] == veth.mac
    assert told(made)["IFLA_MTU"] == told(peer)["IFLA_MTU"] == veth.mtu
    assert told(peer)["IFLA_NUM_TX_QUEUES"] == told(peer)["IFLA_NUM_RX_QUEUES"] == 1


@few
@given(veths)
def test_a_bridge_port_as_they_read_it(veth: Veth):
    first, port = (theirs(ifinfmsg, m) for m in outer_settings(veth, PARENT))
    assert told(first)["IFLA_MASTER"] == PARENT and told(first)["IFLA_IFALIAS"] == veth.alias
    assert port.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_KIND") == "bridge"
    data = port.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_DATA")
    assert data.get_attr("IFLA_BRPORT_MODE") == veth.hairpin
    assert data.get_attr("IFLA_BRPORT_ISOLATED") == veth.isolated
    assert first["flags"] == 0 and port["flags"] == int(veth.up)
    _, up = (theirs(ifinfmsg, m) for m in outer_settings(veth, 0))
    assert up["flags"] == int(veth.up) and "IFLA_LINKINFO" not in told(up)  # no port, no settings of one


@given(words, names)
def test_marks_as_they_read_them(project: str, name: str):
    lo = namespace.lo(Namespace(name=name, project=project))
    assert told(theirs(ifinfmsg, lo))["IFLA_IFALIAS"] == f"reconciler/{project}/{name}"
    assert theirs(ifinfmsg, lo)["index"] == theirs(ifinfmsg, lo)["flags"] == 1
    assert told(theirs(ifinfmsg, rtnl.regrouped(name))) == {"IFLA_IFNAME": name, "IFLA_GROUP": TO_DELETE}
    lowered = theirs(ifinfmsg, rtnl.regrouped(name, lowered=True))
    assert (theirs(ifinfmsg, rtnl.regrouped(name))["change"], lowered["change"], lowered["flags"]) == (
        0,
        1,
        0,
    )
    assert told(theirs(ifinfmsg, rtnl.group_deleted())) == {"IFLA_GROUP": TO_DELETE}


@few
@given(st.one_of(macvlans, ipvlans, vlans, dummies))
def test_stacked_links_as_they_read_them(link: Link):
    made = theirs(ifinfmsg, new_link(link, PARENT, 9))
    data = made.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    assert made.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == type(link).__name__.lower()
    on_lan = link.ns == HOST and isinstance(link, Macvlan | Vlan)
    assert told(made)["IFLA_GROUP"] == (OUTER if on_lan else GROUP) and told(made)["IFLA_LINK"] == PARENT
    assert ("IFLA_NET_NS_FD" in told(made)) == (link.ns != HOST)
    match link:
        case Macvlan():
            assert data.get_attr("IFLA_MACVLAN_MODE") == link.mode
        case Ipvlan():
            assert data.get_attr("IFLA_IPVLAN_MODE") == IPVLAN_MODES[link.mode]
            # pyroute2 0.9.7 has no name for IFLA_IPVLAN_FLAGS: test_readback asks the kernel
        case Vlan():
            assert data.get_attr("IFLA_VLAN_ID") == link.tag
            assert data.get_attr("IFLA_VLAN_PROTOCOL") == 0x8100


@few
@given(vxlans)
def test_a_tunnel_as_they_read_it(link: Vxlan):
    made, placed, _, port, up = (
        theirs(ifinfmsg, m) for m in (new_link(link, 0, 9), *vxlan.settings(link, PARENT))
    )
    data = made.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    assert data.get_attr("IFLA_VXLAN_ID") == link.vni and data.get_attr("IFLA_VXLAN_LEARNING") == 0
    assert data.get_attr("IFLA_VXLAN_PORT") == link.port
    assert data.get_attr(f"IFLA_VXLAN_LOCAL{'6' * (':' in link.local)}") == link.local
    assert told(placed)["IFLA_MASTER"] == PARENT and told(placed)["IFLA_IFALIAS"] == link.alias
    port = port.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_DATA")
    floods = [port.get_attr(f"IFLA_BRPORT_{name}CAST_FLOOD") for name in ("UNI", "M", "B")]
    assert floods == [0, int(link.flood), int(link.flood)]
    assert port.get_attr("IFLA_BRPORT_NEIGH_SUPPRESS") == int(not link.flood)
    assert port.get_attr("IFLA_BRPORT_ISOLATED") == link.isolated
    assert port.get_attr("IFLA_BRPORT_LEARNING") == 0 and up["flags"] == int(link.up)


keys = st.binary(min_size=32, max_size=32).map(lambda raw: b64encode(raw).decode())


@few
@given(st.lists(keys, min_size=2, max_size=2, unique=True), any_ips, st.integers(1, 65535))
def test_a_peer_goes_both_ways(pair: list[str], ip: str, port: int):
    key, gone = pair
    entry = f"{key} fd07::2 {f'[{ip}]' if ':' in ip else ip}:{port}"
    link = Wireguard(ns=HOST, name="wg0", project="t", port=port, public_key=key, peers=(entry,))
    before = replace(link, peers=(f"{gone} fd07::3 192.0.2.1:1",))
    wrote = list(wireguard.messages(99, link, before, bytes(32)))
    device, left, new = (theirs(wgmsg, message) for message in wrote)
    assert device.get_attr("WGDEVICE_A_LISTEN_PORT") == port and device.get_attr("WGDEVICE_A_IFNAME") == "wg0"
    [left], [new] = (message.get_attr("WGDEVICE_A_PEERS") for message in (left, new))
    assert left.get_attr("WGPEER_A_PUBLIC_KEY").decode() == gone
    assert left.get_attr("WGPEER_A_FLAGS") == wireguard.REMOVE
    assert new.get_attr("WGPEER_A_PUBLIC_KEY").decode() == key
    assert (
        new.get_attr("WGPEER_A_ENDPOINT")["addr"] == ip and new.get_attr("WGPEER_A_ENDPOINT")["port"] == port
    )
    assert [one["addr"] for one in new.get_attr("WGPEER_A_ALLOWEDIPS")] == ["fd07::2/128"]
    [peer] = wireguard.elements(netlink.attributes(wrote[2].body, 4)[wireguard.PEERS])
    assert wireguard.entry(peer, {}) == entry


@few
@given(names, st.integers(1, 1000))
def test_a_lent_link_as_they_read_it(name: str, master: int):
    port = BridgePort(link=name, bridge="br")
    first, mark = (theirs(ifinfmsg, m) for m in bridge_port.lend(port, master))
    assert told(first) == {"IFLA_IFNAME": name, "IFLA_MASTER": master}
    data = mark.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_DATA")
    assert told(data) == {
        "IFLA_BRPORT_COST": LENT, "IFLA_BRPORT_LEARNING": 1, "IFLA_BRPORT_UNICAST_FLOOD": 1,
    }  # fmt: skip
    back = bridge_port.mastered(port, 0)
    assert told(theirs(ifinfmsg, back)) == {"IFLA_IFNAME": name, "IFLA_MASTER": 0}


tags = st.sets(st.integers(1, 4094) | st.integers(1, 6) | st.integers(4089, 4094), min_size=1)


@few
@given(tags, st.data())
def test_vlans_go_both_ways(tags: set[int], data: st.DataObject):
    native = data.draw(st.sampled_from((0, 1, *sorted(tags))))
    untagged = data.draw(st.sampled_from(sorted(tags)))
    vlans = tuple(f"{tag}{' pvid untagged' * (tag == untagged)}" for tag in sorted(tags))
    put, clear = port_vlans.membership(INDEX, port_vlans.normal(vlans, native), native)
    for message in (put, clear):
        read = theirs(ifinfmsg, message)
        assert (read["family"], read["index"]) == (socket.AF_BRIDGE, INDEX)
    raw = netlink.attributes(put.body, 16)[rtnl.IFLA_AF_SPEC]
    assert port_vlans.worded(dict(port_vlans.entries(raw))) == vlans
    assert (port_vlans.normal(vlans, native) == ()) == (vlans == (f"{native} pvid untagged",))
    gone = {tag for tag, _ in port_vlans.entries(netlink.attributes(clear.body, 16)[rtnl.IFLA_AF_SPEC])}
    assert gone == set(range(1, 4095)) - tags


def test_a_port_in_no_vlan_is_told_from_one_that_is_where_it_began():
    assert (port_vlans.normal((), 1), port_vlans.normal((), 0)) == (("0",), ())
    assert (port_vlans.numbers((), 0), port_vlans.numbers((), 10)) == ([0], [10])
    for vlans, native in ((("0",), 1), ((), 0)):
        [clear] = port_vlans.membership(INDEX, vlans, native)
        entries = port_vlans.entries(netlink.attributes(clear.body, 16)[rtnl.IFLA_AF_SPEC])
        assert {tag for tag, _ in entries} == set(range(1, 4095))


@few
@given(macs, any_ips)
def test_entries_as_they_read_them(mac: str, ip: str):
    for address, wanted in ((mac, ndm.NTF_SELF | ndm.NTF_MASTER | ndm.NTF_STICKY), (NOBODY, ndm.NTF_SELF)):
        new = FdbEntries(link="vx0", bridge="br0", entries=(f"{address} {ip}",))
        made = [theirs(ndmsg, m) for m in entries.changes(FdbEntries, INDEX, new.entries, None)]
        assert {(one["family"], one["ifindex"]) for one in made} == {(socket.AF_BRIDGE, INDEX)}
        assert reduce(or_, (one["flags"] for one in made)) == wanted
        for one in made:
            assert told(one) == {"NDA_LLADDR": address} | (
                {"NDA_DST": ip} if one["flags"] & ndm.NTF_SELF else {}
            )
        for one in entries.changes(FdbEntries, INDEX, (), new):
            assert told(theirs(ndmsg, one))["NDA_LLADDR"] == address


@few
@given(macs, any_ips)
def test_neighbours_go_both_ways(mac: str, ip: str):
    new = Neighbours(link="br0", entries=(f"{ip} {mac}",))
    [message] = entries.changes(Neighbours, INDEX, new.entries, None)
    assert list(entries.neighbours_of([again(ndmsg, message)])) == [(INDEX, entry) for entry in new.entries]


@pytest.mark.parametrize("rate", [1000, 2**31, 2**32 - 1, 2**32, 10**13])
def test_a_token_bucket_as_they_read_it(rate: int):
    read = theirs(tcmsg, traffic.put_bucket(INDEX, 0x7265, traffic.Bucket(rate, 1234, 5678)))
    assert (read["index"], read["handle"], read["parent"]) == (INDEX, 0x7265_0000, 0xFFFF_FFFF)
    assert told(read)["TCA_KIND"] == "tbf"
    options = dict(told(read)["TCA_OPTIONS"]["attrs"])
    parms = options["TCA_TBF_PARMS"]
    assert (parms["rate"], parms["limit"], parms["buffer"]) == (min(rate, 2**32 - 1), 5678, 1234)
    raw = traffic.put_bucket(INDEX, 0x7265, traffic.Bucket(rate, 1234, 5678)).body
    found = netlink.attributes(netlink.attributes(raw, traffic.TCMSG.size)[traffic.TCA_OPTIONS])
    assert traffic.bucket(found) == traffic.Bucket(rate, 1234, 5678)


def test_a_redirect_as_they_read_it():
    message = traffic.put_redirect(INDEX, 0x7265, 77)
    read = theirs(tcmsg, message)
    assert (read["index"], read["parent"], read["info"]) == (INDEX, 0xFFFF_0000, 0x7265_0300)
    assert told(read)["TCA_KIND"] == "u32"
    options = dict(told(read)["TCA_OPTIONS"]["attrs"])
    [key] = options["TCA_U32_SEL"]["keys"]
    assert (key["key_mask"], key["key_val"], key["key_off"]) == (0, 0, 0)
    assert traffic.led_to(netlink.attributes(message.body, traffic.TCMSG.size)) == 77


@few
@given(addresses(), st.booleans())
def test_an_address_as_they_read_it(address: Address, delete: bool):
    read = theirs(ifaddrmsg, address_message(address, INDEX, delete=delete))
    assert (read["family"], read["prefixlen"], read["index"]) == (
        rtnl.packed(address.ip)[0], address.prefix, INDEX,
    )  # fmt: skip
    assert told(read)["IFA_LOCAL"] == told(read)["IFA_ADDRESS"] == address.ip
    assert told(read)["IFA_PROTO"] == PROTOCOL
    assert told(read).get("IFA_FLAGS", 0) == (2 if ":" in address.ip else 0)  # IFA_F_NODAD


@few
@given(routes())
def test_a_route_as_they_read_it(route: Route):
    read = theirs(rtmsg, route_message(route, INDEX if route.link else 0))
    table = 254 if route.table == "main" else int(route.table)
    ip, _, length = route.dst.partition("/")
    assert (read["family"], read["dst_len"], read["proto"]) == (rtnl.packed(ip)[0], int(length), PROTOCOL)
    assert read["type"] == TYPES[route.kind] and told(read)["RTA_TABLE"] == table
    assert told(read).get("RTA_DST", ip) == ip
    assert told(read).get("RTA_GATEWAY", "") == route.via
    assert told(read).get("RTA_PREFSRC", "") == route.src
    assert told(read).get("RTA_PRIORITY", 0) == route.metric
    assert told(read).get("RTA_OIF", 0) == (INDEX if route.link else 0)
    assert read["flags"] == (4 if route.onlink else 0)  # RTNH_F_ONLINK


@few
@given(rules())
def test_a_rule_as_they_read_it(rule: Rule):
    read = theirs(fibmsg, rule_message(rule))
    assert read["action"] == ACTIONS[rule.action]
    assert told(read)["FRA_PRIORITY"] == int(rule.priority) and told(read)["FRA_PROTOCOL"] == PROTOCOL
    assert told(read).get("FRA_IIFNAME", "") == rule.iif
    assert told(read).get("FRA_DST", "") == rule.dst.partition("/")[0]
    assert read["dst_len"] == int(rule.dst.partition("/")[2] or 0)
    assert told(read).get("FRA_FWMARK", 0) == rule.mark and told(read).get("FRA_FWMASK", 0) == rule.mask
    assert str(told(read).get("FRA_TABLE", "")) == rule.table
    assert told(read).get("FRA_GOTO", 0) == rule.target


# what they write, as we read it


@few
@given(bridges)
def test_a_bridge_that_they_wrote(bridge: Bridge):
    data = {"attrs": [("IFLA_BR_VLAN_FILTERING", int(bridge.filtering))]}
    group = OUTER if bridge.outer else GROUP
    message = link_message(
        ("IFLA_IFNAME", bridge.name), ("IFLA_ADDRESS", bridge.mac), ("IFLA_MTU", bridge.mtu),
        ("IFLA_IFALIAS", bridge.alias), ("IFLA_GROUP", group),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", data)]}), up=bridge.up,
    )  # fmt: skip
    seen = rtnl.Seen(ours(message))
    assert (seen.index, seen.group, seen.kind) == (INDEX, group, "bridge")
    assert read_link(bridge, seen) == [bridge]
    assert orphan_of(seen) == OrphanVeth(
        ns=HOST, name=bridge.name, mtu=bridge.mtu, up=bridge.up, project=bridge.project
    )


@few
@given(st.one_of(macvlans, ipvlans.map(lambda link: replace(link, flag="bridge")), vlans, dummies))
def test_stacked_links_go_both_ways(link: Link):
    made, placed = link_messages(link)
    head = rtnl.ifinfo(INDEX, rtnl.MULTICAST | link.up)
    body = again(ifinfmsg, netlink.Message(0, 0, head + made.body[16:] + placed.body[16:]))
    assert read_link(link, rtnl.Seen(body)) == [link]


@few
@given(veths, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_a_veth_that_they_wrote(veth: Veth, inner_up: bool, outer_up: bool, learning: bool, flood: bool):
    inner = link_message(
        ("IFLA_IFNAME", veth.name), ("IFLA_ADDRESS", veth.mac), ("IFLA_MTU", veth.mtu), up=inner_up
    )
    port = [("IFLA_BRPORT_MODE", int(veth.hairpin)), ("IFLA_BRPORT_ISOLATED", int(veth.isolated))]
    port += [("IFLA_BRPORT_LEARNING", int(learning)), ("IFLA_BRPORT_UNICAST_FLOOD", int(flood))]
    slave = {"attrs": [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": port})]}
    outer = link_message(
        ("IFLA_IFNAME", veth.host_name), ("IFLA_MTU", veth.mtu), ("IFLA_IFALIAS", veth.alias),
        *([("IFLA_MASTER", PARENT), ("IFLA_LINKINFO", slave)] if veth.bridge else []), up=outer_up,
    )  # fmt: skip
    pair = rtnl.Seen(ours(inner)), rtnl.Seen(ours(outer))
    read = veth_of(veth.ns, pair, NAMES, Switched((), veth.station, ""))
    assert read.values() == veth.values() | {
        "up": inner_up and outer_up,
        # an end without a bridge has no port to hold these
        "hairpin": veth.hairpin if veth.bridge else True,
        "isolated": veth.isolated if veth.bridge else False,
        "station": "" if veth.bridge and (learning or flood) else veth.station,
    }


@few
@given(addresses())
def test_an_address_goes_both_ways(address: Address):
    body = again(ifaddrmsg, address_message(address, INDEX))
    told = body[:2] + bytes([IFA_F_PERMANENT]) + body[3:]  # as Linux tells of one without a lifetime
    assert list(addresses_of(view(Address, told))) == [address]


@few
@given(routes())
def test_a_route_goes_both_ways(route: Route):
    body = again(rtmsg, route_message(route, INDEX if route.link else 0))
    assert read(Route, body) == [route]


@few
@given(rules())
def test_a_rule_goes_both_ways(rule: Rule):
    body = again(fibmsg, rule_message(rule))
    assert read(Rule, body) == [rule]


def test_what_others_made_is_not_ours():
    route = Route(ns="box", dst="10.0.0.0/8", link="eth0")
    message = theirs(rtmsg, route_message(route, INDEX))
    message["proto"] = 4  # RTPROT_STATIC
    fresh = rtmsg()
    for name in ("family", "dst_len", "table", "proto", "scope", "type"):
        fresh[name] = message[name]
    fresh["attrs"] = message["attrs"]
    assert read(Route, ours(fresh)) == []


def test_the_default_metric_of_ipv6_reads_as_none():
    route = Route(ns="box", dst="fd00::/8", link="eth0", metric=1024)
    [found] = read(Route, route_message(route, INDEX).body)
    assert isinstance(found, Route) and found.metric == 0


# the frame around it


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=9)), unique_by=lambda pair: pair[0]))
def test_attributes_are_padded_and_found_again(pairs: list[tuple[int, bytes]]):
    data = b"".join(netlink.attr(kind, raw) for kind, raw in pairs)
    assert len(data) % 4 == 0
    assert netlink.attributes(data) == dict(pairs)
    nested = netlink.nest(5, data)
    assert netlink.attributes(netlink.attributes(nested)[5]) == dict(pairs)


@given(st.data(), st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=9)), max_size=9))
def test_what_is_laid_out_alike_is_taken_apart_as_what_is_gone_through(data, pairs: list[tuple[int, bytes]]):
    """Another of the same size may have them in another order, or differ in any byte."""
    orders = [pairs, data.draw(st.permutations(pairs)), pairs]
    rest = bytes(data.draw(st.integers(0, 3)))
    messages = [bytearray(b"".join(netlink.attr(*pair) for pair in order) + rest) for order in orders]
    if messages[0]:
        spots, values = st.integers(0, len(messages[0]) - 1), st.integers(0, 255)
        messages[1][data.draw(spots)] = data.draw(values)
    layouts.KNOWN.clear()
    assert [apart(one, 0) for one in messages] == [apart(one, len(one) + 1) for one in messages]


def apart(message: bytes, long: int) -> dict[int, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layouts, "LONG", long)
        return netlink.attributes(bytes(message))


@given(st.binary(max_size=64))
@example(bytes(16))
def test_garbage_ends_the_reading(data: bytes):
    netlink.attributes(data)
    list(netlink.frames(data))


@given(st.text(alphabet="abc .", min_size=1, max_size=40), st.booleans())
def test_the_kernels_own_words(text: str, capped: bool):
    """NLMSGERR_ATTR_MSG stands behind the header of the refused message, or behind all of it."""
    header = netlink.HEADER.pack(16 + 8, 16, 5, 0, 0)
    body = struct.pack("=i", -22) + header + (b"" if capped else bytes(8)) + netlink.text(1, text)
    assert netlink.words(22, 0x200 | (0x100 if capped else 0), body) == text
    assert netlink.words(22, 0, body) == "Invalid argument"
