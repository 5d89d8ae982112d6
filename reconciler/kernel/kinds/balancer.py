"""Virtual servers in sandboxes: a table of nftables that is compared and changed as the host's own is."""

import errno
import os
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from functools import lru_cache

from ...core.resource import Resource, state
from ...errors import KernelError, NotPermitted, ReconcileError
from ...kinds.balancer import FORMS, MARKS, TABLE, Balancer, Server, contents, servers, size, skeleton
from ...kinds.nft import Element, Map
from .. import looking, netns, records
from ..apply.requests import refused
from ..netlink import conntrack
from ..nft import sandbox
from ..nft.sandbox import Prepared
from ..transcript import EVERYWHERE
from .table import Batch, Kind, Readings, Requests, Step, register, remembered

ABREAST = 64  # transactions at a time: some 0.4 ms a sandbox, where 16 take 1 ms
OWNED = "who is root there keeps our table to himself (`flags owner`)"
End = tuple[str, str]  # a virtual address, and one of those behind it
MEANINGS: dict[bytes, tuple[Server, ...] | None] = {}  # of what was read: many sandboxes have the same


def mark(ns: str) -> str:
    return f"{MARKS}/{ns}"


def put(requests: Requests, step: Step, new: Balancer) -> None:
    if not step.before:
        os.makedirs(MARKS, mode=0o700, exist_ok=True)
        open(mark(new.ns), "w").close()
    requests.batch.later(balance, step)


def remove(requests: Requests, step: Step, old: Balancer) -> None:
    """All that is in its table: without it, packets of connections to whoever stays were translated no more.
    At once, and the table too, where the namespace is another's, which outlives the name that we have for it.
    """
    with suppress(FileNotFoundError):
        os.unlink(mark(old.ns))
    if records.read([old.ns])[old.ns].attached:
        requests.flush()
        sandbox.commit(gone())
    else:
        requests.batch.later(balance, step)


def balance(batch: Batch, steps: list[Step]) -> None:
    """Many sandboxes at a time: what takes something away waits for all processors (synchronize_rcu in
    nf_tables_commit).  What all of them are told is worked out before there are threads; what is to be
    forgotten waits until all know better: each look at connections goes through the whole machine's."""
    from concurrent.futures import ThreadPoolExecutor  # which few have work for

    last = {step.resource.place: step for step in steps}  # what is replaced comes after it went
    work = [(step, *transactions(step)) for step in last.values()]
    with ThreadPoolExecutor(min(ABREAST, len(work))) as pool:
        found = list(pool.map(lambda one: refusal(*one), work))
        told = [step for (step, *_), error in zip(work, found, strict=True) if not error]
        list(pool.map(forget, told))
    for (step, *_), error in zip(work, found, strict=True):
        if error:
            with batch.confined(step.resource.place):
                raise error


def refusal(step: Step, likely: Prepared, surely: Prepared) -> Exception | None:
    """What a sandbox says to it, if not yes; on a thread that is there when it ends."""
    try:
        netns.enter(step.resource.place)
    except OSError as error:
        gone = step.op == "-" and isinstance(error, FileNotFoundError)
        return None if gone else refused(step, error.errno or errno.EIO, str(error))
    try:
        carry_out(step.before, likely, surely)
    except NotPermitted:
        return KernelError(str(step), errno.EPERM, OWNED, step.resource.where)
    except ReconcileError as error:
        return KernelError(str(step), getattr(error, "number", 0), error.message, step.resource.where)
    return None


def carry_out(old: Resource | None, likely: Prepared, surely: Prepared) -> None:
    """What stands may be otherwise than it was read: who is root there may change it at any time, and what he
    left out of place would be found there afterwards, and held against what was brought now."""
    done = isinstance(old, Balancer) and sandbox.committed(likely, lambda it: meaning(it) == old.servers)
    if not done:
        sandbox.commit(surely)


def forget(step: Step) -> None:
    """Connections to whom they shall not go on to; what cannot be forgotten ends by itself."""
    old, new = step.before, step.resource
    if step.op == "-" or not isinstance(old, Balancer) or not isinstance(new, Balancer):
        return
    gone = departed(old.servers, new.servers)
    if any(gone):
        with suppress(OSError):
            netns.enter(step.resource.place)
            conntrack.forget_behind(*gone)


def transactions(step: Step) -> tuple[Prepared, Prepared]:
    """From what was read, and from whatever is there."""
    assert isinstance(new := step.resource, Balancer)
    if step.op == "-":
        return gone() if new.altered else between(new.servers, ()), gone()
    old, whole = step.before, anew(new.servers)
    if isinstance(old, Balancer) and not old.altered:
        return between(old.servers, new.servers), whole
    return whole, whole


@lru_cache
def gone() -> Prepared:
    return sandbox.replacement(TABLE, [])


@lru_cache(sandbox.MOST_KNOWN)
def anew(wanted: tuple[Server, ...]) -> Prepared:
    return sandbox.replacement(TABLE, contents(wanted))


@lru_cache(sandbox.MOST_KNOWN)
def between(old: tuple[Server, ...], new: tuple[Server, ...]) -> Prepared:
    return sandbox.change(contents(old), contents(new))


@lru_cache(sandbox.MOST_KNOWN)
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
    if found is not sandbox.ILLEGIBLE and not found.tables:
        return None
    said = meaning(found)
    return Balancer(ns=ns, servers=said or (), altered=said is None)


def meaning(found: sandbox.Look) -> tuple[Server, ...] | None:
    """What these tables say; None where that is not all."""
    if found.said in (known := MEANINGS):
        return known[found.said]
    said = said_by(found)
    if len(known) >= sandbox.MOST_KNOWN:
        known.clear()
    known[found.said] = said
    return said


def said_by(found: sandbox.Look) -> tuple[Server, ...] | None:
    """Who is root there may give our names to maps of anything: what is in such is not looked at.  Nor is it
    worked out what few intervals of his would be as numbers: who has ours has as many."""
    known = sandbox.read(found, FORMS.values())
    if any(FORMS.get(r.name) != r for r in known if isinstance(r, Map)):
        return None
    mine = [r for r in known if isinstance(r, Element)]
    if (said := tuple(servers(mine))) and sum(map(size, said)) != len(mine):
        return None
    known = sandbox.read(found, skeleton(said))
    return said if state(*known) == state(*contents(said)) else None


def asked(readings: Readings, places: Set[str]) -> Iterator[Balancer]:
    marked = {*looking.listing(MARKS, EVERYWHERE)}
    for ns in sorted(places & marked):
        if found := balancer(readings, ns):
            yield found


register(Kind(of=Balancer, put=put, remove=remove, apart=balancer, places=(False, False), asked=asked))
