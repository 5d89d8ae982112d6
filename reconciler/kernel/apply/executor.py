"""Steps on links, addresses, routes, rules, sysctls, namespaces and files, carried out place by place.

A sandbox is one visit and, where nothing else comes between, one message batch.  Host ends go up last, all
at once: a bridge that is filled while it is down costs half as much.
"""

import errno
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...core.resource import Resource
from ...errors import ReconcileError, foreseen
from ...kinds.file import File
from ...kinds.link import Link, Veth
from ...kinds.namespace import Namespace
from ...kinds.ownership import HOST
from .. import netns, records
from ..netlink import links
from ..netlink.socket import Message, open_socket
from .announce import tell
from .batch import Batch, Visit
from .requests import Letter, complaints, post, refused


def host_end(resource: Resource) -> str:
    """The name that a link is removed by on the host; "" for what has no end there."""
    if not isinstance(resource, Link):
        return ""
    return getattr(resource, "host_name", resource.name if resource.ns == HOST else "")


def outer_only(step: Step) -> bool:
    """Whether a pair changes at its host end alone: nobody need go into its sandbox."""
    new, old = step.resource, step.old
    if step.op != "~" or not isinstance(new, Veth) or not isinstance(old, Veth):
        return False
    return (new.mac, new.mtu, new.up) == (old.mac, old.mtu, old.up)


def entered(steps: Iterable[Step]) -> Iterator[str]:
    """The places that these steps change inside."""
    return (step.resource.place for step in steps if not outer_only(step))


@contextmanager
def refusing(step: Step) -> Iterator[None]:
    """What the system says no to, as a refusal of this step."""
    try:
        yield
    except OSError as error:
        raise refused(step, error.errno or errno.EIO, str(error)) from error


def carry_out(steps: Sequence[Step], secret: str = "") -> Refusals:
    """`secret` is the file with WireGuard's private key."""
    made = (step.resource for step in steps if step.op == "+")
    new = {namespace.name: namespace for namespace in made if isinstance(namespace, Namespace)}
    if new:
        netns.prepare()
    with netns.kept() as home, open_socket() as host:
        run = Run(home, host, secret)
        run.new = new
        for place, group in groupby(steps, key=lambda step: step.resource.place):
            run.place(place, list(group))
        run.finish()
    return run.refusals


class Run(Batch):
    """One batch under way: links on their way out, and host ends that go up at the end."""

    def __init__(self, home: int, host: socket.socket, secret: str):
        super().__init__(home, host, secret)
        self.new: dict[str, Namespace] = {}  # sandboxes that this batch makes
        self.doomed: list[Letter] = []
        self.ends: list[Step] = []  # on pairs that are made or changed
        self.refusals: dict[str, ReconcileError] = {}

    @contextmanager
    def confined(self, place: str) -> Iterator[None]:
        """What goes wrong in a sandbox that stands is that sandbox's trouble alone: who is root there can
        bring it about."""
        try:
            yield
        except Exception as error:
            if not place or place in self.new:
                raise
            self.refusals.setdefault(place, foreseen(error))

    def place(self, name: str, steps: list[Step]) -> None:
        """Everything of one place; a new namespace gets its name when all of it stands."""
        removals = [step for step in steps if step.op == "-"]
        builds = [step for step in steps if step.op != "-"]
        ends = ((step, host_end(step.resource)) for step in removals)
        self.doomed += [Letter(step, links.doomed(end)) for step, end in ends if end]
        rest = [step for step in removals if not host_end(step.resource)]
        if builds or any(isinstance(step.resource, Namespace) for step in rest):
            self.bury()
        self.ends += [step for step in builds if isinstance(step.resource, Veth)]
        builds = [step for step in builds if not outer_only(step)]
        outside = [step for step in rest if isinstance(step.resource, Namespace | File)]
        if not name:
            Visit(self, self.host, HOST).all(rest + builds)
        elif builds or (len(outside) < len(rest) and netns.exists(name)):
            self.sandbox(name, rest + builds)
        else:  # nobody need go in, or all else went with the namespace
            Visit(self, self.host, HOST).all(outside)

    def sandbox(self, name: str, steps: list[Step]) -> None:
        if name in self.refusals:
            return
        new = self.new.get(name)
        try:
            with refusing(steps[0]):
                netns.make() if new else netns.enter(name)
            with self.confined(name), refusing(steps[0]):
                with open_socket() as channel:
                    Visit(self, channel, name, new=bool(new)).all(steps)
                if new:
                    records.publish(name, new.project)
        finally:
            netns.back(self.home)

    def bury(self) -> None:
        if self.doomed:
            last = Letter(self.doomed[-1].step, links.delete_doomed())
            post(self.host, [*self.doomed, last])
            self.doomed.clear()
            self.indexes.clear()

    def finish(self) -> None:
        self.bury()
        ends = [letter for step in self.ends for letter in self.outer(step)]
        for step, refusal in complaints(self.host, ends + self.raised + self.last):
            with self.confined(step.resource.place):
                raise refusal
        tell([one for one in self.moved if one.address.ns not in self.refusals], self.host)

    def outer(self, step: Step) -> list[Letter]:
        """What a pair's end on the host is told; one that has gone already leaves nothing to tell."""
        veth = step.resource
        assert isinstance(veth, Veth)
        if veth.ns not in self.refusals:
            with self.confined(veth.ns), refusing(step):
                return [Letter(step, message) for message in self.told(step, veth)]
        return []

    def told(self, step: Step, veth: Veth) -> list[Message]:
        sized = links.resized(veth.host_name, veth, step.old if step.op == "~" else None)
        if not veth.bridge:
            return [*sized, *links.outer_settings(veth, 0)]
        # The MAC is entered when the port's VLANs stand, and in each of them.
        settings = links.outer_settings(veth, self.index(veth.bridge), self.tags(step, veth.host_name))
        return [*sized, *settings, *self.station(veth, step.old)]
