"""What a watcher does turn by turn, on the fake kernel: newest first, the last good one else, patience with
trouble."""

from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.cnm.build import build
from reconciler.daemon.blame import blamed_projects, without
from reconciler.daemon.outcome import Pipeline
from reconciler.daemon.repair import RepairLoop
from reconciler.daemon.settling import SETTLING
from reconciler.daemon.triggers import Trigger, dirty_places
from reconciler.errors import (
    FailedInPart,
    Foreign,
    KernelError,
    Locked,
    ManifestError,
    Refused,
    Unforeseen,
    foreseen,
)
from reconciler.inventory.facts import Facts
from reconciler.kernel.fake.kernel import FakeKernel
from reconciler.kernel.resolvers import FOLDER
from reconciler.kinds.namespace import Closed
from reconciler.manifest.spec import Manifest, NetworkSpec
from reconciler.pipeline import compare, enact
from reconciler.remembered import Dirty
from reconciler.safety.limits import Limits, refuse
from reconciler.safety.rejections import HeldBack
from tests.unit.worlds import container, manifest, port, project, shop


class Host(FakeKernel):
    stubborn = ""  # the kernel refuses to make a sandbox of this name
    hostile = ""  # who is root in this one undoes what is done there

    def progress(self) -> None:
        """Called before each effect."""

    def aside(self) -> "Host":
        other = copy(self)
        other.progress = lambda: None
        return other

    def _effect(self, steps) -> None:
        self.progress()
        super()._effect(steps)

    def facts(self) -> Facts:
        return Facts(machine="m", name="h")

    def forget(self, places=None) -> None:
        pass

    def transcribe(self) -> None:
        pass

    def links_stand(self, names) -> bool:
        return True

    def facts_stand(self) -> bool:
        return True

    def execute(self, batch):
        for step in batch:
            if self.stubborn and step.op == "+" and step.resource.key == f"namespace {self.stubborn}":
                raise KernelError(str(step), 22, "as the test asks")
        refusals = super().execute(batch)
        self.vex()
        return refusals

    def vex(self) -> None:
        if self.hostile:
            self.lose(f"link {self.hostile}/eth0")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class World:
    """`files` is what reading them gives: a manifest, or an error."""

    def __init__(self, files, removals="50%"):
        self.host, self.files, self.clock, self.compared = Host(), files, Clock(), 0
        self.lock, self.remembered = nullcontext(0), None
        pipeline = Pipeline(
            self.host,
            self.read,
            self.compare,
            lambda change: refuse(change, Limits(removals=removals)),
            lambda: self.locked(),
            lambda: 0,
            lambda: self.remembered,
        )
        self.repair = RepairLoop(pipeline, self.clock)

    def compare(self, m: Manifest):
        self.compared += 1
        return compare(m, self.host)

    def read(self) -> Manifest:
        if isinstance(self.files, Exception):
            raise self.files
        return self.files

    def locked(self):
        if isinstance(self.lock, Exception):
            raise self.lock
        return self.lock

    def turn(self, *places: str):
        return self.repair.turn(Dirty(frozenset(places)) if places else None)

    def settle(self) -> None:
        self.turn()
        self.clock.now += SETTLING

    @property
    def sandboxes(self) -> list[str]:
        return sorted(key.split()[1] for key in self.host.observe() if key.startswith("namespace "))


def revision(m: Manifest, digest: str) -> Manifest:
    return replace(m, digest=digest)


ONE, TWO = revision(shop(2), "1"), revision(shop(3), "2")
BROKEN = ManifestError("broken")
GUEST = project(
    "guest",
    NetworkSpec(name="front", external=True, full_name="shop_front"),
    container("a", "front", ports=(port(80, 9100),)),
)
BLOG = project("blog", container("a", ports=(port(80, 9000),)))


def test_the_newest_is_applied_and_then_there_is_nothing():
    world = World(ONE)
    first, second = world.turn(), world.turn()
    assert first.in_sync and first.change.todo and not first.drift
    assert second.in_sync and not second.change.todo and second.seconds is None


def test_drift_is_told_from_a_new_revision():
    world = World(ONE)
    world.turn()
    world.host.lose("link host/br-shop-front")
    assert world.turn("").drift
    world.files = TWO
    assert not world.turn().drift


def test_broken_files_hold_the_last_good_revision_and_keep_it_healed():
    world = World(ONE)
    world.turn()
    world.files = BROKEN
    assert world.turn().error is BROKEN and not world.turn().in_sync
    world.host.lose("namespace shop-web1")
    world.host.tick()
    outcome = world.turn()
    assert outcome.error is BROKEN and outcome.drift
    assert world.sandboxes == ["shop-web0", "shop-web1"]


def test_what_is_built_after_a_boot_is_no_drift():
    """The revision is the one that was applied before, and nothing of it stands, as after any boot."""
    world = World(ONE)
    world.remembered = ONE
    world.repair = RepairLoop(world.repair.pipeline, world.clock)
    first = world.turn()
    assert first.in_sync and first.change.todo and not first.drift
    world.host.lose("namespace shop-web1")
    world.host.tick()
    assert world.turn().drift


def test_what_went_while_no_watcher_ran_is_drift():
    world = World(ONE)
    world.turn()
    world.remembered = ONE
    world.repair = RepairLoop(world.repair.pipeline, world.clock)
    world.host.lose("table inet/reconciler")
    assert world.turn().drift


def test_with_nothing_remembered_broken_files_change_nothing():
    world = World(BROKEN)
    assert world.turn().error is BROKEN and not world.host.journal


def test_a_watcher_that_starts_with_broken_files_holds_what_is_remembered():
    world = World(ONE)
    world.turn()
    world.files, world.remembered = BROKEN, ONE
    world.repair = RepairLoop(world.repair.pipeline, world.clock)
    world.host.lose("link host/br-shop-front")
    assert world.turn().drift


def test_removing_much_is_refused_until_a_person_applies_it():
    world = World(revision(shop(4), "4"))
    world.turn()
    world.files = ONE = revision(shop(1), "1")
    world.settle()
    assert isinstance(world.turn().error, Refused) and len(world.sandboxes) == 4
    change = compare(ONE, world.host)
    enact(change, world.host)
    assert world.turn().in_sync and world.sandboxes == ["shop-web0"]


def test_what_new_files_take_away_waits_until_they_have_settled():
    """Of a checkout or a copy half may be still to come; what stands is kept healed."""
    world = World(ONE)
    world.turn()
    world.files = revision(shop(1), "half")
    world.host.lose("link host/br-shop-front")
    outcome = world.turn()
    assert outcome.error is None and outcome.drift and world.sandboxes == ["shop-web0", "shop-web1"]
    assert outcome.settling and not outcome.in_sync
    assert not world.repair.at_rest() and 0 < world.repair.patience <= SETTLING
    world.clock.now += SETTLING - 1
    world.files = revision(manifest(*shop(1).projects, BLOG), "more")
    assert world.turn().settling and len(world.sandboxes) == 2
    world.clock.now += SETTLING - 1
    assert world.turn().settling and len(world.sandboxes) == 2
    world.files = TWO
    assert world.turn().in_sync and len(world.sandboxes) == 3 and world.repair.at_rest()
    world.files = revision(manifest(*shop(1).projects, BLOG), "more")
    world.settle()
    assert world.turn().in_sync and world.sandboxes == ["blog-a", "shop-web0"]


def test_what_is_new_and_takes_nothing_away_does_not_wait():
    world = World(ONE)
    world.turn()
    world.files = TWO
    assert len(world.turn().change.todo) and len(world.sandboxes) == 3


def test_what_a_person_went_back_behind_is_left_and_the_one_before_is_held():
    world = World(ONE)
    world.turn()
    world.files = TWO
    world.turn()
    enact(compare(ONE, world.host), world.host)
    world.files, world.remembered = Refused("rolled back"), ONE
    assert isinstance(world.turn().error, Refused) and len(world.sandboxes) == 2


def test_part_of_it_is_held_back_and_the_rest_goes_on():
    world = World(ONE)
    world.turn()
    world.files = HeldBack({"shop": "rolled back"}, revision(manifest(*ONE.projects, BLOG), "1 and blog"))
    outcome = world.turn()
    assert outcome.error is world.files and world.sandboxes == ["blog-a", "shop-web0", "shop-web1"]
    world.host.lose("namespace shop-web1")
    world.host.tick()
    assert world.turn().drift and len(world.sandboxes) == 3


def test_what_somebody_went_back_behind_while_we_looked_is_not_put_back():
    """It was decided by what the files said before; the lock tells that somebody was there."""
    world = World(ONE)
    world.turn()
    world.files = TWO

    @contextmanager
    def gone_back():
        world.files = Refused("rolled back")
        yield 1

    world.lock = gone_back()
    assert world.turn() is None and len(world.sandboxes) == 2


def test_what_a_person_applied_while_the_files_are_broken_is_held():
    world = World(TWO)
    world.turn()
    world.files, world.remembered = BROKEN, ONE
    enact(compare(ONE, world.host), world.host)
    assert world.turn().error is BROKEN and len(world.sandboxes) == 2


def test_a_project_that_the_kernel_refuses_does_not_stop_the_others():
    world = World(ONE)
    world.turn()
    world.host.stubborn = "shop-web2"
    world.files = revision(manifest(*TWO.projects, BLOG), "3")
    assert isinstance(world.turn().error, KernelError)
    outcome = world.turn()
    assert isinstance(outcome.error, KernelError) and "blog-a" in world.sandboxes
    assert "shop-web2" not in world.sandboxes and "shop-web1" in world.sandboxes
    world.host.lose("namespace shop-web0")
    world.host.tick()
    world.turn()
    assert "shop-web0" in world.sandboxes, "its last good revision is kept healed meanwhile"
    world.clock.now += 2
    world.host.stubborn = ""
    assert world.turn().in_sync and "shop-web2" in world.sandboxes


def test_what_stands_beside_a_project_that_fails_stays_when_the_files_break():
    """No revision is as the host is then: it has the new one of these projects, and an old one of those."""
    world = World(revision(manifest(*shop(2).projects, BLOG), "1"))
    world.turn()
    world.host.stubborn = "shop-web2"
    blog = project("blog", *BLOG.containers, container("b"))
    world.files = revision(manifest(*shop(3).projects, blog), "2")
    for _ in range(2):
        assert world.turn().error
    stands = world.sandboxes
    assert "blog-b" in stands and "shop-web2" not in stands
    world.files = BROKEN
    world.host.lose("namespace blog-b")
    for _ in range(2):
        assert world.turn().error is BROKEN and world.sandboxes == stands
    world.host.stubborn, world.files = "", revision(manifest(*shop(3).projects, blog), "3")
    assert world.turn().in_sync and "shop-web2" in world.sandboxes and not world.repair.holding


@pytest.mark.parametrize("more", [False, True])
def test_where_a_project_fails_what_has_come_beside_its_held_removals_stays(more):
    """Be it that a repair of it fails while files are broken, or its next revision."""
    world = World(revision(shop(4), "1"))
    world.turn()
    (one,) = shop(1).projects
    less = replace(one, containers=(*one.containers, container("new", "front")))
    world.files = revision(manifest(less), "2")
    world.settle()
    assert isinstance(world.turn().error, Refused)
    stands = world.sandboxes
    assert stands == ["shop-new", "shop-web0", "shop-web1", "shop-web2", "shop-web3"]
    if more:
        less = replace(less, containers=(*less.containers, container("more", "front")))
        world.files, world.host.stubborn = revision(manifest(less), "3"), "shop-more"
        world.settle()
        assert isinstance(world.turn().error, KernelError)
    else:
        world.files, world.host.stubborn = BROKEN, "shop-web3"
        world.host.lose("namespace shop-web3")
        assert isinstance(world.turn().error, KernelError)
        world.host.stubborn = ""
    for _ in range(2):
        world.turn()
        assert world.sandboxes == stands


def test_where_a_repair_has_failed_what_comes_undone_is_drift_all_the_same():
    world = World(ONE)
    world.turn()
    world.host.stubborn = "shop-web1"
    world.host.lose("namespace shop-web1")
    assert world.turn().error
    world.host.stubborn = ""
    assert world.turn().drift
    world.host.lose("table inet/reconciler")
    assert world.turn().drift


def test_patience_grows_with_every_failure():
    world = World(TWO)
    world.host.stubborn = "shop-web2"
    waits = []
    for _ in range(4):
        world.turn()
        waits.append(world.repair.patience)
        world.clock.now += world.repair.patience
    assert waits == [1, 2, 4, 8]
    world.files = ONE
    assert world.turn().in_sync


def test_a_fight_is_slowed_down_for_its_project_alone():
    world = World(revision(manifest(*ONE.projects, BLOG), "1"))
    world.turn()
    for _ in range(6):
        world.host.lose("link host/br-shop-front")
        assert world.turn("").drift
    assert ("shop", "link host/br-shop-front") in world.repair.fights.repeated()
    world.host.lose("link host/br-shop-front")
    world.host.lose("link host/br-blog-default")
    world.turn("")
    standing = world.host.observe()
    assert "link host/br-blog-default" in standing and "link host/br-shop-front" not in standing
    world.clock.now += 1.1
    world.turn()
    assert "link host/br-shop-front" in world.host.observe()


def test_what_was_left_alone_is_due_though_its_time_came_in_the_middle_of_a_turn():
    world = World(revision(manifest(*ONE.projects, BLOG), "1"))
    world.turn()
    for _ in range(6):
        world.host.lose("link host/br-shop-front")
        world.turn("")
    world.host.lose("link host/br-shop-front")
    world.host.lose("link host/br-blog-default")
    world.host.progress = lambda: setattr(world.clock, "now", world.clock.now + 0.5)
    world.turn("")
    assert "link host/br-shop-front" not in world.host.observe() and not world.repair.delays()
    assert world.repair.patience == 0.0 and not world.repair.at_rest()
    world.turn()
    assert "link host/br-shop-front" in world.host.observe()
    assert world.repair.patience > 0.0


def test_a_sandbox_that_lost_its_name_while_it_was_left_alone_is_made_anew_when_it_is_due():
    """Its end on the host stands, of which nobody tells again."""
    world = World(revision(shop(3), "1"))
    world.turn()
    lost = next(key for key in world.host.observe() if key.startswith("address shop-web0/eth0"))
    for _ in range(6):
        world.host.lose(lost)
        world.turn("shop-web0")
    world.host.lose("namespace shop-web0")
    assert not world.turn("shop-web0", "").change.todo
    world.clock.now += 1000
    assert world.turn("shop-web1").in_sync and "shop-web0" in world.sandboxes


def test_what_moved_while_something_foreign_stood_in_the_way_is_not_forgotten():
    world = World(ONE)
    world.turn()
    observe = world.host.observe

    def observed(*_):
        raise Foreign("the host has a namespace shop-web1 that is not ours")

    world.host.lose("namespace shop-web1")
    world.host.tick()
    world.host.observe = observed
    assert isinstance(world.turn("shop-web1").error, Foreign)
    world.host.observe = observe
    assert world.turn("").drift and "shop-web1" in world.sandboxes


# what nobody foresaw


def startled(world, digests, words="no such thing"):
    """Comparing one of these revisions ends in an exception."""
    compare_, tried = world.repair.pipeline.compare, []

    def compared(manifest):
        tried.append(manifest.digest)
        if manifest.digest in digests:
            raise TypeError(words)
        return compare_(manifest)

    world.repair.pipeline = replace(world.repair.pipeline, compare=compared)
    return tried


def test_a_revision_that_ends_in_an_exception_leaves_the_last_good_one_healed():
    world = World(ONE)
    world.turn()
    world.files = TWO
    tried = startled(world, {"2"})
    for _ in range(3):
        world.host.lose("link host/br-shop-front")
        world.host.tick()
        outcome = world.turn()
        assert outcome.change.todo and not outcome.in_sync
        assert isinstance(outcome.error, Unforeseen) and "TypeError: no such thing" in str(outcome.error)
        assert "link host/br-shop-front" in world.host.observe()
    assert tried == ["2", "1", "1", "1"], "it is left alone meanwhile"


def test_an_exception_is_tried_again_ever_later_and_forgotten_when_it_goes():
    world, waits = World(ONE), []
    broken = {"1"}
    startled(world, broken)
    for _ in range(3):
        assert not world.turn().in_sync
        waits.append(world.repair.patience)
        world.clock.now += world.repair.patience
    assert waits == [1, 2, 4]
    broken.clear()
    assert world.turn().in_sync and world.sandboxes


def test_another_revision_is_tried_at_once():
    world = World(ONE)
    startled(world, {"1"})
    world.turn()
    world.files = TWO
    assert world.turn().in_sync


def test_files_that_end_in_an_exception_are_broken_files():
    world = World(ONE)
    world.turn()
    world.files = RecursionError("deep")
    world.host.lose("link host/br-shop-front")
    outcome = world.turn()
    assert isinstance(outcome.error, Unforeseen) and outcome.drift
    assert "link host/br-shop-front" in world.host.observe()


def test_an_exception_in_the_middle_of_an_apply_is_rolled_back_and_tried_again_later():
    world = World(ONE)
    world.turn()
    before, execute = dict(world.host.observe()), world.host.execute

    def executed(batch):
        if any(step.op == "+" and step.resource.key == "namespace shop-web2" for step in batch):
            raise IndexError("out of range")
        return execute(batch)

    world.host.execute = executed
    world.files = TWO
    assert isinstance(world.turn().error, Unforeseen)
    assert dict(world.host.observe()) == before and world.repair.failing.delays()
    world.host.execute = execute
    world.clock.now += 1.1
    assert world.turn().in_sync and "shop-web2" in world.sandboxes


def test_the_id_is_of_the_functions_and_not_of_the_words():
    def first(wrong) -> Any:
        try:
            compare(wrong, Host())
        except Exception as error:
            return foreseen(error)

    one, same, other = first(None), first(5), Unforeseen(KeyError("x"))
    assert one.fingerprint == same.fingerprint != other.fingerprint and len(one.fingerprint) == 8
    assert f"(id {one.fingerprint})" in str(one)
    assert "Traceback" in one.traceback and foreseen(one) is one


def test_a_sandbox_that_does_not_heal_holds_up_nobody():
    """Its own project neither: that is healed, and goes on to newer revisions."""
    world = World(revision(manifest(*ONE.projects, BLOG), "1"))
    world.turn()
    world.host.hostile = "shop-web1"
    world.host.vex()
    world.host.lose("link host/br-shop-front")
    outcome = world.turn()
    assert isinstance(outcome.error, FailedInPart) and outcome.error.refusals.keys() == {"shop-web1"}
    assert outcome.change.todo and not [s for s in outcome.change.todo if s.resource.place == "shop-web1"]
    assert "link host/br-shop-front" in world.host.observe() and world.repair.patience == 1
    world.host.lose("link shop-web0/eth0")
    outcome = world.turn()
    assert isinstance(outcome.error, FailedInPart) and "link shop-web0/eth0" in world.host.observe()
    world.files = revision(manifest(*TWO.projects, BLOG), "2")
    outcome = world.turn()
    assert "shop-web2" in world.sandboxes and not outcome.drift and world.repair.good is world.files
    world.clock.now += 1
    assert isinstance(world.turn().error, FailedInPart) and world.repair.patience == 2
    world.host.hostile = ""
    world.clock.now += 2
    assert world.turn().in_sync and "link shop-web1/eth0" in world.host.observe()


def left_alone(sandbox: str) -> World:
    """What there is when one that does not heal has been tried for the first time."""
    world = World(revision(manifest(*ONE.projects, BLOG), "1"))
    world.turn()
    world.host.hostile = sandbox
    world.host.vex()
    world.turn(sandbox)
    world.turn(sandbox)
    return world


def test_for_a_sandbox_that_does_not_heal_nobody_looks_at_all_the_others():
    """Its turn comes, though what fires then is another's."""
    world = left_alone("shop-web1")
    compared = world.compared
    for _ in range(3):
        world.host.lose("link shop-web0/eth0")
        assert [str(s) for s in world.turn("shop-web0").change.todo if s.resource.place == "shop-web0"]
        assert isinstance(world.turn("shop-web1").error, FailedInPart)
    assert world.compared == compared and "link shop-web1/eth0" not in world.host.observe()
    world.host.hostile = ""
    world.clock.now += 1
    assert world.turn("blog-a").change.todo and world.compared == compared
    assert "link shop-web1/eth0" in world.host.observe() and not compare(world.files, world.host).todo


def test_new_files_find_a_sandbox_that_was_left_alone():
    world = left_alone("shop-web1")
    world.host.lose("link shop-web0/eth0")
    world.turn("shop-web0")
    world.files = revision(
        manifest(*ONE.projects, project("blog", container("a", ports=(port(80, 9001),)))), "2"
    )
    world.repair.turn(Dirty(frozenset()))
    world.host.hostile = ""
    world.clock.now += 1
    world.turn("blog-a")
    assert "link shop-web1/eth0" in world.host.observe() and not compare(world.files, world.host).todo


def test_a_fight_in_a_sandbox_is_that_sandbox_s():
    world = World(ONE)
    world.turn()
    for _ in range(6):
        world.host.lose("link shop-web1/eth0")
        assert world.turn("shop-web1").drift
    world.host.lose("link shop-web1/eth0")
    world.host.lose("link host/br-shop-front")
    assert world.turn("").drift
    standing = world.host.observe()
    assert "link host/br-shop-front" in standing and "link shop-web1/eth0" not in standing


def test_a_sandbox_that_cannot_be_looked_into_is_told_until_it_can():
    world = World(ONE)
    world.turn()
    live = world.host.live
    key, shut = "namespace shop-web1", Closed(name="shop-web1", project="shop", why="too much")
    before, live[key] = live[key], shut
    world.host.lose("link host/br-shop-front")
    outcome = world.turn()
    assert isinstance(outcome.error, FailedInPart) and "too much" in str(outcome.error)
    assert "link host/br-shop-front" in live and world.repair.patience > 1000
    assert isinstance(world.turn("").error, FailedInPart)
    assert isinstance(world.turn().error, FailedInPart)
    live[key] = before
    assert world.turn().in_sync


def test_somebody_elses_apply_goes_first():
    world = World(ONE)
    world.lock = Locked("held")
    assert world.turn() is None and not world.host.journal


@pytest.mark.parametrize("lost", ["namespace shop-web1", "link shop-web1/eth0", "link host/br-shop-front"])
@pytest.mark.parametrize("told", [True, False])
def test_looking_at_one_place_finds_what_looking_at_all_finds(lost, told):
    world = World(ONE)
    world.turn()
    world.turn()
    world.host.lose(lost)
    world.host.tick()
    everything = compare(ONE, world.host).todo
    places = {"", "shop-web0", "shop-web1"} if "host/" in lost else {"", "shop-web1"}
    outcome = world.repair.turn(Dirty(frozenset(places) if told else None))
    assert [str(step) for step in outcome.change.todo] == [str(step) for step in everything]


def test_what_was_just_put_right_need_not_be_read_again():
    world = World(ONE)
    world.turn()
    asked = []
    world.host.forget = asked.append
    world.host.lose("link shop-web1/eth0")
    assert world.turn("", "shop-web1").drift
    assert not world.turn("shop-web1").change.todo
    assert asked == [{"", "shop-web1"}, {"shop-web1"}]


def test_of_a_host_end_the_sandbox_is_compared_and_not_entered():
    world = World(ONE)
    world.turn()
    asked = []
    world.host.forget = asked.append
    world.host.lose("link host/br-shop-front")
    outcome = world.repair.turn(Dirty(frozenset({""}), frozenset({"shop-web0", "shop-web1"})))
    assert outcome.drift and {"link shop-web0/eth0", "link shop-web1/eth0"} < {
        step.resource.key for step in outcome.change.todo
    }
    assert asked == [{""}] and not world.turn("").change.todo


@pytest.mark.parametrize(
    ("fired", "expected"),
    [
        (
            [Trigger("kernel", ""), Trigger("end", "a"), Trigger("kernel", "b"), Trigger("beat")],
            Dirty({"", "b"}, {"a"}),
        ),
        ([Trigger("kernel", "a"), Trigger("end", None)], Dirty(None)),
        ([Trigger("kernel", "a"), Trigger("sweep")], None),
        ([Trigger("kernel", "a"), Trigger("file")], Dirty({"a"})),
        ([Trigger("file")], Dirty(frozenset())),
        ([Trigger("kernel", "a"), Trigger("names", words="/etc/resolv.conf")], Dirty({"", "a"}, swept=True)),
        ([Trigger("names", words=f"{FOLDER}/shop_front/guest")], Dirty({""})),
        ([Trigger("beat")], None),
    ],
)
def test_what_triggers_tell(fired, expected):
    assert dirty_places(fired) == expected


def test_of_new_files_what_moved_alone_is_compared(monkeypatch):
    world = World(replace(ONE, projects=(*ONE.projects, BLOG)))
    world.turn()
    world.files = replace(TWO, projects=(*TWO.projects, BLOG))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(pipeline, "build", built_of("shop"))
        outcome = world.repair.turn(Dirty(frozenset()))
    assert outcome.in_sync and outcome.change.todo and "shop-web2" in world.sandboxes
    assert not world.turn("").change.todo and not world.turn().change.todo


def built_of(*names: str):
    def built(manifest, *more):
        assert [project.name for project in manifest.projects] == [*names]
        return build(manifest, *more)

    return built


def test_what_drifted_meanwhile_is_put_right_with_new_files():
    world = World(ONE)
    world.turn()
    world.host.lose("namespace shop-web1")
    world.files = TWO
    assert world.repair.turn(Dirty(frozenset({""}), frozenset({"shop-web1"}))).in_sync
    assert world.sandboxes == ["shop-web0", "shop-web1", "shop-web2"]
    assert not world.turn().change.todo


def test_what_another_project_changed_is_no_drift():
    world = World(ONE)
    world.turn()
    world.turn()
    enact(compare(manifest(BLOG), world.host), world.host)
    before = dict(world.host.observe())
    assert not world.turn("", "blog-a").change.todo
    assert dict(world.host.observe()) == before


def marked(state):
    """Of links of others, which settings are read depends on what is asked; nobody changes them."""
    return {key: r for key, r in state.items() if r.marked}


def test_a_sandbox_of_others_that_comes_and_goes_decides_nothing_anew():
    world = World(ONE)
    world.turn()
    for guest in (GUEST, replace(GUEST, containers=()), GUEST):
        enact(compare(replace(manifest(guest), partial=True), world.host), world.host)
        outcome = world.turn("", "guest-a")
        assert outcome.in_sync and not outcome.change.todo and world.compared == 1
        assert marked(outcome.change.desired) == marked(compare(ONE, world.host).desired)
    world.host.lose("namespace shop-web1")
    assert world.turn("", "shop-web1").change.todo and "guest-a" in world.sandboxes


class Unasked(dict[str, str]):
    """What this kernel lacks, which is asked for by name and never as a whole."""

    def __eq__(self, _: object) -> bool:
        raise AssertionError("all of it was asked for")


def test_no_sandbox_of_others_has_all_asked_of_the_kernel():
    world = World(ONE)
    told = Facts(machine="m", name="h", missing=Unasked())
    world.host.facts = lambda: told
    world.turn()
    for guest in (GUEST, replace(GUEST, containers=())):
        enact(compare(replace(manifest(guest), partial=True), world.host), world.host)
        assert world.turn("", "guest-a").in_sync and world.compared == 1


def test_deferring_a_project_leaves_it_as_it_stands():
    host = Host()
    enact(compare(manifest(*ONE.projects, BLOG), host), host)
    wanted = manifest(project("shop", NetworkSpec(name="front")), project("blog"))
    change = without(compare(wanted, host), frozenset({"shop"}))
    assert change.todo and not [step for step in change.todo if "shop" in step.resource.key]


def test_the_project_of_the_refused_step_is_to_blame():
    change = compare(manifest(*ONE.projects, BLOG), Host())
    assert blamed_projects(KernelError("+ namespace blog-a", 22, "no"), change) == {"blog"}
    assert blamed_projects(KernelError("the firewall transaction", 22, "no"), change) >= {"blog", "shop"}


def test_it_is_at_rest_until_a_revision_comes():
    world = World(ONE)
    assert not world.repair.at_rest()
    world.turn()
    assert world.repair.at_rest()
    world.files = TWO
    assert not world.repair.at_rest()
    world.turn()
    assert world.repair.at_rest()


def test_a_revision_that_is_held_back_is_no_unrest():
    world = World(ONE, removals="0")
    world.turn()
    world.files = revision(shop(1), "3")
    world.settle()
    assert isinstance(world.turn().error, Refused)
    assert world.repair.at_rest()
    world.files = BROKEN
    assert not world.repair.at_rest()
    world.turn()
    assert world.repair.at_rest()


def test_what_failed_is_no_rest():
    world = World(ONE)
    world.lock = Locked("somebody applies")
    world.turn()
    assert not world.repair.at_rest()
    world.lock, world.host.stubborn = nullcontext(0), "shop-web1"
    world.turn()
    assert not world.repair.at_rest()


@pytest.mark.parametrize("stand", [True, False])
def test_what_a_sweep_finds_of_the_host_is_decided_anew_where_its_facts_are_others(stand):
    world = World(ONE)
    world.turn()
    world.host.facts_stand, world.compared = lambda: stand, 0
    world.repair.turn(Dirty(frozenset({""}), swept=True))
    assert world.compared == (not stand)
