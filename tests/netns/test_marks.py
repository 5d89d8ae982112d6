"""What operators do with marks, compared without a mask: it works as on a plain bridge, and nobody sees a bit
of ours; nor does a mark of theirs open what is closed."""

from collections.abc import Callable, Iterator

import pytest

from tests.netns.frames import Sniffer
from tests.netns.lab import IMPATIENCE, OURS, THEIRS, Lab

MANIFEST = """
name: t
networks:
  lan:
    enable_ipv6: true
    ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}
    driver_opts: {com.docker.network.bridge.name: br-vpn}
  other: {enable_ipv6: true, ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
services:
  web: {networks: {lan: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}, ports: ["8080:80"]}
  near: {networks: [lan]}
  far: {networks: {other: {ipv4_address: 10.92.0.2, ipv6_address: 'fd92::2'}}}
"""
WEB, OTHER = {4: "10.91.0.2", 6: "fd91::2"}, {4: "10.92.0.2", 6: "fd92::2"}
SECOND = {4: "203.0.113.1", 6: "2001:db8:2::1"}  # the host's address on the second uplink
WIDE = {4: "192.0.2.9", 6: "2001:db8:9::9"}  # beyond both uplinks, and a third address of the host
EXTRA = {4: "198.51.100.7", 6: "2001:db8:1::7"}
FAMILIES, FILTERS = (4, 6), (0, 1, 2)
ALL_PLACES = [
    *(("prerouting", priority) for priority in (-300, -150, 0, 2147483646)),
    *(("forward", priority) for priority in (-300, -150, 0, 300)),
    *(("postrouting", priority) for priority in (-300, 0, 300, 2147483647)),
    *(("input", priority) for priority in (-150, 0)),
]


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    """The way to WIDE is by `uplink` to R, unless somebody's table 100 says that it is by `lan2` to R2."""
    lab = netfiltered
    prefixes = {4: 24, 6: 64}
    host = {family: f"{ip}/{prefixes[family]}" for family, ip in SECOND.items()}
    other = {family: f"{ip.removesuffix('1')}2/{prefixes[family]}" for family, ip in SECOND.items()}
    lab.add_outside("R2", "lan2", host, other)
    lab.ip("addr add fe80::2/64 dev eth0 nodad", "R2")  # which it solicits with, for a source on its lo
    for family, ip in WIDE.items():
        old = " nodad preferred_lft 0" * (family == 6)  # nobody's choice unless it is named
        lab.ip(f"addr add {EXTRA[family]}/{prefixes[family]} dev uplink{old}")
        lab.run(f"ip -{family} rule add fwmark 0x64 lookup 100 pref 32000")
        lab.run(f"ip -{family} route add default via {other[family].split('/')[0]} table 100")
        for ns in ("R", "R2"):
            lab.ip(f"addr add {ip} dev lo{' nodad' * (family == 6)}", ns)  # else it is no source yet
        lab.ip(f"route add {SECOND[family]} dev eth0 src {ip}", "R2")
        for container in (WEB, OTHER):
            lab.ip(f"route add {container[family]} via {OURS[family]}", "R")
    lab.apply(MANIFEST)
    for ns in ("R", "R2", "t-web-1", "t-far-1"):
        lab.serve(ns, 80)
    return lab


@pytest.fixture(params=FILTERS, ids="rp_filter={}".format)
def filtered(world: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The bridge asks for the way back; a second uplink with answers of the whole world cannot."""
    before = world.sysctl("net/ipv4/conf/br-vpn/rp_filter")
    world.sysctl("net/ipv4/conf/br-vpn/rp_filter", value=request.param)
    yield world
    world.sysctl("net/ipv4/conf/br-vpn/rp_filter", value=before)


Operator = Callable[..., None]


@pytest.fixture
def operator(world: Lab) -> Iterator[Operator]:
    """Chains of somebody else: `(hook, priority, rules...)`, as it were in /etc/nftables.conf."""

    def load(*chains: tuple[object, ...]) -> None:
        for number, (hook, priority, *rules) in enumerate(chains):
            kind = "nat" if any("snat" in str(rule) for rule in rules) else "filter"
            head = f"type {kind} hook {hook} priority {priority};"
            text = "\n".join(map(str, rules))
            world.nft(f"table inet operator {{\n chain c{number} {{\n{head}\n{text}\n}}\n}}")

    yield load
    world.run("nft delete table inet operator", check=False)


MARKED = ("prerouting", -150, 'iifname "br-vpn" meta mark set 0x64')


@pytest.mark.parametrize("family", FAMILIES)
def test_what_comes_out_is_routed_by_its_mark(filtered, operator, family):
    assert filtered.ask("t-web-1", WIDE[family], 80) == f"R {OURS[family]}"
    operator(MARKED)
    assert filtered.ask("t-web-1", WIDE[family], 80) == f"R2 {SECOND[family]}"
    assert filtered.ping("t-web-1", OURS[family])  # the way back is not asked for by the mark


@pytest.mark.parametrize("family", FAMILIES)
def test_replies_of_published_ports_are_routed_by_the_mark_of_their_connection(filtered, operator, family):
    """Who asks by the second uplink, from beyond it, is answered by it."""
    assert filtered.ask("R2", SECOND[family], 8080, patience=IMPATIENCE) is None
    operator(
        ("prerouting", -150, 'iifname "lan2" ct mark set 0x64', 'iifname "br-vpn" meta mark set ct mark')
    )
    assert filtered.ask("R2", SECOND[family], 8080) == f"t-web-1 {WIDE[family]}"
    assert filtered.ask("R", OURS[family], 8080) == f"t-web-1 {THEIRS[family]}"


def test_what_somebody_else_redirects_is_routed_by_its_mark(world):
    """A connection that is translated, and not to a container, never bears the bit."""
    world.nft(f"""
        table ip vip {{
          chain marked {{ type filter hook prerouting priority -150; tcp dport 7000 meta mark set 0x64; }}
          chain inward {{
            type nat hook prerouting priority -110
            ip daddr {OURS[4]} tcp dport 7000 dnat to {WIDE[4]}:80
          }}
          chain outward {{ type nat hook postrouting priority 90; ct status dnat oifname "lan2" masquerade; }}
        }}""")
    try:
        assert str(world.ask("R", OURS[4], 7000)).startswith("R2 ")
    finally:
        world.nft("delete table ip vip")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_source_is_chosen_by_the_mark(world, operator, family):
    where = f"meta mark 7 snat {'ip6' if family == 6 else 'ip'} to {EXTRA[family]}"
    operator(("prerouting", -150, 'iifname "br-vpn" meta mark set 7'), ("postrouting", 90, where))
    assert world.ask("t-web-1", THEIRS[family], 80) == f"R {EXTRA[family]}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chain_that_drops_other_marks_lets_both_ways_pass(filtered, operator, family):
    restored = 'iifname "br-vpn" meta mark set 7 ct mark set 7', "meta mark set ct mark"
    operator(("prerouting", -150, *restored), ("forward", 0, "meta mark 7 accept", "drop"))
    assert filtered.ask("t-web-1", THEIRS[family], 80) == f"R {OURS[family]}"
    filtered.silent(("t-far-1", THEIRS[family], 80))


def test_nobody_sees_a_bit_of_ours(world, operator):
    """Out, in, by published ports from everywhere, between neighbours, and between somebody else's."""
    counted = [(hook, priority, "meta mark & 0xff000000 != 0 counter") for hook, priority in ALL_PLACES]
    operator(*counted)
    for family in FAMILIES:
        for ns, ip, port in (
            ("t-web-1", THEIRS[family], 80),
            ("R", OURS[family], 8080),
            ("", OURS[family], 8080),
            ("", WEB[family], 80),
            *((ns, OURS[family], 8080) for ns in ("t-near-1", "t-far-1", "t-web-1")),
            ("t-near-1", WEB[family], 80),
        ):
            assert world.ask(ns, ip, port), (ns, ip, port)
        assert world.ping("t-web-1", OURS[family]) and world.ping("", WEB[family])
    seen = [line for line in world.rules("inet operator").splitlines() if "counter" in line]
    assert len(seen) == len(ALL_PLACES) and all("packets 0 " in line for line in seen), seen


def test_frames_of_somebody_elses_bridge_keep_their_marks(world, operator):
    """The host was no router before us; with br_netfilter its forward hooks see what bridges forward."""
    world.ip("link add foreign type bridge\nlink set foreign up")
    for number in (3, 4):
        address = {4: f"10.77.0.{number}/24", 6: f"fd77::{number}/64"}
        world.add_outside(f"B{number}", f"port{number}", {}, address)
        world.ip(f"link set port{number} master foreign")
    operator(
        ("prerouting", -150, 'iifname "foreign" meta mark set 7'),
        ("forward", -150, 'iifname "foreign" meta mark != 7 drop'),
        ("postrouting", 0, 'oifname "foreign" meta mark != 7 drop'),
    )
    assert world.ping("B3", "10.77.0.4") and world.ping("B3", "fd77::4")


def test_isolation_holds_where_operators_marks_outlive_our_tables(world, operator):
    """As after `nft -f /etc/nftables.conf`, which begins with a flush."""
    world.run("nft flush ruleset")
    operator(MARKED)
    try:
        with Sniffer(world, "t-web-1", "eth0") as web, Sniffer(world, "t-near-1", "eth0") as near:
            for family in FAMILIES:
                world.silent(("t-web-1", OTHER[family], 80), ("R", WEB[family], 80), ("R", OTHER[family], 80))
        assert not [frame for frame in (*web.frames, *near.frames) if is_from_r(frame)]
        assert all(world.ask("", WEB[family], 80) for family in FAMILIES)  # the host's own is not covered
    finally:
        world.apply(MANIFEST)


def is_from_r(frame: bytes) -> bool:
    return bytes((198, 51, 100, 2)) in frame[26:30] or frame[22:26] == b"\x20\x01\x0d\xb8"


def test_a_bridge_that_was_down_is_closed_until_it_is_healed(world):
    world.run("nft flush ruleset")
    world.ip("link set br-vpn down\nlink set br-vpn up")
    try:
        world.silent(*(("R", WEB[family], 80) for family in FAMILIES))
    finally:
        world.apply(MANIFEST)
    assert world.planned(MANIFEST) == []


def test_nothing_is_left_to_do(world):
    assert world.planned(MANIFEST) == []
