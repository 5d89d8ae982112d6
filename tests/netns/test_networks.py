"""Several networks, their options, and that none reaches another."""

import pytest

from tests.netns.frames import arrivals, ethernet, ipv4, udp, udp6
from tests.netns.lab import HOST4, HOST6, IMPATIENCE, OURS, REMOTE4, REMOTE6, THEIRS
from tests.netns.samples import PAIR, SUBNET, network
from tests.netns.test_spoof import summed

# several networks for one container

TWO = """
name: t
networks:
  alpha: {ipam: {config: [{subnet: 10.91.0.0/24}]}}
  beta: {ipam: {config: [{subnet: 10.92.0.0/24}]}}
containers:
  a: {networks: {beta: {%s}, alpha: {%s}}}
"""


@pytest.mark.parametrize(
    ("beta", "alpha", "eth0", "via"),
    [
        ("", "", "10.91.0", "10.91.0.1"),
        ("gw_priority: 1", "", "10.91.0", "10.92.0.1"),
        ("priority: 10", "", "10.92.0", "10.91.0.1"),
        ("priority: 10, gw_priority: 1", "", "10.92.0", "10.92.0.1"),
    ],
    ids=["by_name", "gw_priority", "priority", "both"],
)
def test_interface_order_and_the_choice_of_the_gateway(lab, beta, alpha, eth0, via):
    lab.apply(TWO % (beta, alpha))
    assert lab.links("t-a") == ["lo", "eth0", "eth1"]
    assert lab.address("t-a", "eth0").startswith(eth0)
    defaults = [line for line in lab.routes("t-a") if line.startswith("default")]
    assert len(defaults) == 1
    assert f"via {via} " in defaults[0]


def test_a_chosen_interface_name(lab):
    lab.apply(TWO % ("interface_name: wan", ""))
    assert sorted(lab.links("t-a")) == ["eth0", "lo", "wan"]


def test_one_interface_name_twice_is_refused(lab):
    lab.refused(TWO % ("interface_name: wan", "interface_name: wan"), "wan")


def test_a_container_on_two_networks_reaches_both_and_joins_neither_to_the_other(lab):
    lab.apply((TWO % ("", "")) + "  b: {networks: [beta]}\n  c: {networks: [alpha]}\n")
    assert lab.ping("t-a", lab.address("t-b")) and lab.ping("t-a", lab.address("t-c"))
    assert not lab.ping("t-b", lab.address("t-c"), IMPATIENCE)


def test_strict_reverse_path_filter_with_two_networks(lab):
    for name in ("all", "default"):
        lab.sysctl(f"net/ipv4/conf/{name}/rp_filter", value=1)
    lab.apply((TWO % ("", "")).replace("  a: {", "  a: {ports: ['8080:80'], "))
    lab.serve("t-a", 80)
    assert lab.ask("R", "198.51.100.1", 8080) == f"t-a {REMOTE4}"
    assert lab.ask("", "127.0.0.1", 8080)


# options of a network


def test_internal_has_no_way_out_and_a_gateway_that_answers(lab):
    lab.apply(network(f"internal: true, {SUBNET}"))
    assert not [line for line in lab.routes("t-a") if line.startswith("default")]
    assert "unreachable" in lab.run(f"ping -n -c 1 -W 1 {REMOTE4}", "t-a", check=False).err.lower()
    assert lab.ping("t-a", "10.91.0.1")
    assert lab.ping("t-a", lab.address("t-b"))


@pytest.mark.parametrize("family", [4, 6])
def test_icc_false_keeps_neighbours_apart_and_leaves_the_way_out(lab, family):
    lab.apply(network("icc: false, enable_ipv6: true"))
    assert not lab.ping("t-a", lab.address("t-b", family=family), IMPATIENCE)
    assert lab.ping("t-a", {4: REMOTE4, 6: REMOTE6}[family])


def test_icc_false_by_dockers_option(lab):
    lab.apply(network("driver_opts: {com.docker.network.bridge.enable_icc: 'false'}"))
    assert not lab.ping("t-a", lab.address("t-b"), IMPATIENCE)


@pytest.mark.parametrize(("option", "mtu"), [("mtu: 1300", 1300), ("mtu: auto", 1450), ("", 1450)])
def test_mtu_as_written_or_of_the_link_that_leads_out(lab, option, mtu):
    lab.run("ip link set uplink mtu 1450")
    lab.apply(network(option))
    assert lab.link("br-t-n")["mtu"] == mtu
    assert lab.link("eth0", "t-a")["mtu"] == mtu


def test_masquerade_false_keeps_the_containers_address(lab):
    lab.apply(network(f"masquerade: false, {SUBNET}"))
    lab.ip("route add 10.91.0.0/24 via 198.51.100.1", "R")
    lab.serve("R", 80)
    assert lab.ask("t-a", REMOTE4, 80) == f"R {lab.address('t-a')}"


def test_snat_chooses_the_address_that_leaves(lab):
    lab.run("ip addr add 198.51.100.7/24 dev uplink")
    lab.apply(network("snat: 198.51.100.7"))
    lab.serve("R", 80)
    assert lab.ask("t-a", REMOTE4, 80) == "R 198.51.100.7"


def test_gateway_mode_isolated_gives_the_bridge_no_address(lab):
    lab.apply(network(f"gateway_mode: isolated, internal: true, {SUBNET}"))
    assert lab.addresses("", "br-t-n") == []
    assert lab.ping("t-a", lab.address("t-b"))


def test_gateway_mode_isolated_leads_nowhere_whatever_root_does(netfiltered):
    both = "gateway_mode: isolated, enable_ipv6: true"
    netfiltered.apply(
        network(f"{both}, ipam: {{config: [{{subnet: 10.91.0.0/24}}, {{subnet: 'fd91::/64'}}]}}")
    )
    router, own = netfiltered.link("br-t-n")["address"], netfiltered.link("eth0", "t-a")["address"]
    four, six = (netfiltered.address("t-a", family=family) for family in (4, 6))
    sent = {
        "4": lambda m: ethernet(router, own, 0x0800, ipv4(four, REMOTE4, 17, udp(9, 80, m))),
        "6": lambda m: ethernet(router, own, 0x86DD, udp6(six, REMOTE6, (9, 80), m)),
        "echo": lambda m: ethernet(
            router, own, 0x0800, ipv4(four, HOST4, 1, summed(b"\x08\0" + bytes(6) + m))
        ),
    }
    assert not any(arrivals(netfiltered, "t-a", sent, {"outside": ("R", "eth0")}).values())


@pytest.mark.parametrize(
    ("mode", "ping", "published", "unpublished"),
    [("nat", False, False, False), ("nat-unprotected", True, True, True), ("routed", True, True, False)],
)
def test_direct_routing_by_gateway_mode(lab, mode, ping, published, unpublished):
    """moby's TestDirectRoutingOpenPorts: from R with a route to the containers."""
    lab.apply(network(f"gateway_mode: {mode}, {SUBNET}", "a: {networks: [n], ports: ['8080:80']}"))
    lab.ip("route add 10.91.0.0/24 via 198.51.100.1", "R")
    lab.serve("t-a", 80, 81)
    address = lab.address("t-a")
    assert lab.ping("R", address, IMPATIENCE) is ping
    assert [bool(lab.ask("R", address, port, patience=IMPATIENCE)) for port in (80, 81)] == [
        published,
        unpublished,
    ]


@pytest.mark.parametrize("family", [4, 6])
def test_a_routed_network_publishes_for_no_address_of_the_host(lab, family):
    """A route to the containers leads R to the port that is written for all, not to the host's own."""
    routed = "gateway_mode: routed, enable_ipv6: true, " + SUBNET.replace("}]", "}, {subnet: 'fd91::/64'}]")
    host = {4: HOST4, 6: f"[{HOST6}]"}[family]
    loopback = {4: "127.0.0.1", 6: "[::1]"}[family]
    ports = f"['8080:80', '{loopback}:81:81', '{host}:82:82']"
    result = lab.apply(network(routed, f"a: {{networks: [n], ports: {ports}}}"))
    assert f"port 81/tcp of t-a is not published on {loopback.strip('[]')}" in result.err
    lab.ip(f"route add {('10.91.0.0/24', 'fd91::/64')[family == 6]} via {OURS[family]}", "R")
    lab.serve("t-a", 80, 81, 82)
    address = lab.address("t-a", family=family)
    assert lab.ask("R", address, 80) == f"t-a {THEIRS[family]}"
    lab.silent(("R", address, 81), ("R", address, 82), ("R", OURS[family], 81), ("R", OURS[family], 8080))
    lab.silent(("", OURS[family], 82), ("", loopback.strip("[]"), 81))


def test_host_access_all_opens_the_hosts_services(lab):
    lab.serve("", 22)
    lab.apply(network(SUBNET))
    lab.silent(("t-a", "10.91.0.1", 22))
    lab.apply(network(f"host_access: all, {SUBNET}"))
    assert lab.ask("t-a", "10.91.0.1", 22) == f"host {lab.address('t-a')}"


def test_host_gateway_opens_the_hosts_services_to_who_asks(lab):
    lab.serve("", 22)
    lab.apply(network(SUBNET, "a: {networks: [n], extra_hosts: ['host:host-gateway']}, b: {networks: [n]}"))
    assert lab.ask("t-a", "10.91.0.1", 22) == f"host {lab.address('t-a')}"
    lab.silent(("t-b", "10.91.0.1", 22))
    with open("/etc/netns/t-a/hosts") as file:
        assert "10.91.0.1 host\n" in file.read()


def test_sysctls_of_a_container_and_of_an_endpoint(lab):
    own = "sysctls: {net.ipv4.ip_unprivileged_port_start: 80}"
    end = "{driver_opts: {com.docker.network.endpoint.sysctls: 'net.ipv4.conf.IFNAME.log_martians=1'}}"
    lab.apply(network("", f"a: {{{own}, networks: {{n: {end}}}}}"))
    assert lab.sysctl("net/ipv4/ip_unprivileged_port_start", "t-a") == "80"
    assert lab.sysctl("net/ipv4/conf/eth0/log_martians", "t-a") == "1"


def test_what_a_container_sets_for_all_of_its_links_is_seen_though_those_before_it_set_nothing(lab):
    own = "sysctls: {net.ipv6.conf.all.disable_ipv6: 1}"
    lab.apply(
        network(
            "enable_ipv6: true", f"a: {{networks: [n]}}, b: {{networks: [n], {own}}}, c: {{networks: [n]}}"
        )
    )
    for name in ("t-a", "t-b", "t-c"):
        assert lab.sysctl("net/ipv6/conf/eth0/disable_ipv6", name) == "0"
        assert lab.sysctl("net/ipv6/conf/eth0/accept_ra", name) == "0"
        assert lab.addresses(name, family=6)


def test_routes_of_an_endpoint(lab):
    lab.apply(network(SUBNET, "a: {networks: {n: {routes: [{to: 10.200.0.0/16, via: 10.91.0.9}]}}}"))
    assert any(line.startswith("10.200.0.0/16 via 10.91.0.9 dev eth0") for line in lab.routes("t-a"))


# between networks


@pytest.mark.parametrize("count", [4])
def test_no_two_of_many_networks_reach_each_other(lab, count):
    """netavark's isolation test: 24 pings in both families."""
    names = [f"n{i}" for i in range(count)]
    lab.apply(
        {
            "name": "t",
            "networks": {name: {"enable_ipv6": True} for name in names},
            "containers": {f"c-{name}": {"networks": [name]} for name in names},
        }
    )
    for name in names:
        lab.serve(f"t-c-{name}", 80)
    lab.silent(
        *(
            (f"t-c-{one}", lab.address(f"t-c-{two}", family=family), 80)
            for one in names
            for two in names
            if one != two
            for family in (4, 6)
        )
    )


def test_networks_of_two_projects_do_not_reach_each_other(lab):
    lab.succeed(
        lab.reconcile("--apply", lab.write(PAIR.replace("name: t", "name: o").replace("91", "95"), "o.yaml"))
    )
    lab.apply(PAIR)
    lab.serve("o-a", 80)
    lab.serve("t-a", 80)
    lab.silent(
        ("t-a", "10.95.0.2", 80), ("t-a", "fd95::2", 80), ("o-a", "10.91.0.2", 80), ("o-a", "fd91::2", 80)
    )
    assert lab.ping("o-a", "10.95.0.3") and lab.ping("t-a", "10.91.0.3")
