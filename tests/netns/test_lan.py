"""Bridges on the LAN of `nic`, a link of the host that carries nothing of the host; S is a machine there."""

import pytest

from reconciler.kernel.observe.capabilities import Missing
from tests.netns.frames import Sniffer, ip, mac
from tests.netns.lab import HOST4, IMPATIENCE, REMOTE4, Lab

S4, S6, H4, H6 = "10.1.0.254", "fd01::254", "10.1.0.250", "fd01::250"
A4, A6, B4, B6 = "10.1.0.10", "fd01::10", "10.1.0.11", "fd01::11"
IPAM = f"ipam: {{config: [{{subnet: 10.1.0.0/24, gateway: {S4}}}, {{subnet: 'fd01::/64', gateway: '{S6}'}}]}}"
A = f"{{ipv4_address: {A4}, ipv6_address: '{A6}', mac_address: '02:00:00:00:00:0a'}}"
B = f"{{ipv4_address: {B4}, ipv6_address: '{B6}'}}"
PARENT = "parent: nic"
UNMANAGED = "driver_opts: {mode: unmanaged, bridge_name: other}"
ADDRESSES = f"host_access: '{H4}, {H6}'"


def lan(*options: str, a: str = A) -> str:
    network = f"{{{', '.join((IPAM, 'enable_ipv6: true', *(options or (PARENT,))))}}}"
    ends = f"a: {{networks: {{lan: {a}}}, ports: ['8080:80']}}, b: {{networks: {{lan: {B}}}}}"
    return f"{{name: t, networks: {{lan: {network}}}, containers: {{{ends}}}}}"


def beside(manifest: str) -> str:
    """With a network behind the host, and container c on it."""
    manifest = manifest.replace("networks: {lan:", "networks: {inner: {}, lan:", 1)
    return manifest.replace("containers: {", "containers: {c: {networks: [inner]}, ")


SHARED = beside(lan(PARENT, ADDRESSES))


@pytest.fixture
def wired(lab: Lab) -> Lab:
    lab.add_outside("S", "nic", {}, {4: f"{S4}/24", 6: f"{S6}/64"})
    return lab


@pytest.fixture
def bridged(wired: Lab) -> Lab:
    """A host whose owner has made a bridge of the NIC already, and lives on it."""
    wired.ip("link add other type bridge\nlink set other addrgenmode none")
    wired.ip(f"link set nic master other\naddr add {H4}/24 dev other\nlink set other up")
    return wired


@pytest.fixture(scope="module")
def shared(netfiltered: Lab) -> Lab:
    """Beside a network behind the host, which makes it a router, and a bridge that is no business of ours."""
    netfiltered.add_outside("S", "nic", {}, {4: f"{S4}/24", 6: f"{S6}/64"})
    netfiltered.ip("link add foreign type bridge\nlink set foreign up")
    for name in ("V", "W"):
        address = "10.9.0.1/24" if name == "V" else "10.9.0.2/24"
        netfiltered.add_outside(name, f"to{name}", {}, {4: address})
        netfiltered.ip(f"link set to{name} master foreign")
    netfiltered.apply(SHARED)
    for container in ("t-a", "t-b", "S"):
        netfiltered.serve(container, 80)
    return netfiltered


def test_frames_of_a_bridge_that_is_not_ours_pass(shared):
    assert shared.ping("V", "10.9.0.2")


def test_what_is_routed_between_others_does_not(shared):
    shared.ip("addr add 10.9.0.3/24 dev foreign")
    shared.ip("route add 198.51.100.0/24 via 10.9.0.3", "V")
    shared.ip("route add 10.9.0.0/24 via 198.51.100.1", "R")
    assert shared.sysctl("net/ipv4/ip_forward") == "1"
    assert shared.ping("V", HOST4) and not shared.ping("V", REMOTE4, IMPATIENCE)


@pytest.mark.parametrize("address", [A4, A6, B4, B6])
def test_the_lan_reaches_a_container(shared, address):
    assert shared.ask("S", address, 80)


@pytest.mark.parametrize("address", [S4, S6])
def test_the_lan_sees_the_containers_own_address(shared, address):
    assert shared.ask("t-a", address, 80) == f"S {A6 if ':' in address else A4}"


@pytest.mark.parametrize("address", [B4, B6, H4, H6])
def test_a_container_reaches(shared, address):
    assert shared.ping("t-a", address)


@pytest.mark.parametrize("address", [A4, A6, S4, S6])
def test_the_host_is_one_more_machine_there(shared, address):
    assert shared.ping("", address)


def test_nothing_is_published(shared):
    shared.silent(("R", HOST4, 8080), ("S", H4, 8080))


def test_the_guard_is_at_the_ports(shared):
    shared.ip("addr add 10.1.0.66/24 dev eth0", "t-a")
    assert shared.run(f"ping -n -c 1 -W 0.4 -I 10.1.0.66 {S4}", "t-a", check=False).rc != 0


def test_nothing_is_left_to_do(shared):
    assert shared.planned(SHARED) == []


def test_a_lan_alone_makes_no_router(wired):
    wired.apply(lan())
    assert wired.sysctl("net/ipv4/ip_forward") == "0"


def test_the_lan_learns_at_once_who_has_the_address(wired):
    with Sniffer(wired, "S", "eth0") as heard:
        wired.apply(lan())
    own = mac("02:00:00:00:00:0a")
    assert any(f[12:14] == b"\x08\x06" and f[22:28] == own and f[28:32] == ip(A4) for f in heard.frames)


def test_a_network_behind_the_host_is_masqueraded_on_its_way_to_the_lan(wired):
    """The bridge is ours, and outside all the same."""
    wired.apply(SHARED)
    wired.serve("S", 80)
    assert wired.ask("t-c", S4, 80) == f"S {H4}"
    wired.ip(f"route add {wired.address('t-c')}/32 via {H4}", "S")
    wired.serve("t-c", 81)
    wired.silent(("S", wired.address("t-c"), 81))


def test_the_link_is_given_back_as_it_was(wired):
    wired.ip("link set nic mtu 1400")
    before = wired.snapshot()
    wired.apply(lan(PARENT, ADDRESSES))
    assert wired.link("nic")["master"] == "br-t-lan"
    assert wired.link("eth0", "t-a")["mtu"] == wired.link("br-t-lan")["mtu"] == 1400
    wired.destroy()
    assert wired.snapshot() == before


def test_what_was_undone_by_hand_comes_back(wired):
    wired.apply(lan())
    wired.ip("link set nic nomaster")
    assert wired.planned(lan()) == ["create port host/nic"]
    wired.apply(lan())
    assert wired.ping("S", A4)
    wired.ip("link del br-t-lan")
    wired.apply(lan())
    assert wired.ping("S", A4)


def test_a_network_moves_in_place_to_the_lan_and_back(wired):
    inner = lan("mtu: 1500")
    wired.apply(inner)
    index = wired.link("eth0", "t-a")["ifindex"]
    for manifest in (lan(), inner, lan()):
        wired.apply(manifest)
        assert wired.planned(manifest) == []
        assert wired.ping("S", A4, IMPATIENCE * 3) == (manifest != inner)
        assert wired.link("eth0", "t-a")["ifindex"] == index
        assert ("master" in wired.link("nic")) == (manifest != inner)


def test_another_parent_takes_the_place_of_the_first(wired):
    wired.add_outside("S2", "nic2", {}, {4: f"{S4}/24"})
    wired.apply(lan())
    wired.apply(lan("parent: nic2"))
    assert "master" not in wired.link("nic")
    assert wired.ping("S2", A4)


def test_what_others_attach_to_our_bridge_stays(wired):
    wired.apply(lan())
    wired.ip("link add tap type veth peer name tap1\nlink set tap master br-t-lan")
    assert wired.planned(lan()) == []
    wired.destroy()
    assert "tap" in wired.links()


def test_a_rehearsal_has_a_link_to_lend(wired):
    wired.apply(lan(), "--rehearse")
    assert "reversible" in wired.succeed(wired.reconcile("--rehearse", wired.write(lan("parent: nic")))).out


@pytest.mark.parametrize(
    ("spoil", "manifest", "words"),
    [
        ("", lan("parent: nothing0"), "no link nothing0"),
        ("addr add 10.9.0.1/24 dev nic", lan(), "would lose 10.9.0.1"),
        ("route add default dev nic metric 9", lan(), "default route"),
        ("link add other type bridge\nlink set nic master other", lan(), "port of other"),
        ("link add other type bridge", lan("parent: other"), "unmanaged"),
        ("link add mv link nic type macvlan", lan(), "mv, which is not ours"),
        ("", lan(PARENT, "mtu: 9000"), "at most 1500"),
        ("", lan(PARENT, "host_access: 10.2.0.1"), "no subnet"),
        ("", lan(PARENT, "host_access: all"), "needs an address"),
        ("", "{name: t, networks: {lan: {parent: nic}}, containers: {}}", "no IPv4 subnet"),
        ("", lan(UNMANAGED), "no bridge other"),
        ("link add other type veth peer name o", lan(UNMANAGED), "no bridge other"),
        ("", lan("driver_opts: {mode: unmanaged}"), "`bridge_name`"),
        ("link add other type bridge", lan(UNMANAGED, PARENT), "is unmanaged"),
    ],
)  # fmt: skip
def test_what_a_host_cannot_give_is_refused(wired, spoil, manifest, words):
    if spoil:
        wired.ip(spoil)
    wired.refused(manifest, words, "t.yaml:1")


@pytest.mark.parametrize("driver", ["bridge", "macvlan"])
def test_a_link_is_lent_to_one_network(wired, driver):
    first = lan().replace("name: t,", "name: first,")
    wired.succeed(wired.reconcile("--apply", wired.write(first, "first.yaml")))
    wired.refused(
        lan(f"driver: {driver}", PARENT).replace("10.1.0.", "10.2.0.").replace("fd01:", "fd02:"), "first_lan"
    )


def test_containers_on_somebody_elses_bridge(bridged):
    before = bridged.snapshot()
    manifest = lan(UNMANAGED)
    bridged.apply(manifest)
    assert bridged.planned(manifest) == []
    assert bridged.ping("S", A4) and bridged.ping("t-a", S6) and bridged.ping("", A4)
    bridged.serve("S", 80)
    assert bridged.ask("t-a", S4, 80) == f"S {A4}"
    bridged.ip("addr add 10.1.0.66/24 dev eth0", "t-a")
    assert bridged.run(f"ping -n -c 1 -W 0.4 -I 10.1.0.66 {S4}", "t-a", check=False).rc != 0
    bridged.destroy()
    assert bridged.snapshot() == before


def test_no_container_gets_the_hosts_address_on_somebody_elses_bridge(bridged):
    taken = lan(UNMANAGED, a=f"{{ipv4_address: {H4}}}")
    bridged.refused(taken, f"{H4} is taken")


def test_a_link_that_is_down_is_told(wired):
    wired.ip("link set nic down")
    assert "nic is down" in wired.apply(lan()).err
    assert not wired.link("nic")["flags"].count("UP")


def test_vlans_need_a_kernel_that_keeps_them_apart(wired):
    if "vlan filtering" not in Missing():
        pytest.skip("this kernel has VLAN filtering")
    wired.refused(lan(PARENT, a="{vlan: 20}"), "this kernel has no vlan filtering", "t.yaml:1", rc=69)
