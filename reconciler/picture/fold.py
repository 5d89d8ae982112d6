"""Lanes that are alike as one: replicas always, and as much else as there are more than people read."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby

from .model import Lane, PortLabel, Stop

MOST = 40  # lanes above which more is folded
MOST_NAMES = 4  # that are said beside a folded lane
REPLICA = re.compile(r"(?P<stem>.+)-(?P<number>\d+)")
Likeness = Callable[[Lane], tuple[object, ...] | None]  # None for what is like nothing else


def folded(lanes: Sequence[Lane]) -> list[Lane]:
    found = merged(lanes, replicas)
    for likeness in (quiet, idle, alike):
        found = merged(found, likeness) if len(found) > MOST else found
    return found


def replicas(lane: Lane) -> tuple[object, ...] | None:
    """Those of one service."""
    is_one = REPLICA.fullmatch(lane.name)
    return (is_one["stem"], *alike(lane)) if is_one else None


def quiet(lane: Lane) -> tuple[object, ...] | None:
    """Of which nobody has anything to say."""
    return alike(lane) if not (lane.op or lane.ports) else None


def idle(lane: Lane) -> tuple[object, ...] | None:
    """To which nothing happens, published or not."""
    return (*alike(lane), bool(lane.ports)) if not lane.op and not any(p.op for p in lane.ports) else None


def alike(lane: Lane) -> tuple[object, ...]:
    return lane.project, lane.networks, lane.op, lane.alteration.cost, lane.bound


def merged(lanes: Iterable[Lane], likeness: Likeness) -> list[Lane]:
    """Each group where its first one stands."""
    groups: dict[object, list[Lane]] = {}
    for lane in lanes:
        key = likeness(lane)
        groups.setdefault(lane.name if key is None else key, []).append(lane)
    return [those[0] if len(those) == 1 else one(those) for those in groups.values()]


def one(lanes: Sequence[Lane]) -> Lane:
    every = tuple(chain.from_iterable(lane.every for lane in lanes))
    label, aside = called(every)
    first = every[0]
    return replace(
        first,
        label=label,
        aside=aside,
        stops=tuple(Stop(stop.network, "", (), stop.op) for stop in first.stops),
        ports=tuple(joined(port for lane in every for port in lane.ports)),
        allows=tuple(dict.fromkeys(one for lane in every for one in lane.allows)),
        members=every,
    )


def called(lanes: Sequence[Lane]) -> tuple[str, str]:
    """`web × 4` of one service, and else how many there are; with which."""
    stems = dict.fromkeys(stem(lane) for lane in lanes)
    if len(stems) > 1:
        return f"{len(lanes)} containers", listed([*stems])
    numbers = [int(found["number"]) for lane in lanes if (found := REPLICA.fullmatch(lane.label))]
    return f"{next(iter(stems))} × {len(lanes)}", ", ".join(spans(numbers))


def stem(lane: Lane) -> str:
    found = REPLICA.fullmatch(lane.label)
    return found["stem"] if found else lane.label


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" * (len(names) > MOST_NAMES)
    return ", ".join(names[:MOST_NAMES]) + more


def spans(numbers: Iterable[int]) -> Iterator[str]:
    """`1–4`, `7`."""
    runs = groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    for _, run in runs:
        first, *more = [number for _, number in run]
        yield f"{first}–{more[-1]}" if more else str(first)


def joined(ports: Iterable[PortLabel]) -> Iterator[PortLabel]:
    """Neighbouring ports that lead to the same one are a range; one that all share is one."""
    found: dict[tuple[str, ...], set[int]] = {}
    for port in dict.fromkeys(ports):
        at, _, rest = port.door.rpartition(":")
        number, _, protocol = rest.partition("/")
        if number.isdecimal():
            found.setdefault((at, protocol, port.target, port.network, port.op), set()).add(int(number))
        else:
            yield port
    for (at, protocol, target, network, op), numbers in found.items():
        for span in spans(numbers):
            door = f"{at}:{span.replace('–', '-')}/{protocol}"
            yield PortLabel(door.lstrip(":"), target, network, op)
