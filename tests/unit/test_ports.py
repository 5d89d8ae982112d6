"""Port publishing, as decided: targets, ranges, random ports, and every conflict."""

import pytest
from worlds import container, manifest, port, project, shop

from reconciler.cnm.build import build
from reconciler.errors import ManifestError
from reconciler.facts import Claim, Facts, Listener
from reconciler.manifest.spec import NetworkSpec, PortSpec

DUAL = NetworkSpec(name="default", enable_ipv6=True)


def published(*ports, facts=Facts(), network=DUAL):
    return build(manifest(project("p", network, container("a", ports=ports))), facts).ports


def test_a_port_is_published_in_every_family_that_the_container_has():
    assert [(p.family, p.first, p.target) for p in published(port(80, 8080))] == [
        (4, 8080, 80),
        (6, 8080, 80),
    ]
    only = NetworkSpec(name="default")
    assert [p.family for p in published(port(80, 8080), network=only)] == [4]


@pytest.mark.parametrize(
    ("host_ip", "families"),
    [("", [4, 6]), ("0.0.0.0", [4]), ("::", [6]), ("127.0.0.1", [4]), ("2001:db8::1", [6])],
)
def test_a_host_address_decides_the_family(host_ip, families):
    assert [p.family for p in published(port(80, 8080, host_ip=host_ip))] == families


def test_a_networks_host_binding_is_the_default():
    lan = NetworkSpec(name="default", host_ip="127.0.0.1")
    assert [p.host_ip for p in published(port(80, 8080), network=lan)] == ["127.0.0.1"]


def test_a_range_stays_one_port_value():
    (only,) = published(port(9000, 9000, count=100, host_ip="0.0.0.0"))
    assert (only.first, only.last, only.target) == (9000, 9099, 9000)


def test_a_random_port_is_stable_and_goes_around_what_is_taken():
    (first, _) = published(port(80))
    assert published(port(80))[0].first == first.first
    low, high = Facts().ephemeral
    assert low <= first.first <= high
    busy = Facts(listeners=frozenset({Listener("tcp", "0.0.0.0", first.first)}))
    assert published(port(80), facts=busy)[0].first != first.first


def test_a_random_port_that_stands_is_kept():
    (first, _) = published(port(80))
    facts = Facts(ports={("tcp", f"{first.ip} . 80"): 40000})
    assert {p.first for p in published(port(80), facts=facts)} == {40000}


def test_one_port_is_taken_out_of_a_range_of_host_ports():
    choice = PortSpec(target=(80, 80), published=(8000, 8001))
    got = [p.first for p in published(choice, choice) if p.family == 4]
    assert sorted(got) == [8000, 8001]
    with pytest.raises(ManifestError, match="no host port is free between 8000 and 8001"):
        published(choice, choice, choice)


def test_internal_networks_publish_nothing():
    assert published(port(80, 8080), network=NetworkSpec(name="default", internal=True)) == ()


@pytest.mark.parametrize(
    ("one", "two", "clash"),
    [
        (port(80, 8080), port(81, 8080), True),
        (port(80, 8080), port(81, 8080, protocol="udp"), False),
        (port(80, 8080), port(81, 8080, host_ip="127.0.0.1"), True),
        (port(80, 8080, host_ip="127.0.0.2"), port(81, 8080, host_ip="127.0.0.1"), False),
        (port(80, 8000, count=100), port(81, 8050), True),
        (port(80, 8000, count=100), port(1000, 8100), False),
    ],
)
def test_conflicts_between_two_ports(one, two, clash):
    if clash:
        with pytest.raises(ManifestError, match="is taken"):
            published(one, two)
    else:
        published(one, two)


@pytest.mark.parametrize("ip", ["0.0.0.0", "::", "127.0.0.1", "192.0.2.1"])
def test_conflict_with_a_socket_that_listens(ip):
    facts = Facts(listeners=frozenset({Listener("tcp", ip, 8080)}))
    with pytest.raises(ManifestError, match="a process of the host listens on it"):
        published(port(80, 8080), facts=facts)


def test_conflict_with_another_project():
    facts = Facts(claims=(Claim("blog", 4, "", "tcp", 8000, 8100),))
    with pytest.raises(ManifestError, match="project blog publishes it"):
        published(port(80, 8080), facts=facts)


def test_ten_thousand_ports_are_checked_in_a_moment():
    assert len(build(shop(1000), Facts()).ports) == 2000
