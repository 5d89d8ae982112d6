"""Links of ours in namespaces that lost their names: looked for where a link is to be made in their place."""

from collections.abc import Iterator, Set
from contextlib import suppress

from ...kinds.ownership import GROUP, HOST
from ...kinds.stacked_link import ChildLink, Macvlan, NamelessLink
from .. import nameless, netns
from ..netlink import links as rtnl
from ..netlink.links import ALL_LINKS, DELLINK, GETLINK, IFLA_LINK, IFLA_LINK_NETNSID
from ..netlink.nsid import number_of
from ..netlink.socket import Message, dump, open_socket, send
from ..transcript import Transcript, doubt, noting
from .table import Kind, Readings, Requests, Seen, Step, register


def asked(readings: Readings, places: Set[str]) -> Iterator[NamelessLink]:
    """What holds the MACs or addresses of links that are wanted in sandboxes which do not stand."""
    lost = [r for r in readings.wanted(ChildLink) if r.place and r.place not in readings.names]
    if not lost or HOST not in places:
        return
    doubt("")  # processes come and go
    parents = {link.name: index for index, link in readings.view(HOST).links.items()}
    kept = ((one, seen) for one in nameless.processes(netns.names()) for seen in children(one.pid))
    for (pid, process), seen in kept:
        near = (r for r in lost if parents.get(r.parent) == seen.number(IFLA_LINK))
        if r := next((r for r in near if is_of(seen, r)), None):
            yield NamelessLink(
                process=process, pid=str(pid), name=seen.name, project=r.project, parent=r.parent
            )


def children(pid: int) -> list[Seen]:
    """The links there that are ours and stand on links of the host; none where nobody can look."""
    found, host = [], -1
    with suppress(OSError), noting(Transcript()), nameless.entered(pid) as home, open_socket() as channel:
        host = number_of(home, channel)
        found = list(map(Seen, dump(channel, GETLINK, ALL_LINKS)))
    ours = (seen for seen in found if seen.group == GROUP and IFLA_LINK_NETNSID in seen.found)
    return [seen for seen in ours if seen.number(IFLA_LINK_NETNSID) == host]


def is_of(seen: Seen, wanted: ChildLink) -> bool:
    """By what Linux lets one link of a parent have alone; else by the mark."""
    if isinstance(wanted, Macvlan) and wanted.mac:
        return (seen.kind, seen.mac) == ("macvlan", wanted.mac)
    return (seen.kind, seen.alias) == (type(wanted).__name__.lower(), wanted.alias)


def remove(_: Requests, __: Step, link: NamelessLink) -> None:
    if any(seen.name == link.name for seen in children(int(link.pid))):
        with nameless.entered(int(link.pid)), open_socket() as channel:
            for refusal in send(channel, [Message(DELLINK, 0, rtnl.named(link.name))]):
                raise OSError(refusal.number, refusal.words)


register(Kind(of=NamelessLink, remove=remove, asked=asked, at_once=True))
