"""Egress by name, as it changes: running flows, what is lost and healed, and what is left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.asking import dig
from tests.netns.connections import held
from tests.netns.lab import Lab, Probe
from tests.netns.outside_names import API4, API6, OTHER4, PACKAGES, names
from tests.netns.snapshot import differing
from tests.netns.test_policies_changed import said

AGENT = "t-agent"
WHOLE = '[api.x.com, "*.packages.example.org", other.com, "198.18.1.0/24:80"]'


def manifest(egress: str) -> str:
    return f"""
name: t
networks:
  n: {{enable_ipv6: true, ipam: {{config: [{{subnet: 10.91.0.0/24}}, {{subnet: 'fd91::/64'}}]}}}}
containers:
  agent: {{networks: [n], egress: {egress}}}
"""


@pytest.fixture
def world(lab: Lab) -> Iterator[Lab]:
    with names(lab):
        lab.serve("R", 80, 443)
        yield lab


def know(world: Lab) -> None:
    for name in ("api.x.com", "a.packages.example.org", "other.com"):
        assert all(dig(world, AGENT, f"{name} {kind}").status == "NOERROR" for kind in ("A", "AAAA"))


FLOWS = {
    "api": Probe(AGENT, API4, 443),
    "api6": Probe(AGENT, API6, 443),
    "packages": Probe(AGENT, PACKAGES, 443),
    "other": Probe(AGENT, OTHER4, 443),
    "prefix": Probe(AGENT, "198.18.1.1", 80),
}


def test_names_that_are_taken_away_end_their_flows_and_others_stay(world):
    world.apply(manifest(WHOLE))
    know(world)
    later = manifest('["*.packages.example.org", api.x.com, "198.18.1.0/24:80"]')
    with held(world, FLOWS) as connections:
        assert said(world.plan(later)) == "flow"
        world.apply(later)
    assert {name for name, one in connections.items() if one.silent} == {"other"}
    world.silent(FLOWS["other"])
    # What is known is still reached, without a question.
    assert all(world.ask_all(FLOWS[name] for name in ("api", "api6", "packages")))
    with held(world, {name: one for name, one in FLOWS.items() if name != "other"}) as connections:
        world.apply(manifest('["*.packages.example.org", api.x.com]'))  # the same names
    assert {name for name, one in connections.items() if one.silent} == {"prefix"}
    assert dig(world, AGENT, "other.com A").status == "NXDOMAIN"


def test_ports_that_are_taken_away(world):
    world.apply(manifest('["api.x.com:80,443"]'))
    dig(world, AGENT, "api.x.com A")
    with held(world, {"80": Probe(AGENT, API4, 80), "443": Probe(AGENT, API4, 443)}) as connections:
        world.apply(manifest("[api.x.com]"))
    assert {name for name, one in connections.items() if one.silent} == {"80"}


def test_who_fills_what_is_remembered_keeps_nobody_out(world):
    """One who tries all ports of a name would, of all who list the same."""
    world.apply(manifest(WHOLE))
    know(world)
    found = [name for name in world.run("nft list sets inet").out.split() if name.startswith("seen-")]
    for name, ip in zip(sorted(found), ("198.18.0.9", "2001:2::9"), strict=True):
        for first in range(1, 65536, 2048):  # what a socket takes at once
            ports = ", ".join(f"{ip} . tcp . {port}" for port in range(first, min(first + 2048, 65536)))
            world.nft(f"add element inet reconciler {name} {{ {ports} }}")
    assert world.ask(AGENT, API4, 443) and world.ask(AGENT, API6, 443)
    world.silent(Probe(AGENT, API4, 80))


def test_what_is_lost_is_healed_and_known_names_work_again(world):
    wanted = manifest(WHOLE)
    world.apply(wanted)
    know(world)
    assert world.ask(AGENT, API4, 443)
    elements = world.rules("inet reconciler").count(API4)
    assert elements >= 2 and world.planned(wanted) == []
    world.apply(manifest(WHOLE) + "  beside: {networks: [n]}\n")
    assert world.rules("inet reconciler").count(API4) == elements
    world.apply(wanted)
    for loss in ("flush ruleset", "flush chain inet reconciler sending; " + lost(world)):
        world.nft(loss)
        assert world.planned(wanted)
        world.apply(wanted)
        assert world.planned(wanted) == []
        world.silent(FLOWS["api"])
        know(world)  # in the resolver's cache, had nobody told it
        assert world.ask(AGENT, API4, 443) and world.ask(AGENT, API6, 443)
        world.silent(Probe(AGENT, API4, 80))


def lost(world: Lab) -> str:
    """What takes a set away, and all that asks it."""
    lines = [line.split() for line in world.run("nft list table inet reconciler").out.splitlines()]
    ours = [words[:2] for words in lines if words[1:] and words[1].startswith(("names-", "named-", "seen-"))]
    chains, sets = ([name for word, name in ours if word == what] for what in ("chain", "set"))
    flush = [f"flush map inet reconciler names_of{number}" for number in (4, 6)]
    flush += [f"flush chain inet reconciler {name}" for name in chains]
    flush += [f"delete chain inet reconciler {name}" for name in chains]
    return "; ".join([*flush, *(f"delete set inet reconciler {name}" for name in sets)])


def test_another_project_takes_nothing_along(world):
    world.apply(manifest(WHOLE))
    know(world)
    other = "name: u\ncontainers: {agent: {networks: [default], egress: [other.com]}}\n"
    world.succeed(world.reconcile("--apply", world.write(other, "u.yaml")))
    assert world.ask(AGENT, API4, 443)
    assert dig(world, "u-agent", "other.com A").words == (OTHER4,)
    assert world.ask("u-agent", OTHER4, 443)
    world.succeed(world.reconcile("--destroy", world.write(other, "u.yaml")))
    assert world.ask(AGENT, API4, 443)
    assert [step for step in world.planned(manifest(WHOLE)) if "named-" in step or "names-" in step] == []


def test_nothing_is_left(world):
    before = world.snapshot()
    world.apply(manifest(WHOLE))
    know(world)
    world.apply(manifest("[]"))
    assert "names-" not in world.rules() and world.planned(manifest("[]")) == []
    world.apply(manifest(WHOLE))
    world.destroy()
    assert differing(before, world.snapshot()) == {}


def test_who_has_nobody_to_ask_is_told_so(world):
    Path("/etc/resolv.conf").write_text("")
    assert "reaches nothing that its `egress` names" in world.plan(manifest(WHOLE)).err
