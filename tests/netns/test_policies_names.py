"""Egress by name: by packets, and a server that knows the world; v4 and v6, br_netfilter 0 and 1."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.netns.asking import dig
from tests.netns.lab import REMOTE4, THEIRS, Lab, Probe
from tests.netns.outside_names import API4, API6, CROWD, MANY, OTHER4, OTHER6, PACKAGES, SHARED4, names

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
services:
  agent:
    networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}
    egress: [api.x.com, "*.packages.example.org:80-81,443", "www.cdn.net:8443/tcp", many.y.com, "*.crowd.net"]
  db: {networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}
  twin:
    networks: {n: {ipv4_address: 10.91.0.4, ipv6_address: 'fd91::4'}}
    egress: [db, api.x.com]
  own:
    networks: {n: {ipv4_address: 10.91.0.6, ipv6_address: 'fd91::6'}}
    egress: ["SERVER:53/udp", api.x.com]
  none:
    networks: {n: {ipv4_address: 10.91.0.5, ipv6_address: 'fd91::5'}}
    egress: []
"""
MANIFEST = MANIFEST.replace("SERVER", REMOTE4)
AGENT, TWIN, NONE, FREE = "t-agent-1", "t-twin-1", "t-none-1", "t-db-1"


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Iterator[Lab]:
    with names(netfiltered):
        netfiltered.apply(MANIFEST)
        netfiltered.serve("R", 80, 81, 443, 8443)
        netfiltered.serve("t-db-1", 443)
        yield netfiltered


def told(world: Lab, ns: str, name: str, kind: str = "A", *options: str) -> tuple[str, ...]:
    answer = dig(world, ns, f"{name} {kind}", *options)
    return answer.words or (answer.status,)


def test_plan_after_apply_is_empty(world):
    assert world.planned(MANIFEST) == []


def test_what_is_listed_is_told_and_reached_and_nothing_else(world):
    world.silent(Probe(AGENT, API4, 443), Probe(AGENT, API6, 443))  # nobody has asked for it yet
    assert told(world, AGENT, "api.x.com") == (API4,)
    assert told(world, AGENT, "api.x.com", "AAAA") == (API6,)
    assert world.ask(AGENT, API4, 443) and world.ask(AGENT, API6, 443)
    world.silent(Probe(AGENT, API4, 80), Probe(AGENT, API6, 8443), Probe(AGENT, API4, 443, "udp"))
    world.silent(Probe(NONE, API4, 443), Probe(AGENT, OTHER4, 443), Probe(AGENT, OTHER6, 443))
    assert world.ask(FREE, OTHER4, 443)
    assert world.planned(MANIFEST) == []


def test_below_a_name_is_not_the_name(world):
    assert told(world, AGENT, "a.packages.example.org") == (PACKAGES,)
    assert told(world, AGENT, "b.c.packages.example.org") == (PACKAGES,)
    assert told(world, AGENT, "packages.example.org") == ("NXDOMAIN",)
    assert told(world, AGENT, "deep.api.x.com") == ("NXDOMAIN",)
    assert all(world.ask(AGENT, PACKAGES, port) for port in (80, 81, 443))


def test_nothing_else_is_known_whatever_is_asked(world):
    for kind in ("A", "AAAA", "TXT", "MX", "ANY"):
        assert told(world, AGENT, "other.com", kind) == ("NXDOMAIN",)
    assert told(world, NONE, "api.x.com") == ("NXDOMAIN",)
    assert told(world, FREE, "other.com") == (OTHER4,)
    assert told(world, AGENT, "api.x.com", "TXT") == ('"hello"',)


def test_neighbours_are_known_and_reached_as_they_are_listed(world):
    assert told(world, AGENT, "db") == told(world, TWIN, "db") == ("10.91.0.3",)
    assert world.ask(TWIN, "10.91.0.3", 443)
    world.silent(Probe(AGENT, "10.91.0.3", 443))


def test_names_of_names_and_many_addresses(world):
    assert told(world, AGENT, "www.cdn.net")[-1] == "node.cdn.net." and world.ask(AGENT, PACKAGES, 8443)
    assert sorted(told(world, AGENT, "many.y.com")) == sorted(MANY)
    assert all(world.ask_all(Probe(AGENT, address, 443) for address in MANY))


@pytest.mark.parametrize("server", [REMOTE4, "10.91.0.3", "198.18.0.9", "10.91.0.1"])
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_who_asks_others_is_answered_all_the_same_by_his_own(world, server, way):
    assert told(world, AGENT, "api.x.com", "A", f"@{server}", way) == (API4,)
    assert told(world, AGENT, "other.com", "A", f"@{server}", way) == ("NXDOMAIN",)


def test_who_lists_a_name_server_asks_that_one(world):
    assert told(world, "t-own-1", "other.com", "A", f"@{REMOTE4}") == (OTHER4,)
    assert told(world, "t-own-1", "other.com", "A", "@10.91.0.3") == ("NXDOMAIN",)
    assert told(world, "t-own-1", "other.com", "A", f"@{REMOTE4}", "+tcp") == ("NXDOMAIN",)


def test_who_asks_others_by_ipv6_or_over_tls(world):
    assert told(world, AGENT, "other.com", "A", f"@{THEIRS[6]}") == ("NXDOMAIN",)
    world.silent(Probe(AGENT, REMOTE4, 853), Probe(AGENT, REMOTE4, 443))


def test_no_name_leads_inside(world):
    for name in ("evil", "cloud"):
        assert told(world, AGENT, f"{name}.packages.example.org") in [("NOERROR",), ("NXDOMAIN",)]
    for name in ("alibaba", "shared"):
        told(world, AGENT, f"{name}.packages.example.org")
    inside = "10.91.0.3", "169.254.169.254", "100.100.100.200", SHARED4
    world.silent(*(Probe(AGENT, ip, 443) for ip in inside))
    assert world.ask(FREE, SHARED4, 443)


def test_whatever_a_set_holds_leads_nowhere_inside(world):
    """Had a name server got round what keeps it from saying so."""
    found = world.run("nft list sets inet").out.split()
    four = [name for name in found if name.endswith("-4")]
    neighbours = "10.91.0.3", "169.254.169.254", "100.100.100.200", SHARED4
    inside = {name: ", ".join(neighbours) for name in four if name.startswith("named-")}
    before = {name: " . tcp . 443, ".join((*neighbours, "")) for name in four if name.startswith("seen-")}
    assert (len(inside), len(before)) == (5, 2)
    filled = [f"element inet reconciler {name} {{ {items} }}" for name, items in (inside | before).items()]
    world.nft("\n".join(f"add {one}" for one in filled))
    world.silent(*(Probe(AGENT, ip, 443) for ip in neighbours))
    world.nft("\n".join(f"delete {one}" for one in filled))
    assert world.planned(MANIFEST) == []


def test_no_first_connection_is_refused(world):
    def first(number: int) -> bool:
        """By the answer at once, as a program does."""
        with world.inside(AGENT), socket.socket() as channel:
            found = asked(f"n{number}.crowd.net")
            channel.settimeout(5)
            try:
                channel.connect((found, 443))
            except OSError:
                return False
            return found == CROWD[number]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(first, range(len(CROWD))))


def asked(name: str, server: str = "10.91.0.1") -> str:
    """The first address of a name, of a server that answers quickly."""
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    question = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\0\0\x01\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(5)
        channel.sendto(question, (server, 53))
        return socket.inet_ntoa(channel.recv(4096)[-4:])
