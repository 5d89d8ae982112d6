"""What containers are told of the world: the lists of moby's and of aardvark's tests, against real servers.

On R a dnsmasq that knows the world stands beside one that answers as its name says: with a failure, with too
much, or never.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest

from tests.netns.asking import LIBRARIES, QUICK, Answer, addresses, dig, dnsmasq, is_running, looked_up
from tests.netns.conftest import new_lab
from tests.netns.lab import REMOTE4, REMOTE6, Lab

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  four: {ipam: {config: [{subnet: 10.92.0.0/24}]}}
  inner: {internal: true, ipam: {config: [{subnet: 10.93.0.0/24}]}}
  own: {dns: 198.51.100.4, ipam: {config: [{subnet: 10.94.0.0/24}]}}
services:
  many: {image: x, networks: {n: {aliases: [example.org]}}, scale: 1}
  four: {image: x, networks: {four: {aliases: [example.org]}}}
  inner: {image: x, networks: [inner]}
  searching: {image: x, networks: [n], dns_search: example.com, dns_opt: ['ndots:1']}
  server: {image: x, networks: {n: {ipv4_address: 10.91.0.53}}}
  asking: {image: x, networks: [n], dns: 10.91.0.53}
  own: {image: x, networks: [own]}
  itself: {image: x, networks: [own], dns: [198.51.100.5, 192.0.2.1]}
"""
N, FOUR, INNER = "t-many-1", "t-four-1", "t-inner-1"
PIDS = Path("/run/reconciler-dns/pids/host")
WORLD = (
    "--host-record=www.example.com,192.0.2.80,2001:db8:80::80",
    "--host-record=example.org,192.0.2.81,2001:db8:80::81",
    "--cname=alias.example.com,www.example.com",
    "--mx-host=example.com,mail.example.com",
    "--txt-record=example.com,hello",
    "--ptr-record=80.2.0.192.in-addr.arpa,www.example.com",
    *(f"--host-record=big.example.com,192.0.2.{number}" for number in range(60)),
    "--address=/#/",
)
CODES = {"formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5}


class Moody:
    """A name server that answers with the code that the first label of the question names, or never."""

    def __init__(self, lab: Lab, address: str) -> None:
        with lab.inside("R"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind((address, 53))
        Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                data, client = self.socket.recvfrom(4096)
            except OSError:
                return
            code = CODES.get(data[13 : 13 + data[12]].decode().lower())
            if code is not None:
                end = data.index(b"\0", 12) + 5
                head = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 0, 0, 0)
                self.socket.sendto(head + data[12:end], client)


def world(lab: Lab, address: str, *more: str):
    return dnsmasq(lab, "R", *(more or WORLD), f"--listen-address={address}", "--bind-interfaces")


def say(*servers: str) -> None:
    """In the host's resolv.conf."""
    file = Path("/etc/resolv.conf")
    file.unlink(missing_ok=True)
    file.write_text("".join(f"nameserver {server}\n" for server in servers))


@contextmanager
def asking(lab: Lab, *servers: str) -> Iterator[None]:
    """The host's servers are these meanwhile, and no process ends for that."""
    before = processes()
    try:
        say(*servers)
        lab.apply(MANIFEST)
        yield
        assert processes() == before
    finally:
        say(REMOTE4)
        lab.apply(MANIFEST)


def processes() -> dict[str, str]:
    return {file.name: file.read_text() for file in PIDS.iterdir()}


@pytest.fixture(scope="module")
def lab(privileged: None) -> Iterator[Lab]:
    with new_lab() as made, ExitStack() as stack:
        made.ip("".join(f"addr add 198.51.100.{number}/24 dev eth0\n" for number in (3, 4, 5, 6)), "R")
        for address in (REMOTE4, REMOTE6):
            stack.enter_context(world(made, address))
        for address in ("198.51.100.4", "198.51.100.5"):
            stack.enter_context(
                world(made, address, f"--txt-record=who.example.com,{address}", "--address=/#/")
            )
        stack.callback(Moody(made, "198.51.100.3").socket.close)
        say(REMOTE4)
        made.apply(MANIFEST)
        yield made


# moby


@pytest.mark.parametrize("options", [(), ("+tcp",)], ids=["udp", "tcp"])
@pytest.mark.parametrize("ns", [N, FOUR])
def test_moby_what_the_world_knows_is_passed_on(lab, ns, options):
    answers = {
        "www.example.com A": ("192.0.2.80",),
        "www.example.com AAAA": ("2001:db8:80::80",),
        "alias.example.com A": ("192.0.2.80", "www.example.com."),
        "example.com MX": ("1",),
        "example.com TXT": ('"hello"',),
        "-x 192.0.2.80": ("www.example.com.",),
    }
    told = {question: dig(lab, ns, question, *options) for question in answers}
    assert told == {question: Answer("NOERROR", words) for question, words in answers.items()}


@pytest.mark.parametrize("library", LIBRARIES)
def test_moby_a_name_of_ours_is_nobody_elses_though_it_has_one_family_alone(lab, library):
    four = {lab.address(FOUR)}
    names = ("four", "four.t_four", "four.t", "four.t.internal", "example.org")
    assert addresses(lab, FOUR, library, *names) == dict.fromkeys(names, four)
    assert addresses(lab, FOUR, library, "www.example.com")["www.example.com"] == {
        "192.0.2.80",
        "2001:db8:80::80",
    }
    assert [dig(lab, FOUR, f"example.org {kind}") for kind in ("AAAA", "MX")] == [Answer("NOERROR")] * 2


def test_moby_below_a_name_of_ours_the_world_begins_again(lab):
    assert dig(lab, FOUR, "www.example.org A") == Answer("NXDOMAIN")
    with world(lab, "198.51.100.6", "--host-record=www.example.org,192.0.2.82"), asking(lab, "198.51.100.6"):
        assert dig(lab, FOUR, "www.example.org A") == Answer("NOERROR", ("192.0.2.82",))


def test_moby_failures_are_passed_on(lab):
    with asking(lab, "198.51.100.3"):
        told = {code: dig(lab, N, f"{code}.example.com A", "+time=6").status.lower() for code in CODES}
    assert told == {code: code for code in CODES}


def test_moby_fallback_to_the_server_that_answers(lab):
    with asking(lab, "198.51.100.3", "192.0.2.1", REMOTE4):
        assert dig(lab, N, "www.example.com A", "+time=5").words == ("192.0.2.80",)
        assert dig(lab, N, "servfail.example.com A", "+time=5") == Answer("NXDOMAIN")


def test_moby_servers_in_ipv6_alone_serve_containers_without(lab):
    with asking(lab, REMOTE6):
        assert dig(lab, FOUR, "www.example.com A").words == ("192.0.2.80",)


def test_moby_a_container_may_be_the_server_of_others(lab):
    with dnsmasq(lab, "t-server-1", "--host-record=corp.example.com,192.0.2.99", "--address=/#/"):
        assert dig(lab, "t-asking-1", "corp.example.com A").words == ("192.0.2.99",)
        assert dig(lab, "t-asking-1", "server A").words == ("10.91.0.53",)
        assert dig(lab, N, "corp.example.com A") == Answer("NXDOMAIN")
        assert dig(lab, N, "corp.example.com A", "@10.91.0.53").words == ("192.0.2.99",)


@pytest.mark.parametrize("library", LIBRARIES)
def test_moby_ndots_and_search_domains(lab, library):
    found = addresses(lab, "t-searching-1", library, "www", "many", "www.example.com")
    assert found["www"] == found["www.example.com"] == {"192.0.2.80", "2001:db8:80::80"}
    assert addresses(lab, N, library, "www")["www"] == set()
    assert found["many"] == {lab.address(N), lab.address(N, family=6)}


def test_moby_what_is_too_long_is_cut_and_told_by_tcp(lab):
    cut = dig(lab, N, "big.example.com A", "+noedns", "+ignore")
    assert cut.truncated and len(cut.words) < 60
    assert len(dig(lab, N, "big.example.com A", "+noedns").words) == 60
    assert len(dig(lab, N, "big.example.com A", "+tcp").words) == 60
    assert len(dig(lab, N, "big.example.com A", "+bufsize=4096").words) == 60


def test_moby_an_address_that_is_nobodys_is_the_worlds(lab):
    assert dig(lab, N, "-x 192.0.3.7") == Answer("NXDOMAIN")
    for question in (
        "80.in-addr.arpa PTR",
        "x.in-addr.arpa PTR",
        "1.2.3.4.5.in-addr.arpa PTR",
        "zz.ip6.arpa PTR",
    ):
        assert dig(lab, N, question) == Answer("NXDOMAIN")


def test_moby_an_internal_network_asks_nobody(lab):
    """CVE-2024-29018: a name is a message to whoever owns its domain."""
    with lab.inside("R"), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sniffer:
        sniffer.bind(("eth0", 3))
        sniffer.settimeout(0.3)
        for question in ("secret.example.com A", "secret.example.com TXT", "secret A", "-x 192.0.3.7"):
            assert dig(lab, INNER, question) == Answer("NXDOMAIN")
        with pytest.raises(TimeoutError):
            while b"secret" not in sniffer.recv(2000):
                pass


def garbage() -> list[bytes]:
    head = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0)
    return [b"", b"\0", head, head + b"\xc0\x0c\0\1\0\1", head + b"\x3f" + b"a" * 63 * 5, os.urandom(512),
            head[:4] + b"\xff" * 8 + b"\1a\0\0\1\0\1", head + b"\1" + b"\0" * 9000]  # fmt: skip


@pytest.mark.parametrize("server", ["10.91.0.1", "fd91::1"])
def test_moby_garbage_changes_nothing(lab, server):
    before = processes()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with lab.inside(N), socket.socket(family, socket.SOCK_DGRAM) as sock:
        for data in garbage():
            sock.sendto(data, (server, 53))
    assert dig(lab, N, "many A").words == (lab.address(N),)
    assert processes() == before


# aardvark


@pytest.mark.parametrize("server", ["10.91.0.1", "fd91::1"])
def test_aardvark_bad_tcp_packets_are_survived(lab, server):
    before = processes()
    for data in garbage():
        for length in (len(data), 65535, 0):
            with lab.inside(N):
                sock = socket.create_connection((server, 53), 2)
            with sock:
                sock.sendall(struct.pack("!H", length) + data)
    assert dig(lab, N, "many A", f"@{server}", "+tcp").words == (lab.address(N),)
    assert processes() == before


@pytest.mark.parametrize("library", LIBRARIES)
def test_aardvark_a_dead_upstream_holds_up_no_name_of_ours(lab, library):
    with asking(lab, "192.0.2.1"):
        names = ("four", "four.t_four", "four.t", "four.t.internal", "example.org")
        found = looked_up(lab, FOUR, library, *names, "nobody")
        assert {one.seconds < QUICK for one in found.values()} == {True}
        assert {name for name, one in found.items() if one.words} == {*names}
        nobodys = [ip_address(lab.address(N, family=family)) + 1 for family in (4, 6)]
        for ip in nobodys:  # nobody else knows whose addresses of our subnets are
            assert dig(lab, N, f"{ip.reverse_pointer} PTR") == Answer("NXDOMAIN")


def test_aardvark_a_host_without_servers_says_so_at_once(lab):
    with asking(lab):
        assert dig(lab, N, "www.example.com A") == Answer("NXDOMAIN")
        assert dig(lab, N, "many A").words == (lab.address(N),)


def test_aardvark_servers_of_a_network_and_of_a_container_come_before_the_hosts(lab):
    assert dig(lab, "t-own-1", "who TXT") == Answer("NXDOMAIN")  # without a dot it is ours
    assert {ns: upstream(lab, ns) for ns in ("t-own-1", "t-itself-1", N)} == {
        "t-own-1": "198.51.100.4",
        "t-itself-1": "198.51.100.5",
        N: "",
    }


def upstream(lab: Lab, ns: str) -> str:
    return "".join(dig(lab, ns, "who.example.com TXT").words).strip('"')


def test_aardvark_a_changed_resolv_conf_is_followed(lab):
    assert dig(lab, N, "new.example.com A") == Answer("NXDOMAIN")
    with world(lab, "198.51.100.6", "--host-record=new.example.com,192.0.2.83"), asking(lab, "198.51.100.6"):
        assert dig(lab, N, "new.example.com A").words == ("192.0.2.83",)
        assert lab.planned(MANIFEST) == []


def test_aardvark_a_server_at_a_link_local_address(lab):
    lab.ip("addr add fe80::53/64 dev eth0 nodad", "R")
    lab.ip("addr add fe80::1/64 dev uplink nodad")
    with world(lab, "fe80::53"), asking(lab, "fe80::53%uplink"):
        assert dig(lab, N, "www.example.com A").words == ("192.0.2.80",)


def test_there_is_nothing_to_do_afterwards_and_nothing_left(lab):
    assert lab.planned(MANIFEST) == []
    pids = [int(pid) for pid in processes().values()]
    lab.destroy()
    assert not Path("/run/reconciler-dns").exists()
    assert not [*filter(is_running, pids)]
