"""The laws of the core, on a fake kernel that cascades and refuses as Linux does."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.plan import Step, inside, ordered, plan
from reconciler.core.reconcile import is_homeless, reconcile
from reconciler.core.resource import Resource, Stage, State
from reconciler.errors import FailedInPart, KernelError
from reconciler.kernel.fake.kernel import FakeKernel, Killed
from reconciler.kinds.cni import BrokenAttachment
from reconciler.kinds.link import OrphanVeth
from reconciler.kinds.remote import BrokenEndpoint, RemoteEndpoint, place_of
from reconciler.kinds.sysctl import Forwarding
from reconciler.kinds.workload import Workload
from tests.unit.states import FOREIGN, moves, states

LOST = OrphanVeth, BrokenAttachment, BrokenEndpoint
few = settings(max_examples=settings.default.max_examples // 4)
seeds = st.integers(0, 1 << 16)


def kernel(world: State) -> FakeKernel:
    return FakeKernel(world.values(), FOREIGN)


def settled(fake: FakeKernel, world: State) -> bool:
    """It stands, there is nothing to do, and what is not ours is as it was."""
    live = fake.observe(world.values())
    seen = {key: r for key, r in live.items() if r.marked or key in world}
    return seen == world and plan(live, world) == () and fake.foreign == {r.key: r for r in FOREIGN}


def refused(world: State, fake: FakeKernel, n: int) -> set[str] | None:
    """The sandboxes that are left as they were, {""} where all is; None where nothing was refused."""
    fake.refuse_at(n)
    try:
        reconcile(world, fake)
    except KernelError:
        return {""}
    except FailedInPart as error:
        return set(error.refusals)
    return None


def killed(world: State, fake: FakeKernel, n: int) -> bool:
    fake.die_at(n)
    try:
        reconcile(world, fake)
    except Killed:
        return True
    fake.spare()
    return False


def vandalise(fake: FakeKernel, seed: int) -> None:
    """Somebody removes a few things of ours by hand; the kernel may still be busy with it, or not."""
    random = Random(seed)
    for key in random.sample(sorted(fake.live), min(3, len(fake.live))):
        fake.lose(key)
    if random.random() < 0.5:
        fake.tick()


@given(states)
def test_apply_then_plan_is_empty(world):
    fake = kernel({})
    reconcile(world, fake)
    assert settled(fake, world)
    effects = len(fake.journal)
    reconcile(world, fake)
    assert len(fake.journal) == effects


@given(moves())
def test_converges_from_any_state_to_any_state(move):
    before, after = move
    fake = kernel(before)
    reconcile(after, fake)
    assert settled(fake, after)


@given(moves(), seeds)
def test_converges_from_ruins(move, seed):
    before, after = move
    fake = kernel(before)
    vandalise(fake, seed)
    reconcile(after, fake)
    fake.tick()
    assert settled(fake, after)


@few
@given(moves(), seeds)
def test_a_refused_step_leaves_the_past_exactly(move, seed):
    """All of it, or that of a sandbox that stood: then all else is as it should be, and a next run ends."""
    before, after = move
    n, left = 0, {""}
    while left is not None:
        fake = kernel(before)
        vandalise(fake, seed)
        past = without_leftovers(fake.observe(after.values()))
        left, n = refused(after, fake, n), n + 1
        now = without_leftovers(fake.observe(after.values()))
        if left == {""}:
            assert now == past
        elif left:
            still = {key for key, r in now.items() if r.place in left}  # what has one key is in one place
            wanted = {key: r for key, r in outside(after, left).items() if key not in still}
            assert outside(now, left) == wanted | unmarked(now, after, left)
            reconcile(after, fake)
    assert settled(fake, after)


def outside(world: State, places: set[str]) -> State:
    """And of what runs in none of them, or would have, by whichever engine, or on a plugin's network; nor on
    the host's end of a pair of theirs."""
    names = {place.rpartition("/")[2] for place in places}
    ends = inside(ordered(world.values()), places)

    def is_there(r: Resource) -> bool:
        if r.key in ends:
            return True
        if isinstance(r, RemoteEndpoint) and place_of(r.network) in places:
            return True
        return r.place in places or isinstance(r, Workload) and not names.isdisjoint((r.name, r.sandbox))

    return {key: r for key, r in world.items() if not is_there(r)}


def unmarked(now: State, wanted: State, places: set[str]) -> State:
    """Settings that nobody declares stay where they are."""
    return {key: r for key, r in outside(now, places).items() if not r.marked and key not in wanted}


def without_leftovers(live: State) -> State:
    """A pair's lone end cannot be put back, nor what was attached to or ran in a sandbox that was lost: what
    cannot return is not missed."""
    return {k: r for k, r in live.items() if not (isinstance(r, LOST) or is_homeless(r, live))}


@few
@given(moves())
def test_killed_after_any_step_the_next_run_converges(move):
    before, after = move
    n, again = 0, True
    while again:
        fake = kernel(before)
        again, n = killed(after, fake, n), n + 1
        reconcile(after, fake)
        assert settled(fake, after)


@few
@given(moves(), states)
def test_killed_after_any_step_another_manifest_converges(move, other):
    before, after = move
    n, again = 0, True
    while again:
        fake = kernel(before)
        again, n = killed(after, fake, n), n + 1
        reconcile(other, fake)
        assert settled(fake, other)


@given(moves(), seeds)
def test_the_order_of_inputs_never_shows(move, seed):
    before, after = move

    def shuffled(world: State) -> State:
        return dict(Random(seed).sample(list(world.items()), len(world)))

    one, other = plan(before, after), plan(shuffled(before), shuffled(after))
    assert list(map(str, one)) == list(map(str, other))
    assert one.digest == other.digest


@given(moves())
def test_the_firewall_changes_in_one_transaction(move):
    before, after = move
    fake = kernel(before)
    reconcile(after, fake)
    assert sum(steps[0].resource.stage == Stage.FIREWALL for steps in fake.journal) <= 1


@given(moves())
def test_the_host_fails_closed(move):
    """Links go before the firewall, come after it, and nothing is forwarded before all stands, or runs."""
    before, after = move
    todo = plan(kernel(before).observe(after.values()), after)
    phases = [phase(step) for step in todo]
    assert phases == sorted(phases)


def phase(step: Step) -> int:
    if step.op == "-" and step.resource.lasting:
        return 5
    if step.op != "-" and step.resource.stage == Stage.RUNNING:
        return 4
    if step.resource.stage == Stage.FIREWALL:
        return 1
    if isinstance(step.resource, Forwarding):
        return 3
    return 0 if step.op == "-" else 2


@given(moves())
def test_every_change_says_why(move):
    before, after = move
    todo = plan(kernel(before).observe(after.values()), after)
    assert all(step.because for step in todo if step.op == "~" or step.op == "+" and step.old)
    assert not any("\n" in str(step) or str(step) != str(step).rstrip() for step in todo)


@given(states)
def test_everything_points_to_what_is_built_before_it(world):
    for resource in world.values():
        for key in (*resource.within, *resource.refers):
            assert key not in world or world[key].order < resource.order
