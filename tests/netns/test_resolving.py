"""Containers find each other by name: what dig and the C libraries of containers see, in both families."""

from collections.abc import Iterator

import pytest

from reconciler.cnm.zones import PORTS
from reconciler.kinds.names import short_id
from tests.netns.asking import LIBRARIES, QUICK, Answer, addresses, dig, dig_all, looked_up
from tests.netns.lab import HOST4, HOST6, Lab

MANIFEST = """
name: t
networks:
  a: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  b: {internal: true, enable_ipv6: true, ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
  six: {enable_ipv4: false, enable_ipv6: true, ipam: {config: [{subnet: 'fd93::/64'}]}}
  alone: {gateway_mode: isolated, internal: true, ipam: {config: [{subnet: 10.94.0.0/24}]}}
  nameless: {dns: off, ipam: {config: [{subnet: 10.95.0.0/24}]}}
services:
  web:
    image: x
    deploy: {replicas: 3, endpoint_mode: dnsrr}
    networks: {a: {aliases: [www, api.example.com, Shop]}}
  both:
    image: x
    networks:
      a: {ipv4_address: 10.91.0.9, ipv6_address: 'fd91::9'}
      b: {ipv4_address: 10.92.0.9, ipv6_address: 'fd92::9'}
  only-a:
    image: x
    networks: {a: {ipv4_address: 10.91.0.10, ipv6_address: 'fd91::10'}}
    links: ['web:w']
  only-b:
    image: x
    container_name: Data
    hostname: store.example.com
    networks: {b: {ipv4_address: 10.92.0.10, ipv6_address: 'fd92::10', aliases: [database, '*.pg']}}
  s1: {image: x, networks: {six: {ipv6_address: 'fd93::11'}}}
  s2: {image: x, networks: {six: {ipv6_address: 'fd93::12'}}}
  i1: {image: x, networks: {alone: {ipv4_address: 10.94.0.11}}}
  i2: {image: x, networks: {alone: {ipv4_address: 10.94.0.12}}}
  n1: {image: x, networks: {nameless: {ipv4_address: 10.95.0.11}}}
  n2: {image: x, networks: {nameless: {ipv4_address: 10.95.0.12}}}
"""
A, B, BOTH = "t-only-a-1", "Data", "t-both-1"
WEB = {f"t-web-{number}" for number in (1, 2, 3)}
NOTHING = Answer("NOERROR")
UNKNOWN = Answer("NXDOMAIN")


def a(*ends: int, net: int = 91) -> set[str]:
    return {f"10.{net}.0.{end}" for end in ends} | {f"fd{net}::{end}" for end in ends}


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Iterator[Lab]:
    netfiltered.apply(MANIFEST)
    yield netfiltered
    netfiltered.destroy()


@pytest.fixture(scope="module")
def web(world: Lab) -> set[str]:
    """The addresses of all replicas."""
    return {world.address(ns, family=family) for ns in WEB for family in (4, 6)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_service_is_all_its_replicas_by_each_of_its_names(world, web, library):
    names = (
        "web",
        "WEB",
        "www",
        "shop",
        "api.example.com",
        "web.t_a",
        "web.t",
        "web.t.internal",
        "Web.T.Internal",
    )
    assert addresses(world, A, library, *names) == dict.fromkeys(names, web)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_container_is_found_by_each_of_its_names(world, library):
    first = {world.address("t-web-1", family=family) for family in (4, 6)}
    names = ("t-web-1", "t-web-1.t_a", short_id("t-web-1"), short_id("t-web-1").upper())
    assert addresses(world, A, library, *names) == dict.fromkeys(names, first)
    names = (
        "only-b",
        "data",
        "Data",
        "data.t_b",
        "store",
        "database",
        "x.pg",
        "y.X.pg",
        "only-b.t",
        short_id("Data"),
    )
    assert addresses(world, BOTH, library, *names) == dict.fromkeys(names, a(10, net=92))


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_address_is_called_as_docker_calls_it(world, library):
    assert addresses(world, A, library, *a(9)) == dict.fromkeys(a(9), {"t-both-1.t_a"})
    assert addresses(world, B, library, *a(9, net=92)) == dict.fromkeys(a(9, net=92), {"t-both-1.t_b"})


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_is_on_two_networks_is_told_of_both_and_a_neighbour_of_one_of_that_alone(world, library):
    names = ("only-a", "only-b", "both")
    both = {"only-a": a(10), "only-b": a(10, net=92), "both": a(9) | a(9, net=92)}
    assert addresses(world, BOTH, library, *names) == both
    assert addresses(world, A, library, *names) == {"only-a": a(10), "only-b": set(), "both": a(9)}
    found = addresses(world, B, library, "only-a", "both")
    assert found == {"only-a": set(), "both": a(9, net=92)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_link_is_called_so_by_who_says_it(world, web, library):
    assert addresses(world, A, library, "w")["w"] == web
    assert addresses(world, BOTH, library, "w")["w"] == set()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("ns", [A, B, BOTH, "t-s1-1", "t-i1-1"])
def test_what_nobody_is_called_is_unknown_at_once(world, ns, library):
    found = looked_up(world, ns, library, "nobody", "NOBODY", "no-body")
    assert {(one.words, one.seconds < QUICK) for one in found.values()} == {(frozenset(), True)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_internal_network_knows_nothing_of_the_world_at_once(world, library):
    found = looked_up(world, B, library, "example.com", "www.example.org", "web.t.internal")
    assert {(one.words, one.seconds < QUICK) for one in found.values()} == {(frozenset(), True)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_networks_without_ipv4_and_networks_whose_gateway_is_nobodys(world, library):
    assert addresses(world, "t-s1-1", library, "s2") == {"s2": {"fd93::12"}}
    assert addresses(world, "t-s1-1", library, "fd93::12") == {"fd93::12": {"t-s2-1.t_six"}}
    assert addresses(world, "t-i1-1", library, "i2") == {"i2": {"10.94.0.12"}}
    assert addresses(world, "t-i1-1", library, "10.94.0.12") == {"10.94.0.12": {"t-i2-1.t_alone"}}


@pytest.mark.parametrize("options", [(), ("+tcp",)], ids=["udp", "tcp"])
@pytest.mark.parametrize(
    ("ns", "servers"),
    [
        (
            A,
            (
                "",
                "10.91.0.1",
                "fd91::1",
                "127.0.0.11",
                "10.92.0.1",
                "fd92::1",
                "198.51.100.1",
                "2001:db8:1::1",
            ),
        ),
        (BOTH, ("", "10.91.0.1", "fd91::1", "127.0.0.11", "10.92.0.1", "fd92::1")),
        (B, ("", "10.92.0.1", "fd92::1", "127.0.0.11")),
        ("t-s1-1", ("", "fd93::1")),
        ("t-i1-1", ("", "127.0.0.11")),
    ],
    ids=["a", "both", "b", "six", "alone"],
)
def test_it_answers_by_whatever_address_of_the_host_it_is_asked(world, ns, servers, options):
    """And says what the own network knows."""
    at = [f"@{server}" if server else "+retry=0" for server in servers]
    asked = {A: ("only-a AAAA", "fd91::10"), BOTH: ("only-b AAAA", "fd92::10"), B: ("both AAAA", "fd92::9")}
    asked |= {"t-s1-1": ("s2 AAAA", "fd93::12"), "t-i1-1": ("i2 A", "10.94.0.12")}
    question, answer = asked[ns]
    assert {one: dig(world, ns, question, one, *options) for one in at} == dict.fromkeys(
        at, Answer("NOERROR", (answer,))
    )


def test_no_gateway_and_no_port_tells_of_another_network(world):
    servers = ("10.92.0.1", "fd92::1", "10.91.0.1", "fd91::1", HOST4, HOST6, "127.0.0.11", "127.0.0.1", "::1")
    at_53 = [(f"@{server}", transport) for server in servers for transport in ("+notcp", "+tcp")]
    ports = {int(line.split()[3].rpartition(":")[2]) for line in listening(world)}
    assert len(ports) >= 4
    others = [(*asked, "-p", str(port)) for asked in at_53 for port in ports]
    found = dig_all(world, A, "only-b A", at_53 + others)
    assert not [words for answer in found for words in answer.words]
    assert set(found[len(at_53) :]) == {Answer()}


def listening(lab: Lab) -> list[str]:
    return lab.run(["ss", "-Hlun", f"sport >= {PORTS[0]} and sport <= {PORTS[9]}"]).out.splitlines()


@pytest.mark.parametrize("ns", [A, B, BOTH])
@pytest.mark.parametrize("kind", ["MX", "TXT", "HTTPS", "SRV"])
def test_other_types_of_a_known_name_are_nothing_and_nobody_else_is_asked(world, ns, kind):
    names = ("both", "both.t_a" if ns == A else "both.t_b", "both.t.internal", "both.t")
    assert {name: dig(world, ns, f"{name} {kind}") for name in names} == dict.fromkeys(names, NOTHING)


@pytest.mark.parametrize("question", ["nobody A", "nobody AAAA", "NOBODY MX", "nobody.t.internal A"])
@pytest.mark.parametrize("ns", [A, B, BOTH])
def test_what_is_unknown_is_told_so(world, ns, question):
    assert dig(world, ns, question) == UNKNOWN


def test_replicas_come_in_changing_order(world, web):
    orders = {world.run(["ip", "netns", "exec", A, "dig", "+short", "web", "A"]).out for _ in range(12)}
    assert len(orders) > 1


def test_a_network_without_names_has_none(world):
    assert dig(world, "t-n1-1", "n2 A", "@10.95.0.1", "+time=1") == Answer()
    assert dig(world, "t-n1-1", "n2 A", "@127.0.0.11", "+time=1") == Answer()
    assert "10.91.0.1" not in resolv(world, "t-n1-1")


def test_its_resolv_conf_names_one_server_and_asks_for_a_name_as_it_is(world):
    written = {ns: resolv(world, ns) for ns in (A, B, BOTH, "t-s1-1", "t-i1-1")}
    servers = {A: "10.91.0.1", B: "10.92.0.1", BOTH: "10.91.0.1", "t-s1-1": "fd93::1", "t-i1-1": "127.0.0.11"}
    assert written == {ns: f"nameserver {server}\noptions ndots:0\n" for ns, server in servers.items()}


def resolv(lab: Lab, ns: str) -> str:
    lines = lab.run(["ip", "netns", "exec", ns, "cat", "/etc/resolv.conf"]).out.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def test_there_is_nothing_to_do_afterwards(world):
    assert world.planned(MANIFEST) == []
