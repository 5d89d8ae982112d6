"""Who waits at a terminal is told that something is done, and nothing of it stays there."""

from io import StringIO

from reconciler.cli.waiting import CLEAR, WaitingLine


def after(*seconds: float) -> str:
    """What is written when there is work at these times."""
    clock = iter([0.0, *seconds])
    stream = StringIO()
    line = WaitingLine("applying", stream, lambda: next(clock))
    for _ in seconds:
        line()
    line.wipe()
    return stream.getvalue()


def test_what_is_quick_says_nothing():
    assert after(0.1, 0.9) == ""


def test_what_takes_long_is_one_line_that_is_wiped():
    assert after(0.5, 1.2, 1.3, 2.6) == f"{CLEAR}applying 1 s{CLEAR}applying 3 s{CLEAR}"


def test_a_terminal_that_has_gone_stops_nothing():
    class Gone(StringIO):
        def write(self, text):
            raise OSError

    clock = iter([0.0, 2.0])
    line = WaitingLine("applying", Gone(), lambda: next(clock))
    line()
    line.wipe()
