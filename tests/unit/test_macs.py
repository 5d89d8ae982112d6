"""A MAC is one endpoint's of a bridge, whoever asks for it."""

from dataclasses import replace

import pytest
from worlds import container, manifest, project

from reconciler.cnm import names
from reconciler.cnm.build import build
from reconciler.errors import ManifestErrors
from reconciler.facts import Facts, Standing, Station
from reconciler.manifest.spec import EndpointSpec, NetworkSpec

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
    assert "the bridge of network net has it" in refusal(project("shop", NET, with_mac("a", gateway)))


def test_two_projects_do_not_share_a_mac_on_one_bridge():
    guest = project("u", NetworkSpec(name="lan", full_name="net", external=True), with_mac("b", TAKEN))
    words = refusal(project("shop", NET, with_mac("a", TAKEN)), guest)
    assert f"MAC {TAKEN} on network net is taken: shop-a has it" in words


def test_nor_when_only_one_of_them_is_in_the_run():
    facts = Facts(
        networks={"net": Standing("shop", BRIDGE, ("10.1.0.1/24",))},
        macs=(Station(BRIDGE, TAKEN, "shop-a", "shop"),),
    )
    guest = project("u", NetworkSpec(name="lan", full_name="net", external=True), with_mac("b", TAKEN))
    assert "shop-a of project shop has it" in refusal(guest, facts=facts)
