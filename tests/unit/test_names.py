"""Names have one owner, and an alias is not what tells it."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from reconciler.core.resource import State
from reconciler.errors import ManifestError
from reconciler.inventory.facts import Device, Facts, LiveNetwork, Tagged
from reconciler.inventory.learn import know
from reconciler.inventory.ownership import of_others, owners
from reconciler.kinds.link import Bridge, Link, Veth
from reconciler.kinds.maps import HAS_PORTS
from reconciler.kinds.nft import Element, Map
from reconciler.kinds.overlay import Vxlan
from reconciler.kinds.ownership import HOST, TABLE
from reconciler.kinds.stacked_link import Dummy, Macvlan
from reconciler.manifest.spec import NetworkSpec, SubnetSpec
from reconciler.pipeline import compare
from reconciler.truth import destruction
from tests.unit.test_pipeline import FakeHost, run
from tests.unit.worlds import build, container, manifest, port, project

A = project("a", NetworkSpec(name="b-c"), container("x", "b-c"))
AB = project("a-b", NetworkSpec(name="c"), container("x", "c"))
LAN = {"eth0": Device()}
NOTHING = Facts()


def bridges(state: State) -> dict[str, str]:
    return {r.network: r.name for r in state.values() if isinstance(r, Bridge)}


def refusals(*projects, facts=NOTHING) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        build(manifest(*projects), facts)
    return [error.message for error in getattr(caught.value, "errors", [caught.value])]


@pytest.mark.parametrize("order", [[A, AB], [AB, A], [(A, AB)], [(AB, A)]])
def test_a_derived_name_steps_aside_and_what_stands_keeps_its_own(order):
    host = FakeHost()
    for projects in order:
        run(host, manifest(*(projects if isinstance(projects, tuple) else [projects])))
    found = bridges(host.observe())
    assert len(set(found.values())) == 2 and "br-a-b-c" in found.values()
    for wanted in (*(permutations([A, AB])), [A], [AB]):
        assert not compare(manifest(*wanted), host).todo
    for gone, stays in permutations([A, AB]):
        alone = FakeHost(host.live.values())
        run(alone, destruction(manifest(gone), frozenset()))
        assert not compare(manifest(stays), alone).todo


def test_what_is_written_is_had_and_what_is_derived_goes_around_it():
    n, m = NetworkSpec(name="n"), NetworkSpec(name="m", bridge_name="br-p-n")
    host = FakeHost()
    run(host, manifest(project("p", n, m)))
    assert bridges(host.observe())["p_m"] == "br-p-n"
    assert not compare(manifest(project("p", n, m)), host).todo


def test_what_stands_under_a_name_keeps_it_from_what_is_written_later():
    host = FakeHost()
    run(host, manifest(project("p", NetworkSpec(name="n"))))
    later = manifest(project("p", NetworkSpec(name="n"), NetworkSpec(name="m", bridge_name="br-p-n")))
    with pytest.raises(ManifestError, match="the bridge of network p_m and the bridge of network p_n"):
        compare(later, host)


STANDS = {"edge": LiveNetwork("a", "br-a-n", ())}


@pytest.mark.parametrize(
    "facts, item, words",
    [
        (Facts(sandboxes={"z-x": "a"}), container("x"), "the sandbox z-x is project a's"),
        (Facts(networks=STANDS), NetworkSpec(name="n", full_name="edge"), "network edge is project a's"),
        (Facts(lans=STANDS), NetworkSpec(name="n", full_name="edge"), "network edge is project a's"),
        (Facts(networks=STANDS), NetworkSpec(name="n", bridge_name="br-a-n"), "br-a-n is project a's"),
        (Facts(networks={"@br9": LiveNetwork("", "br9", ())}), NetworkSpec(name="n", bridge_name="br9"),
         "br9 is another project's"),
        (Facts(devices={"vx-1": "a"}), NetworkSpec(name="n", bridge_name="vx-1"), "vx-1 is project a's"),
        (Facts(tagged=(Tagged("eth0.5", "eth0", 5, 1500),)), NetworkSpec(name="n", bridge_name="eth0.5"),
         "eth0.5 is the 802.1Q link 5 on eth0"),
        (Facts(tagged=(Tagged("eth0.5", "lan0", 5, 1500),), links=LAN),
         NetworkSpec(name="n", driver="macvlan", options={"parent": "eth0.5"},
                     subnets=(SubnetSpec(subnet="192.0.2.0/24"),)), "eth0.5 is the 802.1Q link 5 on lan0"),
        (Facts(links={"br-z-n": Device()}), NetworkSpec(name="n"), "a link br-z-n that is not ours"),
    ],
)  # fmt: skip
def test_what_others_have_is_refused(facts, item, words):
    assert any(words in message for message in refusals(project("z", item), facts=facts))


@pytest.mark.parametrize("driver", ["macvlan", "bridge"])
def test_every_link_of_a_run_counts(driver):
    """An 802.1Q link is one for all that name it; another link of that name is one too many."""
    subnet = (SubnetSpec(subnet="192.0.2.0/24"),)
    lan = NetworkSpec(name="lan", driver="macvlan", options={"parent": "eth0.5"}, subnets=subnet)
    other = replace(lan, name="more", driver=driver, subnets=(SubnetSpec(subnet="198.51.100.0/24"),))
    if driver == "macvlan":
        assert build(manifest(project("z", lan, other)), Facts(links=LAN))
    else:
        other = NetworkSpec(name="n", bridge_name="eth0.5")
        [message] = refusals(project("z", lan, other), facts=Facts(links=LAN))
        assert "the 802.1Q link 5 on eth0" in message and "the bridge of network z_n" in message


def test_implied_networks_have_names_too():
    one = project("a", NetworkSpec(name="b_default"), container("x", "b_default"))
    assert "two networks are named a_b_default" in refusals(one, project("a_b", container("x")))[0]


def test_no_project_is_called_as_what_all_share():
    assert "no project may be called host" in refusals(project("host"))[0]


P = project("p", NetworkSpec(name="n"), container("a", "n", ports=(port(80, 8080),)))
Q = project("q", NetworkSpec(name="n"), container("a", "n"))


def forgetful(host: FakeHost, kind: type[Link], **said: Any) -> FakeHost:
    """The same host after somebody has set the aliases of these links of project p."""
    words = {"project": "", "network": "", **said}
    for key, r in list(host.live.items()):
        if isinstance(r, kind) and getattr(r, "project", "") == "p":
            known: dict[str, Any] = {name: text for name, text in words.items() if hasattr(r, name)}
            host.live[key] = replace(r, **known)
    return host


@pytest.mark.parametrize(
    "said, flushed",
    [
        ({}, False),
        ({}, True),
        ({"project": "q", "network": "q_n"}, False),
        ({"project": "p", "network": "p_x"}, False),
        ({"project": "p", "network": "p_x"}, True),
    ],
)
def test_a_bridge_whose_alias_is_lost_is_still_its_projects(said, flushed):
    host = FakeHost()
    run(host, manifest(Q))
    run(host, manifest(P))  # its subnet is not the first of the pool: it would get another if it were new
    whole = dict(host.observe())
    forgetful(host, Bridge, **said)
    if flushed:  # and with its elements a map that is there for them alone
        for key, r in list(host.live.items()):
            if isinstance(r, Element) or key == Map.at("inet", TABLE, HAS_PORTS):
                del host.live[key]
    before = dict(host.observe())
    run(host, manifest(Q))
    assert before.items() <= dict(host.observe()).items()
    steps = [f"{step.op} {step.resource.key}" for step in compare(manifest(P), host).todo]
    assert [step for step in steps if "/reconciler/" not in step] == ["~ link host/br-p-n"]
    run(host, manifest(P))
    assert dict(host.observe()) == whole


@pytest.mark.parametrize("last", [False, True])
def test_what_no_mark_tells_the_owner_of_goes_with_the_last_project(last):
    shim = Dummy(ns=HOST, name="dm-1", project="", network="")
    host = FakeHost()
    run(host, manifest(Q))
    if not last:
        run(host, manifest(P))
    host.live[shim.key] = shim
    run(host, destruction(manifest(Q), frozenset()))
    assert (shim.key in host.observe()) != last


def test_other_links_say_whose_a_link_is():
    host = FakeHost()
    run(host, manifest(P))
    at: dict[str, Any] = {"ns": HOST, "project": "", "network": ""}
    tunnel = Vxlan(**at, name="vx-1", vni=1, local="192.0.2.1", port=4789, bridge="br-p-n")
    anchor = Dummy(**at, name="dm-1")
    child = Macvlan(ns="p-a", name="eth1", project="p", network="p_l", parent="dm-1", mode="bridge", mac="")
    live = {**host.observe(), **{r.key: r for r in (tunnel, anchor, child)}}
    assert {owners(live)(r) for r in (tunnel, anchor, child)} == {"p"}
    assert {tunnel.key, anchor.key, child.key} <= of_others(live, frozenset({"q"})).keys()
    ends = {r.host_name for r in live.values() if isinstance(r, Veth)}
    assert know(Facts(), live, frozenset({"q"})).devices.keys() == {"br-p-n", "vx-1", "dm-1", *ends}


def test_prefixes_that_come_to_one_interface_name_go_around_each_other():
    many = [NetworkSpec(name=f"n{number:02}") for number in range(11)]
    other = NetworkSpec(name="z", container_prefix="eth1")
    box = container("a", *(network.name for network in many), "z")
    topology = build(manifest(project("p", *many, other, box)), NOTHING)
    names = [end.ifname for network in topology.networks for end in network.endpoints]
    assert sorted(names) == sorted({*(f"eth{number}" for number in range(11)), "eth11"})
