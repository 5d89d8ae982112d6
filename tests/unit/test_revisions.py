"""The state directory as somebody may have left it: what is no revision is left out, and the rest goes on."""

import json
import random
import shutil
from contextlib import suppress
from dataclasses import replace

import pytest

from reconciler.cli import arguments
from reconciler.errors import ReconcileError, UsageError
from reconciler.manifest.parts import sayings, with_older
from reconciler.pipeline import load
from reconciler.safety.rejections import going_back, held_back, let_go, pardon, rejecting
from reconciler.safety.revision import sealed
from reconciler.safety.revisions import Revisions, rejection
from tests.odd import ODD, odd
from tests.unit.worlds import container, manifest, project, shop

PATHS = ("/m",)
BLOG, NEWS = (project(name, container("a")) for name in ("blog", "news"))


@pytest.fixture
def past(tmp_path):
    past = Revisions(str(tmp_path))
    for number in (1, 2):
        past.record(replace(shop(number), digest=str(number)), PATHS, "c", "s")
    return past


def looked_at(past):
    """All that is ever asked of it."""
    for revision in past:
        try:
            assert revision.manifest.projects
        except ReconcileError as error:
            assert "cannot be read" in str(error)
    past.last(PATHS)
    past.rejections.get("2")
    assert arguments.main(["--history", "--state-dir", str(past.folder.parent)]) == 0
    assert arguments.main(["--history", "-o", "json", "--state-dir", str(past.folder.parent)]) == 0


def test_it_keeps_and_finds(past):
    assert [r.number for r in past] == [2, 1]
    assert past.last(PATHS).digest == "2" and past.find(-1).manifest.digest == "1"
    past.reject(["2"], "why")
    assert past.rejections == {"2": "why"} and past.last(PATHS).digest == "1"
    past.pardon(["2"])
    assert past.rejections == {}


def test_back_again_is_a_revision_of_its_own_and_another_commit_of_the_same_is_none(past):
    past.record(replace(shop(1), digest="1"), PATHS, "d", "s")
    past.record(replace(shop(1), digest="1"), PATHS, "e", "s")
    assert [(r.number, r.commit) for r in past] == [(3, "e"), (2, "c"), (1, "c")]
    assert past.last(PATHS).digest == "1"


def test_the_one_before_is_of_the_same_paths_and_says_something_else(past):
    past.record(replace(shop(2), digest="with a comment"), PATHS, "c", "s")
    past.record(replace(manifest(BLOG), digest="3"), ("/other",), "c", "s")
    with pytest.raises(UsageError, match="no revision before"):
        past.find(-1)
    past.record(replace(shop(2), digest="2"), PATHS, "c", "s")
    assert past.find(-1).number == 1 and past.find(0).number == 5


def test_each_project_is_had_from_whoever_applied_it_last(past):
    """Of a folder, and of files in it; a file that is of another folder brings nothing along."""
    past.record(replace(manifest(BLOG, *shop(1).projects), digest="3", root="/m"), PATHS, "c", "s")
    past.record(replace(manifest(*shop(4).projects), digest="4"), ("/m/shop.yaml",), "c", "s")
    past.record(replace(manifest(NEWS), digest="5"), ("/n/news.yaml",), "c", "s")
    assert past.last(PATHS).projects == (BLOG, *shop(4).projects) and past.last(PATHS).root == "/m"
    past.reject([rejection("shop", sayings(shop(4))["shop"])], "why")
    assert past.last(PATHS).projects == (BLOG, *shop(1).projects)
    assert past.last(("/n",)) is None and past.last(("/n",), ["news"]).projects == (NEWS,)
    assert past.last(("/n",), ["news", "nobody"]) is None


def test_the_same_by_another_spelling_is_of_the_same_paths(past, tmp_path):
    (tmp_path / "link").symlink_to("/m")
    assert past.last((str(tmp_path / "link"),)).digest == "2"


def folder(*projects, **more):
    return replace(manifest(*projects), digest="new", root="/m", **more)


def test_what_was_gone_back_behind_is_held_back_and_the_rest_is_not(past):
    shops = [shop(number).projects[0] for number in range(5)]
    past.record(folder(shops[1], BLOG), PATHS, "c", "s")
    past.record(folder(shops[3], NEWS), PATHS, "c", "s")
    wanted = past.find(3)
    with going_back(wanted, past, raised):
        pass
    past.record(wanted.manifest, PATHS, "c", "s")
    held = held_back(folder(shops[3], NEWS), past, PATHS)
    assert "project shop is not applied: rolled back to revision 3" in held.message
    assert held.instead.projects == (BLOG, shops[1])
    assert held_back(folder(shops[4], NEWS), past, PATHS).instead.projects == (BLOG, shops[4])
    assert held_back(folder(shops[4], BLOG), past, PATHS) is None
    assert held_back(replace(manifest(BLOG), partial=True), past, PATHS) is None
    let_go(folder(shops[4], BLOG), past)  # the manifests have changed, and that stands
    assert held_back(folder(shops[3], BLOG), past, PATHS) is None
    pardon(folder(NEWS), past)
    assert past.rejections == {}


def raised(error):
    raise error


def test_going_back_that_fails_rejects_nothing(past):
    past.reject(["x"], "why")
    with pytest.raises(KeyError), going_back(past.find(-1), past, raised):
        assert len(past.rejections) == 2
        raise KeyError
    assert past.rejections == {"x": "why"}


def test_what_nobody_has_applied_before_is_left_out_or_holds_up_all(past):
    """Of folders of which nothing is known, what is not named may stand all the same."""
    past.record(folder(BLOG), PATHS, "c", "s")
    new = folder(BLOG, NEWS)
    rejecting(new, past, PATHS, "why")()
    assert held_back(new, past, PATHS).instead.projects == (BLOG,)
    assert held_back(new, past, ("/elsewhere",)).instead is None


def test_removed_revisions_are_noticed_and_what_was_rejected_is_not_forgotten(past):
    past.reject(["x"], "why")
    assert not past.is_lost and past.rejections
    shutil.rmtree(past.folder)
    assert past.is_lost and past.rejections == {"x": "why"}
    past.record(shop(1), PATHS, "", "")
    assert past.is_lost
    past.begin_anew()
    assert not past.is_lost and Revisions(str(past.folder.parent)).rejections == {"x": "why"}


def test_places_comments_and_what_is_so_anyhow_say_nothing():
    one, two = (sayings(read(f"{text}name: t\nnetworks: {{n: {more}}}\n")) for text, more in WORDS)
    assert one == two != sayings(read("name: t\nnetworks: {n: {internal: true}}\n"))


WORDS = [("", "{}"), ("# a comment\n", "{internal: false}")]


def read(text):
    return load(["-"], stdin=text)


LOCK = "t_n @subnet 10.1.0.0/24\nu_n @subnet 10.2.0.0/24\n"


def test_the_lock_is_part_of_what_a_project_says():
    text = "name: {}\nnetworks: {{n: {{}}}}\n"
    t, u = (read(text.format(name)).projects[0] for name in "tu")
    one = replace(manifest(t, u), lock=LOCK, digest="1")
    two = replace(one, lock=LOCK.replace("10.1", "10.3"), digest="2")
    assert sayings(one)["u"] == sayings(two)["u"] and sayings(one)["t"] != sayings(two)["t"]
    mixed = with_older(replace(two, projects=(u,)), one, ["t"])
    assert mixed.projects == (t, u) and sayings(mixed) == sayings(one) and mixed.digest not in ("1", "2")


SHAPES = [
    "null",
    "5",
    '"x"',
    "[]",
    "[5]",
    "[[[],1]]",
    '[["a"]]',
    '{"2": 5}',
    '{"2": {}}',
    "NaN",
    "[" * 99_999,
]
META = {"digest": "2", "at": 1.0, "commit": "", "paths": ["/m"], "summary": "", "format": 1, "seal": ""}
STRANGE = [None, [], {}, "x", -1, 1e300, 10**400, float("nan"), float("inf"), True, [5], [[]], "\ud800"]


@pytest.mark.parametrize("text", SHAPES)
def test_rejections_of_another_shape_reject_nothing(past, text):
    (past.folder / "rejected").write_text(text)
    looked_at(past)
    assert past.last(PATHS).digest == "2"
    past.reject(["2"], "why")
    assert past.rejections == {"2": "why"}


@pytest.mark.parametrize("text", SHAPES)
def test_a_revision_of_another_shape_is_none(past, text):
    (past.folder / "2.meta").write_text(text)
    looked_at(past)
    assert [r.number for r in past] == [1]
    past.record(replace(shop(3), digest="3"), PATHS, "c", "s")
    assert past.last(PATHS).digest == "3"


@pytest.mark.parametrize("name", META)
def test_every_part_of_what_is_told_may_be_strange(past, name):
    for value in STRANGE:
        (past.folder / "2.meta").write_text(json.dumps({**META, name: value}))
        looked_at(past)


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["1.meta", "2.json", "rejected", "²3.meta", "99999999999999999999.meta"])
def test_whatever_stands_there_is_no_reason_to_stop(past, name, kind):
    (past.folder / name).unlink(missing_ok=True)
    odd(kind, past.folder / name)
    looked_at(past)
    assert past.last(PATHS).digest == ("1" if name == "2.json" else "2")


def test_a_manifest_that_is_not_as_it_was_written_is_not_applied(past):
    file = past.folder / "2.json"
    file.write_bytes(file.read_bytes().replace(b"shop", b"shoq"))
    assert past.last(PATHS).digest == "1"
    with pytest.raises(ReconcileError, match="revision 2 cannot be read"):
        _ = past.find(2).manifest


def test_any_bytes(past):
    luck = random.Random(9)
    for name in ("2.meta", "2.json", "rejected"):
        (past.folder / "rejected").write_text('{"1": "why"}')
        whole = (past.folder / name).read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(luck.randint(1, 3)):
                at = luck.randrange(len(data) or 1)
                data[at : at + luck.choice([0, 1, 9])] = luck.choice(
                    [b"", b"\0", b"[", b'"', b"9" * 20, b"{}"]
                )
            (past.folder / name).write_bytes(data)
            for revision in past:
                try:
                    _ = revision.manifest
                except ReconcileError:
                    continue
            with suppress(ReconcileError):  # the other one is rejected
                past.last(PATHS)
        (past.folder / name).write_bytes(whole)


def test_a_state_directory_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    past = Revisions(str(tmp_path / "file"))
    assert list(past) == [] and past.last(PATHS) is None and past.rejections == {}
    with pytest.raises(ReconcileError, match="cannot be written"):
        past.record(shop(1), PATHS, "", "")


def test_what_a_later_version_wrote_is_told(past):
    file = past.folder / "2.meta"
    whole = json.loads(file.read_bytes())
    file.write_text(json.dumps({**whole, "format": 9, "colour": "red"}))
    looked_at(past)
    with pytest.raises(ReconcileError, match="revision 2 cannot be read: a later version"):
        _ = past.find(2).manifest
    told = json.loads((past.folder / "2.json").read_bytes())
    told["shape"]["Manifest"].append("colour")
    data = json.dumps(told).encode()
    (past.folder / "2.json").write_bytes(data)
    file.write_text(json.dumps({**whole, "seal": sealed(data)}))
    with pytest.raises(ReconcileError, match="a later version of reconcile wrote it, which knows `colour`"):
        _ = past.find(2).manifest


def test_the_last_good_revision_is_one_that_can_be_read_or_it_is_told_why_there_is_none(past):
    (past.folder / "2.json").unlink()
    assert past.last(PATHS).digest == "1" and past.last(("/other",)) is None
    (past.folder / "1.json").unlink()
    with pytest.raises(ReconcileError, match="revision 2 cannot be read"):
        past.last(PATHS)
