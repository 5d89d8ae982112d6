"""Tables, chains, maps and their elements.  Rules are constant text; what varies is elements."""

import re
from dataclasses import field
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from ..core.resource import (
    Disruption,
    Drift,
    Fixed,
    Identity,
    Key,
    Odd,
    Ownership,
    Resource,
    Stage,
    kind,
    roles,
)
from ..core.subject import FIREWALL, PORT, Part, Places
from .comment import encoded
from .maps import BY_PEER, HAS_PORTS, KEEPING_OUT, PROJECTS
from .named import LIFE, VOLATILE
from .ownership import TABLE, TABLE_PREFIX
from .published import BY_LINK, SOURCES, DoorLimit, Flow, flow_of, is_shared, limit_of, twin

LOOKUP = re.compile(r"@([\w-]+)(?![\w,-])")  # @publish4, but not @th,64,128, which reads the packet
JUMP = re.compile(r"\b(?:jump|goto) ([\w-]+)")
ODD_NAME = re.compile(r"(?!0x)\d[\w.-]*[A-Za-z_][\w.-]*")


def path(resource: Resource) -> tuple[str, ...]:
    """Where it stands: family, table and name; an element's is its map's."""
    return roles(type(resource)).identity(resource)[:3]


def short(project: str) -> str:
    """What stands for it in the set of projects, at most 15 characters, as names of links have."""
    return project if len(project) <= 15 else f"p-{sha256(project.encode()).hexdigest()[:12]}"


@lru_cache(maxsize=4096)
def words(pattern: re.Pattern[str], rules: tuple[str, ...]) -> frozenset[str]:
    """What it finds in them: they are constant text, and asked about for each element that goes."""
    return frozenset(word for rule in rules for word in pattern.findall(rule))


def owner_by_table(name: str) -> str:
    """The project whose own table has this name; "" for the table of all."""
    return name.removeprefix(TABLE_PREFIX) if name.startswith(TABLE_PREFIX) else ""


@kind
class Table(Resource):
    """`family` is inet, bridge, ip, ip6 or netdev; `root` is the directory it was applied from, if any."""

    noun, stage, rank, loss = "table", Stage.FIREWALL, 0, "none"

    family: Identity[str]
    name: Identity[str]
    root: Fixed[str] = ""
    dormant: Drift[bool] = False  # no packet meets its chains

    def owner(self, known: Ownership) -> str:
        return owner_by_table(self.name) or known.shared

    def part_of(self, known: Places) -> Part:
        return FIREWALL, ""

    def commands(self, old: Resource | None) -> list[str]:
        return [f"nft add table {self.family} {self.name}"]

    def removal(self) -> list[str]:
        return [f"nft delete table {self.family} {self.name}"]


@kind
class InTable(Resource):
    """What stands in a table, and goes with it."""

    stage, loss = Stage.FIREWALL, "none"

    family: Identity[str]
    table: Identity[str]

    @property
    def within(self) -> tuple[Key, ...]:
        return (Table.at(self.family, self.table),)

    def owner(self, known: Ownership) -> str:
        return owner_by_table(self.table) or known.shared

    def part_of(self, known: Places) -> Part:
        return FIREWALL, ""


@kind
class Map(InTable):
    """A map from `type` to `data`; a set is a map to nothing.

    `flags` are "interval", "timeout", or "dynamic" for one that packets fill, and resolvers: what is in it is
    nobody's to declare, and with "timeout" it goes by itself.  With a `template` each element has such an
    expression of its own, or this one.
    """

    noun, rank = "map", 1

    name: Identity[str]
    type: Fixed[str]  # "ipv4_addr . inet_service", as nft writes it; with an "@", expressions (`typeof`)
    data: Fixed[str] = ""
    flags: Fixed[str] = ""
    template: Fixed[Odd[str]] = ""  # "ct count over 1"

    @property
    def word(self) -> str:
        """What nft calls it."""
        return "map" if self.data else "set"

    @property
    def declaration(self) -> str:
        word = "typeof" if "@" in self.type else "type"
        kind = f"{word} {self.type} : {self.data};" if self.data else f"{word} {self.type};"
        # What nft takes where no size is named (NFT_SET_EVAL in its evaluate.c).
        size = " size 65535;" * ("dynamic" in self.flags) + f" timeout {LIFE};" * (self.flags == VOLATILE)
        flags = size + f" flags {self.flags};" * bool(self.flags)
        return kind + flags + f" {self.template};" * bool(self.template)

    def commands(self, old: Resource | None) -> list[str]:
        return [f"nft 'add {self.word} {self.family} {self.table} {self.name} {{ {self.declaration} }}'"]

    def removal(self) -> list[str]:
        return [f"nft delete {self.word} {self.family} {self.table} {self.name}"]


@kind
class Element(InTable):
    """`item` and `value` as nft prints them: `tcp . 8080` and `10.1.0.2 . 80`.

    Which `project` it is of is its comment in the kernel; those of the set `projects` tell there the
    directory (`root`) that the project was applied from too.
    """

    noun, rank, loss = "element", 2, "flow"

    map: Identity[str]
    item: Identity[str]
    value: str = ""
    project: str = ""
    root: str = ""
    limit: Odd[str] = ""  # of its own, where its map has a template
    until: Odd[str] = ""  # the second, since 1970, from which on it is not there
    cuts: bool = field(default=False, compare=False)  # what stands may have connections that end by it

    @property
    def within(self) -> tuple[Key, ...]:
        return (Map.at(*path(self)),)

    @property
    def jumps(self) -> tuple[Key, ...]:
        """The chain that it leads to."""
        return tuple(Chain.at(self.family, self.table, name) for name in JUMP.findall(self.value))

    @property
    def declared_by(self) -> str:
        """The project that it is of; "" where nothing tells."""
        return owner_by_table(self.table) or self.project

    def owner(self, known: Ownership) -> str:
        told = self.declared_by
        if told == known.shared or told in known.projects:
            return told
        return ""  # as what somebody added by hand

    def part_of(self, known: Places) -> Part:
        """A published port, or what one of its parts tells."""
        if flow := self.flow or (limit.flow if (limit := self.limits) else None):
            return PORT, flow.door
        parts = self.item.split(" . ")[self.map[:-1] in BY_PEER :]
        found = (known.links.get(part) or known.addresses.get(part) for part in parts)
        return next(filter(None, found), (FIREWALL, ""))

    @property
    def homes(self) -> tuple[Key, ...]:
        """Projects and published ports speak for themselves; shares are counted under their port, and the
        rest under a project or table."""
        if is_shared(self.map):
            return (Element.at(self.family, self.table, twin(self.map), self.item.rpartition(" . ")[0]),)
        if limit := self.limits:
            return tuple(Element.at(self.family, self.table, *door) for door in limit.doors)
        if self.flow or self.map == PROJECTS:
            return ()
        above = [Element.at("inet", TABLE, PROJECTS, short(self.project))] if self.project else []
        return (*above, *super().within, *self.within)

    @property
    def toll(self) -> Disruption:
        """Connections stay with whoever has a share still; else the port itself goes too, or a sandbox."""
        limit = self.limits
        staying = is_shared(self.map) or (limit and limit.what not in (SOURCES, BY_LINK))
        return "none" if staying or self.map in KEEPING_OUT else self.loss

    def cost(self, old: Resource | None) -> Disruption:
        if isinstance(old, Element):
            return self.toll if old.value != self.value else "none"
        return "flow" if self.cuts else "none"

    @property
    def flow(self) -> Flow | None:
        """The connections that this published port carries; None for what publishes nothing."""
        return flow_of(self.map, self.item)

    @property
    def limits(self) -> DoorLimit | None:
        """What it says of a published port, where it says who may use that."""
        return limit_of(self.map, self.item)

    @property
    def part(self) -> int:
        """Of a published port how many of the numbers that are drawn lead here; 1 where all do."""
        first, _, last = self.item.rpartition(" . ")[2].partition("-")
        if not is_shared(self.map):
            return 1
        return int(last or first, 16) - int(first, 16) + 1 if first < "0x00010000" else 0

    @property
    def detail(self) -> str:
        return f" : {self.value}" if self.value else ""

    @property
    def text(self) -> str:
        return f"{self.item} : {self.value}" if self.value else self.item

    def commands(self, old: Resource | None) -> list[str]:
        comment = f' comment "{said}"' if (said := encoded(self.project, self.root or self.until)) else ""
        rest = f""" timeout '"$(({self.until} - $(date +%s)))"'s""" * bool(self.until) + comment
        text = f"{self.map} {{ {self.quoted}{f' {self.limit}' * bool(self.limit)}{rest}{self.detail} }}"
        return [*(self.removal() if old else ()), f"nft 'add element {self.family} {self.table} {text}'"]

    def removal(self) -> list[str]:
        return [f"nft 'delete element {self.family} {self.table} {self.map} {{ {self.quoted} }}'"]

    @property
    def quoted(self) -> str:
        """What nft reads as `item`: it takes no name that begins with a digit for one."""
        names = self.map in (PROJECTS, HAS_PORTS)
        parts = self.item.split(" . ")
        return " . ".join(f'"{p}"' if names or ODD_NAME.fullmatch(p) else p for p in parts)


class Code(NamedTuple):
    """What a chain does, in the kernel's own bytes: expressions and comment of each rule; anonymous sets, by
    name, with what declares them and lists of elements; and the names of maps and chains that it needs."""

    rules: tuple[tuple[bytes, bytes], ...] = ()
    sets: tuple[tuple[str, bytes, tuple[bytes, ...]], ...] = ()
    maps: frozenset[str] = frozenset()
    chains: frozenset[str] = frozenset()


@kind
class Chain(InTable):
    """`hook` is "" for a chain that is only jumped to; `code` is what one does whose text nobody knows."""

    noun, rank = "chain", 3

    name: Identity[str]
    hook: Fixed[str] = ""  # "type filter hook forward priority 0; policy accept;"
    rules: tuple[str, ...] = ()
    code: Code | None = field(default=None, compare=False, metadata={"secret": True})  # not for the disk

    @property
    def looks_up(self) -> list[str]:
        """The names of the maps that its rules ask."""
        return sorted({*(self.code.maps if self.code else ()), *words(LOOKUP, self.rules)})

    @property
    def jumps_to(self) -> list[str]:
        return sorted({*(self.code.chains if self.code else ()), *words(JUMP, self.rules)})

    @property
    def refers(self) -> tuple[Key, ...]:
        """The maps it looks up: nftables lets none go before the chain is flushed."""
        return tuple(Map.at(self.family, self.table, name) for name in self.looks_up)

    @property
    def jumps(self) -> tuple[Key, ...]:
        """The chains that it goes on in."""
        return tuple(Chain.at(self.family, self.table, name) for name in self.jumps_to)

    def commands(self, old: Resource | None) -> list[str]:
        where = f"{self.family} {self.table} {self.name}"
        head = f"nft flush chain {where}" if old else f"nft 'add chain {where} {{ {self.hook} }}'"
        return [head, *(f"nft 'add rule {where} {rule}'" for rule in self.rules)]

    def removal(self) -> list[str]:
        where = f"{self.family} {self.table} {self.name}"
        return [f"nft flush chain {where}", f"nft delete chain {where}"]
