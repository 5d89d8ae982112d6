"""Which containers a metadata service answers, as nobody but they can tell: each asks for a connection."""

import select
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from ...kinds.maps import METADATA
from .. import netns

ADDRESSES = tuple(cidr.partition("/")[0] for cidr in METADATA)
PORT = 80
PATIENCE = 0.7  # seconds: it is on the host's own link
MOST = 100  # containers that ask at once, each by a socket for each address


def reached(containers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Container -> those that it reaches."""
    names, found = iter(containers), dict[str, tuple[str, ...]]()
    while some := list(islice(names, MOST)):
        found |= asked(some)
    return found


def asked(containers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    asking: dict[int, tuple[str, str, socket.socket]] = {}
    with netns.kept():
        for name in containers:
            with suppress(OSError):
                netns.enter(name)
                asking |= {one.fileno(): (name, ip, one) for ip, one in connections()}
    answered = set(answers({number: one for number, (_, _, one) in asking.items()}))
    found: dict[str, tuple[str, ...]] = {}
    for number, (name, ip, one) in asking.items():
        one.close()
        if number in answered:
            found[name] = (*found.get(name, ()), ip)
    return found


def connections() -> Iterator[tuple[str, socket.socket]]:
    """That have begun, from where the thread is."""
    for ip in ADDRESSES:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with suppress(OSError):
            one = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                one.connect((ip, PORT))
            except BlockingIOError:
                yield ip, one
            except OSError:
                one.close()


def answers(asking: dict[int, socket.socket]) -> Iterator[int]:
    """Those that have got through in time."""
    poll, end = select.poll(), time.monotonic() + PATIENCE
    for number in asking:
        poll.register(number, select.POLLOUT)
    waiting = set(asking)
    while waiting and (rest := end - time.monotonic()) > 0:
        for number, _ in poll.poll(rest * 1000):
            poll.unregister(number)
            waiting.discard(number)
            if not asking[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                yield number
