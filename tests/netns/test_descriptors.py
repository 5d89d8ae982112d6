"""Whatever a process has open, the child that runs libnftables has its own alone: the library waits in
select(), which ends at descriptor 1024."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from reconciler.kernel.lock import lock
from reconciler.kernel.nft.library import in_child, run
from tests.netns.samples import MORE, WEB


@pytest.fixture
def thousands(many_descriptors: None) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(2000):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield


def test_a_transaction_succeeds_with_thousands_open(lab, thousands):
    assert in_child(lambda: run("add table inet x")) == (True, "", "")
    lab.apply(WEB)
    assert lab.planned(MORE)


def opened() -> tuple[bool, str]:
    fds = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
    return True, " ".join(os.readlink(fd) for fd in fds if os.path.exists(fd))


def test_the_child_keeps_nothing(lab, thousands):
    """It changes nothing of the host, so that the lock is none of its business."""
    with lock():
        assert in_child(opened).words == ""
