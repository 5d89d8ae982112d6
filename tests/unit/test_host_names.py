"""What the host is told of names, where a project wants it to ask."""

import pytest

from reconciler.cnm.zones import HOST_VIEW
from reconciler.drivers import lower
from reconciler.inventory.facts import Facts
from reconciler.kernel.resolved import domain_of
from reconciler.kinds.split_dns import HostDomain
from reconciler.manifest.spec import NetworkSpec
from tests.unit.worlds import build, container, manifest, project

FRONT, BACK = NetworkSpec(name="front"), NetworkSpec(name="back", internal=True)
SIX = NetworkSpec(name="six", enable_ipv4=False, enable_ipv6=True)
WEB, DB = container("web", "front", "back"), container("db", "back")


def decided(*items, facts=None, host_names=True):
    return build(manifest(project("shop", *items, host_names=host_names)), facts or Facts())


def of_host(topology):
    return [view for view in topology.naming.views if view.name == HOST_VIEW]


def domains(topology):
    return [r for r in lower(topology).values() if isinstance(r, HostDomain)]


def test_it_is_told_of_all_its_bridges_and_asks_by_one():
    topology = decided(FRONT, BACK, WEB, DB)
    [view], gateways = of_host(topology), {n.bridge: n.subnets[0].gateway for n in topology.networks}
    assert view.networks == ("shop_back", "shop_front") and view.interfaces == tuple(sorted(gateways))
    assert not view.servers and not view.sandboxes
    [domain] = domains(topology)
    assert (domain.domain, domain.server) == ("shop.internal", f"{gateways[domain.link]}:{view.port}")


def test_ipv6_alone():
    topology = decided(SIX, container("web", "six"))
    [domain] = domains(topology)
    assert domain.server == f"[{topology.networks[0].subnets[0].gateway}]:{of_host(topology)[0].port}"


def test_only_where_somebody_wants_it():
    assert of_host(decided(FRONT, WEB, BACK, host_names=False)) == []
    assert of_host(decided(FRONT, BACK)) == []  # and somebody is there


def test_a_port_that_stands_is_kept_and_the_others_keep_theirs():
    facts = Facts(resolvers={("shop", HOST_VIEW): 15307, ("shop", "shop_back"): 15301})
    ports = {view.name: view.port for view in decided(FRONT, BACK, WEB, DB, facts=facts).naming.views}
    assert ports[HOST_VIEW] == 15307 and ports["shop_back"] == 15301
    assert len({*ports.values()}) == len(ports)


def test_without_resolved_a_sentence_says_what_to_write():
    topology = decided(FRONT, WEB, BACK, facts=Facts(missing={"host names": "no systemd-resolved runs here"}))
    [view], [warning] = of_host(topology), topology.warnings
    assert domains(topology) == []
    assert f"(dnsmasq: server=/shop.internal/{view.ip}#{view.port})" in warning
    assert "no systemd-resolved runs here" in warning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "DEFAULT_ROUTE=no\nSERVERS=10.1.0.1:15300\nDOMAINS=~p.internal\n",
            ("p.internal", "10.1.0.1:15300", False),
        ),
        ("SERVERS=10.1.0.1\nDOMAINS=~p.internal ~.\n", ("p.internal ~.", "10.1.0.1", True)),
        ("DOMAINS=p.internal\nDEFAULT_ROUTE=no", ("not only p.internal", "", False)),
        ("# This is private data. Do not parse.\n", ("not only ", "", True)),
    ],
)
def test_what_resolved_keeps(text, expected):
    found = domain_of("br-x", text)
    assert (found.domain, found.server, found.others) == expected
