"""Encrypted overlays, decided: keys, addresses and ports, and where each mistake is told."""

import os
import struct
import subprocess
import time
from base64 import b64encode
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.arguments import main
from reconciler.core.plan import ordered
from reconciler.drivers.overlay import wireguard
from reconciler.errors import ManifestError, ManifestErrors, ReconcileError, Unsupported, Where
from reconciler.inventory import ownership
from reconciler.inventory.facts import Device, Facts, Listener
from reconciler.kernel import wireguard_key
from reconciler.kernel.kinds import wireguard as codec
from reconciler.kernel.netlink.socket import attributes
from reconciler.kernel.x25519 import BASE, P, x25519
from reconciler.kinds.nft import Chain, Element, Table
from reconciler.kinds.overlay import FdbEntries, Vxlan
from reconciler.kinds.route import Route
from reconciler.kinds.wireguard import Wireguard
from reconciler.manifest.spec import HostSpec, Manifest, NetworkSpec
from reconciler.pipeline import decide, load
from tests.thorough import some
from tests.unit.worlds import container, manifest, port, project

KEYS = {f"h{n}": b64encode(bytes([n] * 32)).decode() for n in (1, 2, 3)}
HOSTS = tuple(
    HostSpec(
        name=name,
        address=f"192.0.2.{name[1]}",
        public_key=key,
        where=Where("t.yaml", int(name[1])),
        key_where=Where("t.yaml", 10 + int(name[1])),
    )
    for name, key in KEYS.items()
)


def sealed(name: str = "n", **more) -> NetworkSpec:
    options = {"encrypted": "true", **more}
    return NetworkSpec(name=name, driver="overlay", scope="swarm", options=options)


def fleet(*items, hosts=HOSTS, name="t") -> Manifest:
    boxes = [container(f"c{host.name}", "n", host=host.name) for host in hosts]
    return manifest(project(name, *(items or (sealed(),)), *boxes, hosts=hosts))


def seen(host: str = "h1", of: Manifest | None = None, **facts):
    facts = {"public_key": lambda: KEYS[host], **facts}
    return decide(of or fleet(), Facts(name=host, **facts))


def elements(state, name: str) -> set[str]:
    return {r.item for r in state.values() if isinstance(r, Element) and r.map == name}


def tunnel(port: int, vni: int) -> str:
    return f"{port} . {vni << 8:#010x}"


def only(kind, state):
    (found,) = [r for r in state.values() if isinstance(r, kind)]
    return found


def test_what_one_host_calls_itself_the_others_call_it():
    links = {host: only(Wireguard, seen(host)[1]) for host in KEYS}
    local = {host: only(Vxlan, seen(host)[1]).local for host in KEYS}
    assert len({link.name for link in links.values()}) == 1 and len(links["h1"].name) == 15
    for host, link in links.items():
        assert link.public_key == KEYS[host]
        others = {h for h in KEYS if h != host}
        assert set(link.peers) == {f"{KEYS[h]} {local[h]} 192.0.2.{h[1]}:51820" for h in others}
        remote = {entry.split()[1] for entry in only(FdbEntries, seen(host)[1]).entries}
        assert remote == {local[h] for h in others}


def test_two_networks_share_a_link_and_a_clear_one_needs_none():
    clear = NetworkSpec(name="c", driver="overlay", scope="swarm")
    state = seen(of=fleet(sealed(), sealed("m"), clear))[1]
    assert only(Wireguard, state)
    vxlans = {r.network: r for r in state.values() if isinstance(r, Vxlan)}
    assert vxlans["t_n"].local == vxlans["t_m"].local != vxlans["t_c"].local == "192.0.2.1"
    assert elements(state, "sealed") == {tunnel(4789, vxlans[name].vni) for name in ("t_n", "t_m")}


def test_the_seal_is_of_the_networks_own_port_and_both_ways():
    state = seen(of=fleet(sealed(port="7777", vni="9")))[1]
    link = only(Wireguard, state).name
    assert elements(state, "sealed") == {tunnel(7777, 9)}
    assert elements(state, "sealed_by") == {f"{link} . {tunnel(7777, 9)}"}
    for name, way in (("tunnel_from", "iifname"), ("tunnel_to", "oifname")):
        [rule, *_] = only(Chain, {key: r for key, r in state.items() if key.endswith(f"/{name}")}).rules
        assert rule.count("@sealed") == 2 and way in rule and rule.endswith("@sealed_by drop")


def test_what_keeps_frames_in_is_there_before_the_links_and_its_projects_without_them():
    state = seen()[1]
    kept = next(r for r in state.values() if isinstance(r, Route) and r.dst.startswith("fd"))
    assert kept.kind == "unreachable" and ip_address(only(Vxlan, state).local) in ip_network(kept.dst)
    order = [r.key for r in ordered(state.values())]
    assert order.index(kept.key) < order.index(only(Wireguard, state).key)
    assert ownership.owners(state)(kept) == "t"
    left = {key: r for key, r in state.items() if not isinstance(r, Wireguard | Vxlan | Table | Chain)}
    assert ownership.owners(left)(kept) == "t" and kept.key in ownership.of_others(left, frozenset({"u"}))


@pytest.mark.parametrize(
    ("underlay", "outer", "inner"), [("192.0.2.{}", 8940, 8870), ("2001:db8::{}", 8920, 8850)]
)
def test_the_mtu_is_what_both_leave(underlay, outer, inner):
    hosts = tuple(replace(host, address=underlay.format(host.name[1])) for host in HOSTS)
    at: dict[str, Any] = {"links": {"eth1": Device(mtu=9000)}, "addresses": {underlay.format(1): "eth1"}}
    state = seen(of=fleet(hosts=hosts), **at)[1]
    assert only(Wireguard, state).mtu == outer and only(Vxlan, state).mtu == inner


def mistakes(**more) -> list[ManifestError]:
    with pytest.raises(ManifestErrors) as caught:
        seen(**more)
    return caught.value.errors


def test_a_key_that_lacks_is_told_at_its_host():
    bare = (replace(HOSTS[0], public_key=""), replace(HOSTS[1], public_key=""), HOSTS[2])
    told = mistakes(of=fleet(hosts=bare))
    assert [(e.where.line, e.message) for e in told] == [
        (1, "host h1 has no public_key"),
        (2, "host h2 has no public_key"),
    ]
    assert "`reconcile --key` on h2" in told[1].hint
    # Of another host, and by --validate, nothing is asked.
    decide(fleet(hosts=bare), Facts(known=False, name="h2"))
    decide(fleet(hosts=bare), Facts(known=False))


@pytest.mark.parametrize("mine", ["", KEYS["h3"]])
def test_a_key_that_is_not_this_machines_is_told_at_its_line(mine):
    (told,) = mistakes(public_key=lambda: mine)
    assert told.where.line == 11 and (mine or "reconcile --key") in told.hint


def test_a_kernel_or_a_host_without_it_is_refused():
    with pytest.raises(Unsupported, match="no wireguard"):
        seen(missing={"wireguard": "built without CONFIG_WIREGUARD"})
    with pytest.raises(Unsupported, match="IPv6"):
        seen(missing={"IPv6": "boot it without `ipv6.disable=1`"})
    with pytest.raises(ManifestError, match="leaves 1240 bytes"):
        seen(mtu=1300)


@pytest.mark.parametrize(
    ("of", "facts", "holder"),
    [
        (fleet(), {"wireguard": {51820: "u"}}, "project u"),
        (fleet(), {"listeners": frozenset({Listener("udp", "::", 51820)})}, "a process"),
        (fleet(hosts=(replace(HOSTS[0], wireguard_port=4789), *HOSTS[1:])), {}, "network t_n"),
        (Manifest(projects=(*fleet().projects, *fleet(name="u").projects)), {}, "project t"),
    ],
)
def test_a_port_has_one_holder(of, facts, holder):
    assert [
        e.message for e in mistakes(of=of, **facts) if "WireGuard wants" in e.message and holder in e.message
    ]


def test_ones_own_link_is_no_conflict_and_its_port_is_not_published():
    own: dict[str, Any] = {"wireguard": {51820: "t"}, "listeners": frozenset({Listener("udp", "::", 51820)})}
    seen(**own)
    vpn = container("vpn", "lan", host="h1", ports=(port(51820, 51820, protocol="udp"),))
    (told,) = mistakes(of=fleet(sealed(), NetworkSpec(name="lan"), vpn))
    assert "51820/udp is taken" in told.message


def test_what_a_change_costs():
    link = only(Wireguard, seen()[1])
    one, two = link.peers
    assert link.cost(None) == link.cost(replace(link, peers=(one,))) == "none"
    assert replace(link, peers=(one,)).cost(link) == replace(link, port=1).cost(link) == "flow"
    moved = replace(link, peers=(one, two.replace("192.0.2", "192.0.3")))
    assert moved.commands(link)[1:-1] == [
        f"wg set {link.name} peer {moved.peers[1].split()[0]} endpoint "
        f"{moved.peers[1].split()[2]} allowed-ips {two.split()[1]}/128"
    ]


@pytest.mark.parametrize("endpoint", ["192.0.2.1:51820", "[2001:db8::1]:1"])
def test_endpoints_go_both_ways(endpoint):
    assert codec.endpoint_of(codec.sockaddr(endpoint)) == endpoint


@pytest.mark.parametrize(("ago", "believed"), [(10, True), (1000, False)])
def test_a_peer_that_was_heard_of_late_is_where_it_was_heard(ago, believed):
    declared, heard = f"{KEYS['h2']} fd07::2 192.0.2.2:51820", f"{KEYS['h2']} fd07::2 192.0.2.99:7"
    found = attributes(codec.peer(*heard.split(" ")))
    found[codec.HANDSHAKE] = struct.pack("=qq", int(time.time()) - ago, 0)
    assert codec.entry(found, {KEYS["h2"]: declared}) == (declared if believed else heard)
    assert codec.entry(found, {}) == heard


@pytest.mark.parametrize("odd", ["10.0.0.0/8,fd07::2 nowhere", " [2001:db8::1]:1"])
def test_peers_of_somebody_elses_making_go_both_ways(odd):
    entry = f"{KEYS['h2']} {odd}"
    assert codec.entry(attributes(codec.peer(*entry.split(" "))), {}) == entry


def test_tunnel_addresses_are_local_ones_of_one_subnet():
    given = wireguard.addresses(fleet().projects[0])
    nets = {ip.rsplit(":", 4)[0] for _, ip in given}
    assert len(nets) == 1 and nets.pop().startswith("fd") and len(set(given)) == 3


WRITTEN = """\
name: t
hosts:
  h1:
    address: 192.0.2.1
    public_key: {}
  h2: {{address: 192.0.2.2, public_key: {}}}
networks: {{n: {{driver: overlay, encrypted: true}}}}
"""


def loaded(tmp_path: Path, *keys: str):
    file = tmp_path / "t.yaml"
    file.write_text(WRITTEN.format(*keys))
    return load([file], environ={}, folder="")


def test_keys_as_written(tmp_path: Path):
    hosts = loaded(tmp_path, KEYS["h1"], KEYS["h2"]).projects[0].hosts
    assert [host.public_key for host in hosts] == [KEYS["h1"], KEYS["h2"]]
    assert [host.key_where.line for host in hosts] == [5, 6]


@pytest.mark.parametrize("key", ["abc", KEYS["h1"][:-2] + "F=", "?" * 44, KEYS["h2"]])
def test_keys_that_are_none_or_anothers(tmp_path: Path, key: str):
    with pytest.raises(ManifestErrors) as caught:
        loaded(tmp_path, KEYS["h2"], key) if key == KEYS["h2"] else loaded(tmp_path, key, KEYS["h2"])
    (told,) = caught.value.errors
    assert told.where.line == (6 if key == KEYS["h2"] else 5) and "public key" in told.message


def test_a_key_is_made_once_and_kept_from_others(tmp_path: Path, capsys):
    state = tmp_path / "state"
    assert main(["--key", "--state-dir", str(state)]) == main(["--key", "--state-dir", str(state)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    (file,) = state.iterdir()
    private = file.read_text()
    assert first == second and private.strip() not in first
    assert (file.stat().st_mode, state.stat().st_mode) == (0o100600, 0o40700)
    given = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True)
    assert first == f"public_key: {given.stdout.strip()}"


def test_a_broken_key_is_told_and_left(tmp_path: Path):
    file = tmp_path / "wireguard.key"
    assert wireguard_key.public_key(str(file)) == ""
    for text in ("broken\n", "YnJva2Vu\n", ""):
        file.touch(0o600)
        file.write_text(text)
        with pytest.raises(ReconcileError, match="holds no private key"):
            wireguard_key.made(str(file))
        assert file.read_text() == text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int):
    file = tmp_path / "wireguard.key"
    wireguard_key.made(str(file))
    file.chmod(mode)
    for use in (wireguard_key.made, wireguard_key.public_key, wireguard_key.raw):
        with pytest.raises(ReconcileError, match=f"open to others than root .mode {mode:04o}") as caught:
            use(str(file))
        assert f"chmod 600 {file}" in caught.value.hint
    file.chmod(0o600)
    assert wireguard_key.public_key(str(file))


def test_what_is_no_file_is_no_key_and_holds_nothing_up(tmp_path: Path):
    os.mkfifo(tmp_path / "wireguard.key", 0o600)
    with pytest.raises(ReconcileError, match="is no file"):
        wireguard_key.public_key(str(tmp_path / "wireguard.key"))


BOB = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"


@pytest.mark.parametrize(
    ("scalar", "point", "product"),  # RFC 7748, 5.2 and 6.1
    [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
        (BOB, BASE.hex(), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
        (
            BOB,
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
        ),
    ],
)
def test_x25519_is_the_rfcs(scalar: str, point: str, product: str):
    assert x25519(bytes.fromhex(scalar), bytes.fromhex(point)).hex() == product


AGAIN = [  # RFC 7748, 5.2: how often, and what comes out
    (1, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"),
    (1000, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"),
]


@pytest.mark.parametrize("times, product", some(AGAIN))
def test_x25519_of_itself_is_the_rfcs(times: int, product: str):
    k, u = BASE, BASE
    for _ in range(times):
        k, u = x25519(k, u), k
    assert k.hex() == product


# The points whose order divides the cofactor, as https://cr.yp.to/ecdh.html lists them below 2 ** 255.
SMALL = (
    0,
    1,
    0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    P - 1,
    P,
    P + 1,
)


@pytest.mark.parametrize("beyond", [0, 1 << 255])
@pytest.mark.parametrize("point", SMALL, ids=hex)
def test_a_point_that_makes_everybody_share_the_same_is_nobodys_key(tmp_path: Path, point: int, beyond: int):
    file = str(tmp_path / "wireguard.key")
    wireguard_key.made(file)
    with pytest.raises(ReconcileError, match="nobody's public key"):
        wireguard_key.shared(file, b64encode((point | beyond).to_bytes(32, "little")).decode(), "p")


def test_two_hosts_share_what_no_third_one_knows(tmp_path: Path):
    files = [str(tmp_path / name) for name in "abc"]
    keys = [wireguard_key.made(file) for file in files]
    one, two = wireguard_key.shared(files[0], keys[1], "p"), wireguard_key.shared(files[1], keys[0], "p")
    others = [wireguard_key.shared(files[2], keys[0], "p"), wireguard_key.shared(files[0], keys[1], "q")]
    assert one == two and one not in others and len(one) <= 80  # TCP_MD5SIG_MAXKEYLEN
