"""Bandwidth as rtnetlink messages, both ways: on the host's ends of pairs, and on the links beside these."""

import errno
from collections.abc import Iterator, Set
from dataclasses import replace

from ...core.resource import state
from ...kinds.ownership import ALIAS, GROUP, HOST, IFB
from ...kinds.shaping import HANDLE, Ifb, Redirect, TokenBucket, burst_of, ticks
from ..netlink import traffic
from ..netlink.links import IFLA_QDISC, Seen
from ..netlink.traffic import Bucket
from . import link
from .link import LinkKind, absent_link, plain_link
from .table import Held, Kind, Live, Readings, Requests, Step, register


def decode_ifb(_: Readings, ns: str, seen: Seen) -> Iterator[Ifb]:
    words = seen.alias.removeprefix(f"{ALIAS}/").split("/")
    project, sandbox, end = words if len(words) == 3 and seen.alias.startswith(f"{ALIAS}/") else ("", "", "")
    yield Ifb(**plain_link(ns, seen), project=project, sandbox=sandbox, end=end)


def put_bucket(requests: Requests, step: Step, one: TokenBucket) -> None:
    told = Bucket(one.rate // 8, ticks(one.rate, one.burst), one.queue)
    requests.add(step, traffic.put_bucket(requests.index(one.link), HANDLE, told))


def remove_bucket(requests: Requests, step: Step, one: TokenBucket) -> None:
    requests.add(step, traffic.remove_bucket(requests.index(one.link), HANDLE))


def decode_buckets(readings: Readings, ns: str) -> Iterator[TokenBucket]:
    limited = {seen.index: seen.name for seen in shaped(readings, ns) if is_limited(seen)}
    for index, found in traffic.buckets(readings.host, HANDLE) if limited else ():
        if index in limited:
            rate, burst = found.rate * 8, burst_of(found.rate * 8, found.ticks)
            yield TokenBucket(link=limited[index], rate=rate, burst=burst, queue=found.queue)


def put_redirect(requests: Requests, step: Step, one: Redirect) -> None:
    """What stood goes first, in the same send: nothing is lost between, and nobody ends."""
    index, to = requests.index(one.link), requests.index(one.to)
    stale = [] if step.before is None else [traffic.remove_redirect(index, HANDLE)]
    requests.add(step, traffic.hearing(index), *stale, traffic.put_redirect(index, HANDLE, to))


def remove_redirect(requests: Requests, step: Step, one: Redirect) -> None:
    requests.add(step, traffic.deaf(requests.index(one.link)))


def decode_redirects(readings: Readings, ns: str) -> Iterator[Redirect]:
    view, wanted = readings.view(ns), {r.link for r in readings.wanted(Redirect)}
    beside = {
        word for seen in view.links.values() if is_ifb(seen) for word in (seen.alias, seen.name[len(IFB) :])
    }
    for seen in shaped(readings, ns):
        if is_ifb(seen) or not (seen.name in wanted or is_limited(seen) or is_beside(seen, beside)):
            continue
        if found := [*traffic.redirects(readings.host, seen.index, HANDLE)]:
            yield Redirect(link=seen.name, to=view.names.get(found[0], "") if len(found) == 1 else "")


def is_beside(seen: Seen, beside: Set[str]) -> bool:
    """Whether one of these links is of the same pair, as its name says, or its alias before a MAC."""
    said = () if not beside else (seen.name[len(IFB) :], "/".join(seen.alias.split("/")[:4]))
    return not beside.isdisjoint(said)


def shaped(readings: Readings, ns: str) -> Iterator[Seen]:
    """The links where something may stand: a link tells what its queueing discipline is called."""
    return (seen for seen in readings.view(ns).links.values() if seen.group == GROUP and able(seen))


def able(seen: Seen) -> bool:
    return seen.kind == "veth" or is_ifb(seen)


def is_ifb(seen: Seen) -> bool:
    return seen.group == GROUP and seen.kind == "ifb"


def is_limited(seen: Seen) -> bool:
    return seen.found.get(IFLA_QDISC) == b"tbf\0"


def cascade(old: Ifb, live: Live) -> None:
    """What is led there goes nowhere from then on."""
    link.cascade(old, live)
    lost = (r for r in live.values() if isinstance(r, Redirect) and r.to == old.name)
    live.update(state(*(replace(r, to="") for r in lost)))


def missing(one: Redirect, held: Held) -> int:
    lost = bool(one.to) and Ifb.at(HOST, one.to) not in held
    return absent_link(one, held) or (errno.ENODEV if lost else 0)


register(LinkKind(of=Ifb, link_kind="ifb", decode_link=decode_ifb, cascade=cascade))
register(
    Kind(of=TokenBucket, put=put_bucket, remove=remove_bucket, decode=decode_buckets, missing=absent_link)
)
register(
    Kind(of=Redirect, put=put_redirect, remove=remove_redirect, decode=decode_redirects, missing=missing)
)
