"""The commit of a work tree that somebody else owns: read from files that they wrote."""

import os

import pytest

from reconciler.safety.git import commit, head
from tests.odd import odd

HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "tree/.git"
    (made / "refs/heads").mkdir(parents=True)
    (tmp_path / "secret").write_text("root:x:0:0\n")
    (tmp_path / "hash").write_text(HASH + "\n")
    return made


def test_a_branch_a_packed_branch_and_a_detached_head(folder):
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "packed-refs").write_text(f"# pack-refs\n{HASH} refs/heads/main\n^{HASH}\n")
    assert head(folder) == HASH
    (folder / "refs/heads/main").write_text("f" * 40)
    assert head(folder) == "f" * 40
    (folder / "HEAD").write_text(HASH)
    assert head(folder) == HASH


@pytest.mark.parametrize(
    "text",
    [
        "ref: ../../secret",
        "ref: refs/../../../secret",
        "ref: refs/heads/../../../../hash",
        "ref: /etc/hostname",
        "ref: refs/heads/\0",
        "ref: refs/heads/nowhere",
        "ref: refs/heads",
        "ref: " + "refs/heads/" + "a" * 5000,
        "ref: HEAD",
        "../../hash",
        HASH[:-1] + "g",
        "",
    ],
)
def test_what_leads_out_of_the_folder_or_to_no_commit_is_none(folder, text):
    (folder / "HEAD").write_text(text)
    assert head(folder) == ""


@pytest.mark.parametrize("name", ["HEAD", "refs/heads/main", "packed-refs"])
@pytest.mark.parametrize("kind", ["directory", "pipe", "socket", "loop", "dangling", "device", "too large"])
def test_odd_files_hold_nothing_up(folder, name, kind):
    if name != "HEAD":
        (folder / "HEAD").write_text("ref: refs/heads/main")
    odd(kind, folder / name)
    assert head(folder) == ""


def test_a_link_to_a_file_that_we_alone_may_read_tells_nothing(folder):
    (folder / "HEAD").symlink_to("../../secret")
    assert head(folder) == ""


@pytest.mark.parametrize("kind", ["pipe", "loop", "device", "socket", "dangling"])
def test_a_git_folder_that_is_none(tmp_path, kind):
    odd(kind, tmp_path / ".git")
    (tmp_path / "t.yaml").touch()
    assert commit((str(tmp_path / "t.yaml"),)) == ""
    assert commit(()) == "" and commit((os.sep,)) == ""
