"""Internal networks stay internal, but for what a policy opens, and for that there is a route."""

from itertools import permutations

import pytest

from tests.netns.lab import IMPATIENCE, OURS, THEIRS, Lab, Probe

NETWORKS = """
name: t
networks:
  front: {{enable_ipv6: true, ipam: {{config: [{{subnet: 10.91.0.0/24}}, {{subnet: 'fd91::/64'}}]}}}}
  inner: {{internal: true, enable_ipv6: true{inner},
           ipam: {{config: [{{subnet: 10.92.0.0/24}}, {{subnet: 'fd92::/64'}}]}}}}
  deep:
    {{internal: true, enable_ipv6: true,
      ipam: {{config: [{{subnet: 10.93.0.0/24}}, {{subnet: 'fd93::/64'}}]}}}}
containers:
  web: {{networks: {{front: {{ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}}, ports: ["8080:80"]{web}}}
  other: {{networks: {{front: {{ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}}}}
  db: {{networks: {{inner: {{ipv4_address: 10.92.0.4, ipv6_address: 'fd92::4'}}}}{db}}}
  cache: {{networks: {{inner: {{ipv4_address: 10.92.0.5, ipv6_address: 'fd92::5'}}}}}}
  vault: {{networks: {{deep: {{ipv4_address: 10.93.0.6, ipv6_address: 'fd93::6'}}}}}}
  both:
    networks:
      front: {{ipv4_address: 10.91.0.7, ipv6_address: 'fd91::7'}}
      deep: {{ipv4_address: 10.93.0.7, ipv6_address: 'fd93::7'}}
"""
AT = {"web": ("91", 2), "other": ("91", 3), "db": ("92", 4), "cache": ("92", 5), "vault": ("93", 6)}
ASKED = (80, "tcp"), (81, "tcp"), (80, "udp")
NEAR = {(one, two, *what) for one, two in permutations(AT, 2) if AT[one][0] == AT[two][0] for what in ASKED}


def manifest(web: str = "", db: str = "", inner: str = "") -> str:
    return NETWORKS.format(web=web and f", {web}", db=db and f", {db}", inner=inner and f", {inner}")


def at(name: str, family: int) -> str:
    net, number = AT[name]
    return f"10.{net}.0.{number}" if family == 4 else f"fd{net}::{number}"


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.apply(manifest())
    for name in (*AT, "both"):
        netfiltered.serve(f"t-{name}", 80, 81)
        netfiltered.serve(f"t-{name}", 80, proto="udp")
    netfiltered.serve("R", 80)
    return netfiltered


def opened(world: Lab) -> set[tuple[str, str, int, str]]:
    """All that is open in both families; none may be in one alone."""
    asked = {
        Probe(f"t-{one}", at(two, family), port, proto): (one, two, port, proto)
        for one, two in permutations(AT, 2)
        for family in (4, 6)
        for port, proto in ASKED
    }
    answers = world.ask_all([*asked], patience=IMPATIENCE)
    found = [asked[probe] for probe, answer in zip(asked, answers, strict=True) if answer]
    assert {one for one in found if found.count(one) != 2} == set()
    return {*found}


def stays_internal(world: Lab) -> None:
    for name in ("db", "vault"):
        world.silent(Probe(f"t-{name}", THEIRS[4], 80), Probe(f"t-{name}", THEIRS[6], 80))
        world.silent(Probe(f"t-{name}", OURS[4], 8080))
    world.silent(Probe("R", "10.92.0.4", 80), Probe("R", "fd92::4", 80))


def routes(world: Lab, name: str) -> list[str]:
    return [
        line.split()[0]
        for family in ("-4", "-6")
        for line in world.run(f"ip {family} -n t-{name} route").out.splitlines()
        if " via " in line
    ]


def test_nothing_is_open_without_a_policy(world):
    world.apply(manifest())
    assert opened(world) == NEAR
    stays_internal(world)


def test_into_one(world):
    text = manifest(web="egress: ['db:80/tcp', network/front]")
    world.apply(text)
    assert world.planned(text) == []
    assert opened(world) == NEAR | {("web", "db", 80, "tcp")}
    assert routes(world, "db") == ["10.91.0.0/24", "fd91::/64"] and routes(world, "cache") == []
    stays_internal(world)


def test_out_of_one_and_between_two(world):
    text = manifest(
        db="egress: ['web:81', 'vault:80/udp', 'both:80', network/inner], ingress: [vault, network/inner]"
    )
    world.apply(text)
    assert world.planned(text) == []
    ways = {("db", "web", 81, "tcp"), ("db", "vault", 80, "udp"), *(("vault", "db", *what) for what in ASKED)}
    assert opened(world) == NEAR | ways
    assert world.ask("t-db", "10.91.0.7", 80) and world.ask("t-db", "fd91::7", 80)
    world.silent(Probe("t-db", "10.93.0.7", 80), Probe("t-db", "fd93::7", 80))
    stays_internal(world)


def test_to_all_of_another_network(world):
    text = manifest(inner="allow_networks: [front, deep]")
    world.apply(text)
    assert world.planned(text) == []
    into = {
        (one, two, *what) for one in ("web", "other", "vault") for two in ("db", "cache") for what in ASKED
    }
    assert opened(world) == NEAR | into
    stays_internal(world)


def test_what_drifts_is_healed_and_what_goes_takes_its_way_along(world):
    text = manifest(web="egress: ['db:80', network/front]")
    world.apply(text)
    world.run("ip -n t-db route del 10.91.0.0/24")
    world.run("ip -6 rule del pref 1087")
    assert len(world.planned(text)) == 2
    world.apply(text)
    assert world.planned(text) == []
    assert world.ask("t-web", "10.92.0.4", 80) and world.ask("t-web", "fd92::4", 80)
    world.apply(manifest())
    assert world.planned(manifest()) == [] and routes(world, "db") == []
    assert "1087" not in world.run("ip rule").out + world.run("ip -6 rule").out
    assert opened(world) == NEAR
