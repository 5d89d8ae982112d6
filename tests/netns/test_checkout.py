"""Half a checkout destroys nothing, wherever git keeps its lock; a filter makes each file take its time."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.netns.watching import watching

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")

SLOW = "sleep 0.3; cat"  # longer than the watcher waits for the next file
SETTINGS = ["user.name=t", "user.email=t@t", "init.defaultBranch=main", "protocol.file.allow=always"]
MANIFEST = "name: p%d\nnetworks: {n: {mtu: %d}}\ncontainers: {a: {networks: [n]}}\n"
PROJECTS = range(2)


def git(folder: Path, *words: object, slow: bool = False) -> str:
    settings = [*SETTINGS, f"filter.slow.smudge={SLOW}"] if slow else SETTINGS
    options = [word for setting in settings for word in ("-c", setting)]
    command = ["git", *options, "-C", str(folder), *map(str, words)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "HOME": "/run"}
    )
    return done.stdout.strip()


@pytest.fixture
def base(lab) -> Path:
    """A repository of two commits, which differ in every file."""
    base = lab.files / "base"
    base.mkdir(parents=True)
    git(base, "init", "-q")
    (base / ".gitattributes").write_text("*.yaml filter=slow\n")
    for mtu in (1500, 1400):
        for number in PROJECTS:
            (base / f"p{number}.yaml").write_text(MANIFEST % (number, mtu))
        git(base, "add", ".")
        git(base, "commit", "-qm", mtu)
    return base


def clone(base: Path, tree: Path) -> list[str]:
    git(base, "clone", "-q", base, tree)
    return []


def linked(base: Path, tree: Path) -> list[str]:
    git(base, "worktree", "add", "-q", "--detach", tree)
    return []


def separate(base: Path, tree: Path) -> list[str]:
    git(base, "clone", "-q", "--separate-git-dir", tree.with_name("elsewhere"), base, tree)
    return []


def submodule(base: Path, tree: Path) -> list[str]:
    git(base, "init", "-q", tree.parent)
    git(tree.parent, "submodule", "add", "-q", base, tree.name)
    return []


def bare(base: Path, tree: Path) -> list[str]:
    """As a hook of a repository that is pushed to checks out."""
    git(base, "clone", "-q", "--bare", base, tree.with_name("bare.git"))
    tree.mkdir()
    return [f"--git-dir={tree.with_name('bare.git')}", f"--work-tree={tree}"]


@pytest.mark.parametrize("layout", [clone, linked, separate, submodule, bare], ids=lambda f: f.__name__)
def test_half_a_checkout_cuts_nobody_off(lab, base, layout):
    tree = lab.files / "super/tree"
    tree.parent.mkdir()
    options = layout(base, tree)
    git(tree, *options, "checkout", "-q", "--detach", "-f", git(base, "rev-parse", "main~1"))
    with watching(lab, tree) as watcher:
        before = inodes()
        git(tree, *options, "checkout", "-q", "--detach", git(base, "rev-parse", "main"), slow=True)
        watcher.until(lambda: all(lab.link(f"br-p{number}-n")["mtu"] == 1400 for number in PROJECTS))
        watcher.synced()
        assert inodes() == before
        if layout is not bare:  # of which nothing in the tree tells
            watcher.until(lambda: watcher.log.count("applied in") == 2)
            watcher.until(
                lambda: watcher.status["checked_out"] == git(base, "rev-parse", "--short=12", "main")
            )


def inodes() -> dict[str, int]:
    return {file.name: file.stat().st_ino for file in Path("/run/netns").iterdir()}


def test_a_removal_waits_until_the_files_have_settled_and_no_longer(lab, base):
    """Whoever copies them without git; what cuts nobody off does not wait."""
    tree = lab.files / "plain"
    shutil.copytree(base, tree, ignore=shutil.ignore_patterns(".git*"))
    with watching(lab, tree) as watcher:
        before, text = inodes(), (tree / "p0.yaml").read_text()
        (tree / "p0.yaml").write_text("")
        time.sleep(0.6)
        (tree / "p0.yaml").write_text(text)
        watcher.settled()
        assert inodes() == before
        (tree / "p0.yaml").unlink()
        watcher.until(lambda: "p0-a" not in lab.namespaces(), 10)
        watcher.synced()


def test_who_has_pulled_can_wait_for_that(lab, base):
    """Also where what is new takes something away, which waits for a while."""
    tree = lab.files / "pulled"
    git(base, "clone", "-q", base, tree)
    with watching(lab, tree) as watcher:
        (base / "p0.yaml").unlink()
        git(base, "commit", "-qam", "less")
        git(tree, "pull", "-q", "--ff-only")
        head, seen = git(tree, "rev-parse", "--short=12", "HEAD"), set()

        def is_done():
            status = watcher.status
            seen.add((status["health"], status["in_sync"]))
            return status["checked_out"] == head and status["in_sync"]

        watcher.until(is_done)
        assert "p0-a" not in lab.namespaces() and lab.reconcile("--plan", tree, "--exit-code").rc == 0
        assert ("settling", False) in seen and ("settling", True) not in seen


@pytest.fixture
def locked(base):
    """Git has just begun, or has died; Linux tells which."""
    lock = base / ".git/index.lock"
    with open(lock, "w"):
        yield lock


def test_an_apply_waits_for_git(lab, base, locked):
    lab.succeed(lab.reconcile("--plan", base))
    waiting = lab.start("--apply", base)
    time.sleep(0.5)
    assert waiting.poll() is None and lab.namespaces() == []
    locked.unlink()
    waiting.communicate()
    assert waiting.returncode == 0 and len(lab.namespaces()) == len(PROJECTS)
