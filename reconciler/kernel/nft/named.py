"""What containers may reach by name, as it stands: by the sets that resolvers have filled until now."""

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ...kinds.named import CHAIN, SEEN, SET, ByName, heard
from ...kinds.nft import Chain, Element
from ...kinds.ownership import TABLE
from ..netlink.policed import Reached
from ..netlink.socket import attributes, items
from . import raw
from .elements import KEY, VALUE
from .transaction import FirewallSteps
from .wire import snapshot

ANY_PORT = ((0, 0xFFFF),)
SIZES = {"4": 4, "6": 16}
PADDED = 4  # in a concatenation each part fills whole 32-bit registers
FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}


class FilledSets(NamedTuple):
    """The keys of the sets of one table, by their names."""

    keys: Mapping[str, list[bytes]]

    def reached(self, chain: str, rules: Iterable[ByName]) -> Reached:
        """By what was reached before, and by what these rules say."""
        found: dict[bytes, list[tuple[int, int, int]]] = defaultdict(list)
        for number, size in SIZES.items():
            for key in self.keys.get(f"{SEEN}{chain.removeprefix(CHAIN)}-{number}", ()):
                port = int.from_bytes(key[size + PADDED : size + PADDED + 2], "big")
                found[key[:size]].append((key[size], port, port))
        for rule in rules:
            for key in self.keys.get(rule.set, ()):
                found[key] += ((rule.protocol, *ports) for ports in rule.ports or ANY_PORT)
        return found


def by_source(work: FirewallSteps, leading: Iterable[Element]) -> dict[bytes, Reached]:
    """What each may reach by name when a transaction is done; `leading` are the elements that say by which
    chain.  One that the transaction does not make says it by what was reached."""
    sources = {socket.inet_pton(FAMILIES[e.map[-1]], e.item): e.value.partition(" ")[2] for e in leading}
    if not sources:
        return {}
    made = {r.name: r for step in work.chains if step.op != "-" and isinstance(r := step.resource, Chain)}
    written = FilledSets(dict(keys()))
    rules = {name: filter(None, map(heard, chain.rules)) for name, chain in made.items()}
    chains = {name: written.reached(name, rules.get(name, ())) for name in {*sources.values()}}
    return {ip: chains[name] for ip, name in sources.items()}


def keys() -> Iterator[tuple[str, list[bytes]]]:
    parts = raw.Selection(TABLE.__eq__, lambda name: name.startswith((SET, SEEN)), chains=False, dynamic=True)
    for table in snapshot(lambda reading: raw.tables(reading, parts)):
        for one in table.sets if table.family == "inet" else ():
            elements = (element for message in one.elements for _, element in items(message))
            yield one.name, [attributes(attributes(element)[KEY])[VALUE] for element in elements]
