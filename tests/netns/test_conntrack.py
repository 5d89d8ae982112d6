"""Connections through published ports that move are forgotten, and no others."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconciler.core.plan import plan
from reconciler.core.resource import State, state
from reconciler.errors import Unsupported
from reconciler.kernel import conntrack, nft
from reconciler.kinds.nft import Chain, Element, Map, Table
from tests.netns.lab import HOST4, HOST6, KINDS, Lab

TABLE = "reconciler-shop"
WIRE = "inet_proto . inet_service"
NAT = "type nat hook prerouting priority -100; policy accept;"
SKELETON = state(
    Table(family="inet", name=TABLE),
    *(
        Map(family="inet", table=TABLE, name=f"publish{tail}", type=kind, data=data, interval=data.endswith("addr"))
        for tail, kind, data in (
            ("4", WIRE, "ipv4_addr . inet_service"),
            ("_at4", f"ipv4_addr . {WIRE}", "ipv4_addr . inet_service"),
            ("4_range", WIRE, "ipv4_addr"),
            ("6", WIRE, "ipv6_addr . inet_service"),
        )
    ),
    Chain(
        family="inet", table=TABLE, name="nat", hook=NAT,
        rules=(
            "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @publish_at4",
            "fib daddr type local dnat ip to meta l4proto . th dport map @publish4",
            "fib daddr type local dnat ip to meta l4proto . th dport map @publish4_range",
            "fib daddr type local dnat ip6 to meta l4proto . th dport map @publish6",
        ),
    ),
)  # fmt: skip


def published(**maps: dict[str, str]) -> State:
    elements = [Element(family="inet", table=TABLE, map=name, item=item, value=value)
                for name, items in maps.items() for item, value in items.items()]  # fmt: skip
    return {**SKELETON, **state(*elements)}


def become(wanted: State) -> None:
    nft.execute(plan(state(*nft.read(None, SKELETON.values())), wanted))


@pytest.fixture
def town(lab: Lab) -> Iterator[Lab]:
    """Two servers, A and B, behind the host; each answers with its name."""
    lab.add_outside("A", "toA", {4: "10.1.0.1/24", 6: "fd00:1::1/64"}, {4: "10.1.0.2/24", 6: "fd00:1::2/64"})
    lab.add_outside("B", "toB", {4: "10.2.0.1/24", 6: "fd00:2::1/64"}, {4: "10.2.0.2/24", 6: "fd00:2::2/64"})
    for name, net in (("A", 1), ("B", 2)):
        lab.ip(f"route add default via 10.{net}.0.1\nroute add default via fd00:{net}::1 dev eth0", name)
        for proto in ("tcp", "udp"):
            lab.serve(name, 80, 8080, 9001, proto=proto)
    lab.ip(f"route add 10.0.0.0/8 via {HOST4}", "R")
    lab.sysctl("net/ipv4/ip_forward", value=1)
    lab.sysctl("net/ipv6/conf/all/forwarding", value=1)
    yield lab


class Client:
    """Asks again and again from one port."""

    def __init__(self, lab: Lab, address: str, port: int):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with lab.inside("R"):
            self.socket = socket.socket(family, KINDS["udp"])
        self.socket.settimeout(0.5)
        self.socket.connect((address, port))

    def ask(self) -> str:
        try:
            self.socket.send(b"?")
            return self.socket.recv(200).decode().split()[0]
        except OSError:
            return ""


def entries(lab: Lab) -> set[str]:
    """What conntrack holds, without what time changes."""
    found = lab.run("conntrack -L -o id").out + lab.run("conntrack -L -f ipv6 -o id").out
    return {" ".join(word for word in line.split() if "=" in word) for line in found.splitlines()}


@pytest.mark.parametrize(
    ("address", "maps", "moved"),
    [
        (HOST4, "publish4", "tcp . 1"),
    ],
)
def test_placeholder(address: str, maps: str, moved: str) -> None: ...
