"""Connections through published ports that move are forgotten, and no others."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconciler.core.plan import plan
from reconciler.core.resource import State, state
from reconciler.errors import Unsupported
from reconciler.kernel import nft
from reconciler.kernel.netlink import conntrack
from reconciler.kernel.netlink.leaving import leaving
from reconciler.kernel.nft.write import execute
from reconciler.kinds.nft import Chain, Element, Map, Table
from tests.netns.lab import HOST4, HOST6, KINDS, REMOTE6, Lab

TABLE = "reconciler-shop"
NOBODY = leaving({}, (), ())
WIRE = "inet_proto . inet_service"
NAT = "type nat hook prerouting priority -100; policy accept;"
MAPS = (
    ("publish4", WIRE, "ipv4_addr . inet_service", ""),
    ("publish_at4", f"ipv4_addr . {WIRE}", "ipv4_addr . inet_service", ""),
    ("publish4_range", WIRE, "ipv4_addr", "interval"),
    ("publish6", WIRE, "ipv6_addr . inet_service", ""),
    ("publish4_spread", "meta l4proto . th dport . @nh,0,32", "ip daddr . th dport", "interval"),
)
SKELETON = state(
    Table(family="inet", name=TABLE),
    *(
        Map(family="inet", table=TABLE, name=name, type=kind, data=data, flags=flags)
        for name, kind, data, flags in MAPS
    ),
    Chain(
        family="inet",
        table=TABLE,
        name="nat",
        hook=NAT,
        rules=(
            "fib daddr type local meta l4proto { 6, 17 } dnat ip to"
            " meta l4proto . th dport . numgen random mod 65536 map @publish4_spread",
            "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @publish_at4",
            "fib daddr type local dnat ip to meta l4proto . th dport map @publish4",
            "fib daddr type local dnat ip to meta l4proto . th dport map @publish4_range",
            "fib daddr type local dnat ip6 to meta l4proto . th dport map @publish6",
        ),
    ),
)


def published(**maps: dict[str, str]) -> State:
    elements = [
        Element(family="inet", table=TABLE, map=name, item=item, value=value)
        for name, items in maps.items()
        for item, value in items.items()
    ]
    return {**SKELETON, **state(*elements)}


def become(wanted: State) -> None:
    execute(plan(state(*nft.read(SKELETON.values())), wanted))


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
    for address in ("10.1.0.2", "10.2.0.2", "fd00:1::2", "fd00:2::2", REMOTE6):
        assert any(lab.ping("", address) for _ in range(5))  # neighbours know each other
    yield lab


class Client:
    """Asks again and again from one port; a TCP server says its name first and then what it is sent."""

    def __init__(self, lab: Lab, address: str, port: int, proto: str = "udp"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with lab.inside("R"):
            self.socket = socket.socket(family, KINDS[proto])
        self.socket.settimeout(0.5)
        self.socket.connect((address, port))

    def ask(self) -> str:
        try:
            self.socket.send(b"?")
            return self.socket.recv(200).decode()[:1]
        except OSError:
            return ""


def entries(lab: Lab) -> dict[str, str]:
    """What conntrack holds: the id of each entry, by its original direction."""
    found = lab.run("conntrack -L -o id").out + lab.run("conntrack -L -f ipv6 -o id").out
    lines = [line.split() for line in found.splitlines()]
    return {" ".join([w[0], *[x for x in w if "=" in x][:4]]): w[-1] for w in lines}


def forgotten(lab: Lab, before: dict[str, str]) -> set[str]:
    """The port of the original direction of each entry that is not what it was."""
    now = entries(lab)
    return {key.rpartition("dport=")[2] for key in before if now.get(key) != before[key]}


TO_A, TO_B = {"udp . 8080": "10.1.0.2 . 80"}, {"udp . 8080": "10.2.0.2 . 80"}
HERE_TO_A, HERE_TO_B = ({f"{HOST4} . {key}": to for key, to in items.items()} for items in (TO_A, TO_B))


@pytest.mark.parametrize(
    ("address", "port", "past", "now"),
    [
        (HOST4, 8080, {"publish4": TO_A}, {"publish4": TO_B}),
        (
            HOST6,
            53,
            {"publish6": {"udp . 53": "fd00:1::2 . 80"}},
            {"publish6": {"udp . 53": "fd00:2::2 . 80"}},
        ),
        (
            HOST4,
            9001,
            {"publish4_range": {"udp . 9000-9002": "10.1.0.2"}},
            {"publish4_range": {"udp . 9000-9002": "10.2.0.2"}},
        ),
        (
            HOST4,
            9001,
            {"publish4_range": {"udp . 9001": "10.1.0.2"}},
            {"publish4": {"udp . 9001": "10.2.0.2 . 80"}},
        ),
        (HOST4, 8080, {"publish_at4": HERE_TO_A}, {"publish4": TO_B}),
        (HOST4, 8080, {"publish4": TO_A}, {"publish_at4": HERE_TO_B}),
    ],
)
def test_a_port_that_moves_takes_its_clients_along(
    town: Lab, address: str, port: int, past: dict[str, dict[str, str]], now: dict[str, dict[str, str]]
) -> None:
    become(published(**past))
    client = Client(town, address, port)
    assert client.ask() == "A"
    become(published(**now))
    assert [client.ask(), client.ask()] == ["B", "B"]


HALVES = {"udp . 8080 . 0x00000000-0x00007fff": "10.1.0.2 . 80"}
HALVES |= {"udp . 8080 . 0x00008000-0x0000ffff": "10.2.0.2 . 80"}
THIRDS = {"udp . 8080 . 0x00000000-0x00005554": "10.1.0.2 . 80"}
THIRDS |= {"udp . 8080 . 0x00005555-0x0000ffff": "10.2.0.2 . 80"}


@pytest.mark.parametrize(
    ("past", "now", "moved"),
    [
        ({"publish4_spread": HALVES}, {"publish4_spread": THIRDS}, ""),
        ({"publish4": TO_A, "publish4_spread": HALVES}, {"publish4": TO_A}, "B"),
        ({"publish4": TO_A, "publish4_spread": HALVES}, {"publish4": TO_B}, "A"),
        ({"publish4_spread": HALVES}, {"publish4_spread": HALVES | {[*HALVES][1]: "10.2.0.2 . 8080"}}, "B"),
        ({"publish4": TO_A, "publish4_spread": HALVES}, {"publish_at4": HERE_TO_A}, "B"),
        ({"publish4": TO_A, "publish4_spread": HALVES}, None, "AB"),
    ],
)
def test_who_shares_a_port_still_keeps_its_clients(
    town: Lab, past: dict[str, dict[str, str]], now: dict[str, dict[str, str]] | None, moved: str
) -> None:
    become(published(**past))
    clients = [Client(town, HOST4, 8080) for _ in range(20)]
    homes = [client.ask() for client in clients]
    assert {*homes} == {"A", "B"}
    before = entries(town)
    become({} if now is None else published(**now))
    assert len(before.items() - entries(town).items()) == sum(home in moved for home in homes)
    if now:
        kept = [(c.ask(), home) for c, home in zip(clients, homes, strict=True) if home not in moved]
        assert all(one == home for one, home in kept)


def test_the_rules_made_anew_know_who_shares_a_port(town: Lab) -> None:
    """What began without them is asked about again, and what they lead to by either map stays."""
    wanted = published(publish4=TO_A, publish4_spread=HALVES)
    become(wanted)
    clients = [Client(town, HOST4, 8080) for _ in range(20)]
    assert {client.ask() for client in clients} == {"A", "B"}
    before = entries(town)
    town.run(f"nft flush chain inet {TABLE} nat")
    become(wanted)
    assert not forgotten(town, before)


def test_nobody_else_is_disturbed(town: Lab) -> None:
    """The same port of other addresses, other ports, another protocol, and what the host only forwards."""
    town.run("ip addr add 198.51.100.7/24 dev uplink")
    ports = {"tcp . 8080": "10.1.0.2 . 80", "udp . 8081": "10.1.0.2 . 80", "tcp . 8082": "10.1.0.2 . 80"}
    here, there = f"{HOST4} . udp . 8080", "198.51.100.7 . udp . 8080"
    become(published(publish4=ports, publish_at4={here: "10.1.0.2 . 80", there: "10.1.0.2 . 80"}))
    moving = Client(town, HOST4, 8080)
    staying = [
        Client(town, "198.51.100.7", 8080),
        Client(town, HOST4, 8081),
        Client(town, HOST4, 8080, "tcp"),
        Client(town, HOST4, 8082, "tcp"),
        Client(town, "10.1.0.2", 8080),
    ]
    assert [client.ask() for client in (moving, *staying)] == ["A"] * 6
    before = entries(town)
    become(published(publish4=ports, publish_at4={here: "10.2.0.2 . 80", there: "10.1.0.2 . 80"}))
    assert forgotten(town, before) == {"8080"}
    assert len(before.items() - entries(town).items()) == 1
    assert [client.ask() for client in (moving, *staying)] == ["B", "A", "A", "?", "?", "A"]


def test_a_wildcard_port_means_the_host_s_own_addresses(town: Lab) -> None:
    become(published(publish4=TO_A))
    ours, through = Client(town, HOST4, 8080), Client(town, "10.1.0.2", 8080)
    assert [ours.ask(), through.ask()] == ["A", "A"]
    before = entries(town)
    become(published(publish4=TO_B))
    assert len(before.items() - entries(town).items()) == 1
    assert [ours.ask(), through.ask()] == ["B", "A"]


@pytest.mark.parametrize("left", [SKELETON, {}], ids=["element", "table"])
def test_a_port_that_is_published_no_more(town: Lab, left: State) -> None:
    become(published(publish4=TO_A, publish4_range={"tcp . 9000-9002": "10.1.0.2"}))
    clients = [Client(town, HOST4, 8080), Client(town, HOST4, 9001, "tcp")]
    assert [client.ask() for client in clients] == ["A", "A"]
    before = entries(town)
    become(left)
    assert forgotten(town, before) == {"8080", "9001"}
    assert clients[0].ask() == ""


def test_a_port_that_is_new(town: Lab) -> None:
    """Who asked in vain before, and goes on asking from the same port, is answered now."""
    become(SKELETON)
    town.nft(
        "table ip hold { chain c { type filter hook input priority 0; udp dport 8080 counter drop\n }\n }"
    )
    client = Client(town, HOST4, 8080)
    town.run("conntrack -L")
    assert client.ask() == ""
    become(published(publish4=TO_A))
    assert client.ask() == "A"


def test_a_new_port_of_tcp_has_nothing_to_forget(town: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole table is gone through for one that leads elsewhere now, or where nobody is refused by RST."""
    asked: list[object] = []
    monkeypatch.setattr(conntrack, "tracked", lambda: True)
    monkeypatch.setattr(conntrack, "dump", lambda *said: asked.append(said) or [])
    steps: list[tuple[dict[str, str], bool]] = [
        ({"tcp . 8080": "10.1.0.2 . 80"}, False),
        ({"tcp . 8080": "10.2.0.2 . 80"}, True),
        ({"tcp . 8080": "10.2.0.2 . 80", "tcp . 9001": "10.1.0.2 . 80"}, False),
        ({"tcp . 8080": "10.2.0.2 . 80", "udp . 9001": "10.1.0.2 . 80"}, True),
        ({"udp . 9001": "10.1.0.2 . 80"}, True),
    ]
    become(SKELETON)
    for ports, is_asked in steps:
        asked.clear()
        become(published(publish4=ports))
        assert bool(asked) == is_asked, ports


def test_the_same_again_keeps_connections(town: Lab) -> None:
    ports = published(publish4={"tcp . 8080": "10.1.0.2 . 80", "udp . 8080": "10.1.0.2 . 80"})
    become(ports)
    clients = [Client(town, HOST4, 8080, proto) for proto in ("tcp", "udp")]
    assert [client.ask() for client in clients] == ["A", "A"]
    before = entries(town)
    moved = {key: replace(r, root="/srv") if isinstance(r, Table) else r for key, r in ports.items()}
    become(moved)
    assert not forgotten(town, before)
    assert [client.ask() for client in clients] == ["?", "A"]


def test_a_kernel_without_conntrack_messages(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(conntrack.Channel, "ask", unknown)
    change = [
        (element.flow, "")
        for element in published(publish4={"udp . 8080": "1.1.1.1 . 1"}).values()
        if isinstance(element, Element)
    ]
    monkeypatch.setattr(conntrack, "COUNT", "/nowhere")
    conntrack.forget(change, NOBODY)
    monkeypatch.setattr(conntrack, "COUNT", "/run/count")
    with open("/run/count", "w") as file:
        file.write("7\n")
    with pytest.raises(Unsupported, match="nf_conntrack_netlink"):
        conntrack.forget(change, NOBODY)
    conntrack.forget([], NOBODY)
