"""One apply at a time on a host: the others wait, or leave with exit 75."""

import fcntl
import os
import time

import pytest

from reconciler.kernel.lock import RUN, latest, lock
from tests.netns.samples import MORE, WEB
from tests.netns.watching import watching


@pytest.fixture
def held(lab):
    """The lock, as an apply in the middle of its work holds it."""
    lab.apply(WEB)
    with open("/run/reconciler/lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def test_a_held_lock_is_75(lab, held):
    assert lab.try_apply(MORE).rc == 75
    assert "t-cache" not in lab.namespaces()


def test_a_plan_takes_no_lock(lab, held):
    assert lab.plan(MORE).rc == 0


def test_wait_waits_for_the_lock(lab, held):
    waiting = lab.start("--apply", lab.write(MORE), "--wait", 20)
    time.sleep(0.5)
    assert waiting.poll() is None
    fcntl.flock(held, fcntl.LOCK_UN)
    assert waiting.communicate(timeout=20) and waiting.returncode == 0
    assert "t-cache" in lab.namespaces()


def test_wait_gives_up(lab, held):
    began = time.monotonic()
    assert lab.try_apply(MORE, "--wait", "0.3").rc == 75
    assert time.monotonic() - began < 5


def test_several_applies_at_once_converge(lab):
    file = lab.write(MORE)
    running = [lab.start("--apply", file, "--wait", 30) for _ in range(3)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert [rc for _, rc in ended] == [0, 0, 0], ended
    assert lab.planned(MORE) == []


def test_several_applies_at_once_without_waiting(lab):
    file = lab.write(MORE)
    running = [lab.start("--apply", file) for _ in range(3)]
    codes = [process.communicate(timeout=60) and process.returncode for process in running]
    assert set(codes) <= {0, 75} and 0 in codes
    assert lab.planned(MORE) == []


def test_removing_its_file_takes_the_lock_from_nobody(lab):
    lab.apply(WEB)
    with lock():
        lab.run(f"rm -rf {RUN}")
        for _ in range(2):
            assert lab.try_apply(MORE).rc == 75 and "t-cache" not in lab.namespaces()
    lab.apply(MORE)


def test_there_is_one_watcher_whatever_is_removed(lab):
    lab.apply(WEB)
    os.chmod(RUN, 0o755)
    file = lab.write(WEB)
    with watching(lab, file) as watcher:
        watcher.settled()
        lab.run(f"rm -rf {RUN}")
        for _ in range(2):
            result = lab.reconcile("--watch", file)
            assert result.rc == 75 and "another --watch runs" in result.err
        watcher.until(lambda: f"watching {file}: ok" in lab.reconcile("--status", file).out)
        assert os.stat(RUN).st_mode & 0o777 == 0o755 and "trouble" not in watcher.log
        lab.run("ip netns del t-db")
        watcher.until(lambda: "t-db" in lab.namespaces())
        lab.reconcile("--suspend")
        watcher.until(lambda: watcher.status["health"] == "suspended")
        lab.reconcile("--resume")
    assert "a watcher" not in lab.reconcile("--status", file).out


def test_who_looks_while_somebody_applies_learns_of_it(tmp_path):
    with lock(0, str(tmp_path)):
        seen = latest(str(tmp_path))
        time.sleep(0.02)  # the clock of a file system
    with lock(0, str(tmp_path)) as last:
        assert last != seen


def test_each_holder_tells_a_time_of_his_own(lab):
    """Also where the clock stands still, or is set back."""
    ahead = time.time_ns() + 10**12
    lab.apply(WEB)
    os.utime("/run/reconciler/lock", ns=(ahead, ahead))
    parting: list[int] = []
    for _ in range(3):
        with lock(parting=parting.append) as last:
            assert ahead <= last < latest()
        ahead = latest()
        assert parting[-1] == ahead > last
