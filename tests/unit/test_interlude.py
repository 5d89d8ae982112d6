"""What a watcher heals in the middle of an apply, on the fake kernel: what stands elsewhere, and no more."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.daemon.interlude import PART, Interludes, Untouched
from reconciler.daemon.repair import FREE_REPAIRS
from reconciler.daemon.triggers import Trigger, dirty_places
from reconciler.manifest.workload import WorkloadSpec
from reconciler.pipeline import compare
from reconciler.remembered import Dirty
from tests.unit.test_repair import World, revision
from tests.unit.worlds import container, manifest, port, project


def big(count):
    return project("big", *(container(f"c{n}", ports=(port(80, 9000 + n),)) for n in range(count)))


WEB = project("web", container("a", ports=(port(80, 8080),)), container("b"))
BEFORE, AFTER = revision(manifest(WEB), "1"), revision(manifest(big(6), WEB), "2")
ADDRESS, PUBLISHED = "address web-a/eth0", "element inet/reconciler/publish4/tcp . 8080"


class Busy(World):
    """One to which something happens between two effects of an apply: `lost` says by the number of an effect
    what somebody takes away before it."""

    def __init__(self, files):
        super().__init__(files)
        self.lost, self.who = lambda number: "", "ip[1]"
        self.told, self.fired, self.unheard, self.effects = [], [], [], 0
        self.meanwhile = Interludes(self.repair, self.news, self.tell, lambda: float(self.effects))
        self.turn()
        self.began = self.effects = 0
        self.repair.during, self.host.progress = self.meanwhile.during, self.effect

    def effect(self) -> None:
        if key := self.lost(self.effects):
            self.lose(key)
        self.effects += 1

    def lose(self, key) -> None:
        before = self.host.observe()
        self.host.lose(key)
        after = self.host.observe()
        moved = sorted({r.place for key, r in before.items() if r != after.get(key)})
        self.unheard += [Trigger("kernel", place, self.who) for place in moved]
        self.fired += [Trigger("kernel", place, self.who) for place in moved]

    def news(self):
        news, self.unheard = self.unheard, []
        return news

    def tell(self, outcome, who) -> None:
        self.told.append((self.effects, list(map(str, outcome.change.todo))))

    def key(self, start) -> str:
        return next(key for key in self.host.observe() if key.startswith(start))


def test_what_is_lost_elsewhere_is_there_again_before_the_apply_is_done():
    world = Busy(BEFORE)
    when = {10: world.key(ADDRESS), 14: PUBLISHED, 18: "link host/br-web-default"}
    world.files, world.lost = AFTER, lambda number: when.get(number, "")
    outcome = world.turn()
    assert outcome.in_sync and not outcome.drift and world.effects > 40
    assert [(at, steps[0]) for at, steps in world.told] == [(at + 1, f"+ {key}") for at, key in when.items()]
    assert not world.repair.turn(dirty_places(world.fired)).change.todo
    assert not compare(world.files, world.host).todo


def test_what_a_sandbox_leads_to_is_there_again_whoever_took_it():
    world = Busy(BEFORE)
    world.files, world.who = AFTER, ""
    world.lost = lambda number: "link host/br-web-default" * (number == 10)
    assert world.turn().in_sync
    (_, steps), *more = world.told
    assert (
        "+ link host/br-web-default" in steps
        and any("link web-a/eth0" in step for step in steps)
        and not more
    )


def test_a_sandbox_that_lost_its_name_is_there_again_though_its_end_on_the_host_lingers():
    world = Busy(BEFORE)
    world.files, world.lost = AFTER, lambda number: "namespace web-a" * (number == 10)
    assert world.turn().in_sync
    (_, steps), *more = world.told
    assert "+ namespace web-a" in steps and steps[0].startswith("- link host/") and not more


def test_what_runs_in_a_sandbox_that_lost_its_name_is_run_in_the_new_one():
    """No event tells of it: its process goes on."""
    web = replace(WEB, containers=(container("a", runtime="podman", workload=WorkloadSpec()),))
    world = Busy(revision(manifest(web), "1"))
    world.files = revision(manifest(big(6), web), "2")
    world.lost = lambda number: "namespace web-a" * (number == 10)
    moved = world.news
    world.meanwhile.news = lambda: [one for one in moved() if not one.place.startswith("/")]
    assert world.turn().in_sync
    (_, steps), *more = world.told
    assert "+ namespace web-a" in steps and "~ workload web-a" in " ".join(steps) and not more
    assert not compare(world.files, world.host).todo


def test_what_is_refused_there_undoes_nothing_of_the_apply():
    world = Busy(BEFORE)
    aside, stood = world.host.aside, []

    def refusing():
        other = aside()
        other.refuse_at(0)
        return other

    def lost(number) -> str:
        if "big-c3" in world.sandboxes:
            stood.append(world.sandboxes)
        return PUBLISHED * (len(stood) == 1)

    world.host.aside, world.files, world.lost = refusing, AFTER, lost
    world.turn()
    assert world.fired and not world.told and {*stood[1]} >= {*stood[0]}


def test_what_the_apply_is_about_is_left_to_it():
    world = Busy(revision(manifest(WEB, big(1)), "1"))
    lost, world.files = world.key("address big-c0/eth0"), AFTER
    world.lost = lambda number: lost * (number == 10)
    world.turn()
    assert world.fired and not world.told
    assert world.repair.turn(dirty_places(world.fired)).drift
    assert not compare(world.files, world.host).todo


def test_who_makes_drift_without_end_holds_up_no_apply():
    world = Busy(BEFORE)
    lost, world.files = world.key(ADDRESS), AFTER
    world.lost = lambda number: lost * (lost in world.host.live)
    assert world.turn().in_sync and "big-c5" in world.sandboxes
    assert len(world.told) == FREE_REPAIRS + 1 and world.effects > 40


def test_where_facts_have_moved_it_waits():
    world = Busy(BEFORE)
    world.host.facts_stand = lambda: False
    world.files, world.lost = AFTER, lambda number: PUBLISHED * (number == 10)
    world.turn()
    assert world.fired and not world.told


def test_the_way_back_of_a_failed_apply_is_not_disturbed():
    world = Busy(BEFORE)
    lost, world.host.stubborn, world.files = world.key(ADDRESS), "big-c3", AFTER
    world.lost = lambda number: lost * (number == 1)  # 0 is the firewall, and all that was done
    assert world.turn().error
    assert world.fired and not world.told


def test_of_the_host_only_what_others_have_done_is_looked_at():
    untouched = Untouched(compare(AFTER, Busy(BEFORE).host))
    untouched.add(
        [Trigger("kernel", ""), Trigger("end", "", "ip[1]"), Trigger("kernel", None, "x"), Trigger("file")]
    )
    assert untouched.next() == (frozenset(), "")
    untouched.add(
        [Trigger("kernel", "", "nft[1]"), Trigger("end", "web-a"), Trigger("kernel", "big-c0", "ip[2]")]
    )
    assert untouched.next() == (frozenset({"", "web-a"}), "nft[1]")
    assert untouched.next() == (frozenset(), "")


def test_a_crowd_of_places_is_looked_at_part_by_part():
    untouched = Untouched(compare(manifest(big(PART + 5)), Busy(manifest(big(PART + 5))).host))
    untouched.add(Trigger("kernel", f"big-c{n}") for n in range(PART + 5))
    assert [len(untouched.next()[0]) for _ in range(3)] == [PART, 5, 0]


@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(st.dictionaries(st.integers(0, 50), st.integers(0, 500), max_size=4))
def test_whatever_is_lost_meanwhile_a_watcher_leaves_what_a_fresh_run_would(when):
    world = Busy(BEFORE)
    keys = sorted(world.host.observe())
    world.files = AFTER
    world.lost = lambda number: keys[when[number] % len(keys)] if number in when else ""
    if world.turn().error:
        world.clock.now += 1000
        world.fired = []
        world.lost = lambda number: ""
        world.turn()
    healed = world.repair.turn(dirty_places(world.fired) or Dirty(frozenset()))
    assert not healed.error
    assert list(map(str, compare(world.files, world.host).todo)) == []
    assert not [step for _, steps in world.told for step in steps if "big" in step]
