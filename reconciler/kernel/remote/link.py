"""A link that a plugin has made on the host: into a sandbox, with its addresses and routes, and back.

Nothing of it bears a mark of ours: what it is follows from the plugin's answers, not from a plan.
"""

import errno
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from ...values import record
from .. import netns
from ..apply.evict import evict
from ..kinds.address import IFA_ADDRESS, IFA_F_NODAD, IFA_FLAGS, IFA_LOCAL, IFADDR
from ..kinds.route import LINK, MAIN, ONLINK, RTA_DST, RTA_GATEWAY, RTA_OIF, RTMSG, TYPES
from ..netlink import links as rtnl
from ..netlink.links import DELLINK, GETADDR, IFLA_IFNAME, INET6, NEWADDR, NEWLINK, NEWROUTE, packed
from ..netlink.socket import CREATE, REPLACE, Message, attr, dump, open_socket, send, text, u32
from ..procfs import Procfs

STATIC = 4  # RTPROT_STATIC
UNIVERSE = 0  # RT_SCOPE_UNIVERSE


@record
class Placed:
    """The link as it is to be in its sandbox."""

    ns: str
    name: str
    source: str  # its name on the host
    mac: str = ""
    mtu: int = 0
    addresses: Sequence[str] = ()
    routes: Sequence[tuple[str, str]] = ()  # (prefix, gateway); "" is a neighbour's


def move_in(link: Placed) -> None:
    """Raises OSError where something of it is refused."""
    with netns.kept(), open_socket() as host, opened(link.ns) as sandbox, open_inside(link.ns) as inside:
        index = free(host, link.source)
        make_room(inside, link.name)
        carry_out(host, [lowered(index), moved(index, sandbox, link.name)])
        netns.enter(link.ns)
        settle(inside, link)


def settle(channel: socket.socket, link: Placed) -> None:
    """While the thread is in there."""
    index = rtnl.index_of(channel, link.name)
    with suppress(FileNotFoundError):  # a kernel without IPv6
        set_ipv6(link, on=any(":" in ip for ip in link.addresses))
    told = rtnl.hardware(link.mac) if link.mac else b""
    told += u32(rtnl.IFLA_MTU, link.mtu) if link.mtu else b""
    carry_out(channel, [Message(NEWLINK, 0, rtnl.ifinfo(index) + told)] if told else [])
    carry_out(channel, [Message(NEWLINK, 0, rtnl.ifinfo(index, rtnl.UP, rtnl.UP))])
    carry_out(channel, [address(index, ip) for ip in link.addresses])
    carry_out(channel, [*routes(index, link.routes)])


def set_ipv6(link: Placed, *, on: bool) -> None:
    """It is off where the network has none (CVE-2024-32473)."""
    with closing(Procfs()) as proc:
        for name, value in (("disable_ipv6", "0" if on else "1"), *([("accept_ra", "0")] if on else [])):
            fd = proc.open(link.ns, f"net/ipv6/conf/{link.name}/{name}", os.O_WRONLY)
            try:
                os.write(fd, value.encode())
            finally:
                os.close(fd)


def address(index: int, given: str) -> Message:
    ip, _, length = given.partition("/")
    family, raw = packed(ip)
    body = IFADDR.pack(family, int(length), 0, 0, index) + attr(IFA_LOCAL, raw) + attr(IFA_ADDRESS, raw)
    body += u32(IFA_FLAGS, IFA_F_NODAD) if family == INET6 else b""
    return Message(NEWADDR, CREATE | REPLACE, body)


def routes(index: int, wanted: Iterable[tuple[str, str]]) -> Iterator[Message]:
    """A gateway is on the link whatever its addresses are: a plugin may give one that is in none."""
    for dst, via in wanted:
        ip, _, length = dst.partition("/")
        family, raw = packed(ip)
        scope, flags = (0, ONLINK) if via else (LINK if family != INET6 else 0, 0)
        body = RTMSG.pack(family, int(length), 0, 0, MAIN, STATIC, scope, TYPES["unicast"], flags)
        body += attr(RTA_DST, raw) if int(length) else b""
        body += u32(RTA_OIF, index) + (attr(RTA_GATEWAY, packed(via)[1]) if via else b"")
        yield Message(NEWROUTE, CREATE | REPLACE, body)


def move_out(ns: str, name: str, source: str) -> int:
    """Back to the host under its name there, as Docker does before a plugin is told to remove it; its index,
    or 0 where it is not there.  Without a name there it goes."""
    with netns.kept() as home:
        try:
            inside = open_inside(ns)
        except OSError:
            return 0
        with inside:
            try:
                index = rtnl.index_of(inside, name)
            except OSError:
                return 0
            if not source:
                make_room(inside, name)
                return 0
            if send(inside, [lowered(index), moved(index, home, source)]):
                make_room(inside, name)  # the name is taken by now: then it goes here
                return 0
    with open_socket() as host:
        return index_of(host, source)


def remove_left(source: str, index: int) -> None:
    """What a plugin has forgotten of: the link that was its own when it was moved out, and no other."""
    with open_socket() as host, suppress(OSError):
        if rtnl.index_of(host, source) == index:
            send(host, [Message(DELLINK, 0, rtnl.ifinfo(index))])


@contextmanager
def opened(ns: str) -> Iterator[int]:
    """A descriptor of a namespace."""
    number = netns.opened(ns)
    try:
        yield number
    finally:
        os.close(number)


def open_inside(ns: str) -> socket.socket:
    """A channel to a namespace; the thread is back where it was."""
    with netns.kept():
        netns.enter(ns)
        return open_socket()


def make_room(channel: socket.socket, name: str) -> None:
    try:
        rtnl.link_called(channel, name)
    except OSError:
        return
    evict(channel, name)


def free(host: socket.socket, name: str) -> int:
    """The index of a link that a plugin may have made; raises OSError where it is ours, or the host's own."""
    index = index_of(host, name)
    if rtnl.link_called(host, name).ours or name == "lo":
        raise OSError(errno.EBUSY, f"it tells of {name}, which is no link of its own")
    found = dump(host, GETADDR, IFADDR.pack(0, 0, 0, 0, index))
    if any(IFADDR.unpack_from(body)[3:] == (UNIVERSE, index) for body in found):
        raise OSError(errno.EBUSY, f"it tells of {name}, which has addresses of the host")
    return index


def index_of(channel: socket.socket, name: str) -> int:
    try:
        return rtnl.index_of(channel, name)
    except OSError as error:
        words = f"it tells of a link {name} that is not there"
        raise OSError(error.errno or errno.ENODEV, words) from None


def moved(index: int, namespace: int, name: str) -> Message:
    """To another namespace, where it is called so."""
    return Message(NEWLINK, 0, rtnl.ifinfo(index) + rtnl.namespace(namespace) + text(IFLA_IFNAME, name))


def lowered(index: int) -> Message:
    return Message(NEWLINK, 0, rtnl.ifinfo(index, 0, rtnl.UP))


def carry_out(channel: socket.socket, messages: Sequence[Message]) -> None:
    for refusal in send(channel, messages):
        raise OSError(refusal.number, refusal.words)
