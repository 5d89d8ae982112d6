"""Services over three hosts: each replica stands where it was placed, once, and all of them meet."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.cluster import Cluster, clustered

MANIFEST = """
name: t
hosts:
  h1: {address: 10.99.0.1, labels: {zone: east, tier: edge}}
  h2: {address: 10.99.0.2, labels: {zone: east}}
  h3: {address: 10.99.0.3, labels: {zone: west, tier: edge}}
networks:
  n: {driver: overlay, ipam: {config: [{subnet: 10.55.0.0/24}]}}
services:
  all: {networks: [n], deploy: {mode: global}, ports: ['80:80']}
  edge: {networks: [n], deploy: {mode: global, placement: {constraints: [node.labels.tier == edge]}}}
  web: {networks: [n], deploy: {replicas: 4, placement: {preferences: [{spread: node.labels.zone}]}}}
"""
HOMES = {
    "h1": ["t-all-1", "t-edge-1", "t-web-1"],
    "h2": ["t-all-2", "t-web-3"],
    "h3": ["t-all-3", "t-edge-3", "t-web-2", "t-web-4"],
}


@pytest.fixture
def cluster(privileged: None, tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path) as made:
        yield made


def test_replicas_stand_where_they_were_placed_and_meet(cluster):
    folder = cluster.apply(MANIFEST)
    for host in cluster.hosts:
        assert host.run(f"ls /proc/{host.process.pid}/root/run/netns").out.split() == HOMES[host.name]
        assert host.succeed(host.reconcile("--plan", folder, "-o", "json")).steps == []
    for one, two in itertools.permutations(HOMES, 2):
        assert cluster[one].ping(HOMES[one][0], cluster[two].address(HOMES[two][-1]))


def test_a_label_that_changes_moves_what_it_places_and_nothing_else(cluster):
    cluster.apply(MANIFEST)
    moved = cluster["h3"].address("t-edge-3")
    cluster.apply(MANIFEST.replace("labels: {zone: east}", "labels: {zone: east, tier: edge}"))
    assert cluster["h3"].address("t-edge-3") == moved and cluster["h2"].ping("t-edge-2", moved)
