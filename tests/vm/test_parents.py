"""802.1Q links, ipvlan and internal networks on a kernel that has them; skipped on one that has not."""

import subprocess

import pytest

from reconciler.kernel.observe.capabilities import Missing
from tests.netns.lab import HOST4, IMPATIENCE, REMOTE4, Lab


def needs(*features: str) -> pytest.MarkDecorator:
    missing = [feature for feature in features if feature in Missing()]
    return pytest.mark.skipif(bool(missing), reason=f"this kernel lacks {', '.join(missing)}")


TRUNK = """
name: t
networks:
  v50: {driver: macvlan, parent: uplink.50, ipam: {config: [{subnet: 10.50.0.0/24, gateway: 10.50.0.1}]}}
  v60: {driver: macvlan, parent: uplink.60, ipam: {config: [{subnet: 10.60.0.0/24, gateway: 10.60.0.1}]}}
containers:
  a: {networks: {v50: {ipv4_address: 10.50.0.10}}}
  b: {networks: {v60: {ipv4_address: 10.60.0.10}}}
"""
NOTHING = "{name: t, containers: {}}"
SWITCH = """
link add link eth0 name v50 type vlan id 50
link add link eth0 name v60 type vlan id 60
addr add 10.50.0.1/24 dev v50
addr add 10.60.0.1/24 dev v60
link set v50 up
link set v60 up
"""


@needs("vlan")
def test_a_trunk_keeps_vlans_apart(lab: Lab):
    lab.ip(SWITCH, "R")
    lab.apply(TRUNK)
    assert lab.link("uplink.50")["linkinfo"]["info_data"]["id"] == 50
    assert lab.ping("R", "10.50.0.10") and lab.ping("R", "10.60.0.10")
    assert lab.planned(TRUNK) == []
    wire = capture(lab, lambda: lab.ping("t-a", "10.50.0.77", IMPATIENCE))
    asked = [line for line in wire.splitlines() if "10.50.0.77" in line]  # neighbours may ask for others
    assert asked and all("vlan 50" in line for line in asked)
    assert lab.run("ip neigh show dev v60 10.50.0.10", "R").out == ""
    # The links go with their networks; one that others use, or made, stays.
    lab.ip("link add other link uplink.60 type macvlan")
    lab.apply(NOTHING)
    assert "uplink.50" not in lab.links() and "uplink.60" in lab.links()
    lab.ip("link del other")
    lab.apply(NOTHING)
    assert "uplink.60" not in lab.links()


@needs("vlan")
def test_an_address_is_asked_for_behind_a_tag(lab: Lab):
    """On a link that is yet to be made; who has it in another VLAN, or without a tag, is no matter."""
    lab.ip(SWITCH, "R")
    lab.ip(
        "addr add 10.50.0.77/24 dev v50\naddr add 10.50.0.78/24 dev v60\naddr add 10.50.0.79/24 dev eth0", "R"
    )
    for name in ("eth0", "v50", "v60"):
        for setting, value in (("arp_ignore", 1), ("arp_filter", 0)):  # each answers for its own alone
            lab.sysctl(f"net/ipv4/conf/{name}/{setting}", "R", value)
    result = lab.try_apply(TRUNK.replace("10.50.0.10", "10.50.0.77"))
    assert result.rc == 3 and "10.50.0.77 is taken" in result.err and "on uplink in VLAN 50" in result.err
    for address in ("10.50.0.78", "10.50.0.79"):
        lab.apply(TRUNK.replace("10.50.0.10", address))
        lab.destroy()


def capture(lab: Lab, during) -> str:
    """What tcpdump sees on the wire meanwhile."""
    with lab.inside("R"):
        words = ["tcpdump", "-lnei", "eth0", "arp"]
        dump = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    dump.stderr.readline(), dump.stderr.readline()
    during()
    dump.terminate()
    return dump.communicate()[0]


@needs("vlan")
def test_a_link_that_stood_before_stays(lab: Lab):
    lab.ip("link add link uplink name uplink.50 type vlan id 50\nlink set uplink.50 up")
    lab.apply(TRUNK.replace("uplink.60", "uplink.61"))
    lab.destroy()
    assert "uplink.50" in lab.links() and "uplink.61" not in lab.links()


@needs("ipvlan")
@pytest.mark.parametrize("mode", ["l2", "l3", "l3s"])
def test_ipvlan(lab: Lab, mode: str):
    router = ", gateway: 10.70.0.1" if mode == "l2" else ""  # which nobody else tells of
    ipam = f"ipam: {{config: [{{subnet: 10.70.0.0/24{router}}}, {{subnet: 'fd70::/64'}}]}}"
    manifest = (
        f"{{name: t, networks: {{n: {{driver: ipvlan, parent: uplink, driver_opts: {{mode: {mode}}}, "
        f"enable_ipv6: true, {ipam}}}}}, containers: {{"
        "a: {networks: {n: {ipv4_address: 10.70.0.10, ipv6_address: 'fd70::10'}}}, "
        "b: {networks: {n: {ipv4_address: 10.70.0.11, ipv6_address: 'fd70::11'}}}}}"
    )
    lab.apply(manifest)
    assert lab.link("eth0", "t-a")["linkinfo"]["info_data"]["mode"] == mode
    assert lab.planned(manifest) == []
    assert lab.ping("t-a", "10.70.0.11") and lab.ping("t-a", "fd70::11")
    # A neighbour of the LAN in l2; in the others behind the host, whose MAC it has and whose routes it uses.
    lab.ip("addr add 10.70.0.1/24 dev eth0" if mode == "l2" else f"route add 10.70.0.0/24 via {HOST4}", "R")
    assert lab.ping("R", "10.70.0.10") and lab.ping("t-a", REMOTE4)


@needs("ipvlan")
def test_a_changed_mode_and_flag_are_set_in_place(lab: Lab):
    network = "{driver: ipvlan, parent: uplink, driver_opts: {mode: MODE, flag: FLAG}}"
    text = f"{{name: t, networks: {{n: {network}}}, containers: {{a: {{networks: [n]}}}}}}"
    lab.apply(text.replace("MODE", "l2").replace("FLAG", "bridge"))
    changed = text.replace("MODE", "l3").replace("FLAG", "private")
    assert "update link t-a/eth0" in lab.apply(changed, "-o", "json").steps
    assert lab.planned(changed) == []


@needs("dummy")
@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_without_a_parent_a_network_leads_nowhere(lab: Lab, driver: str):
    boxes = "{a: {networks: [n]}, b: {networks: [n]}}"
    manifest = f"{{name: t, networks: {{n: {{driver: {driver}}}}}, containers: {boxes}}}"
    lab.apply(manifest)
    assert lab.ping("t-a", lab.address("t-b"))
    assert not any(line.startswith("default") for line in lab.routes("t-a"))
    assert lab.planned(manifest) == []
    lab.destroy()
    assert not [name for name in lab.links() if name.startswith("dm-")]
