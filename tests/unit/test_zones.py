"""Who is called what, and who answers whom."""

from dataclasses import replace

import pytest

from reconciler.core.reconcile import reconcile
from reconciler.inventory.facts import Facts, Listener
from reconciler.kernel.fake.kernel import FakeKernel
from reconciler.kinds.ownership import HOST
from reconciler.manifest.spec import OFF, EndpointSpec, NetworkSpec, SubnetSpec
from reconciler.pipeline import decide
from tests.unit.worlds import build, container, manifest, project

FRONT = NetworkSpec(name="front", subnets=(SubnetSpec(subnet="10.1.0.0/24"),))
BACK = NetworkSpec(name="back", subnets=(SubnetSpec(subnet="10.2.0.0/24"),), internal=True)
LAN = NetworkSpec(name="lan", driver="macvlan", subnets=(SubnetSpec(subnet="10.3.0.0/24"),))


NOTHING = Facts()
ASKS = Facts(servers=("192.0.2.53",))


def shop(*items, facts=NOTHING, **more):
    return build(manifest(project("shop", *items, **more)), facts)


def called(topology, network="shop_front", project="shop"):
    [zone] = (z for z in topology.naming.zones if (z.network, z.project) == (network, project))
    found = {}
    for ip, names in zone.entries:
        for name in names:
            found.setdefault(name, []).append(ip)
    return found


def view(topology, sandbox):
    [found] = (v for v in topology.naming.views if sandbox in v.sandboxes)
    return found


def test_what_a_container_is_called():
    end = EndpointSpec(network="front", aliases=("Cache", "*.web"))
    web = replace(container("web", is_service=True, hostname="w.example"), networks=(end,), replicas=2)
    found, each = called(shop(FRONT, web)), called(shop(FRONT, replace(web, endpoint_mode="dnsrr")))
    own = {"w", "w.example", "tasks.web"}
    shared = {"web", "cache", "web.shop", "web.shop_front", "web.shop.internal"}
    both, [vip] = found["tasks.web"], found["web"]
    assert len(both) == 2 and vip not in both
    assert all(found[name] == both for name in own) and all(found[name] == [vip] for name in shared)
    assert all(each[name] == both for name in own | shared)
    assert len(found["shop-web-1"]) == 1 and "*.web" not in found
    assert {domain for domain, _ in view(shop(FRONT, web), "shop-web-1").wildcards} == {"web"}


def test_the_first_name_is_what_an_address_is_called():
    [zone] = shop(FRONT, container("web", "front")).naming.zones
    assert [names[0] for _, names in zone.entries] == ["shop-web.shop_front"]


def test_what_no_question_can_hold_is_no_name():
    long = "n" * 63
    found = called(shop(FRONT, container(long, "front")))
    assert long in found and f"shop-{long}" not in found


def test_who_is_on_one_network_has_its_view_and_who_is_on_several_one_of_their_own():
    topology = shop(
        FRONT,
        BACK,
        container("a", "front"),
        container("b", "back"),
        container("k", "front", "back"),
        facts=ASKS,
    )
    a, b, k = (view(topology, f"shop-{name}") for name in "abk")
    assert (a.name, a.bridges) == ("shop_front", ("br-shop-front",)) and a.servers
    assert (b.name, b.bridges) == ("shop_back", ("br-shop-back",)) and not b.servers
    assert not k.bridges and k.networks == ("shop_back", "shop_front") and k.servers
    assert len({a.port, b.port, k.port}) == 3
    resolv = {box.name: box.resolv for box in topology.sandboxes}
    assert resolv["shop-k"].startswith("nameserver 10.1.0.1\n") and "ndots:0" in resolv["shop-k"]
    assert resolv["shop-b"].startswith("nameserver 10.2.0.1\n")


def test_who_is_no_neighbour_of_the_host_is_answered_in_its_sandbox():
    topology = shop(LAN, FRONT, container("a", "lan"), container("b", "lan", "front"))
    assert (view(topology, "shop-a").ns, view(topology, "shop-a").port) == ("shop-a", 53)
    assert view(topology, "shop-b").ns == HOST
    assert "nameserver 127.0.0.11\n" in next(b.resolv for b in topology.sandboxes if b.name == "shop-a")


@pytest.mark.parametrize(
    "items",
    [
        (replace(FRONT, dns=(OFF,)), container("a", "front")),
        (replace(FRONT, default=True), container("a", "front")),
        (container("a", network_mode="bridge"),),
        (container("a", network_mode="none"),),
    ],
)
def test_no_names(items):
    topology = shop(*items)
    assert topology.naming.zones == topology.naming.views == ()


def test_a_host_without_dnsmasq_says_so_once():
    topology = shop(
        FRONT, container("a", "front"), facts=Facts(missing={"names": "apt install dnsmasq-base"})
    )
    assert topology.naming.views == () and "dnsmasq-base" in " ".join(topology.warnings)
    off = shop(replace(FRONT, dns=(OFF,)), container("a", "front"), facts=Facts(missing={"names": "x"}))
    assert off.warnings == ()


def test_a_container_with_servers_of_its_own_has_a_view_of_its_own():
    topology = shop(FRONT, container("a", "front", dns=("192.0.2.53",)), container("b", "front"))
    assert view(topology, "shop-a").servers == ("192.0.2.53",) and not view(topology, "shop-a").bridges
    assert view(topology, "shop-b").servers == () and view(topology, "shop-b").bridges


def test_a_port_that_stands_is_kept_and_one_that_is_taken_is_passed_over():
    world = FRONT, container("a", "front")
    first = view(shop(*world), "shop-a").port
    taken = Facts(listeners=frozenset({Listener("udp", "0.0.0.0", first)}))
    assert view(shop(*world, facts=taken), "shop-a").port == first + 1
    stood = Facts(resolvers={("shop", "shop_front"): first + 7})
    assert view(shop(*world, facts=stood), "shop-a").port == first + 7


def test_a_network_of_another_project_knows_the_names_of_both():
    other = NetworkSpec(name="theirs", external=True, full_name="shop_front")
    topology = build(
        manifest(
            project("shop", FRONT, container("a", "front")), project("guest", other, container("b", "theirs"))
        ),
        Facts(),
    )
    assert set(called(topology)) & {"a", "b"} == {"a"}
    assert "b" in called(topology, project="guest")
    assert view(topology, "guest-b").networks == ("shop_front",) and not view(topology, "guest-b").bridges


def test_links_are_names_for_one_container_alone():
    topology = shop(FRONT, container("db", "front"), container("web", "front", links=("db:database",)))
    db, web = topology.sandboxes
    [ip] = called(topology)["db"]
    assert f"{ip} database\n" in web.hosts and "database" not in db.hosts


@pytest.mark.parametrize(
    "silent", [{"default": True}, {"dns": (OFF,)}], ids=["Docker's default bridge", "dns: off"]
)
def test_where_nobody_answers_a_link_tells_of_both_its_names(silent):
    network = replace(FRONT, **silent)
    topology = shop(network, container("db", "front"), container("web", "front", links=("db:database",)))
    db, web = topology.sandboxes
    ip = db.hosts.splitlines()[2].split()[0]
    assert f"{ip} database\n{ip} db\n" in web.hosts and "web" not in db.hosts
    assert not topology.naming.zones


def test_a_new_name_changes_one_file():
    kernel = FakeKernel()
    before = manifest(project("shop", FRONT, container("a", "front")))
    reconcile(decide(before, Facts())[1], kernel)
    end = EndpointSpec(network="front", aliases=("more",))
    after = manifest(project("shop", FRONT, replace(container("a"), networks=(end,))))
    assert [step.resource.key for step in reconcile(decide(after, Facts())[1], kernel)] == [
        "names shop_front/shop"
    ]
