"""What one execution sends: requests place by place, and what waits until all places are done.

A sandbox is one visit and, where nothing else comes between, one send.  Links go together, with one request.
Host ends go up last, all at once: a bridge that is filled while it is down costs half as much.
"""

import errno
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from ...core.plan import Step
from ...errors import ReconcileError, foreseen
from ...kinds.link import Bridge, Veth
from ...kinds.namespace import Namespace
from .. import netns
from ..netlink import links
from ..netlink.socket import Message
from ..procfs import Procfs
from .requests import Moved, StepMessage, complaints, post, post_for, refused

MANY = 64  # ends on the host, for which reading all of its links is cheaper than asking for each
HostEnd = Callable[["Batch", Step], list[Message]]  # what a step tells an end on the host
Join = Callable[[str, str], None]  # moves the thread to the namespace of a path, if it is the one it was
LateWork = Callable[["Batch", list[Step]], None]  # what is done for some steps when all places are done


class Batch:
    """What all places of an execution share: where it started, and what comes when all of them are done."""

    def __init__(
        self, home: int, host: socket.socket, key_file: str, new: Mapping[str, Namespace], join: Join
    ):
        self.home, self.host, self.key_file, self.join = home, host, key_file, join
        self.new = new  # sandboxes that it makes, or attaches
        self.procfs = Procfs()
        self.born: dict[int, links.Seen] = {}  # how pairs come in new sandboxes, by MTU
        self.indexes: dict[str, int] = {}
        self.bridges: dict[str, Bridge] = {}  # made in this batch
        self.to_delete: list[StepMessage] = []
        self.ends: list[tuple[Step, HostEnd]] = []
        self.raised: dict[str, list[StepMessage]] = {}  # bridges that go up, by name; each is one send
        self.last: list[StepMessage] = []  # what comes when they are
        self.moved: list[Moved] = []  # whose neighbours are to be told
        self.awaiting: dict[LateWork, list[Step]] = {}
        self.refusals: dict[str, ReconcileError] = {}

    def close(self) -> None:
        self.procfs.close()

    def index(self, name: str) -> int:
        """Of a link of the host; the thread may be elsewhere, the socket is not."""
        if not name:
            return 0
        if name not in self.indexes:
            self.indexes[name] = links.index_of(self.host, name)
        return self.indexes[name]

    def delete(self, step: Step, link: str) -> None:
        """With the others; a bridge that is down lets go of its ports for three quarters of the price."""
        lowered = isinstance(step.resource, Bridge)
        self.to_delete.append(StepMessage(step, links.regrouped(link, lowered=lowered)))

    def delete_links(self) -> None:
        if self.to_delete:
            last = StepMessage(self.to_delete[-1].step, links.group_deleted())
            post(self.host, [*self.to_delete, last])
            self.to_delete.clear()
            self.indexes.clear()

    @contextmanager
    def confined(self, place: str) -> Iterator[None]:
        """What goes wrong in a sandbox that stands is that sandbox's trouble alone: who is root there can
        bring it about."""
        try:
            yield
        except Exception as error:
            if not place or (place in self.new and not self.new[place].attached):
                raise
            self.refusals.setdefault(place, foreseen(error))

    def later(self, work: LateWork, step: Step) -> None:
        """What is to be done on the host when all places are done, once for all of its steps."""
        self.awaiting.setdefault(work, []).append(step)

    def finish(self) -> None:
        from .announce import tell  # which no plan need pay for

        self.delete_links()
        if len(self.ends) > MANY:
            with suppress(OSError):  # a host where links come and go: each is asked for
                self.indexes |= links.indexes(self.host)
        ends = [request for step, messages in self.ends for request in self.host_end(step, messages)]
        for requests in (ends, *self.raised.values(), self.last):
            for step, refusal in complaints(self.host, requests):
                with self.confined(step.resource.place):
                    raise refusal
        tell([one for one in self.moved if one.address.ns not in self.refusals], self.host)
        netns.back(self.home)
        for work, steps in self.awaiting.items():
            work(self, steps)

    def host_end(self, step: Step, messages: HostEnd) -> list[StepMessage]:
        """What an end on the host is told; one that has gone already leaves nothing to tell."""
        place = step.resource.place
        if place not in self.refusals:
            with self.confined(place), refusing(step):
                return [StepMessage(step, message) for message in messages(self, step)]
        return []


class Requests:
    """The requests of one place: they gather until something else must happen between them."""

    def __init__(self, batch: Batch, channel: socket.socket, ns: str, *, new: bool = False):
        self.batch, self.channel, self.ns = batch, channel, ns
        self.next_index = 2 if new else 0  # 1 is lo; in a namespace of our making we know every index
        self.untouched = new  # nothing was set that would show in all its links
        self.pending: list[StepMessage] = []
        self.late: list[tuple[Step, Callable[[], None]]] = []  # what waits for all messages
        self.indexes: dict[str, int] = {}
        self.seen: dict[str, links.Seen] = {}
        self.fresh: dict[str, Veth] = {}  # pairs made here
        self.quiet: set[str] = set()  # links whose neighbours need not be told, or are told otherwise

    def add(self, step: Step, *messages: Message) -> None:
        self.pending += [StepMessage(step, message) for message in messages]

    def flush(self) -> None:
        if self.pending:
            post(self.channel, self.pending)
            self.pending.clear()

    def finish(self) -> None:
        self.flush()
        for step, work in self.late:
            try:
                work()
            except OSError as error:
                raise refused(step, error.errno or errno.EIO, error.strerror or str(error)) from error

    def send(self, step: Step, messages: Iterable[Message]) -> None:
        """At once, and without an envelope for each: there may be many."""
        self.flush()
        post_for(step, self.channel, [*messages])

    def index(self, link: str) -> int:
        if not link:
            return 0
        if link not in self.indexes:
            self.flush()
            self.indexes[link] = links.index_of(self.channel, link)
        return self.indexes[link]

    def made(self, link: str, index: int) -> int:
        """The index that a link was given, or 0; those that follow it are known as long as we chose them."""
        if index:
            self.indexes[link] = index
        self.next_index = index + 1 if self.next_index else 0
        return index

    def link(self, name: str) -> links.Seen:
        """As it stood when first asked for; the first pair of a new sandbox tells what all come with."""
        if name not in self.seen:
            pair = self.fresh.get(name) if self.untouched else None
            found = self.batch.born.get(pair.mtu) if pair else None
            if not found:
                self.flush()
                found = links.link_called(self.channel, name)
            self.seen[name] = found
            self.batch.born |= {pair.mtu: found} if pair else {}
        return self.seen[name]


@contextmanager
def refusing(step: Step) -> Iterator[None]:
    """What the system says no to, as a refusal of this step."""
    try:
        yield
    except OSError as error:
        raise refused(step, error.errno or errno.EIO, str(error)) from error
