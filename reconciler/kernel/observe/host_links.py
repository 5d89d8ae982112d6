"""The host's links, kept from one look to the next: the kernel tells which of them are no longer what they
were, and these alone are read again.  A thousand of them take 30 ms to read.

Of settings below /proc/sys it tells nothing: a link has those that it had when it was last told of, which
matters to nobody who is here for one sandbox.
"""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress

from ...kinds.ownership import ALIAS, GROUP, alias
from ..netlink.links import ALL_LINKS, GETLINK, IFINFO, IFLA_EXT_MASK, IFLA_MASTER, SKIP_STATS, Seen, ifinfo
from ..netlink.socket import BUFFER, SOL_NETLINK, dump, frames, get_unnoted, u32

LINK_GROUP, TRAFFIC_GROUP, ADD_MEMBERSHIP = 1, 4, 1  # RTNLGRP_LINK, RTNLGRP_TC, NETLINK_ADD_MEMBERSHIP
ROOM = 1 << 20  # bytes of what is yet to be heard; what is more is answered by reading all


class HostLinks:
    """Of the namespace that the thread is in when it is first asked; without the ends of pairs that lead to
    sandboxes, but for who is `near`, if somebody is."""

    def __init__(self) -> None:
        self.ears: socket.socket | None = None
        self.near = ""
        self.known: dict[str, dict[int, Seen]] = {}  # by the sandbox that they lead to,
        self.places: dict[int, str] = {}  # and which that is

    def now(self, channel: socket.socket) -> dict[int, Seen]:
        """By index, in their order."""
        try:
            for index in self.heard(channel) if self.ears else self.all(channel):
                self.renew(index, channel)
        except BaseException:
            self.forget()  # what was told is not told again
            raise
        places = ("", self.near) if self.near else self.known
        return dict(sorted(one for place in places for one in self.known.get(place, {}).items()))

    def forget(self) -> None:
        if self.ears:
            self.ears.close()
        self.ears = None

    def all(self, channel: socket.socket) -> set[int]:
        """Heard from before they are read: what changes meanwhile is read again."""
        self.ears = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, channel.proto)
        self.ears.bind((0, 0))  # who has no number is told nothing
        self.ears.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        for group in (LINK_GROUP, TRAFFIC_GROUP):  # a link tells what its queueing discipline is called
            self.ears.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
        self.known, self.places = {}, {}
        for body in dump(channel, GETLINK, ALL_LINKS):
            self.keep(Seen(body))
        return set()

    def keep(self, seen: Seen) -> None:
        self.drop(seen.index)
        self.places[seen.index] = place = leads_to(seen)
        self.known.setdefault(place, {})[seen.index] = seen

    def drop(self, index: int) -> None:
        place = self.places.pop(index, "")
        there = self.known.get(place, {})
        there.pop(index, None)
        if not there:
            self.known.pop(place, None)

    def heard(self, channel: socket.socket) -> set[int]:
        """The links that something was told of, in messages whose index stands in one place; where that
        was more than could be heard, all are read."""
        try:
            return {IFINFO.unpack_from(body)[2] for data in self.datagrams() for *_, body in frames(data)}
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        self.forget()
        return self.all(channel)

    def datagrams(self) -> Iterator[bytes]:
        with suppress(BlockingIOError):
            while self.ears:
                yield self.ears.recv(BUFFER, socket.MSG_DONTWAIT)

    def renew(self, index: int, channel: socket.socket) -> None:
        self.drop(index)
        try:
            one = get_unnoted(channel, GETLINK, ifinfo(index) + u32(IFLA_EXT_MASK, SKIP_STATS))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
        else:
            self.keep(Seen(one))


def leads_to(seen: Seen) -> str:
    """The sandbox that a pair's end of ours leads to, or that what is beside it is of, as its alias says; ""
    where it says none."""
    port = seen.kind == "veth" and bool(seen.number(IFLA_MASTER))
    ours = seen.group == GROUP and (port or seen.kind == "ifb")
    words = seen.alias.removeprefix(f"{ALIAS}/").split("/") if ours else []
    return words[1] if len(words) == 3 and seen.alias == alias(*words) else ""
