"""A MAC is one endpoint's of a segment, whoever asks for it."""

from dataclasses import replace

import pytest

from reconciler.errors import ManifestErrors
from reconciler.inventory.facts import Facts, HeldMac, LiveNetwork
from reconciler.kinds import names
from reconciler.manifest.spec import EndpointSpec, HostSpec, NetworkSpec, SubnetSpec
from tests.unit.worlds import build, container, manifest, project

TAKEN = "02:00:00:00:00:0a"
NET = NetworkSpec(name="lan", full_name="net")
BRIDGE = "br-shop-lan"


def with_mac(name: str, mac: str):
    one = container(name, "lan")
    return replace(one, networks=(EndpointSpec(network="lan", mac_address=mac),))


def refusal(*projects, facts: Facts = Facts()) -> str:  # noqa: B008
    with pytest.raises(ManifestErrors) as caught:
        build(manifest(*projects), facts)
    (error,) = caught.value.errors
    return error.message


def test_no_container_has_the_mac_of_its_gateway():
    gateway = names.mac(names.network_id("net"), "bridge")
    words = refusal(project("shop", NET, with_mac("a", gateway)))
    assert "the host's own link of network net has it" in words


def test_two_projects_do_not_share_a_mac_on_one_bridge():
    guest = project("u", NetworkSpec(name="lan", full_name="net", external=True), with_mac("b", TAKEN))
    words = refusal(project("shop", NET, with_mac("a", TAKEN)), guest)
    assert f"MAC {TAKEN} on network net is taken: shop-a has it" in words


def test_nor_when_only_one_of_them_is_in_the_run():
    facts = Facts(
        networks={"net": LiveNetwork("shop", BRIDGE, ("10.1.0.1/24",))},
        macs=(HeldMac(BRIDGE, TAKEN, "shop-a", "shop"),),
    )
    guest = project("u", NetworkSpec(name="lan", full_name="net", external=True), with_mac("b", TAKEN))
    assert "shop-a of project shop has it" in refusal(guest, facts=facts)


def test_nor_that_of_the_gateway_of_another_projects_network():
    facts = Facts(networks={"net": LiveNetwork("shop", BRIDGE, ("10.1.0.1/24",), mac=TAKEN)})
    guest = project("u", NetworkSpec(name="lan", full_name="net", external=True), with_mac("b", TAKEN))
    assert "the host's own link of network net has it" in refusal(guest, facts=facts)


LAN = NetworkSpec(name="lan", driver="macvlan", options={"parent": "eth0"})


def test_nor_on_one_parent():
    words = refusal(project("shop", LAN, with_mac("a", TAKEN)), project("u", LAN, with_mac("b", TAKEN)))
    assert f"MAC {TAKEN} on network u_lan is taken: shop-a has it" in words
    facts = Facts(macs=(HeldMac("eth0", TAKEN, "shop-a", "shop"),))
    assert "shop-a of project shop has it" in refusal(project("u", LAN, with_mac("b", TAKEN)), facts=facts)
    one, other = project("shop", LAN, with_mac("a", TAKEN)), project("u", NET, with_mac("b", TAKEN))
    assert build(manifest(one, other), Facts()).networks


@pytest.mark.parametrize("here", ["h1", "h2"])
def test_replicas_on_two_hosts_do_not_share_one_on_an_overlay(here):
    subnets = (SubnetSpec(subnet="10.1.0.0/24"),)
    mesh = NetworkSpec(name="lan", driver="overlay", scope="swarm", subnets=subnets)
    both = replace(with_mac("a", TAKEN), is_service=True, replicas=2)
    hosts = tuple(HostSpec(name=f"h{n}", address=f"192.0.2.{n}") for n in (1, 2))
    words = refusal(project("t", mesh, both, hosts=hosts), facts=Facts(name=here))
    assert f"MAC {TAKEN} on network t_lan is taken: an endpoint of host h{3 - int(here[1])} has it" in words


# on a LAN


WITH_HOST = NetworkSpec(
    name="lan", driver="macvlan", options={"parent": "eth0"}, host_access="192.0.2.250",
    subnets=(SubnetSpec(subnet="192.0.2.0/24", gateway="192.0.2.1"),),
)  # fmt: skip


def found(address: str = "192.0.2.9", facts: Facts = Facts(machine="m"), **more) -> tuple[str, str, str]:  # noqa: B008
    """The MAC of the container, that of the host's own link, and the warnings."""
    network = replace(WITH_HOST, **more)
    one = container("a", EndpointSpec(network="lan", ipv4_address=address))
    topology = build(manifest(project("shop", network, one)), facts)
    [net] = topology.networks
    return net.endpoints[0].mac, net.mac, " ".join(topology.warnings)


KINDS = {
    "macvlan": {},
    "lan bridge": {"driver": "bridge"},
    "swarm": {"scope": "swarm"},
    "unmanaged": {
        "driver": "bridge", "options": {"mode": "unmanaged"}, "bridge_name": "br0", "host_access": "",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_machines_of_a_lan_have_different_macs(kind):
    facts = [Facts(machine=machine) for machine in ("m", "n", "")]
    ends = [found(facts=one, **KINDS[kind])[:2] for one in facts]
    assert len({mac for mac, _ in ends}) == 3 and len({own for _, own in ends}) == 3
    assert found(facts=facts[0], **KINDS[kind])[:2] == ends[0]


@pytest.mark.parametrize("kind", KINDS)
def test_so_have_clones_as_their_addresses_differ(kind):
    assert found("192.0.2.9", **KINDS[kind])[0] != found("192.0.2.10", **KINDS[kind])[0]
    if kind != "unmanaged":
        assert found(**KINDS[kind])[1] != found(host_access="192.0.2.251", **KINDS[kind])[1]


def standing(mac: str, own: str = "") -> Facts:
    """The host, with these MACs of the container's link and of its own."""
    shim = f"mv-{names.network_id('shop_lan', 'm')[:12]}"
    return Facts(machine="m", stations={("shop-a", "eth0"): mac, ("host", shim): own})


@pytest.mark.parametrize("machine", ["m", ""])
def test_what_an_earlier_version_made_keeps_its_mac_and_the_plan_says_so(machine):
    ident = names.network_id("shop_lan", machine)
    early = names.mac(ident, "shop-a"), names.mac(ident, "bridge")
    mac, own, words = found(facts=standing(*early))
    assert (mac, own) == early
    assert "the host and 1 more on network shop_lan: a MAC of an earlier version, until made anew" in words


def test_what_stands_keeps_its_mac_when_its_address_changes():
    mac, own, words = found("192.0.2.9")
    again = found("192.0.2.10", standing(mac, own), host_access="192.0.2.251")
    assert again == (mac, own, words) and not words


@pytest.mark.parametrize("strange", ["02:11:22:33:44:55", found("192.0.2.9", Facts(machine="n"))[0]])
def test_but_none_that_somebody_else_gave_it(strange):
    assert found(facts=standing(strange, strange))[:2] == found()[:2]


def test_a_lan_bridge_is_known_by_its_mac_when_its_alias_is_lost():
    _, own, _ = found(driver="bridge")
    live = LiveNetwork("", "br-shop-lan", (), mac=own)
    facts = Facts(machine="m", lans={"@br-shop-lan": live})
    assert found(facts=facts, driver="bridge", host_access="192.0.2.251")[1] == own
