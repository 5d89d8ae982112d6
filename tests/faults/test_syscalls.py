"""The injector itself: it sees the calls, its faults happen, and it says so when they do not."""

import errno
import os
import socket
import sys

import pytest

from tests.faults.syscalls import KILL, Missed, count, trial

pytestmark = pytest.mark.faults


def talk() -> int:
    """Two datagrams to ourselves: 0 if they arrive, 3 if one could not be sent."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as sender:
        sender.bind((0, 0))
        try:
            for _ in range(2):
                sender.sendto(bytes(16), (0, 0))
        except OSError as error:
            os.write(1, errno.errorcode[error.errno].encode())
            return 3
    return 0


def test_counts_what_matters():
    done = count(talk)
    assert (done.code, done.calls) == (0, ["sendto", "sendto"])


def test_an_errno_reaches_the_program():
    done = trial(talk, 1, errno.ENOBUFS)
    assert (done.code, done.said, done.injected) == (3, "ENOBUFS", ["sendto"])


def test_a_kill_comes_before_the_call():
    done = trial(talk, 1, KILL)
    assert (done.code, len(done.calls)) == (-9, 2)


def test_a_sticky_fault_stays():
    def stubborn() -> int:
        return sum(talk() for _ in range(3))

    assert trial(stubborn, 0, errno.EPERM).code == 3
    assert trial(stubborn, 0, errno.EPERM, sticky=True).code == 9


def test_a_fault_that_did_not_happen_is_no_success():
    with pytest.raises(Missed):
        trial(talk, 2, KILL)


def test_commands_and_their_children(tmp_path):
    target = tmp_path / "file"
    script = f"import os; os.fork() or open({str(target)!r}, 'w'); os.wait()"
    command = [sys.executable, "-ISc", script]
    assert count(command).calls == ["openat"]
    assert trial(command, 0, errno.EACCES).injected == ["openat"]
