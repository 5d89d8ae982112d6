"""macvlan: containers on the LAN of `uplink`, as the machine R sees them from outside."""

import subprocess
from pathlib import Path

import pytest

from reconciler.kernel.observe.capabilities import Missing
from reconciler.kinds.names import mac as mac_of_name
from reconciler.kinds.names import network_id
from tests.netns.frames import Sniffer, ip, mac
from tests.netns.lab import HOST4, IMPATIENCE, REMOTE4, REMOTE6, Lab
from tests.netns.watching import until

SHIM4, SHIM6 = "198.51.100.250", "2001:db8:1::250"
SUBNET4 = "{subnet: 198.51.100.0/24, gateway: 198.51.100.2}"
SUBNET6 = "{subnet: '2001:db8:1::/64', gateway: '2001:db8:1::2'}"
IPAM = f"ipam: {{config: [{SUBNET4}, {SUBNET6}]}}"
A = "{ipv4_address: 198.51.100.10, ipv6_address: '2001:db8:1::10', mac_address: '02:00:00:00:00:0a'}"
B = "{ipv4_address: 198.51.100.11, ipv6_address: '2001:db8:1::11'}"
A4, A6, B4, B6 = "198.51.100.10", "2001:db8:1::10", "198.51.100.11", "2001:db8:1::11"


def lan(
    options: str = "", containers: str = f"a: {{networks: {{lan: {A}}}}}, b: {{networks: {{lan: {B}}}}}"
) -> str:
    network = f"{{driver: macvlan, parent: uplink, enable_ipv6: true, {IPAM}, {options}}}"
    return f"{{name: t, networks: {{lan: {network}}}, containers: {{{containers}}}}}"


def neighbour(lab: Lab, address: str) -> str:
    """The MAC that R believes an address to have."""
    return next((n.get("lladdr", "") for n in lab.json("ip -j neigh", "R") if n["dst"] == address), "")


@pytest.fixture(scope="module")
def shared(privileged):
    from tests.netns.conftest import new_lab

    with new_lab() as made:
        made.apply(lan(f"host_access: '{SHIM4}, {SHIM6}'"))
        for container in ("t-a", "t-b"):
            made.serve(container, 80)
        yield made


@pytest.mark.parametrize("address", [A4, A6, B4, B6])
def test_the_lan_reaches_a_container(shared, address):
    assert shared.ping("R", address)
    assert shared.ask("R", address, 80)


def test_a_container_answers_with_a_mac_of_its_own(shared):
    assert shared.ping("R", A4) and shared.ping("R", B4)
    assert neighbour(shared, A4) == "02:00:00:00:00:0a"
    assert neighbour(shared, B4) not in ("", neighbour(shared, HOST4), neighbour(shared, A4))


@pytest.mark.parametrize("address", [REMOTE4, REMOTE6, B4, B6, SHIM4, SHIM6])
def test_a_container_reaches(shared, address):
    assert shared.ping("t-a", address)


def test_the_lan_sees_the_containers_own_address(shared):
    shared.serve("R", 81)
    assert shared.ask("t-a", REMOTE4, 81) == f"R {A4}"
    assert shared.ask("t-a", REMOTE6, 81) == f"R {A6}"


@pytest.mark.parametrize("address", [A4, A6, B4, B6])
def test_the_host_reaches_its_children_by_the_shim(shared, address):
    assert shared.ping("", address)


def test_containers_behind_the_host_reach_its_children_as_the_host_does(lab):
    """To the firewall the shim is the LAN: what goes out by it is masqueraded."""
    behind = f"a: {{networks: {{lan: {A}}}}}, near: {{networks: [n]}}"
    text = lan(f"host_access: '{SHIM4}, {SHIM6}'", behind).replace("networks: {", "networks: {n: {}, ", 1)
    lab.apply(text)
    lab.serve("t-a", 80)
    assert lab.ask("t-near", A4, 80) == f"t-a {SHIM4}"


def test_nothing_is_left_to_do(shared):
    assert shared.planned(lan(f"host_access: '{SHIM4}, {SHIM6}'")) == []


def test_without_a_shim_the_host_does_not_reach_its_children(lab):
    lab.apply(lan())
    assert not lab.ping("", A4, IMPATIENCE)


def test_the_lan_learns_at_once_who_has_the_address(lab):
    """Gratuitous ARP and an unsolicited neighbour advertisement, with the container's MAC."""
    with Sniffer(lab, "R", "eth0") as heard:
        lab.apply(lan())
    own = mac("02:00:00:00:00:0a")
    assert any(
        f[12:14] == b"\x08\x06" and f[22:28] == own and f[28:32] == ip(A4) == f[38:42] for f in heard.frames
    )
    assert any(f[12:14] == b"\x86\xdd" and f[54] == 136 and f[62:78] == ip(A6) for f in heard.frames)


def test_a_mac_is_the_same_after_a_new_start(lab):
    lab.apply(lan())
    before = lab.link("eth0", "t-b")["address"]
    lab.destroy()
    lab.apply(lan())
    assert lab.link("eth0", "t-b")["address"] == before


def test_the_router_is_the_parents_and_no_guess(lab):
    """The first of the subnet would be the host, which no child of its link can reach."""
    unsaid = lan().replace(", gateway: 198.51.100.2", "").replace(", gateway: '2001:db8:1::2'", "")
    ways = [f"default via {REMOTE4} dev eth0", f"default via {REMOTE6} dev eth0"]

    def leads(ns: str) -> list[bool]:
        return [any(r.startswith(way) for f in (4, 6) for r in lab.routes(ns, f)) for way in ways]

    lab.apply(unsaid)
    assert leads("t-a") == [True, True]
    lab.ip("route del default\nroute del default via 2001:db8:1::2 dev uplink")
    assert lab.planned(unsaid) == []  # a route of the host that goes takes nobody's along
    later = unsaid.replace("containers: {", "containers: {c: {networks: [lan]}, ")
    assert "no IPv4 default route for t-c" in lab.apply(later).err
    assert leads("t-a") == [True, True] and leads("t-c") == [False, False]


def test_what_stands_keeps_its_mac(lab):
    """It is made of machine, name and address; another address in place is no reason for another MAC."""
    lab.apply(lan())
    before = lab.link("eth0", "t-b")["address"]
    moved = lan().replace(B4, "198.51.100.12")
    assert [step for step in lab.planned(moved) if "link" in step] == []
    lab.apply(moved)
    assert lab.link("eth0", "t-b")["address"] == before and lab.planned(moved) == []
    early = mac_of_name(network_id("t_lan", Path("/etc/machine-id").read_text().strip()), "t-b")
    for strange, kept in (("02:11:22:33:44:55", False), (early, True)):
        lab.ip(f"link set eth0 address {strange}", "t-b")
        told = lab.plan(moved, "-o", "json")
        assert ([step["key"] for step in told.json["steps"]] == []) == kept
        assert ("a MAC of an earlier version" in told.err) == kept
    lab.destroy()
    lab.apply(moved)
    assert lab.link("eth0", "t-b")["address"] not in (before, early)


@pytest.mark.parametrize(("mode", "meet"), [("bridge", True), ("private", False), ("vepa", False)])
def test_what_each_mode_lets_neighbours_do(lab, mode, meet):
    lab.apply(lan(f"driver_opts: {{macvlan_mode: {mode}}}"))
    assert lab.ping("t-a", REMOTE4) and lab.ping("t-b", REMOTE4)
    assert lab.ping("t-a", B4, IMPATIENCE) == meet
    assert lab.link("eth0", "t-a")["linkinfo"]["info_data"]["mode"] == mode


def test_passthru_has_the_parents_mac(lab):
    alone = "a: {networks: {lan: {ipv4_address: 198.51.100.10}}}"
    manifest = lan("driver_opts: {mode: passthru}", alone)
    lab.apply(manifest)
    assert lab.link("eth0", "t-a")["address"] == lab.link("uplink")["address"]
    assert lab.ping("R", A4)
    assert lab.planned(manifest) == []


def test_a_changed_mode_makes_the_links_anew(lab):
    lab.apply(lan())
    steps = lab.apply(lan("driver_opts: {mode: private}"), "-o", "json").json["steps"]
    assert {s["key"] for s in steps if s["op"] in ("delete", "replace")} >= {"link t-a/eth0", "link t-b/eth0"}
    assert lab.ping("R", A4)


def test_two_networks_stand_on_one_parent(lab):
    other = "other: {driver: macvlan, parent: uplink, ipam: {config: [{subnet: 10.5.0.0/24}]}}"
    lab.apply(f"{{name: t, networks: {{lan: {{driver: macvlan, parent: uplink, {IPAM}}}, {other}}}, "
              "containers: {a: {networks: [lan, other]}, b: {networks: [other]}}}")  # fmt: skip
    assert lab.ping("t-b", lab.address("t-a", "eth1"))


@pytest.mark.parametrize(
    ("networks", "word"),
    [
        ("b: {driver: ipvlan, parent: uplink, ipam: {config: [{subnet: 10.5.0.0/24}]}}", "with macvlan"),
        ("b: {driver: macvlan, parent: uplink, driver_opts: {mode: passthru}}", "passthru"),
        ("b: {driver: macvlan, parent: nothing0}", "no link nothing0"),
        ("b: {driver: macvlan, parent: uplink, ipam: {driver: dhcp}}", "DHCP"),
    ],
)
def test_conflicts_are_found_before_anything_is_done(lab, networks, word):
    if "ipvlan" in networks and "ipvlan" in Missing():
        pytest.skip("this kernel has no ipvlan")
    lab.refused(
        f"{{name: t, networks: {{a: {{driver: macvlan, parent: uplink}}, {networks}}}, containers: {{}}}}",
        word,
    )


def test_a_port_of_a_bridge_can_be_no_parent(lab):
    lab.ip("link add other type bridge\nlink set uplink master other")
    lab.refused(lan(), "port of other")


def test_a_parent_that_is_down_is_told(lab):
    lab.ip("link set uplink down")
    assert "uplink is down: network t_lan carries nothing" in lab.apply(lan()).err
    lab.ip("link set uplink up")
    assert "uplink is down" not in lab.plan(lan()).err
    assert lab.planned(lan()) == []
    assert lab.ping("R", A4)


def test_another_projects_passthru_excludes_ours(lab):
    alone = lan("driver_opts: {mode: passthru}", "a: {networks: [lan]}").replace("name: t,", "name: first,")
    lab.succeed(lab.reconcile("--apply", lab.write(alone, "first.yaml")))
    result = lab.try_apply(lan())
    assert result.rc == 65 and "first_lan" in result.err


@pytest.mark.parametrize(("feature", "parent"), [("vlan", "parent: uplink.50"), ("dummy", "internal: true")])
def test_what_the_kernel_lacks_is_named_with_the_line(lab, feature, parent):
    if feature not in Missing():
        pytest.skip(f"this kernel has {feature}")
    manifest = (
        f"name: t\nnetworks:\n  n:\n    driver: macvlan\n    {parent}\ncontainers:\n  a: {{networks: [n]}}\n"
    )
    lab.refused(manifest, f"this kernel has no {feature}", "t.yaml:3", rc=69)


def test_what_was_deleted_by_hand_comes_back(lab):
    manifest = lan(f"host_access: {SHIM4}")
    lab.apply(manifest)
    shim = next(name for name in lab.links() if name.startswith("mv-"))
    lab.ip(f"link del {shim}")
    lab.ip("link del eth0", "t-a")
    lab.apply(manifest)
    assert lab.ping("", A4) and lab.ping("R", A4)


def test_a_sandbox_that_lost_its_name_makes_room_for_a_new_one(lab):
    lab.apply(lan())
    with lab.inside("t-a"):
        process = subprocess.Popen(["sleep", "60"])
    try:
        until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
        lab.run("ip netns del t-a")
        lab.ip("link add theirs type bridge")
        assert f"- nameless-link sleep/{process.pid}/eth0" in lab.plan(lan(), "-o", "wide").out
        lab.apply(lan())
        assert lab.planned(lan()) == []
        assert lab.ping("R", A4) and neighbour(lab, A4) == "02:00:00:00:00:0a"
        assert len(lab.run(f"nsenter -t {process.pid} -n ip -br link").out.splitlines()) == 1
        assert "theirs" in lab.links()
    finally:
        process.kill()
        process.wait()


def test_nothing_stays_behind(lab):
    before = lab.snapshot()
    lab.apply(lan(f"host_access: {SHIM4}"))
    lab.destroy()
    assert lab.snapshot() == before
