"""One place of a batch: steps become messages, in as few sends as what comes between them allows."""

import errno
import socket
from collections.abc import Iterable

from ...core.plan import Step
from ...core.resource import Resource
from ...kinds.address import Address
from ...kinds.bridge_port import BridgePort
from ...kinds.evpn import Router
from ...kinds.file import File
from ...kinds.link import Bridge, Intruder, Link, Veth
from ...kinds.namespace import Namespace
from ...kinds.overlay import FdbEntries, Neighbours, OddFdbEntries, Vxlan
from ...kinds.ownership import HOST
from ...kinds.route import Route
from ...kinds.rule import Rule
from ...kinds.sysctl import Sysctl
from ...kinds.wireguard import Wireguard
from .. import files, frr, netns, records
from ..netlink import addresses_routes_rules, bridge_ports, fdb_neighbours, stacked_links, wireguard
from ..netlink import links as rtnl
from ..netlink.socket import Message, send
from ..observe import namespace
from .announce import Moved
from .evict import evict
from .requests import GONE, Letter, post, refused


class Batch:
    """What all its places share: where it started, and what comes when all of them are done."""

    def __init__(self, home: int, host: socket.socket, secret: str):
        self.home, self.host, self.secret = home, host, secret
        self.indexes: dict[str, int] = {}
        self.bridges: dict[str, Bridge] = {}  # made in this batch
        self.raised: list[Letter] = []  # bridges that go up
        self.rising: set[str] = set()  # their names
        self.last: list[Letter] = []  # what comes when they are
        self.moved: list[Moved] = []  # whose neighbours are to be told

    def index(self, name: str) -> int:
        """Of a link of the host; the thread may be elsewhere, the socket is not."""
        if name not in self.indexes:
            self.indexes[name] = rtnl.index_of(self.host, name)
        return self.indexes[name]

    def station(self, veth: Veth, old: Resource | None) -> list[Message]:
        """The one MAC behind a port of a bridge, and no longer the one that was."""
        port, before = self.index(veth.host_name), old.mac if isinstance(old, Veth) else veth.mac
        gone = [fdb_neighbours.no_station(port, before)] if before != veth.mac else []
        return [*gone, *fdb_neighbours.stationed(port, veth.mac, veth.station)]

    def tags(self, step: Step, port: str) -> list[Message]:
        """The VLANs of a port of a bridge, where it has or had any."""
        vlans = getattr(step.resource, "vlans", ())
        return (
            bridge_ports.membership(self.index(port), vlans)
            if vlans or getattr(step.old, "vlans", ())
            else []
        )


class Visit:
    """The steps of one place: messages gather until something else must happen between them."""

    def __init__(self, batch: Batch, channel: socket.socket, ns: str, *, new: bool = False):
        self.batch, self.channel, self.ns = batch, channel, ns
        self.next_index = 2 if new else 0  # 1 is lo; in a namespace of our making we know every index
        self.pending: list[Letter] = []
        self.indexes: dict[str, int] = {}
        self.seen: dict[str, rtnl.Seen] = {}  # links as they came, for their settings
        self.fresh: dict[str, str] = {}  # pairs made here, with their ends on the host
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
                    self.route(step, r, gone=gone)
                case Rule() as r:
                    # Twice: Linux deletes the first that has all this, which may be one that asks for more.
                    self.add(step, *[addresses_routes_rules.rule(r, delete=gone)] * (2 if gone else 1))
                case Bridge() as b:
                    self.bridge(step, b, old)
                case Veth() as v:
                    self.veth(step, v, old)
                case Intruder() as i:
                    self.flush()
                    evict(self.channel, i.name)
                case BridgePort() as p:
                    self.port(step, p, gone=gone)
                case Link() as link if gone:
                    self.add(step, stacked_links.removal(link))
                case Link() as link if isinstance(link, stacked_links.Stacked):
                    self.stacked(step, link, old)
                case FdbEntries(link=link) | OddFdbEntries(link=link) | Neighbours(link=link) as bulk_:
                    index = self.index(link)
                    self.flush()
                    self.many(step, fdb_neighbours.messages(bulk_, old, index, gone=gone))
                case _:
                    self.flush()
                    self.other(step, gone=gone)
        except OSError as error:
            if not (gone and error.errno in GONE):
                raise refused(step, error.errno or errno.EIO, error.strerror or str(error)) from error

    def many(self, step: Step, messages: Iterable[Message]) -> None:
        """As `post`, without an envelope for each."""
        sent = list(messages)
        for refusal in send(self.channel, sent):
            if not (sent[refusal.at].deletes and refusal.number in GONE):
                raise refused(step, refusal.number, refusal.words)

    def other(self, step: Step, *, gone: bool) -> None:
        match step.resource:
            case Namespace() as n if gone:
                netns.remove(n.name)
            case Namespace() as n:
                self.add(step, *rtnl.lo(n))
                if step.op == "~":  # a new one gets its record with its name
                    records.write(n.name, n.project)
            case Sysctl() as s if not gone and not self.stands(s):
                namespace.write(s)
            case File() as f:
                files.remove(f) if gone else files.write(f)
            case Router() as r:
                running = step.op == "~" and getattr(step.old, "running", False)
                frr.remove() if gone else frr.write(r, self.batch.secret, running=running)

    def address(self, step: Step, address: Address) -> None:
        message = addresses_routes_rules.address(address, self.index(address.link), delete=step.op == "-")
        if self.ns == HOST and address.link in self.batch.bridges:
            # Linux makes a link's multicast route, which neighbour discovery needs, when it is given an
            # address while up; else linkwatch does, up to a second later.
            self.batch.last.append(Letter(step, message))
            return
        self.add(step, message)
        if step.op == "+" and self.ns != HOST and address.link not in self.quiet:
            self.batch.moved.append(Moved(address, self.fresh.get(address.link, "")))

    def route(self, step: Step, route: Route, *, gone: bool) -> None:
        new = step.op == "+" and step.old is None
        message = addresses_routes_rules.route(route, self.index(route.link), delete=gone, new=new)
        if self.ns == HOST and route.link in self.batch.rising:  # until it is up, nothing is routed to it
            self.batch.last.append(Letter(step, message))
        else:
            self.add(step, message)

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
            self.batch.bridges[bridge.name] = bridge
            self.add(step, *rtnl.new_bridge(bridge))
        self.add(step, *rtnl.bridge_settings(bridge, old))
        self.batch.raised.append(Letter(step, rtnl.raised(bridge, bridge.name)))
        self.batch.rising.add(bridge.name)

    def stacked(self, step: Step, link: stacked_links.Stacked, old: Resource | None) -> None:
        """Made on the host, where its parent is, straight into this namespace."""
        self.flush()
        if step.op == "+":
            parent = getattr(link, "parent", "")
            with netns.kept() as here:
                made = stacked_links.create(link, self.batch.index(parent) if parent else 0, here)
                post(self.batch.host, [Letter(step, made)])
            if link.ns != HOST:
                self.name(step, link)
        if isinstance(link, Wireguard):
            wireguard.configure(link, old, self.batch.secret)
        master = self.batch.index(link.bridge) if isinstance(link, Vxlan) else 0
        self.add(step, *stacked_links.settings(link, master, new=step.op == "+"))

    def name(self, step: Step, link: Link) -> None:
        self.indexes[link.name] = index = rtnl.index_of(self.channel, stacked_links.NAMELESS)
        self.next_index = index + 1 if self.next_index else 0
        self.add(step, stacked_links.named(link, index))

    def veth(self, step: Step, veth: Veth, old: Resource | None) -> None:
        """The end inside; the other is the batch's."""
        if step.op == "+":
            master = self.batch.index(veth.bridge) if veth.bridge else 0
            self.fresh[veth.name] = veth.host_name
            new = self.batch.bridges.get(veth.bridge)
            self.quiet |= {veth.name} if new and not new.outer else set()  # nobody there knows anybody yet
            self.add(step, rtnl.new_veth(veth, self.next_index, self.batch.home, master))
            if self.next_index:
                self.indexes[veth.name] = self.next_index
                self.next_index += 1
        self.add(step, *rtnl.inner_settings(veth, old))

    def port(self, step: Step, port: BridgePort, *, gone: bool) -> None:
        self.flush()
        master = 0 if gone else self.batch.index(port.bridge)
        self.add(step, *bridge_ports.lend(port, master), *([] if gone else self.batch.tags(step, port.link)))
