"""Services with several replicas: their address, who stands behind it, and how that is said in a sandbox."""

from dataclasses import replace

import pytest

from reconciler.drivers.balancer import server
from reconciler.inventory import learn
from reconciler.inventory.facts import Facts, HostFacts
from reconciler.kinds.balancer import elements, servers, size
from reconciler.kinds.ownership import WHOLE
from reconciler.manifest.placement import ConstraintSpec
from reconciler.manifest.spec import HostSpec, NetworkSpec, SubnetSpec
from reconciler.manifest.workload import HealthSpec, WorkloadSpec
from reconciler.pipeline import decide
from tests.unit.worlds import build, container, manifest, project

FRONT = NetworkSpec(
    name="front", subnets=(SubnetSpec(subnet="10.1.0.0/24"), SubnetSpec(subnet="fd00:1::/64"))
)
MESH = NetworkSpec(name="mesh", driver="overlay", subnets=(SubnetSpec(subnet="10.5.0.0/24"),))
HOSTS = tuple(HostSpec(name=f"h{n}", address=f"192.0.2.{n}") for n in (1, 2))
TESTED = WorkloadSpec(health=HealthSpec(test=("CMD", "true")))
WEB = container("web", "front", is_service=True, replicas=3)


def only(topology):
    [service] = topology.services
    return service


def weights(topology):
    return [weight for _, weight in only(topology).servers[0].backends]


def shop(web=WEB, **facts):
    return build(manifest(project("shop", FRONT, web)), Facts(**facts))


def test_one_address_a_family_and_all_replicas_of_it_behind():
    first, second = only(shop()).servers
    assert (":" in first.ip, ":" in second.ip) == (False, True)
    for one in (first, second):
        ips = [ip for ip, _ in one.backends]
        assert len(ips) == 3 and one.ip not in ips and all((":" in ip) == (":" in one.ip) for ip in ips)


@pytest.mark.parametrize("web", [replace(WEB, replicas=1), replace(WEB, endpoint_mode="dnsrr")])
def test_who_is_alone_or_wants_none_has_none(web):
    assert shop(web).services == () and not any(box.servers for box in shop(web).sandboxes)


def test_it_is_equal_on_all_hosts_and_where_it_is_locked():
    web = container("web", "mesh", is_service=True, replicas=2)
    world = manifest(project("shop", MESH, web, hosts=HOSTS))
    known = [build(world, Facts(known=False, name=host.name)) for host in HOSTS]
    assert only(known[0]) == only(known[1]) and known[0].lock == known[1].lock
    [one] = only(known[0]).servers
    assert known[0].lock["shop_mesh", "shop/web"] == (one.ip,)
    moved = Facts(known=False, name="h1", locked={("shop_mesh", "shop/web"): ("10.5.0.77",)})
    assert only(build(world, moved)).servers[0].ip == "10.5.0.77"


def test_hosts_weigh_by_what_is_so_of_them_and_numbers_go_before():
    hosts = tuple(replace(host, labels={"size": size}) for host, size in zip(HOSTS, ("big", ""), strict=True))
    big = ConstraintSpec(attribute="node.labels.size", equal=True, value="BIG")
    said = {"host_weights": ((big, 3), (big, 9)), "weights": {"3": 0}}
    web = container("web", "mesh", is_service=True, replicas=4, **said)
    one = replace(project("shop", MESH, web), hosts=hosts)
    found = [build(manifest(one), Facts(name=host.name)) for host in hosts]
    assert [sorted(weights(topology)) for topology in found] == [[0, 1, 1, 3]] * 2


def test_it_stays_where_its_names_tell_it():
    world = manifest(project("shop", FRONT, WEB))
    topology, state = decide(world, Facts())
    facts = learn.know(HostFacts(), state, frozenset({"shop"}))
    assert facts.vips == {("shop_front", "shop/web"): tuple(one.ip for one in only(topology).servers)}
    elsewhere = replace(facts, vips={("shop_front", "shop/web"): ("10.1.0.99",)})
    assert only(build(world, elsewhere)).servers[0].ip == "10.1.0.99"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((), [1, 1, 1]),
        (("starting", "starting", "starting"), [1, 1, 1]),  # or nobody would ever come
        (("healthy", "starting", "healthy"), [1, 0, 1]),
        (("healthy", "healthy"), [1, 1, 0]),  # the third is yet to run
        (("healthy", "unhealthy", "healthy"), [1, 0, 1]),
        (("healthy", "exited (1)", "healthy"), [1, 0, 1]),
        (("unhealthy", "unhealthy", "unhealthy"), [0, 0, 0]),
    ],
)
def test_who_is_not_well_weighs_nothing(told, expected):
    conditions = {f"shop-web-{n}": words for n, words in enumerate(told, 1)}
    topology = shop(replace(WEB, workload=TESTED, runtime="podman"), conditions=conditions)
    by_name = {end.of_family(4)[0]: end.sandbox for end in topology.networks[0].endpoints}
    found = {by_name[ip]: weight for ip, weight in only(topology).servers[0].backends}
    assert [found[f"shop-web-{n}"] for n in (1, 2, 3)] == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, [1, 1, 1, 1]),
        ({"shop-web-1": "healthy"}, [1, 1, 0, 1]),  # the third, which is here too, is yet to start
        ({"shop-web-1": "unhealthy", "shop-web-3": "healthy"}, [0, 1, 1, 1]),
        ({"shop-web-1": "unhealthy", "shop-web-3": "unhealthy"}, [0, 1, 0, 1]),
    ],
)
def test_who_is_on_another_host_has_its_part(told, expected):
    """Nobody here knows how it does."""
    web = container("web", "mesh", is_service=True, replicas=4, workload=TESTED, runtime="podman")
    world = manifest(project("shop", MESH, web, hosts=HOSTS))
    topology = build(world, Facts(name="h1", conditions=told))
    by_name = {end.of_family(4)[0]: end.sandbox for end in topology.networks[0].endpoints}
    found = dict(only(topology).servers[0].backends)
    here = {by_name[ip]: weight for ip, weight in found.items() if ip in by_name}
    assert [here["shop-web-1"], here["shop-web-3"]] == expected[::2]
    assert sorted(found.values()) == sorted(expected)


def test_one_that_is_alone_keeps_its_name_however_it_does():
    lone = replace(WEB, replicas=1, workload=TESTED, runtime="podman")
    [zone] = shop(lone, conditions={"shop-web-1": "unhealthy"}).naming.zones
    assert all("web" in called for _, called in zone.entries)


@pytest.mark.parametrize("by_client", [False, True])
@pytest.mark.parametrize("said", [{}, {"1": 3}, {"1": 0}, {"1": 0, "2": 0, "3": 0}])
def test_what_a_sandbox_is_told_reads_back(said, by_client):
    topology = shop(replace(WEB, weights=said, affinity="client" * by_client))
    wanted = sorted(map(server, only(topology).servers))
    for _, _, backends in wanted:
        assert sum(share for _, share in backends) == WHOLE * any(weights(topology))
    assert sorted(servers(elements(wanted))) == wanted
    assert sum(map(size, wanted)) == len([*elements(wanted)])
