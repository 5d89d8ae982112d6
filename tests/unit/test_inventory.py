"""What live state tells: whose an address is, and what a run may touch, where root in a sandbox has a
say."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconciler.cnm.topology import Endpoint
from reconciler.core.bykind import by_kind
from reconciler.core.plan import plan
from reconciler.core.resource import Resource, state
from reconciler.core.subject import NAMED
from reconciler.drivers import lower
from reconciler.drivers.firewall.elements import mark
from reconciler.drivers.firewall.guard import items
from reconciler.inventory.claims import claims
from reconciler.inventory.facts import Facts
from reconciler.inventory.leases import leases
from reconciler.inventory.ownership import of_others, settings_of_parting_links
from reconciler.inventory.subjects import Subjects
from reconciler.kinds.address import Address
from reconciler.kinds.cni import CniAttachment
from reconciler.kinds.file import Orphan
from reconciler.kinds.link import Bridge, OrphanVeth, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Element
from reconciler.kinds.ownership import HOST
from reconciler.kinds.sysctl import Sysctl
from reconciler.manifest.spec import NetworkSpec
from reconciler.pipeline import decide
from tests.unit.worlds import container, manifest, project, shop


def at(box: str, port: str, *ips: str) -> Iterator[Resource]:
    """A sandbox with one port on a bridge, and what it has there now."""
    yield Namespace(name=box, project="shop")
    yield Veth(ns=box, name="eth0", project="shop", host_name=port, mac="02::1", bridge="br")
    yield from (Address(ns=box, link="eth0", ip=ip, prefix=24) for ip in ips)


def guard(port: str, *ips: str) -> Iterator[Element]:
    end = Endpoint(
        sandbox="", ifname="", host_link=port, mac="02::1", addresses=tuple((ip, 24) for ip in ips)
    )
    for name, item, _ in items(end, []):
        yield Element(family="bridge", table="reconciler", map=name, item=item)


def test_a_lease_is_what_the_guard_lets_out():
    boxes = *at("a", "va", "10.1.0.3", "10.1.0.77", "fd01::3"), *at("b", "vb", "10.1.0.3")
    live = state(*boxes, *guard("va", "10.1.0.2", "fd01::2"), *guard("vb", "10.1.0.3", "fd01::3"))
    assert leases(by_kind(live)) == {
        ("a", "br"): ("10.1.0.2", "fd01::2", "10.1.0.77"),
        ("b", "br"): ("10.1.0.3", "fd01::3"),
    }


BRIDGES = [
    r
    for number, name in enumerate(("br", "br2", "bare"))
    for r in (
        Bridge(ns=HOST, name=name, project="shop", network=name, mac=""),
        *([Address(link=name, ip=f"10.{number + 1}.0.1", prefix=24)] if name != "bare" else []),
        Address(link=name, ip="fe80::1", prefix=64),
    )
]


@pytest.mark.parametrize(
    ("now", "home"), [("br", "br"), ("br2", "br"), ("", "br"), ("bare", "bare"), ("theirs", "theirs")]
)
def test_a_port_that_somebody_moved_is_still_of_where_its_guard_says(now, home):
    """As far as bridges tell by their addresses: of others nobody knows."""
    space, veth, *rest = at("a", "va", "10.1.0.2", "fe80::2")
    assert isinstance(veth, Veth)
    live = state(space, replace(veth, bridge=now), *rest, *guard("va", "10.1.0.2", "fe80::2"), *BRIDGES)
    assert {at: ips[:1] for at, ips in leases(by_kind(live)).items()} == {("a", home): ("10.1.0.2",)}


def test_without_a_guard_what_two_have_is_neither_s_lease():
    live = state(*at("a", "va", "10.1.0.3", "10.1.0.2"), *at("b", "vb", "10.1.0.3"))
    assert leases(by_kind(live)) == {("a", "br"): ("10.1.0.2",), ("b", "br"): ()}


def test_what_is_left_over_of_another_project_is_not_touched():
    """Nor are the settings of its links restored, which come and go with these."""
    mine = [*mark("p", ""), Bridge(ns=HOST, name="br-p", project="p", network="n", mac="")]
    theirs = [
        *mark("q", ""),
        OrphanVeth(ns=HOST, name="vq", project="q"),
        Sysctl(ns=HOST, name="net/ipv4/conf/vq/arp_notify", value="0", link="vq"),
        Orphan(ns="q-a", path="/etc/netns/q-a/hosts", content=""),
    ]
    live = state(*mine, *theirs)
    left = of_others(live, frozenset({"p"}))
    assert set(left.values()) == set(theirs)
    assert [step.resource for step in plan(live, left)] == [mine[3], mine[2]]
    assert not [setting for setting in settings_of_parting_links(live, {}) if setting.link == "vq"]
    own = of_others(live, frozenset({"q"}))
    assert {step.resource for step in plan(live, own)} == {r for r in theirs[2:] if r.marked}


@pytest.mark.parametrize(("mtu", "there"), [(1279, False), (1280, True)])
def test_settings_of_ipv6_follow_the_mtu(mtu: int, there: bool):
    wanted = manifest(project("t", NetworkSpec(name="n", mtu=mtu), container("a", "n")))
    desired = decide(wanted, Facts())[1]
    assert desired == lower(decide(wanted, Facts())[0])
    names = {r.name for r in desired.values() if isinstance(r, Sysctl)}
    assert any("ipv6" in name for name in names) == there and "net/ipv4/conf/br-t-n/src_valid_mark" in names


@pytest.mark.parametrize(
    "runtime", ["", "{", "null", "[]", '{"portMappings": 1}', '{"portMappings": [{"hostPort": 80}]}']
)
def test_a_record_that_somebody_spoilt_claims_no_port(runtime: str):
    spoilt = CniAttachment(ns="a", name="eth0", project="p", network="p_n", config="{}", runtime=runtime)
    assert claims(by_kind(state(spoilt)), lambda r: "") == []


def test_a_step_concerns_all_that_a_person_would_name():
    """Of an endpoint the container and the network, on either side; of a port also where it leads."""
    _, desired = decide(shop(1), Facts())
    subjects = Subjects({}, desired)
    told: dict[frozenset[str], set[str]] = {}
    for r in desired.values():
        words = subjects.words(r)
        assert {*words} <= {"project", *NAMED}
        assert {words.get("container"), words.get("network")} <= {"shop-web0", "shop_front", None}
        told.setdefault(frozenset(words.keys() - {"project"}), set()).add(f"{r.noun} {getattr(r, 'map', '')}")
    end, port = frozenset({"container", "network"}), frozenset({"container", "network", "port"})
    assert {"link ", "address ", "route "} <= told[end]
    assert {"element own4", "element own6", "element ports"} <= told[end]
    assert told[port] == {"element publish4", "element publish6"}
    assert {"namespace ", "file "} <= told[frozenset({"container"})]
    assert {"link ", "element bridges", "element same_network"} <= told[frozenset({"network"})]
