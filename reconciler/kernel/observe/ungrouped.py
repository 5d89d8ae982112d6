"""Links of ours on the host whose group somebody has changed: the firewall does not know them meanwhile.

Their aliases say whose they are; but an alias is what anybody writes.  So a name or a MAC must bear it out:
they follow from the same words, and somebody else's link has them only where that is meant.
"""

from collections.abc import Iterable

from ...kinds import names
from ...kinds.ownership import ALIAS, GROUP, OUTER, SHARED, TO_DELETE
from ..netlink.links import Seen
from .facts import MACHINE, hostname, text

# Of which groups links are that stand as we make them; of all others there is one.
GROUPS = {"bridge": (GROUP, OUTER), "vlan": (OUTER,), "macvlan": (OUTER,)}
BRIDGE = "bridge"  # whose MAC it is, where that is the host's own


def mark(links: Iterable[Seen]) -> None:
    """Those are taken for links of the group that they should be of."""
    for seen in links:
        if seen.group == TO_DELETE or seen.group in GROUPS.get(seen.kind, (GROUP,)):
            continue
        if seen.alias.startswith(f"{ALIAS}/") and (group := group_by_words(seen)):
            seen.group, seen.ungrouped = group, True


def group_by_words(seen: Seen) -> int:
    """Which it should be of; 0 where nothing bears out what its alias says."""
    _, project, *rest = seen.alias.split("/")
    match seen.kind, rest:
        case "bridge", [network]:
            return group_of_bridge(seen, project, network)
        case "vxlan" | "dummy" | "macvlan" | "ipvlan", [network]:
            scopes = (text(MACHINE).strip(), "")
            own = {names.network_link(seen.kind, names.network_id(network, one)) for one in scopes}
        case "veth" | "ifb", [sandbox, ifname] | [sandbox, ifname, _]:
            ends = [names.host_end(sandbox, ifname, bridged=bridged) for bridged in (True, False)]
            own = {*ends} if seen.kind == "veth" else {names.beside(ends[0])}
        case "wireguard", ["wireguard"]:
            own = {names.wireguard_link(project)}
        case "vlan", [link] if project == SHARED:
            own = {link}
        case _:
            return 0
    return GROUPS.get(seen.kind, (GROUP,))[0] if seen.name in own else 0


def group_of_bridge(seen: Seen, project: str, network: str) -> int:
    """By its MAC where it is called as somebody wishes."""
    machine, key = text(MACHINE).strip(), network.removeprefix(f"{project}_")
    ident = names.network_id(network, machine)
    if names.is_mac_on_lan(seen.mac, ident, BRIDGE):
        return OUTER
    known = seen.mac in names.bridge_macs(network, machine, hostname())
    return GROUP if known or seen.name in names.bridges(project, key, ident) else 0
