"""Domains of the host's own, by kernel/resolved."""

from collections.abc import Iterator, Sequence

from ...kinds.split_dns import HostDomain
from .. import resolved
from ..apply.batch import refusing
from .link import absent_link
from .table import Batch, Kind, Readings, Requests, Step, register


def put(requests: Requests, step: Step, _: HostDomain) -> None:
    """When all else stands."""
    requests.batch.later(tell, step)


def tell(_: Batch, steps: Sequence[Step]) -> None:
    for step in steps:
        if isinstance(step.resource, HostDomain):
            with refusing(step):
                resolved.tell(step.resource)


def remove(_: Requests, __: Step, domain: HostDomain) -> None:
    resolved.revert(domain.link)


def decode(readings: Readings, ns: str) -> Iterator[HostDomain]:
    links = readings.view(ns).links
    return resolved.domains({index: seen.name for index, seen in links.items() if seen.ours})


register(Kind(of=HostDomain, put=put, remove=remove, at_once=True, decode=decode, missing=absent_link))
