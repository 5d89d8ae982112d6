"""The other hosts as this one hears them, by WireGuard and by BGP."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from ...core.resource import State
from ...kinds.evpn import Router
from ...kinds.wireguard import Wireguard


class PeerStatus(NamedTuple):
    """Another host, as far as one project hears of it by one means."""

    project: str
    by: str  # wireguard or bgp
    peer: str
    up: bool  # a session stands; WireGuard's ends after three minutes, also where nobody has anything to say
    at: int  # of the epoch: the last handshake, or since when the session is; 0 is never, or not now
    state: str = ""  # BGP's

    @property
    def words(self) -> str:
        if self.by == "bgp":
            return f"{self.peer} ({self.state})"
        return f"{self.peer} ({f'last {max(0, int(time.time()) - self.at)} s ago' if self.at else 'never'})"


def peers(live: State) -> list[PeerStatus]:
    """By every WireGuard link and every BGP session of ours; a link that has just gone has none."""
    from ..kinds import wireguard
    from . import evpn

    found: list[PeerStatus] = []
    for r in live.values():
        with suppress(OSError):
            match r:
                case Wireguard(project=project):
                    found += (
                        PeerStatus(project, "wireguard", end, time.time() - at < wireguard.LASTING, at)
                        for end, at in wireguard.heard(r.name)
                    )
                case Router(project=project):
                    found += (
                        PeerStatus(project, "bgp", peer, state == evpn.ESTABLISHED, since, state)
                        for peer, state, since in evpn.sessions()
                    )
    return sorted(found)


def in_words(found: Iterable[PeerStatus]) -> Iterator[str]:
    """A line for each project and means, which names those that are not heard."""
    groups: dict[tuple[str, str], list[PeerStatus]] = defaultdict(list)
    for peer in found:
        groups[peer.project, {"bgp": "BGP", "wireguard": "WireGuard"}[peer.by]].append(peer)
    for (project, by), members in groups.items():
        lost = [peer.words for peer in members if not peer.up]
        silent = f"; not with {', '.join(lost)}" if lost else ""
        yield f"{project}: {by} with {len(members) - len(lost)} of {len(members)} hosts{silent}"
