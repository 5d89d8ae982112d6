"""What `build` decides: names, interfaces, gateways, subnets, sandboxes."""

import pytest

from reconciler.cnm.topology import RateLimit
from reconciler.errors import ManifestError, ManifestErrors, Unsupported
from reconciler.inventory.facts import Blocker, Device, Facts, LiveNetwork, StackedNetwork
from reconciler.kinds.names import host_end
from reconciler.manifest.spec import EndpointSpec, NetworkSpec, ProjectSpec, SubnetSpec
from reconciler.pipeline import decide
from tests.unit.worlds import build, container, manifest, project, shop

NOTHING = Facts()


def built(*items, facts=NOTHING, name="shop", **more):
    return build(manifest(project(name, *items, **more)), facts)


def net(name, *cidrs, **more):
    return NetworkSpec(name=name, subnets=tuple(SubnetSpec(subnet=c) for c in cidrs), **more)


def ends(topology, sandbox):
    return {n.key: e for n in topology.networks for e in n.endpoints if e.sandbox == sandbox}


def test_sandbox_names_of_containers_services_and_container_name():
    topology = built(
        container("db"), container("web", is_service=True, replicas=2), container("x", container_name="cache")
    )
    assert [s.name for s in topology.sandboxes] == ["shop-db", "shop-web-1", "shop-web-2", "cache"]


def test_two_containers_that_make_one_name_are_refused():
    one, other = project("foo", container("bar-baz")), project("foo-bar", container("baz"))
    with pytest.raises(ManifestError, match="foo-bar-baz"):
        build(manifest(one, other), Facts())


def test_a_namespace_that_is_not_ours_is_not_taken_over():
    with pytest.raises(ManifestError, match="exists and is not ours"):
        built(container("db"), facts=Facts(namespaces=frozenset({"shop-db"})))


def test_a_link_that_is_not_ours_is_not_taken_over():
    with pytest.raises(ManifestError, match="has a link br-shop-front"):
        built(net("front"), facts=Facts(links={"br-shop-front": Device()}))


def test_the_implicit_default_network_is_made_when_somebody_needs_it():
    assert [n.name for n in built(container("a")).networks] == ["shop_default"]
    assert built(container("a", network_mode="none")).networks == ()
    assert [n.name for n in built(net("front"), container("a", "front")).networks] == ["shop_front"]


def test_network_mode_bridge_joins_the_network_that_takes_docker0s_place():
    assert [n.name for n in built(container("a", network_mode="bridge")).networks] == ["shop_bridge"]
    topology = built(net("lan", default=True), container("a", network_mode="bridge"))
    assert list(ends(topology, "shop-a")) == ["lan"]


@pytest.mark.parametrize("mode", ["host", "service:a", "container:x"])
def test_who_shares_a_namespace_has_no_sandbox(mode):
    assert [s.name for s in built(container("a"), container("b", network_mode=mode)).sandboxes] == ["shop-a"]


def test_bridge_names_are_readable_where_they_fit():
    names = [n.bridge for n in built(net("front"), net("a-very-long-name")).networks]
    assert "br-shop-front" in names
    assert all(len(name) <= 15 for name in names)


def test_local_ids_differ_between_hosts_and_macs_with_them():
    one, other = (built(container("a"), facts=Facts(machine=m)).networks[0] for m in ("m1", "m2"))
    assert one.id != other.id
    assert one.endpoints[0].mac != other.endpoints[0].mac


def test_interfaces_are_numbered_in_composes_order_around_chosen_names():
    first = EndpointSpec(network="b", interface_name="eth1")
    topology = built(net("a"), net("b"), net("c"), container("x", first, "a", "c"))
    assert {k: e.ifname for k, e in ends(topology, "shop-x").items()} == {
        "b": "eth1",
        "a": "eth0",
        "c": "eth2",
    }


@pytest.mark.parametrize(
    ("known", "given"),
    [
        ({"b": [("eth0", True)]}, {"a": "eth1", "b": "eth0"}),
        ({"b": [("eth7", True)]}, {"a": "eth0", "b": "eth7"}),
        ({"b": [("eth7", False)]}, {"a": "eth0", "b": "eth1"}),  # root inside has renamed it
        ({"b": [("wan0", True)]}, {"a": "eth0", "b": "eth1"}),  # another prefix was written then
        ({"b": [("x", True), ("eth0", True)], "a": [("eth2", True)]}, {"a": "eth2", "b": "eth0"}),
    ],
)
def test_what_stands_keeps_its_name(known, given):
    ifnames = {
        ("shop-x", f"br-shop-{key}"): tuple((n, host_end("shop-x", n if own else "old")) for n, own in names)
        for key, names in known.items()
    }
    topology = built(net("a"), net("b"), container("x", "a", "b"), facts=Facts(ifnames=ifnames))
    assert {k: e.ifname for k, e in ends(topology, "shop-x").items()} == given


def test_links_of_a_parent_keep_their_names_too():
    lan = [NetworkSpec(name=n, driver="macvlan", options={"parent": "eth0"}) for n in ("a", "b")]
    facts = Facts(ifnames={("shop-x", "shop_b"): (("eth0", ""),)})
    topology = built(*lan, container("x", "a", "b"), facts=facts)
    assert {k: e.ifname for k, e in ends(topology, "shop-x").items()} == {"a": "eth1", "b": "eth0"}


def test_the_default_route_goes_to_the_highest_gw_priority_then_the_first_name():
    by_name = built(net("a"), net("b"), container("x", "b", "a"))
    assert ends(by_name, "shop-x")["a"].gateways and not ends(by_name, "shop-x")["b"].gateways
    asked = built(net("a"), net("b"), container("x", "a", EndpointSpec(network="b", gw_priority=1)))
    assert ends(asked, "shop-x")["b"].gateways and not ends(asked, "shop-x")["a"].gateways


def test_each_family_has_a_default_route_of_its_own():
    topology = built(net("a"), net("b", enable_ipv6=True), container("x", "a", "b"))
    assert [":" in via for via, _ in ends(topology, "shop-x")["a"].gateways] == [False]
    assert [":" in via for via, _ in ends(topology, "shop-x")["b"].gateways] == [True]


def test_internal_networks_lead_nowhere():
    topology = built(net("a", internal=True), container("x", "a"))
    assert ends(topology, "shop-x")["a"].gateways == ()
    assert topology.policy.internal == ("br-shop-a",)
    assert topology.policy.forwarding == ()


@pytest.mark.parametrize(
    ("internal", "bridged", "sent"),
    [
        (False, False, "out"),
        (False, True, "out and to one another (br_netfilter)"),
        (True, True, "to one another (br_netfilter)"),
        (True, False, ""),
    ],
)
def test_a_chain_of_others_that_drops_is_told_with_what_it_is_shown(internal, bridged, sent):
    docker = Blocker("ip", "filter", "FORWARD", "forward", False)
    facts = Facts(blockers=(docker,), bridged=bridged)
    topology = built(net("a", internal=internal), container("x", "a"), facts=facts)
    told = f"{docker} will drop what containers send {sent}; let it accept `ct status dnat` and our bridges"
    assert topology.warnings == ((told,) if sent else ())


def test_an_isolated_network_has_no_address_on_the_host():
    topology = built(net("a", "10.1.0.0/24", internal=True, gateway_mode="isolated"), container("x", "a"))
    assert topology.networks[0].subnets[0].gateway == ""


@pytest.mark.parametrize(
    ("said", "nowhere"),
    [
        ({}, True),
        ({"enable_ipv6": True, "gateway_mode_ipv6": "isolated"}, True),
        ({"enable_ipv4": False}, False),  # it has no addresses at all
        ({"driver": "macvlan", "options": {"parent": "eth0"}}, False),  # the LAN has a router of its own
    ],
)
def test_an_isolated_network_behind_the_host_leads_nowhere(said, nowhere):
    facts = Facts(links={"eth0": Device()})
    topology = built(net("a", gateway_mode="isolated", **said), container("x", "a"), facts=facts)
    assert topology.networks[0].spec.internal is nowhere


@pytest.mark.parametrize("modes", [("isolated", "nat"), ("routed", "isolated")])
def test_a_network_that_is_isolated_in_one_family_alone_is_refused_as_docker_does(modes):
    said = {"enable_ipv6": True, "gateway_mode": modes[0], "gateway_mode_ipv6": modes[1]}
    with pytest.raises(ManifestError, match="isolated in one family"):
        built(net("a", **said), container("x", "a"))
    built(net("a", internal=True, **said), container("x", "a"))


def test_a_subnet_that_is_in_use_is_refused_and_one_inside_a_wider_route_is_not():
    with pytest.raises(ManifestError, match="overlaps 10.1.0.0/25"):
        built(net("a", "10.1.0.0/24"), facts=Facts(routes=frozenset({"10.1.0.0/25"})))
    built(net("a", "10.1.0.0/24"), facts=Facts(routes=frozenset({"10.0.0.0/8"})))


@pytest.mark.parametrize("second", ["10.1.2.0/24", "10.1.0.0/16"])
def test_two_networks_that_overlap_are_refused(second):
    """And each is named, where both say the same too."""
    with pytest.raises(ManifestError, match=rf"{second} of network \w+_b overlaps 10\.1\.0\.0/16 of \w+_a"):
        built(net("a", "10.1.0.0/16"), net("b", second))


def test_pools_go_around_written_subnets_and_other_projects():
    alone = built(net("b")).networks[0].subnets[0].cidr
    beside = built(net("a", alone), net("b"))
    assert len({s.cidr for n in beside.networks for s in n.subnets}) == 2
    facts = Facts(networks={"other_x": LiveNetwork("other", "br-other-x", (alone,))})
    assert built(net("b"), facts=facts).networks[0].subnets[0].cidr != alone


def test_a_standing_network_keeps_its_subnet():
    facts = Facts(networks={"shop_b": LiveNetwork("shop", "br-shop-b", ("172.30.16.1/20",))})
    assert built(net("b"), facts=facts).networks[0].subnets[0].cidr == "172.30.16.0/20"


def test_a_running_endpoint_keeps_its_address():
    topology = built(container("a"))
    bridge, cidr = topology.networks[0].bridge, topology.networks[0].subnets[0].cidr
    held = cidr.replace(".0/20", ".77")
    facts = Facts(leases={("shop-a", bridge): (held,)})
    assert ends(built(container("a"), facts=facts), "shop-a")["default"].addresses == ((held, 20),)


def test_an_external_network_must_exist():
    lan = net("lan", external=True, full_name="office")
    with pytest.raises(ManifestError, match="external network office does not exist"):
        built(lan, container("a", "lan"))
    facts = Facts(networks={"office": LiveNetwork("it", "br-office", ("10.9.0.1/24",))})
    endpoint = ends(built(lan, container("a", "lan"), facts=facts), "shop-a")["lan"]
    assert endpoint.addresses[0][0].startswith("10.9.0.")
    assert endpoint.gateways[0][0] == "10.9.0.1"


def test_an_external_network_must_be_one_whose_addresses_are_known_here():
    lan = net("lan", external=True, full_name="office")
    overlay = LiveNetwork("it", "br-office", ("10.9.0.1/24",), spans_hosts=True)
    for facts, why in (
        (Facts(networks={"office": overlay}), "network office spans several hosts"),
        (Facts(lans={"office": overlay}), "office is not behind this host: its addresses are a LAN's"),
        (Facts(children=(StackedNetwork("it", "office", "eth0", "macvlan", "bridge"),)), "not behind this"),
    ):
        with pytest.raises(ManifestError, match=why):
            built(lan, container("a", "lan"), facts=facts)


def test_an_external_network_of_the_same_run_shares_its_addresses():
    home = project("it", net("office"), container("x", "office"))
    guest = project("shop", net("lan", external=True, full_name="it_office"), container("y", "lan"))
    topology = build(manifest(home, guest), Facts())
    given = [ip for n in topology.networks for e in n.endpoints for ip, _ in e.addresses]
    assert len(set(given)) == 2


def test_hosts_and_resolv_conf():
    topology = built(
        net("a", "10.1.0.0/24", internal=True),
        container("in", "a"),
        container("out", hostname="w", domainname="x.org", extra_hosts=(("gw", "host-gateway"),)),
        facts=Facts(nameservers=("9.9.9.9",), missing={"names": "apt install dnsmasq-base"}),
    )
    inside, outside = topology.sandboxes
    assert inside.resolv == ""
    assert outside.resolv == "nameserver 9.9.9.9\n"
    [warning] = topology.warnings
    assert "apt install dnsmasq-base" in warning
    endpoint = ends(topology, "shop-out")["default"]
    assert f"{endpoint.addresses[0][0]} w.x.org w\n" in outside.hosts
    assert f"{endpoint.gateways[0][0]} gw\n" in outside.hosts
    assert endpoint.host_access


def test_a_thousand_containers_have_a_thousand_addresses():
    topology = build(shop(1000), Facts())
    assert len({ip for n in topology.networks for e in n.endpoints for ip, _ in e.addresses}) == 2000


def test_a_bridge_has_1023_ports():
    build(shop(1023), Facts())
    with pytest.raises(ManifestError, match="1023 ports"):
        build(shop(1024), Facts())


def limits(*bandwidth, bursts=("", "")):
    end = EndpointSpec(network="n", bandwidth=bandwidth, bursts=bursts)
    return ends(built(net("n"), container("a", end)), "shop-a")["n"].bandwidth


def test_a_bandwidth_is_decided():
    """Where no burst is written, one of some frames, or of a hundredth of a second."""
    assert limits("", "") == (None, None)
    assert limits("1mbit", "2gbit") == (RateLimit(10**6, 16 * 1518), RateLimit(2 * 10**9, 2_500_000))
    assert limits("800kbit", "", bursts=("80kbit", "")) == (RateLimit(800_000, 10_000), None)
    assert limits("9000bit", "", bursts=("8bit", "")) == (RateLimit(9000, 1518), None)  # a frame passes


@pytest.mark.parametrize(
    ("bandwidth", "bursts", "words"),
    [
        (("3000bit", ""), ("", ""), "no frame of network shop_n passes, whose MTU is 1500"),
        (("", ""), ("", "1mbit"), "a burst of 1mbit has no rate"),
        (("", "10001gbit"), ("", ""), "no link is as fast as 10001gbit"),
    ],
)
def test_a_bandwidth_that_nobody_can_have(bandwidth, bursts, words):
    with pytest.raises(ManifestError, match=words):
        limits(*bandwidth, bursts=bursts)


def test_a_kernel_that_lacks_what_a_bandwidth_needs():
    end = EndpointSpec(network="n", bandwidth=("", "1mbit"))
    with pytest.raises(Unsupported, match="this kernel has no ifb"):
        built(net("n"), container("a", end), facts=Facts(missing={"ifb": "built without CONFIG_IFB"}))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"ipv6_address": "fd00::9"}, "fd00::9 is no address of network it_office"),
        ({"link_local_ips": ("fe80::9",)}, "fe80::9 is no address of network it_office"),
        ({"routes": (("10.8.0.0/16", "10.2.0.1"),)}, "10.2.0.1 is no address of network it_office"),
    ],
)
def test_an_external_network_gives_what_it_has(wish, words):
    owner = project("it", net("office", "10.1.0.0/24"))

    def guest(**more) -> ProjectSpec:
        return project("shop", net("lan", external=True, full_name="it_office"),
                       container("y", EndpointSpec(network="lan", **more)))  # fmt: skip

    build(
        manifest(owner, guest(routes=(("10.8.0.0/16", "10.1.0.7"),), link_local_ips=("169.254.8.8",))),
        Facts(),
    )
    with pytest.raises(ManifestError, match=words):
        build(manifest(owner, guest(**wish)), Facts())


def test_a_driver_without_a_part_of_ours_is_refused():
    with pytest.raises(ManifestErrors, match="unknown driver `weave`"):
        built(net("front", driver="weave"))


def test_a_slash_in_a_sysctl_is_a_dot_of_an_interfaces_name():
    spec = container("a", sysctls={"net.ipv4.conf.lan/5.forwarding": "1", "net.core.somaxconn": "9"})
    state = decide(manifest(project("shop", spec)), Facts())[1]
    assert {
        "sysctl shop-a/net/ipv4/conf/lan.5/forwarding",
        "sysctl shop-a/net/core/somaxconn",
    } <= state.keys()


def test_a_host_without_ipv6_has_networks_without_it():
    facts = Facts(missing={"IPv6": "boot it without `ipv6.disable=1`"})
    _, state = decide(manifest(project("shop", NetworkSpec(name="n"), container("a", "n"))), facts)
    assert not [key for key in state if "net/ipv6" in key] and any("net/ipv4" in key for key in state)
    with pytest.raises(Unsupported, match="no IPv6"):
        decide(manifest(project("shop", NetworkSpec(name="n", enable_ipv6=True), container("a", "n"))), facts)
