"""Virtual servers in sandboxes: a table of nftables that is compared and changed as the host's own is."""

import os
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress

from ...core.plan import plan
from ...core.resource import State, state
from ...kinds.balancer import Balancer, Server, servers, skeleton
from ...kinds.nft import Element
from .. import looking, netns, nft
from ..lock import RUN
from ..netlink import conntrack
from ..nft import sandbox
from ..transcript import EVERYWHERE
from .table import Kind, Readings, Requests, Step, register, remembered

End = tuple[str, str]  # a virtual address, and one of those behind it
FOLDER = f"{RUN}/balancers"  # a file for each sandbox that has some: others are not asked


def mark(ns: str) -> str:
    return f"{FOLDER}/{ns}"


def put(requests: Requests, step: Step, new: Balancer) -> None:
    requests.flush()
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    open(mark(new.ns), "w").close()
    become(state(*new.contents))
    if isinstance(step.old, Balancer):
        conntrack.forget_behind(*departed(step.old.servers, new.servers))


def remove(requests: Requests, _: Step, old: Balancer) -> None:
    requests.flush()
    become({})
    with suppress(FileNotFoundError):
        os.unlink(mark(old.ns))


def become(wanted: State) -> None:
    """The ruleset of the namespace that the thread is in."""
    nft.execute(plan(state(*sandbox.read(skeleton())), wanted))


def departed(old: Sequence[Server], new: Sequence[Server]) -> tuple[set[End], set[End]]:
    """Who stands no more behind which address, and who takes nothing new there from now on."""
    was, now = dict(pairs(old)), dict(pairs(new))
    return was.keys() - now.keys(), {one for one, share in now.items() if not share and was.get(one)}


def pairs(servers: Sequence[Server]) -> Iterator[tuple[End, int]]:
    return (((ip, backend), share) for ip, _, backends in servers for backend, share in backends)


@remembered(ends=False)
def balancer(readings: Readings, ns: str) -> Balancer | None:
    with netns.kept():
        netns.enter(ns)
        found = sandbox.read(skeleton())
    if not found:
        return None
    made = Balancer(ns=ns, servers=tuple(servers(r for r in found if isinstance(r, Element))))
    return made if state(*found) == state(*made.contents) else Balancer(ns=ns, altered=True)


def asked(readings: Readings, places: Set[str]) -> Iterator[Balancer]:
    marked = {*looking.listing(FOLDER, EVERYWHERE)}
    for ns in sorted(places & marked):
        if found := balancer(readings, ns):
            yield found


register(Kind(of=Balancer, put=put, remove=remove, at_once=True, places=(False, False), asked=asked))
