"""Default deny, as probes from real attackers: what must work works, and nothing else does."""

import pytest

from tests.netns.lab import IMPATIENCE, OURS, PATIENCE, THEIRS, Lab, Probe

IPAM = "ipam: {{config: [{{subnet: 10.{n}.0.0/24}}, {{subnet: 'fd{n}::/64'}}]}}"
NETWORK = f"{{{{enable_ipv6: true, internal: {{internal}}, {IPAM}}}}}"
MANIFEST = f"""
name: t
networks:
  n1: {NETWORK.format(n=91, internal="false")}
  n2: {NETWORK.format(n=92, internal="false")}
  n3: {NETWORK.format(n=93, internal="true")}
containers:
  a:
    networks: {{n1: {{ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}}
    ports: ["8080:80", "127.0.0.1:8082:81"]
  b: {{networks: {{n1: {{ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}}}}
  c: {{networks: {{n2: {{ipv4_address: 10.92.0.2, ipv6_address: 'fd92::2'}}}}}}
  d: {{networks: {{n3: {{ipv4_address: 10.93.0.2, ipv6_address: 'fd93::2'}}}}}}
"""
A, B, C, D = ({4: f"10.9{n}.0.{h}", 6: f"fd9{n}::{h}"} for n, h in ((1, 2), (1, 3), (2, 2), (3, 2)))
GATEWAY1, GATEWAY3 = {4: "10.91.0.1", 6: "fd91::1"}, {4: "10.93.0.1", 6: "fd93::1"}
LAN2 = {4: "203.0.113.2", 6: "2001:db8:2::2"}
METADATA = {4: "169.254.169.254", 6: "fd00:ec2::254"}
HOST, OUTSIDE = OURS, THEIRS

# name: (who asks, what, port, protocol, the answer that is expected)
WORK = {
    "lan_to_published": ("R", HOST, 8080, "tcp", "t-a {outside}"),
    "host_to_published_by_its_address": ("", HOST, 8080, "tcp", "t-a"),
    "host_loopback_to_published": ("", {4: "127.0.0.1"}, 8080, "tcp", "t-a"),
    "host_loopback_to_loopback_published": ("", {4: "127.0.0.1"}, 8082, "tcp", "t-a"),
    "egress_is_masqueraded": ("t-a", OUTSIDE, 80, "tcp", "R {host}"),
    "same_network": ("t-b", A, 80, "tcp", "t-a {b}"),
    "other_network_through_published": ("t-c", HOST, 8080, "tcp", "t-a"),
    "hairpin_to_own_published": ("t-a", HOST, 8080, "tcp", "t-a"),
    "neighbour_through_published": ("t-b", HOST, 8080, "tcp", "t-a"),
    "a_published_port_of_a_third_machine_CVE_2025_67499": ("t-c", OUTSIDE, 8080, "tcp", "R {host}"),
}
BLOCKED = {
    "lan_to_unpublished_by_container_address": ("R", B, 80, "tcp"),
    "lan_to_published_by_container_address": ("R", A, 80, "tcp"),
    "lan_to_loopback_published_by_container_address": ("R", A, 81, "tcp"),
    "lan_to_loopback_published_by_host_address": ("R", HOST, 8082, "tcp"),
    "lan_to_127_0_0_1_at_the_hosts_mac_CVE_2020_8558": ("R", {4: "127.0.0.1"}, 8082, "tcp"),
    "lan_to_127_0_0_1_to_a_host_service_CVE_2020_8558": ("R", {4: "127.0.0.1"}, 22, "tcp"),
    "network_1_to_network_2": ("t-a", C, 80, "tcp"),
    "network_2_to_published_by_container_address": ("t-c", A, 80, "tcp"),
    "container_to_host_service_by_gateway": ("t-a", GATEWAY1, 22, "tcp"),
    "container_to_host_service_by_lan_address": ("t-a", HOST, 22, "tcp"),
    "container_to_host_udp_service": ("t-a", GATEWAY1, 5000, "udp"),
    "container_to_127_0_0_1_of_the_host": ("t-b", {4: "127.0.0.1"}, 8082, "tcp"),
    "internal_to_lan": ("t-d", OUTSIDE, 80, "tcp"),
    "internal_to_a_resolver_outside_CVE_2024_29018": ("t-d", OUTSIDE, 53, "udp"),
    "internal_to_host_service": ("t-d", GATEWAY3, 22, "tcp"),
    "internal_to_another_network": ("t-d", A, 80, "tcp"),
    "internal_to_another_network_through_published": ("t-d", GATEWAY3, 8080, "tcp"),
    "lan_to_internal": ("R", D, 80, "tcp"),
    "network_1_to_internal": ("t-a", D, 80, "tcp"),
    "lan_to_lan_through_the_host": ("R", LAN2, 80, "tcp"),
}
WITHOUT_RULES = (
    "lan_to_unpublished_by_container_address",
    "lan_to_loopback_published_by_container_address",
    "network_1_to_network_2",
    "network_2_to_published_by_container_address",
    "internal_to_lan",
    "internal_to_another_network",
    "lan_to_internal",
    "network_1_to_internal",
)
FAMILIES = (4, 6)


def cases(table: dict[str, tuple], *names: str) -> list[tuple[str, int]]:
    return [(name, family) for name in names or table for family in FAMILIES if family in table[name][1]]


def probe(table: dict[str, tuple], name: str, family: int) -> Probe:
    who, what, port, proto, *_ = table[name]
    return Probe(who, what[family], port, proto)


def attackers(lab: Lab) -> None:
    """R knows every way in: routes to the containers by the host, and to the host's own loopback."""
    lab.add_outside(
        "R2",
        "lan2",
        {4: "203.0.113.1/24", 6: "2001:db8:2::1/64"},
        {family: f"{address}/{24 if family == 4 else 64}" for family, address in LAN2.items()},
    )
    lab.ip(f"route add default via 203.0.113.1\nroute add {OUTSIDE[6]} via 2001:db8:2::1", "R2")
    lab.sysctl("net/ipv4/conf/all/route_localnet", "R", 1)
    lab.ip("addr del 127.0.0.1/8 dev lo", "R")
    for net in ("10.91.0.0/24", "10.92.0.0/24", "10.93.0.0/24", "203.0.113.0/24", "127.0.0.0/8"):
        lab.ip(f"route add {net} via {HOST[4]}", "R")
    for net in ("fd91::/64", "fd92::/64", "fd93::/64", "2001:db8:2::/64"):
        lab.ip(f"route add {net} via {HOST[6]}", "R")


def insiders(lab: Lab) -> None:
    """Root in a sandbox adds the routes that were withheld: d a way out, b one to the host's lo."""
    lab.ip(f"route add default via {GATEWAY3[4]}\nroute add default via {GATEWAY3[6]}", "t-d")
    lab.sysctl("net/ipv4/conf/all/route_localnet", "t-b", 1)
    lab.ip(f"addr del 127.0.0.1/8 dev lo\nroute add 127.0.0.0/8 via {GATEWAY1[4]}", "t-b")


def inhabitants(lab: Lab) -> None:
    for container in ("t-a", "t-b", "t-c", "t-d"):
        lab.serve(container, 80, 81)
    lab.serve("", 22)
    lab.serve("", 5000, 53, proto="udp")
    for machine in ("R", "R2"):
        lab.serve(machine, 80, 8080)
        lab.serve(machine, 53, proto="udp")


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    attackers(netfiltered)
    netfiltered.apply(MANIFEST)
    insiders(netfiltered)
    inhabitants(netfiltered)
    return netfiltered


@pytest.fixture(scope="module")
def answers(world: Lab) -> dict[tuple[str, int], str | None]:
    """Every probe is sent once, all of a kind at the same time; the tests look at what came back."""
    found = {}
    for table, patience in ((WORK, PATIENCE), (BLOCKED, IMPATIENCE)):
        names = cases(table)
        found |= zip(names, world.ask_all([probe(table, *case) for case in names], patience), strict=True)
    return found


@pytest.mark.parametrize("case", cases(WORK), ids="{0[0]}-ipv{0[1]}".format)
def test_works(answers, case):
    name, family = case
    expected = WORK[name][4].format(outside=OUTSIDE[family], host=HOST[family], b=B[family])
    assert answers[case] and answers[case].startswith(expected), f"{answers[case]}, expected {expected}"


@pytest.mark.parametrize("case", cases(BLOCKED), ids="{0[0]}-ipv{0[1]}".format)
def test_is_blocked(answers, case):
    assert answers[case] is None


@pytest.mark.parametrize("family", FAMILIES)
def test_ping_within_a_network_and_out_but_not_across(world, family):
    assert world.ping("t-a", B[family])
    assert world.ping("t-a", OUTSIDE[family])
    assert world.ping("t-a", GATEWAY1[family])
    assert not world.ping("t-a", C[family], IMPATIENCE)
    assert not world.ping("R", A[family], IMPATIENCE)


def test_nothing_of_an_attempt_across_reaches_the_other_side(world):
    from tests.netns.frames import Sniffer

    with Sniffer(world, "t-c", "eth0") as sniffer:
        world.silent(*(("t-a", C[family], 80, proto) for family in FAMILIES for proto in ("tcp", "udp")))
    assert not [
        frame for frame in sniffer.frames if bytes.fromhex("0a5b0002") in frame or b"\xfd\x91" in frame
    ]


def test_the_command_sees_nothing_left_to_do(world):
    assert world.planned(MANIFEST) == []


def test_router_advertisements_of_containers_are_not_taken_by_the_host_CVE_2020_13401(world):
    for bridge in ("br-t-n1", "br-t-n2", "br-t-n3"):
        assert world.sysctl(f"net/ipv6/conf/{bridge}/accept_ra") == "0"


@pytest.mark.parametrize("table", ["iptables", "ip6tables"])
def test_no_policy_of_a_foreign_chain_was_set(world, table):
    tables = {line.split()[2] for line in world.rules().splitlines() if line.startswith("table ")}
    assert tables == {"reconciler"}


def test_a_v4_only_network_has_ipv6_off_CVE_2024_32473(lab):
    lab.apply("{name: t, networks: {n: {}}, containers: {a: {networks: [n]}, b: {networks: [n]}}}")
    for container in ("t-a", "t-b"):
        assert lab.sysctl("net/ipv6/conf/eth0/disable_ipv6", container) == "1"
        assert "inet6" not in lab.run("ip addr show dev eth0", container).out
    assert "inet6" not in lab.run("ip addr show dev br-t-n").out


def test_a_driver_is_a_name_and_never_a_path_CVE_2021_20206(lab):
    lab.refused(
        "{name: t, networks: {n: {driver: ../../../bin/sh}}, containers: {a: {networks: [n]}}}", "driver"
    )


@pytest.fixture(scope="module")
def flushed(world: Lab, answers) -> dict[tuple[str, int], str | None]:
    """The same attacks once nftables is empty; the answers from before are taken first."""
    world.run("nft flush ruleset")
    names = cases(BLOCKED, *WITHOUT_RULES)
    found = dict(zip(names, world.ask_all(probe(BLOCKED, *case) for case in names), strict=True))
    found["published", 4] = world.ask("R", HOST[4], 8080, patience=IMPATIENCE)
    found["within", 4] = world.ask("t-b", A[4], 80)
    world.apply(MANIFEST)
    found["healed", 4] = world.ask("R", HOST[4], 8080)
    found["healed", 6] = world.ask("R", HOST[6], 8080)
    return found


@pytest.mark.parametrize("case", cases(BLOCKED, *WITHOUT_RULES), ids="{0[0]}-ipv{0[1]}".format)
def test_is_blocked_after_nft_flush_ruleset_CVE_2025_54410(flushed, case):
    assert flushed[case] is None


def test_published_fails_closed_after_a_flush_and_neighbours_still_talk(flushed):
    assert flushed["published", 4] is None
    assert flushed["within", 4] == f"t-a {B[4]}"


@pytest.mark.parametrize("family", FAMILIES)
def test_an_apply_heals_a_flush(flushed, family):
    assert flushed["healed", family] == f"t-a {OUTSIDE[family]}"
