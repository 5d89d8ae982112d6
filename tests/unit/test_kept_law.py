"""Whatever fails or breaks, and whenever a watcher begins: nothing goes that the newest revision has not
taken away, and in the end all is as that says, or held."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.daemon.repair import RepairLoop
from reconciler.manifest.spec import Manifest, NetworkSpec, SubnetSpec
from reconciler.remembered import Dirty
from reconciler.safety.removals import TooMuchGoes
from tests.unit.test_repair import BROKEN, World
from tests.unit.worlds import container, manifest, project

BOXES = {"big": "abcde", "one": "ab"}  # of each project, those that it may have
NETWORKS = {
    name: NetworkSpec(name="n", subnets=(SubnetSpec(subnet=f"10.9{number}.0.0/24"),))
    for number, name in enumerate(BOXES)
}
NAMES = [f"{name}-{box}" for name, boxes in BOXES.items() for box in boxes]
WHOLE = {"big": {*"abcd"}, "one": {"a"}}
HELD = [("begins", None), ("files", {**WHOLE, "big": {*"ae"}}), ("later", 3.0)]  # three of four would go


def revision(said: dict[str, set[str]]) -> Manifest:
    projects = (
        project(name, NETWORKS[name], *(container(box, "n") for box in sorted(boxes)))
        for name, boxes in sorted(said.items())
    )
    whole = replace(manifest(*projects), root="/m")
    return replace(whole, digest=str([(name, *sorted(said[name])) for name in sorted(said)]))


def wanted(files: object) -> set[str]:
    """The sandboxes of a revision; all that may stand where there is none."""
    if not isinstance(files, Manifest):
        return {*NAMES}
    return {f"{one.name}-{box.name}" for one in files.projects for box in one.containers}


def happens(world: World, event: tuple[str, object]) -> Dirty | None:
    match event:
        case "files", said:
            world.files = revision(said)
        case "broken", _:
            world.files = BROKEN
        case "lost", name:
            world.host.lose(f"namespace {name}")
            world.host.tick()
            return Dirty(frozenset({"", name}))
        case "unplugged", name:
            world.host.lose(f"link host/br-{name}-n")
            return Dirty(frozenset({""}))
        case "refused", name:
            world.host.stubborn = name
        case "later", seconds:
            world.clock.now += seconds
        case "begins", _:
            world.repair = RepairLoop(world.repair.pipeline, world.clock)
    return None


events = st.one_of(
    st.tuples(
        st.just("files"),
        st.fixed_dictionaries({}, optional={name: st.sets(st.sampled_from(BOXES[name])) for name in BOXES}),
    ),
    st.tuples(st.just("broken"), st.none()),
    st.tuples(st.just("lost"), st.sampled_from(NAMES)),
    st.tuples(st.just("unplugged"), st.sampled_from(sorted(BOXES))),
    st.tuples(st.just("refused"), st.sampled_from([*NAMES, ""])),
    st.tuples(st.just("later"), st.sampled_from([0.5, 3.0, 60.0])),
    st.tuples(st.just("begins"), st.none()),
)


@given(st.lists(events, max_size=12))
def test_nothing_goes_that_the_newest_revision_has_not_taken_away(sequence):
    """Three of four containers are to go, which is held, and one has come beside them."""
    world = World(revision(WHOLE))
    for event in [*HELD, *sequence]:
        dirty = happens(world, event)
        before = {*world.sandboxes}
        world.repair.turn(dirty)
        world.remembered = world.repair.good
        assert not (before - {*world.sandboxes}) & wanted(world.files), event
    world.host.stubborn = ""
    world.files = world.files if isinstance(world.files, Manifest) else revision(WHOLE)
    for _ in range(4):
        world.clock.now += 3600
        outcome = world.repair.turn()
    assert {*world.sandboxes} >= wanted(world.files)
    assert outcome.in_sync or isinstance(outcome.error, TooMuchGoes)
