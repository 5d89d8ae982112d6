"""Checked entries of `ports` become PortSpecs, each port once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..model.keys import from_record
from ..spec import PortSpec
from ..yaml.node import Place, where

if TYPE_CHECKING:
    from ..model.service import PortRecord


def port_specs(
    ports: "Sequence[PortRecord]", places: Sequence[Place], path: str, *, of_service: bool
) -> Iterator[PortSpec]:
    """Each once, as Compose has it: what an entry before has said already, limits too, is left out."""
    said: dict[tuple[Any, ...], list[tuple[int, int]]] = defaultdict(list)
    seen: set[tuple[Any, ...]] = set()
    for index, port in enumerate(ports):
        spec = from_record(PortSpec, port, where=where(places[index], f"{path}[{index}]"))
        is_written = "mode" in port.model_fields_set
        spec = replace(spec, meshed=of_service and is_written and spec.mode == "ingress")
        ip = spec.host_ip or "0.0.0.0"
        limits = spec.allow_from, spec.host_if, spec.rate, spec.max_conns, spec.hours
        if spec.published and spec.published[1] - spec.published[0] == spec.target[1] - spec.target[0]:
            shift = spec.published[0] - spec.target[0]
            yield from rest_of(spec, said[ip, spec.protocol, shift, limits])
        elif (key := (ip, spec.published, spec.target, spec.protocol, limits)) not in seen:
            seen.add(key)
            yield spec


def rest_of(spec: PortSpec, said: list[tuple[int, int]]) -> Iterator[PortSpec]:
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
