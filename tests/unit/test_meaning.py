"""What a name means, from the decided alone."""

import pytest

from reconciler.cnm.meaning import beyond, in_hosts_file, meanings, members
from reconciler.errors import Where
from reconciler.inventory.facts import Facts
from reconciler.manifest.spec import EndpointSpec, NetworkSpec
from tests.unit.worlds import build, container, manifest, project

FRONT = NetworkSpec(name="front", enable_ipv6=True)
BACK = NetworkSpec(name="back", internal=True)
ALIASED = EndpointSpec(network="back", aliases=("Database", "*.db", "*.old.db"), where=Where("t.yaml", 9, 3))
SHOP = manifest(
    project(
        "shop",
        FRONT,
        BACK,
        container("web", "front", "back", is_service=True, replicas=2, where=Where("t.yaml", 4, 3)),
        container("db", ALIASED, hostname="store.example", where=Where("t.yaml", 8, 3)),
        container("lone", "front", extra_hosts=(("registry.example", "192.0.2.7"),)),
    )
)
TOPOLOGY = build(SHOP, Facts(servers=("192.0.2.53",)))
ZONES = TOPOLOGY.naming.zones


def meant(asked, zones=ZONES):
    return meanings(asked, zones, members(SHOP, TOPOLOGY))


def told(asked, zones=ZONES):
    return [(one.network, one.sandbox, one.kind, str(one.where)) for one in meant(asked, zones)]


def test_a_service_has_one_address_and_its_tasks_all_on_every_network_with_both_families():
    for name, kind, holders in (
        ("web", "service", ["shop/web"]),
        ("tasks.web", "tasks", ["shop-web-1", "shop-web-2"]),
    ):
        found = meant(name)
        each = [(network, one) for network in ("shop_back", "shop_front") for one in holders]
        assert [(one.network, one.sandbox) for one in found] == each
        assert [len(one.addresses) for one in found] == [1] * len(holders) + [2] * len(holders)
        assert {(one.kind, one.where) for one in found} == {(kind, Where("t.yaml", 4, 3))}


@pytest.mark.parametrize(
    ("asked", "kind", "line"),
    [
        ("db", "container", 8),
        ("DB", "container", 8),
        ("db.", "container", 8),
        ("shop-db", "sandbox", 8),
        ("store", "hostname", 8),
        ("database", "alias", 9),
        ("db.shop.internal", "qualified", 8),
        ("db.shop_back", "qualified", 8),
        ("pg.db", "wildcard", 9),
        ("a.b.old.db", "wildcard", 9),
    ],
)
def test_each_form_is_told_by_the_place_that_says_it(asked, kind, line):
    [(network, sandbox, found, where)] = told(asked)
    assert (network, sandbox, found) == ("shop_back", "shop-db", kind)
    assert where.startswith(f"t.yaml:{line}:")


def test_the_longest_wildcard_counts_and_what_is_written_in_full_goes_before():
    assert [one.name for one in meant("pg.db")] == ["*.db"]
    assert [one.name for one in meant("pg.old.db")] == ["*.old.db"]
    assert [one.kind for one in meant("db")] == ["container"]


def test_an_address_is_what_it_is_called():
    [two] = [one for one in meant("tasks.web") if one.sandbox == "shop-web-2" and one.network == "shop_front"]
    for ip in two.addresses:
        [found] = meant(ip)
        assert (found.name, found.sandbox, found.addresses) == ("shop-web-2.shop_front", "shop-web-2", (ip,))
    assert meant("192.0.2.1") == []


@pytest.mark.parametrize("asked", ["wbe", "web.other", "eb", "", ".", "ö", "*.db.x"])
def test_what_is_nobodys_means_nothing(asked):
    assert meant(asked) == []


def test_what_one_container_is_told():
    views = {name: view for view in TOPOLOGY.naming.views for name in view.sandboxes}
    front, back = views["shop-lone"], views["shop-db"]
    own = [zone for zone in ZONES if zone.network in front.networks]
    assert told("db", own) == [] and len(told("tasks.web", own)) == 2
    assert beyond("example.org", front) == "asked of 192.0.2.53"
    for asked, view in (("wbe", front), ("wbe.shop.internal", front), ("example.org", back)):
        assert beyond(asked, view) == "answered here: there is no such name"
    [lone] = [one for one in TOPOLOGY.sandboxes if one.name == "shop-lone"]
    [found] = in_hosts_file("Registry.example", lone)
    assert found.addresses == ("192.0.2.7",)
    assert in_hosts_file("web", lone) == []
