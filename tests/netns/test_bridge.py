"""Bridge networks: links, addresses, gateways and isolation, as netavark's and moby's suites look at them."""

import struct

import pytest

from reconciler.kinds.names import host_end
from tests.netns.frames import ethernet, icmpv6, option, send
from tests.netns.lab import REMOTE4, REMOTE6, Lab
from tests.netns.samples import PAIR, SUBNET, network


@pytest.fixture(scope="module")
def pair(netfiltered: Lab) -> Lab:
    """Two containers on one dual-stack network; tests only look."""
    netfiltered.apply(PAIR)
    for container in ("t-a", "t-b"):
        netfiltered.serve(container, 80)
        netfiltered.serve(container, 80, proto="udp")
    return netfiltered


# what stands


def test_a_sandbox_has_its_interface_address_and_mac(pair):
    assert pair.links("t-a") == ["lo", "eth0"]
    assert pair.link("eth0", "t-a")["address"] == "02:00:00:00:00:0a"
    assert pair.addresses("t-a") == ["10.91.0.2/24"]
    assert pair.addresses("t-a", family=6) == ["fd91::2/64"]
    assert "UP" in pair.link("lo", "t-a")["flags"]
    assert "UP" in pair.link("eth0", "t-a")["flags"]


def test_the_default_routes_lead_to_the_bridge(pair):
    assert any(line.startswith("default via 10.91.0.1 dev eth0") for line in pair.routes("t-a"))
    assert any(line.startswith("default via fd91::1 dev eth0") for line in pair.routes("t-a", 6))


def test_the_bridge_is_up_with_both_gateways_and_spanning_tree_off(pair):
    bridge = pair.link("br-t-front")
    assert "UP" in bridge["flags"]
    assert bridge["linkinfo"]["info_data"]["stp_state"] == 0
    assert bridge["linkinfo"]["info_data"]["mcast_snooping"] == 1  # but for the moment in which it went up
    assert pair.addresses("", "br-t-front") == ["10.91.0.1/24"]
    assert pair.addresses("", "br-t-front", 6) == ["fd91::1/64"]


def test_every_mac_is_another(pair):
    macs = [link["address"] for link in pair.json("ip -j link") if link.get("master") == "br-t-front"]
    assert len({pair.link("br-t-front")["address"], *macs, "02:00:00:00:00:0a"}) == len(macs) + 2


def test_what_is_ours_is_marked_by_alias(pair):
    assert pair.link("br-t-front")["ifalias"].startswith("reconciler/t/")
    assert pair.link("lo", "t-a")["ifalias"].startswith("reconciler/t/")


TWO = network("", "web: {networks: [n, o]}, db: {networks: [n]}").replace(
    "n: {}", "n: {enable_ipv6: true}, o: {}"
)


@pytest.mark.parametrize(
    "moved", ["{a} master br-t-o", "{a} nomaster", "{a} master theirs", "{b} master br-t-n", "both"]
)
def test_who_is_moved_to_another_bridge_comes_back_as_he_was(lab, moved):
    """And not the other of his links in his stead."""
    lab.ip("link add theirs type bridge")
    lab.apply(TWO)
    before = [lab.run(f"{words} t-web {more}").out for words, more in LOOKS]
    ends = {"a": host_end("t-web", "eth0"), "b": host_end("t-web", "eth1")}
    swap = ["{a} master br-t-o", "{b} master br-t-n"]
    for one in swap if moved == "both" else [moved]:
        lab.run(f"ip link set dev {one}".format(**ends))
    steps = {step for step in lab.planned(TWO) if "link" in step}
    assert steps <= {"update link t-web/eth0", "update link t-web/eth1"} and len(steps) == 1 + (
        moved == "both"
    )
    lab.apply(TWO)
    assert lab.planned(TWO) == []
    assert [lab.run(f"{words} t-web {more}").out for words, more in LOOKS] == before
    assert lab.ping("t-db", lab.address("t-web"))


LOOKS = [("ip -n", "addr"), ("ip -n", "route"), ("ip -6 -n", "route")]


@pytest.mark.parametrize(
    "address", ["10.91.0.3", "fd91::3", "10.91.0.1", "fd91::1", REMOTE4, REMOTE6, "127.0.0.1", "::1"]
)
def test_a_container_pings(pair, address):
    assert pair.ping("t-a", address)


@pytest.mark.parametrize("address", ["10.91.0.2", "fd91::2"])
def test_the_host_pings_a_container(pair, address):
    assert pair.ping("", address)


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize(("address", "client"), [("10.91.0.3", "10.91.0.2"), ("fd91::3", "fd91::2")])
def test_neighbours_talk_with_their_own_addresses(pair, proto, address, client):
    assert pair.ask("t-a", address, 80, proto) == f"t-b {client}"


def test_neighbours_are_switched_not_routed(pair):
    assert "ttl=64" in pair.run("ping -n -c 1 -W 2 10.91.0.3", "t-a").out


def test_link_local_addresses_reach_the_neighbour(lab):
    """There are none but those that are asked for."""
    box = "{networks: {n: {link_local_ips: ['fe80::%d']}}}"
    boxes = f"{{a: {box % 5}, b: {box % 6}}}"
    lab.apply(f"{{name: t, networks: {{n: {{enable_ipv6: true}}}}, containers: {boxes}}}")
    assert lab.ping("t-a", "fe80::6%eth0") and lab.ping("t-b", "fe80::5%eth0")
    found = lab.json("ip -j -6 addr show dev eth0 scope link", "t-b")
    assert [a["local"] for link in found for a in link.get("addr_info", []) if a] == ["fe80::6"]


def test_hosts_and_resolv_conf_stand_where_ip_netns_exec_looks(pair):
    with open("/etc/netns/t-a/hosts") as hosts, open("/etc/netns/t-a/resolv.conf") as resolv:
        text, servers = hosts.read(), resolv.read()
    assert "10.91.0.2" in text and "fd91::2" in text and "localhost" in text
    assert "127.0.0.53" not in servers


# members come and go


def test_the_bridge_keeps_its_mac_when_members_join_and_leave(lab):
    macs = set()
    for count in (1, 4, 2):
        containers = {
            f"c{i}": {"networks": {"n": {"mac_address": f"00:00:00:00:00:0{i + 1}"}}} for i in range(count)
        }
        lab.apply({"name": "t", "networks": {"n": {}}, "containers": containers})
        macs.add(lab.link("br-t-n")["address"])
    assert len(macs) == 1


def test_a_second_container_keeps_the_bridge_and_nothing_of_the_first_is_left(lab):
    lab.apply(network())
    index = lab.link("br-t-n")["ifindex"]
    lab.apply(network(containers="b: {networks: [n]}"))
    assert lab.namespaces() == ["t-b"]
    assert lab.link("br-t-n")["ifindex"] == index
    assert len([link for link in lab.json("ip -j link") if link.get("master") == "br-t-n"]) == 1


def test_a_sandbox_outlives_the_processes_in_it(lab):
    lab.apply(network(SUBNET))
    before = lab.link("eth0", "t-a"), lab.addresses("t-a")
    for _ in range(2):
        with lab.inside("t-a"):
            lab.run("true")
    lab.apply(network(SUBNET))
    assert (lab.link("eth0", "t-a"), lab.addresses("t-a")) == before


def test_the_first_packet_passes_as_soon_as_apply_returns(lab):
    lab.apply(PAIR)
    lab.serve("t-b", 80, proto="udp")
    assert lab.ask("t-a", "10.91.0.3", 80, "udp", 0.3) == "t-b 10.91.0.2"
    assert lab.ask("t-a", "fd91::3", 80, "udp", 0.3) == "t-b fd91::2"


# networks that are implied, named, and joined from several sides


def test_the_implicit_default_network(lab):
    lab.apply("{name: t, services: {web: {image: x}}}")
    assert "br-t-default" in lab.links()
    assert lab.links("t-web-1") == ["lo", "eth0"]


def test_network_mode_bridge_takes_docker0s_place(lab):
    lab.apply(
        "{name: t, services: {a: {image: x, network_mode: bridge}, b: {image: x, network_mode: bridge}}}"
    )
    assert lab.ping("t-a-1", lab.address("t-b-1"))


def test_a_network_that_nothing_uses_is_still_made(lab):
    lab.apply("{name: t, networks: {n: {}}}")
    assert "br-t-n" in lab.links()


def test_services_have_numbered_replicas(lab):
    lab.apply("{name: t, services: {web: {image: x, deploy: {replicas: 3}}}}")
    assert lab.namespaces() == ["t-web-1", "t-web-2", "t-web-3"]
    assert len({lab.address(name) for name in lab.namespaces()}) == 3


def test_container_name_names_the_sandbox(lab):
    lab.apply("{name: t, services: {web: {image: x, container_name: shop}}}")
    assert lab.namespaces() == ["shop"]


def test_bridge_name_is_the_links_name(lab):
    lab.apply(network("bridge_name: mybr0"))
    assert "mybr0" in lab.links()


def test_dockers_option_names_the_bridge(lab):
    lab.apply(
        network(
            "driver_opts: {com.docker.network.bridge.name: docker9, com.docker.network.driver.mtu: '1400'}"
        )
    )
    assert lab.link("docker9")["mtu"] == 1400


def test_a_long_name_makes_a_bridge_named_by_its_id(lab):
    lab.apply(
        "{name: a-rather-long-project, networks: {front-end: {}}, containers: {a: {networks: [front-end]}}}"
    )
    bridges = [name for name in lab.links() if name.startswith("br-")]
    assert len(bridges) == 1
    assert len(bridges[0]) == 15
    assert set(bridges[0][3:]) <= set("0123456789abcdef")


def test_one_name_for_two_containers_is_refused(lab):
    a = lab.write("{name: foo, containers: {bar-baz: {}}}", "a.yaml")
    b = lab.write("{name: foo-bar, containers: {baz: {}}}", "b.yaml")
    result = lab.reconcile("--apply", a, b)
    assert result.rc == 65
    assert "foo-bar-baz" in result.err
    assert lab.namespaces() == []


def test_an_external_network_must_exist(lab):
    lab.refused(
        "{name: t, networks: {n: {external: true, name: other_n}}, containers: {a: {networks: [n]}}}",
        "other_n",
    )


def test_an_external_network_is_joined_and_left_alone(lab):
    other = lab.write("{name: o, networks: {n: {}}, containers: {x: {networks: [n]}}}", "o.yaml")
    lab.succeed(lab.reconcile("--apply", other))
    alone = lab.snapshot()
    lab.apply("{name: t, networks: {n: {external: true, name: o_n}}, containers: {a: {networks: [n]}}}")
    assert lab.ping("t-a", lab.address("o-x"))
    assert (
        lab.planned("{name: t, networks: {n: {external: true, name: o_n}}, containers: {a: {networks: [n]}}}")
        == []
    )
    lab.destroy()
    assert lab.snapshot() == alone


# what must go well on odd hosts


def test_a_foreign_bridge_of_that_name_is_refused_and_kept(lab):
    lab.run("ip link add br-t-n type bridge")
    lab.refused(network(), "br-t-n")


def test_a_foreign_namespace_of_that_name_is_refused_and_kept(lab):
    lab.run("ip netns add t-a")
    lab.refused(network(), "t-a")


def test_ipv6_forwarding_keeps_router_advertisements_where_they_are_in_use(lab):
    """A host takes none while it forwards, unless accept_ra is 2: it would lose its default route."""
    router = lab.link("eth0", "R")["address"]
    offer = icmpv6("fe80::2", "ff02::1", 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + option(1, router))
    send(lab, "R", [ethernet("33:33:00:00:00:01", router, 0x86DD, offer)])
    assert "proto ra" in lab.run("ip -6 route show default").out
    lab.apply(network("enable_ipv6: true"))
    assert lab.sysctl("net/ipv6/conf/all/forwarding") == "1"
    assert lab.sysctl("net/ipv6/conf/uplink/accept_ra") == "2"
    assert "proto ra" in lab.run("ip -6 route show default").out


def test_an_empty_file_where_a_namespace_should_be_is_replaced(lab):
    lab.apply(network())
    lab.run("umount /run/netns/t-a")
    lab.apply(network())
    assert lab.links("t-a") == ["lo", "eth0"]
