"""What a folder is called: the same in every checkout of a repository."""

import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.manifest.repository import names, repository
from reconciler.manifest.sources import path_of, sources
from tests.odd import odd

PLACES = {
    "https://git.example.org/ops/net.git": "git.example.org/ops/net",
    "https://token:x@Git.Example.org:8443/ops/net/": "git.example.org/ops/net",
    "ssh://git@git.example.org:22/ops/net.git": "git.example.org/ops/net",
    "git@git.example.org:ops/net.git": "git.example.org/ops/net",
    "git.example.org:/ops/net": "git.example.org/ops/net",
    "ssh://git@[2001:db8::1]/ops/net": "[2001:db8::1]/ops/net",
}


def git(folder: Path, *words: str) -> None:
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    person = ("-c", "user.name=x", "-c", "user.email=x@x")
    subprocess.run(["git", "-C", folder, *person, *words], check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    (made / "hosts").mkdir(parents=True)
    (made / "hosts/a.yaml").write_text("name: a\n")
    git(made, "init")
    git(made, "add", ".")
    git(made, "commit", "-m", "x")
    return made


@pytest.mark.parametrize(("url", "name"), PLACES.items())
def test_the_place_that_it_was_cloned_from_however_that_is_written(tree, url, name):
    git(tree, "remote", "add", "backup", "https://elsewhere.example.org/x")
    git(tree, "remote", "add", "origin", url)
    assert names(str(tree)) == (name, str(tree))
    assert names(str(tree / "hosts"))[0] == f"{name}//hosts"


def test_a_clone_on_the_same_machine_is_what_it_was_cloned_from(tree, tmp_path):
    git(tmp_path, "clone", str(tree), "one")
    git(tmp_path, "clone", f"file://{tmp_path}/one", "two")
    assert repository(str(tmp_path / "two/hosts")) == str(tree / "hosts")
    git(tree, "remote", "add", "origin", "https://git.example.org/net")
    assert repository(str(tmp_path / "two/hosts")) == "git.example.org/net//hosts"


def test_clones_in_a_circle_end(tree, tmp_path):
    git(tmp_path, "clone", str(tree), "one")
    git(tree, "remote", "add", "origin", str(tmp_path / "one"))
    assert repository(str(tree)) in (str(tree), str(tmp_path / "one"))


def test_linked_work_trees_are_the_first_one(tree, tmp_path):
    git(tree, "worktree", "add", "--detach", str(tmp_path / "linked"))
    assert names(str(tmp_path / "linked/hosts"))[0] == str(tree / "hosts")


def test_a_separate_git_dir_is_followed(tree, tmp_path):
    git(tree, "remote", "add", "origin", "https://git.example.org/net")
    git(tree, "init", f"--separate-git-dir={tmp_path}/apart")
    assert repository(str(tree)) == "git.example.org/net"


def test_outside_of_git_it_is_its_path(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    assert names(str(tmp_path / "link")) == (str(tmp_path / "link"), str(tmp_path / "there"))


@pytest.mark.parametrize("text", [b"gitdir: /dev/zero", b"\xff\xfe", b"gitdir: \0", b"", b"gitdir: ."])
def test_whatever_stands_there_for_git_is_none(tmp_path, text):
    (tmp_path / ".git").write_bytes(text)
    assert names(str(tmp_path))[-1] == str(tmp_path)


@pytest.mark.parametrize("name", ["missing", "pipe", "device", "too large"])
def test_settings_that_are_no_file_are_none(tree, name):
    (tree / ".git/config").unlink()
    odd(name, tree / ".git/config")
    assert names(str(tree)) == (str(tree),)


def test_a_project_is_of_the_nearest_folder_whatever_the_order(tmp_path):
    whole = [str(tmp_path), str(tmp_path / "a")]
    files = [str(tmp_path / "a/x.yaml"), str(tmp_path / "y.yaml")]
    for order in (1, -1):
        assert path_of(files[::order], whole[::order]) == str(tmp_path / "a")
    assert path_of(["/b/y.yaml", "/a/x.yaml"], []) == "/a"


def test_a_file_is_of_its_folder_which_it_says_nothing_of(tmp_path):
    (tmp_path / "x.yaml").touch()
    (one,) = sources([str(tmp_path / "x.yaml")])
    assert (one.path, one.whole) == (str(tmp_path), False)
    (one,) = sources(["-"])
    assert one.names == ("standard input",) and not one.portable
