"""Triggers: a crowd of them is one answer, and none is lost."""

import time
from threading import Thread

from reconciler.daemon import triggers as daemon_triggers
from reconciler.daemon.triggers import FREE_ANSWERS, SELDOM, STOP, Trigger, Triggers


def test_many_triggers_are_answered_once():
    triggers = Triggers()
    for n in range(5):
        triggers.fire("file", words=str(n))
    began = time.monotonic()
    assert [trigger.words for trigger in triggers.wait(5)] == list("01234")
    assert 0.1 < time.monotonic() - began < 1
    assert triggers.wait(0) == ()


def test_firing_without_a_pause_is_answered_within_two_seconds(monkeypatch):
    assert daemon_triggers.MOST == 2.0
    monkeypatch.setattr(daemon_triggers, "MOST", 0.6)  # as long as here somebody waits
    triggers, ends = Triggers(), time.monotonic() + 1.2

    def storm() -> None:
        while time.monotonic() < ends:
            triggers.fire("file", words="x")
            time.sleep(0.02)

    thread = Thread(target=storm)
    thread.start()
    began = time.monotonic()
    assert triggers.wait(10)
    assert 0.5 < time.monotonic() - began < 1.1
    thread.join()


def test_news_are_told_once_and_answered_all_the_same():
    triggers = Triggers()
    triggers.fire("kernel", "web")
    assert triggers.news() == (Trigger("kernel", "web"),) and triggers.news() == ()
    triggers.fire("kernel", "web")
    triggers.fire("kernel", "db")
    assert triggers.news() == (Trigger("kernel", "web"), Trigger("kernel", "db"))
    assert triggers.wait(1) == (Trigger("kernel", "web"), Trigger("kernel", "db"))
    triggers.fire("kernel", "web")
    assert triggers.wait(1) and triggers.news() == ()


def test_a_storm_costs_no_memory():
    triggers = Triggers()
    for n in range(20_000):
        triggers.fire("kernel", words=str(n))
    assert len(triggers.wait(1)) <= 10_001


def test_who_is_to_stop_waits_for_no_storm():
    triggers = Triggers()
    for n in range(20_000):
        triggers.fire("kernel", words=str(n))
    triggers.rest(2)
    thread = Thread(target=lambda: (time.sleep(0.1), triggers.fire(STOP)))
    thread.start()
    began = time.monotonic()
    assert Trigger(STOP) in triggers.wait(5)
    assert time.monotonic() - began < 1
    thread.join()


def test_who_never_pauses_in_a_sandbox_puts_off_no_answer():
    triggers, ends = Triggers(), time.monotonic() + 0.6

    def storm() -> None:
        n = 0
        while time.monotonic() < ends:
            triggers.fire("kernel", "web", str(n := n + 1))

    thread = Thread(target=storm)
    thread.start()
    began = time.monotonic()
    assert triggers.wait(10)
    assert time.monotonic() - began < 0.5
    thread.join()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_never_ends_is_answered_ever_more_seldom_and_others_at_once():
    triggers = Triggers(clock := Clock())
    for n in range(FREE_ANSWERS + 1):
        triggers.fire("kernel", "web", str(n))
        clock.now += 0.1
        assert triggers.wait(0) == (Trigger("kernel", "web", str(n)),)
    triggers.fire("kernel", "web", "late")
    triggers.fire("end", "web")
    triggers.fire("kernel", "web", "later")
    triggers.fire("kernel", "db")
    triggers.fire("kernel", "", "nft")
    triggers.fire("kernel", "/crun/web")
    clock.now += 0.05
    answered = {trigger.place for trigger in triggers.wait(0)}
    assert answered == {"db", "", "/crun/web"}
    clock.now += SELDOM.first
    assert triggers.news() == (Trigger("kernel", "web", "late"), Trigger("end", "web"))
    clock.now += 0.05
    assert triggers.wait(0) == (Trigger("kernel", "web", "late"), Trigger("end", "web"))
    clock.now += SELDOM.most + SELDOM.calm
    triggers.fire("kernel", "web")
    clock.now += 0.05
    assert triggers.wait(0) == (Trigger("kernel", "web"),)


def test_what_is_put_off_is_waited_for():
    triggers = Triggers()
    for _ in range(FREE_ANSWERS + 1):
        triggers.fire("kernel", "web")
        assert triggers.wait(1)
    triggers.fire("kernel", "web")
    began = time.monotonic()
    assert triggers.wait(5) == (Trigger("kernel", "web"),)
    assert 0.5 * SELDOM.first < time.monotonic() - began < 1


def test_stop_waits_for_nothing():
    triggers = Triggers()
    triggers.rest(2)
    triggers.fire("file")
    triggers.fire(STOP)
    began = time.monotonic()
    assert Trigger(STOP) in triggers.wait(5)
    assert time.monotonic() - began < 0.1
