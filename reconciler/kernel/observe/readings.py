"""What a kind is given to read from: one namespace as its dumps show it, and all that was read already."""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from math import inf
from typing import Any, TypeVar

from ...core.resource import Resource
from ...kinds.evpn import Router
from ...kinds.ownership import HOST, alias, owner
from .. import files, netns, records
from ..netlink.links import IFLA_LINK_NETNSID, Seen
from ..nft.kept import About, KeptRuleset
from ..transcript import doubt

R = TypeVar("R", bound=Resource)
S = TypeVar("S", bound="Readings")
T = TypeVar("T")
# What was read, of which namespace, and whether it tells of pairs' host ends too.
Reading = tuple[str, str, bool]
MOST = 2000  # objects of a kind that are looked through in a sandbox: 30 ms each, and others wait for it


@dataclass(eq=False, repr=False)
class View:
    """A namespace's links by index, and what else its kinds asked for, as bytes."""

    ns: str
    links: dict[int, Seen]
    host: int = -1  # the number that the host has in there
    dumps: dict[type[Resource], list[bytes]] = field(default_factory=dict)

    @property
    def most(self) -> float:
        """How many objects of a kind are looked through."""
        return inf if self.ns == HOST else MOST

    @cached_property
    def names(self) -> dict[int, str]:
        return {index: link.name for index, link in self.links.items()}

    @cached_property
    def by_name(self) -> dict[str, Seen]:
        """With the other names that links may have; a name of its own comes first."""
        other = {name: link for link in self.links.values() for name in link.altnames}
        return other | {link.name: link for link in self.links.values()}

    def leads_out(self, link: Seen) -> bool:
        """Whether what it stands on, or its other end, is a link of the host; only the kernel says so."""
        return IFLA_LINK_NETNSID in link.found and link.number(IFLA_LINK_NETNSID) == self.host


def reading_name(read: Callable[..., object]) -> str:
    return f"{read.__module__}.{read.__qualname__}"


def remembered(*, ends: bool) -> Callable[[Callable[[S, str], T]], Callable[[S, str], T]]:
    """A reading of one namespace that is made once a snapshot; `ends` where it tells of pairs' host ends."""

    def once(read: Callable[[S, str], T]) -> Callable[[S, str], T]:
        what = reading_name(read)

        @wraps(read)
        def kept(readings: S, ns: str) -> T:
            reading = what, ns, ends
            if reading not in readings.kept:
                readings.kept[reading] = read(readings, ns)
            found: T = readings.kept[reading]
            return found

        return kept

    return once


class Readings:
    """What one snapshot has read, each part when it is first asked for."""

    host: socket.socket  # while resources are read; one for each pair would cost twice what it asks
    named: list[Resource]
    places: frozenset[str] | None  # that are read; None for all
    about: About | None = None  # the project that is read of the ruleset; None for all
    look: Callable[[str, int], View]

    def __init__(self, frr: Callable[[], Iterable[Router]]) -> None:
        self.frr = frr
        self.kept: dict[Reading, Any] = {}
        self.ruleset: KeptRuleset | None = None
        self.sure = False  # that it is what stands: else it is, if its generation is

    @cached_property
    def names(self) -> list[str]:
        """All that lead to namespaces; or, about one project, that of its sandbox."""
        near = self.about and self.about.project
        return netns.names() if near is None else [near] * netns.exists(near)

    def is_named(self, sandbox: str) -> bool:
        return sandbox in self.names or (self.about is not None and netns.exists(sandbox))

    @cached_property
    def sandboxes(self) -> list[str]:
        """Those that are ours."""
        return [name for name in self.names if self.project(name)]

    def wanted(self, kind: type[R]) -> list[R]:
        """Those of a kind that were named."""
        return [r for r in self.named if isinstance(r, kind)]

    def view(self, ns: str) -> View:
        reading = "view", ns, ns == HOST
        if reading not in self.kept:
            with netns.kept() as home:
                try:
                    netns.enter(ns) if ns != HOST else None
                    self.kept[reading] = self.look(ns, home)
                except Exception:
                    doubt(ns)
                    raise
        view: View = self.kept[reading]
        return view

    def record(self, ns: str) -> records.NameRecord:
        """What the name's own record tells; all that are not known yet are read at once."""
        if ("record", ns, False) not in self.kept:
            unread = [name for name in self.names if ("record", name, False) not in self.kept]
            self.kept |= {("record", name, False): of for name, of in records.read(unread).items()}
        found: records.NameRecord = self.kept.get(("record", ns, False), records.NameRecord())
        return found

    @remembered(ends=False)
    def project(self, ns: str) -> str:
        """Whose sandbox it is; "" for somebody else's, or a second name of ours.  Where there is no record,
        as of version 0.1.0, the alias of its lo tells, if files of ours bear it out: who is root in another's
        namespace can write that alias."""
        if project := self.record(ns).project:
            return project
        if next(files.of(ns), None) is None:
            return ""
        try:
            lo = self.view(ns).links[1]
        except OSError:  # gone since it was listed, or cannot be read
            return ""
        project = owner(lo.alias)
        return project if lo.alias == alias(project, ns) else ""
