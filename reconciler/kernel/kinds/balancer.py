"""Virtual servers in sandboxes: a table of nftables that is compared and changed as the host's own is."""

import errno
import os
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ...core.resource import state
from ...errors import KernelError, ReconcileError
from ...kinds.balancer import TABLE, Balancer, Server, contents, servers, skeleton
from ...kinds.nft import Element
from .. import looking, netns
from ..apply.requests import refused
from ..lock import RUN
from ..netlink import conntrack
from ..nft import sandbox
from ..nft.sandbox import Frozen, Prepared
from ..transcript import EVERYWHERE
from .table import Batch, Kind, Readings, Requests, Step, register, remembered

ABREAST = 32  # transactions at a time: more do not end sooner
End = tuple[str, str]  # a virtual address, and one of those behind it
FOLDER = f"{RUN}/balancers"  # a file for each sandbox that has some: others are not asked


def mark(ns: str) -> str:
    return f"{FOLDER}/{ns}"


def put(requests: Requests, step: Step, new: Balancer) -> None:
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    open(mark(new.ns), "w").close()
    requests.batch.later(balance, step)


def remove(requests: Requests, step: Step, old: Balancer) -> None:
    with suppress(FileNotFoundError):
        os.unlink(mark(old.ns))
    requests.batch.later(balance, step)


def balance(batch: Batch, steps: list[Step]) -> None:
    """Many sandboxes at a time: what takes something away waits for all processors (synchronize_rcu in
    nf_tables_commit).  What all of them are told is worked out before there are threads."""
    for step in steps:
        transactions(step)
    with ThreadPoolExecutor(min(ABREAST, len(steps))) as pool:
        found = list(pool.map(refusal, steps))
    for step, error in ((step, error) for step, error in zip(steps, found, strict=True) if error):
        with batch.confined(step.resource.place):
            raise error


def refusal(step: Step) -> Exception | None:
    """What a sandbox says to it, if not yes; on a thread that is there when it ends."""
    try:
        netns.enter(step.resource.place)
    except FileNotFoundError as error:
        return None if step.op == "-" else refused(step, errno.ENOENT, str(error))
    try:
        carry_out(*transactions(step))
        old, new = step.old, step.resource
        if step.op != "-" and isinstance(old, Balancer) and isinstance(new, Balancer):
            conntrack.forget_behind(*departed(old.servers, new.servers))
    except ReconcileError as error:
        return KernelError(str(step), getattr(error, "number", 0), error.message, step.resource.where)
    return None


def carry_out(likely: Prepared, surely: Prepared) -> None:
    """What stands may be otherwise than was read: who is root there may change it at any time."""
    try:
        sandbox.commit(likely)
    except KernelError:
        sandbox.commit(surely)


def transactions(step: Step) -> tuple[Prepared, Prepared]:
    """From what was read, and from whatever is there."""
    assert isinstance(new := step.resource, Balancer)
    if step.op == "-":
        return gone(), gone()
    old = step.old if isinstance(step.old, Balancer) and step.op == "~" else None
    whole = anew(new.servers)
    return (whole if not old or old.altered else between(old.servers, new.servers)), whole


@sandbox.cached
def gone() -> Prepared:
    return sandbox.replacement(TABLE, [])


@sandbox.cached
def anew(wanted: tuple[Server, ...]) -> Prepared:
    return sandbox.replacement(TABLE, contents(wanted))


@sandbox.cached
def between(old: tuple[Server, ...], new: tuple[Server, ...]) -> Prepared:
    return sandbox.change(contents(old), contents(new))


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
        found = sandbox.look()
    if found == ():
        return None
    said, altered = meaning(found) if found else ((), True)
    return Balancer(ns=ns, servers=() if altered else said, altered=altered)


@sandbox.cached
def meaning(found: tuple[Frozen, ...]) -> tuple[tuple[Server, ...], bool]:
    """What these tables say, and whether that is all."""
    known = sandbox.read(found, skeleton())
    said = tuple(servers(r for r in known if isinstance(r, Element)))
    return said, state(*known) != state(*contents(said))


def asked(readings: Readings, places: Set[str]) -> Iterator[Balancer]:
    marked = {*looking.listing(FOLDER, EVERYWHERE)}
    for ns in sorted(places & marked):
        if found := balancer(readings, ns):
            yield found


register(Kind(of=Balancer, put=put, remove=remove, at_once=True, places=(False, False), asked=asked))
