"""Shops of several sizes, before and after an edit that has something of everything in it, to be drawn."""

import json
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.change import Change
from reconciler.cli.graph import alterations
from reconciler.cnm.topology import Topology
from reconciler.core.plan import plan
from reconciler.core.resource import State
from reconciler.inventory.facts import Facts
from reconciler.manifest.spec import Manifest as Told
from reconciler.picture import FORMS
from reconciler.picture.drawing import of_plan, of_state
from reconciler.picture.model import Picture
from reconciler.pipeline import decide, load

Manifest = dict[str, Any]
KINDS = ("web", "api", "cache", "queue", "cron", "mail", "job", "db", "proxy", "report")

FIVE: Manifest = {
    "name": "shop",
    "networks": {"front": {"enable_ipv6": True}, "back": {"internal": True}, "logs": {}},
    "services": {
        "web": {"networks": ["front", "back"], "ports": ["8080:80"]},
        "api": {"networks": ["back", "logs"]},
        "db": {"networks": ["back"]},
        "cron": {"networks": ["back"]},
    },
}
FIVE_AFTER: Manifest = {
    "name": "shop",
    "networks": {"front": {"enable_ipv6": True}, "back": {"internal": True}, "audit": {"internal": True}},
    "services": {
        "web": {"networks": ["front", "back"], "ports": ["8080:80", "443:8443"]},
        "api": {"networks": ["front", "back"]},
        "db": {"networks": ["back", "audit"]},
        "mail": {"networks": ["front"], "ports": ["127.0.0.1:25:25"]},
    },
}


def large(services: int, teams: int) -> Manifest:
    """Each service on one network or two, in up to four replicas, and every seventh is published."""
    networks: Mapping[str, Any] = {
        "front": {"enable_ipv6": True},
        "back": {"internal": True},
        **{f"team{turn}": {"internal": turn % 3 == 1} for turn in range(teams)},
    }
    names = [*networks]
    found = {"edge": {"networks": ["front", "back"], "ports": ["443:8443", "80:8080"]}}
    for turn in range(services):
        on = sorted({names[(turn * 5 + 1) % len(names)], names[(turn * 3 + 2) % len(names)]})
        one: Manifest = {"networks": on[: 1 + turn % 2], "deploy": {"replicas": (1, 2, 4, 2)[turn % 4]}}
        if turn % 7 == 0:
            one |= {"ports": [f"{9000 + turn}:80"], "deploy": {"replicas": 1}}
        found[f"{KINDS[turn % len(KINDS)]}{turn}"] = one
    return {"name": "shop", "networks": networks, "services": found}


def edited(before: Manifest) -> Manifest:
    """One more network and port, a network that is written otherwise, services that come, go and move."""
    services = {name: {**one} for name, one in before["services"].items()}
    names = [*services]
    services["edge"] = {**services["edge"], "ports": ["443:8443", "8443:8443"]}
    del services[names[3]]
    services[names[6]]["networks"] = [*services[names[6]]["networks"], "audit"]
    services[names[5]]["deploy"] = {"replicas": 6}
    services["report"] = {"networks": ["back", "audit"], "deploy": {"replicas": 2}}
    networks = {**before["networks"], "audit": {"internal": True}}
    networks["team0"] = {**networks["team0"], "driver_opts": {"com.docker.network.driver.mtu": "1400"}}
    return {**before, "networks": networks, "services": services}


def change(before: Manifest | None, after: Manifest) -> Change:
    """What a plan would do to the first that it might become the second."""
    live = state(before)[1] if before else {}
    topology, desired = state(after)
    return Change(
        Told(), topology, live, desired, plan(live, desired), frozenset(topology.projects), host="host"
    )


def state(manifest: Manifest) -> tuple[Topology, State]:
    with TemporaryDirectory() as folder, chdir(folder):
        Path("shop.yaml").write_text(json.dumps(manifest, indent=1))
        return decide(load(["shop.yaml"]), Facts(name="host", nameservers=("192.0.2.53",)))


def planned(before: Manifest | None, after: Manifest) -> Picture:
    found = change(before, after)
    states, digest = (found.live, found.desired), found.todo.digest
    return of_plan(states, alterations(found), f"plan {digest}", found.projects)


def declared(manifest: Manifest) -> Picture:
    return of_state(state(manifest)[1], "as declared", None)


def drawn(form: str, picture: Picture) -> str:
    return "".join(FORMS[form](picture))
