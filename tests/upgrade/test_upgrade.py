"""What earlier versions kept on disk, read by this one: it is used, or told of in one sentence, and never a
traceback.

A folder holds what one version writes of shop.yaml; a release adds its own: `tests/upgrade/write VERSION`.
0.1.0 is commit 0fde35c, 0.1.0-b096cc7 an earlier one whose revisions have fewer fields.
"""

import json
import shutil
from pathlib import Path

import pytest

from reconciler.cli import arguments
from reconciler.daemon.status import in_words
from reconciler.drivers import DRIVERS
from reconciler.errors import ManifestErrors, ReconcileError
from reconciler.manifest.store import cache, lockfile
from reconciler.pipeline import load
from reconciler.safety.revision import FORMAT
from reconciler.safety.revisions import Revisions

HERE = Path(__file__).parent
VERSIONS = sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name[0].isdigit())
WHOLE = [name for name in VERSIONS if (HERE / name / "saved.json").exists()]
UNNUMBERED = [name for name in VERSIONS if name.startswith("0.1.0")]  # formats, in revisions
EARLIER = "cannot be read: an earlier version of reconcile wrote it"


@pytest.fixture
def state(tmp_path, request) -> Path:
    shutil.copytree(HERE / request.param / "revisions", tmp_path / "revisions")
    return tmp_path


def said(capsys, *words: object) -> tuple[int, str]:
    rc = arguments.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return rc, out + err


@pytest.mark.parametrize("state", VERSIONS, indirect=True)
def test_every_revision_is_listed_and_its_manifest_read_or_told_of(state, capsys):
    past = Revisions(str(state))
    rc, text = said(capsys, "--history", "--state-dir", state)
    assert rc == 0 and len(text.splitlines()) == len(past.numbers()) == len(list(past)) > 0
    for one in past:
        if one.format == FORMAT:
            assert one.manifest.projects[0].name == "shop"
        else:
            with pytest.raises(ReconcileError, match=EARLIER):
                _ = one.manifest


@pytest.mark.parametrize("state", UNNUMBERED, indirect=True)
def test_going_back_behind_the_upgrade_is_one_sentence(state, capsys):
    """It was an IndexError across two commits of 0.1.0."""
    rc, text = said(capsys, "--rollback", "1", "--state-dir", state)
    assert rc == 1 and text == f"error: revision 1 {EARLIER}\n  hint: apply its manifests\n"


@pytest.mark.parametrize("state", UNNUMBERED, indirect=True)
def test_what_is_applied_again_after_the_upgrade_is_a_revision_of_its_own(state):
    past = Revisions(str(state))
    newest = next(iter(past))
    with pytest.raises(ReconcileError, match=EARLIER):
        past.last(newest.paths)
    manifest = load([HERE / "shop.yaml"], environ={})
    object.__setattr__(manifest, "digest", newest.digest)
    past.record(manifest, newest.paths, newest.commit, "again")
    assert past.last(newest.paths) == manifest and past.find(0).number == newest.number + 1


@pytest.mark.parametrize("version", WHOLE)
def test_a_saved_state_is_compared_with_or_told_of(version, tmp_path, capsys):
    file = HERE / version / "saved.json"
    for source in (HERE / "shop.yaml", HERE / version / "addresses.lock"):
        shutil.copy(source, tmp_path)
    rc, text = said(capsys, "--plan", "--host", "h1", "--against", file, tmp_path)
    if rc == 64:
        assert text.count("\n") == 2 and f"error: {file} is of " in text and "and this is " in text
    else:
        assert rc == 0


@pytest.mark.parametrize("version", WHOLE)
def test_the_cache_of_another_version_is_not_used(version, tmp_path, monkeypatch):
    """It stands where this version looks."""
    (entry,) = (HERE / version / "manifests").iterdir()
    (tmp_path / "shop.yaml").write_text((HERE / "shop.yaml").read_text())
    asked = cache.Asked((str(tmp_path),), None, {}, DRIVERS)
    kept = tmp_path / "kept"
    kept.mkdir()
    shutil.copy(entry, asked.entry(str(kept)))
    assert cache.remembered(str(kept), asked) is None
    assert load([tmp_path], environ={}, folder=str(kept)) == cache.remembered(str(kept), asked)


@pytest.mark.parametrize("version", WHOLE)
def test_a_lock_is_read(version, tmp_path, capsys):
    shutil.copy(HERE / version / "addresses.lock", tmp_path)
    shutil.copy(HERE / "shop.yaml", tmp_path)
    rc, text = said(capsys, "--lock", "--check", tmp_path)
    assert rc == 0 and "as it should be" in text


@pytest.mark.parametrize("number", ["2", "10", "two", "9" * 5000], ids=lambda number: number[:3])
def test_a_lock_of_a_later_version_is_one_mistake(tmp_path, number):
    text = (HERE / "0.1.0" / "addresses.lock").read_text()
    (tmp_path / "addresses.lock").write_text(f"# format {number}\n@new = {{way}}\n{text}")
    shutil.copy(HERE / "shop.yaml", tmp_path)
    with pytest.raises(ManifestErrors) as caught:
        load([tmp_path], environ={})
    (error,) = caught.value.errors
    assert error.message == f"addresses.lock is of format {number}, and this version of reconcile reads 1"
    assert (error.where.line, error.where.column) == (1, 1)


def test_an_earlier_version_passes_over_the_line_that_says_the_format():
    """As 0.1.0 reads it: lines with a `#` are none."""
    rows = [line for line in lockfile.text({("n", "@vni"): ("9",)}).splitlines() if not line.startswith("#")]
    assert rows == ["n @vni 9"]


@pytest.mark.parametrize("version", WHOLE)
def test_what_a_watcher_of_another_version_tells_is_shown(version):
    words = in_words(json.loads((HERE / version / "status.json").read_text()))
    assert words.startswith(("watching /run/m", "a watcher runs; "))
