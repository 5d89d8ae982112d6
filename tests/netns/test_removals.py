"""A watcher that is told to take away much: it holds that, goes on with all else, and lets go when told."""

import re
from pathlib import Path

import pytest

from tests.netns.lab import Lab
from tests.netns.watching import watching


def project(name: str, *containers: str) -> str:
    boxes = ", ".join(f"{one}: {{networks: [n]}}" for one in containers)
    return f"name: {name}\nnetworks: {{n: {{}}}}\ncontainers: {{{boxes}}}\n"


@pytest.fixture
def folder(lab: Lab) -> Path:
    """One project of four, four of one, and another folder that counts nothing."""
    elsewhere = [lab.write(project(f"other{i}", "a"), f"other/{i}.yaml").parent for i in range(5)]
    lab.succeed(lab.reconcile("--apply", elsewhere[0]))
    lab.write(project("big", "a", "b", "c", "d"), "dir/big.yaml")
    return [lab.write(project(f"p{i}", "a"), f"dir/p{i}.yaml").parent for i in range(4)][0]


def test_only_the_removals_are_held_also_after_a_restart(lab, folder):
    with watching(lab, folder) as watcher:
        (folder / "big.yaml").write_text(project("big", "a", "new"))
        lab.write(project("more", "a"), "dir/more.yaml")
        watcher.until(lambda: {"big-new", "more-a"} <= {*lab.namespaces()})
        watcher.until(lambda: "3 of 5 networks and sandboxes of project big would go" in watcher.log)
        watcher.until(lambda: not watcher.status["in_sync"])
        assert "big-d" in lab.namespaces()
        lab.ip("link del br-big-n\nlink del br-p1-n\n")
        lab.run("ip netns del big-d")
        watcher.until(lambda: {"br-big-n", "br-p1-n"} <= {*lab.links()} and "big-d" in lab.namespaces())
    with watching(lab, folder, sync=False) as watcher:
        watcher.until(lambda: "project big would go" in str(watcher.status["error"]))
        lab.run("ip netns del big-d")
        watcher.until(lambda: "big-d" in lab.namespaces())
        (digest,) = set(re.findall("r[0-9a-f]{15}", watcher.status["error"]["hint"]))
        for mode in ("--plan", "--status"):
            result = lab.reconcile(mode, folder)
            assert f"`accept-removals: {digest}`" in result.out + result.err
        (folder / "p3.yaml").write_text(f"{project('p3', 'a')}accept-removals: {digest}\n")
        watcher.until(lambda: lab.namespaces()[:3] == ["big-a", "big-new", "more-a"])
        watcher.synced()


def test_a_folder_that_is_emptied_commit_by_commit_is_held_half_way(lab, folder):
    with watching(lab, folder) as watcher:
        (folder / "big.yaml").unlink()
        watcher.until(lambda: "big-a" not in lab.namespaces())
        watcher.synced()
        for number in range(4):
            (folder / f"p{number}.yaml").unlink()
            watcher.until(lambda n=number: f"p{n}-a" not in lab.namespaces() or "would go" in watcher.log)
        assert "have gone within the hour" in watcher.log and "/run/lab/dir would go" in watcher.log
        assert [name for name in lab.namespaces() if name.startswith("p")]
        lab.succeed(lab.reconcile("--apply", "--wait", 5, folder))
        watcher.synced()
        assert lab.namespaces() == [f"other{i}-a" for i in range(5)]
