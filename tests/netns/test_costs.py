"""What a plan says that it costs is what eight connections notice that are open meanwhile.

A plan's word is held against the measure (`measured`), its text is in costs/; who reads that alone should
know what will happen.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from reconciler.core.resource import DISRUPTIONS
from tests.netns.connections import Connection, held
from tests.netns.lab import HOST4, HOST6, REMOTE4, REMOTE6, Lab, Probe
from tests.netns.test_stories import MADE_UP

HERE = Path(__file__).parent / "costs"
MAJORITY = 2  # of three tries: once a busy machine may be late by itself, and once it may hide what is late
APP = "{networks: {front: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}"
DB = "{networks: {mid: {ipv4_address: 10.92.0.2}}}"
BASE = f"""
name: t
networks:
  front: {{enable_ipv6: true, ipam: {{config: [{{subnet: 10.91.0.0/24}}, {{subnet: 'fd91::/64'}}]}}}}
  mid: {{ipam: {{config: [{{subnet: 10.92.0.0/24}}]}}}}
  zone: {{ipam: {{config: [{{subnet: 10.93.0.0/24}}]}}}}
containers:
  web: {{networks: {{front: {{ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}}, ports: ['8080:80']}}
  app: {APP}
  db: {DB}
services:
  pool: {{networks: [mid], deploy: {{replicas: 2}}}}
"""
# Who asks whom, and the containers that a connection is of.
CONNECTIONS = {
    "on one network, IPv4": (Probe("t-app", "10.91.0.2", 80), ("t-app", "t-web")),
    "on one network, IPv6": (Probe("t-app", "fd91::2", 80), ("t-app", "t-web")),
    "to a service": (Probe("t-db", "pool", 80), ("t-db", "t-pool-1", "t-pool-2")),
    "between networks": (Probe("t-db", HOST4, 8080), ("t-db", "t-web")),
    "from outside, IPv4": (Probe("R", HOST4, 8080), ("t-web",)),
    "from outside, IPv6": (Probe("R", HOST6, 8080), ("t-web",)),
    "to outside, IPv4": (Probe("t-app", REMOTE4, 80), ("t-app",)),
    "to outside, IPv6": (Probe("t-app", REMOTE6, 80), ("t-app",)),
}
OF_APP = {name for name, (_, containers) in CONNECTIONS.items() if "t-app" in containers}
OF_DB = {name for name, (_, containers) in CONNECTIONS.items() if "t-db" in containers}
OF_PORT = {"between networks", "from outside, IPv4", "from outside, IPv6"}
IPV6 = {name for name in CONNECTIONS if name.endswith("IPv6")}
FRONT = {*CONNECTIONS} - {"to a service"}


def but(*changes: tuple[str, str]) -> str:
    """The manifest with these changes."""
    text = BASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


NO_IPV6 = [("enable_ipv6: true, ", ""), (", {subnet: 'fd91::/64'}", ""), (", ipv6_address: 'fd91::2'", "")]
# What becomes of which connections; those that are not named notice nothing.
EDITS: dict[str, tuple[str, str, set[str]]] = {
    "a new container": (but(("  db:", "  new: {networks: [front], ports: ['9090:80']}\n  db:")), "", set()),
    "another MTU": (but(("front: {enable", "front: {mtu: 1400, enable")), "", set()),
    "another host port": (but(("8080:80", "8081:80")), "ended", OF_PORT),
    "a swap of networks": (
        but((f"app: {APP}", "app: {}"), (f"db: {DB}", f"db: {APP}"), ("app: {}", f"app: {DB}")),
        "ended",
        OF_APP | OF_DB,
    ),
    "another subnet": (but(("10.91.0", "10.94.0")), "ended", FRONT - IPV6),
    "a network's new name": (but(("front:", "fore:")), "stalled", FRONT),
    "a container's other network": (but((f"app: {APP}", "app: {networks: [zone]}")), "ended", OF_APP),
    "a container that goes": (but((f"  app: {APP}\n", "")), "ended", OF_APP),
    "one more published port": (but(("8080:80'", "8080:80', '9090:81'")), "", set()),
    "no IPv6": (but(*NO_IPV6, (", ipv6_address: 'fd91::3'", "")), "ended", IPV6),
    "an internal network": (but(("mid: {ipam", "mid: {internal: true, ipam")), "ended", {"between networks"}),
    "a service's new name": (but(("pool:", "crew:")), "ended", {"to a service"}),
    "another address": (but(("10.91.0.3", "10.91.0.33")), "ended", OF_APP - IPV6),
    "one more network": (but(("'fd91::3'}}}", "'fd91::3'}, zone: {}}}")), "", set()),
    "one more network that leads outside": (
        but(("'fd91::3'}}}", "'fd91::3'}, mid: {gw_priority: 1}}}")),
        "ended",
        {"to outside, IPv4"},
    ),
    "a network that is internal no more": (BASE, "", set()),
}
BEFORE = {"a network that is internal no more": but(("zone: {ipam", "zone: {internal: true, ipam"))}


def vip(lab: Lab) -> str:
    """The address of the service, as a container beside it knows it."""
    with lab.inside("t-db"):
        found = lab.json("nft -j list set inet reconciler servers4")
    return str(found["nftables"][-1]["set"]["elem"][0])


WITNESS = "of the host itself"


def probes(lab: Lab) -> dict[str, Probe]:
    known = {"pool": vip(lab)}
    return {WITNESS: Probe("", REMOTE4, 80)} | {
        name: probe._replace(address=known.get(probe.address, probe.address))
        for name, (probe, _) in CONNECTIONS.items()
    }


def measured(noticed: Mapping[str, str], gone: set[str]) -> str:
    """The word for it: by how much of what a container has noticed something."""
    if not noticed:
        return "none"
    if any(gone.intersection(CONNECTIONS[name][1]) for name in noticed):
        return "recreate"
    return "link" if any(set(noticed) >= group for group in groups()) else "flow"


def groups() -> Iterator[set[str]]:
    """All connections that a container has in a family."""
    for container in ("t-app", "t-db", "t-web"):
        mine = {name for name, (_, containers) in CONNECTIONS.items() if container in containers}
        yield from (mine & IPV6 or mine, mine - IPV6)


@pytest.mark.costs
@pytest.mark.parametrize("edit", EDITS)
def test_a_plan_tells_what_it_costs(lab, edit, update_golden):
    text, fate, whose = EDITS[edit]
    lab.serve("R", 80)
    lab.apply(BEFORE.get(edit, BASE))
    said, word = MADE_UP.sub("", lab.plan(text).out), disruption(lab, text)
    kept, broken = 0, []
    while max(kept, len(broken)) < MAJORITY:
        found = noticed(lab, BEFORE.get(edit, BASE), text)
        as_told = found.fates == dict.fromkeys(whose, fate) and word == measured(found.fates, found.gone)
        kept += as_told
        broken += [] if as_told else [found.measures]
    assert kept == MAJORITY, "\n\n".join(broken)
    golden = (HERE / edit.replace(" ", "-").replace("'", "")).with_suffix(".plan")
    if update_golden:
        golden.write_text(said)
    assert said == golden.read_text()


class Noticed(NamedTuple):
    """What became of connections, the sandboxes that are gone, and all measures for people."""

    fates: dict[str, str]
    gone: set[str]
    measures: str


def noticed(lab: Lab, before: str, after: str) -> Noticed:
    """From a fresh start: a busy machine is late by itself, what a change does it does each time."""
    lab.destroy()
    lab.apply(before)
    for ns in ("t-web", "t-pool-1", "t-pool-2"):
        lab.serve(ns, 80)
    names = {*lab.namespaces()}
    with held(lab, probes(lab)) as connections:
        lab.apply(after)
    measures = "\n".join(f"{name}: {one}" for name, one in connections.items())
    return Noticed(fates(connections), names.difference(lab.namespaces()), measures)


def disruption(lab: Lab, text: str) -> str:
    """Of the worst step."""
    steps = lab.plan(text, "-o", "json").json["steps"]
    return max((step["disruption"] for step in steps), key=DISRUPTIONS.index, default="none")


def fates(connections: Mapping[str, Connection]) -> dict[str, str]:
    witness = connections[WITNESS]
    return {name: fate for name, one in connections.items() if (fate := one.fate(witness))}
