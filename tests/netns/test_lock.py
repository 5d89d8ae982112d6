"""One apply at a time on a host: the others wait, or leave with exit 75."""

import fcntl
import os
import time

import pytest

from reconciler.kernel.lock import latest, lock
from tests.netns.samples import MORE, WEB


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
