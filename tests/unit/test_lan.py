"""Bridges on a LAN and VLANs of their ports, decided and lowered."""

from dataclasses import replace

import pytest

from reconciler.core.resource import State
from reconciler.errors import ManifestError, ManifestErrors, Unsupported
from reconciler.inventory.facts import Device, Facts, StackedNetwork
from reconciler.inventory.learn import know
from reconciler.inventory.ownership import of_others
from reconciler.kinds.address import Address
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.link import Bridge, Veth
from reconciler.kinds.nft import Element
from reconciler.kinds.ownership import HOST
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.stacked_link import Macvlan, Vlan
from reconciler.manifest.spec import EndpointSpec, NetworkSpec, SubnetSpec
from reconciler.pipeline import decide
from tests.unit.worlds import build, container, manifest, port, project

LINKS = {
    "lo": Device(),
    "eth0": Device(mtu=9000),
    "eth1": Device(),
    "eth2": Device(master="br0"),
    "br0": Device("bridge", mtu=1400),
    "br1": Device("bridge", filtering=True),
}
HOST_FACTS = Facts(
    links=LINKS,
    routes=frozenset({"192.0.2.0/24", "198.51.100.0/24"}),
    addresses={"192.0.2.9": "br0", "198.51.100.1": "eth1", "fe80::1": "eth0"},
    uplinks=frozenset({"eth1"}),
)
UNMANAGED = {"mode": "unmanaged"}


def lan(name: str = "lan", subnet: str = "192.0.2.0/24", host: str = "", bridge: str = "", **options):
    subnets = (SubnetSpec(subnet=subnet, gateway=subnet.replace("0/24", "254")),) if subnet else ()
    return NetworkSpec(name=name, subnets=subnets, options=options, host_access=host, bridge_name=bridge)


def end(**wishes) -> EndpointSpec:
    return EndpointSpec(network="lan", **wishes)


def state(*items, facts: Facts = HOST_FACTS, name: str = "shop") -> State:
    return decide(manifest(project(name, *items)), facts)[1]


def of(kind, state: State):
    return [r for r in state.values() if isinstance(r, kind)]


def test_the_bridge_has_the_link_for_a_port_and_neither_gateway_nor_firewall():
    desired = state(lan(parent="eth0"), container("web", "lan", ports=(port(80, 8080),)))
    [bridge], [veth] = of(Bridge, desired), of(Veth, desired)
    assert of(BridgePort, desired) == [BridgePort(link="eth0", bridge=bridge.name)]
    assert (bridge.outer, bridge.filtering, bridge.mtu, veth.bridge) == (True, False, 9000, bridge.name)
    assert [r.via for r in of(Route, desired)] == ["192.0.2.254"]
    assert {r.ns for r in of(Address, desired)} == {"shop-web"}
    assert not of(Rule, desired) and {r.map for r in of(Element, desired)} == {"projects", "ports", "own4"}


def test_the_host_may_have_addresses_on_the_bridge():
    desired = state(lan(parent="eth0", host="192.0.2.250"), container("web", "lan"))
    assert [(r.ip, r.prefix) for r in of(Address, desired) if r.ns == HOST] == [("192.0.2.250", 24)]
    with pytest.raises(ManifestError, match="is taken"):
        state(lan(parent="eth0", host="192.0.2.250"), container("web", end(ipv4_address="192.0.2.250")))


def test_an_8021q_link_is_made_and_lent():
    desired = state(lan(parent="eth1.50"), container("web", "lan"))
    assert [r.name for r in of(Vlan, desired)] == [r.link for r in of(BridgePort, desired)] == ["eth1.50"]


def test_somebody_elses_bridge_gets_ports_alone():
    desired = state(lan(bridge="br0", **UNMANAGED), container("web", "lan"))
    assert not of(Bridge, desired) and not of(BridgePort, desired)
    assert [(r.bridge, r.mtu) for r in of(Veth, desired)] == [("br0", 1400)]


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lan(parent="nope"), "no link nope"),
        (lan(parent="eth1"), "would lose 198.51.100.1"),
        (lan(parent="eth1"), "default route"),
        (lan(parent="eth2"), "port of br0"),
        (lan(parent="br0"), "a bridge itself"),
        (lan(parent="eth0", subnet=""), "no IPv4 subnet"),
        (replace(lan(parent="eth0"), enable_ipv6=True), "no IPv6 subnet"),
        (lan(parent="eth0", host="all"), "needs an address"),
        (lan(parent="eth0", host="10.0.0.1"), "in no subnet"),
        (replace(lan(parent="eth0"), mtu=9001), "at most 9000"),
        (lan(parent="eth0", mode="wrong"), "no mode wrong"),
        (lan(**UNMANAGED), "one that stands"),
        (lan(bridge="br7", **UNMANAGED), "no bridge br7"),
        (lan(bridge="eth0", **UNMANAGED), "no bridge eth0"),
        (lan(bridge="br0", host="192.0.2.8", **UNMANAGED), "br0 is unmanaged"),
    ],
)
def test_what_a_host_cannot_give_is_refused(network, words):
    with pytest.raises((ManifestError, ManifestErrors), match=words):
        state(network, container("web", "lan"))


def test_what_is_lent_already_has_nothing_to_lose():
    [bridge] = of(Bridge, state(lan(parent="eth0"), container("web", "lan")))
    lent = {**LINKS, "eth0": Device(master=bridge.name)}
    late = replace(HOST_FACTS, links=lent, addresses={"203.0.113.1": "eth0"})
    assert of(BridgePort, state(lan(parent="eth0"), container("web", "lan"), facts=late))


@pytest.mark.parametrize("driver", ["macvlan", "bridge"])
def test_a_link_is_lent_once(driver):
    first = lan(parent="eth0")
    second = replace(lan("other", "10.0.0.0/24", parent="eth0"), driver=driver)
    with pytest.raises(ManifestErrors, match="shop_lan"):
        state(first, second)
    live = state(first, container("web", "lan"))
    known = know(HOST_FACTS, live, frozenset({"blog"}))
    assert known.children == (StackedNetwork("shop", "shop_lan", "eth0", "bridge", "port"),)
    assert known.networks == {}
    with pytest.raises(ManifestErrors, match="shop_lan"):
        state(second, facts=known, name="blog")
    assert set(live) == set(of_others(live, frozenset({"blog"})))
    assert of(Macvlan, state(replace(first, driver="macvlan"), container("web", "lan")))


def test_the_first_word_of_vlans_makes_the_bridge_keep_them_apart():
    tagged = container("a", end(vlan=20)), container("b", end(trunk=(30, 20))), container("c", "lan")
    desired = state(lan(parent="eth0"), *tagged)
    assert of(Bridge, desired)[0].filtering
    assert of(BridgePort, desired)[0].vlans == ("1 pvid untagged", "20", "30")
    assert {r.ns: r.vlans for r in of(Veth, desired)} == {
        "shop-a": ("20 pvid untagged",), "shop-b": ("1 pvid untagged", "20", "30"), "shop-c": (),
    }  # fmt: skip
    [trunk] = [r for r in of(Veth, desired) if r.ns == "shop-b"]
    assert {r.item for r in of(Element, desired) if r.map == "trunks"} == {
        f"{trunk.host_name} . {trunk.mac} . 0x00140000", f"{trunk.host_name} . {trunk.mac} . 0x001e0000",
    }  # fmt: skip
    assert [r.item for r in of(Element, desired) if r.map == "held4"] == [f"{trunk.host_name} . 192.0.2.0/24"]


def test_a_trunk_may_use_no_address_of_any_network_on_its_bridge():
    networks = (
        lan("lan", "10.7.0.0/24", bridge="br1", **UNMANAGED),
        lan("more", "10.7.1.0/24", bridge="br1", **UNMANAGED),
    )
    desired = state(*networks, container("a", end(trunk=(20,))), container("b", "more"))
    assert [r.item.split()[-1] for r in of(Element, desired) if r.map == "held4"] == ["10.7.0.0/23"]


def test_behind_the_host_only_the_first_vlan_has_a_gateway_and_publishes():
    boxes = (container("a", end(vlan=20), ports=(port(80, 8080),)), container("b", end(trunk=(20,))))
    topology = build(manifest(project("shop", lan(subnet="10.0.0.0/24"), *boxes)), HOST_FACTS)
    a, b = topology.networks[0].endpoints
    assert a.gateways == () and b.gateways and not topology.ports


def test_a_kernel_without_vlans_and_networks_without_are_refused():
    lacking = replace(HOST_FACTS, missing={"vlan filtering": "CONFIG_BRIDGE_VLAN_FILTERING"})
    with pytest.raises(Unsupported, match="no vlan filtering"):
        state(lan(parent="eth0"), container("a", end(vlan=20)), facts=lacking)
    with pytest.raises(ManifestError, match="no VLANs"):
        state(replace(lan(parent="eth0"), driver="macvlan"), container("a", end(vlan=20)))


def test_somebody_elses_bridge_must_keep_vlans_apart():
    with pytest.raises(ManifestError, match="keeps no VLANs apart"):
        state(lan(bridge="br0", **UNMANAGED), container("a", end(vlan=20)))
    desired = state(lan(bridge="br1", **UNMANAGED), container("a", end(vlan=20)))
    assert of(Veth, desired)[0].vlans == ("20 pvid untagged",)


def test_another_projects_vlans_stay_apart():
    outside = NetworkSpec(name="lan", full_name="shop_lan", external=True)
    guest = (outside, container("g", end(vlan=20)))
    flat = state(lan(subnet="10.0.0.0/24"), container("a", "lan"))
    with pytest.raises(ManifestError, match="keeps no VLANs apart"):
        state(*guest, facts=know(HOST_FACTS, flat, frozenset({"guest"})), name="guest")
    live = state(lan(subnet="10.0.0.0/24"), container("a", end(vlan=20)))
    theirs = state(*guest, facts=know(HOST_FACTS, live, frozenset({"guest"})), name="guest")
    known = know(HOST_FACTS, {**live, **theirs}, frozenset({"shop"}))
    [bridge] = of(Bridge, state(lan(subnet="10.0.0.0/24"), container("a", "lan"), facts=known))
    assert bridge.filtering
    together = manifest(
        project("shop", lan(subnet="10.0.0.0/24"), container("a", "lan")), project("guest", *guest)
    )
    assert of(Bridge, decide(together, HOST_FACTS)[1])[0].filtering
