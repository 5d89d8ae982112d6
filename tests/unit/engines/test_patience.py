"""How long a test of health may fail, for whoever waits for it."""

import time

import pytest

from reconciler.kernel.workloads import patience


class Clock:
    """One that goes on while somebody sleeps, or a test is under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.go_on)

    def go_on(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("takes", [0.0, 5.0])
@pytest.mark.parametrize(("start", "interval", "retries"), [(0, 1, 1), (0, 1, 3), (10, 2, 2), (0, 0.1, 1)])
def test_it_fails_no_longer_than_its_tests_an_interval_apart_would(
    monkeypatch, takes, start, interval, retries
):
    clock, asked = Clock(monkeypatch), []

    def fails() -> str:
        asked.append(clock.now)
        clock.go_on(takes)
        return f"no, {len(asked)}"

    spare = start + retries * interval
    assert patience.until_passed(fails, interval, spare) == f"no, {len(asked)}"
    assert len(asked) > retries or takes and len(asked) >= retries
    assert spare <= clock.now - 100 - len(asked) * takes <= spare + max(interval, patience.PACE)


def test_who_passes_is_waited_for_no_longer(monkeypatch):
    clock, said = Clock(monkeypatch), ["", "not yet", "not yet"]
    assert patience.until_passed(said.pop, 30, 90) == ""
    assert clock.now == pytest.approx(100 + 0.2 + 0.3)


def test_one_that_takes_for_ever_is_given_up(monkeypatch):
    clock = Clock(monkeypatch)

    def hangs() -> str:
        clock.go_on(50)
        return "no answer"

    assert patience.until_passed(hangs, 1, 1000) == "no answer" and clock.now < 100 + patience.JOB + 50
