"""EVPN as decided and lowered: who speaks with whom, of what, and what is refused."""

import re
import struct
from dataclasses import replace

import pytest

from reconciler.cli.status import of_projects
from reconciler.core import render
from reconciler.core.plan import plan
from reconciler.core.resource import state
from reconciler.drivers.firewall.routing_policy import NOWHERE
from reconciler.drivers.overlay import hearsay
from reconciler.drivers.overlay.model import overlay_of
from reconciler.errors import ManifestError, ManifestErrors, Unsupported, Where
from reconciler.inventory.facts import Facts
from reconciler.kernel import frr, wireguard_key
from reconciler.kernel.kinds import entries
from reconciler.kernel.netlink import neighbours
from reconciler.kernel.netlink.socket import attr
from reconciler.kinds.evpn import Router, Told
from reconciler.kinds.link import Veth
from reconciler.kinds.overlay import NOBODY, FdbEntries, Neighbours
from reconciler.manifest.spec import EvpnSpec, HostSpec, Manifest, NetworkSpec
from reconciler.pipeline import decide
from tests.unit.test_hosts import ENDS, HOSTS, mesh, only
from tests.unit.worlds import container, manifest, project

EVPN = EvpnSpec(where=Where("t.yaml", 2, 1, "reachability"))


def fleet(*hosts: HostSpec, name: str = "t", networks: int = 1) -> Manifest:
    nets = [mesh("mesh", options={"vni": "5000"}), *(mesh(f"n{i}", subnets=()) for i in range(1, networks))]
    boxes = [container(end, "mesh", host=host) for host, end in ENDS.items()]
    return manifest(project(name, *nets, *boxes, hosts=hosts or HOSTS, evpn=EVPN))


def reflected(*names: str, count: int = 4) -> tuple[HostSpec, ...]:
    hosts = [HostSpec(name=f"h{n}", address=f"192.0.2.{n}") for n in range(1, count + 1)]
    return tuple(replace(host, reflector=host.name in names) for host in hosts)


def router(host: str, of: Manifest | None = None) -> Router:
    return only(Router, decide(of or fleet(), Facts(name=host))[1])


def peers(text: str, group: str) -> list[str]:
    rows = (line.split() for line in text.splitlines())
    return [words[1] for words in rows if words[2:] == ["peer-group", group]]


def known(wanted) -> set[tuple[str, ...]]:
    """The neighbours of the bridge but the one that is nobody."""
    pairs = {tuple(entry.split()) for entry in only(Neighbours, wanted).entries}
    return {pair for pair in pairs if pair[0] != NOWHERE}


def test_a_host_tells_of_its_own_containers_alone():
    topology, wanted = decide(fleet(), Facts(name="h1"))
    (end,) = topology.networks[0].endpoints
    assert known(wanted) == {(end.addresses[0][0], end.mac)}
    assert only(Veth, wanted).mac == end.mac and only(Veth, wanted).station == "static"
    assert not [r for r in wanted.values() if isinstance(r, FdbEntries)]


def test_another_projects_container_is_told_of_too():
    net = NetworkSpec(name="mesh", full_name="t_mesh", external=True)
    guest = project("u", net, container("d", "mesh", host="h1"), hosts=HOSTS)
    _, wanted = decide(manifest(*fleet().projects, guest), Facts(name="h1"))
    assert {r.ns for r in wanted.values() if isinstance(r, Veth)} == {"t-a", "u-d"}
    macs = {r.mac for r in wanted.values() if isinstance(r, Veth)}
    assert {mac for _, mac in known(wanted)} == macs and len(macs) == 2


def test_without_reflectors_all_speak_with_all():
    for n in (1, 2, 3):
        text = router(f"h{n}").config
        assert peers(text, "hosts") == [f"192.0.2.{m}" for m in (1, 2, 3) if m != n]
        assert "reflector" not in text


def test_with_reflectors_the_others_speak_with_these_alone():
    of = fleet(*reflected("h1", "h2"))
    assert peers(router("h3", of).config, "hosts") == ["192.0.2.1", "192.0.2.2"]
    text = router("h1", of).config
    assert (peers(text, "hosts"), peers(text, "clients")) == (["192.0.2.2"], ["192.0.2.3", "192.0.2.4"])
    assert text.count("route-reflector-client") == 1


def test_only_the_projects_networks_are_told_of():
    topology, _ = decide(fleet(networks=3), Facts(name="h1"))
    text = router("h1", fleet(networks=3)).config
    vnis = sorted(o.vni for o in map(overlay_of, topology.networks) if o)
    assert len(vnis) == 3
    assert [line.split()[-1] for line in text.splitlines() if "permit rt" in line] == [
        f"65000:{vni}" for vni in vnis
    ]


def test_without_an_overlay_there_is_nothing_to_tell():
    alone = manifest(project("t", container("a"), hosts=HOSTS, evpn=EVPN))
    assert not [r for r in decide(alone, Facts(name="h1"))[1].values() if isinstance(r, Router)]


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        (reflected("h2"), "h2 is the only reflector"),
        (reflected(count=11), "11 hosts are too many"),
        (tuple(replace(h, address=f"2001:db8::{h.name[1]}") for h in HOSTS), "IPv6"),
    ],
)
def test_what_would_not_carry_is_refused(hosts, words):
    with pytest.raises(ManifestError, match=words) as caught:
        decide(fleet(*hosts), Facts(name="h1"))
    assert caught.value.hint


def test_what_is_encrypted_is_not_carried_by_it():
    net = mesh("mesh", options={"vni": "5000", "encrypted": "true"})
    with pytest.raises(ManifestError, match="mesh is encrypted, and FRR knows only"):
        decide(manifest(project("t", net, hosts=HOSTS, evpn=EVPN)), Facts(name="h1"))


def test_a_host_has_one():
    with pytest.raises(ManifestError, match="project u wants EVPN, and on this host project t has it"):
        decide(fleet(name="u"), Facts(name="h1", router="t"))
    two = mesh("other", full_name="other", options={"vni": "5001"}, subnets=())
    both = manifest(*fleet().projects, project("u", two, hosts=HOSTS, evpn=EVPN))
    with pytest.raises(ManifestError, match="project u wants EVPN"):
        decide(both, Facts(name="h1"))


@pytest.mark.parametrize("facts", [{"tunnels": {(4790, 5000): "u_n of project u"}}, {}])
def test_to_frr_a_vni_is_one_network_whatever_its_port(facts):
    other = mesh("n", options={"vni": "5000", "port": "4790"}, subnets=())
    static = project("u", other, container("d", "n", host="h1"), hosts=HOSTS)
    both = manifest(*fleet().projects, *([] if facts else [static]))
    with pytest.raises(ManifestErrors, match="VNI 5000 on UDP .* is taken: network .*_.* of project [tu]"):
        decide(both, Facts(name="h1", **facts))


def test_who_has_a_key_believes_no_address_alone():
    keyed = tuple(replace(host, public_key=f"key-{host.name}") for host in HOSTS)
    facts = Facts(name="h1", public_key=lambda: "key-h1")
    topology, wanted = decide(fleet(*keyed), facts)
    assert only(Router, wanted).keys == ("192.0.2.2 key-h2", "192.0.2.3 key-h3") and not topology.warnings
    topology, wanted = decide(fleet(*keyed[:2], HOSTS[2]), facts)
    assert only(Router, wanted).keys == ("192.0.2.2 key-h2",)
    (warning,) = topology.warnings
    assert "whoever takes the address 192.0.2.3" in warning
    with pytest.raises(ManifestError, match="has not the private key of host h1"):
        decide(fleet(*keyed), replace(facts, public_key=lambda: "key-h2"))


def test_what_a_new_password_costs():
    old = replace(router("h1"), public_key="mine", keys=("192.0.2.2 one",))
    others = {"keys": ("192.0.2.2 other",)}, {"public_key": "new"}, {"keys": (*old.keys, "192.0.2.3 two")}
    assert [replace(old, **more).cost(old) for more in others] == ["flow"] * 3
    assert replace(old, keys=(*old.keys, "192.0.2.9 three")).cost(old) == old.cost(None) == "none"


def test_a_file_holds_the_passwords_and_reads_back_without(tmp_path):
    key = str(tmp_path / "key")
    public = wireguard_key.made(key)
    wanted = replace(router("h1"), public_key=public, keys=(f"192.0.2.2 {public}",))
    text = frr.whole(wanted, key)
    (row,) = (row for row in text.splitlines() if " password " in row)
    assert row == f" neighbor 192.0.2.2 password {wireguard_key.shared(key, public, 'bgp t')}"
    assert frr.parsed(text) == ("t", wanted.config, wanted.public_key, wanted.keys)
    bare = router("h2")
    assert frr.parsed(frr.whole(bare, "/nowhere")) == ("t", bare.config, "", ())


@pytest.mark.parametrize(
    ("host", "group", "hosts"), [("h3", "hosts", 4), ("h1", "hosts", 4), ("h1", "clients", 1)]
)
def test_a_session_has_room_for_all_that_there_can_be(host, group, hosts):
    text = router(host, fleet(*reflected("h1", "h2", count=5))).config
    assert f"neighbor {group} maximum-prefix {256 * 4 * hosts} restart 1" in text
    bare = decide(fleet(), Facts(name="h1", missing={"prefix limit": "none in 8.4"}))[1]
    assert "maximum-prefix" not in only(Router, bare).config
    assert f"neighbor hosts maximum-prefix {256 * 4} " in router("h1").config


def test_what_is_told_is_held_against_what_is_declared():
    topology, _ = decide(fleet(), Facts(name="h1"))
    (known,) = hearsay.declarations(topology)
    network = overlay_of(topology.networks[0])
    told = [Told(5000, r.mac, ip, r.host) for r in network.remotes for ip in ("", *r.ips)]
    assert list(hearsay.differences(known, told)) == []
    assert list(hearsay.differences(known, [*told, Told(5000, told[0].mac, "fe80::1", told[0].host)])) == []
    gateways = {remote.mac for remote in network.remotes[:2]}
    b = next(one for one in told if one.mac not in gateways and one.host == "192.0.2.2")
    wrong = [
        Told(5000, "06::1", "", "192.0.2.2"),
        Told(5000, b.mac, "", "192.0.2.3"),
        Told(5000, b.mac, "10.9.9.9", "192.0.2.2"),
        Told(5000, network.own[0][1], "", "192.0.2.9"),
    ]
    assert list(hearsay.differences(known, [*told, *wrong])) == [
        "t_mesh: h2 tells of 06::1, which is nobody's",
        f"t_mesh: h3 tells of {b.mac}, which is h2's",
        f"t_mesh: h2 tells of 10.9.9.9 at {b.mac}, and it is nobody's",
        f"t_mesh: 192.0.2.9 tells of {network.own[0][1]}, which is h1's",
    ]
    left = [one for one in told if one.host != "192.0.2.3"]
    assert list(hearsay.differences(known, left)) == ["t_mesh: h3 does not tell of 2 of its MACs"]
    assert len(hearsay.discrepancies(topology, lambda: left)) == 1
    assert hearsay.discrepancies(of_projects(topology, frozenset({"other"})), lambda: left) == []
    assert hearsay.listed(list("abcdefghij"))[-2:] == ["h", "and 2 more of the kind"]


def test_a_host_without_frr_is_told_so_with_the_line():
    with pytest.raises(Unsupported) as caught:
        decide(fleet(), Facts(name="h1", missing={"evpn": "apt install frr"}))
    assert caught.value.where == EVPN.where and caught.value.hint == "apt install frr"


def test_a_plan_shows_what_changes_in_the_configuration():
    one, two = state(router("h1")), state(router("h1", fleet(networks=2)))
    assert "    + bgp router-id 192.0.2.1" in render.text(plan({}, one), wide=True)
    assert "router-id" not in render.text(plan({}, one))
    rows = render.text(plan(one, two), wide=True).splitlines()
    added, limit = [row for row in rows if row.startswith("    +")]
    assert added.startswith("    +bgp extcommunity-list") and "maximum-prefix" in limit
    (before,) = [row for row in rows if row.startswith("    -")]
    assert "maximum-prefix" in before


def entry(mac: str, flags: int, *more: bytes) -> bytes:
    raw = bytes.fromhex(mac.replace(":", ""))
    return (
        neighbours.NDMSG.pack(neighbours.PF_BRIDGE, 7, neighbours.NUD_NOARP, flags, 0)
        + attr(neighbours.NDA_LLADDR, raw)
        + b"".join(more)
    )


def test_what_frr_has_told_is_not_ours():
    there, port = (
        attr(neighbours.NDA_DST, bytes((192, 0, 2, 2))),
        attr(neighbours.NDA_MASTER, struct.pack("=I", 5)),
    )
    theirs = [
        entry("02:00:00:00:00:01", neighbours.NTF_SELF | neighbours.NTF_EXT_LEARNED, there),
        entry("02:00:00:00:00:01", neighbours.NTF_EXT_LEARNED, port),
    ]
    everybody = entry(NOBODY, neighbours.NTF_SELF, there)
    assert entries.fdb_entries_of([*theirs, everybody], 7, by_frr=True) == ([], [])
    assert entries.fdb_entries_of([*theirs, everybody], 7, by_frr=False) == (
        [f"{NOBODY} 192.0.2.2"], ["02:00:00:00:00:01"],
    )  # fmt: skip


def test_what_frr_is_started_with_reads_back():
    wanted = router("h1")
    found = re.search(frr.LISTENING, frr.options(wanted))
    assert found and found.groups() == ("192.0.2.1", "10179")
    assert frr.parsed("# reconciler: generated, edits are undone\n! project t\nrouter bgp 1\n") == (
        "t",
        "router bgp 1\n",
        "",
        (),
    )
