"""Which hosts the replicas of a service take."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cnm.hosts import sandboxes_of
from reconciler.errors import ManifestError, ManifestErrors
from reconciler.inventory.facts import Facts
from reconciler.manifest.placement import ConstraintSpec, PlacementSpec
from reconciler.manifest.spec import HostSpec, NetworkSpec
from reconciler.pipeline import decide
from tests.unit.worlds import container, manifest, port, project

ZONES = {"h1": "east", "h2": "east", "h3": "west", "h4": ""}
HOSTS = tuple(
    HostSpec(name=name, address=f"192.0.2.{name[1]}", labels={"zone": zone} if zone else {})
    for name, zone in ZONES.items()
)


def constraint(text: str) -> ConstraintSpec:
    attribute, operator, value = text.split()
    return ConstraintSpec(attribute=attribute, equal=operator == "==", value=value)


def placed(*constraints: str, hosts=HOSTS, replicas: int = 4, host: str = "", **more) -> list[str]:
    """`1h1 2h2`: the number of each replica and its host."""
    where = PlacementSpec(constraints=tuple(map(constraint, constraints)), **more)
    spec = container("s", is_service=True, replicas=replicas, placement=where, host=host)
    return [f"{m.name.removeprefix('t-s-')}{m.host}" for m in sandboxes_of(project("t", spec, hosts=hosts))]


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        (["node.hostname == h2"], "1h2 2h2 3h2 4h2"),
        (["node.hostname != h2"], "1h1 2h3 3h4 4h1"),
        (["node.labels.zone == EAST"], "1h1 2h2 3h1 4h2"),
        (["node.labels.zone != east"], "1h3 2h4 3h3 4h4"),
        (["node.labels.zone == east", "node.hostname != h1"], "1h2 2h2 3h2 4h2"),
        (["node.ip == 192.0.2.0/31"], "1h1 2h1 3h1 4h1"),
        (["node.ip != 192.0.2.3"], "1h1 2h2 3h4 4h1"),
    ],
)
def test_constraints_must_all_hold(constraints, expected):
    assert placed(*constraints) == expected.split()


def test_global_is_one_on_every_host_that_is_left():
    assert placed("node.hostname != h3", everywhere=True) == ["1h1", "2h2", "4h4"]


def test_replicas_alternate_over_the_values_of_a_label():
    assert placed(spread=("zone",), replicas=7) == ["1h1", "2h3", "3h4", "4h2", "5h3", "6h4", "7h1"]


def test_the_cap_goes_around_what_is_full():
    assert placed(spread=("zone",), most=1) == ["1h1", "2h3", "3h4", "4h2"]
    with pytest.raises(ManifestError, match="5 replicas of s do not fit on 4 hosts"):
        placed(most=1, replicas=5)


def test_constraints_that_leave_no_host_are_told_with_who_was_left():
    with pytest.raises(ManifestError, match="`node.hostname == h1` leaves no host for s") as caught:
        placed("node.labels.zone == west", "node.hostname == h1")
    assert "h3" in caught.value.hint


def test_a_host_that_the_constraints_exclude():
    assert placed("node.labels.zone == west", host="h3", replicas=2) == ["1h3", "2h3"]
    with pytest.raises(ManifestError, match="leaves no host for s") as caught:
        placed("node.labels.zone == west", host="h1")
    assert "its `host:`: h1" in caught.value.hint


def test_a_project_of_one_host_has_its_replicas_there():
    assert placed(hosts=(), replicas=2) == ["1", "2"]


def test_no_replicas():
    assert placed(replicas=0) == []


@given(st.permutations(HOSTS), st.integers(0, 40))
def test_replicas_are_spread_evenly_and_growing_moves_none(hosts, replicas):
    found = placed(spread=("zone",), replicas=replicas, hosts=hosts)
    assert found == placed(spread=("zone",), replicas=40, hosts=hosts)[:replicas]
    zones = Counter(ZONES[name.lstrip("0123456789")] for name in found)
    counts = [zones[zone] for zone in set(ZONES.values())]
    assert max(counts) - min(counts) <= 1


@given(st.integers(0, 40), st.sampled_from([(), ("zone",)]))
def test_no_host_has_more_than_the_cap(replicas, spread):
    found = placed(spread=spread, replicas=replicas, most=10)
    assert len(found) == replicas
    assert max(Counter(name.lstrip("0123456789") for name in found).values(), default=0) <= 10


def test_one_port_twice_on_one_host_is_found_there():
    def web(name: str, host: str):
        where = PlacementSpec(constraints=(constraint(f"node.hostname == {host}"),))
        return container(name, "n", is_service=True, ports=(port(80, 80),), placement=where)

    net = NetworkSpec(name="n")
    apart = manifest(project("t", net, web("a", "h1"), web("b", "h2"), hosts=HOSTS))
    assert len(decide(apart, Facts(name="h1"))[0].ports) == 1
    with pytest.raises(ManifestErrors, match="80"):
        decide(manifest(project("t", net, web("a", "h1"), web("b", "h1"), hosts=HOSTS)), Facts(name="h1"))
