"""Sockets of the host that tunnels listen on.  Nothing may be published there: DNAT would hand every frame of
every network to the container that publishes, in clear."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..errors import ManifestError
from ..inventory.facts import Claim, Facts, Listener
from .driver import Socket
from .ports import ANY


def with_sockets(found: Sequence[Socket], facts: Facts) -> Facts:
    """The facts with these sockets too; one tells for all that share a port."""
    every = sorted({*facts.listeners, *(one.listener for one in found)}, reverse=True)
    return replace(facts, listeners=frozenset({one[:3]: one for one in every}.values()))


def conflicts(found: Sequence[Socket], facts: Facts) -> Iterator[ManifestError]:
    """What other projects publish there; who listens is looked at by the drivers."""
    for one in found:
        for publisher in sorted({publisher_of(one.listener, claim) for claim in facts.claims} - {""}):
            what = f"{one.listener.protocol.upper()} port {one.listener.port}, which {one.wants} wants,"
            yield ManifestError(f"{what} is taken: {publisher}", one.hint, one.where)


def publisher_of(socket: Listener, claim: Claim) -> str:
    """Who publishes the port; "" where this claim is none on it."""
    meets = claim.ip in ANY or socket.ip in ANY or claim.ip == socket.ip
    same = claim.protocol == socket.protocol and claim.first <= socket.port <= claim.last
    return f"project {claim.project} publishes it" if same and meets else ""
