"""A bridge knows the MACs behind its ports: nobody inside moves one, adds one, or hears for another."""

import pytest

from tests.netns.frames import BROADCAST, Sniffer, ethernet, ipv4, marker, send, udp
from tests.netns.lab import IMPATIENCE, Lab

A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
END = "  %s: {networks: {n: {mac_address: '%s', ipv4_address: 10.91.0.%d, ipv6_address: 'fd91::%d'}}}"
ENDS = "\n".join(END % (name, mac, n, n) for n, name, mac in ((2, "a", A), (3, "b", B), (4, "c", C)))
SUBNETS = "enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}"
MANIFEST = f"name: t\nnetworks: {{n: {{{SUBNETS}, icc: %s}}}}\ncontainers:\n{ENDS}\n"
RESERVED = [f"01:80:c2:00:00:{last:02x}" for last in range(16)]  # IEEE 802.1Q, table 8-1
ETHERTYPES = (0x88CC, 0x8809, 0x888E, 38)  # LLDP, slow protocols, 802.1X, and a length, as STP has


def stations(lab: Lab, bridge: str = "br-t-n") -> set[tuple[str, str]]:
    """What the bridge knows beyond its own addresses: (MAC, port)."""
    rows = lab.json(f"bridge -j fdb show br {bridge}")
    return {(r["mac"], r["ifname"]) for r in rows if r.get("state") != "permanent"}


def group_frames(sources: list[str]) -> list[bytes]:
    return [ethernet(to, mac, kind, bytes(46)) for mac in sources for to in RESERVED for kind in ETHERTYPES]


@pytest.mark.parametrize("icc", ["true", "false"])
def test_frames_to_the_link_local_group_teach_the_bridge_nothing(lab, icc):
    lab.apply(MANIFEST % icc)
    known = stations(lab)
    gateway = lab.link("br-t-n")["address"]
    invented = [f"06:00:00:00:{n >> 8:02x}:{n & 255:02x}" for n in range(64)]
    send(lab, "t-c", group_frames([B, gateway, *invented]))
    assert stations(lab) == known and len(known) == 3
    for address in ("10.91.0.3", "fd91::3"):
        assert lab.ping("", address, IMPATIENCE), f"host to b, {address}"
    if icc == "true":
        mark = marker(1)
        frame = ethernet(B, A, 0x0800, ipv4("10.91.0.2", "10.91.0.3", 17, udp(9, 9, mark)))
        with Sniffer(lab, "t-b", "eth0") as victim, Sniffer(lab, "t-c", "eth0") as thief:
            send(lab, "t-a", [frame])
        assert (victim.saw(mark), thief.saw(mark)) == (True, False)


def test_what_is_for_an_unknown_mac_reaches_no_container(lab):
    lab.apply(MANIFEST % "true")
    mark, heard = marker(2), marker(3)
    unknown = ipv4("10.91.0.2", "10.91.0.99", 17, udp(9, 9, mark))
    everybody = ipv4("10.91.0.2", "10.91.0.255", 17, udp(9, 9, heard))
    frames = [ethernet("02:00:00:00:00:99", A, 0x0800, unknown), ethernet(BROADCAST, A, 0x0800, everybody)]
    with Sniffer(lab, "t-b", "eth0") as neighbour:
        send(lab, "t-a", frames)
    assert (neighbour.saw(mark), neighbour.saw(heard)) == (False, True)


DRIFT = (
    "bridge link set dev {port} learning on",
    "bridge link set dev {port} flood on",
    "bridge fdb del {mac} dev {port} master",
    "bridge fdb replace {mac} dev {port} master static",
    "bridge fdb replace {mac} dev {port} master dynamic",
    "bridge fdb replace {mac} dev {port} master static sticky extern_learn",
    "bridge fdb replace {mac} dev {other} master static sticky",
    "bridge fdb replace {mac} dev {other} master dynamic extern_learn",
    "ip link set {port} nomaster",
)


def test_a_station_that_somebody_changed_is_put_right(lab):
    lab.apply(MANIFEST % "true")
    known = stations(lab)
    port, other = (next(p for mac, p in known if mac == wanted) for wanted in (B, A))
    for command in DRIFT:
        lab.run(command.format(port=port, other=other, mac=B))
        assert lab.planned(MANIFEST % "true") == ["update link t-b/eth0"], command
        lab.apply(MANIFEST % "true")
        assert lab.planned(MANIFEST % "true") == [] and stations(lab) == known, command
        assert lab.ping("t-a", "10.91.0.3"), command


def test_a_changed_mac_leaves_no_station_behind(lab):
    lab.apply(MANIFEST % "true")
    moved = (MANIFEST % "true").replace(B, "02:00:00:00:00:0d")
    lab.apply(moved)
    assert {mac for mac, _ in stations(lab)} == {A, C, "02:00:00:00:00:0d"}
    assert lab.planned(moved) == [] and lab.ping("t-a", "10.91.0.3")
