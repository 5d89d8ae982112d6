"""macvlan and ipvlan, decided and lowered: parents, 802.1Q links, conflicts, and what the kernel lacks."""

from dataclasses import replace

import pytest

from reconciler.core.resource import State
from reconciler.errors import ManifestError, ManifestErrors, Unsupported
from reconciler.inventory.facts import Device, Facts, StackedNetwork, Tagged
from reconciler.inventory.learn import know
from reconciler.kinds.address import Address
from reconciler.kinds.ownership import HOST
from reconciler.kinds.route import Route
from reconciler.kinds.stacked_link import Dummy, Ipvlan, Macvlan, Vlan
from reconciler.manifest.spec import EndpointSpec, NetworkSpec, SubnetSpec
from reconciler.pipeline import decide
from tests.unit.worlds import container, manifest, port, project

LINKS = {"lo": Device(), "eth0": Device(mtu=9000), "br0": Device("bridge"), "eth1": Device(master="br0")}
HOST_FACTS = Facts(links=LINKS, routes=frozenset({"192.0.2.0/24"}))


def lan(
    name: str = "lan", driver: str = "macvlan", subnet: str = "192.0.2.0/24", host: str = "", **options
) -> NetworkSpec:
    subnets = (SubnetSpec(subnet=subnet),) if subnet else ()
    return NetworkSpec(name=name, driver=driver, subnets=subnets, options=options, host_access=host)


def state(*items, facts: Facts = HOST_FACTS) -> State:
    return decide(manifest(project("shop", *items)), facts)[1]


def of(kind, state: State):
    return [r for r in state.values() if isinstance(r, kind)]


def web(*networks, **more):
    return container("web", *networks, **more)


def test_a_child_stands_on_the_parent_with_its_mtu():
    (child,) = of(Macvlan, state(lan(parent="eth0"), web("lan")))
    assert (child.parent, child.mode, child.mtu, child.ns) == ("eth0", "bridge", 9000, "shop-web")
    assert child.mac.startswith("02:")


def test_the_subnet_may_be_that_of_the_lan_but_not_of_another_network():
    state(lan(parent="eth0"), web("lan"))
    with pytest.raises(ManifestError, match="overlaps"):
        state(lan("a", parent="eth0"), lan("b", parent="eth0"))


def test_an_8021q_link_is_made_where_none_stands():
    (vlan,) = of(Vlan, state(lan(parent="eth0.50"), web("lan")))
    assert (vlan.name, vlan.parent, vlan.tag, vlan.mtu) == ("eth0.50", "eth0", 50, 9000)
    standing = Facts(links={**LINKS, "eth0.50": Device("vlan", parent="eth0", vlan="802.1Q 50")})
    assert not of(Vlan, state(lan(parent="eth0.50"), web("lan"), facts=standing))


@pytest.mark.parametrize(
    ("device", "found"),
    [
        (Device("vlan", parent="eth0", vlan="802.1Q 60"), "802.1Q 60 on eth0"),
        (Device("vlan", parent="eth0", vlan="802.1ad 50"), "802.1ad 50 on eth0"),
        (Device("vlan", parent="eth1", vlan="802.1Q 50"), "802.1Q 50 on eth1"),
        (Device("macvlan", parent="eth0"), "no 802.1Q link"),
    ],
)
@pytest.mark.parametrize("driver", ["macvlan", "bridge"])
def test_a_name_that_says_another_vlan_than_the_link_is_in(device, found, driver):
    network = lan(driver=driver, parent="eth0.50")
    facts = replace(HOST_FACTS, links={**LINKS, "eth0.50": device})
    with pytest.raises(ManifestError, match=f"eth0.50 of network shop_lan is {found}"):
        state(network, web("lan"), facts=facts)
    standing = replace(facts, mtus={"shop_lan": 1500})
    topology, _ = decide(manifest(project("shop", network, web("lan"))), standing)
    assert any(found in one for one in topology.warnings)


def test_a_name_with_a_dot_may_say_anything_where_there_is_no_link_of_the_first_half():
    links = {**LINKS, "lan.50": Device("vlan", parent="eth0", vlan="802.1Q 7")}
    state(lan(parent="lan.50"), web("lan"), facts=replace(HOST_FACTS, links=links))


def test_an_8021q_link_is_up_as_far_as_its_parent_is():
    facts = replace(HOST_FACTS, links={**LINKS, "eth0": Device(up=False)})
    (vlan,) = of(Vlan, state(lan(parent="eth0.50"), web("lan"), facts=facts))
    assert not vlan.up
    assert of(Vlan, state(lan(parent="eth0.50"), web("lan")))[0].up


def test_an_8021q_link_that_others_use_stays():
    used = Facts(links=LINKS, tagged=(Tagged("eth0.50", "eth0", 50, 9000),))
    assert of(Vlan, state(facts=used))
    live = state(lan(parent="eth0.50"), web("lan"))
    assert know(HOST_FACTS, live, frozenset({"other"})).tagged == (Tagged("eth0.50", "eth0", 50, 9000),)
    assert know(HOST_FACTS, live, frozenset({"shop"})).tagged == ()
    stacked = Facts(links={**LINKS, "mv": Device("macvlan", parent="eth0.50")})
    assert know(stacked, live, frozenset({"shop"})).tagged


@pytest.mark.parametrize("parent", ["nope", "nope.50", "eth0.0", "eth0.4095"])
def test_a_parent_must_exist(parent):
    with pytest.raises(ManifestError):
        state(lan(parent=parent))


def test_without_a_parent_the_network_is_internal():
    desired = state(lan(), web("lan"))
    (dummy,), (child,) = of(Dummy, desired), of(Macvlan, desired)
    assert child.parent == dummy.name
    assert not [r for r in of(Route, desired) if r.ns != HOST]


def test_the_host_reaches_its_children_over_a_shim():
    desired = state(lan(parent="eth0", host="192.0.2.250"), web("lan"))
    shim = next(r for r in of(Macvlan, desired) if r.ns == HOST)
    assert Address.at(HOST, shim.name, "192.0.2.250") in desired
    (child,) = [r for r in of(Address, desired) if r.ns == "shop-web"]
    assert any(r.dst == f"{child.ip}/32" and r.link == shim.name for r in of(Route, desired) if r.ns == HOST)


def test_no_container_gets_the_address_of_the_shim():
    tight = NetworkSpec(name="lan", driver="macvlan", options={"parent": "eth0"}, host_access="192.0.2.2",
                        subnets=(SubnetSpec(subnet="192.0.2.0/30", gateway="192.0.2.1"),))  # fmt: skip
    with pytest.raises(ManifestError, match="no free address"):
        state(tight, web("lan"))


def test_a_bridge_word_is_refused():
    with pytest.raises(ManifestError, match="needs an address"):
        state(lan(parent="eth0", host="all"))


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ([lan("a", parent="eth0"), lan("b", "ipvlan", "10.0.0.0/24", parent="eth0")], "with macvlan"),
        (
            [lan("a", parent="eth0", mode="passthru"), lan("b", subnet="10.0.0.0/24", parent="eth0")],
            "passthru",
        ),
        (
            [lan("a", "ipvlan", parent="eth0"), lan("b", "ipvlan", "10.0.0.0/24", parent="eth0", mode="l3")],
            "mode l2",
        ),
        ([lan("a", parent="eth1")], "port of br0"),
    ],
)
def test_a_parent_is_not_shared_by_what_excludes_each_other(networks, words):
    with pytest.raises(ManifestErrors, match=words):
        state(*networks)


def test_several_networks_stand_on_one_parent():
    desired = state(lan("a", parent="eth0"), lan("b", subnet="10.0.0.0/24", parent="eth0"), web("a", "b"))
    assert len(of(Macvlan, desired)) == 2


def test_networks_of_other_projects_count():
    other = Facts(
        links=LINKS, children=(StackedNetwork("blog", "blog_lan", "eth0", "ipvlan", "l2", "bridge"),)
    )
    with pytest.raises(ManifestErrors, match="blog_lan"):
        state(lan(parent="eth0"), facts=other)
    live = state(lan(parent="eth0"), web("lan"))
    assert know(HOST_FACTS, live, frozenset({"blog"})).children == (
        StackedNetwork("shop", "shop_lan", "eth0", "macvlan", "bridge"),
    )


def test_passthru_takes_one_container_and_the_parents_mac():
    passthru = lan(parent="eth0", mode="passthru")
    assert of(Macvlan, state(passthru, web("lan")))[0].mac == ""
    with pytest.raises(ManifestErrors, match="takes one container"):
        state(passthru, web("lan"), container("db", "lan"))


@pytest.mark.parametrize("mode", ["l3", "l3s"])
def test_routed_ipvlan_has_a_default_route_without_a_gateway(mode):
    desired = state(lan(driver="ipvlan", parent="eth0", mode=mode), web("lan"))
    (route,) = [r for r in of(Route, desired) if r.ns == "shop-web"]
    assert (route.dst, route.via) == ("0.0.0.0/0", "")
    assert of(Ipvlan, desired)[0].mode == mode


def ways_out(facts: Facts, *networks: NetworkSpec) -> tuple[list[str], tuple[str, ...]]:
    """Via whom the container's default routes lead, and the warnings."""
    names = (network.name for network in networks)
    topology, desired = decide(manifest(project("shop", *networks, web(*names))), facts)
    return [r.via for r in of(Route, desired) if r.ns == "shop-web"], topology.warnings


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({}, []),
        ({"eth0": ("192.0.2.254", "198.51.100.9")}, ["192.0.2.254"]),
        ({"eth0": ("198.51.100.9",)}, []),  # of another subnet of that LAN
        ({"eth9": ("192.0.2.254",)}, []),
    ],
)
@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_the_router_of_a_lan_is_not_guessed(driver, known, told):
    facts = replace(HOST_FACTS, gateways=known)
    found, warnings = ways_out(facts, lan(driver=driver, parent="eth0"))
    assert found == told
    assert bool(warnings) == (not told)
    assert all("no IPv4 default route for shop-web: no `gateway`" in words for words in warnings)


def test_a_router_may_advertise_itself():
    six = NetworkSpec(
        name="lan", driver="macvlan", enable_ipv4=False, enable_ipv6=True,
        subnets=(SubnetSpec(subnet="2001:db8::/64"),), options={"parent": "eth0"},
    )  # fmt: skip
    assert ways_out(replace(HOST_FACTS, gateways={"eth0": ("fe80::7",)}), six)[0] == ["fe80::7"]


def test_whoever_has_another_way_out_needs_none_on_the_lan():
    assert ways_out(HOST_FACTS, lan(parent="eth0"), NetworkSpec(name="n"))[1] == ()


@pytest.mark.parametrize(("own", "told"), [({}, ["192.0.2.254"]), ({"192.0.2.254": "eth0"}, [])])
def test_what_stands_keeps_its_gateway_unless_that_is_the_host(own, told):
    network = lan(parent="eth0")
    live = state(network, web("lan"), facts=replace(HOST_FACTS, gateways={"eth0": ("192.0.2.254",)}))
    facts = know(replace(HOST_FACTS, addresses=own), live, frozenset({"shop"}))
    assert ways_out(facts, network)[0] == told
    newer = decide(manifest(project("shop", network, web("lan"), container("new", "lan"))), facts)[1]
    assert not [r for r in of(Route, newer) if r.ns == "shop-new"]


def test_nobody_is_given_what_a_router_or_the_host_likely_has():
    network = lan(subnet="192.0.2.0/29", parent="eth0")
    facts = replace(HOST_FACTS, addresses={"192.0.2.2": "eth0"})
    desired = state(network, *(container(name, "lan") for name in "abcd"), facts=facts)
    assert sorted(r.ip for r in of(Address, desired)) == [f"192.0.2.{last}" for last in (3, 4, 5, 6)]
    with pytest.raises(ManifestError, match="no free address"):
        state(network, *(container(name, "lan") for name in "abcde"), facts=facts)


def test_no_mac_can_be_chosen_where_the_parents_is_used():
    end = EndpointSpec(network="lan", mac_address="02:00:00:00:00:01")
    with pytest.raises(ManifestError, match="MAC of their parent"):
        state(lan(driver="ipvlan", parent="eth0"), web(end))


@pytest.mark.parametrize(("driver", "option"), [("macvlan", {"mode": "l2"}), ("ipvlan", {"flag": "x"})])
def test_unknown_options_are_named(driver, option):
    with pytest.raises(ManifestError, match="known"):
        state(lan(driver=driver, parent="eth0", **option))


@pytest.mark.parametrize("lacks", ["macvlan", "vlan"])
def test_what_the_kernel_lacks_is_named_before_anything_is_done(lacks):
    facts = Facts(links=LINKS, missing={lacks: "CONFIG_X is not set"})
    with pytest.raises(Unsupported, match=lacks):
        state(lan(parent="eth0.50"), web("lan"), facts=facts)


def test_nothing_is_published_on_a_lan():
    topology, desired = decide(
        manifest(project("shop", lan(parent="eth0"), web("lan", ports=(port(80, 8080),)))), HOST_FACTS
    )
    assert topology.ports == ()
    assert "sysctl host/net/ipv4/ip_forward" not in desired


def test_a_lease_is_kept():
    live = state(lan(parent="eth0"), web("lan"))
    held = know(HOST_FACTS, live, frozenset({"shop"})).leases
    assert list(held) == [("shop-web", "shop_lan")]


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
@pytest.mark.parametrize("parent", ["eth0", "eth0.50"])
def test_a_child_takes_no_larger_packets_than_its_parent(driver, parent):
    def child(mtu: int) -> NetworkSpec:
        return replace(lan(driver=driver, parent=parent), mtu=mtu)

    assert {link.mtu for kind in (Macvlan, Ipvlan) for link in of(kind, state(child(9000), web("lan")))} == {
        9000
    }
    with pytest.raises(ManifestError, match="mtu 9001 of network lan is more") as caught:
        state(child(9001), web("lan"))
    assert caught.value.hint == "at most 9000, that of eth0"
