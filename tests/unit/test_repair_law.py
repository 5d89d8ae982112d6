"""For every sequence of events, what a watcher leaves is what a fresh run would leave."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import KernelError, ReconcileError, Where
from reconciler.inventory.facts import Device, HostFacts, Listener
from reconciler.manifest.spec import EndpointSpec, Manifest, NetworkSpec, SubnetSpec
from reconciler.pipeline import compare, enact
from reconciler.remembered import Dirty
from tests.unit.test_repair import World, marked
from tests.unit.worlds import container, manifest, port, project

FIXED = NetworkSpec(name="default", subnets=(SubnetSpec(subnet="10.20.0.0/16"),))
PROJECTS = {
    "web": project("web", container("a", ports=(port(80, 8080),)), container("b")),
    "fixed": project("fixed", FIXED, container("a", ports=(port(80, 8081),))),
    "lan": project(
        "lan",
        NetworkSpec(
            name="lan",
            driver="macvlan",
            options={"parent": "nic"},
            subnets=(SubnetSpec(subnet="10.30.0.0/24", where=Where("lan.yaml", 1, 1)),),
            where=Where("lan.yaml", 1),
        ),
        NetworkSpec(name="own", subnets=(SubnetSpec(subnet="10.31.0.0/24"),)),
        container("a", EndpointSpec(network="lan")),
        container("b", EndpointSpec(network="own"), ports=(port(80, 8082),)),
        container("c", EndpointSpec(network="lan"), EndpointSpec(network="own")),
    ),
    "six": project("six", NetworkSpec(name="default", enable_ipv6=True), container("a")),
}
JOINED = NetworkSpec(name="web", external=True, full_name="web_default")
GUESTS = {"g": (), "h": (port(80, 8082),), "i": (port(80, 9100),)}  # the port of a container, or nobody's
SOCKETS = [Listener("tcp", "0.0.0.0", 8080), Listener("tcp", "127.0.0.1", 8081)]
ROUTES = ["10.20.5.0/24", "10.0.0.0/8", "172.16.0.0/12", "0.0.0.0/1", "128.0.0.0/1"]
LINKS = {"lo": Device(), "nic": Device()}
LACKS = {"IPv6": "it was switched off"}


class Living(World):
    """A host whose facts move."""

    def __init__(self):
        super().__init__(Manifest())
        self.told = HostFacts(machine="m", name="h", links=LINKS)
        self.asked = self.told
        self.host.facts = self.facts
        self.host.facts_stand = lambda: self.asked == self.told
        self.host.links_stand = lambda names: self.asked.links == self.told.links

    def facts(self) -> HostFacts:
        self.asked = self.told
        return self.told


def flipped(found, one):
    return frozenset({*found} ^ {one})


def happens(world, event) -> Dirty | None:
    """What an event does to the world, and what the kernel tells of it."""
    match event:
        case "manifest", names:
            world.files = replace(
                manifest(*(PROJECTS[name] for name in sorted(names))), digest=str(sorted(names))
            )
            return Dirty(frozenset())
        case "socket", one:  # of which no event tells
            world.told = replace(world.told, listeners=flipped(world.told.listeners, one))
            return Dirty(frozenset({""}), swept=True)
        case "route", one:
            world.told = replace(world.told, routes=flipped(world.told.routes, one))
        case "nic", _:
            gone = "nic" in world.told.links
            world.told = replace(world.told, links={"lo": Device()} if gone else LINKS)
        case "kernel", lack:
            world.told = replace(world.told, missing={} if world.told.missing else lack)
            return None
        case "loss", number:
            before = world.host.observe()
            for key in sorted(before)[number % (len(before) or 1) :][:1]:
                world.host.lose(key)
            after = world.host.observe()
            moved = [key for key in before if before[key] != after.get(key)]
            return Dirty(frozenset(before[key].place for key in moved))
        case "guest", name:  # whom somebody else applies, and takes away again
            there = f"{name}-a" in world.sandboxes
            one = project(name) if there else project(name, JOINED, container("a", "web", ports=GUESTS[name]))
            with suppress(ReconcileError):
                enact(compare(replace(manifest(one), partial=True), world.host), world.host)
            return Dirty(frozenset({"", f"{name}-a"}))
        case "flush", _:
            for key in [key for key in world.host.live if "/reconciler" in key]:
                world.host.live.pop(key, None)
    return Dirty(frozenset({""}), swept=event[0] == "route")


events = st.one_of(
    st.tuples(st.just("manifest"), st.sets(st.sampled_from(sorted(PROJECTS)))),
    st.tuples(st.just("socket"), st.sampled_from(SOCKETS)),
    st.tuples(st.just("route"), st.sampled_from(ROUTES)),
    st.tuples(st.just("kernel"), st.just(LACKS)),
    st.tuples(st.just("nic"), st.none()),
    st.tuples(st.just("loss"), st.integers(0, 500)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("guest"), st.sampled_from(sorted(GUESTS))),
)


@settings(max_examples=settings.default.max_examples * 3 // 10)
@given(st.lists(events, max_size=8))
def test_a_watcher_leaves_what_a_fresh_run_would(sequence):
    world = Living()
    world.turn()
    for event in [("manifest", {"web", "fixed", "lan"}), *sequence]:
        outcome = world.repair.turn(happens(world, event))
        world.clock.now += 1000  # whatever was left alone is due again
        if outcome and isinstance(outcome.error, KernelError):  # half of a pair that went later
            outcome = world.repair.turn()
        try:
            fresh = compare(world.files, world.host)
        except ReconcileError as error:
            assert str(outcome.error) == str(error)
            continue
        assert list(map(str, fresh.todo)) == [], event
        if not fresh.waiting:
            assert marked(outcome.change.desired) == marked(fresh.desired), event
        assert {*fresh.waiting} == {*getattr(outcome.error, "waiting", ())}
