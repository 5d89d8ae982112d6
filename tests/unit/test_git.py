"""The commit of a work tree of somebody else, read from files that they wrote, and who writes there."""

import os
import time

import pytest

from reconciler.errors import Locked
from reconciler.safety import git
from reconciler.safety.git import commit, head, let_finish, writing
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


def plain(folder):
    return folder


def pointed_to(folder):
    """As `git init --separate-git-dir` leaves it."""
    elsewhere = folder.parent.parent / "elsewhere"
    folder.rename(elsewhere)
    folder.write_text(f"gitdir: {elsewhere}\n")
    return elsewhere


def linked(folder):
    """As `git worktree add` makes it, and with a relative path, as in a submodule."""
    (part := folder.parent.parent / "base/.git/worktrees/tree").mkdir(parents=True)
    (part / "commondir").write_text("../..\n")
    (folder / "refs").rename(part.parents[1] / "refs")
    folder.rmdir()
    folder.write_text("gitdir: ../base/.git/worktrees/tree\n")
    return part


@pytest.mark.parametrize("layout", [plain, pointed_to, linked])
def test_wherever_git_keeps_them_its_lock_and_its_commit_are_found(folder, layout):
    inside = folder.parent / "below"
    inside.mkdir()
    (folder / "refs/heads/main").write_text(HASH)
    kept = layout(folder)
    (kept / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit((str(inside),)) == HASH[:12] and git.log((str(inside),)) == str(kept / "logs/HEAD")
    assert writing([str(inside)]) == ""
    (kept / "index.lock").touch()
    assert os.path.samefile(writing([str(inside)]), kept / "index.lock")


def test_a_lock_that_nobody_has_open_counts_while_it_is_young(folder, monkeypatch):
    lock = folder / "index.lock"
    with open(lock, "w"):
        monkeypatch.setattr(git, "LEFT_BEHIND", 0.0)
        assert writing([str(folder.parent)]) == str(lock)
        with pytest.raises(Locked, match=r"git is writing to the manifests: .*index\.lock"):
            let_finish((str(folder.parent),), 0.1)
    assert writing([str(folder.parent)]) == ""
    let_finish((str(folder.parent),), 0.0)


def test_whoever_opens_a_lock_that_is_looked_at_ends_nobody(folder):
    """Linux signals who holds a lease, and a signal of this kind would end us."""
    lock = folder / "index.lock"
    lock.touch()
    if (child := os.fork()) == 0:
        while True:
            os.close(os.open(lock, os.O_RDWR))
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        writing([str(folder.parent)])
    os.kill(child, 9)
    os.waitpid(child, 0)


@pytest.mark.parametrize("kind", ["pipe", "loop", "device", "socket", "dangling"])
def test_odd_locks_are_none(folder, kind):
    odd(kind, folder / "index.lock")
    assert writing([str(folder.parent)]) == ""


@pytest.mark.parametrize(
    "text", ["gitdir: ", "gitdir: \0", "gitdir: " + "x" * 4000, "gitdir: .git", "\xff", "x"]
)
def test_a_file_that_leads_nowhere_is_no_tree(folder, text):
    folder.rename(folder.with_name("away"))
    folder.write_text(text)
    assert commit((str(folder.parent),)) == "" and writing([str(folder.parent)]) == ""
