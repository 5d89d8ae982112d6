"""The line on the fake kernel: projects side by side, the whole truth of a directory, limits, what sticks."""

from dataclasses import replace

import pytest

from reconciler.change import Terms
from reconciler.core.plan import Step
from reconciler.errors import (
    ManifestError,
    NotConverged,
    ReconcileError,
    Refused,
    RollbackFailed,
    Unforeseen,
    trace,
)
from reconciler.inventory.facts import Facts
from reconciler.inventory.ownership import roots
from reconciler.kernel.fake.kernel import FakeKernel
from reconciler.kinds.link import Bridge, Link
from reconciler.manifest.spec import HostSpec, Manifest, NetworkSpec
from reconciler.pipeline import compare, enact
from reconciler.safety import rehearsal
from reconciler.safety.limits import Limits, refuse
from reconciler.truth import destruction
from tests.unit.worlds import container, manifest, port, project, shop


class FakeHost(FakeKernel):
    known = Facts(machine="m", name="h")

    def facts(self) -> Facts:
        return self.known


def run(host: FakeHost, wanted: Manifest, **more):
    change = compare(wanted, host, Terms(**more))
    enact(change, host)
    return change


def blog(*more, **rest) -> Manifest:
    return manifest(project("blog", container("web", ports=(port(80, 9000),)), *more, **rest))


GUARDS = {f"element inet/reconciler/unrouted/ipv{family}" for family in (4, 6)}


def tables(host: FakeHost) -> set[str]:
    return {key for key in host.observe() if key.startswith("table inet/")}


def test_plan_after_apply_is_empty():
    host = FakeHost()
    assert run(host, shop(3)).todo
    assert not compare(shop(3), host).todo


def test_destroy_leaves_nothing():
    host = FakeHost()
    run(host, shop(3))
    run(host, destruction(shop(3), frozenset()))
    assert not host.observe()


def test_projects_leave_each_other_alone():
    host = FakeHost()
    run(host, shop(2))
    before = host.observe()
    run(host, blog())
    assert before.items() <= host.observe().items()
    assert not compare(shop(2), host).todo
    run(host, destruction(Manifest(), frozenset({"blog"})))
    assert dict(host.observe()) == dict(before)


def test_what_is_shared_goes_with_the_last_project():
    host = FakeHost()
    run(host, shop(1))
    run(host, blog())
    assert "table inet/reconciler" in tables(host)
    run(host, destruction(shop(1), frozenset()))
    assert "table inet/reconciler" in tables(host)
    run(host, destruction(blog(), frozenset()))
    assert not tables(host)


def test_no_router_guard_where_the_host_forwarded_already():
    host = FakeHost()
    host.known = Facts(forwarding=(True, True))
    run(host, shop(1))
    assert not {"chain bridge/reconciler/bridged", *GUARDS} & host.observe().keys()


@pytest.mark.parametrize(
    ("router", "here", "guarded"),
    [
        ({"router": True}, "h", False),
        ({"hosts": (HostSpec(name="h", router=True), HostSpec(name="g"))}, "h", False),
        ({"hosts": (HostSpec(name="h", router=True), HostSpec(name="g"))}, "g", True),
    ],
)
def test_no_router_guard_where_the_host_is_said_to_be_a_router(router, here, guarded):
    host = FakeHost()
    host.known = replace(host.known, name=here)
    run(host, shop(1))
    assert GUARDS & host.observe().keys()
    run(host, manifest(*(replace(one, **router) for one in shop(1).projects)))
    assert bool(GUARDS & host.observe().keys()) == guarded


def test_the_router_guard_is_told_where_it_could_matter():
    host = FakeHost()
    assert not compare(shop(1), host).topology.warnings
    addresses = {"192.0.2.1": "eth0", "fe80::2": "eth1", "127.0.0.1": "lo"}
    host.known = replace(host.known, addresses=addresses)
    assert not compare(shop(1), host).topology.warnings
    host.known = replace(host.known, addresses=addresses | {"203.0.113.1": "wg0"})
    [words] = compare(shop(1), host).topology.warnings
    assert (
        "router guard: IPv4 and IPv6 packets between links that are not ours (eth0, wg0) are dropped" in words
    )


def test_the_router_guard_outlives_a_flush_of_nftables():
    host = FakeHost()
    run(host, shop(1))
    host.known = Facts(forwarding=(True, True))
    for table in ("inet/reconciler", "bridge/reconciler"):
        host.lose(f"table {table}")
    run(host, shop(1))
    assert host.observe().keys() >= GUARDS - {"element inet/reconciler/unrouted/ipv6"}


def test_two_projects_never_get_one_subnet_or_one_port():
    host = FakeHost()
    run(host, shop(1))
    change = compare(blog(), host)
    subnets = {s.cidr for n in change.topology.networks for s in n.subnets}
    assert not subnets & {s.cidr for n in compare(shop(1), host).topology.networks for s in n.subnets}
    with pytest.raises(ManifestError, match="project shop publishes it"):
        compare(manifest(project("blog", container("web", ports=(port(80, 8000),)))), host)


def test_a_directory_prunes_the_projects_that_left_it():
    host = FakeHost()
    both = Manifest(projects=(*shop(1).projects, *blog().projects), root="/etc/reconciler")
    run(host, both)
    run(host, replace(shop(1), root="/etc/reconciler"))
    assert roots(host.observe()).keys() == {"shop"}


def test_a_file_speaks_for_its_project_alone():
    host = FakeHost()
    run(host, Manifest(projects=(*shop(1).projects, *blog().projects), root="/etc/reconciler"))
    assert not [step for step in compare(blog(), host).todo if step.resource.place == "shop-web0"]


class Restless(FakeHost):
    """Somebody changes a link each time that anything is done."""

    link: Link | None = None

    def execute(self, batch):
        refused = super().execute(batch)
        if self.link:
            super().execute([Step("~", replace(self.link, mtu=1300), self.link)])
        return refused


def test_what_drifts_meanwhile_elsewhere_takes_nothing_back():
    host = Restless()
    both = manifest(*shop(1).projects, *blog().projects)
    run(host, shop(1))
    host.link = next(r for r in host.observe().values() if isinstance(r, Bridge))
    run(host, both)
    assert "namespace blog-web" in host.observe()
    host.link, drifted = None, compare(both, host).todo
    assert [step.resource.noun for step in drifted] == ["link"]


def test_what_drifts_meanwhile_of_its_own_takes_all_back():
    host = Restless()
    run(host, shop(1))
    host.link = next(r for r in host.observe().values() if isinstance(r, Bridge))
    with pytest.raises((NotConverged, RollbackFailed)):
        run(host, shop(2))


def test_applying_from_elsewhere_adopts():
    host = FakeHost()
    run(host, replace(shop(1), root="/a"))
    run(host, replace(shop(1), root="/b"), adopt=True)
    assert not compare(replace(shop(1), root="/b"), host).todo
    assert not run(host, replace(Manifest(), root="/a")).todo


def test_no_prune_leaves_what_is_no_longer_declared():
    host = FakeHost()
    run(host, shop(2))
    assert not [step for step in compare(shop(1), host, Terms(prune=False)).todo if step.op == "-"]


def test_a_random_port_stays():
    host = FakeHost()
    wanted = manifest(project("p", container("a", ports=(port(80),))))
    first = run(host, wanted).topology.ports
    host.known = Facts(ephemeral=(20000, 60999))
    assert compare(wanted, host).topology.ports == first


def test_addresses_stay_when_the_range_of_others_changes():
    host = FakeHost()
    run(host, shop(5))
    before = {e.sandbox: e.addresses for n in compare(shop(5), host).topology.networks for e in n.endpoints}
    run(host, shop(40))
    after = {e.sandbox: e.addresses for n in compare(shop(40), host).topology.networks for e in n.endpoints}
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(digest="0" * 16), "something moved"),
        (Limits(removals="1"), "more than --max-removals 1"),
        (Limits(removals="10%"), "more than --max-removals 10%"),
        (Limits(disruption="none"), "disrupts running traffic"),
    ],
)
def test_limits_refuse(limits, message):
    host = FakeHost()
    run(host, shop(4))
    with pytest.raises(Refused, match=message):
        refuse(compare(shop(1), host), limits)


def test_limits_let_through_what_is_within_them():
    host = FakeHost()
    run(host, shop(4))
    change = compare(shop(3), host)
    refuse(change, Limits(change.todo.digest, "50%", "recreate"))


def test_adding_a_network_touches_no_running_container():
    host = FakeHost()
    run(host, shop(3))
    (three,) = shop(3).projects
    more = project("shop", NetworkSpec(name="back"), *three.networks, *three.containers)
    change = compare(manifest(more), host)
    assert change.todo and change.todo.disruption == "none"


def test_what_nobody_foresaw_in_a_rehearsal_is_told_like_any_error(monkeypatch, capfd):
    monkeypatch.setattr(rehearsal, "in_full", lambda change, host: change)
    monkeypatch.setattr(rehearsal, "rehearse_here", lambda change, facts: 1 // 0)
    host = FakeHost()
    with pytest.raises(ReconcileError, match="in the rehearsal: unforeseen ZeroDivisionError") as caught:
        rehearsal.rehearse(compare(shop(1), host), host)
    assert caught.value.id == Unforeseen.id and "rehearse_here" in trace(caught.value)
    assert "Traceback" not in capfd.readouterr().err


def test_the_library_in_a_few_names():
    import reconciler

    assert all(callable(getattr(reconciler, name)) for name in reconciler.__all__)
    assert {*reconciler.__all__, "__version__"} <= {*dir(reconciler)} and not hasattr(reconciler, "nonsense")
