"""Watched files by the kernel's own events: what each trick with a directory must not hide."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from reconciler.cli.options import Options
from reconciler.cli.watch import fallen_threads
from reconciler.daemon import files as watched_files
from reconciler.daemon.files import Files, signature, way
from reconciler.daemon.service import FALLEN
from reconciler.daemon.triggers import Triggers
from reconciler.kernel.netlink import events
from reconciler.kernel.netlink.events import EVENT, Events


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc/manifests").mkdir(parents=True)
    (tmp_path / "etc/manifests/a.yaml").write_text("a: 1")
    return tmp_path / "etc/manifests"


class Watched:
    def __init__(self, *paths: Path):
        self.triggers = Triggers()
        self.files = Files(self.triggers, [str(p) for p in paths])
        self.files.arm()

    def fired(self, timeout: float = 5.0) -> bool:
        """As the watcher does: look, and arm again."""
        found = bool(self.triggers.wait(timeout))
        self.files.arm()
        return found

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.files.close()


def in_place(root: Path) -> None:
    (root / "a.yaml").write_text("a: 2")


def atomic_rename(root: Path) -> None:
    (root / ".tmp").write_text("a: 2")
    (root / ".tmp").rename(root / "a.yaml")


def moved_in(root: Path) -> None:
    (root.parent / "elsewhere.yaml").write_text("b: 1")
    (root.parent / "elsewhere.yaml").rename(root / "b.yaml")


def deleted(root: Path) -> None:
    (root / "a.yaml").unlink()


def nested(root: Path) -> None:
    (root / "x/y/z").mkdir(parents=True)
    (root / "x/y/z/c.yaml").write_text("c: 1")


def renamed_away_and_replaced(root: Path) -> None:
    root.rename(root.parent / "old")
    root.mkdir()
    (root / "a.yaml").write_text("a: 2")


def deleted_and_made_anew(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()
    (root / "a.yaml").write_text("a: 2")


def parent_replaced(root: Path) -> None:
    root.parent.rename(root.parent.parent / "old")
    root.mkdir(parents=True)
    (root / "a.yaml").write_text("a: 2")


CASES = [
    in_place,
    atomic_rename,
    moved_in,
    deleted,
    nested,
    renamed_away_and_replaced,
    deleted_and_made_anew,
    parent_replaced,
]


@pytest.mark.parametrize("change", CASES, ids=lambda f: f.__name__)
def test_a_change_fires_and_so_does_the_next(root, change):
    with Watched(root) as watched:
        change(root)
        assert watched.fired()
        while watched.fired(0.3):
            pass
        (root / "next.yaml").write_text("n: 1")
        assert watched.fired()


def test_a_symlinked_root_that_is_swapped(root, tmp_path):
    other, link = tmp_path / "v2", tmp_path / "current"
    other.mkdir()
    link.symlink_to(root)
    with Watched(link) as watched:
        (tmp_path / "new").symlink_to(other)
        (tmp_path / "new").rename(link)
        assert watched.fired()
        (other / "b.yaml").write_text("b: 1")
        assert watched.fired()


def test_a_config_map(tmp_path):
    """a.yaml -> ..data/a.yaml, ..data -> ..v1: what Kubernetes swaps is `..data`."""
    volume = tmp_path / "volume"
    for version in ("..v1", "..v2"):
        (volume / version).mkdir(parents=True)
        (volume / version / "a.yaml").write_text(version)
    (volume / "..data").symlink_to("..v1")
    (volume / "a.yaml").symlink_to("..data/a.yaml")
    with Watched(volume) as watched:
        before = signature([str(volume)])
        (volume / "..new").symlink_to("..v2")
        (volume / "..new").rename(volume / "..data")
        assert watched.fired()
        assert signature([str(volume)]) != before
        shutil.rmtree(volume / "..v1")
        while watched.fired(0.3):
            pass
        (volume / "..v2/a.yaml").write_text("again")
        assert watched.fired()


def test_a_file_that_is_a_link_to_elsewhere(root, tmp_path):
    target = tmp_path / "far/b.yaml"
    target.parent.mkdir()
    target.write_text("b: 1")
    (root / "b.yaml").symlink_to(target)
    with Watched(root) as watched:
        target.write_text("b: 2")
        assert watched.fired()


def test_a_path_that_is_not_there_yet(tmp_path):
    with Watched(tmp_path / "later/manifests") as watched:
        (tmp_path / "later/manifests").mkdir(parents=True)
        assert watched.fired()
        while watched.fired(0.3):
            pass
        (tmp_path / "later/manifests/a.yaml").write_text("a: 1")
        assert watched.fired()


def test_reading_and_neighbours_and_git_itself_fire_nothing(root):
    (root / ".git").mkdir()
    (root.parent / "unrelated").write_text("")
    with Watched(root) as watched:
        (root / "a.yaml").read_text()
        os.listdir(root)
        (root.parent / "unrelated").write_text("x")
        (root / ".git/index").write_text("x")
        assert not watched.fired(0.5)


def test_links_in_a_ring_end(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert len(list(way(str(tmp_path / "a")))) < 100
    with Watched(tmp_path / "a"):
        pass


def test_limits_of_inotify_are_told(root, monkeypatch):
    monkeypatch.setattr(watched_files, "watched_inodes", lambda: 0)
    with Watched(root) as watched:
        assert "max_user_watches" in watched.files.polling


@pytest.mark.parametrize(
    "lacking", [OSError(24, "inotify instance limit reached"), RuntimeError("can't start new thread")]
)
def test_what_no_file_can_be_watched_without_is_told(root, monkeypatch, lacking):
    def none(*_, **__):
        raise lacking

    monkeypatch.setattr(watched_files, "Observer", none)
    with Watched(root) as watched:
        assert "inotify" in watched.files.polling and not watched.files.arm()
        monkeypatch.undo()
        monkeypatch.setattr(watched_files, "RETRY", 0.0)
        watched.files._again = 0.0
        assert watched.files.arm() and not watched.files.polling
        in_place(root)
        assert watched.fired()


def test_descriptors_and_threads_do_not_grow(root):
    with Watched(root) as watched:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            renamed_away_and_replaced(root)
            shutil.rmtree(root.parent / "old")
            watched.fired(0.5)
        assert len(os.listdir("/proc/self/fd")) <= before


def test_the_signature_tells_what_changed(root):
    before = signature([str(root)])
    assert signature([str(root)]) == before
    (root / "a.yaml").write_text("a: 1")
    assert signature([str(root)]) != before


# threads


class Once:
    """Triggers that break with the first one of a kind."""

    def __init__(self, triggers: Triggers, kind: str):
        self.triggers, self.kind = triggers, kind

    def fire(self, kind: str, place: str | None = None, words: str = "") -> None:
        if kind == self.kind:
            self.kind = ""
            raise TypeError("as the test asks")
        self.triggers.fire(kind, place, words)


def fell(triggers: Triggers) -> str:
    return next(trigger.words for trigger in triggers.wait(5) if trigger.kind == FALLEN)


def test_a_thread_for_files_that_falls_is_told_and_replaced(root):
    with Watched(root) as watched, fallen_threads(Options(), watched.triggers.fire):
        watched.files.triggers = Once(watched.triggers, "file")
        in_place(root)
        assert "unforeseen TypeError: as the test asks" in fell(watched.triggers)
        watched.files.forget()
        assert watched.files.arm()
        in_place(root)
        assert watched.fired()


def test_a_thread_for_events_of_the_kernel_that_falls_is_told_and_replaced(lab):
    triggers = Triggers()
    with fallen_threads(Options(), triggers.fire), Events(Once(triggers, EVENT).fire) as heard:
        descriptors = len(os.listdir("/proc/self/fd"))
        lab.ip("link add one type bridge")
        assert "events: unforeseen TypeError" in fell(triggers) and not heard.alive
        heard.revive()
        lab.ip("link add two type bridge")
        assert any(trigger.kind == EVENT for trigger in triggers.wait(5))
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_message_that_nobody_can_read_is_one_trigger(lab, monkeypatch):
    monkeypatch.setattr(events, "ours", lambda message: message.body[1 << 20])
    triggers = Triggers()
    with Events(triggers.fire) as heard:
        lab.ip("link add one type bridge")
        assert any(
            "unforeseen IndexError" in trigger.words and trigger.place is None for trigger in triggers.wait(5)
        )
        assert heard.alive


def test_a_link_to_the_whole_file_system_is_not_followed(root):
    (root / "everything").symlink_to("/")
    began = time.monotonic()
    with Watched(root):
        assert signature([str(root)]) and time.monotonic() - began < 5


def test_directories_deeper_than_python_calls(root):
    here = os.open(root, os.O_RDONLY)
    for _ in range(1050):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert signature([str(root)])
    with Watched(root):
        pass
    subprocess.run(["rm", "-r", root / "d"], check=True)  # which shutil cannot
