"""Whose things are, as a whole state tells.  An alias is written for people, and people overwrite it: where
other marks of ours name the project as well, these are believed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..core.bykind import ByKind, by_kind
from ..core.resource import Key, Ownership, Resource, State
from ..kinds.cni import CniAttachment
from ..kinds.comment import kept
from ..kinds.link import HandedVeth, Link, Veth
from ..kinds.maps import PROJECTS
from ..kinds.named import CHAIN
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Element, InTable, Table, owner_by_table, path
from ..kinds.overlay import Vxlan
from ..kinds.ownership import HOST, SHARED, TABLE_PREFIX, wireguard_prefix
from ..kinds.remote import RemoteEndpoint, RemoteNetwork
from ..kinds.stacked_link import Ipvlan, Macvlan, Vlan
from ..kinds.sysctl import Sysctl, usual
from ..kinds.workload import Workload

OLD_HOST = TABLE_PREFIX + SHARED  # what all projects shared before 0.3

Owner = Callable[[Resource], str]  # from a live resource to the project that it is of; "" where no mark tells


def ownership(live: State) -> Ownership:
    """What all marks of this state tell together; each kind knows what to ask it."""
    live = by_kind(live)
    places = {r.name: r.project for r in live.of(Namespace)}
    links = link_projects(live)
    encrypted = {str(wireguard_prefix(project)): project for project in {*places.values(), *links.values()}}
    prefixes = {e.item: e.declared_by for e in remote(live)} | encrypted
    standing = frozenset({*roots(live), *places.values(), *links.values()} - {""})
    return Ownership(places, links, prefixes, standing, SHARED)


def owners(live: State) -> Owner:
    """Who owns what, in this state."""
    known = ownership(live)
    return lambda resource: resource.owner(known)


def projects(live: State) -> frozenset[str]:
    """Those that something stands of, however little."""
    owner = owners(live)
    return frozenset(map(owner, live.values())) - {"", SHARED}


def by_key(live: State, desired: State) -> Callable[[Key], str]:
    """A function from a key to the project that it is of, as what is wanted tells, or else what stands."""
    known: dict[bool, Owner] = {}

    def owner(key: Key) -> str:
        state = desired if (wanted := key in desired) else live
        if key not in state:
            return ""
        if wanted not in known:
            known[wanted] = owners(state)
        return known[wanted](state[key])

    return owner


def settings_of_parting_links(live: State, wanted: State) -> Iterator[Sysctl]:
    """The settings of links that go: rolling back restores what was read."""
    for key, r in live.items():
        if isinstance(r, Link) and key not in wanted and not r.leftover:
            yield from usual(r)
            if isinstance(r, Veth) and not r.bridge:
                yield from usual(Link(ns=HOST, name=r.host_name))


def without_leftovers(live: State) -> State:
    """What may stay although nobody declares it; half a veth pair may vanish by itself."""
    return {key: r for key, r in live.items() if not r.leftover}


def of_others(live: State, projects: frozenset[str]) -> State:
    """What belongs to projects that this run is not about: it stays as it is, and so does what is left over
    of them, and what no mark tells the owner of."""
    live = by_kind(live)
    known = ownership(live)
    mine = projects | {SHARED}
    plugged = (*live.of(CniAttachment), *live.of(RemoteNetwork), *live.of(RemoteEndpoint))
    whose = (*live.of(Namespace), *live.of(Link), *live.of(Workload), *plugged)
    told = {r.owner(known) for r in whose}
    if known.projects | told <= mine | {""}:
        return {}
    theirs = {key: r for key, r in live.items() if r.owner(known) not in mine}
    return theirs | borne(live, theirs)


def borne(live: ByKind, theirs: State) -> dict[Key, Resource]:
    """The parts of the firewall that elements of theirs are in: their maps, the chains that look these up,
    those that jump there, and all that these need; a chain of one view's names only where an element leads
    there.  The host's tables of before 0.3 stay likewise."""
    found = {up for r in theirs.values() if isinstance(r, Element) for up in (*r.within, *r.jumps)}
    chains = {r.key: {*r.refers, *r.jumps} for r in live.of(Chain)}
    asking = {r.key: chains[r.key] for r in live.of(Chain) if not r.name.startswith(CHAIN)}
    while more := {key for key, ups in asking.items() if key not in found and not found.isdisjoint(ups)}:
        found |= more
    needs = {r.key: {*r.within, *chains.get(r.key, ())} for r in live.of(InTable)}
    while more := {up for key in found for up in needs.get(key, ()) if up in live} - found:
        found |= more
    if any(isinstance(r, Table) and owner_by_table(r.name) for r in theirs.values()):
        found |= {r.key for r in (*live.of(Table), *live.of(InTable)) if path(r)[1] == OLD_HOST}
    return {key: live[key] for key in found if key in live}


def settings_of_host(desired: State) -> State:
    """What is set of the host itself, and of links that are not ours: nobody resets it."""
    own = (r for r in desired.values() if not (r.marked or r.place))
    return {r.key: r for r in own if desired.keys().isdisjoint(r.within)}


def remote(live: State) -> Iterator[Element]:
    """The slices that routed networks have on other hosts: the routes there bear no project's name.  What is
    no prefix somebody else has put there."""
    return (r for r in by_kind(live).of(Element) if r.map in ("remote4", "remote6") and "/" in r.item)


def roots(live: State) -> dict[str, str]:
    """Every project that stands, with the folder that it was last applied from."""
    live = by_kind(live)
    found = {r.project: r.root for r in live.of(Element) if r.map == PROJECTS}
    olden = {owner_by_table(r.name): r.root for r in live.of(Table) if r.family == "inet"}
    return {name: root for name, root in olden.items() if name not in ("", SHARED)} | found


def applied_from(live: State, names: Sequence[str]) -> set[str]:
    """The projects that stand and were last applied from the folder of these names."""
    return {project for project, root in roots(live).items() if root in spellings(project, names)}


def spellings(project: str, names: Sequence[str]) -> set[str]:
    return {*names, *(kept(project, name) for name in names)}


def root_of(project: str, stood: str, names: Sequence[str], *, whole: bool) -> str | None:
    """What is to be remembered of a project from the folder of these names, or of single files in it; `stood`
    is what was.  None where that is another folder: neither this one, nor one that it is in, or has in it."""
    if not names or (not stood and not whole):
        return stood
    if not stood or stood in spellings(project, names):
        return names[0]
    if any(stood in spellings(project, above(name)) for name in names):
        return stood
    inside = any(stood.startswith(f"{name.rstrip('/')}/") for name in names)
    return names[0] if whole and inside else None


def above(folder: str) -> list[str]:
    """The folders that it is in."""
    parts = folder.split("/")
    found = ("/".join(parts[:end]).rstrip("/") for end in range(len(parts) - 1, 0, -1))
    return [name or "/" for name in found]


def sandboxes(live: ByKind) -> Iterator[tuple[str, str]]:
    """Each that stands, with its project: also those of which nothing but the host's end is ours."""
    yield from ((r.name, r.project) for r in live.of(Namespace))
    yield from ((r.ns, r.project) for r in live.of(HandedVeth))


def link_projects(live: ByKind) -> dict[str, str]:
    """The project of every link of ours on the host, by its name; "" where no mark tells."""
    homes, links = dict(sandboxes(live)), list(live.of(Link))
    told, above = by_firewall(live), by_children(links, homes)
    found: dict[str, str] = {}
    for r in links:
        if r.ns == HOST:
            stands_on = above.get(r.name) or above.get(getattr(r, "parent", ""), "")
            found[r.name] = agreed(told.get(r.name, ""), getattr(r, "project", ""), stands_on)
    tunnels = {r.name: r.project or found.get(r.bridge, "") for r in links if isinstance(r, Vxlan)}
    ends = {r.host_name: homes.get(r.ns, "") for r in links if isinstance(r, Veth)}
    return ends | found | tunnels | {r.name: SHARED for r in links if isinstance(r, Vlan)}


def agreed(*told: str) -> str:
    """What most marks tell, and of two that differ the first: anybody may have edited one of them."""
    known = [project for project in told if project]
    return max(known, key=known.count, default="")


def by_firewall(live: ByKind) -> dict[str, str]:
    """What elements say of bridges and of WireGuard links."""
    maps = ("bridges", "wireguard")
    return {r.item: r.declared_by for r in live.of(Element) if r.map in maps and r.declared_by}


def by_children(links: Iterable[Link], homes: dict[str, str]) -> dict[str, str]:
    """Whose sandboxes stand on a link, where they are of one project; it is also that of
    what stands beside them."""
    above: dict[str, set[str]] = defaultdict(set)
    for r in links:
        if r.ns != HOST and isinstance(r, Veth | Macvlan | Ipvlan):
            above[r.bridge if isinstance(r, Veth) else r.parent].add(homes.get(r.ns, ""))
    return {below: project for below, (project, *more) in above.items() if not more}
