"""Steps on links, addresses, routes, rules, sysctls, namespaces and files, carried out place by place.

A sandbox is one visit and, where nothing else comes between, one message batch.  Host ends go up last, all
at once: a
bridge that is filled while it is down costs half as much.
"""

import errno
import socket
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ..core.plan import Step
from ..core.resource import Resource
from ..errors import KernelError, NotPermitted
from ..kinds.address import Address
from ..kinds.evpn import Router, Station
from ..kinds.file import File
from ..kinds.link import Bridge, Link, Veth
from ..kinds.marks import HOST
from ..kinds.namespace import Namespace
from ..kinds.overlay import Entries, Neighbours, Vxlan
from ..kinds.route import Route
from ..kinds.rule import Rule
from ..kinds.sysctl import Sysctl
from ..kinds.wireguard import Wireguard
from . import bulk, files, frr, inet, links, netns, rtnl, sandbox, wireguard
from .announce import announce
from .netlink import Message, open_socket, send

GONE = {
    errno.ENODEV,
    errno.ENOENT,
    errno.ESRCH,
    errno.EADDRNOTAVAIL,
    errno.ENXIO,
}  # what a removal need not mind


ROOT = "run as root (CAP_NET_ADMIN and CAP_SYS_ADMIN)"


class Letter(NamedTuple):
    """A message and the step that it carries out."""

    step: Step
    message: Message


def refused(step: Step, number: int, words: str) -> KernelError | NotPermitted:
    where = step.resource.origin.where if step.resource.origin else None
    if number in (errno.EPERM, errno.EACCES):
        return NotPermitted(f"{step}: {words}", ROOT, where)
    return KernelError(str(step), number, words, where)


def post(channel: socket.socket, letters: Sequence[Letter]) -> None:
    """Send a batch; raise for the first refusal that matters."""
    for refusal in send(channel, [letter.message for letter in letters]):
        step = letters[refusal.index].step
        if not (step.op == "-" and refusal.number in GONE):
            raise refused(step, refusal.number, refusal.words)


def host_end(resource: Resource) -> str:
    """The name that a link is removed by on the host; "" for what has no end there."""
    if not isinstance(resource, Link):
        return ""
    return getattr(resource, "host_name", resource.name if resource.ns == HOST else "")


def outer_only(step: Step) -> bool:
    """Whether a pair changes at its host end alone: nobody need go into its sandbox."""
    new, old = step.resource, step.old
    pair = step.op == "~" and isinstance(new, Veth) and isinstance(old, Veth)
    return pair and (new.mac, new.mtu, new.up) == (old.mac, old.mtu, old.up)


def entered(steps: Iterable[Step]) -> Iterator[str]:
    """The places that these steps change inside."""
    return (step.resource.place for step in steps if not outer_only(step))


def carry_out(steps: Sequence[Step], secret: str = "") -> None:
    """`secret` is the file with WireGuard's private key."""
    if any(isinstance(step.resource, Namespace) and step.op == "+" for step in steps):
        netns.prepare()
    with netns.kept() as home, open_socket() as host:
        run = Run(home, host, secret)
        for place, group in groupby(steps, key=lambda step: step.resource.place):
            run.place(place, list(group))
        run.finish()


class Run:
    """One batch under way: links on their way out, and host ends that go up at the end."""

    def __init__(self, home: int, host: socket.socket, secret: str):
        self.home, self.host, self.secret = home, host, secret
        self.doomed: list[Letter] = []
        self.late: list[Letter] = []
        self.indexes: dict[str, int] = {}
        self.bridges: set[str] = set()  # made in this batch: nobody behind them knows anybody yet
        self.last: list[Letter] = []  # what these get when they are up
        self.moved: list[Address] = []  # whose neighbours are to be told

    def place(self, name: str, steps: list[Step]) -> None:
        """Everything of one place; a new namespace gets its name when all of it stands."""
        removals = [step for step in steps if step.op == "-"]
        builds = [step for step in steps if step.op != "-"]
        ends = ((step, host_end(step.resource)) for step in removals)
        self.doomed += [Letter(step, rtnl.doomed(end)) for step, end in ends if end]
        rest = [step for step in removals if not host_end(step.resource)]
        if builds or any(isinstance(step.resource, Namespace) for step in rest):
            self.bury()
        for step in builds:
            if isinstance(step.resource, Veth):
                master = self.index(step.resource.bridge) if step.resource.bridge else 0
                self.late += [Letter(step, message) for message in rtnl.outer_settings(step.resource, master)]
        builds = [step for step in builds if not outer_only(step)]
        outside = [step for step in rest if isinstance(step.resource, Namespace | File)]
        if not name:
            Visit(self, self.host, HOST).all(rest + builds)
        elif builds or (len(outside) < len(rest) and netns.exists(name)):
            self.sandbox(name, rest + builds)
        else:  # nobody need go in, or all else went with the namespace
            Visit(self, self.host, HOST).all(outside)

    def sandbox(self, name: str, steps: list[Step]) -> None:
        new = any(isinstance(step.resource, Namespace) and step.op == "+" for step in steps)
        try:
            netns.make() if new else netns.enter(name)
            with open_socket() as channel:
                Visit(self, channel, name, new=new).all(steps)
            if new:
                netns.publish(name)
        except OSError as error:
            raise refused(steps[0], error.errno or errno.EIO, str(error)) from error
        finally:
            netns.back(self.home)

    def index(self, name: str) -> int:
        """Of a link of the host; the thread may be elsewhere, the socket is not."""
        if name not in self.indexes:
            self.indexes[name] = rtnl.index_of(self.host, name)
        return self.indexes[name]

    def bury(self) -> None:
        if self.doomed:
            last = Letter(self.doomed[-1].step, rtnl.delete_doomed())
            post(self.host, [*self.doomed, last])
            self.doomed.clear()
            self.indexes.clear()

    def finish(self) -> None:
        self.bury()
        ports = [letter for letter in self.late if isinstance(letter.step.resource, Veth)]
        bridges = [letter for letter in self.late if not isinstance(letter.step.resource, Veth)]
        post(self.host, ports + bridges + self.last)
        for ns, addresses in groupby(self.moved, key=lambda address: address.ns):
            netns.enter(ns)
            for address in addresses:
                announce(address.link, address.ip)
            netns.back(self.home)


class Visit:
    """The steps of one place: messages gather until something else must happen between them."""

    def __init__(self, run: Run, channel: socket.socket, ns: str, *, new: bool = False):
        self.run, self.channel, self.ns = run, channel, ns
        self.next_index = 2 if new else 0  # 1 is lo; in a namespace of our making we know every index
        self.pending: list[Letter] = []
        self.indexes: dict[str, int] = {}
        self.seen: dict[str, rtnl.Seen] = {}  # links as they came, for their settings
        self.quiet: set[str] = set()  # links whose neighbours need not be told, or are told otherwise

    def all(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self.take(step)
        self.flush()

    def flush(self) -> None:
        if self.pending:
            post(self.channel, self.pending)
            self.pending.clear()

    def add(self, step: Step, *messages: Message) -> None:
        self.pending += [Letter(step, message) for message in messages]

    def index(self, link: str) -> int:
        if not link:
            return 0
        if link not in self.indexes:
            self.flush()
            self.indexes[link] = rtnl.index_of(self.channel, link)
        return self.indexes[link]

    def take(self, step: Step) -> None:
        gone = step.op == "-"
        old = None if step.op == "+" else step.old  # what is made anew holds nothing of what it replaces
        try:
            match step.resource:
                case Address() as a:
                    self.address(step, a)
                case Route() as r:
                    new = step.op == "+" and step.old is None
                    self.add(step, inet.route(r, self.index(r.link), delete=gone, new=new))
                case Rule() as r:
                    self.add(step, inet.rule(r, delete=gone))
                case Bridge() as b:
                    self.bridge(step, b, old)
                case Veth() as v:
                    self.veth(step, v)
                case Link() as link if gone:
                    self.add(step, links.removal(link))
                case Link() as link:
                    self.stacked(step, link, old)
                case Entries(link=link) | Neighbours(link=link) as bulk_:
                    index = self.index(link)
                    self.flush()
                    self.many(step, bulk.messages(bulk_, old, index, gone=gone))
                case Station() as s:
                    self.station(step, s)
                case _:
                    self.flush()
                    self.other(step, gone=gone)
        except OSError as error:
            if not (gone and error.errno in GONE):
                raise refused(step, error.errno or errno.EIO, error.strerror or str(error)) from error

    def many(self, step: Step, messages: Iterable[Message]) -> None:
        """As `post`, without an envelope for each."""
        for refusal in send(self.channel, list(messages)):
            if not (step.op == "-" and refusal.number in GONE):
                raise refused(step, refusal.number, refusal.words)

    def other(self, step: Step, *, gone: bool) -> None:
        match step.resource:
            case Namespace() as n if gone:
                netns.remove(n.name)
            case Namespace() as n:
                self.add(step, *rtnl.lo(n))
            case Sysctl() as s if not gone and not self.stands(s):
                sandbox.write(s)
            case File() as f:
                files.remove(f) if gone else files.write(f)
            case Router() as r:
                running = step.op == "~" and getattr(step.old, "running", False)
                frr.remove() if gone else frr.write(r, running=running)

    def station(self, step: Step, station: Station) -> None:
        """On the host, when the port is where it shall be."""
        self.flush()
        port = self.run.index(station.port)
        gone, here = (Letter(step, bulk.station(station, port, gone=x)) for x in (True, False))
        # What FRR has told of the MAC is taken over by the first, and its mark (NTF_EXT_LEARNED), which the
        # kernel leaves on it, is lost with the second.
        self.run.last += [gone] if step.op == "-" else [here, gone, here]

    def address(self, step: Step, address: Address) -> None:
        message = inet.address(address, self.index(address.link), delete=step.op == "-")
        if self.ns == HOST and address.link in self.run.bridges:
            # Linux makes a link's multicast route, which neighbour discovery needs, when it is given an
            # address
            # while up; else linkwatch does, up to a second later.
            self.run.last.append(Letter(step, message))
            return
        self.add(step, message)
        if step.op == "+" and self.ns != HOST and address.link not in self.quiet:
            self.run.moved.append(address)

    def stands(self, sysctl: Sysctl) -> bool:
        """Whether the link came with this value: asking it costs 20 us, opening a file below /proc/sys up
        to 1 ms, since the kernel looks through the entries of that name in all namespaces
        (proc_sys_compare)."""
        if sysctl.link and sysctl.link not in self.seen:
            self.seen[sysctl.link] = rtnl.link_called(self.channel, sysctl.link)
        seen = self.seen.get(sysctl.link)
        return seen is not None and rtnl.setting(seen, sysctl.name) == sysctl.value

    def bridge(self, step: Step, bridge: Bridge, old: Resource | None) -> None:
        if step.op == "+":
            self.run.bridges.add(bridge.name)
            self.add(step, *rtnl.new_bridge(bridge))
        self.add(step, *rtnl.bridge_settings(bridge, old))
        self.run.late.append(Letter(step, rtnl.raised(bridge, bridge.name)))

    def stacked(self, step: Step, link: Link, old: Resource | None) -> None:
        """Made on the host, where its parent is, straight into this namespace."""
        self.flush()
        if step.op == "+":
            parent = getattr(link, "parent", "")
            with netns.kept() as here:
                made = links.create(link, self.run.index(parent) if parent else 0, here)
                post(self.run.host, [Letter(step, made)])
            if link.ns != HOST:
                self.name(step, link)
        if isinstance(link, Wireguard):
            wireguard.configure(link, old, self.run.secret)
        master = self.run.index(link.bridge) if isinstance(link, Vxlan) else 0
        self.add(step, *links.settings(link, master, new=step.op == "+"))

    def name(self, step: Step, link: Link) -> None:
        self.indexes[link.name] = index = rtnl.index_of(self.channel, links.NAMELESS)
        self.next_index = index + 1 if self.next_index else 0
        self.add(step, links.named(link, index))

    def veth(self, step: Step, veth: Veth) -> None:
        """The end inside; the other is the run's."""
        if step.op == "+":
            master = self.run.index(veth.bridge) if veth.bridge else 0
            self.quiet |= {veth.name} if veth.bridge in self.run.bridges else set()
            self.add(step, rtnl.new_veth(veth, self.next_index, self.run.home, master))
            if self.next_index:
                self.indexes[veth.name] = self.next_index
                self.next_index += 1
        self.add(step, *rtnl.inner_settings(veth, new=step.op == "+"))
