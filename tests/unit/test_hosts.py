"""More than one host: who stands where, what all of them agree on, and the lock that keeps it so."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cnm.hosts import sandboxes_of
from reconciler.cnm.prefixes import value_of
from reconciler.errors import ManifestError, ManifestErrors
from reconciler.inventory.facts import Device, Facts
from reconciler.kinds.link import Bridge
from reconciler.kinds.overlay import FdbEntries, Neighbours, Vxlan
from reconciler.manifest.spec import EndpointSpec, HostSpec, Manifest, NetworkSpec, SubnetSpec
from reconciler.manifest.store import lockfile
from reconciler.mistakes import NoValue
from reconciler.pipeline import decide, load
from tests.unit.worlds import container, manifest, project

HOSTS = tuple(HostSpec(name=f"h{n}", address=f"192.0.2.{n}") for n in (1, 2, 3))
ENDS = {"h1": "a", "h2": "b", "h3": "c"}


def mesh(name: str = "mesh", **more) -> NetworkSpec:
    more.setdefault("subnets", (SubnetSpec(subnet="10.1.0.0/24"),))
    return NetworkSpec(name=name, driver="overlay", scope="swarm", **more)


def fleet(*items, hosts=HOSTS) -> Manifest:
    boxes = [container(name, "mesh", host=host) for host, name in ENDS.items()]
    return manifest(project("t", *(items or (mesh(),)), *boxes, hosts=hosts))


def seen(host: str, of: Manifest | None = None, **facts):
    return decide(of or fleet(), Facts(name=host, **facts))


def only(kind, state):
    (found,) = [r for r in state.values() if isinstance(r, kind)]
    return found


def test_every_host_has_its_own_container_and_knows_the_others():
    worlds = {host: seen(host) for host in ENDS}
    own = {host: world[0].networks[0].endpoints[0] for host, world in worlds.items()}
    for host, (_, state) in worlds.items():
        others = {f"{own[h].mac} 192.0.2.{h[1]}" for h in ENDS if h != host}
        assert others < set(only(FdbEntries, state).entries)
        assert {f"{own[h].addresses[0][0]} {own[h].mac}" for h in ENDS if h != host} < set(
            only(Neighbours, state).entries
        )


def test_ids_and_the_lock_are_equal_and_gateways_are_not():
    topologies = [seen(host)[0] for host in ENDS]
    assert len({t.networks[0].id for t in topologies}) == 1
    assert all(t.lock == topologies[0].lock for t in topologies)
    assert len({t.networks[0].subnets[0].gateway for t in topologies}) == 3
    macs = [only(Bridge, seen(host)[1]).mac for host in ENDS]
    assert len(set(macs)) == 3
    entries = only(FdbEntries, seen("h1")[1]).entries
    assert f"{macs[1]} 192.0.2.2" in entries and f"{macs[2]} 192.0.2.3" in entries


def test_local_ids_are_of_the_host():
    local = manifest(project("t", NetworkSpec(name="n"), container("a", "n")))
    one, two = (decide(local, Facts(name="h", machine=m))[0].networks[0].id for m in "12")
    assert one != two


def test_what_stands_on_a_host_changes_nothing_for_an_overlay():
    pools = fleet(mesh(subnets=()))
    there = Facts(name="h2", leases={("t-b", "br-t-mesh"): ("172.16.0.77",)}, ports={("tcp", "1 . 80"): 9})
    assert decide(pools, there)[0].lock == decide(pools, Facts(name="h1"))[0].lock


@pytest.mark.parametrize(("underlay", "expected"), [("192.0.2.{}", 8950), ("2001:db8::{}", 8930)])
def test_the_mtu_comes_from_the_link_that_has_the_address(underlay, expected):
    hosts = tuple(HostSpec(name=f"h{n}", address=underlay.format(n)) for n in (1, 2, 3))
    facts = {"links": {"eth1": Device(mtu=9000)}, "addresses": {underlay.format(1): "eth1"}}
    _, state = seen("h1", fleet(hosts=hosts), **facts)
    assert only(Vxlan, state).mtu == only(Bridge, state).mtu == expected
    with pytest.raises(ManifestError, match=f"at most {expected}"):
        seen("h1", fleet(mesh(mtu=9000), hosts=hosts), **facts)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (mesh(options={"vni": "0"}), "vni"),
        (mesh(options={"port": "99"}), "port"),
        (mesh(subnets=(SubnetSpec(subnet="10.1.0.0/24", gateway="10.1.0.1"),)), "gateway"),
        (
            mesh(subnets=(SubnetSpec(subnet="10.1.0.0/24"), SubnetSpec(subnet="10.2.0.0/24"))),
            "one subnet a family",
        ),
    ],
)
def test_what_an_overlay_cannot_do_is_refused(spec, words):
    with pytest.raises(ManifestError, match=words):
        seen("h1", fleet(spec))


def test_an_overlay_has_no_vlans():
    tagged = container("a", EndpointSpec(network="mesh", vlan=5), host="h1")
    with pytest.raises(ManifestError, match="no VLANs"):
        seen("h1", manifest(project("t", mesh(), tagged, hosts=HOSTS)))


def test_a_container_of_an_overlay_must_say_where_it_stands():
    with pytest.raises(ManifestError, match="`host:`"):
        seen("h1", manifest(project("t", mesh(), container("a", "mesh"), hosts=HOSTS)))


def test_two_networks_of_one_vni_are_refused():
    with pytest.raises(ManifestErrors, match="network t_mesh"):
        seen("h1", fleet(mesh(options={"vni": "9"}), mesh("other", subnets=(), options={"vni": "9"})))


@pytest.mark.parametrize("address", ["", "2001:db8::2"])
def test_hosts_without_an_address_or_of_two_families_are_refused(address):
    with pytest.raises(ManifestError, match="address"):
        seen("h1", fleet(hosts=(HOSTS[0], HostSpec(name="h2", address=address), HOSTS[2])))


def test_replicas_take_the_hosts_in_turn():
    spec = project("t", container("s", "mesh", is_service=True, replicas=5), hosts=HOSTS)
    assert [member.host for member in sandboxes_of(spec)] == ["h1", "h2", "h3", "h1", "h2"]
    one = project("t", container("s", "mesh", is_service=True, replicas=2, host="h2"), hosts=HOSTS)
    assert {member.host for member in sandboxes_of(one)} == {"h2"}


def test_containers_without_a_host_stand_on_every_one():
    everywhere = manifest(project("t", NetworkSpec(name="n"), container("a", "n"), hosts=HOSTS))
    assert all([box.name for box in seen(host, everywhere)[0].sandboxes] == ["t-a"] for host in ENDS)


def test_a_host_that_does_not_exist_is_named():
    with pytest.raises(ManifestError, match="no host h9"):
        seen("h1", manifest(project("t", mesh(), container("a", "mesh", host="h9"), hosts=HOSTS)))


def test_a_host_has_values_of_its_own():
    hosts = (HostSpec(name="h1", vars={"lan": "eth1"}), HostSpec(name="h2", vars={"lan": "bond0"}))
    lan = NetworkSpec(name="lan", driver="macvlan", options={"parent": "{host.lan}.5"})
    of = manifest(project("t", lan, container("a", "lan"), hosts=hosts))
    assert [seen(host, of)[0].networks[0].carrier.segment for host in ("h1", "h2")] == ["eth1.5", "bond0.5"]
    with pytest.raises(NoValue, match="no value lan"):
        seen("", manifest(project("t", lan)))


def test_a_locked_address_never_moves():
    before = seen("h1")[0].lock
    text = lockfile.text(before)
    more = [container(f"n{i}", "mesh", host="h1") for i in range(60)]
    boxes = [container(name, "mesh", host=host) for host, name in ENDS.items()]
    after = manifest(project("t", mesh(), *more, *boxes, hosts=HOSTS))
    locked = Manifest(projects=after.projects, lock=text)
    assert before.items() <= decide(locked, Facts(name="h3"))[0].lock.items()


def test_slices_of_a_routed_network_are_forgotten_where_it_becomes_an_overlay():
    slices = Manifest(projects=fleet().projects, lock="t_mesh @h1 10.1.0.0/26\nt_mesh @h2 10.1.0.64/26\n")
    assert seen("h1", slices)[0].lock == seen("h1")[0].lock


words = st.tuples(st.sampled_from(("", "@")), st.text("az_", min_size=1, max_size=4)).map("".join)
values = st.lists(st.ip_addresses().map(str), min_size=1, max_size=2).map(tuple)


@given(st.dictionaries(st.tuples(words.map("n".__add__), words), values))
def test_a_lock_reads_back_as_it_was_written(lock):
    text = lockfile.text(lock)
    assert lockfile.parsed(text) == lock
    assert text.splitlines()[1:] == sorted(text.splitlines()[1:])


@pytest.mark.parametrize(
    "text", ["t_n a 10.0.0.1\nt_n b 10.0.0.1\n", "t_n a 10.0.0.1\nt_n a 10.0.0.2\n", "<<<<<<< HEAD\n"]
)
def test_a_lock_gone_wrong_is_refused(text):
    (mistake,) = lockfile.mistakes(text, "addresses.lock")
    assert mistake.where.file == "addresses.lock"


@given(st.ip_addresses().map(str))
@settings(max_examples=settings.default.max_examples * 3)
def test_addresses_as_numbers(ip):
    from ipaddress import ip_address

    assert value_of(ip) == int(ip_address(ip))


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_a_clean_merge_gives_no_duplicate(tmp_path: Path):
    """Two branches add a container each; git merges manifests and locks line by line."""
    head = "hosts: {h1: {address: 192.0.2.1}, h2: {address: 192.0.2.2}}\nnetworks: {n: {driver: overlay}}\n"

    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    def commit(*names: str) -> None:
        for name in names:
            text = f"name: t\n{head * (name == 'base')}containers: {{{name}: {{host: h1, networks: [n]}}}}\n"
            (tmp_path / f"{name}.yaml").write_text(text)
        found = load([tmp_path], environ={}, folder="")
        (tmp_path / lockfile.NAME).write_text(lockfile.text(decide(found, Facts(name="h1"))[0].lock))
        git("add", "-A")
        git("commit", "-m", " ".join(names))

    git("init")
    commit("base", "eins", "mitte")
    git("checkout", "-b", "other")
    commit("anna")
    git("checkout", "main")
    commit("zwei")
    git("merge", "other", "-m", "both")
    merged = load([tmp_path], environ={}, folder="")
    assert decide(merged, Facts(name="h2"))[0].lock == lockfile.parsed(merged.lock)


@pytest.mark.parametrize("option", ["vni", "port"])
@pytest.mark.parametrize("text", ["0", "16777216", "-1", "4.5", "x", "9" * 5000])
def test_numbers_that_vxlan_has_not(option, text):
    with pytest.raises(ManifestError, match=f"is no {option} of an overlay"):
        seen("h1", fleet(mesh(options={option: text})))
