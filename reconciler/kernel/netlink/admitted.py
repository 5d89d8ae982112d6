"""Who may still use a published port, as conntrack remembers who does."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...kinds.published import PROTOCOLS, Flow
from .leaving import ORIGINAL, Subnets, ends, local
from .links import ip_of
from .socket import attributes, items

Door = tuple[int, int, int]  # address family, protocol, port: of the original destination
Sources = Mapping[str, Subnets[bool]]  # who may come, by published address, "" for any of the host's


class Admitted(NamedTuple):
    """What is said of ports that fewer may use than before."""

    doors: Mapping[Door, Sources]

    @property
    def families(self) -> set[int]:
        return {family for family, _, _ in self.doors}

    def astray(self, family: int, body: bytes) -> bool:
        """Whether a connection is of somebody who may not use the port any more."""
        kind, tuple_ = next(items(body))  # always the original direction
        told = attributes(attributes(tuple_).get(2, b"")) if self.doors and kind == ORIGINAL else {}
        if 3 not in told:  # CTA_PROTO_DST_PORT
            return False
        known = self.doors.get((family, told[1][0], int.from_bytes(told[3], "big")), {})
        if not known:
            return False
        source, destination = ends(tuple_)
        ip = ip_of(destination)
        may = known.get(ip) or (known.get("") if local(ip) else None)
        return may is not None and may.of(source) is None


def admitted(said: Iterable[tuple[Flow, Sequence[str]]]) -> Admitted:
    """Of ports, each with the sources that may use it."""
    doors: dict[Door, dict[str, Subnets[bool]]] = {}
    for flow, sources in said:
        family = socket.AF_INET6 if flow.family == 6 else socket.AF_INET
        may = Subnets(dict.fromkeys(sources, True))
        for port in range(flow.first, flow.last + 1):
            doors.setdefault((family, PROTOCOLS[flow.protocol], port), {})[flow.ip] = may
    return Admitted(doors)
