"""Bridges that keep VLANs apart, on a kernel that can."""

import subprocess
from collections.abc import Callable

import pytest

from tests.netns.frames import (
    BROADCAST,
    advertisement,
    arp,
    arrivals,
    ethernet,
    icmpv6,
    ipv4,
    tagged,
    udp,
    udp6,
)
from tests.netns.lab import IMPATIENCE, Lab
from tests.netns.snapshot import differing
from tests.vm.test_parents import needs

pytestmark = needs("vlan filtering", "vlan")

SWITCH = """
link add link eth0 name v20 type vlan id 20
link add link eth0 name v30 type vlan id 30
addr add 10.1.0.220/24 dev v20
addr add 10.1.0.230/24 dev v30
link set v20 up
link set v30 up
"""
ONE, TWENTY, OTHER, TRUNK = "10.1.0.1", "10.1.0.20", "10.1.0.21", "10.1.0.2"


def lan(*options: str, **ends: str) -> str:
    """a is in VLAN 1, b and c in 20, and d gets 20 and 30 with their tags."""
    wishes = {
        "a": f"ipv4_address: {ONE}",
        "b": f"vlan: 20, ipv4_address: {TWENTY}",
        "c": f"vlan: 20, ipv4_address: {OTHER}",
        "d": f"trunk: [20, 30], ipv4_address: {TRUNK}",
        **ends,
    }
    containers = ", ".join(f"{name}: {{networks: {{lan: {{{wish}}}}}}}" for name, wish in wishes.items())
    ipam = "ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.254}]}"
    network = ", ".join((ipam, *options))
    return f"{{name: t, networks: {{lan: {{{network}}}}}, containers: {{{containers}}}}}"


def capture(lab: Lab, during: Callable[[], object]) -> list[str]:
    """What is on the wire of the parent meanwhile, with its tags."""
    with lab.inside("S"):
        words = ["tcpdump", "-lnei", "eth0"]
        dump = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    dump.stderr.readline(), dump.stderr.readline()
    during()
    dump.terminate()
    return dump.communicate()[0].splitlines()


def vlans(lab: Lab, port: str) -> list[tuple[int, list[str]]]:
    [found] = lab.json(f"bridge -j vlan show dev {port}")
    return [(vlan["vlan"], vlan.get("flags", [])) for vlan in found["vlans"]]


def end(lab: Lab, box: str) -> str:
    """The host's end of a container's pair."""
    return next(
        link["ifname"] for link in lab.json("ip -j link") if link.get("ifalias", "").endswith(f"{box}/eth0")
    )


NATIVE = (1, ["PVID", "Egress Untagged"])


@pytest.fixture
def wired(lab: Lab) -> Lab:
    lab.add_outside("S", "nic", {}, {4: "10.1.0.254/24"})
    lab.ip(SWITCH, "S")
    return lab


def test_an_address_of_a_vlan_is_asked_for_there(wired: Lab):
    result = wired.try_apply(lan("parent: nic", b="vlan: 20, ipv4_address: 10.1.0.220"))
    assert result.rc == 3 and "10.1.0.220 is taken" in result.err and "on nic in VLAN 20" in result.err
    wired.sysctl("net/ipv4/conf/all/arp_ignore", "S", 1)  # each link answers for its own alone
    wired.apply(lan("parent: nic", b="vlan: 20, ipv4_address: 10.1.0.230"))


def test_vlans_of_a_lan(wired: Lab):
    before = wired.snapshot()
    manifest = lan("parent: nic")
    wired.apply(manifest)
    assert wired.planned(manifest) == []
    assert vlans(wired, "nic") == [NATIVE, (20, []), (30, [])]
    # Equal VLANs meet, here and on the wire; others do not.
    assert wired.ping("t-a", "10.1.0.254") and wired.ping("t-b", OTHER)
    assert wired.run(f"ping -n -c 1 -W 3 -I v20 {TWENTY}", "S", check=False).rc == 0
    assert not wired.ping("t-a", TWENTY, IMPATIENCE) and not wired.ping("t-b", ONE, IMPATIENCE)
    assert wired.run(f"ping -n -c 1 -W 1 -I v30 {TWENTY}", "S", check=False).rc != 0
    seen = capture(wired, lambda: (wired.ping("t-a", "10.1.0.77", 1), wired.ping("t-b", "10.1.0.78", 1)))
    assert any("10.1.0.77" in line and "vlan" not in line for line in seen)
    assert all("vlan 20" in line for line in seen if "10.1.0.78" in line)
    # A trunk makes links of its own for its tags; others' tagged frames do not pass, nor a second tag.
    wired.ip("link add link eth0 name eth0.30 type vlan id 30\naddr add 10.3.0.1/24 dev eth0.30\n"
             "link set eth0.30 up", "t-d")  # fmt: skip
    wired.ip("addr add 10.3.0.2/24 dev v30", "S")
    assert wired.ping("t-d", "10.3.0.2")
    wired.ip("link add link eth0.30 name double type vlan id 20\naddr add 10.4.0.1/24 dev double\n"
             "link set double up", "t-d")  # fmt: skip
    wired.ip("link add link eth0 name eth0.30 type vlan id 30\naddr add 10.3.0.3/24 dev eth0.30\n"
             "link set eth0.30 up", "t-a")  # fmt: skip
    ends = ("tell 10.4.0.1,", "tell 10.3.0.3,")

    def strays() -> list[str]:
        seen = capture(wired, lambda: (wired.ping("t-d", "10.4.0.9", 1), wired.ping("t-a", "10.3.0.9", 1)))
        return [line for line in seen if any(end in line for end in ends)]

    assert not strays()
    wired.nft("flush chain bridge reconciler guard")
    seen = strays() or strays()  # emulated, a capture may begin late
    assert seen and all("vlan 30" in line and "vlan 20" in line for line in seen)  # t-a is not in 30
    wired.destroy()
    assert set(differing(before, wired.snapshot())) <= {"sysctls"}  # modules bring some


MAC, ALL6, GROUP6, NOBODY = "02:00:00:00:00:0d", "ff02::1", "33:33:00:00:00:01", "00:00:00:00:00:00"
TRUNKS = f"""
name: t
networks:
  lan: {{enable_ipv6: true, ipam: {{config: [{{subnet: 10.1.0.0/24}}, {{subnet: 'fd01::/64'}}]}}}}
containers:
  a: {{networks: [lan]}}
  b: {{networks: {{lan: {{vlan: 20, ipv4_address: {TWENTY}}}}}}}
  c: {{networks: {{lan: {{vlan: 40}}}}}}
  d:
    mac_address: '{MAC}'
    networks: {{lan: {{trunk: [20, 30], ipv4_address: {TRUNK}, ipv6_address: 'fd01::d'}}}}
"""


def six(packet: bytes) -> bytes:
    return ethernet(GROUP6, MAC, 0x86DD, packet)


def four(source: str, mark: bytes, src: int, dst: int) -> bytes:
    return ethernet(BROADCAST, MAC, 0x0800, ipv4(source, "255.255.255.255", 17, udp(src, dst, mark)))


FORGED = {
    "arp_of_the_gateway": lambda m: ethernet(BROADCAST, MAC, 0x0806, arp(2, (MAC, ONE), (NOBODY, ONE), m)),
    "source": lambda m: four(TWENTY, m, 9, 9),
    "source_ipv6": lambda m: six(udp6("fd01::1", ALL6, (9, 9), m)),
    "dhcp_server": lambda m: four(TRUNK, m, 67, 68),
    "router": lambda m: six(icmpv6("fe80::ff:fe00:d", ALL6, 134, bytes(12) + m)),
    "neighbour": lambda m: six(icmpv6("fd01::d", ALL6, 136, advertisement("fd01::1", MAC, m))),
}
HONEST = {
    "own": lambda m: four(TRUNK, m, 9, 9),
    "own_ipv6": lambda m: six(udp6("fd01::d", ALL6, (9, 9), m)),
    "own_neighbour": lambda m: six(icmpv6("fd01::d", ALL6, 136, advertisement("fd01::d", MAC, m))),
    "another": lambda m: four("10.3.0.1", m, 9, 9),
}


def test_a_trunk_forges_nothing_in_any_vlan(lab: Lab):
    """VID 0 and the untagged VLAN's own lead where untagged frames go; without the guard all arrive there."""
    lab.apply(TRUNKS)
    places = {"one": ("t-a", "eth0"), "twenty": ("t-b", "eth0"), "forty": ("t-c", "eth0")}
    places["bridge"] = ("", "br-t-lan")
    frames = {
        f"{name} in {tags}": lambda m, make=make, tags=tags: tagged(make(m), *tags)
        for name, make in {**FORGED, **HONEST}.items()
        for tags in ((0,), (1,), (20,), (40,), (20, 20), (0, 20), (20, 0))
    }
    found = {name: where for name, where in arrivals(lab, "t-d", frames, places).items() if where}
    assert found == {f"{name} in (20,)": ["twenty"] for name in HONEST}
    lab.run("nft delete table bridge reconciler")
    found = arrivals(lab, "t-d", frames, places)
    assert all(found[f"{name} in (20,)"] == ["twenty"] for name in FORGED)
    assert all(
        found[f"{name} in {tags}"] == ["one", "bridge"] for name in FORGED for tags in ("(0,)", "(1,)")
    )
    lab.apply(TRUNKS)
    assert lab.planned(TRUNKS) == []


def test_vlans_change_in_place_and_drift_is_seen(wired: Lab):
    wired.apply(lan("parent: nic"))
    index = wired.link("eth0", "t-b")["ifindex"]
    moved = lan("parent: nic", b=f"vlan: 30, ipv4_address: {TWENTY}", d="trunk: [40]")
    steps = wired.apply(moved, "-o", "json").steps
    assert {"update link t-b/eth0", "update link t-d/eth0", "update port host/nic"} <= set(steps)
    assert wired.link("eth0", "t-b")["ifindex"] == index
    assert vlans(wired, end(wired, "t-b")) == [(30, ["PVID", "Egress Untagged"])]
    assert vlans(wired, "nic") == [NATIVE, (20, []), (30, []), (40, [])]
    assert not wired.ping("t-b", OTHER, IMPATIENCE)
    wired.run(f"bridge vlan add dev {end(wired, 't-a')} vid 20")
    wired.run("bridge vlan del dev nic vid 20")
    wired.run(f"bridge vlan add dev {end(wired, 't-b')} vid 1 pvid untagged")
    assert set(wired.planned(moved)) == {
        "update link t-a/eth0",
        "update link t-b/eth0",
        "update port host/nic",
    }
    wired.apply(moved)
    wired.ip("link set br-t-lan type bridge vlan_filtering 0")
    assert "update link host/br-t-lan" in wired.planned(moved)
    wired.apply(moved)
    assert wired.planned(moved) == []
    assert vlans(wired, "nic") == [NATIVE, (20, []), (30, []), (40, [])]
    # Without VLANs the bridge keeps none, and everybody is in the first again.
    flat = lan("parent: nic", b=f"ipv4_address: {TWENTY}", c=f"ipv4_address: {OTHER}", d="")
    wired.apply(flat)
    assert wired.planned(flat) == []
    assert wired.ping("t-a", TWENTY)
    assert vlans(wired, "nic") == vlans(wired, end(wired, "t-b")) == [NATIVE]


def test_vlans_behind_the_host(lab: Lab):
    manifest = lan().replace(", gateway: 10.1.0.254", ", gateway: 10.1.0.200")
    lab.apply(manifest)
    assert lab.planned(manifest) == []
    assert lab.ping("t-b", OTHER) and lab.ping("t-a", "10.1.0.200") and lab.ping("t-a", TRUNK)
    assert not lab.ping("t-a", TWENTY, IMPATIENCE) and not lab.ping("", TWENTY, IMPATIENCE)
    assert lab.routes("t-a")[0].startswith("default") and not lab.routes("t-b")[0].startswith("default")


def test_somebody_elses_bridge_is_left_alone(wired: Lab):
    wired.ip("link add other type bridge vlan_filtering 1\nlink set other addrgenmode none\n"
             "link set nic master other\nlink set other up")  # fmt: skip
    wired.run("bridge vlan add dev nic vid 20")
    before = wired.snapshot()
    manifest = lan("driver_opts: {mode: unmanaged, bridge_name: other}")
    wired.apply(manifest)
    assert wired.planned(manifest) == []
    assert wired.run(f"ping -n -c 1 -W 3 -I v20 {TWENTY}", "S", check=False).rc == 0
    assert not wired.ping("t-a", TWENTY, IMPATIENCE)
    wired.run(f"bridge vlan add dev {end(wired, 't-a')} vid 20")
    assert wired.planned(manifest) == ["update link t-a/eth0"]
    wired.destroy()
    assert set(differing(before, wired.snapshot())) <= {"sysctls"}
    wired.ip("link set other type bridge vlan_filtering 0")
    wired.refused(manifest, "keeps no VLANs apart")


THEIRS = "driver_opts: {mode: unmanaged, bridge_name: br0}"


@pytest.mark.parametrize("pvid", [10, 1])
def test_who_says_no_vlan_is_where_somebody_elses_bridge_puts_a_new_port(lab: Lab, pvid: int):
    lab.ip(f"link add br0 type bridge vlan_filtering 1 vlan_default_pvid {pvid}\nlink set br0 up")
    manifest = lan(THEIRS, c=f"vlan: 1, ipv4_address: {OTHER}")
    lab.apply(manifest)
    assert lab.planned(manifest) == []
    untagged = {box: vlans(lab, end(lab, f"t-{box}"))[0] for box in "abc"}
    assert {box: number for box, (number, flags) in untagged.items() if "PVID" in flags} == {
        "a": pvid, "b": 20, "c": 1,
    }  # fmt: skip
    lab.apply(lan(THEIRS, b=f"ipv4_address: {TWENTY}", c=f"ipv4_address: {OTHER}"))
    assert vlans(lab, end(lab, "t-b")) == vlans(lab, end(lab, "t-c")) == [(pvid, NATIVE[1])]
    assert lab.ping("t-a", TWENTY) and lab.ping("t-a", OTHER)
    lab.run(f"bridge vlan del dev {end(lab, 't-a')} vid {pvid}")
    assert lab.planned(lan(THEIRS, b=f"ipv4_address: {TWENTY}", c=f"ipv4_address: {OTHER}")) == [
        "update link t-a/eth0"
    ]


def test_a_bridge_that_puts_a_new_port_into_no_vlan(lab: Lab):
    lab.ip("link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0\nlink set br0 up")
    refused = lab.plan(lan(THEIRS))
    assert refused.rc == 65 and "t-a is in no VLAN" in refused.err
    manifest = lan(
        THEIRS, a=f"vlan: 20, ipv4_address: {ONE}", d=f"vlan: 30, ipv4_address: {TRUNK}, trunk: [20]"
    )
    lab.apply(manifest)
    assert lab.planned(manifest) == []
    assert vlans(lab, end(lab, "t-a")) == [(20, NATIVE[1])] and lab.ping("t-a", TWENTY)
    lab.ip("link set br0 type bridge vlan_default_pvid 20")
    assert lab.planned(manifest) == []


def test_another_projects_network_keeps_vlans_apart_or_is_refused(lab: Lab):
    def guest(wish: str) -> str:
        end = f"{{networks: {{n: {{{wish}}}}}}}"
        return f"{{name: guest, networks: {{n: {{external: true, name: t_lan}}}}, containers: {{g: {end}}}}}"

    plain = dict.fromkeys("abcd", "")
    lab.apply(lan(**plain).replace(", gateway: 10.1.0.254", ""))
    result = lab.reconcile("--apply", lab.write(guest("vlan: 20"), "guest.yaml"))
    assert result.rc == 65 and "keeps no VLANs apart" in result.err
    lab.apply(lan(**{**plain, "b": "vlan: 20"}).replace(", gateway: 10.1.0.254", ""))
    lab.succeed(lab.reconcile("--apply", lab.files / "guest.yaml"))
    assert lab.ping("guest-g", lab.address("t-b"))
    # The guest's VLAN stays apart although nobody of the network's own project names one any more.
    lab.apply(lan(**plain).replace(", gateway: 10.1.0.254", ""))
    assert not lab.ping("t-a", lab.address("guest-g"), IMPATIENCE)
