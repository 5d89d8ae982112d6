"""A MAC is one endpoint's of a segment, whoever asks for it."""

from dataclasses import replace

import pytest

from reconciler.cnm import names
from reconciler.errors import ManifestErrors
from reconciler.inventory.facts import Facts, HeldMac, LiveNetwork
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
