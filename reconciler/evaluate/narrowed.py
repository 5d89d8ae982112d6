"""Of a state what a few sandboxes can meet: beside a thousand others a verdict about one costs no more."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter

from ..core.bykind import ByKind, by_kind
from ..core.resource import Resource, State
from ..kinds.address import Address
from ..kinds.file import File
from ..kinds.link import Link
from ..kinds.nft import Element, Map
from ..kinds.ownership import HOST
from ..kinds.published import PUBLISH, is_shared

SMALL = 64  # elements of a map that are not worth looking at
SILENT = (File, Map)  # kinds that no packet meets
WIDE = "[/-]"  # in an element that is about more than it names, of a map of intervals
ByMap = Mapping[str, list[Element]]


def narrowed(state: State, names: Collection[str]) -> State:
    """What is the host's, what is in these sandboxes and those that share a port with them, and of the
    firewall what is about either; each packet between these and the host meets the same in both."""
    known, by_map = by_kind(state), defaultdict(list)
    for e in known.of(Element):
        by_map[e.map].append(e)
    own = {r.ip for r in known.of(Address) if r.ns in names}
    public = [e for name, those in by_map.items() if name.startswith(PUBLISH) for e in those]
    doors = [e for e in public if ip_of(e) in own]
    others = {ip_of(e) for e in sharing(by_map, doors)} - own
    names = {*names, *(r.ns for r in known.of(Address) if r.ip in others)} if others else names
    kept = [r for kind, those in known.kinds.items() for r in met(kind, those, {*names, HOST, ""})]
    words = {*words_of(kept, names), *(e.item.rpartition(" . ")[2] for e in doors)} - {""}
    intervals = {r.name for r in known.of(Map) if "interval" in r.flags}
    elements = (e for name, those in by_map.items() for e in about(those, words, wide=name in intervals))
    return ByKind((r.key, r) for r in (*kept, *elements))


def met(kind: type[Resource], those: list[Resource], here: Collection[str]) -> Iterable[Resource]:
    if issubclass(kind, (*SILENT, Element)):
        return ()
    whose = attrgetter("ns" if hasattr(kind, "ns") else "place")  # the first is the faster
    return (r for r in those if whose(r) in here)


def sharing(by_map: ByMap, doors: Iterable[Element]) -> Iterator[Element]:
    """All parts of the ports of which these are some."""
    parts = {(e.map, e.item.rpartition(" . ")[0]) for e in doors if is_shared(e.map)}
    for name in {name for name, _ in parts}:
        yield from (e for e in by_map[name] if (name, e.item.rpartition(" . ")[0]) in parts)


def ip_of(e: Element) -> str:
    return e.value.partition(" . ")[0]


def words_of(kept: Iterable[Resource], names: Collection[str]) -> Iterator[str]:
    """By which elements name them: addresses, MACs, the host's links, and the host's addresses there."""
    kept, links = [*kept], set[str]()
    for r in (r for r in kept if isinstance(r, Link) and r.place in names):
        links.update(getattr(r, part, "") for part in ("host_name", "bridge", "parent"))
        yield getattr(r, "mac", "")
    yield from links
    yield from (r.ip for r in kept if isinstance(r, Address) and (r.ns in names or r.link in links))


def about(those: list[Element], words: Collection[str], *, wide: bool) -> Iterable[Element]:
    if len(those) <= SMALL:
        return those
    if those[0].family == "bridge" and not wide:  # whose elements begin with the link that they are of
        return (e for e in those if e.item.partition(" . ")[0] in words)
    texts = [*map(re.escape, words), *[WIDE] * wide]
    found = re.compile("|".join(texts)).search
    return (e for e in those if found(e.item) or (e.value and found(e.value)))
