"""Backoff: what fails is left alone ever longer, and forgotten when it is calm."""

from reconciler.daemon.backoff import Backoff


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_doubles_up_to_half_a_minute_and_forgets():
    clock = Clock()
    backoff = Backoff(clock=clock)
    assert [backoff.increase("p") for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.delays() == {"p": 30.0}
    clock.now += 30
    assert not backoff.delays()
    clock.now += 61
    assert backoff.increase("p") == 1
    backoff.forget("p")
    assert not backoff.delays()


def test_the_first_failures_are_free_where_they_may_be():
    backoff = Backoff(3, Clock())
    assert [backoff.increase("k") for _ in range(5)] == [0, 0, 0, 1, 2]
    assert backoff.repeated() == {"k": 5}
