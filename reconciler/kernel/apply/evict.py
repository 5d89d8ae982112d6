"""Make room in a sandbox for a link of ours, whatever has its name."""

import socket

from ..netlink import links as rtnl
from ..netlink.links import DELLINK, NEWLINK
from ..netlink.socket import Message, nest, send, text

DELLINKPROP = 109


def evict(channel: socket.socket, name: str) -> None:
    """A link goes, one that cannot is renamed, and a further name of another link is taken off it."""
    seen = rtnl.link_called(channel, name)
    if seen.name != name:
        refusals = send(channel, [nameless(seen.index, name)])
    elif refusals := send(channel, [Message(DELLINK, 0, rtnl.ifinfo(seen.index))]):
        refusals = send(channel, renamed(seen.index, f"was{seen.index}"))
    for refusal in refusals:
        raise OSError(refusal.number, refusal.words)


def nameless(index: int, name: str) -> Message:
    return Message(
        DELLINKPROP, 0, rtnl.ifinfo(index) + nest(rtnl.IFLA_PROP_LIST, text(rtnl.IFLA_ALT_IFNAME, name))
    )


def renamed(index: int, name: str) -> list[Message]:
    """Down meanwhile, since Linux before 6.2 renames nothing that is up."""
    down, up = (Message(NEWLINK, 0, rtnl.ifinfo(index, flags, rtnl.UP)) for flags in (0, rtnl.UP))
    return [down, Message(NEWLINK, 0, rtnl.ifinfo(index) + text(rtnl.IFLA_IFNAME, name)), up]
