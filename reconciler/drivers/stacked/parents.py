"""What networks on a LAN stand on: a link of the host, an 802.1Q link on one, or nothing."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ...cnm.carrier import Carrier, HostLink
from ...cnm.driver import Driver, Wanted, mtu_of
from ...cnm.mtu import fitted
from ...cnm.topology import Network
from ...core.resource import Origin
from ...errors import Finding, ManifestError, NoLink, Where
from ...family import family
from ...inventory.facts import Device, Facts, StackedNetwork, Tagged
from ...kinds import names
from ...kinds.ownership import HOST
from ...kinds.stacked_link import Dummy
from ...manifest.spec import NetworkSpec
from ...mistakes import NetworkLacks, WrongValue
from ...values import value
from ..endpoint import NOBODY, Segment

MODES = {"macvlan": ("bridge", "private", "vepa", "passthru"), "ipvlan": ("l2", "l3", "l3s")}
FLAGS = {"macvlan": ("",), "ipvlan": ("bridge", "private", "vepa")}
TAGGED = re.compile(r"(.+)\.(\d+)")  # eth0.50
TAGS = range(1, 4095)  # IEEE 802.1Q keeps 0 and 4095 for itself
ALIKE = {"macvlan": ("macvlan", "macvtap"), "ipvlan": ("ipvlan", "ipvtap")}
CHILDREN = (*ALIKE["macvlan"], *ALIKE["ipvlan"])
SLAVERS = ("bridge", "bond", "team", "openvswitch")  # masters that take the one receive hook that a link has


@value
class OnLink(Carrier):
    """What stands on a link of the host: its containers are machines of the LAN there."""

    inner: bool = False
    link: str
    mode: str
    flag: str = ""

    @property
    def details(self) -> Mapping[str, object]:
        return {"parent": self.link}

    def lan(self, vlan: int = 1) -> Segment:
        """Where other machines may have the same addresses.  Two tags nobody asks behind, nor by a bridge of
        somebody else's, which may let none pass."""
        if not self.on_lan or (vlan > 1 and (self.tagged or self.mode != "port")):
            return NOBODY
        if self.tagged:
            return self.tagged.parent, self.tagged.tag
        return self.link, vlan if vlan > 1 else 0

    @property
    def host_text(self) -> str:
        return f" host {' '.join(self.addresses)}" if self.addresses else ""


@value
class Parent(OnLink):
    """Its containers' links are children of that link."""

    shim: str = ""  # the host's own link among them

    @property
    def segment(self) -> str:
        return self.link

    @property
    def own_link(self) -> str:
        return self.shim

    def __str__(self) -> str:
        return f"{self.link} {self.mode}" + f" {self.flag}" * bool(self.flag) + self.host_text


class Stacked(Driver):
    """What macvlan and ipvlan have alike: the parent, and whom it is shared with."""

    def carrier(self, wanted: Wanted, facts: Facts) -> Parent:
        _, spec, name, ident = wanted
        facts.require(spec.driver, spec.where)
        mode = choice(spec, "mode", MODES[spec.driver])
        flag = choice(spec, "flag", FLAGS[spec.driver])
        written = spec.options.get("parent", "")
        leading_nowhere = names.network_link("dummy", ident), "", 0
        link, base, tag = link_or_vlan(written, spec.where, facts) if written else leading_nowhere
        if not written or tag:
            facts.require("vlan" if tag else "dummy", spec.where)
        host = shim_addresses(spec)
        shim = names.network_link("macvlan", ident) if host else ""
        own = {link: "parent"} if not written else {}
        own |= {shim: "host's own link"} if shim else {}
        mtu = mtu_above(base or link, wanted, facts)
        return Parent(
            link=link,
            isolated=not written,
            mode=mode,
            flag=flag,
            shim=shim,
            addresses=host,
            own_macs=spec.driver == "macvlan" and mode != "passthru",
            # In l3 and l3s the host is the router, and nobody's address is asked for.
            routers=facts.gateways.get(link, ()) if written and mode not in ("l3", "l3s") else None,
            links=tuple(HostLink(link, f"the {what} of network {name}") for link, what in own.items()),
            tagged=tagged_link((link, base, tag), mtu, facts),
            mtu=mtu,
        )

    def findings(self, networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
        return findings(networks, facts, self.name)


def anchor(network: Network, parent: Parent, origin: Origin) -> Iterator[Dummy]:
    """The parent of a network that leads nowhere."""
    if parent.isolated and not parent.external:
        ns, name, mtu = HOST, parent.link, network.mtu
        yield Dummy(ns=ns, name=name, project=network.project, network=network.name, mtu=mtu, origin=origin)


def choice(spec: NetworkSpec, option: str, known: Sequence[str]) -> str:
    """An option that takes one of a few words; the first of them is the default."""
    value = spec.options.get(option) or known[0]
    if value not in known:
        hint = f"known: {', '.join(known)}"
        raise NetworkLacks(f"{spec.driver} has no {option} {value}", hint, spec.where)
    return value


def link_or_vlan(written: str, where: Where, facts: Facts) -> tuple[str, str, int]:
    """A link that stands, or what its name says of an 802.1Q link to be made; without facts any may stand."""
    if written in facts.links:
        return written, "", 0
    if (tagged := TAGGED.fullmatch(written)) and (tagged[1] in facts.links or not facts.links):
        if int(tagged[2]) not in TAGS or len(written) > names.IFNAME:
            raise WrongValue(f"{written} can be no 802.1Q link", "tags are 1 to 4094", where)
        return written, tagged[1], int(tagged[2])
    if facts.links:
        known = ", ".join(sorted(set(facts.links) - {"lo"})) or "none"
        hint = f"links there are: {known}; LINK.TAG makes an 802.1Q link on one of them"
        raise NoLink(f"the host has no link {written}", hint, where, written)
    return written, "", 0


def tagged_link(found: tuple[str, str, int], mtu: int, facts: Facts) -> Tagged | None:
    """The 802.1Q link that is to be made, if any."""
    link, base, tag = found
    return Tagged(link, base, tag, mtu, facts.links.get(base, Device()).up) if tag else None


def shim_addresses(spec: NetworkSpec) -> tuple[str, ...]:
    """`host_access: ADDRESS`, or one of each family with a comma between."""
    if spec.host_access == "all":
        message = "host_access: all is for networks behind the host; on a LAN it needs an address"
        hint = "write a free address of the subnet: `host_access: 192.168.1.250`"
        raise NetworkLacks(message, hint, spec.where)
    return tuple(filter(None, re.split(r"[,\s]+", spec.host_access)))


def mtu_above(link: str, wanted: Wanted, facts: Facts) -> int:
    """What the network may send at once over this link of the host."""
    if (device := facts.links.get(link)) is None:
        return mtu_of(wanted.spec, facts)
    message = f"mtu {wanted.spec.mtu} of network {wanted.spec.name} is more than its LAN's"
    return fitted(wanted, device.mtu, facts, message, f"at most {device.mtu}, that of {link}")


def findings(networks: Sequence[Network], facts: Facts, driver: str) -> Iterator[Finding]:
    """What this driver's networks on links of the host cannot be, and what a person should know of these."""
    yield from conflicts(networks, facts, driver)
    yield from without_way_out(networks, driver)
    for network in networks:
        below = network.carrier
        if network.spec.driver == driver and isinstance(below, OnLink):
            yield from misnamed(network, below.link, facts)
            yield from out_of_reach(network, below, facts)


def misnamed(network: Network, link: str, facts: Facts) -> Iterator[Finding]:
    """`eth0.50` that is no VLAN 50 of eth0: who writes it means that one."""
    device, said = facts.links.get(link), TAGGED.fullmatch(link)
    if not device or not said or said[1] not in facts.links:
        return
    if (device.parent, device.vlan) != (said[1], f"802.1Q {said[2]}"):
        found = f"{device.vlan} on {device.parent}" if device.vlan else "no 802.1Q link"
        words = (
            f"{link} of network {network.name} is {found}, and its name says 802.1Q {said[2]} on {said[1]}"
        )
        hint = "rename the link, or give the network another parent"
        yield words if network.name in facts.mtus else NetworkLacks(words, hint, network.spec.where)


def out_of_reach(network: Network, below: OnLink, facts: Facts) -> Iterator[str]:
    """A link that is down carries nothing; what stands on it are its children, which go down with it, or
    ports of a bridge, which still speak to one another."""
    link = below.tagged.parent if below.tagged else below.link
    if not facts.links.get(link, Device()).up:
        who = "reaches nobody beyond this host" if below.bridge else "carries nothing"
        yield f"{link} is down: network {network.name} {who}"


def conflicts(networks: Sequence[Network], facts: Facts, driver: str) -> Iterator[ManifestError]:
    """What this driver's networks cannot share: a link has one receive hook, so that macvlan and ipvlan
    exclude each other, and passthru everybody."""
    on: dict[str, list[StackedNetwork]] = defaultdict(list)
    for child in facts.children:
        on[child.parent].append(child)
    for network in networks:
        below = network.carrier
        if not isinstance(below, OnLink) or below.external:
            continue
        mine = StackedNetwork(
            network.project, network.name, below.link, network.spec.driver, below.mode, below.flag
        )
        # Whose alias is lost is known by its bridge alone.
        others = [other for other in on[mine.parent] if other.network != network.bridge]
        reasons = [*filter(None, (clash(mine, other) for other in others)), *occupants(mine, facts)]
        if mine.mode == "passthru" and len(network.endpoints) > 1:
            reasons.append(f"passthru takes one container, and {len(network.endpoints)} want it")
        for reason in reasons if mine.driver == driver else ():
            message = f"network {network.name} cannot use {mine.parent}: {reason}"
            yield NetworkLacks(message, "give it another parent", network.spec.where)
        on[mine.parent].append(mine)


def without_way_out(networks: Sequence[Network], driver: str) -> Iterator[str]:
    """The networks on a LAN whose router nobody knows, if there is a container without any other way."""
    led = {(e.sandbox, family(ip)) for n in networks for e in n.endpoints for _, ip in e.gateways}
    mine = (n for n in networks if n.spec.driver == driver and not n.spec.internal)
    for network in (n for n in mine if n.carrier.on_lan):
        for number in sorted({subnet.family for subnet in network.subnets}):
            if left := [e.sandbox for e in network.endpoints if (e.sandbox, number) not in led]:
                who = left[0] + f" and {len(left) - 1} more" * (len(left) > 1)
                why = f"no `gateway` is written for network {network.name}, nor does the host know one there"
                yield f"no IPv{number} default route for {who}: {why}"


def clash(mine: StackedNetwork, other: StackedNetwork) -> str:
    if "passthru" in (mine.mode, other.mode):
        return f"network {other.network} is on it, and passthru shares it with nobody"
    if mine.driver != other.driver:
        return f"network {other.network} is on it with {other.driver}"
    if mine.driver == "bridge":
        return f"network {other.network} has it as a port"
    if mine.driver == "ipvlan" and (mine.mode, mine.flag) != (other.mode, other.flag):
        return f"network {other.network} is on it in mode {other.mode} {other.flag}, and a link has one"
    return ""


def occupants(mine: StackedNetwork, facts: Facts) -> Iterator[str]:
    """What others than we have made of the link."""
    link = mine.parent
    master = facts.links[link].master if link in facts.links else ""
    if master in facts.links and facts.links[master].kind in SLAVERS:
        yield f"it is a port of {master}"
    for name, device in sorted(facts.links.items()):
        alike = device.kind in ALIKE.get(mine.driver, ()) and mine.mode != "passthru"
        if device.parent == link and device.kind in CHILDREN and not alike:
            yield f"{name}, which is not ours, is on it with {device.kind}"
