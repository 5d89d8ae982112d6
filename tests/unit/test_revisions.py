"""The state directory as somebody may have left it: what is no revision is left out, and the rest goes on."""

import json
import random
from contextlib import suppress
from dataclasses import replace

import pytest

from reconciler.cli import arguments
from reconciler.errors import ReconcileError
from reconciler.safety.revisions import Revisions, sealed
from tests.odd import ODD, odd
from tests.unit.worlds import shop

PATHS = ("/m",)


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
    past.reject("2", "why")
    assert past.rejections == {"2": "why"} and past.last(PATHS).digest == "1"
    past.pardon("2")
    assert past.rejections == {}


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
    past.reject("2", "why")
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
