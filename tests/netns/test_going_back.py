"""What a person went back behind stays undone, however it was spelt; what fails leaves no trace."""

import fcntl
import shutil
import time
from pathlib import Path

import pytest

from tests.netns.lab import ENVIRONMENT, Lab, Result, command
from tests.netns.samples import BROKEN, MORE, OTHER, WEB
from tests.netns.watching import until, watching

REVISIONS = Path("/var/lib/reconciler/revisions")
CONFIRM = Path("/run/reconciler/confirm.json")


@pytest.fixture
def directory(lab) -> Path:
    """A folder of two projects."""
    lab.write(WEB, "m/t.yaml")
    lab.write(OTHER, "m/o.yaml")
    return lab.files / "m"


def within(lab: Lab, folder: Path, *words: object) -> Result:
    """The command as a person in that folder types it."""
    return lab.succeed(lab.run(command(*words), cwd=folder, env=ENVIRONMENT))


def undone() -> bool:
    return '"undone"' in CONFIRM.read_text()


def kept() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in REVISIONS.iterdir()}


def refused(lab):
    return lab.reconcile("--rollback", "--max-removals", "0")


def locked_out(lab):
    with open("/run/reconciler/lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return lab.reconcile("--rollback")


def failed(lab):
    """Somebody else's bridge has the name of one that is to come back."""
    lab.run("ip link add br-t-n type bridge")
    return lab.reconcile("--rollback", "1")


@pytest.mark.parametrize("way", [refused, locked_out, failed], ids=lambda f: f.__name__)
def test_a_rollback_that_is_not_done_leaves_no_trace(lab, way):
    lab.apply(WEB)
    lab.apply(MORE if way is not failed else "{name: t}")
    before = kept()
    assert way(lab).rc not in (0, 3)
    assert kept() == before


@pytest.mark.parametrize("spelt", [".", "./t.yaml"])
def test_what_was_not_confirmed_stays_undone_and_other_projects_go_on(lab, directory, spelt):
    with watching(lab, directory) as watcher:
        watcher.settled()
        lab.reconcile("--suspend")
        lab.write(MORE, "m/t.yaml")
        within(lab, directory, "--apply", "--wait", 5, "--confirm-within", 1, spelt)
        until(undone)
        lab.reconcile("--resume")
        watcher.until(lambda: "project t is not applied: nobody confirmed it" in watcher.log)
        lab.write(OTHER + "  cache: {networks: [n]}\n", "m/o.yaml")
        watcher.until(lambda: "o-cache" in lab.namespaces())
        assert "t-cache" not in lab.namespaces() and not watcher.status["in_sync"]
        lab.run("ip netns del t-web")
        watcher.until(lambda: "t-web" in lab.namespaces())
        lab.write(MORE + "  more: {networks: [n]}\n", "m/t.yaml")
        watcher.until(lambda: "t-more" in lab.namespaces())
        watcher.synced()


def test_a_rollback_of_one_file_holds_against_who_watches_its_folder(lab, directory):
    lab.succeed(lab.reconcile("--apply", directory / "t.yaml"))
    lab.write(MORE, "m/t.yaml")
    lab.succeed(lab.reconcile("--apply", directory / "t.yaml"))
    with watching(lab, directory) as watcher:
        watcher.settled()
        within(lab, directory, "--rollback", 1, "--wait", 5)
        watcher.until(lambda: "project t is not applied: rolled back to revision 1" in watcher.log)
        watcher.settled()
        assert lab.namespaces() == ["o-db", "o-web", "t-db", "t-web"]
        lab.write("# a comment\n" + MORE, "m/renamed.yaml")
        (directory / "t.yaml").unlink()
        watcher.settled()
        assert "t-cache" not in lab.namespaces()


def test_a_project_that_a_rollback_brought_back_stays_though_the_folder_has_it_no_more(lab, directory):
    with watching(lab, directory) as watcher:
        (directory / "o.yaml").unlink()
        watcher.until(lambda: lab.namespaces() == ["t-db", "t-web"])
        watcher.settled()
        lab.succeed(lab.reconcile("--rollback", "--wait", 5))
        watcher.until(lambda: "project o is not applied: rolled back" in watcher.log)
        time.sleep(3.5)  # longer than a removal waits
        assert "o-web" in lab.namespaces()


def test_a_rollback_holds_while_the_manifests_are_broken(lab, directory):
    with watching(lab, directory) as watcher:
        lab.write(MORE, "m/t.yaml")
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.settled()
        lab.write(BROKEN + "  [", "m/t.yaml")
        watcher.until(lambda: watcher.status["error"])
        lab.succeed(lab.reconcile("--rollback", "--wait", 5))
        lab.run("ip link del br-t-n")
        watcher.until(lambda: "br-t-n" in lab.links())
        watcher.settled()
        assert "t-cache" not in lab.namespaces()


def test_after_a_restart_with_a_broken_file_what_was_applied_last_is_held(lab, directory):
    """By whom, and by what path: first by the watcher, of the folder, and back again; then a file of it."""
    with watching(lab, directory) as watcher:
        for text in (MORE, WEB):
            lab.write(text, "m/t.yaml")
            watcher.until(lambda text=text: ("t-cache" in lab.namespaces()) == (text == MORE))
            watcher.settled()
        assert len(lab.reconcile("--history").out.splitlines()) == 3
        watcher.stop()
    lab.write("name: [", "m/broken.yaml")
    with watching(lab, directory, sync=False) as watcher:
        watcher.until(lambda: watcher.status["error"])
        watcher.settled()
        assert "t-cache" not in lab.namespaces()
        watcher.stop()
    lab.succeed(lab.reconcile("--apply", lab.write(MORE, "m/t.yaml")))
    with watching(lab, directory, sync=False) as watcher:
        watcher.until(lambda: watcher.status["error"])
        lab.run("ip netns del t-cache")
        watcher.until(lambda: "t-cache" in lab.namespaces())


# the state directory


def test_a_lost_state_directory_is_told_and_undoes_no_rollback(lab, directory):
    with watching(lab, directory) as watcher:
        lab.write(MORE, "m/t.yaml")
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.settled()
        lab.succeed(lab.reconcile("--rollback", "--wait", 5))
        watcher.until(lambda: "rolled back" in watcher.log)
        shutil.rmtree("/var/lib/reconciler")
        (directory / "t.yaml").touch()
        watcher.until(lambda: "revisions were removed" in watcher.log and REVISIONS.exists())
        watcher.settled()
        assert "t-cache" not in lab.namespaces()
        assert "revisions were removed" in lab.reconcile("--status", directory).out
        watcher.stop()
    with watching(lab, directory, sync=False) as watcher:
        watcher.until(lambda: "rolled back" in watcher.log)
        lab.run("ip netns del t-web")
        watcher.until(lambda: "t-web" in lab.namespaces())
        assert "t-cache" not in lab.namespaces()


def test_one_that_is_lost_while_nobody_watches_is_told_at_the_next_start(lab, directory):
    lab.succeed(lab.reconcile("--apply", directory))
    shutil.rmtree("/var/lib/reconciler")
    with watching(lab, directory) as watcher:
        watcher.until(lambda: "has nothing of what stands" in watcher.log)


def test_one_that_takes_nothing_more_is_told_with_what_is_lost(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        lab.run("mount -t tmpfs -o ro none /var/lib/reconciler")
        lab.write(MORE, "m/t.yaml")
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.until(lambda: "can neither be gone back to" in watcher.log)
        watcher.until(lambda: "can neither be gone back to" in lab.reconcile("--status", directory).out)


def test_a_rollback_that_cannot_be_kept_is_refused_where_a_watcher_would_undo_it(lab, directory):
    with watching(lab, directory) as watcher:
        lab.write(MORE, "m/t.yaml")
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.settled()
        lab.run("mount -o remount,ro /var/lib")
        result = lab.reconcile("--rollback", "--wait", 5)
        assert result.rc == 1 and "a watcher may apply again" in result.err and "t-cache" in lab.namespaces()
        watcher.stop()
    result = lab.succeed(lab.reconcile("--rollback"))
    assert "a watcher may apply again" in result.err and "t-cache" not in lab.namespaces()
