"""Checked entries of `ports` become PortSpecs, each port once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...errors import Where
from ..model.service import Port
from ..spec import PortSpec
from ..yaml.node import Place, where


def published(ports: Sequence[Port], places: Sequence[Place], path: str) -> Iterator[PortSpec]:
    """Each once, as Compose has it: what an entry before has said already is left out."""
    said: dict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    seen: set[tuple[Any, ...]] = set()
    for index, port in enumerate(ports):
        spec = port_spec(port, where(places[index], f"{path}[{index}]"))
        ip = port.host_ip or "0.0.0.0"
        if port.published and port.published[1] - port.published[0] == port.target[1] - port.target[0]:
            shift = port.published[0] - port.target[0]
            yield from unsaid(spec, said[ip, port.protocol, shift])
        elif (key := (ip, port.published, port.target, port.protocol)) not in seen:
            seen.add(key)
            yield spec


def unsaid(spec: PortSpec, said: list[tuple[int, int]]) -> Iterator[PortSpec]:
    """The parts of a range that maps one to one which no entry of the same shift has."""
    start, end = spec.published or (0, 0)
    shift = start - spec.target[0]
    for first, last in sorted(said):
        if start <= last and first <= end:
            if start < first:
                yield replace(spec, published=(start, first - 1), target=(start - shift, first - 1 - shift))
            start = last + 1
    if start == (spec.published or (0,))[0]:
        yield spec
    elif start <= end:
        yield replace(spec, published=(start, end), target=(start - shift, end - shift))
    said.append(spec.published or (0, 0))


def port_spec(port: Port, at: Where) -> PortSpec:
    return PortSpec(
        target=port.target,
        published=port.published,
        host_ip=port.host_ip,
        protocol=port.protocol,
        mode=port.mode,
        name=port.name,
        host_if=port.host_if,
        allow_from=tuple(port.allow_from),
        rate=port.rate,
        max_conns=port.max_conns,
        where=at,
    )
