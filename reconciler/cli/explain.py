"""Everything about what somebody names: a container, a network, a port, or one resource."""

from collections import defaultdict
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property

from ..change import Change
from ..cnm.meaning import meanings, members
from ..core import render
from ..core.plan import ordered
from ..core.resource import Key, Resource
from ..core.subject import CONTAINER, KINDS, NAMED, PORT, Subject, as_counted
from ..errors import UsageError
from ..inventory.subjects import Subjects
from ..kinds.address import Address
from ..kinds.link import Link
from ..kinds.names import short_id
from .options import LEVELS, Options
from .paragraph import ID, cost, paragraph
from .session import comparison, machine, tell

NEAR = 3  # names that may have been meant


def explain(options: Options) -> int:
    if ID.fullmatch(options.explain):
        tell(options, paragraph(options.explain))
        return 0
    if options.explain in LEVELS and not options.paths:
        tell(options, cost(options.explain))
        return 0
    change = comparison(options, machine(options))
    tell(options, Directory(change).card(options.explain), end="")
    return 0


class Directory:
    """All that stands or is wanted, by what people call it."""

    def __init__(self, change: Change):
        self.change = change
        self.all = {**change.live, **change.desired}
        self.subjects = Subjects(change.live, change.desired)

    def card(self, word: str) -> str:
        """Raises UsageError where nothing is called so."""
        if word in self.all:
            return self.resource(word)
        parties = sorted({*self.parties.get(word.lower(), ())}, key=in_order)
        keys = self.keys.get(word.lower(), [])
        decided = [] if parties or keys else self.decided(word)
        parties = parties or ([] if keys or decided else self.together(word))
        if len(parties) == 1:
            return self.party(parties[0])
        if not parties and len(keys) == 1:
            return f"{self.key_row(keys[0]).strip()}\n{self.resource(keys[0])}"
        rows = [*map(self.row, parties), *(() if parties else map(self.key_row, keys))] or decided
        if not rows:
            priced = f"`reconcile --explain {word}`, without a PATH, tells what that costs" * (word in LEVELS)
            near = self.without_kind(word) or self.near(word) or priced or "see --plan -o wide"
            raise UsageError(f"nothing here is called {word!r}", near)
        return "".join(f"{row}\n" for row in (f"{word} is", *rows))

    def resource(self, key: Key) -> str:
        return render.explained(key, self.change.live, self.change.desired)

    def party(self, one: Subject) -> str:
        rows = [f"  {key}" + f"   {said}" * (said != render.IN_SYNC) for key, said in self.states(one)]
        return "".join(f"{row}\n" for row in (self.row(one).strip(), *rows))

    def row(self, one: Subject) -> str:
        first = sorted(self.of[one], key=lambda key: not self.all[key].whole)
        where = next((place for key in first if (place := render.place(self.all[key]))), "")
        said = {said for _, said in self.states(one)}
        state = said.pop() if len(said) == 1 else "differs"
        return f"  {' '.join(filter(None, one[1:]))}   project {one.project}{where}   {state}"

    def key_row(self, key: Key) -> str:
        _, kind, name = self.subjects.of(self.all[key])
        return f"  {key}   {kind} {name}".rstrip()

    def states(self, one: Subject) -> Iterator[tuple[Key, str]]:
        return ((key, render.standing(key, self.change.live, self.change.desired)) for key in self.of[one])

    def decided(self, word: str) -> list[str]:
        """What stands nowhere but in names: the address of a service, an alias."""
        topology = self.change.topology
        known = members(self.change.manifest, topology)
        return [f"  {one}" for one in meanings(word, topology.naming.zones, known)]

    def together(self, word: str) -> list[Subject]:
        """All of a project, or what a plan has one line of for each: names, firewall, host settings."""
        found = [one for one in self.of if word in (one.project, one.name or one.kind)]
        return sorted(found, key=in_order)

    def without_kind(self, word: str) -> str:
        """A hint with keys that are this but for the word that they begin with."""
        found = sorted(key for key in self.all if key.partition(" ")[2] == word)
        return f"did you mean {' or '.join(map(repr, found[:NEAR]))}?" if found else ""

    def near(self, word: str) -> str:
        names = [*self.parties, *self.keys]
        found = [name for name in names if len(word) > 2 and word.lower() in name][:NEAR]
        found = found or get_close_matches(word.lower(), names, NEAR)
        return f"did you mean {' or '.join(map(repr, found))}?" if found else ""

    @cached_property
    def of(self) -> dict[Subject, list[Key]]:
        """The keys of what each is made of."""
        found: dict[Subject, list[Key]] = defaultdict(list)
        for r in ordered(self.all.values()):
            found[self.subjects.of(r)].append(r.key)
        return found

    @cached_property
    def parties(self) -> dict[str, list[Subject]]:
        found: dict[str, list[Subject]] = defaultdict(list)
        for one in (one for one in self.of if one.kind in NAMED):
            for name in called(one):
                found[name.lower()].append(one)
        by_part = {(one.kind, one.name): one for one in self.of}
        zones = self.change.topology.naming.zones
        for ip, names in (entry for zone in zones for entry in zone.entries):
            part = self.subjects.places.addresses.get(ip, ("", ""))
            for name in names if part in by_part else ():
                found[name.lower()].append(by_part[part])
        return found

    @cached_property
    def keys(self) -> dict[str, list[Key]]:
        found: dict[str, list[Key]] = defaultdict(list)
        for key, r in self.all.items():
            for name in known_as(r):
                found[name.lower()].append(key)
        return found


def in_order(one: Subject) -> tuple[int, str, tuple[str | int, ...]]:
    return KINDS.index(one.kind), one.project, as_counted(one.name)


def called(one: Subject) -> Iterator[str]:
    """`container shop-web-1` as `shop-web-1`, `web-1`, `web`, its short id, and in full."""
    yield from (f"{one.kind} {one.name}", one.name)
    if one.kind == PORT:
        door, _, protocol = one.name.rpartition("/")
        number = door.rpartition(":")[2]
        yield from {door, number, f"{number}/{protocol}", *ports(number)} - {one.name}
        return
    short = one.name.removeprefix(f"{one.project}-" if one.kind == CONTAINER else f"{one.project}_")
    service, _, replica = short.rpartition("-")
    yield from {short, service if replica.isdecimal() else short} - {one.name, ""}
    yield from [short_id(one.name)] * (one.kind == CONTAINER)


def ports(text: str) -> Iterator[str]:
    """Those of a range."""
    first, dash, last = text.partition("-")
    return map(str, range(int(first), int(last) + 1)) if dash else iter(())


def known_as(r: Resource) -> Iterator[str]:
    if isinstance(r, Address):
        yield r.ip
    if isinstance(r, Link):
        yield from {r.name, getattr(r, "host_name", r.name), getattr(r, "mac", "")} - {""}
