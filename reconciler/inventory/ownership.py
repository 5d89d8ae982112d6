"""Whose things are, as a whole state tells.  An alias is written for people, and people overwrite it: where
other marks of ours name the project as well, these are believed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from ..core.resource import Ownership, Resource, State
from ..kinds.link import Link, Veth
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Element, Table, owner_by_table
from ..kinds.overlay import Vxlan
from ..kinds.ownership import HOST, SHARED, TABLE_PREFIX, wireguard_prefix
from ..kinds.stacked_link import Ipvlan, Macvlan, Vlan
from ..kinds.sysctl import Sysctl, usual

FORWARD = "-forward"  # after a WireGuard link's name, the chain that is about it

Owner = Callable[[Resource], str]  # from a live resource to the project that it is of; "" where no mark tells


def ownership(live: State) -> Ownership:
    """What all marks of this state tell together; each kind knows what to ask it."""
    places = {r.name: r.project for r in live.values() if isinstance(r, Namespace)}
    links = link_projects(live)
    encrypted = {str(wireguard_prefix(project)): project for project in {*places.values(), *links.values()}}
    prefixes = {e.item: e.declared_by for e in remote(live)} | encrypted
    return Ownership(places, links, prefixes, frozenset(roots(live)), SHARED)


def owners(live: State) -> Owner:
    """Who owns what, in this state."""
    known = ownership(live)
    return lambda resource: resource.owner(known)


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
    owner = owners(live)
    mine = projects | {SHARED}
    if {owner(r) for r in live.values() if isinstance(r, Namespace | Link | Table)} <= mine | {""}:
        return {}
    return {key: r for key, r in live.items() if owner(r) not in mine}


def remote(live: State) -> Iterator[Element]:
    """The slices that routed networks have on other hosts: the routes there bear no project's name."""
    return (r for r in live.values() if isinstance(r, Element) and r.map in ("remote4", "remote6"))


def roots(live: State) -> dict[str, str]:
    """Every project that stands, with the directory that it was last applied from."""
    return {
        r.name.removeprefix(TABLE_PREFIX): r.root
        for r in live.values()
        if isinstance(r, Table) and r.family == "inet" and r.name != TABLE_PREFIX + SHARED
    }


def link_projects(live: State) -> dict[str, str]:
    """The project of every link of ours on the host, by its name; "" where no mark tells."""
    homes = {r.name: r.project for r in live.values() if isinstance(r, Namespace)}
    links = [r for r in live.values() if isinstance(r, Link)]
    told, above = by_firewall(live), by_children(links, homes)
    found: dict[str, str] = {}
    for r in links:
        if r.ns == HOST:
            said = told.get(r.name) or getattr(r, "project", "")
            found[r.name] = said or above.get(r.name) or above.get(getattr(r, "parent", ""), "")
    tunnels = {r.name: r.project or found.get(r.bridge, "") for r in links if isinstance(r, Vxlan)}
    ends = {r.host_name: homes.get(r.ns, "") for r in links if isinstance(r, Veth)}
    return ends | found | tunnels | {r.name: SHARED for r in links if isinstance(r, Vlan)}


def by_firewall(live: State) -> dict[str, str]:
    """What the tables of projects say of bridges and of WireGuard links."""
    told = {}
    for r in live.values():
        if isinstance(r, Element) and r.map == "bridges":
            told[r.item] = r.declared_by
        elif isinstance(r, Chain) and r.name.endswith(FORWARD):
            told[r.name.removesuffix(FORWARD)] = owner_by_table(r.table)
    return told


def by_children(links: Iterable[Link], homes: dict[str, str]) -> dict[str, str]:
    """Whose sandboxes stand on a link, where they are of one project; it is also that of
    what stands beside them."""
    above: dict[str, set[str]] = defaultdict(set)
    for r in links:
        if r.ns != HOST and isinstance(r, Veth | Macvlan | Ipvlan):
            above[r.bridge if isinstance(r, Veth) else r.parent].add(homes.get(r.ns, ""))
    return {below: project for below, (project, *more) in above.items() if not more}
