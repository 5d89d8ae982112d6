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
        watcher.until(lambda: watcher.status["error"])
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


def test_what_has_come_while_removals_are_held_stays_whatever_comes_next(lab, folder):
    """While new files settle, one is broken, or a watcher begins, an older revision holds that lacks it."""
    with watching(lab, folder) as watcher:
        (folder / "big.yaml").write_text(project("big", "a", "new"))
        watcher.until(lambda: "big-new" in lab.namespaces())
        stands = (Path("/run/netns/big-new").stat().st_ino, lab.namespaces())
        lab.write(project("more", "a"), "dir/more.yaml")
        watcher.until(lambda: "more-a" in lab.namespaces())
        (folder / "p1.yaml").write_text("name: [\n")
        watcher.until(lambda: "p1.yaml" in str(watcher.status["error"]))
        lab.run("ip netns del big-d")
        watcher.until(lambda: "big-d" in lab.namespaces())
        lab.write(project("p1", "a"), "dir/p1.yaml")
        watcher.until(lambda: "project big would go" in str(watcher.status["error"]))
    for broken, said in (("", "project big would go"), ("name: [\n", "p1.yaml")):
        (folder / "p1.yaml").write_text(broken or project("p1", "a"))
        with watching(lab, folder, sync=False) as watcher:
            watcher.until(lambda said=said: said in str(watcher.status["error"]))
            lab.run("ip netns del big-c")
            watcher.until(lambda: "big-c" in lab.namespaces())
    assert stands == (Path("/run/netns/big-new").stat().st_ino, sorted({*lab.namespaces()} - {"more-a"}))


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


def test_an_apply_with_a_limit_holds_the_removals_alone(lab, folder):
    """As the timer's unit does: nobody is there to ask."""
    limited = ("--apply", folder, "--max-removals", "50%")
    lab.succeed(lab.reconcile(*limited))
    (folder / "big.yaml").write_text(project("big", "a", "new"))
    lab.write(project("more", "a"), "dir/more.yaml")
    lab.ip("link del br-big-n\nlink del br-p1-n\n")
    lab.run("ip netns del big-d")
    assert lab.reconcile(*limited, "--strict").rc == 1 and "more-a" not in lab.namespaces()
    for _ in range(2):
        result = lab.reconcile(*limited)
        assert (
            result.rc == 3 and result.err.count("3 of 5 networks and sandboxes of project big would go") == 1
        )
        assert {"big-d", "big-new", "more-a"} <= {*lab.namespaces()}
        assert {"br-big-n", "br-p1-n"} <= {*lab.links()}
    (digest,) = set(re.findall("r[0-9a-f]{15}", result.err))
    (folder / "p3.yaml").write_text(f"{project('p3', 'a')}accept-removals: {digest}\n")
    lab.succeed(lab.reconcile(*limited))
    assert lab.namespaces()[:3] == ["big-a", "big-new", "more-a"]
    assert lab.reconcile("--plan", folder).out == "Nothing to do.\n"


def test_an_apply_with_a_limit_keeps_who_leaves_a_folder_and_tells_them_in_a_line(lab, folder):
    lab.succeed(lab.reconcile("--apply", folder))
    for file in folder.glob("[bp]*.yaml"):
        file.unlink()
    lab.write(project("more", "a"), "dir/more.yaml")
    result = lab.reconcile("--apply", folder, "--max-removals", "50%")
    assert result.rc == 3 and result.err.count("accept-removals") == 1, result
    assert "projects big, p0, p1, p2, p3 wait: " in result.err and "more-a" in lab.namespaces()
    assert lab.link("br-big-n") and "p3-a" in lab.namespaces()
    lab.run("ip netns del p3-a")
    assert lab.reconcile("--apply", folder, "--max-removals", "50%").rc == 3
    assert "p3-a" in lab.namespaces()
    lab.succeed(lab.reconcile("--apply", folder))
    assert [name for name in lab.namespaces() if not name.startswith("other")] == ["more-a"]
