"""Who is near one sandbox decides by the same facts as who sees all that stands."""

from dataclasses import replace

import pytest

from reconciler.core.resource import State, state
from reconciler.drivers.firewall.elements import CROWDED
from reconciler.inventory.facts import Claim, Facts, HostFacts, OtherSandboxes
from reconciler.inventory.learn import know
from reconciler.inventory.others import others_of
from reconciler.kernel.nft import About
from reconciler.kernel.nft.kept import ruleset
from reconciler.kinds.nft import InTable, Table
from reconciler.manifest.spec import ContainerSpec, Manifest, NetworkSpec
from reconciler.pipeline import decide
from tests.unit.worlds import container, manifest, port, project

ONE = "cni-1"
SEEN = (
    "sandboxes",
    "identities",
    "leases",
    "devices",
    "claims",
    "macs",
    "networks",
    "subnets",
    "mtus",
    "lans",
)


def guest(name: str, published: int) -> ContainerSpec:
    return container(name, "front", ports=(port(80, published),), container_name=name)


def world(*names: str) -> Manifest:
    """A shop, and a project of one sandbox on its network by each of these names."""
    front = NetworkSpec(name="front", enable_ipv6=True)
    boxes = [container(f"web{i}", "front", ports=(port(80, 8000 + i),)) for i in range(3)]
    others = (
        project(
            name,
            NetworkSpec(name="front", external=True, full_name="shop_front"),
            guest(name, 9000 + int(name[-1])),
        )
        for name in names
    )
    return manifest(project("shop", front, *boxes), *others)


def standing(*names: str) -> State:
    return decide(world(*names), Facts())[1]


def near(live: State, name: str) -> State:
    """What is read near one sandbox."""
    tables = ruleset(0, frozenset(), (r for r in live.values() if isinstance(r, InTable | Table)))
    rest = (r for r in live.values() if not isinstance(r, InTable | Table) and r.place in ("", name))
    return state(*rest, *tables.resources(About(name, CROWDED)))


def seen(facts: Facts) -> dict[str, object]:
    found = {name: getattr(facts, name) for name in SEEN}
    return found | {"claims": {*facts.claims}, "macs": {*facts.macs}}


@pytest.mark.parametrize("name", [ONE, "cni-9"])
def test_facts_are_those_of_all_that_stands(name):
    live, mine = standing(ONE, "cni-2", "cni-3"), frozenset({name})
    kept = others_of(live).without(name)
    known = know(HostFacts(others=kept), near(live, name), mine)
    assert seen(known) == seen(know(HostFacts(), live, mine))
    assert len(near(live, name)) < len(live) - 30


def test_who_comes_and_goes_leaves_what_others_have():
    before, after = standing("cni-2"), standing(ONE, "cni-2")
    come = others_of(before).without(ONE).joined(others_of(near(after, ONE)))
    assert seen_of(come) == seen_of(others_of(after))
    assert seen_of(come.without(ONE)) == seen_of(others_of(before))


def seen_of(kept: OtherSandboxes) -> dict[str, object]:
    return {**vars(kept), "claims": {*kept.claims}, "macs": {*kept.macs}}


def test_of_ports_that_are_taken_those_matter_that_are_wanted():
    claims = [
        Claim("a", 4, "", "tcp", 80, 80),
        Claim("b", 4, "", "tcp", 81, 81),
        Claim("c", 4, "", "tcp", 70, 90),
    ]
    kept = replace(OtherSandboxes(), claims=tuple(claims)).at_ports({81})
    assert [one.project for one in kept.claims] == ["b", "c"]
