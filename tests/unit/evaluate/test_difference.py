"""What a plan says of what becomes reachable: by edits of one shop, and as nothing where nothing does."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import yaml

from reconciler.change import Change
from reconciler.cli.reachable import as_json, compared, lines
from reconciler.core.plan import plan
from reconciler.evaluate.difference import Comparison
from reconciler.evaluate.exposure import by, reaches, sources
from reconciler.evaluate.journey import OUTSIDE
from reconciler.evaluate.narrowed import narrowed
from reconciler.evaluate.ports import Written
from reconciler.evaluate.touched import Touched
from reconciler.evaluate.ways import Goal
from reconciler.evaluate.world import World
from reconciler.inventory.facts import HostFacts
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Chain, Element
from reconciler.kinds.ownership import HOST
from reconciler.pipeline import decide, load
from tests.golden.test_golden import CASES, ROOT, change
from tests.golden.test_golden import HOST as FACTS
from tests.schemas import Checked
from tests.thorough import some

SHOP: dict[str, Any] = {
    "name": "shop",
    "networks": {"front": {}, "back": {"internal": True}},
    "services": {
        "web": {"networks": ["front", "back"], "ports": ["8080:80"]},
        "app": {"networks": ["front", "back"]},
        "db": {"networks": ["back"]},
    },
}


def decided(tmp_path, text):
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(text))
    manifest = load([file])
    return manifest, *decide(manifest, FACTS)


def between(tmp_path, before, after):
    _, _, live = decided(tmp_path, before)
    manifest, topology, desired = decided(tmp_path, after)
    return Change(manifest, topology, live, desired, plan(live, desired), frozenset({"shop"}), facts=FACTS)


def edited(**services):
    """The shop, with other keys of its services; None takes one away."""
    found = {name: {**SHOP["services"].get(name, {}), **(services.get(name) or {})} for name in services}
    kept = {**SHOP["services"], **found}
    return {
        **SHOP,
        "services": {name: one for name, one in kept.items() if services.get(name, 1) is not None},
    }


WITH_LIMIT = edited(web={"ports": [{"target": 80, "published": 8080, "allow_from": ["203.0.113.0/24"]}]})
SAID = {
    "a port more": (
        SHOP,
        edited(app={"ports": ["9000:9000"]}),
        ["shop-app-1:9000/tcp becomes reachable from outside"],
    ),
    "a port less": (SHOP, edited(web={"ports": []}), ["shop-web-1:80/tcp is reachable from outside no more"]),
    "another port of the host": (SHOP, edited(web={"ports": ["8081:80"]}), []),
    "a new container": (
        SHOP,
        edited(mail={"networks": ["front"], "ports": ["25:25"]}),
        ["shop-mail-1:25/tcp becomes reachable from outside"],
    ),
    "a new container without a port": (SHOP, edited(mail={"networks": ["front"]}), []),
    "a container that goes": (SHOP, edited(app=None), []),
    "a port for some alone": (
        SHOP,
        WITH_LIMIT,
        ["shop-web-1:80/tcp becomes reachable from outside for some alone"],
    ),
    "and for everybody": (
        WITH_LIMIT,
        SHOP,
        ["shop-web-1:80/tcp becomes reachable from outside for everybody"],
    ),
    "who may reach the database": (
        SHOP,
        edited(db={"ingress": ["app:5432"]}),
        [
            "shop-db-1 is reachable from the host and shop-web-1 no more",
            "shop-db-1:* is reachable from shop-app-1 no more",
        ],
    ),
    "one more that may": (
        edited(db={"ingress": ["app:5432"]}),
        edited(db={"ingress": ["app:5432", "web:5432"]}),
        ["shop-db-1:5432/tcp becomes reachable from shop-web-1"],
    ),
    "what the application may reach": (
        SHOP,
        edited(app={"egress": ["db:5432"]}),
        ["shop-db-1:* and shop-web-1 are reachable from shop-app-1 no more"],
    ),
    "a way from one network to another": (
        edited(app={"networks": ["front"]}, db={"networks": ["front"]}, web={"networks": ["other"]})
        | {"networks": {"front": {}, "other": {}}},
        edited(app={"networks": ["front"]}, db={"networks": ["front"]}, web={"networks": ["other"]})
        | {"networks": {"front": {"allow_networks": ["other"]}, "other": {}}},
        ["shop-app-1 and shop-db-1 become reachable from shop-web-1"],
    ),
    "a network more": (SHOP, edited(db={"networks": ["front", "back"]}), []),
    "an end of being apart": (
        edited(app={"networks": ["front"]}),
        SHOP,
        ["shop-app-1 becomes reachable from shop-db-1", "shop-db-1 becomes reachable from shop-app-1"],
    ),
    "the end of the last policy": (
        edited(db={"ingress": ["app:5432"]}),
        SHOP,
        [
            "shop-db-1 becomes reachable from the host and shop-web-1",
            "shop-db-1:* becomes reachable from shop-app-1",
        ],
    ),
    "an end of being apart, beside a policy": (
        {
            **edited(web={"networks": ["front"]}, app={"networks": ["front"], "ingress": ["db:80"]}),
            "networks": {"front": {"icc": False}, "back": {}},
        },
        {
            **edited(web={"networks": ["front"]}, app={"networks": ["front"], "ingress": ["db:80"]}),
            "networks": {"front": {}, "back": {}},
        },
        ["shop-web-1 becomes reachable from shop-app-1"],
    ),
    "into a network that a policy names": (
        edited(db={"ingress": ["network/front:5432"]}, mail={"networks": ["other"]})
        | {"networks": {"front": {}, "back": {"internal": True}, "other": {}}},
        edited(db={"ingress": ["network/front:5432"]}, mail={"networks": ["front"]})
        | {"networks": {"front": {}, "back": {"internal": True}, "other": {}}},
        None,
    ),
    "another way out of a network that opens to others": (
        edited(app={"networks": ["other"]})
        | {"networks": {"front": {}, "back": {"internal": True}, "other": {"allow_networks": ["front"]}}},
        edited(app={"networks": ["other"]})
        | {
            "networks": {
                "front": {"internal": True},
                "back": {"internal": True},
                "other": {"allow_networks": ["front"]},
            }
        },
        None,
    ),
    "a name more": (SHOP, edited(web={"hostname": "door"}), []),
    "a network that opens all": (
        SHOP,
        {**SHOP, "networks": {"front": {"gateway_mode": "nat-unprotected"}, "back": {"internal": True}}},
        None,
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_said(case, tmp_path):
    before, after, wanted = SAID[case]
    found = compared(between(tmp_path, before, after))
    assert [fault for row in as_json(found)["exposure"] for fault in faults(row)] == []
    told = [line.strip() for line in lines(found)[1:]]
    assert told == wanted if wanted is not None else told, told


@pytest.mark.parametrize("case", SAID)
def test_nothing_is_left_out_and_nothing_said_that_is_not_so(case, tmp_path):
    """Each container is asked for each of its ports by everybody, before and after."""
    before, after, _ = SAID[case]
    for pair in some(((before, after), (after, before)), 2):
        found = between(tmp_path, *pair)
        states = found.live, found.desired
        names = [{r.name for r in state.values() if isinstance(r, Namespace)} for state in states]
        standing = names[0] & names[1]
        both = Comparison(World(found.live, FACTS), World(found.desired, FACTS), standing)
        pairs = {(one, other) for one, other in product(standing, standing) if one != other}
        assert {*compared(found).changes} == {*both.changes(Touched(names[1], pairs))}


def faults(row):
    return Checked("plan").faults_of_row("exposure", row)


def test_a_chain_that_somebody_altered_is_told_and_nothing_guessed(tmp_path):
    found = between(tmp_path, SHOP, SHOP)
    key = next(r.key for r in found.live.values() if isinstance(r, Chain) and r.name == "direct")
    live = {**found.live, key: replace(found.live[key], rules=("<differs: x>",))}
    mended = replace(found, live=live, todo=plan(live, found.desired))
    [head, line] = lines(compared(mended))
    assert head == "reachable:" and "chain inet direct is not as it was written" in line


def test_what_drifted_is_told_as_well(tmp_path):
    found = between(tmp_path, SHOP, SHOP)
    live = {
        key: r
        for key, r in found.live.items()
        if not isinstance(r, Element) or not r.map.startswith("publish")
    }
    mended = replace(found, live=live, todo=plan(live, found.desired))
    assert lines(compared(mended))[1:] == ["  shop-web-1:80/tcp becomes reachable from outside"]


def test_a_crowd_is_not_worked_out(tmp_path):
    many = {"name": "shop", "services": {f"s{n}": {"ports": [f"{9000 + n}:80"]} for n in range(70)}}
    [_, line] = lines(compared(between(tmp_path, {"name": "shop"}, many)))
    assert "it may change for 70 containers" in line and "--exposure" in line


@pytest.mark.parametrize("case", CASES)
def test_what_a_few_meet_is_what_they_meet_among_all(case, monkeypatch):
    """Beside 64 elements nothing is left out, so that all are looked at here."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("reconciler.evaluate.narrowed.SMALL", 0)
    state = change(case).desired
    whole, written = World(state, HostFacts()), Written(World(state, HostFacts()))
    limits, names = [*sources(whole)], sorted(whole.sandboxes)[:6]
    for one, other in some(product(names, names)):
        few = World(narrowed(state, {one, other}), HostFacts())
        ports = [(ports.first, ports.protocol) for ports in written.of(other)] + [(9, "tcp")]
        for goal in (Goal((other,), "", *port) for port in ports):
            for origin in (OUTSIDE, HOST):
                asked = limits if origin == OUTSIDE else ()
                assert [*by(few, origin, goal, asked)] == [*by(whole, origin, goal, asked)], (origin, goal)
            if one != other:
                assert reaches(few, one, goal) == reaches(whole, one, goal), (one, goal)
