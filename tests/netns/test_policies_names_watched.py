"""Egress by name: who keeps watch, hosts that are two, and networks that are routed."""

import pytest

from reconciler.kinds import named
from tests.netns.asking import dig
from tests.netns.cluster import clustered, hosts
from tests.netns.lab import Lab, Probe
from tests.netns.outside_names import API4, OTHER4, PACKAGES, names
from tests.netns.test_policies_names_changed import AGENT, WHOLE, know, manifest
from tests.netns.watching import Watcher, watching


def test_answers_wake_nobody_and_what_is_lost_is_healed(lab: Lab):
    with names(lab):
        lab.serve("R", 80, 443)
        with watching(lab, lab.write(manifest(WHOLE))) as watcher:
            watcher.synced()
            applies = watcher.status["last_apply"]["count"]
            assert any(unmoved(watcher, lab) for _ in range(4))  # a sweep may fall into one
            assert lab.ask(AGENT, API4, 443) and watcher.status["last_apply"]["count"] == applies
            lab.nft("flush ruleset")
            watcher.until(lambda: watcher.status["last_apply"]["count"] > applies and "names-" in lab.rules())
            watcher.settled()
            know(lab)
            assert lab.ask(AGENT, API4, 443)
            lab.silent(Probe(AGENT, API4, 80))


def unmoved(watcher: Watcher, lab: Lab) -> bool:
    """Whether it takes no turn while names are told."""
    watcher.settled()
    turns = watcher.status["last_run"]["turns"]
    know(lab)
    watcher.quiet()
    return bool(watcher.status["last_run"]["turns"] == turns)


ROUTED = """
name: t
networks:
  n: {gateway_mode: routed, ipam: {config: [{subnet: 10.91.0.0/24}]}}
containers:
  agent: {networks: [n], egress: ["*.packages.example.org", "198.18.0.1:443"]}
"""


def test_a_routed_network_is_no_exception(lab: Lab):
    with names(lab):
        lab.serve("R", 443)
        lab.ip("route add 10.91.0.0/24 via 198.51.100.1\n", "R")
        lab.apply(ROUTED)
        assert dig(lab, AGENT, "a.packages.example.org A").words == (PACKAGES,)
        assert lab.ask(AGENT, PACKAGES, 443) and lab.ask(AGENT, API4, 443)
        lab.silent(Probe(AGENT, OTHER4, 443))
        assert lab.planned(ROUTED) == []


SEVERAL = """
name: t
{hosts}
networks:
  n: {{driver: overlay, ipam: {{config: [{{subnet: 10.55.0.0/24}}]}}}}
containers:
  web: {{host: h1, networks: [n], egress: [api.x.com]}}
  far: {{host: h2, networks: [n], egress: [other.com, "web:80"]}}
"""


@pytest.mark.parametrize("name, host, own", [("web", "h1", "api.x.com"), ("far", "h2", "other.com")])
def test_each_host_acts_for_its_own(privileged, tmp_path, name, host, own):
    with clustered(tmp_path, 2) as cluster:
        cluster.apply(SEVERAL.format(hosts=hosts(2)))
        rules = cluster[host].rules("inet reconciler")
        address = cluster[host].address(f"t-{name}")
        assert rules.count("chain names-") == 1 and f"{address} " in rules.partition("names_of4")[2]
        known = {one: named.digest("t", one, itself=True, below=False) for one in ("api.x.com", "other.com")}
        assert [one for one, digest in known.items() if f"set named-{digest}-4" in rules] == [own]
        cluster[host].silent(Probe(f"t-{name}", API4, 443))
