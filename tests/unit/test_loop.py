"""The loop, without a kernel: it turns for what fires, and never spins."""

import time
from pathlib import Path
from threading import Thread

from reconciler.daemon import files as watched_files
from reconciler.daemon.loop import loop
from reconciler.daemon.triggers import STOP, Triggers


def test_the_loop_turns_for_triggers_ticks_and_wishes_and_never_spins():
    triggers, turns = Triggers(), []

    def turn(fired) -> float:
        turns.append([trigger.kind for trigger in fired])
        return 0.0

    Thread(
        target=lambda: (time.sleep(0.4), triggers.fire("kernel"), time.sleep(0.2), triggers.fire(STOP))
    ).start()
    loop(triggers, turn, {"sweep": 0.3})
    kinds = sum(turns, [])
    assert turns[0] == [] and kinds.count("sweep") in (1, 2) and kinds.count("kernel") == 1
    assert 5 < len(turns) < 16


def test_a_turn_is_followed_by_a_rest_as_long_as_its_work():
    triggers, times = Triggers(), []

    def turn(fired) -> float:
        times.append(time.monotonic())
        ends = time.process_time() + 0.1
        while time.process_time() < ends:
            pass
        triggers.fire(STOP) if len(times) == 3 else triggers.fire("kernel")
        return 60

    triggers.fire("kernel")
    loop(triggers, turn, {})
    assert all(later - sooner > 0.19 for sooner, later in zip(times, times[1:], strict=False))


def test_no_clock_that_somebody_can_set_is_waited_for():
    """Clock jumps neither stop the watcher nor make it spin: it waits by the monotonic clock alone."""
    here = Path(watched_files.__file__).parent
    waiting = [
        here / "triggers.py",
        here / "files.py",
        here / "loop.py",
        here / "backoff.py",
        here / "repair.py",
    ]
    for file in [*waiting, here.parent / "kernel/lock.py"]:
        text = file.read_text()
        assert "time.time()" not in text and "datetime" not in text, file.name
