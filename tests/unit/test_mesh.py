"""`mode: ingress` over hosts: what each decides by itself fits what the others do."""

import pytest

from reconciler.errors import ManifestError, ManifestErrors
from reconciler.inventory.facts import Facts
from reconciler.kinds.nft import Chain, Element
from reconciler.kinds.rule import Rule
from reconciler.pipeline import decide, load

HOSTS = ("h1", "h2", "h3")
TEXT = """
name: t
hosts: {h1: {address: 192.0.2.1}, h2: {address: 192.0.2.2}, h3: {address: 192.0.2.3}}
networks:
  n: {driver: overlay, enable_ipv6: true, ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: "fd01::/64"}]}}
  r: {gateway_mode: routed, ipam: {config: [{subnet: 10.2.0.0/16}]}}
  alone: {driver: overlay, icc: false, ipam: {config: [{subnet: 10.3.0.0/24}]}}
  local: {}
services:
  web: {networks: [n], deploy: {replicas: 2}, ports: [%s]}
"""
INGRESS = "{mode: ingress, published: 8080, target: 80}"


@pytest.fixture
def decided(tmp_path):
    def on(text: str, **facts):
        (tmp_path / "t.yaml").write_text(text)
        manifest = load([tmp_path / "t.yaml"], environ={})
        return {name: decide(manifest, Facts(name=name, **facts)) for name in HOSTS}

    return on


ROUTED = (TEXT % INGRESS).replace("networks: [n]", "networks: [r]")


def net(topology, key: str = "n"):
    return next(network for network in topology.networks if network.key == key)


def test_ways_lead_to_the_hosts_that_take_them_for_entrances(decided):
    worlds = {name: topology for name, (topology, _) in decided(TEXT % INGRESS).items()}
    gateways = {n: [s.gateway for s in net(t).subnets] for n, t in worlds.items()}
    macs = {name: net(topology).mac for name, topology in worlds.items()}
    ends = {n: net(t).endpoints[0].addresses for n, t in worlds.items() if net(t).endpoints}
    assert ends.keys() == {"h1", "h2"}
    for name, topology in worlds.items():
        others = [other for other in ends if other != name]
        wanted = {
            ("br-t-n", ip, via)
            for other in others
            for (ip, _), via in zip(ends[other], gateways[other], strict=True)
        }
        assert {way[:3] for way in topology.mesh.ways} == wanted and topology.policy.meshed
        known = {one.mac: list(one.gateways) for one in topology.mesh.entrances}
        assert known == ({macs[o]: gateways[o] for o in HOSTS if o != name} if name in ends else {})
        marks = [one.mark for one in topology.mesh.entrances]
        assert len({*marks}) == len(marks) and all(mark >> 25 == 1 for mark in marks)


def test_to_routed_networks_they_lead_over_one_of_the_hosts_alone(decided):
    worlds = {name: topology for name, (topology, _) in decided(ROUTED).items()}
    [lock] = {tuple(sorted(topology.lock.items())) for topology in worlds.values()}
    assert ("t_ingress", "@vni") in dict(lock)
    between = {name: net(topology, "ingress") for name, topology in worlds.items()}
    ends = {n: net(t, "r").endpoints[0].addresses[0][0] for n, t in worlds.items() if net(t, "r").endpoints}
    for name, topology in worlds.items():
        mesh, here = topology.mesh, {ends[name]} if name in ends else set()
        wanted = {("br-t-ingress", ends[o], between[o].subnets[0].gateway) for o in ends if o != name}
        assert {way[:3] for way in mesh.ways} == wanted and not between[name].endpoints
        known = {(one.mac, one.homes, *one.gateways) for one in mesh.entrances}
        macs = {(between[o].mac, ("br-t-r",), between[o].subnets[0].gateway) for o in HOSTS if o != name}
        assert known == (macs if here else set())
        assert {door[2:] for door in mesh.doors} == {(ip, "tcp", (80, 80)) for ip in here}
        assert not [words for words in topology.warnings if "do not lead" in words]


def test_a_routed_replica_has_its_own_port_and_that_of_all_hosts(decided):
    for topology, _ in decided(ROUTED).values():
        own = [(port.first, port.host_ip) for port in topology.ports if port.routed]
        assert own == [(80, end.addresses[0][0]) for end in net(topology, "r").endpoints]
        assert [port.first for port in topology.ports if not port.routed] == [8080, 8080]


@pytest.mark.parametrize(
    "text",
    [
        ROUTED.replace("mode: ingress, ", ""),
        ROUTED.replace(", h2: {address: 192.0.2.2}, h3: {address: 192.0.2.3}", ""),
        ROUTED.replace("services:", "containers:").replace("deploy: {replicas: 2}", "host: h1"),
        TEXT % INGRESS,
    ],
)
def test_there_is_such_a_network_only_where_something_leads_over_it(text, tmp_path):
    (tmp_path / "t.yaml").write_text(text)
    topology, state = decide(load([tmp_path / "t.yaml"], environ={}), Facts(name="h1"))
    assert all(network.key != "ingress" for network in topology.networks)
    assert not any(isinstance(r, Element) and r.map in ("mesh_links", "mesh_doors4") for r in state.values())


REFUSED = {
    ("  local: {}", "  ingress: {}"): "the network by which hosts lead to replicas on r is called ingress",
    ("networks: [r]", "networks: [r, ingress]"): "unknown network `ingress`",
    ("  local: {}", "  local: {external: true, name: t_ingress}"): "network t_ingress is for hosts alone",
    ("  local: {}", "  local: {name: t_ingress}"): "two networks are named t_ingress",
}


@pytest.mark.parametrize("change", REFUSED)
def test_that_network_is_nobody_elses(decided, change):
    with pytest.raises((ManifestError, ManifestErrors), match=REFUSED[change]):
        decided(ROUTED.replace(*change))


def test_the_replicas_of_all_hosts_share_a_port(decided):
    for topology, _ in decided(TEXT % INGRESS).values():
        shares = {(port.family, port.sandbox): port.share for port in topology.ports}
        assert {shares[4, "t-web-1"], shares[4, "t-web-2"]} == {(0, 32767), (32768, 65535)}
        assert {key[0] for key in shares} == {4, 6} and len(shares) == 4


PLAIN = ("'8080:80'", "{published: 8080, target: 80}", INGRESS.replace("ingress", "host"))


@pytest.mark.parametrize("port", PLAIN)
def test_what_is_not_written_is_not_so(decided, port):
    for name, (topology, state) in decided(TEXT % port).items():
        assert not topology.mesh.ways and not topology.mesh.entrances and not topology.policy.meshed
        assert [p.sandbox[-1] for p in topology.ports if p.family == 4] == [name[1]] * (name != "h3")
        assert not any(isinstance(r, Chain) and r.name.startswith("mesh") for r in state.values())


def test_those_of_another_project_stay(decided):
    _, state = decided(TEXT % "'8080:80'", meshed=frozenset({4, 6}))["h3"]
    rules = {r.family for r in state.values() if isinstance(r, Rule) and r.priority == "1095"}
    assert rules == {"inet", "inet6"}


@pytest.mark.parametrize("network", ["alone", "local"])
def test_where_other_hosts_do_not_lead_is_told(decided, network):
    text = (TEXT % INGRESS).replace("networks: [n]", f"networks: [{network}]")
    for name, (topology, state) in decided(text).items():
        told = [words for words in topology.warnings if "do not lead to port 80 of t-web" in words]
        assert len(told) == (name != "h3") and not topology.mesh.ways
        assert not any(isinstance(r, Element) and r.map.startswith("mesh") for r in state.values())


def test_a_port_of_all_hosts_is_taken_on_all(decided):
    other = "  api: {networks: [n], host: h3, ports: ['8080:80']}\n"
    with pytest.raises(ManifestErrors) as caught:
        decided(TEXT % INGRESS + other)
    assert "host port 8080/tcp is taken" in caught.value.errors[0].message
