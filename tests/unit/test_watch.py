"""The bell, the pace and the loop, without a kernel."""

import time
from pathlib import Path
from threading import Thread

from reconciler.daemon import files as watched_files
from reconciler.daemon.backoff import Pace
from reconciler.daemon.loop import loop
from reconciler.daemon.triggers import STOP, Bell, Ring


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


# the bell


def test_many_rings_are_answered_once():
    bell = Bell()
    for n in range(5):
        bell.ring("file", words=str(n))
    began = time.monotonic()
    assert [ring.words for ring in bell.listen(5)] == list("01234")
    assert 0.1 < time.monotonic() - began < 1
    assert bell.listen(0) == ()


def test_ringing_without_a_pause_is_answered_within_two_seconds():
    bell, ends = Bell(), time.monotonic() + 2.6

    def storm() -> None:
        while time.monotonic() < ends:
            bell.ring("file", words="x")
            time.sleep(0.02)

    thread = Thread(target=storm)
    thread.start()
    began = time.monotonic()
    assert bell.listen(10)
    assert 1.8 < time.monotonic() - began < 2.5
    thread.join()


def test_a_storm_costs_no_memory():
    bell = Bell()
    for n in range(20_000):
        bell.ring("kernel", words=str(n))
    assert len(bell.listen(1)) <= 10_001


def test_stop_waits_for_nothing():
    bell = Bell()
    bell.rest(2)
    bell.ring("file")
    bell.ring(STOP)
    began = time.monotonic()
    assert Ring(STOP) in bell.listen(5)
    assert time.monotonic() - began < 0.1


# the pace


def test_pace_doubles_up_to_half_a_minute_and_forgets():
    clock = Clock()
    pace = Pace(clock=clock)
    assert [pace.hit("p") for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert pace.held() == {"p": 30.0}
    clock.now += 30
    assert not pace.held()
    clock.now += 61
    assert pace.hit("p") == 1
    pace.clear("p")
    assert not pace.held()


def test_the_first_hits_are_free_where_they_may_be():
    pace = Pace(3, Clock())
    assert [pace.hit("k") for _ in range(5)] == [0, 0, 0, 1, 2]
    assert pace.slowed() == {"k": 5}


# the loop


def test_the_loop_turns_for_rings_ticks_and_wishes_and_never_spins():
    bell, turns = Bell(), []

    def turn(rings) -> float:
        turns.append([ring.kind for ring in rings])
        return 0.0

    Thread(target=lambda: (time.sleep(0.4), bell.ring("kernel"), time.sleep(0.2), bell.ring(STOP))).start()
    loop(bell, turn, {"sweep": 0.3})
    kinds = sum(turns, [])
    assert turns[0] == [] and kinds.count("sweep") in (1, 2) and kinds.count("kernel") == 1
    assert 5 < len(turns) < 16


def test_a_turn_is_followed_by_a_rest_as_long_as_its_work():
    bell, times = Bell(), []

    def turn(rings) -> float:
        times.append(time.monotonic())
        ends = time.process_time() + 0.2
        while time.process_time() < ends:
            pass
        bell.ring(STOP) if len(times) == 3 else bell.ring("kernel")
        return 60

    bell.ring("kernel")
    loop(bell, turn, {})
    assert all(later - sooner > 0.38 for sooner, later in zip(times, times[1:], strict=False))


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
