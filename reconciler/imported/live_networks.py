"""Networks that stand: bridges of the host, and links that sandboxes have on one of its own."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..kinds.link import Bridge, Veth
from ..kinds.overlay import Vxlan
from ..kinds.ownership import HOST
from ..kinds.resolver import ZoneFile
from ..kinds.stacked_link import Dummy, Ipvlan, Macvlan
from .draft import Entry, compact
from .names import key_of
from .standing import Child, End, ProjectState, subnet_of

USUAL_MTU = 1500
MODES = {"routed": "routed", "unprotected": "nat-unprotected"}  # of gateways, by their maps
BY_ID = re.compile(r"br-[0-9a-f]{12}")
DEFAULT = "bridge"  # the key of the network that `network_mode: bridge` is about
Home = tuple[str, str]  # how a link's network is found: its bridge, or its parent and full name


class Networks(NamedTuple):
    """Networks, and which of them each link is on."""

    entries: list[Entry]
    keys: Mapping[Home, str]


def networks(of: ProjectState) -> Networks:
    entries, keys = [], {}
    for bridge in of.bridges:
        one = bridged(of, bridge)
        entries.append(one)
        keys[bridge.name, ""] = one.key
    for home, children in stacked(of).items():
        one = on_parent(of, children)
        entries.append(one)
        keys[home] = one.key
    return Networks(entries, keys)


def home(end: End) -> Home:
    return (end.bridge, "") if isinstance(end, Veth) else (end.parent, end.network)


def stacked(of: ProjectState) -> Mapping[Home, list[Child]]:
    found: dict[Home, list[Child]] = defaultdict(list)
    for end in (end for ends in of.ends.values() for end in ends):
        if not isinstance(end, Veth):
            found[home(end)].append(end)
    return found


def named(of: ProjectState, full: str, instead: str) -> tuple[str, dict[str, str]]:
    """Its key, and its full name where that does not follow from it."""
    key = full.removeprefix(f"{of.project}_") or instead
    return key_of(key), {} if not full or full == f"{of.project}_{key}" else {"name": full}


def bridged(of: ProjectState, bridge: Bridge) -> Entry:
    lost: list[str] = []
    key, name = named(of, bridge.network, bridge.name)
    own = of.addresses.get((HOST, bridge.name), ())
    subnets = {} if bridge.outer else {subnet_of(one): one.ip for one in own}
    ports = [end for ends in of.ends.values() for end in ends if home(end) == (bridge.name, "")]
    learnt = {} if subnets else beyond(of, ports)
    usual = of.project and (bridge.name == f"br-{of.project}-{key}" or BY_ID.fullmatch(bridge.name))
    if any(r.bridge == bridge.name for r in of.all.of(Vxlan)):
        lost.append("its other hosts, which `hosts:` would name: it is an overlay")
    if bridge.stp:
        lost.append("the spanning tree protocol")
    parent = of.lent(bridge.name)
    inner = bool(of.project) and not bridge.outer
    said = compact(
        **name,
        bridge_name="" if usual else bridge.name,
        host_access=",".join(one.ip for one in own) if bridge.outer else "",
        default=key == DEFAULT and is_nameless(of, bridge),
        parent=parent,
        **families({*subnets, *learnt}),
        mtu=bridge.mtu if bridge.mtu != USUAL_MTU else 0,
        ipam=pools(subnets, learnt),
    )
    said |= behind_host(of, bridge, subnets) if inner else {}
    if inner and ports and key != DEFAULT and is_nameless(of, bridge):
        said["dns"] = "off"
    return Entry(key=key, said=disabled(said, {*subnets, *learnt}), lost=tuple(lost))


def is_nameless(of: ProjectState, bridge: Bridge) -> bool:
    """Though others of the project have names."""
    named = {zone.network for zone in of.all.of(ZoneFile) if zone.project == of.project}
    return bool(named) and bridge.network not in named


def behind_host(of: ProjectState, bridge: Bridge, subnets: Iterable[str]) -> dict[str, Any]:
    """What our firewall does for it; some of it is so unless somebody says no."""
    known = {6 if ":" in cidr else 4: cidr for cidr in subnets}
    modes = {number: mode_of(of, bridge, number) for number in known} or {4: "isolated"}
    mode = modes.get(4, "")
    six = modes.get(6, mode)
    snat = {number: of.marks.get((f"snat{number}", cidr), "") for number, cidr in known.items()}
    internal = ("internal", bridge.name) in of.marks
    said = compact(
        internal=internal,
        gateway_mode=mode,
        gateway_mode_ipv6=(six or "nat") if six != mode else "",
        host_access="all" if ("host_open", bridge.name) in of.marks else "",
        snat=snat.get(4),
        snat_ipv6=snat.get(6),
    )
    cidr = known.get(4, "")
    if cidr and not internal and mode in ("", "nat-unprotected") and not snat[4]:
        said |= {} if ("masquerade4", cidr) in of.marks else {"masquerade": False}
    return said if ("same_network", f"{bridge.name} . {bridge.name}") in of.marks else {**said, "icc": False}


def mode_of(of: ProjectState, bridge: Bridge, number: int) -> str:
    found = (mode for mode in MODES if (mode, f"{bridge.name} . ipv{number}") in of.marks)
    return MODES.get(next(found, ""), "")


def beyond(of: ProjectState, ends: Iterable[End]) -> dict[str, str]:
    """Subnets and gateways as those who are on it have them."""
    found: dict[str, str] = {}
    for end in ends:
        ways = of.ways.get((end.ns, end.name), ())
        for one in of.addresses.get((end.ns, end.name), ()):
            via = next((way.via for way in ways if (":" in way.via) == (":" in one.ip) and way.via), "")
            cidr = subnet_of(one)
            found[cidr] = found.get(cidr) or via
    return found


def families(subnets: Iterable[str]) -> dict[str, Any]:
    return {"enable_ipv6": True} if any(":" in cidr for cidr in subnets) else {}


def disabled(said: dict[str, Any], subnets: Iterable[str]) -> dict[str, Any]:
    """IPv4 is there where nothing is said."""
    without = [*subnets] and all(":" in cidr for cidr in subnets)
    return {**said, "enable_ipv4": False} if without else said


def pools(*subnets: Mapping[str, str]) -> dict[str, Any]:
    found = {cidr: gateway for known in subnets for cidr, gateway in known.items()}
    config = [compact(subnet=cidr, gateway=gateway) for cidr, gateway in sorted(found.items())]
    return {"config": config} if config else {}


def on_parent(of: ProjectState, children: list[Child]) -> Entry:
    first, subnets = children[0], beyond(of, children)
    alone = first.parent in {r.name for r in of.all.of(Dummy)}
    key, name = named(of, first.network, f"{kind_of(first)}-{first.parent}")
    if alone:
        subnets = dict.fromkeys(subnets, "")
    said = compact(
        **name,
        driver=kind_of(first),
        parent="" if alone else first.parent,
        driver_opts=dict(modes(first)),
        **families(subnets),
        mtu=first.mtu if first.mtu != USUAL_MTU else 0,
        ipam=pools(subnets),
    )
    return Entry(key=key, said=disabled(said, subnets))


def kind_of(child: Child) -> str:
    return "macvlan" if isinstance(child, Macvlan) else "ipvlan"


def modes(child: Child) -> Iterator[tuple[str, str]]:
    if isinstance(child, Macvlan) and child.mode != "bridge":
        yield "macvlan_mode", child.mode
    if isinstance(child, Ipvlan):
        yield from (("ipvlan_mode", child.mode),) if child.mode != "l2" else ()
        yield from (("ipvlan_flag", child.flag),) if child.flag != "bridge" else ()
