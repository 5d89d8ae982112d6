"""The forwarding entries of VXLAN links: where the tunnel sends frames for a MAC, and that the bridge never
believes it to be elsewhere (`sticky`)."""

from collections.abc import Iterator

from ...kinds.overlay import NOBODY, FdbEntries, OddFdbEntries
from ...kinds.ownership import GROUP, HOST, owner
from ..netlink import neighbours as ndm
from ..netlink.links import IFLA_MASTER, ip_of
from ..netlink.neighbours import DELNEIGH, GETNEIGH, NDMSG, NEWNEIGH, dst, mac, unpacked
from ..netlink.socket import CREATE, REPLACE, Message, dump, open_socket
from .link import absent_link
from .router import routers
from .table import Kind, Readings, Requests, Resource, Seen, Step, register, remembered

APPEND = 0x800


def change(requests: Requests, step: Step, entries: FdbEntries) -> None:
    wanted, link = () if step.op == "-" else entries.entries, requests.index(entries.link)
    requests.send(step, changes(link, wanted, step.before))


def remove_odd(requests: Requests, step: Step, odd: OddFdbEntries) -> None:
    link = requests.index(odd.link)
    requests.send(step, (one for address in odd.macs for one in forgotten(link, address)))


def changes(link: int, wanted: tuple[str, ...], old: Resource | None) -> Iterator[Message]:
    """What is no longer wanted goes, then everything wanted is set: what stands
    already costs a microsecond."""
    before = old.entries if isinstance(old, FdbEntries) else ()
    for entry in set(before).difference(wanted):
        yield from forgotten(link, *entry.split(" "))
    for entry in wanted:
        yield new_entry(link, *entry.split(" "))


def new_entry(link: int, address: str, host: str) -> Message:
    if address == NOBODY:
        head = NDMSG.pack(ndm.PF_BRIDGE, link, ndm.NUD_PERMANENT, ndm.NTF_SELF, 0)
        return Message(NEWNEIGH, CREATE | APPEND, head + mac(address) + dst(host))
    both = NDMSG.pack(ndm.PF_BRIDGE, link, ndm.NUD_STATIC, ndm.NTF_SELF | ndm.NTF_MASTER | ndm.NTF_STICKY, 0)
    return Message(NEWNEIGH, CREATE | REPLACE, both + mac(address) + dst(host))


def forgotten(link: int, address: str, host: str = "") -> Iterator[Message]:
    """Without a host, whatever hosts it names."""
    to = dst(host) if host else b""
    yield Message(
        DELNEIGH, 0, NDMSG.pack(ndm.PF_BRIDGE, link, ndm.NUD_STATIC, ndm.NTF_SELF, 0) + mac(address) + to
    )
    yield ndm.forgotten_at_port(link, address)


@remembered(ends=False)
def decode(readings: Readings, ns: str) -> list[FdbEntries | OddFdbEntries]:
    links = readings.view(ns).links
    tunnels = (seen for seen in links.values() if seen.group == GROUP and seen.kind == "vxlan")
    return [
        table
        for seen in tunnels
        if (bridge := links.get(seen.number(IFLA_MASTER)))
        for table in tables(seen, bridge, by_frr=is_told(readings, seen))
    ]


def is_told(readings: Readings, tunnel: Seen) -> bool:
    """Whether FRR tells what is behind it; if no alias says, FRR's entries are not taken for ours."""
    projects = {r.project for r in routers(readings, HOST)}
    return bool(projects) and owner(tunnel.alias) in projects | {""}


def tables(tunnel: Seen, bridge: Seen, *, by_frr: bool) -> Iterator[FdbEntries | OddFdbEntries]:
    """What stands of ours at a VXLAN link; where FRR has told what is elsewhere, it says also who gets what
    is for everybody, in entries that tell nothing of whose they are."""
    with open_socket() as channel:
        found = dump(channel, GETNEIGH, NDMSG.pack(ndm.PF_BRIDGE, tunnel.index, 0, 0, 0))
    entries, odd = entries_of(found, tunnel.index, by_frr=by_frr)
    if entries:
        yield FdbEntries(link=tunnel.name, bridge=bridge.name, entries=tuple(sorted(entries)))
    if odd:
        yield OddFdbEntries(link=tunnel.name, macs=tuple(odd))


def entries_of(found: list[bytes], link: int, *, by_frr: bool) -> tuple[list[str], list[str]]:
    """The entries whose two halves are as we make them, and the MACs of all others but FRR's."""
    hosts: dict[str, list[str]] = {}
    sticky: set[str] = set()
    odd: set[str] = set()
    for body in found:
        index, state, flags, there = unpacked(body)
        address = there[ndm.NDA_LLADDR].hex(":") if index == link else ""
        if not address or (by_frr and (flags & ndm.NTF_EXT_LEARNED or address == NOBODY)):
            continue
        if flags & ndm.NTF_EXT_LEARNED:
            odd.add(address)
        elif raw := there.get(ndm.NDA_DST):
            hosts.setdefault(address, []).append(ip_of(raw))
        elif ndm.NDA_MASTER in there and state == ndm.NUD_NOARP and flags & ndm.NTF_STICKY:
            sticky.add(address)
    odd |= sticky ^ (hosts.keys() - {NOBODY})
    whole = [f"{mac} {ip}" for mac, ips in hosts.items() if mac not in odd for ip in ips]
    return whole, sorted(odd)


register(Kind(of=FdbEntries, put=change, remove=change, decode=decode, missing=absent_link))
register(Kind(of=OddFdbEntries, remove=remove_odd, missing=absent_link))
