"""A law: comparing what has moved alone is comparing all, whatever projects say and whatever they said."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.errors import ReconcileError
from reconciler.inventory.facts import Facts
from reconciler.kernel.fake.kernel import FakeKernel
from reconciler.manifest.spec import NetworkSpec, SubnetSpec
from reconciler.pipeline import compare, enact
from reconciler.remembered import compare_moved
from tests.unit.worlds import container, manifest, port, project

NETWORKS = [
    NetworkSpec(name="net"),
    NetworkSpec(name="six", enable_ipv6=True),
    NetworkSpec(name="inside", internal=True),
    NetworkSpec(name="written", subnets=(SubnetSpec(subnet="10.1.0.0/24"),)),
    NetworkSpec(name="named", bridge_name="br0"),
    NetworkSpec(name="outside", external=True, full_name="a_net"),
    NetworkSpec(name="lan", driver="macvlan", options={"parent": "eth0"}),
    NetworkSpec(name="routed", gateway_mode="routed"),
]
PORTS = [(), (port(80, 8080),), (port(80),), (port(53, 53, protocol="udp"), port(80, 8000, 3))]


class Host(FakeKernel):
    def facts(self) -> Facts:
        return Facts(machine="m", name="h")


@st.composite
def projects(draw, name: str):
    nets = draw(st.lists(st.sampled_from(NETWORKS), max_size=2, unique_by=lambda one: one.name))
    keys = [one.name for one in nets] or ["default"]
    boxes = (
        container(f"c{number}", draw(st.sampled_from(keys)), ports=draw(st.sampled_from(PORTS)))
        for number in range(draw(st.integers(0, 2)))
    )
    return project(name, *nets, *boxes)


def manifests():
    some = st.dictionaries(st.sampled_from("abc"), st.none(), max_size=3)
    each = some.flatmap(lambda names: st.tuples(*(projects(name) for name in sorted(names))))
    return each.map(lambda found: replace(manifest(*found), root="/m"))


@given(manifests(), st.sets(st.sampled_from("abc")))
def test_what_stands_is_in_sync_with_some_of_its_projects(whole, names):
    host = Host()
    try:
        enact(compare(whole, host), host)
        todo = compare(replace(whole, projects=of(whole, names), partial=True), host).todo
    except ReconcileError:
        return
    assert not todo, "\n".join(map(str, todo))


def of(whole, names):
    return tuple(one for one in whole.projects if one.name in names)


AWAITED = NetworkSpec(name="net")
WHO_WAITS = project("b", NetworkSpec(name="outside", external=True, full_name="a_net"))


@given(manifests(), manifests())
@example(
    replace(manifest(project("a"), WHO_WAITS, project("c", AWAITED)), root="/m"),
    replace(manifest(project("a", AWAITED), WHO_WAITS, project("c", AWAITED)), root="/m"),
)
def test_what_moved_alone_is_as_good_as_all(before, now):
    host = Host()
    try:
        enact(compare(before, host), host)
        known = compare(before, host)
    except ReconcileError:
        return
    assert not known.todo
    if part := compare_moved(known, now, host):
        whole = compare(now, host)
        assert part.todo == whole.todo
        assert part.desired.items() >= whole.desired.items()
        assert part.projects >= whole.projects and part.manifest.digest == whole.manifest.digest


def test_of_one_more_container_the_others_are_not_read():
    boxes = [container(name, "net", ports=(port(80),)) for name in ("one", "two", "three")]
    before, now = (
        replace(manifest(project("a", NetworkSpec(name="net"), *some)), root="/m")
        for some in (boxes[:2], boxes)
    )
    host = Host()
    enact(compare(before, host), host)
    known, read = compare(before, host), list[object]()
    host.observe = lambda named, places, observe=host.observe: read.append(places) or observe(named, places)
    part = compare_moved(known, now, host)
    assert read == [{"", "a-three"}]
    assert part and {step.resource.place for step in part.todo} == {"", "a-three"}
