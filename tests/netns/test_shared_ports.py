"""Replicas of a service share its published ports: how many connections each has, whose they are, and that
those that are open stay where they are."""

import socket
import struct
from collections import Counter

import pytest

from tests.netns.lab import HOST4, HOST6, OURS, PATIENCE, REMOTE4, REMOTE6, Lab, family_of
from tests.netns.meanwhile import meanwhile
from tests.netns.servers import KINDS
from tests.netns.watching import until, watching

SERVED = """
name: t
networks: {n: {enable_ipv6: true}, m: {enable_ipv6: true}}
services:
  web: {deploy: {replicas: %d}, networks: [n], ports: %s}
containers:
  near: {networks: [n]}
  far: {networks: [m]}
"""
PORTS = ["8080:80", "8080:80/udp", "9000-9001:9000-9001", "5000-5001:80-81", "53:80/udp"]
PORTS += ["127.0.0.1:8081:80", f"[{HOST6}]:8083:80"]
PORTS += [f"{at}:9100-9101:9100-9101" for at in (HOST4, f"[{HOST6}]")]
MANY = 300
REPLICAS = ("t-web-1", "t-web-2", "t-web-3")
ABORT = struct.pack("ii", 1, 0)  # closed by a reset, which leaves no TIME_WAIT behind


def served(replicas: int, *ports: str) -> str:
    return SERVED % (replicas, list(ports or PORTS))


@pytest.fixture(scope="module")
def shared(netfiltered: Lab) -> Lab:
    netfiltered.run("ip addr add 198.51.100.7/24 dev uplink")
    netfiltered.apply(served(3))
    for name in REPLICAS:
        netfiltered.serve(name, 80, 81, 9000, 9001, 9100, 9101)
        netfiltered.serve(name, 80, proto="udp")
    return netfiltered


def with_affinity(replicas: int, *ports: str) -> str:
    return served(replicas, *ports).replace("web: {deploy", "web: {affinity: client, deploy")


def answers(
    lab: Lab, who: str, address: str, port: int, proto: str = "tcp", many: int = MANY
) -> Counter[str]:
    """What so many new connections were told."""
    found = Counter[str]()
    with lab.inside(who):
        for _ in range(many):
            with socket.socket(family_of(address), KINDS[proto]) as sock:
                sock.settimeout(PATIENCE)
                sock.connect((address, port))
                if proto == "tcp":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                else:
                    sock.send(b"?")
                found[sock.recv(200).decode().strip()] += 1
    return found


def even(found: Counter[str], of: int = 3) -> bool:
    """Within five standard deviations of the binomial distribution."""
    many = found.total()
    least = many / of - 5 * (many / of * (1 - 1 / of)) ** 0.5
    names = Counter[str]()
    for answer, count in found.items():
        names[answer.split()[0]] += count
    return len(names) == of and min(names.values()) >= least


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("R", HOST4),
        ("R", HOST6),
        ("R", "198.51.100.7"),
        ("", HOST4),
        ("", HOST6),
        ("", "127.0.0.1"),
        ("t-near", HOST4),
        ("t-near", HOST6),
        ("t-far", HOST4),
        ("t-far", HOST6),
        ("t-web-1", HOST4),
        ("t-web-1", HOST6),
    ],
)
def test_each_has_its_share(shared, who, address, proto):
    found = answers(shared, who, address, 8080, proto)
    assert even(found), found
    if who == "R":
        assert {answer.split()[1] for answer in found} == {REMOTE6 if ":" in address else REMOTE4}


@pytest.mark.parametrize(
    ("who", "address", "port"),
    [
        ("", "127.0.0.1", 8081),
        ("R", HOST6, 8083),
        ("t-near", HOST6, 8083),
        ("R", HOST4, 9101),
        ("R", HOST6, 9100),
        ("R", HOST4, 9000),
        ("R", HOST6, 9001),
        ("R", HOST4, 5000),
        ("R", HOST6, 5001),
    ],
)
def test_so_it_is_at_one_address_and_in_ranges(shared, who, address, port):
    assert even(answers(shared, who, address, port))


def test_what_is_beside_them_is_closed(shared):
    shared.silent(("R", HOST4, 8081), ("t-near", HOST4, 8081), ("R", HOST4, 9002), ("R", HOST6, 8999))
    shared.silent(("R", HOST4, 80), ("", "::1", 8080), ("R", HOST4, 8082))


@pytest.mark.parametrize("netfilter", [0, 1])
def test_so_it_is_for_neighbours_that_are_kept_apart(lab, netfilter):
    for name in ("iptables", "ip6tables"):
        lab.sysctl(f"net/bridge/bridge-nf-call-{name}", value=netfilter)
    lab.apply(served(2, "8080:80").replace("n: {", "n: {icc: false, "))
    for name in REPLICAS[:2]:
        lab.serve(name, 80)
    for who in ("t-web-1", "t-near", "t-far"):
        for address in (HOST4, HOST6):
            assert even(answers(lab, who, address, 8080, many=60), of=2)
    lab.silent(("t-near", lab.address("t-web-1"), 80))


def test_questions_for_names_are_no_connections_to_a_shared_port_53(shared):
    assert even(answers(shared, "t-near", HOST4, 53, "udp"))
    assert even(answers(shared, "R", HOST6, 53, "udp"))
    for ns, bridge in (("t-near", "br-t-n"), ("t-far", "br-t-m")):
        gateway = shared.addresses("", bridge)[0].split("/")[0]
        for server in (gateway, "127.0.0.11"):
            told = shared.run(f"dig +short +time=5 +tries=1 @{server} {ns}", ns).out
            assert told.strip() == shared.address(ns)


def test_a_plan_after_apply_is_empty_and_what_is_flushed_is_put_back(shared):
    assert shared.planned(served(3)) == []
    before = shared.declared("t")
    for flush in ("map inet reconciler publish4_spread", "chain inet reconciler share", "ruleset"):
        shared.run(f"nft flush {flush}")
        shared.apply(served(3))
        assert shared.declared("t") == before and even(answers(shared, "R", HOST4, 8080))


def test_what_somebody_puts_in_place_of_a_share_goes(shared):
    """Also where both would have the same numbers, and where a map is not ours at all."""
    before, spread = shared.declared("t"), "element inet reconciler publish4_spread { tcp . 8080 ."
    shared.nft(
        "add map inet reconciler publish_x_spread { type ifname : ipv4_addr; elements = { lo : 1.2.3.4 }; }\n"
        f"delete {spread} 0x5555-0xaaa9 }}\n"
        f"add {spread} 0x6000-0x6fff : {REMOTE4} . 80 }}\n"
        f"add {spread} 0x30000 : {REMOTE4} . 80 }}"
    )
    shared.apply(served(3))
    assert shared.declared("t") == before and even(answers(shared, "R", HOST4, 8080))
    assert "publish_x" not in shared.rules() and shared.planned(served(3)) == []


def test_while_shares_are_missing_the_first_has_all(lab):
    """Before Linux 6.17 a packet may find none while they change."""
    lab.apply(served(2, "8080:80"))
    lab.serve("t-web-1", 80)
    lab.run("nft flush map inet reconciler publish4_spread")
    assert answers(lab, "R", HOST4, 8080, many=20) == {f"t-web-1 {REMOTE4}": 20}


def test_another_project_is_told_whose_it_is(lab):
    lab.apply(served(2, "8080:80", "9000-9001:9000-9001"))
    for number in (8080, 9001):
        web = f"name: o\nservices: {{web: {{deploy: {{replicas: 2}}, ports: ['{number}:80']}}}}"
        result = lab.reconcile("--plan", lab.write(web, "o.yaml"))
        assert result.rc == 65 and f"{number}/tcp is taken: project t publishes it" in result.err
    assert "t: 2 networks, 4 sandboxes, 2 published ports" in lab.reconcile("--status").out


def test_what_no_two_share_needs_no_rule_for_it(lab):
    lab.apply(served(1, "8080:80"))
    alone = lab.rules()
    assert "numgen" not in alone
    lab.apply(served(2, "8080:80"))
    assert "numgen" in lab.rules()
    lab.apply(served(1, "8080:80"))
    assert lab.rules() == alone


def test_a_random_port_is_one_and_stays(lab):
    def shown(replicas: int) -> set[int]:
        lab.apply(served(replicas, "80"))
        listed = lab.reconcile("--show", "-o", "json", lab.files / "t.yaml").json["ports"]
        return {port["first"] for port in listed}

    [port] = shown(1)
    assert [shown(replicas) for replicas in (3, 2, 1)] == [{port}] * 3


def told(lab: Lab, source: str, address: str, proto: str, many: int) -> set[str]:
    """Who answers one client."""
    with lab.inside("R"):
        found = set()
        for _ in range(many):
            with socket.socket(family_of(address), KINDS[proto]) as sock:
                sock.settimeout(PATIENCE)
                sock.bind((source, 0))
                sock.connect((address, 8080))
                sock.send(b"?")
                found.add(sock.recv(200).decode().split()[0])
        return found


def homes(lab: Lab, many: int = 3) -> list[str]:
    """Of each of some clients, who have one by all ways."""
    found = []
    for address, prefix in ((HOST4, "198.51.100."), (HOST6, "2001:db8:1::1:")):
        for number in range(100, 160):
            asked = [told(lab, f"{prefix}{number}", address, proto, many) for proto in ("tcp", "udp")]
            assert asked[0] == asked[1] and len(asked[0]) == 1
            found += asked[0]
    return found


def test_with_affinity_a_client_comes_to_one_replica(lab):
    """And to the same when the firewall was flushed; many clients come to all in equal parts."""
    lab.apply(served(3, "8080:80", "8080:80/udp"))
    lab.apply(with_affinity(3, "8080:80", "8080:80/udp"))
    lines = [f"addr add 198.51.100.{n}/24 dev eth0" for n in range(100, 160)]
    lab.ip("\n".join(lines + [f"addr add 2001:db8:1::1:{n}/64 dev eth0 nodad" for n in range(100, 160)]), "R")
    for name in REPLICAS:
        lab.serve(name, 80)
        lab.serve(name, 80, proto="udp")
    found = homes(lab)
    assert even(Counter(found))
    assert len(answers(lab, "", "127.0.0.1", 8080, many=20)) == 1
    assert "of clients" in lab.reconcile("--show", lab.files / "t.yaml").out
    lab.run("nft flush ruleset")
    lab.apply(with_affinity(3, "8080:80", "8080:80/udp"))
    assert homes(lab, many=1) == found and lab.planned(with_affinity(3, "8080:80", "8080:80/udp")) == []


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_the_watcher_shares_it_on_loopback(lab, proto):
    file = lab.write(served(2, f"8080:80/{proto}"))
    with watching(lab, file):
        for name in REPLICAS[:2]:
            lab.serve(name, 80, proto=proto)
        assert even(answers(lab, "", "::1", 8080, proto, many=100), of=2)


# those that are open


class Held:
    """A connection that is asked again and again."""

    def __init__(self, lab: Lab, address: str, proto: str):
        with lab.inside("R"):
            self.sock = socket.socket(family_of(address), KINDS[proto])
        self.sock.settimeout(PATIENCE)
        self.sock.connect((address, 8080))
        if proto == "udp":
            self.sock.send(b"?")
        self.home = self.sock.recv(200).decode().split()[0]
        self.sent, self.bad = 0, 0

    def ask(self) -> None:
        said = b"#%d" % self.sent
        self.sent += 1
        try:
            self.sock.send(said)
            self.bad += self.sock.recv(200) != said
        except OSError:
            self.bad += 1

    def asked_who(self) -> str:
        self.sock.send(b"?")
        return self.sock.recv(200).decode().split()[0]


def test_weights_tell_the_parts_and_0_keeps_what_it_has(lab):
    def weighed(*weights: int) -> str:
        said = ", ".join(f"{number}: {weight}" for number, weight in enumerate(weights, 1))
        return served(2, "8080:80", "8080:80/udp").replace(
            "web: {deploy", f"web: {{weights: {{{said}}}, deploy"
        )

    lab.apply(weighed(3, 1))
    for name in REPLICAS[:2]:
        lab.serve(name, 80)
        lab.serve(name, 80, proto="udp")
    found = answers(lab, "R", HOST4, 8080, many=400)
    assert 300 - 44 < found[f"t-web-1 {REMOTE4}"] < 300 + 44  # five standard deviations
    held = [
        Held(lab, address, proto) for address in OURS.values() for proto in ("tcp", "udp") for _ in range(8)
    ]
    assert {one.home for one in held} == {*REPLICAS[:2]}
    file = lab.write(weighed(3, 1))
    with watching(lab, file):
        found = answers(lab, "", "::1", 8080, many=400)
        assert 300 - 44 < sum(found[told] for told in found if told.startswith("t-web-1")) < 300 + 44
        file.write_text(weighed(1, 0))
        answered = "t-web-1 " + lab.address("", "br-t-n", 6).split("/")[0]
        until(lambda: answers(lab, "", "::1", 8080, many=20) == {answered: 20})
    for weights, left in (((0, 1), "t-web-2"), ((1, 0), "t-web-1")):
        with meanwhile(lambda: ask_all(held)):
            lab.apply(weighed(*weights))
        assert answers(lab, "R", HOST4, 8080, many=20) == {f"{left} {REMOTE4}": 20}
        assert answers(lab, "R", HOST6, 8080, "udp", many=20) == {f"{left} {REMOTE6}": 20}
        assert lab.planned(weighed(*weights)) == []
    assert not sum(one.bad for one in held)
    datagrams = [one for one in held if one.sock.type == socket.SOCK_DGRAM]
    assert [one.asked_who() for one in datagrams] == [one.home for one in datagrams]


def ask_all(held: list[Held]) -> None:
    for one in held:
        one.ask()


def test_those_that_are_open_stay_while_replicas_come_and_go(lab):
    """Those of a replica that goes are told another home, of UDP, by the next message."""
    lab.apply(served(2))
    for name in REPLICAS[:2]:
        lab.serve(name, 80)
        lab.serve(name, 80, proto="udp")
    ways = [(address, proto) for address in OURS.values() for proto in ("tcp", "udp")]
    first = [Held(lab, *way) for way in ways for _ in range(6)]
    with meanwhile(lambda: ask_all(first)):
        lab.apply(served(3))
    lab.serve("t-web-3", 80)
    lab.serve("t-web-3", 80, proto="udp")
    assert even(answers(lab, "R", HOST4, 8080)) and even(answers(lab, "R", HOST6, 8080, "udp"))
    held = [*first, *(Held(lab, *way) for way in ways for _ in range(6))]
    staying = [one for one in held if one.home != "t-web-3"]
    going = [one for one in held if one.home == "t-web-3" and one.sock.type == socket.SOCK_DGRAM]
    with meanwhile(lambda: ask_all(staying)):
        lab.apply(served(2))
    sent, bad = sum(one.sent for one in held), sum(one.bad for one in held)
    assert sent > 200 and not bad, (sent, bad)
    assert [one.asked_who() for one in staying if one.sock.type == socket.SOCK_DGRAM]
    assert {one.asked_who() for one in going} <= set(REPLICAS[:2])
    assert even(answers(lab, "R", HOST4, 8080), of=2)
    lab.apply(served(1))
    kept = [one for one in staying if one.home == "t-web-1"]
    with meanwhile(lambda: ask_all(kept)):
        lab.apply(served(2))
    assert not sum(one.bad for one in kept)
