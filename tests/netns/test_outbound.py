"""What comes out of containers leaves as the manifest says, also what was on its way when that changed."""

import socket
from collections.abc import Iterator

import pytest

from tests.netns.lab import HOST4, HOST6, REMOTE4, REMOTE6, Lab
from tests.netns.test_conntrack import entries

WEB4, WEB6, OTHER4 = "10.60.0.9", "fd60::9", "10.61.0.9"
SNAT, LATER = "198.51.100.7", "198.51.100.8"
OTHERS_RULES = (
    "table ip theirs { chain c { type filter hook forward priority 50; ct state new counter\n }\n }"
)


def stack(options: str = "") -> str:
    subnets = "ipam: {config: [{subnet: 10.60.0.0/24}, {subnet: 'fd60::/64'}]}"
    return f"""
name: t
dns: off
networks:
  lan: {{enable_ipv6: true, {subnets}, {options}}}
  other: {{masquerade: false, ipam: {{config: [{{subnet: 10.61.0.0/24}}]}}}}
containers:
  web: {{networks: {{lan: {{ipv4_address: {WEB4}, ipv6_address: '{WEB6}'}}}}, ports: ["8080:80/udp"]}}
  near: {{networks: [lan]}}
  else: {{networks: {{other: {{ipv4_address: {OTHER4}}}}}}}
"""


class Talk:
    """A flow that goes on from one source port; each answer is the address that it was seen to come from."""

    def __init__(self, lab: Lab, ns: str, address: str, port: int = 53):
        with lab.inside(ns):
            self.socket = socket.socket(
                socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
            )
        self.socket.connect((address, port))

    def seen_as(self, patience: float = 5) -> str:
        self.socket.settimeout(patience)
        try:
            self.socket.send(b"?")
            return self.socket.recv(200).decode().split()[1]
        except OSError:
            return ""


@pytest.fixture
def town(lab: Lab) -> Iterator[Lab]:
    lab.ip(f"addr add {SNAT}/24 dev uplink\naddr add {LATER}/24 dev uplink")
    lab.ip(f"route add 10.60.0.0/15 via {HOST4}\nroute add fd60::/64 via {HOST6} dev eth0", "R")
    lab.serve("R", 53, proto="udp")
    lab.nft(OTHERS_RULES)
    for address in (REMOTE4, REMOTE6):  # without link-local addresses nobody is asked for what is forwarded
        assert any(lab.ping("", address) for _ in range(5))
    yield lab


SIX = "gateway_mode_ipv6: nat"


@pytest.mark.parametrize(
    ("before", "after", "sources"),
    [
        ("masquerade: false", "masquerade: true", (WEB4, HOST4, WEB6, HOST6)),
        ("masquerade: true", "masquerade: false", (HOST4, WEB4, HOST6, WEB6)),
        ("", f"snat: {SNAT}", (HOST4, SNAT, HOST6, HOST6)),
        (f"snat: {SNAT}", f"snat: {LATER}", (SNAT, LATER, HOST6, HOST6)),
        (f"snat: {SNAT}", "", (SNAT, HOST4, HOST6, HOST6)),
        ("gateway_mode: routed", "gateway_mode: nat", (WEB4, HOST4, WEB6, HOST6)),
        ("", "gateway_mode: routed", (HOST4, WEB4, HOST6, WEB6)),
        ("", f"gateway_mode: routed, {SIX}", (HOST4, WEB4, HOST6, HOST6)),
    ],
)
def test_a_running_flow_follows(town: Lab, before: str, after: str, sources: tuple[str, ...]) -> None:
    town.apply(stack(before))
    talks = [Talk(town, "t-web", address) for address in (REMOTE4, REMOTE6)]
    assert tuple(talk.seen_as() for talk in talks) == sources[::2]
    town.apply(stack(after))
    assert tuple(talk.seen_as() for talk in talks) == sources[1::2]


@pytest.mark.parametrize("gone", ["delete table inet reconciler", "delete chain inet reconciler outbound"])
def test_a_flow_that_began_while_our_rules_were_missing(town: Lab, gone: str) -> None:
    town.apply(stack())
    town.run(f"nft {gone}")
    talks = [Talk(town, "t-web", address) for address in (REMOTE4, REMOTE6)]
    assert {talk.seen_as(0.3) for talk in talks} <= {WEB4, WEB6, ""}
    town.apply(stack())
    assert [talk.seen_as() for talk in talks] == [HOST4, HOST6]


def test_nobody_else_s_is_forgotten(town: Lab) -> None:
    """Neither another network's, nor the host's, nor what containers say to the host and to each other, nor
    what comes in by a published port."""
    town.sysctl("net/bridge/bridge-nf-call-iptables", value=1)
    town.apply(stack("masquerade: false, host_access: all"))
    for ns, port, address in (("", 53, HOST4), ("", 53, "10.60.0.1"), ("t-near", 53, ""), ("t-web", 80, "")):
        town.serve(ns, port, proto="udp", address=address)
    talks = [
        Talk(town, "t-else", REMOTE4),
        Talk(town, "", REMOTE4),
        Talk(town, "t-web", "10.60.0.1"),
        Talk(town, "t-web", HOST4),
        Talk(town, "t-web", town.address("t-near")),
        Talk(town, "R", HOST4, 8080),
        Talk(town, "R", HOST6, 8080),
    ]
    mine = Talk(town, "t-web", REMOTE4)
    assert all(talk.seen_as() for talk in (*talks, mine))
    before = entries(town)
    town.apply(stack("masquerade: true, host_access: all"))
    now = entries(town)
    gone = [key for key in before if now.get(key) != before[key]]
    assert len(gone) == 1 and f"src={WEB4} dst={REMOTE4}" in gone[0]
    assert mine.seen_as() == HOST4 and all(talk.seen_as() for talk in talks)


@pytest.mark.parametrize(
    ("before", "after", "ports"),
    [
        ("gateway_mode: routed", "gateway_mode: routed", "8080:81/udp"),
        ("gateway_mode: nat-unprotected", "gateway_mode: routed", "8080:81/udp"),
    ],
)
def test_who_came_to_a_port_comes_no_more_when_that_is_not_reachable(
    town: Lab, before: str, after: str, ports: str
) -> None:
    town.apply(stack(before))
    town.serve("t-web", 80, proto="udp")
    talks = [Talk(town, "R", address, 80) for address in (WEB4, WEB6)]
    assert [talk.seen_as() for talk in talks] == [REMOTE4, REMOTE6]
    town.apply(stack(after).replace("8080:80/udp", ports))
    assert [talk.seen_as(0.3) for talk in talks] == ["", ""]


def test_who_came_to_an_open_container_comes_no_more_when_it_closes(town: Lab) -> None:
    town.apply(stack("gateway_mode: routed"))
    for address, family in ((WEB4, 4), (WEB6, 6)):
        town.serve("t-web", 80, proto="udp", address=address)
        talk = Talk(town, "R", address, 80)
        assert talk.seen_as() == (REMOTE4 if family == 4 else REMOTE6)
        town.apply(stack())
        assert not talk.seen_as(0.3)
        town.apply(stack("gateway_mode: routed"))
