"""What FRR knows of the other hosts, in its own words: with whom it speaks, and what it was told."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from ...kinds.evpn import Told
from .. import frr

ESTABLISHED = "Established"


class BgpSession(NamedTuple):
    peer: str
    state: str  # of RFC 4271, 8.2.2
    since: int  # of the epoch; 0 where there is none now


def sessions() -> Iterator[BgpSession]:
    for peer, found in answer("bgpd", "show bgp l2vpn evpn summary json").get("peers", {}).items():
        state = found.get("state", "")
        yield BgpSession(
            peer, state, found.get("peerUptimeEstablishedEpoch", 0) if state == ESTABLISHED else 0
        )


def announced_routes() -> Iterator[Told]:
    """By other hosts, whether they may or not."""
    for vni, table in answer("zebra", "show evpn mac vni all json").items():
        for mac, found in table.get("macs", {}).items():
            if found.get("type") == "remote":
                yield Told(int(vni), mac, "", found.get("remoteVtep", ""))
    for vni, table in answer("zebra", "show evpn arp-cache vni all json").items():
        for ip, found in table.items():
            if isinstance(found, dict) and found.get("type") == "remote":
                yield Told(int(vni), found.get("mac", ""), ip, found.get("remoteVtep", ""))


def answer(daemon: str, command: str) -> dict[str, Any]:
    """Empty where the daemon does not answer: a plan tells that it does not run."""
    with suppress(OSError, ValueError):
        found = json.loads(frr.ask(daemon, command))
        return found if isinstance(found, dict) else {}
    return {}
