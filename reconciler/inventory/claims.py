"""Which ports of the host lead to containers already, and whose those are."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..core.bykind import ByKind
from ..family import family
from ..kinds.cni import CniAttachment
from ..kinds.nft import Element
from ..kinds.published import Flow
from ..kinds.remote import RemoteEndpoint
from .facts import Claim
from .ownership import Owner

# As plugins of CNI are asked, and those of Docker, where a protocol is its number.
CAPABILITY, OPTION = "portMappings", "com.docker.network.portmap"
PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}


def claims(live: ByKind, owner: Owner) -> list[Claim]:
    """Each once: of the firewall, and of what programs of others lead."""
    flows = ((owner(e) or e.declared_by, e.flow) for e in live.of(Element))  # nobody's are about to go
    found = [Claim(project, *flow) for project, flow in flows if flow and project]
    found += (Claim(r.project, *flow) for r in live.of(CniAttachment) for flow in legible(by_cni(r)))
    found += (Claim(r.project, *flow) for r in live.of(RemoteEndpoint) for flow in legible(by_remote(r)))
    return [*dict.fromkeys(found)]


def by_cni(attachment: CniAttachment) -> Iterator[Flow]:
    for one in listed(attachment.runtime, CAPABILITY):
        yield from flows(one.get("hostIP", ""), one["protocol"], one["hostPort"], one["hostPort"])


def by_remote(endpoint: RemoteEndpoint) -> Iterator[Flow]:
    for one in listed(endpoint.options, OPTION):
        if first := one["HostPort"]:
            yield from flows(one["HostIP"], PROTOCOLS[one["Proto"]], first, one["HostPortEnd"])


def legible(flows: Iterator[Flow]) -> list[Flow]:
    """Of a record that somebody spoilt there is nothing to learn."""
    with suppress(ValueError, TypeError, LookupError, AttributeError):
        return [*flows]
    return []


def listed(text: str, key: str) -> list[Mapping[str, Any]]:
    return [*json.loads(text or "{}").get(key, ())]


def flows(ip: str, protocol: str, first: int, last: int) -> Iterator[Flow]:
    for version in (family(ip),) if ip else (4, 6):
        yield Flow(version, ip, protocol, first, last)
