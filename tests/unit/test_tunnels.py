"""Ports that tunnels come in by are nobody else's, in one manifest and between projects, in either order."""

from dataclasses import replace

import pytest

from reconciler.errors import ManifestError
from reconciler.inventory.facts import Claim, Device, Facts, Listener
from reconciler.inventory.learn import know
from reconciler.manifest.spec import Manifest, NetworkSpec
from reconciler.pipeline import decide
from tests.unit import test_evpn
from tests.unit.test_wireguard import fleet, seen
from tests.unit.worlds import build, container, manifest, port, project

SEALED, TOLD = fleet(), test_evpn.fleet()
LAN = NetworkSpec(name="lan", enable_ipv6=True)


def beside(of: Manifest, *ports, **lan) -> Manifest:
    """The same project with one more container, which publishes."""
    [t] = of.projects
    more = container("more", "lan", host=t.hosts[0].name, ports=ports)
    return manifest(replace(t, networks=(*t.networks, replace(LAN, **lan)), containers=(*t.containers, more)))


def udp(target: int, published: int | None = None, count: int = 1, **more):
    return port(target, published, count, protocol="udp", **more)


def mistakes(of: Manifest, **facts) -> list[str]:
    try:
        seen(of=of, **facts)
    except ManifestError as error:
        return [one.message for one in getattr(error, "errors", [error])]
    return []


@pytest.mark.parametrize(
    ("of", "published", "holder"),
    [
        (SEALED, udp(53, 4789), "network t_n listens on it"),
        (SEALED, udp(1000, 4780, 20), "network t_n listens on it"),
        (SEALED, udp(4780, 4780, 20), "network t_n listens on it"),
        (SEALED, udp(53, 4789, host_ip="127.0.0.1"), "network t_n listens on it"),
        (SEALED, udp(53, 4789, host_ip="::1"), "network t_n listens on it"),
        (SEALED, udp(53, 51820), "WireGuard of project t listens on it"),
        (SEALED, port(53, 4789), ""),
        (TOLD, port(80, 10179), "BGP of project t listens on it"),
        (TOLD, port(80, 10179, host_ip="HERE"), "BGP of project t listens on it"),
        (TOLD, port(80, 10179, host_ip="127.0.0.1"), ""),
        (TOLD, udp(80, 10179), ""),
    ],
)
def test_a_tunnels_port_is_not_published(of, published, holder):
    published = replace(published, host_ip=published.host_ip.replace("HERE", of.projects[0].hosts[0].address))
    told = mistakes(beside(of, published))
    assert all(holder in one for one in told) if holder else not told
    assert bool(told) == bool(holder)


def test_a_network_without_ipv4_may_not_either():
    assert mistakes(beside(SEALED, udp(53, 4789), enable_ipv4=False))


def test_a_random_port_goes_around():
    topology, _ = seen(of=beside(SEALED, udp(53)), ephemeral=(4789, 4790))
    assert {one.first for one in topology.ports} == {4790}


@pytest.mark.parametrize(
    ("of", "claim", "wants"),
    [
        (SEALED, Claim("u", 4, "", "udp", 4789, 4789), "UDP port 4789, which network t_n wants"),
        (SEALED, Claim("u", 6, "::1", "udp", 4000, 5000), "UDP port 4789, which network t_n wants"),
        (SEALED, Claim("u", 4, "192.0.2.9", "udp", 51820, 51820), "UDP port 51820, which WireGuard wants"),
        (SEALED, Claim("u", 4, "", "tcp", 1, 65535), ""),
        (TOLD, Claim("u", 4, "", "tcp", 10000, 11000), "TCP port 10179, which BGP wants"),
        (TOLD, Claim("u", 4, "127.0.0.1", "tcp", 10179, 10179), ""),
    ],
)
def test_a_port_that_another_project_publishes_carries_no_tunnel(of, claim, wants):
    told = mistakes(of, claims=(claim,))
    assert told == ([f"{wants}, is taken: project u publishes it"] if wants else [])


@pytest.mark.parametrize(
    ("links", "listener", "told"),
    [
        ({}, Listener("udp", "0.0.0.0", 4789), "a process of the host listens on it"),
        ({"theirs": Device(kind="vxlan", port=4789, vni=7)}, Listener("udp", "0.0.0.0", 4789), ""),
    ],
)
def test_only_vxlan_shares_a_port(links, listener, told):
    assert all(told in one for one in mistakes(fleet(), links=links, listeners=frozenset({listener})))
    assert bool(mistakes(fleet(), links=links, listeners=frozenset({listener}))) == bool(told)


PLAIN = Listener("tcp", "::", 80)
HEARD = Facts(listeners=frozenset({PLAIN, Listener("udp", "0.0.0.0", 4789), Listener("udp", "::", 51820)}))


def test_tunnels_that_stand_are_told_by_name_and_ones_own_are_decided_anew():
    live = {**seen()[1], **decide(TOLD, Facts(name="h1"))[1]}
    own, others = (know(HEARD, live, frozenset({name})) for name in ("t", "u"))
    assert own.listeners == {PLAIN}
    holders = {one.holder for one in others.listeners - {PLAIN}}
    assert holders == {"network t_n", "network t_mesh", "WireGuard of project t", "BGP of project t"}
    assert not mistakes(fleet(), listeners=own.listeners)
    for published in (udp(53, 4789), udp(53, 51820), port(80, 10179)):
        with pytest.raises(ManifestError, match="of project t|network t_"):
            build(manifest(project("u", container("x", ports=(published,)))), others)
