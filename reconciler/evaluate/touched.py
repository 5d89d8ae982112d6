"""Which containers a plan may make reachable, or reachable no more: by what its steps name; others judge."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, permutations
from typing import NamedTuple

from ..core.bykind import by_kind
from ..core.plan import Step
from ..core.resource import State
from ..family import family
from ..kinds.address import Address
from ..kinds.link import Link, Veth
from ..kinds.maps import ALLOWING, BOUND, BY_PEER, NO_METADATA, OPENED
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Element, Map
from ..kinds.ownership import HOST
from ..kinds.route import Route
from ..kinds.rule import Rule
from ..kinds.stacked_link import Ipvlan, Macvlan
from ..kinds.sysctl import Sysctl
from .by_address import ByAddress
from .chains import OPAQUE
from .routes import inside
from .world import FORWARD

POLICIES = (*ALLOWING, *BOUND, NO_METADATA, OPENED)
ALLOWED = (*ALLOWING, OPENED)
AMONG, SAME = (*BY_PEER, OPENED), "same_network"  # between those whom they name; these about who is beside
BESIDE = (*BOUND, "apart", "gateway_of", "own")
INSIDE = (Link, Address, Route, Rule)  # of a container, by which it speaks to others


# Containers that are judged at most: some milliseconds each in both states.
MOST_TARGETS = 64


class Touched(NamedTuple):
    """Whom outside and the host may reach otherwise, and who may reach whom."""

    targets: set[str]
    pairs: set[tuple[str, str]]


class Touches:
    """Of the steps between two states."""

    def __init__(self, live: State, desired: State, todo: Sequence[Step]):
        self.states = by_kind(live), by_kind(desired)
        self.todo = [*todo, *self.along(todo)]
        self.spans: dict[str, set[str]] = {}  # who is in those that were asked for

    def along(self, todo: Sequence[Step]) -> Iterator[Step]:
        """What goes with the maps that it is in, of which no step tells."""
        gone = {step.resource.key for step in todo if step.op == "-" and isinstance(step.resource, Map)}
        lost = (e for e in self.states[0].of(Element) if e.within[0] in gone) if gone else ()
        yield from (Step("-", e, e) for e in lost)

    @cached_property
    def standing(self) -> set[str]:
        """The sandboxes that stand before and after."""
        before, after = ({r.name for r in state.of(Namespace)} for state in self.states)
        return before & after

    @cached_property
    def coming(self) -> set[str]:
        return {s.resource.name for s in self.todo if isinstance(s.resource, Namespace) and s.op == "+"}

    @cached_property
    def owners(self) -> dict[str, str]:
        """The sandboxes that are named, by the addresses and the host's ends of links that name them."""
        elements = (one for s in self.todo for one in (s.resource, s.old) if isinstance(one, Element))
        words = {word for one in elements for word in self.words(one)}
        ips = {r.ip: r.ns for state in self.states for r in state.of(Address) if r.ip in words}
        ends = {r.host_name: r.ns for state in self.states for r in state.of(Veth) if r.host_name in words}
        return {**ips, **ends}

    @cached_property
    def addresses(self) -> dict[str, str]:
        """All of sandboxes, with whose they are."""
        return {r.ip: r.ns for state in self.states for r in state.of(Address) if r.ns != HOST}

    @cached_property
    def own(self) -> dict[str, list[str]]:
        """By sandbox."""
        found: dict[str, list[str]] = defaultdict(list)
        for ip, name in self.addresses.items():
            found[name].append(ip)
        return found

    @cached_property
    def networks(self) -> dict[str, set[str]]:
        """Who is on each, by the host's link of it."""
        found: dict[str, set[str]] = defaultdict(set)
        for state in self.states:
            for veth in state.of(Veth):
                found[veth.bridge or veth.host_name].add(veth.ns)
            for child in (*state.of(Macvlan), *state.of(Ipvlan)):
                found[child.parent].add(child.ns)
        return found

    def touched(self) -> Touched:
        """All that stand where what is changed concerns everybody."""
        wanted = self.standing | self.coming
        for_all = any(map(self.is_for_all, self.todo))
        targets = wanted if for_all else wanted & self.named_by_all()
        if len(targets) > MOST_TARGETS:
            return Touched(targets, set())
        if for_all:
            return Touched(targets, {*permutations(self.standing, 2)})
        found = (self.pairs(step, self.names(step) & self.standing) for step in self.todo)
        return Touched(targets, {(a, b) for a, b in chain.from_iterable(found) if a != b})

    def named_by_all(self) -> set[str]:
        """Whom the steps are about; who comes is so without looking, and no set is kept of each step."""
        steps = self.todo if self.standing else ()
        return self.coming.union(chain.from_iterable(map(self.names, steps)))

    def is_for_all(self, step: Step) -> bool:
        """Rules that change with elements are about those whom these name, unless somebody altered them."""
        altered = isinstance(step.old, Chain) and "".join(step.old.rules[:1]).startswith(OPAQUE)
        return altered or (isinstance(step.resource, Chain) and not self.has_elements)

    @cached_property
    def has_elements(self) -> bool:
        return any(isinstance(step.resource, Element) for step in self.todo)

    def names(self, step: Step) -> set[str]:
        """Whom a step is about."""
        r = step.resource
        if isinstance(r, INSIDE) and r.place:
            return {r.place}
        if isinstance(r, Sysctl) and not r.place and r.name in FORWARD.values():
            return {name for ip, name in self.addresses.items() if r.name == FORWARD[family(ip)]}
        if isinstance(r, Link | Address):
            return {*self.networks.get(r.name if isinstance(r, Link) else r.link, ())}
        return {*self.named(r), *self.named(step.old)} if isinstance(r, Element) else set()

    def named(self, r: object) -> Iterator[str]:
        """By an element: as whom a port leads to, by an address, a link, or a network; of a policy whom it is
        for, since from outside and the host nobody reaches its peers otherwise."""
        if isinstance(r, Element) and not r.map.startswith(OPENED):
            words = r.item.split(" . ")[1:2] if r.map[:-1] in BY_PEER else self.words(r)
            for word in words:
                yield from self.called(word, r)

    def called(self, word: str, r: Element) -> Collection[str]:
        if word in self.owners:
            return (self.owners[word],)
        if r.map.startswith(POLICIES) and r.map[-1] in "46" and is_span(word):
            return self.around(word)
        return self.networks.get(word, ())

    def agreeing(self, r: object) -> Iterator[tuple[str, str]]:
        """Of those that stand whoever its first two words name, each with each of the other's."""
        if isinstance(r, Element):
            some, others = (self.standing.intersection(self.called(w, r)) for w in r.item.split(" . ")[:2])
            for name in some:
                yield from both(name, others)

    def words(self, r: Element) -> Iterator[str]:
        yield from (*r.item.split(" . "), r.value.partition(" . ")[0], *self.behind(r))

    def behind(self, r: Element) -> Iterator[str]:
        """The address that a port leads to whose limit this is."""
        for door in r.limits.doors if r.limits else ():
            found = (state.get(Element.at(r.family, r.table, *door)) for state in self.states)
            yield from (one.value.partition(" . ")[0] for one in found if isinstance(one, Element))

    def pairs(self, step: Step, names: set[str]) -> Iterator[tuple[str, str]]:
        """Of those that stand: who has come to a network or left it, and whom policies name."""
        r = step.resource
        if isinstance(r, Veth | Macvlan | Ipvlan) and r.place in names:
            yield from both(r.place, self.beside(r.place) | self.allowed_with(r.place))
        elif isinstance(r, Address | Route):
            yield from (pair for name in names for pair in both(name, self.allowed_with(name)))
        elif isinstance(r, Element) and r.map.startswith(BESIDE):
            for name in names:
                yield from both(name, self.beside(name) | self.allowed_with(name))
        elif isinstance(r, Sysctl):
            yield from permutations(names, 2)
        elif isinstance(r, Element) and (r.map[:-1] in AMONG or r.map == SAME):
            yield from chain(self.agreeing(r), self.agreeing(step.old))

    def beside(self, name: str) -> set[str]:
        """Who else is on its networks, before or after."""
        found = (those for those in self.networks.values() if name in those)
        return {one for those in found for one in those} & self.standing

    def allowed_with(self, name: str) -> set[str]:
        """Whom policies name together with it, or with a network of its, before or after."""
        words = {word for parts in self.allowed.of(self.own[name]) for word in parts}
        exact = {self.addresses[word] for word in words & self.addresses.keys()}
        return exact.union(*map(self.around, filter(is_span, words))) & self.standing

    def around(self, span: str) -> set[str]:
        """Who has an address of it."""
        if span not in self.spans:
            self.spans[span] = {name for ip, name in self.addresses.items() if inside(ip, span)}
        return self.spans[span]

    @cached_property
    def allowed(self) -> ByAddress[tuple[str, ...]]:
        elements = (e for state in self.states for e in state.of(Element) if e.map.startswith(ALLOWED))
        said = {tuple(e.item.split(" . ")) for e in elements}
        return ByAddress((word, parts) for parts in said for word in parts if is_address(word))


def is_address(word: str) -> bool:
    """Or several; of a policy's element, which names ports and protocols beside."""
    return "." in word or ":" in word


def is_span(word: str) -> bool:
    """Whether it is a prefix or a range of addresses."""
    return is_address(word) and ("/" in word or "-" in word)


def both(name: str, others: Iterable[str]) -> Iterator[tuple[str, str]]:
    for other in others:
        yield from ((name, other), (other, name))
