"""The guard of removals: what it counts, what it remembers, what it holds, and how it is told to let go."""

from dataclasses import replace

import pytest

from reconciler.daemon.repair import RepairLoop
from reconciler.errors import ManifestError, Refused
from reconciler.manifest.sources import Source
from reconciler.manifest.spec import Manifest, NetworkSpec
from reconciler.safety import removals
from reconciler.safety.limits import Limits, refuse
from reconciler.safety.removals import Loss, Party, TooMuchGoes
from tests.unit.test_pipeline import FakeHost, compare, run, shop
from tests.unit.test_repair import BROKEN, ONE, World, revision
from tests.unit.worlds import container, manifest, port, project

RED, BLUE = (Source(path=f"/{name}", names=(f"/{name}",), whole=True) for name in ("red", "blue"))
HALF = Limits(removals="50%")
NETWORKS = [NetworkSpec(name=name) for name in "xyz"]


def folder(source: Source, *manifests: Manifest, **more) -> Manifest:
    projects = (replace(p, path=source.path) for one in manifests for p in one.projects)
    return Manifest(projects=tuple(projects), sources=(source,), **more)


def small(name: str) -> Manifest:
    return manifest(project(name, NetworkSpec(name="n"), container("a", "n")))


@pytest.fixture
def host() -> FakeHost:
    """Ten sandboxes of one folder, and ten small projects of another."""
    host = FakeHost()
    run(host, folder(RED, shop(10)))
    run(host, folder(BLUE, *(small(f"p{i}") for i in range(10))))
    return host


def held(change, limits: Limits = HALF) -> frozenset[str]:
    try:
        refuse(change, limits)
    except TooMuchGoes as error:
        return error.projects
    return frozenset()


def test_a_project_counts_by_itself_whatever_else_stands(host):
    assert held(compare(folder(RED, shop(4)), host)) == {"shop"}
    assert not held(compare(folder(RED, shop(6)), host))


def test_the_ends_of_pairs_whose_sandboxes_lost_their_names_are_no_removals():
    world = World(
        revision(manifest(project("t", *(container(name, *"xyz") for name in "abc"), *NETWORKS)), "1")
    )
    world.turn()
    for name in "abc":
        world.host.lose(f"namespace t-{name}")
    assert not compare(world.files, world.host).removed
    assert world.turn().in_sync and world.sandboxes == ["t-a", "t-b", "t-c"]


def test_projects_that_leave_count_by_their_folder(host):
    assert not held(compare(folder(BLUE, *(small(f"p{i}") for i in range(5))), host))
    change = compare(folder(BLUE, *(small(f"p{i}") for i in range(4))), host)
    assert held(change) == {f"p{i}" for i in range(4, 10)}


def test_of_two_folders_the_one_that_loses_is_held(host):
    blue = folder(BLUE, *(small(f"p{i}") for i in range(9)))
    both = replace(blue, projects=blue.projects, sources=(BLUE, RED))
    assert held(compare(both, host)) == {"shop"}


@pytest.fixture
def limits(tmp_path) -> Limits:
    """Of somebody who remembers."""
    return Limits(removals="50%", memory=lambda: removals.recalled(str(tmp_path / "wanted")))


@pytest.fixture
def follow(host, tmp_path):
    """Bring something about, and remember it."""

    def followed(wanted: Manifest, *, limited: bool = True, growing: bool = True) -> None:
        removals.remember(run(host, wanted), str(tmp_path / "wanted"), limited=limited, growing=growing)

    return followed


def test_what_went_within_the_hour_counts_and_what_came_back_does_not(host, limits, follow, monkeypatch):
    for left in range(10, 4, -1):
        assert not held(compare(folder(RED, shop(left)), host), limits)
        follow(folder(RED, shop(left)))
    with pytest.raises(Refused, match="5 have gone within the hour, and 1 of 6 networks and sandboxes"):
        refuse(compare(folder(RED, shop(4)), host), limits)
    follow(folder(RED, shop(10)))
    assert not held(compare(folder(RED, shop(9)), host), limits)
    follow(folder(RED, shop(5)))
    assert held(compare(folder(RED, shop(4)), host), limits)
    now = removals.time.time()
    monkeypatch.setattr(removals.time, "time", lambda: now + removals.HOUR + 1)
    assert not held(compare(folder(RED, shop(4)), host), limits)


def test_who_goes_back_to_what_was_before_loses_nothing(host, limits, follow):
    """As a commit that renames half of the containers, and its revert."""
    follow(folder(RED, shop(10)))
    [some] = shop(5).projects
    renamed = [container(f"x{number}", "front") for number in range(5)]
    other = folder(RED, manifest(replace(some, containers=(*some.containers, *renamed))))
    assert not held(compare(other, host), limits)
    follow(other)
    assert not held(compare(folder(RED, shop(10)), host), limits)
    assert held(compare(folder(RED, shop(4)), host), limits) == {"shop"}


def test_what_a_person_takes_away_does_not_count(host, limits, follow):
    follow(folder(RED, shop(10)))
    follow(folder(RED, shop(5)), limited=False)
    assert not held(compare(folder(RED, shop(4)), host), limits)


def test_nobody_makes_a_removal_small_by_deleting_the_rest(host, limits, follow):
    follow(folder(RED, shop(10)))
    for number in range(2, 10):
        host.lose(f"namespace shop-web{number}")
    change = compare(folder(RED, shop(4)), host)
    assert "namespace shop-web9" not in change.removed and held(change, limits) == {"shop"}


def test_what_comes_while_much_is_held_makes_that_no_less(host, limits, follow):
    follow(folder(RED, shop(10)))
    new = [container(f"x{number}", "front") for number in range(9)]
    less, more = (replace(p, containers=(*p.containers, *new)) for n in (4, 10) for p in shop(n).projects)
    assert held(compare(folder(RED, manifest(less)), host), limits) == {"shop"}
    follow(folder(RED, manifest(more)), growing=False)
    assert held(compare(folder(RED, manifest(less)), host), limits) == {"shop"}
    follow(folder(RED, manifest(more)))
    assert not held(compare(folder(RED, manifest(less)), host), limits)


def test_what_others_remember_is_left(host, limits, follow):
    follow(folder(BLUE, *(small(f"p{i}") for i in range(10))))
    follow(folder(RED, shop(10)))
    assert held(compare(folder(BLUE), host), limits) and not held(compare(folder(RED, shop(9)), host), limits)


def test_a_memory_that_is_not_as_it_was_written_is_none(tmp_path):
    for text in ("", "[]", '{"a": 1}', '{"a": ["p", "x"]}', '{"a": []}', "\xff"):
        (tmp_path / "wanted").write_text(text)
        assert removals.recalled(str(tmp_path / "wanted")) == {}


def test_a_line_in_a_manifest_accepts_these_removals_and_no_others(host, limits, follow):
    follow(folder(RED, shop(10)))
    change = compare(folder(RED, shop(4)), host)
    with pytest.raises(TooMuchGoes) as caught:
        refuse(change, limits)
    assert f"`accept-removals: {caught.value.digest}`" in caught.value.hint

    def accepting(count: int) -> Manifest:
        (one,) = shop(count).projects
        return folder(RED, manifest(replace(one, accept_removals=caught.value.digest)))

    assert not held(compare(accepting(4), host), limits) and held(compare(accepting(3), host), limits)
    follow(accepting(4))
    assert not held(compare(folder(RED, shop(3)), host), limits)


# a watcher

LOST = revision(shop(1), "3")
BIG = revision(shop(6), "1")


def test_additions_and_repairs_go_on_while_removals_are_held():
    world = World(BIG)
    world.turn()
    new = project("shop", *LOST.projects[0].networks, *LOST.projects[0].containers, container("new", "front"))
    world.files = revision(manifest(new, *small("more").projects), "3")
    world.settle()
    outcome = world.turn()
    assert isinstance(outcome.error, TooMuchGoes) and outcome.change.todo and not outcome.in_sync
    everybody = ["more-a", "shop-new", *(f"shop-web{i}" for i in range(6))]
    assert world.sandboxes == everybody
    for lost in ("namespace shop-web5", "link host/br-shop-front", "namespace more-a"):
        world.host.lose(lost)
        outcome = world.turn()
        assert outcome.drift and isinstance(outcome.error, TooMuchGoes) and lost in world.host.observe()
    assert world.sandboxes == everybody and not world.turn("").change.todo


def holding_much() -> World:
    """A watcher that keeps what would go, and has brought about what came with that."""
    world = World(BIG)
    world.turn()
    new = project("shop", *LOST.projects[0].networks, *LOST.projects[0].containers, container("new", "front"))
    world.files = revision(manifest(new, *small("more").projects), "3")
    world.settle()
    world.turn()
    assert {"more-a", "shop-new"} < {*world.sandboxes}
    return world


TAKEN = (container(name, ports=(port(80, 9000),)) for name in "ab")
UNDECIDED = revision(manifest(*shop(1).projects, project("odd", *TAKEN)), "odd")


def begun_with(files: Manifest | Exception, world: World, good: Manifest) -> None:
    world.files, world.remembered = files, good
    world.repair = RepairLoop(world.repair.pipeline, world.clock)


LATE = container("late", "front", ports=(port(80, 8005),))  # of one that would go
NO_ROOM = revision(manifest(project("shop", *LOST.projects[0].networks, LATE)), "late")


@pytest.mark.parametrize("files", [BROKEN, UNDECIDED, NO_ROOM])
def test_a_watcher_that_begins_with_broken_files_takes_nothing_away(files):
    """What came beside what is held is in no revision."""
    world = holding_much()
    newest, stands = world.files, world.sandboxes
    begun_with(files, world, BIG)
    world.settle()
    world.host.lose("namespace shop-web5")
    for places in ((), ("",)):
        error = world.turn(*places).error
        assert isinstance(error, ManifestError | TooMuchGoes) and world.sandboxes == stands
    world.files = newest
    world.settle()
    assert world.sandboxes == stands
    assert isinstance(world.turn().error, TooMuchGoes) and world.sandboxes == stands


def test_what_a_watcher_that_began_so_finds_undeclared_goes_when_it_has_read_the_files():
    """Also where they say what the last good revision does."""
    world = holding_much()
    begun_with(BROKEN, world, BIG)
    world.turn()
    world.files = BIG
    world.settle()
    assert world.turn().in_sync and "shop-new" not in world.sandboxes


def test_what_somebody_else_applies_takes_nothing_away_of_what_came_beside_it():
    """While files are broken, and the last good revision is what it was."""
    world = holding_much()
    stands = world.sandboxes
    world.files, world.remembered = BROKEN, BIG
    assert world.turn().error is BROKEN and world.sandboxes == stands


def test_what_is_held_is_let_go_by_a_line_or_by_hand():
    world = World(BIG)
    world.turn()
    world.files = LOST
    world.settle()
    digest = world.turn().error.digest
    (one,) = LOST.projects
    world.files = revision(manifest(replace(one, accept_removals=digest)), "4")
    world.settle()
    assert world.turn().in_sync and world.sandboxes == ["shop-web0"]


def test_another_small_removal_goes_on_beside_it():
    world = World(revision(manifest(*shop(6).projects, *(small(f"p{i}").projects[0] for i in range(2))), "1"))
    world.turn()
    web = project("p1", NetworkSpec(name="n"), container("a", "n"), container("b", "n"))
    world.files = revision(manifest(*shop(1).projects, *small("p0").projects, web), "2")
    world.settle()
    assert world.turn().error.projects == {"shop"}
    assert world.sandboxes[:3] == ["p0-a", "p1-a", "p1-b"] and len(world.sandboxes) == 9


def test_without_a_good_revision_what_would_lose_too_much_is_left_as_it_stands():
    world = World(BIG)
    world.turn()
    again = World(revision(manifest(*shop(1).projects, *small("more").projects), "2"))
    again.host = world.host
    again.repair.pipeline = replace(again.repair.pipeline, host=world.host)
    again.settle()
    outcome = again.turn()
    assert isinstance(outcome.error, TooMuchGoes)
    assert again.sandboxes == ["more-a", *(f"shop-web{i}" for i in range(6))]


def test_what_has_no_room_beside_what_is_held_waits_with_it():
    """A new container with the port of one that would go."""
    world = World(BIG)
    world.turn()
    new = container("new", "front", ports=(port(80, 8005),))
    world.files = revision(manifest(project("shop", *LOST.projects[0].networks, new)), "3")
    world.settle()
    assert isinstance(world.turn().error, TooMuchGoes)
    world.host.lose("namespace shop-web5")
    world.turn()
    assert world.sandboxes == [f"shop-web{i}" for i in range(6)]
    assert ONE.projects


def test_all_who_lose_too_much_are_named():
    losses = [
        Loss(Party(words, frozenset()), {"namespace a": "x"}, 0, 3) for words in ("project x", "/etc/y")
    ]
    said = TooMuchGoes(losses, "0", "digest", "command").message
    assert said == (
        "1 of 3 networks and sandboxes of project x would go (likewise of /etc/y), more than --max-removals 0"
    )
    many = TooMuchGoes(losses[:1] * 12, "0", "digest", "command").message
    assert many.count("project x") == 9 and ", 3 more)" in many
