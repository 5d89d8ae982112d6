"""Policies: who may reach whom, by packets: every pair, v4 and v6, TCP and UDP, br_netfilter 0 and 1."""

from itertools import product

import pytest

from tests.netns.lab import IMPATIENCE, OURS, THEIRS, Lab, Probe

MANIFEST = """
name: t
networks:
  front: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  back: {enable_ipv6: true, ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
services:
  web:
    networks: {front: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}
    ports: ["8080:80", "8080:80/udp"]
    egress: ["app:80", "db:81", "outside:80"]
  app:
    networks: {front: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}
    ports: ["8081:80"]
    labels: {tier: inner}
    ingress: ["web:80-81/tcp", "host:81"]
  db:
    networks: {back: {ipv4_address: 10.92.0.4, ipv6_address: 'fd92::4'}}
    ports: ["8082:80"]
  free: {networks: {front: {ipv4_address: 10.91.0.5, ipv6_address: 'fd91::5'}}}
  other: {networks: {back: {ipv4_address: 10.92.0.6, ipv6_address: 'fd92::6'}}}
policies:
  inner: {for: ["label:tier=inner"], egress: []}
  data: {for: [db], ingress: ["network/front:81", "outside:80/tcp", other]}
"""
AT = {"web": ("91", 2), "app": ("91", 3), "db": ("92", 4), "free": ("91", 5), "other": ("92", 6)}
ALL = (80, "tcp"), (81, "tcp"), (80, "udp")
# By who asks, whom, and what; all else is closed.
OPEN = {
    ("web", "app", 80, "tcp"),
    ("web", "db", 81, "tcp"),
    ("free", "db", 81, "tcp"),
    *(("other", "db", *one) for one in ALL),
    *(("db", "other", *one) for one in ALL),
    *(("free", "web", *one) for one in ALL),
}


def at(name: str, family: int) -> str:
    net, number = AT[name]
    return f"10.{net}.0.{number}" if family == 4 else f"fd{net}::{number}"


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.apply(MANIFEST)
    for name in AT:
        netfiltered.serve(f"t-{name}-1", 80, 81)
        netfiltered.serve(f"t-{name}-1", 80, proto="udp")
    netfiltered.serve("R", 80, 81)
    netfiltered.serve("", 99)
    return netfiltered


def verdicts(world: Lab, probes: list[Probe]) -> set[Probe]:
    """Those that were answered."""
    answers = world.ask_all(probes, patience=IMPATIENCE)
    return {probe for probe, answer in zip(probes, answers, strict=True) if answer}


def test_plan_after_apply_is_empty(world):
    assert world.planned(MANIFEST) == []


def test_each_pair_is_open_or_closed_as_it_is_written(world):
    asked = {
        Probe(f"t-{one}-1", at(two, family), port, proto): (one, two, port, proto)
        for one, two in product(AT, AT)
        if one != two
        for family in (4, 6)
        for port, proto in ALL
    }
    found = verdicts(world, [*asked])
    assert {asked[probe] for probe in found} - OPEN == set()
    assert found == {probe for probe, what in asked.items() if what in OPEN}


def test_outside_and_host(world):
    asked = {
        Probe("t-web-1", THEIRS[4], 80): True,
        Probe("t-web-1", THEIRS[6], 80): True,
        Probe("t-web-1", THEIRS[4], 81): False,
        Probe("t-app-1", THEIRS[4], 80): False,
        Probe("t-app-1", THEIRS[6], 80): False,
        Probe("t-free-1", THEIRS[6], 81): True,
        # Published ports: what the container itself may.
        Probe("R", OURS[4], 8080): True,
        Probe("R", OURS[6], 8080): True,
        Probe("R", OURS[4], 8081): False,
        Probe("R", OURS[6], 8081): False,
        Probe("R", OURS[4], 8082): True,
        Probe("R", OURS[6], 8082): True,
        Probe("", OURS[4], 8080): True,
        Probe("", OURS[4], 8081): False,
        Probe("", at("app", 4), 81): True,
        Probe("", at("app", 6), 81): True,
        Probe("", at("app", 6), 80): False,
        Probe("", at("db", 4), 80): False,
        # By the host's published ports to a neighbour: it is that neighbour all the same.
        Probe("t-free-1", OURS[4], 8081): False,
        Probe("t-web-1", OURS[4], 8081): True,
        Probe("t-web-1", OURS[4], 8082): False,
        Probe("t-other-1", OURS[6], 8082): True,
    }
    assert verdicts(world, [*asked]) == {probe for probe, is_open in asked.items() if is_open}


def test_ping_is_refused_like_all_else(world):
    assert not world.ping("t-web-1", at("free", 4), IMPATIENCE)
    assert not world.ping("t-app-1", at("free", 6), IMPATIENCE)
    assert world.ping("t-free-1", at("web", 4)) and world.ping("t-free-1", at("web", 6))
    assert not world.ping("t-app-1", THEIRS[4], IMPATIENCE)
