"""Whose the host's links are.  An alias is written for people, and people overwrite it: where other marks of
ours name the project as well, these are believed."""

from collections import defaultdict
from collections.abc import Iterable

from ..core.resource import State
from ..kinds.link import Link, Veth
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Element
from ..kinds.overlay import Vxlan
from ..kinds.ownership import HOST, TABLE_PREFIX
from ..kinds.stacked_link import Ipvlan, Macvlan, Vlan

SHARED = "host"  # the implicit project of what all share; it goes with the last one
FORWARD = "-forward"  # after a WireGuard link's name, the chain that is about it


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
    return found | tunnels | {r.name: SHARED for r in links if isinstance(r, Vlan)}


def by_firewall(live: State) -> dict[str, str]:
    """What the tables of projects say of bridges and of WireGuard links."""
    told = {}
    for r in live.values():
        if isinstance(r, Element) and r.map == "bridges":
            told[r.item] = r.table.removeprefix(TABLE_PREFIX)
        elif isinstance(r, Chain) and r.name.endswith(FORWARD):
            told[r.name.removesuffix(FORWARD)] = r.table.removeprefix(TABLE_PREFIX)
    return told


def by_children(links: Iterable[Link], homes: dict[str, str]) -> dict[str, str]:
    """Whose sandboxes stand on a link, where they are of one project; it is also that of what stands beside
    them."""
    above: dict[str, set[str]] = defaultdict(set)
    for r in links:
        if r.ns != HOST and isinstance(r, Veth | Macvlan | Ipvlan):
            above[r.bridge if isinstance(r, Veth) else r.parent].add(homes.get(r.ns, ""))
    return {below: project for below, (project, *more) in above.items() if not more}
