"""The chains of a namespace at work: hook by hook, in the order of their priorities, as the kernel has it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from ..core.resource import Resource
from ..errors import Unjudged
from ..kinds.nft import Chain, Element
from .contents import Contents, MapEntry
from .language import ReadRule, read
from .packet import Packet
from .statements import Assign, Decide, Key

HOOK = re.compile(r"type (\w+) hook (\w+) priority (-?\d+); policy (\w+);")
OPAQUE = "<differs: "  # what the rules of a chain are read as that says something else than is wanted
DSTNAT, BRIDGED, SRCNAT = -100, 0, 100  # NF_IP_PRI_NAT_DST, NF_BR_PRI_BRNF, NF_IP_PRI_NAT_SRC
NAT_AT = {"prerouting": DSTNAT, "output": DSTNAT, "input": SRCNAT, "postrouting": SRCNAT}
BOUND = {"prerouting": "dnat", "output": "dnat", "input": "snat", "postrouting": "snat"}
DEEPEST = 16  # NFT_JUMP_STACK_SIZE
REFUSING = ("drop", "reject")


class BaseChain(NamedTuple):
    priority: int
    kind: str  # filter, nat or route
    chain: Chain
    policy: str


class Hop(NamedTuple):
    """A rule that did something, and by which elements."""

    place: str  # namespace and hook, as `host forward`
    family: str
    chain: str
    rule: str
    verdict: str
    elements: tuple[Element, ...] = ()


class Firewall:
    """The tables of one namespace."""

    def __init__(self, resources: Iterable[Resource]):
        self.chains: dict[tuple[str, str, str], Chain] = {}
        self.hooks: dict[tuple[str, str], list[BaseChain]] = defaultdict(list)
        self.elements: dict[tuple[str, str, str], list[Element]] = defaultdict(list)
        self.known: dict[tuple[str, str, str, Key], Contents] = {}
        for r in resources:
            if isinstance(r, Element):
                self.elements[r.family, r.table, r.map].append(r)
            elif isinstance(r, Chain):
                self.chains[r.family, r.table, r.name] = r
        for chain in (chain for chain in self.chains.values() if chain.hook):
            self.hook_in(chain)
        for chains in self.hooks.values():
            chains.sort(key=lambda one: one.priority)

    def hook_in(self, chain: Chain) -> None:
        if not (said := HOOK.fullmatch(chain.hook)):
            raise Unjudged(f"nobody can tell where chain {chain.name} is hooked in: {chain.hook}")
        kind, hook, priority, policy = said.groups()
        self.hooks[chain.family, hook].append(BaseChain(int(priority), kind, chain, policy))

    def base(self, family: str, hook: str, *, nat: bool) -> list[BaseChain]:
        return [one for one in self.hooks.get((family, hook), ()) if (one.kind == "nat") == nat]

    def contents(self, chain: Chain, name: str, key: Key) -> Contents:
        asked = chain.family, chain.table, name, key
        if (found := self.known.get(asked)) is None:
            kinds = tuple(part.looked_up for part in key)
            found = self.known[asked] = Contents(self.elements.get(asked[:3], ()), kinds)
        return found

    @cached_property
    def rules(self) -> dict[str, tuple[ReadRule, ...]]:
        return {}

    def read(self, chain: Chain) -> tuple[ReadRule, ...]:
        """Raises Unjudged where somebody has altered the chain, or says what nobody here knows."""
        if chain.key not in self.rules:
            if "".join(chain.rules[:1]).startswith(OPAQUE):
                hint = "`reconcile --apply` puts it right"
                raise Unjudged(f"chain {chain.family} {chain.name} is not as it was written", hint)
            self.rules[chain.key] = tuple(map(read, chain.rules))
        return self.rules[chain.key]


Choice = Callable[[int], int]  # of so many, which one


class Passing:
    """One packet in one hook of one namespace; what it meets is added to `trail`."""

    def __init__(self, firewall: Firewall, packet: Packet, place: str, hook: str, trail: list[Hop]):
        self.firewall, self.packet, self.place, self.hook, self.trail = firewall, packet, place, hook, trail
        self.elements: list[Element] = []
        self.chain: Chain | None = None
        self.choice: Choice = lambda count: 0
        self.primary: Callable[[str, int], str] = lambda link, family: ""

    def all(self, family: str, shown: Callable[[], Hop | None] | None = None) -> Hop | None:
        """The hop that stops it, None where it goes on.  `shown` is what br_netfilter does at its turn."""
        for turn in self.turns(family, shown):
            if stopped := turn():
                return stopped
        return None

    def turns(
        self, family: str, shown: Callable[[], Hop | None] | None
    ) -> Iterator[Callable[[], Hop | None]]:
        chains = self.firewall.base(family, self.hook, nat=False)
        between = {"inet": self.nat, "bridge": lambda: shown() if shown else None}[family]
        at = NAT_AT.get(self.hook, 0) if family == "inet" else BRIDGED
        yield from (self.turn(one) for one in chains if one.priority < at)
        yield between
        yield from (self.turn(one) for one in chains if one.priority >= at)

    def turn(self, one: BaseChain) -> Callable[[], Hop | None]:
        return lambda: self.base(one)

    def base(self, one: BaseChain) -> Hop | None:
        """What stops it in this chain, if anything does."""
        found = self.walk(one.chain)
        if found is None and one.policy == "drop":
            found = Decide("drop")
            self.note(one.chain, f"policy {one.policy}", found.word)
        return self.trail[-1] if found and found.word in REFUSING else None

    def walk(self, chain: Chain, depth: int = 0) -> Decide | None:
        """accept, drop or reject; None where its end is reached."""
        if depth > DEEPEST:
            raise Unjudged(f"chain {chain.name} leads back to itself")
        for rule in self.firewall.read(chain):
            decided = self.apply(chain, rule)
            if not decided or decided.word == "continue":
                continue
            if decided.word == "return":
                return None
            if decided.word not in ("jump", "goto"):
                return decided
            target = self.firewall.chains.get((chain.family, chain.table, decided.chain))
            if target is None:
                raise Unjudged(f"there is no chain {decided.chain}, to which {chain.name} leads")
            inner = self.walk(target, depth + 1)
            if inner or decided.word == "goto":
                return inner
        return None

    def apply(self, chain: Chain, rule: ReadRule) -> Decide | None:
        self.chain, self.elements = chain, []
        for statement in rule.statements:
            outcome = statement.apply(self)
            if outcome is False:
                return None
            if isinstance(outcome, Decide):
                self.note(chain, rule.text, outcome.said)
                return outcome
            if isinstance(statement, Assign):
                self.note(chain, rule.text, "mark")
        return None

    def note(self, chain: Chain, text: str, verdict: str) -> None:
        hop = Hop(self.place, chain.family, chain.name, text, verdict, tuple(self.elements))
        self.trail.append(hop)

    # what rules ask for

    def contents(self, name: str, key: Key) -> Contents:
        assert self.chain is not None
        return self.firewall.contents(self.chain, name, key)

    def choose(self, entries: list[MapEntry]) -> MapEntry:
        return entries[self.choice(len(entries))]

    # translation

    def nat(self) -> Hop | None:
        """A connection is bound once for its destination and once for its source; an answer is led back."""
        tracked, kind = self.packet.tracked, BOUND.get(self.hook)
        if tracked is None or kind is None or self.packet.is_invalid:
            return None
        if self.packet.is_answer:
            self.lead_back(kind)
            return None
        for one in self.firewall.base("inet", self.hook, nat=True):
            if kind in tracked.bound:
                break
            if stopped := self.base(one):
                return stopped
        tracked.bound.add(kind)
        return None

    def lead_back(self, kind: str) -> None:
        """Where the source was changed the answer's destination is: a hook turns round the other's work."""
        packet, tracked = self.packet, self.packet.tracked
        assert tracked is not None
        if kind == "dnat" and tracked.source != tracked.first[:2]:
            packet.dst, packet.dport = tracked.first[:2]
        if kind == "snat" and tracked.target != tracked.first[2:]:
            packet.src, packet.sport = tracked.first[2:]

    def translate(self, kind: str, to: str) -> None:
        packet, tracked = self.packet, self.packet.tracked
        assert tracked is not None
        ip, _, port = to.rpartition(" . ") if " . " in to else (to, "", "")
        if kind == "redirect":
            ip, port = self.primary(packet.iif or "lo", packet.family), to.lstrip(":")
        if kind == "masquerade":
            ip = self.primary(packet.oif, packet.family) or packet.src
        if kind in ("dnat", "redirect"):
            packet.dst, packet.dport = ip, int(port) if port else packet.dport
            tracked.target = packet.dst, packet.dport
            tracked.bound.add("dnat")
        else:
            packet.src = ip
            tracked.source = packet.src, packet.sport
            tracked.bound.add("snat")
