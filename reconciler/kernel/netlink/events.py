"""What the kernel tells by itself: something changed, where, and who did it.  A hint, never the truth.

One socket hears every sandbox (NETLINK_LISTEN_ALL_NSID) that has a number here, and another the tables
there; the host's own are heard by a third, which nobody in a sandbox fills.  nftables names the process that
wrote; mounts tell that a sandbox lost its name.  What was missed is found by the next full look."""

import os
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from ...errors import foreseen
from ...kinds.ownership import PROTOCOL
from .. import netns
from .links import (
    DELADDR,
    DELLINK,
    DELROUTE,
    DELRULE,
    IFLA_IFNAME,
    IFLA_LINK_NETNSID,
    NEWADDR,
    NEWLINK,
    NEWROUTE,
    NEWRULE,
)
from .netfilter import NETFILTER, NFGEN, OURS
from .nsid import NETNSA_FD, NETNSA_NSID, number_of
from .socket import REPLACE, SOL_NETLINK, Message, attributes, frames, open_socket, printable, send, u32
from .subscription import LISTEN_ALL_NSID, Control, Missed, Subscription

# linux/rtnetlink.h: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV6_RULE, the
# NETCONFs, NSID.
# Of the sysctls, only forwarding and rp_filter have events.
GROUPS = (1, 5, 7, 8, 9, 11, 19, 24, 25, 28)
NFTABLES_GROUP, NEWGEN = 7, 10 << 8 | 15
NEWNSID, DELNSID, NO_NUMBER = 88, 89, struct.pack("=i", -1)
REST = 0.001  # seconds of work, after which comes a rest
OWNED = {  # kinds of message in which the attribute tells the protocol; the route's stands in its header
    NEWADDR: 11,
    DELADDR: 11,
    NEWRULE: 21,
    DELRULE: 21,
}

# Of what happens to the host end of a pair, its sandbox hears nothing, and yet it changes what stands there.
EVENT, END = "kernel", "end"
SWEEP = "sweep"  # all is to be asked again, part by part
Told = tuple[str, str | None, str]


class Events:
    """A thread that calls `fire(kind, place, words)`; a context manager that ends it."""

    def __init__(self, fire: Callable[[str, str | None, str], None]):
        self.fire = fire
        self.places: Mapping[int, str] = {}
        self.balanced: Set[str] = frozenset()  # the sandboxes whose tables matter
        self.ends: Mapping[str, str] = {}  # the sandboxes that these links of the host lead to
        self.processes: dict[int, Told] = {}  # what the end of each means, by descriptor
        self.thread: Thread | None = None
        self.opened = ExitStack()

    def __enter__(self) -> "Events":
        """Raises NotPermitted; what else cannot be had now is asked for again."""
        with suppress(OSError):
            self.revive()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def alive(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def revive(self) -> None:
        """Listen, if that is not so; raises OSError where it cannot be."""
        if not self.alive:
            self.end()
            self.open()
            self.thread = Thread(target=self.run, name="events", daemon=True)
            self.thread.start()

    def end(self) -> None:
        if self.thread and self.alive:
            os.eventfd_write(self.stop, 1)
            self.thread.join()
        self.opened.close()
        for fd in self.processes:
            os.close(fd)
        self.processes = {}

    def open(self) -> None:
        keep = self.opened.enter_context
        self.poll = keep(select.epoll())
        self.stop = os.eventfd(0, os.EFD_CLOEXEC)
        self.opened.callback(os.close, self.stop)
        self.rtnl = keep(Subscription(socket.NETLINK_ROUTE, GROUPS, everywhere=True))
        self.nft = keep(Subscription(NETFILTER, (NFTABLES_GROUP,)))
        self.nft_inside = keep(Subscription(NETFILTER, (NFTABLES_GROUP,), everywhere=True))
        for channel in (self.nft, self.nft_inside):
            channel.hear_only(NEWGEN)
        self.mounts = keep(open("/proc/self/mountinfo", encoding="utf-8", errors="replace"))  # noqa: SIM115
        self.names = self.mounted()
        for source in (self.rtnl, self.nft, self.nft_inside, self.stop):
            self.poll.register(source, select.EPOLLIN)
        self.poll.register(self.mounts, select.EPOLLPRI)

    def run(self) -> None:
        """A quarter of the time at most, whatever is done to be heard."""
        rested = time.thread_time()
        while True:
            for fd, _ in self.poll.poll():
                if fd == self.stop:
                    return
                for told in self.heard(fd):
                    self.fire(*told)
            if (busy := time.thread_time() - rested) > REST:
                time.sleep(3 * busy)
                rested = time.thread_time()

    def heard(self, fd: int) -> list[Told]:
        if fd in self.processes:
            told = self.processes.pop(fd)
            os.close(fd)
            return [told]
        try:
            if fd == self.rtnl.fileno():
                return list(self.routes())
            if fd == self.nft.fileno():
                return list(self.tables())
            if fd == self.nft_inside.fileno():
                return list(self.tables_inside())
        except Missed:
            kind, place = (EVENT, "") if fd == self.nft.fileno() else (SWEEP, None)
            return [(kind, place, "more events than could be kept")]
        except OSError:
            raise
        except Exception as error:  # a message of a form that nobody foresaw is one message
            return [(EVENT, None, foreseen(error).message)]
        before, self.names = self.names, self.mounted()
        moved = Counter(before) - Counter(self.names) | Counter(self.names) - Counter(before)
        places = {os.path.basename(point) for point in moved}  # where another one than we hear may stand
        self.places = {number: name for number, name in self.places.items() if name not in places}
        return [(EVENT, place, "a sandbox's name") for place in sorted(places | {""} if places else ())]

    def routes(self) -> Iterator[Told]:
        for data, control in self.rtnl.datagrams():
            for message in messages(data):
                if ours(message):
                    place = self.place(message, control)
                    yield EVENT, place, who(message.port)
                    yield from self.other_end(message, place)

    def other_end(self, message: "Heard", place: str) -> Iterator[Told]:
        """A pair is one thing, and stands in the sandbox.  A bridge does not tell where its port leads."""
        if message.kind in (NEWLINK, DELLINK):
            found = attributes(message.body, 16)
            number, name = found.get(IFLA_LINK_NETNSID), printable(found.get(IFLA_IFNAME, b""))
            if number is not None:
                yield END, self.called(number), who(message.port)
            elif message.body[0] == socket.AF_BRIDGE and not place and name in self.ends:
                yield END, self.ends[name], who(message.port)

    def place(self, message: "Heard", control: Control) -> str:
        """Where it happened."""
        if message.kind in (NEWNSID, DELNSID):
            return self.called(attributes(message.body, 4).get(NETNSA_NSID, b""))
        for level, kind, value in control:
            if (level, kind) == (SOL_NETLINK, LISTEN_ALL_NSID) and value != NO_NUMBER:
                return self.called(value)
        return ""

    def called(self, number: bytes) -> str:
        """The sandbox of this number; "" of whom nobody asks to hear: its name tells of it, or its end on
        the host, and it is looked at once more as soon as it is heard."""
        return self.places.get(int.from_bytes(number, "little", signed=True), "")

    def tables(self) -> Iterator[Told]:
        for data, _ in self.nft.datagrams():
            told = map(author, messages(data))
            yield from ((EVENT, "", one) for one in told if not is_resolver(one))

    def tables_inside(self) -> Iterator[Told]:
        """What we wrote ourselves was read back there; of many by one, the last tells who it is."""
        found: dict[str, Heard] = {}
        for data, control in self.nft_inside.datagrams():
            for message in messages(data):
                place = self.place(message, control)
                if place in self.balanced and message.sequence != OURS + 1:
                    found[place] = message
        return ((EVENT, place, author(message)) for place, message in found.items())

    def mounted(self) -> list[str]:
        self.mounts.seek(0)
        return sorted(line.split(" ")[4] for line in self.mounts if f" {netns.RUN}/" in line)

    def follow(self, pids: Iterable[int], place: str = "") -> None:
        """Hear when one of these processes ends, by which something stands in that place."""
        known = {*list(self.processes.values())}  # the thread takes some out
        for pid in pids if self.alive else ():
            with suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                told = EVENT, place, f"the end of {name}[{pid}]"
                if told not in known:
                    fd = os.pidfd_open(pid)
                    self.processes[fd] = told
                    self.poll.register(fd, select.EPOLLIN)

    def listen(self, names: Set[str], anew: Set[str]) -> None:
        """Hear these sandboxes, and know them by name; some were made anew since they were last named."""
        known = {number: name for number, name in self.places.items() if name in names - anew}
        self.places = known | dict(numbered(sorted(names - {*known.values()})))

    def unheard(self, names: Set[str]) -> frozenset[str]:
        return frozenset(names - {*self.places.values()})


class Heard(NamedTuple):
    kind: int
    flags: int
    sequence: int
    port: int
    body: bytes


def messages(data: bytes) -> Iterator[Heard]:
    return (Heard(*message) for message in frames(data))


def author(message: Heard) -> str:
    """The process that made a generation of a ruleset; "" for ourselves."""
    found = attributes(message.body, NFGEN.size)
    name, pid = printable(found.get(3, b"")), int.from_bytes(found.get(2, b""), "big")
    return f"{name}[{pid}]" if pid != os.getpid() else ""


def is_resolver(author: str) -> bool:
    """Whether it writes down what it answers, which nobody declares; who only says so waits for the sweep."""
    return author.startswith("dnsmasq[")


def ours(message: Heard) -> bool:
    """Addresses, routes and rules of others are no concern, but for default routes, whose link says how much
    may be sent at once; what replaced one of ours no longer bears our mark."""
    if message.flags & REPLACE:
        return True
    if message.kind in (NEWROUTE, DELROUTE):
        return message.body[5] == PROTOCOL or message.body[1] == 0
    if message.kind in OWNED:
        start = 8 if message.kind in (NEWADDR, DELADDR) else 12
        return attributes(message.body, start).get(OWNED[message.kind], b"\0")[0] == PROTOCOL
    return True


def who(port: int) -> str:
    """Netlink ports are mostly the process id of their owner; "" for the kernel, ourselves,
    and who has gone."""
    if port in (0, os.getpid()):
        return ""
    try:
        return f"{printable(Path(f'/proc/{port}/comm').read_bytes().rstrip())}[{port}]"
    except OSError:
        return ""


def numbered(names: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The number that each sandbox has here; those without a link to the host get one."""
    with open_socket() as channel:
        for name in names:
            with suppress(OSError):  # it has gone since it was listed, or is no namespace any more
                yield number(channel, name), name


def number(channel: socket.socket, name: str) -> int:
    fd = netns.opened(name)
    try:
        if number_of(fd, channel) < 0:
            body = bytes(4) + u32(NETNSA_FD, fd) + struct.pack("=HHi", 8, NETNSA_NSID, -1)
            send(channel, [Message(NEWNSID, 0, body)])
        return number_of(fd, channel)
    finally:
        os.close(fd)
