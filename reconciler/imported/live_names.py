"""What containers that stand are called, as our own zones tell."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from ..kinds.ownership import TASKS
from ..kinds.resolver import VIEW, ZoneFile
from .standing import ProjectState


class Called(NamedTuple):
    """Of one address: its key, whether that is a service's, and all of its names."""

    key: str = ""
    service: bool = False
    names: tuple[str, ...] = ()


def called(of: ProjectState) -> Mapping[tuple[str, str], Called]:
    """By the network's full name and the address."""
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for zone in of.all.of(ZoneFile):
        if zone.project == of.project and not zone.network.startswith(VIEW):
            for line in zone.lines:
                ip, *names = line.split()
                rows[zone.network, ip] += names
    return {place: one(of.project, names) for place, names in rows.items()}


def one(project: str, names: list[str]) -> Called:
    tasks = next((name.removeprefix(TASKS) for name in names if name.startswith(TASKS)), "")
    ending = f".{project}.internal"
    key = tasks or next((name.removesuffix(ending) for name in names if name.endswith(ending)), "")
    return Called(key, bool(tasks), tuple(names))


def aliases(found: Called, project: str, network: str, own: set[str]) -> list[str]:
    """Names that nothing else gives it."""
    key = found.key
    given = own | {key, f"{key}.{project}", f"{key}.{project}.internal", f"{key}.{network}", f"{TASKS}{key}"}
    given |= {f"{name}.{network}" for name in own}
    return [name for name in found.names if name not in given and not is_short_id(name)]


def is_short_id(name: str) -> bool:
    return len(name) == 12 and all(char in "0123456789abcdef" for char in name)
