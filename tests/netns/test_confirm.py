"""An apply that nobody confirms is undone, whatever dies meanwhile."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from reconciler.cli.arguments import parse
from reconciler.cli.session import comparison, machine
from reconciler.errors import Refused
from reconciler.kernel.lock import is_held, lock
from reconciler.safety.commit_confirm import HOLDING, ask, hold, refuse_meanwhile
from tests.netns.lab import ENVIRONMENT, command
from tests.netns.samples import BROKEN, MORE, OTHER, WEB
from tests.netns.watching import until, watching

STATE = Path("/run/reconciler/confirm.json")


def state() -> str:
    return json.loads(STATE.read_text())["state"]


def test_confirmed_it_stays(lab):
    lab.apply(WEB)
    assert "unless" in lab.apply(MORE, "--confirm-within", 30).err
    assert "NOT CONFIRMED" in lab.reconcile("--status", lab.files / "t.yaml").out
    lab.succeed(lab.reconcile("--confirm"))
    until(lambda: state() == "confirmed")
    until(lambda: not is_held(HOLDING))  # nobody is left who could undo it
    assert lab.planned(MORE) == []
    assert lab.reconcile("--history", "-o", "json").json["revisions"][0]["number"] == 2


def test_unconfirmed_it_is_undone_and_the_outcome_is_told(lab):
    lab.apply(WEB)
    assert "container created" in lab.apply(MORE, "--confirm-within", 1).out
    until(lambda: state() == "undone")
    assert lab.planned(WEB) == []
    assert lab.namespaces() == ["t-db", "t-web"]
    result = lab.reconcile("--confirm")
    assert result.rc == 1 and "undone" in result.err
    assert len(lab.reconcile("--history").out.splitlines()) == 1


def test_what_the_undo_would_take_along_is_refused(lab):
    """Other projects are nobody's business but their own."""
    lab.apply(WEB)
    lab.apply(MORE, "--confirm-within", 30)
    for words in (["--apply", lab.write(WEB)], ["--destroy", "--project", "t"], ["--rollback", "1"]):
        result = lab.reconcile(*words)
        assert result.rc == 1 and "waits for confirmation" in result.err, result
    assert "t-cache" in lab.namespaces()
    lab.apply(OTHER)
    lab.succeed(lab.reconcile("--confirm"))
    lab.apply(WEB)


def test_so_is_what_comes_when_the_time_is_over_and_the_undo_waits_for_the_lock(lab):
    lab.apply(WEB)
    options = parse(["--apply", str(lab.write(MORE)), "-q"])
    host = machine(options)
    with lock():
        change = comparison(options, host)
        hold(change, 1.0, host, (list, list))
        until(lambda: ask(b"") is None)
        with pytest.raises(Refused, match="project t waits for confirmation"):
            refuse_meanwhile(change)
    until(lambda: state() == "undone")
    lab.apply(MORE, "--wait", 5)


def test_the_first_apply_of_all_is_undone_to_nothing(lab):
    lab.apply(WEB, "--confirm-within", 1)
    until(lambda: state() == "undone")
    assert lab.namespaces() == [] and "br-t-n" not in lab.links() and "reconciler" not in lab.rules()


def test_what_others_did_meanwhile_stays(lab):
    lab.apply(WEB, "--confirm-within", 3)
    lab.apply(OTHER, "--wait", 20)
    until(lambda: state() == "undone")
    assert lab.namespaces() == ["o-db", "o-web"]
    assert lab.planned(OTHER) == []
    lab.serve("o-web", 80)
    assert lab.ask("R", "198.51.100.1", 8081)


def test_it_is_undone_when_session_and_applier_die(lab):
    """As when the terminal hangs up and the whole session is killed, in the middle of the apply even."""
    lab.apply(WEB)
    many = "".join(f"  c{n}: {{networks: [n]}}\n" for n in range(40))
    words = command("--apply", "--confirm-within", 1, lab.write(WEB + many))
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(words, env=ENVIRONMENT, start_new_session=True, **quiet)
    until(lambda: "t-c0" in lab.namespaces())
    os.killpg(process.pid, signal.SIGHUP)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: state() == "undone")
    assert lab.planned(WEB) == []


def test_what_the_applier_left_half_made_is_undone_too(lab):
    """The files of a sandbox stand before its name does."""
    lab.apply(WEB)
    lab.apply(MORE, "--confirm-within", 2)
    lab.run("umount /run/netns/t-cache")
    until(lambda: state() == "undone")
    assert lab.planned(WEB) == [] and not Path("/etc/netns/t-cache").exists()


def test_one_that_fails_is_rolled_back_at_once_and_nothing_waits(lab):
    lab.apply(WEB)
    assert lab.try_apply(BROKEN, "--confirm-within", 30).rc == 1
    assert lab.reconcile("--confirm").rc == 1
    assert lab.planned(WEB) == []


def test_where_there_is_nothing_to_do_nothing_waits(lab):
    lab.apply(WEB)
    result = lab.apply(WEB, "--confirm-within", 30)
    assert result.out == "Nothing to do.\n" and "unless" not in result.err
    assert "nothing waits" in lab.reconcile("--confirm").err


def test_a_second_one_is_refused_while_one_waits(lab):
    lab.apply(WEB, "--confirm-within", 30)
    assert lab.try_apply(MORE, "--confirm-within", 30).rc == 1
    assert "t-cache" not in lab.namespaces()
    lab.succeed(lab.reconcile("--confirm"))


def test_the_watcher_does_not_apply_again_what_was_undone(lab):
    lab.write(WEB, "m/t.yaml")
    with watching(lab, lab.files / "m") as watcher:
        tried(lab, watcher, 1)
        lab.reconcile("--resume")
        until(lambda: state() == "undone")
        watcher.until(lambda: "nobody confirmed" in watcher.log)
        watcher.settled()
        assert lab.namespaces() == ["t-db", "t-web"]
        lab.succeed(lab.reconcile("--apply", "--wait", 5, lab.files / "m"))
        watcher.synced()
        assert "t-cache" in lab.namespaces()


def tried(lab, watcher, seconds):
    """While the watcher is suspended, MORE of what it has applied, for so long."""
    watcher.settled()
    lab.reconcile("--suspend")
    lab.write(MORE, "m/t.yaml")
    lab.succeed(lab.reconcile("--apply", "--confirm-within", seconds, lab.files / "m"))


@pytest.fixture
def waiting(lab):
    """A watcher goes on while an apply waits for confirmation, and files say more on top of that."""
    lab.write(OTHER, "m/o.yaml")
    lab.write(WEB, "m/t.yaml")
    with watching(lab, lab.files / "m") as watcher:
        tried(lab, watcher, 8)
        lab.write(MORE + "  top: {networks: [n]}\n", "m/t.yaml")
        lab.reconcile("--resume")
        watcher.until(lambda: "project t waits: an apply of it" in watcher.log)
        yield watcher


def test_what_comes_on_top_waits_and_is_undone_no_later_than_what_it_stands_on(lab, waiting):
    lab.run("ip netns del o-db")
    waiting.until(lambda: "o-db" in lab.namespaces())
    assert lab.namespaces() == ["o-db", "o-web", "t-cache", "t-db", "t-web"] and state() == "waiting"
    until(lambda: state() == "undone")
    waiting.until(lambda: "nobody confirmed" in waiting.log)
    waiting.settled()
    assert lab.namespaces() == ["o-db", "o-web", "t-db", "t-web"]
    lab.write(WEB + "  last: {networks: [n]}\n", "m/t.yaml")
    waiting.synced()
    assert {"t-last", "t-db"} < {*lab.namespaces()} and "t-top" not in lab.namespaces()


def test_what_comes_on_top_follows_when_it_is_confirmed(lab, waiting):
    lab.succeed(lab.reconcile("--confirm"))
    waiting.synced()
    assert {"t-cache", "t-top"} < {*lab.namespaces()}


def test_who_goes_back_to_what_was_before_meanwhile_has_nothing_held_back(lab, waiting):
    lab.write(WEB, "m/t.yaml")
    until(lambda: state() == "undone")
    waiting.synced()
    assert lab.namespaces() == ["o-db", "o-web", "t-db", "t-web"]


@pytest.mark.parametrize("mode", ["--plan", "--destroy"])
def test_it_goes_with_apply_alone(lab, mode):
    assert lab.reconcile(mode, "--confirm-within", "5").rc == 64
