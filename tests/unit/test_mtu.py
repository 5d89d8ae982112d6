"""How much a network's links send at once: as written, as the link below allows, or as it stands."""

from dataclasses import replace

import pytest

from reconciler.errors import ManifestError
from reconciler.inventory.facts import Device, Facts
from reconciler.inventory.learn import know
from reconciler.kinds.address import Address
from reconciler.kinds.link import Bridge, Veth
from reconciler.kinds.overlay import Vxlan
from reconciler.kinds.stacked_link import Macvlan
from reconciler.kinds.wireguard import Wireguard
from reconciler.manifest.spec import HostSpec, NetworkSpec, SubnetSpec
from reconciler.pipeline import decide
from tests.unit.test_wireguard import KEYS, fleet
from tests.unit.worlds import container, manifest, project

NAMES = frozenset({"t"})
NET = NetworkSpec(name="n")
OVERLAY = NetworkSpec(name="n", driver="overlay")
LAN = NetworkSpec(
    name="n",
    driver="macvlan",
    subnets=(SubnetSpec(subnet="192.0.2.0/24"), SubnetSpec(subnet="fd07::/64")),
    options={"parent": "nic"},
)
HOSTS = tuple(HostSpec(name=f"h{n}", address=f"198.51.100.{n}") for n in (1, 2))


def spread(network: NetworkSpec):
    return manifest(replace(project("t", network, container("a", "n", host="h1")), hosts=HOSTS))


def here(network: NetworkSpec):
    return manifest(project("t", network, container("a", "n")))


def host(mtu: int) -> Facts:
    """One whose NIC, with this MTU, has the default route; 0 is one without a NIC."""
    links = {"nic": Device(mtu=mtu)} if mtu else {"lo": Device()}
    return Facts(name="h1", links=links, addresses={"198.51.100.1": "nic"}, mtu=mtu)


def mtu_of(kind, state) -> int:
    return next(r.mtu for r in state.values() if isinstance(r, kind))


def standing(of, mtu: int, then: int):
    """Applied with one MTU of the NIC, and decided with another."""
    live = decide(of, host(mtu))[1]
    return decide(of, know(host(then), live, NAMES))


def test_it_stays_when_the_default_route_goes():
    assert mtu_of(Bridge, standing(here(NET), 9000, 0)[1]) == 9000
    assert mtu_of(Bridge, decide(here(NET), host(0))[1]) == 1500
    live = decide(here(NET), host(9000))[1]
    drifted = {key: replace(r, mtu=1300) if isinstance(r, Bridge) else r for key, r in live.items()}
    assert mtu_of(Bridge, decide(here(NET), know(host(0), drifted, NAMES))[1]) == 1500


@pytest.mark.parametrize(
    ("of", "kind", "less"), [(here(NET), Bridge, 0), (here(LAN), Macvlan, 0), (spread(OVERLAY), Vxlan, 50)]
)
def test_it_follows_what_lies_below(of, kind, less):
    topology, state = standing(of, 1500, 1280)
    assert mtu_of(kind, state) == 1280 - less
    assert not any("MTU" in one for one in topology.warnings)


@pytest.mark.parametrize(
    ("of", "least"), [(here(replace(LAN, mtu=1400)), 1300), (spread(replace(OVERLAY, mtu=1400)), 1250)]
)
def test_more_than_there_is_room_for_is_refused_where_it_is_new_and_told_where_it_stands(of, least):
    with pytest.raises(ManifestError, match="mtu 1400 of network n"):
        decide(of, host(1300))
    topology, state = standing(of, 1500, 1300)
    assert mtu_of(Macvlan if of.projects[0].networks[0].driver == "macvlan" else Vxlan, state) == least
    assert any(f"an MTU of {least} instead of 1400" in one for one in topology.warnings)


@pytest.mark.parametrize("of", [here(NET), here(LAN), spread(OVERLAY)])
def test_ipv6_needs_1280(of):
    [one] = of.projects
    six = replace(of, projects=(replace(one, networks=(replace(one.networks[0], enable_ipv6=True),)),))
    decide(of, host(1279))
    with pytest.raises(ManifestError, match="IPv6 needs 1280"):
        decide(six, host(1279))


@pytest.mark.parametrize(("of", "kind"), [(here(NET), Bridge), (spread(OVERLAY), Vxlan)])
def test_behind_the_host_ipv6_stands_though_what_lies_below_shrinks(of, kind):
    [one] = of.projects
    six = replace(of, projects=(replace(one, networks=(replace(one.networks[0], enable_ipv6=True),)),))
    topology, state = standing(six, 1500, 1200)
    assert mtu_of(kind, state) == mtu_of(Veth, state) == 1280
    assert any("keeps an MTU of 1280 for IPv6" in one for one in topology.warnings)


def test_on_a_lan_that_shrinks_ipv4_stands():
    topology, state = standing(here(replace(LAN, enable_ipv6=True)), 1500, 1200)
    assert mtu_of(Macvlan, state) == 1200
    assert {r.ip for r in state.values() if isinstance(r, Address)} == {
        ip for end in topology.networks[0].endpoints for ip in end.of_family(4)
    }
    assert any("without IPv6: its MTU is 1200" in one for one in topology.warnings)


def test_what_is_encrypted_stands_though_its_underlay_shrinks():
    def under(mtu: int) -> Facts:
        facts = Facts(links={"nic": Device(mtu=mtu)}, addresses={"192.0.2.1": "nic"}, mtu=mtu, name="h1")
        return replace(facts, public_key=lambda: KEYS["h1"])

    live = decide(fleet(), under(1500))[1]
    with pytest.raises(ManifestError, match="WireGuard leaves 1220 bytes"):
        decide(fleet(), under(1280))
    topology, state = decide(fleet(), know(under(1280), live, NAMES))
    assert (mtu_of(Wireguard, state), mtu_of(Vxlan, state)) == (1280, 1210)
    assert any("WireGuard leaves 1220 bytes" in one for one in topology.warnings)
