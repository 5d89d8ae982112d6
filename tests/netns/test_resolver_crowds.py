"""Other resolvers beside ours, floods of questions, and names that change while they are asked for."""

import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from tests.netns.asking import LIBRARIES, QUICK, Answer, addresses, dig, dnsmasq
from tests.netns.conftest import new_lab
from tests.netns.lab import HOST4, HOST6, REMOTE4, Lab
from tests.netns.test_upstreams import processes, say

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  m: {internal: true, ipam: {config: [{subnet: 10.92.0.0/24}]}}
services:
  loud: {image: x, networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}
  calm: {image: x, networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}
  dns:
    image: x
    networks: {n: {ipv4_address: 10.91.0.53, ipv6_address: 'fd91::53'}, m: {ipv4_address: 10.92.0.53}}
    ports: ['53:53', '53:53/udp']
  other: {image: x, networks: {m: {ipv4_address: 10.92.0.3}}}
"""
LOUD, CALM = "t-loud-1", "t-calm-1"
GATEWAYS = ("10.91.0.1", "fd91::1")


@pytest.fixture(scope="module")
def lab(privileged: None) -> Iterator[Lab]:
    """Nobody ever answers what R is asked."""
    with new_lab() as made, ExitStack() as stack:
        with made.inside("R"):
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind((REMOTE4, 53))
        say(REMOTE4)
        made.apply(MANIFEST)
        yield made


def undisturbed(lab: Lab) -> None:
    """Its neighbours' names, by UDP and TCP, in both families, at once."""
    for server in GATEWAYS:
        for transport in ("+notcp", "+tcp"):
            began = time.monotonic()
            assert dig(lab, CALM, "loud A", f"@{server}", transport).words == ("10.91.0.2",)
            assert time.monotonic() - began < QUICK


# others' resolvers


@pytest.mark.parametrize(
    "options", [(), ("--bind-interfaces", "--listen-address=127.0.0.53")], ids=["any", "stub"]
)
def test_a_resolver_of_the_host_serves_whom_it_served(lab, options):
    """On 0.0.0.0:53 and [::]:53, or on loopback as systemd-resolved's."""
    lab.apply(MANIFEST.replace("    ports: ['53:53', '53:53/udp']\n", ""))
    try:
        with dnsmasq(
            lab, "", "--host-record=host.example.com,new.example.com,192.0.2.1", "--address=/#/", *options
        ):
            asked = "@127.0.0.53" if options else "@127.0.0.1"
            wait_for(lab, "", asked)
            lab.apply(MANIFEST.replace("    ports: ['53:53', '53:53/udp']\n", ""))
            assert dig(lab, "", "host.example.com A", asked).words == ("192.0.2.1",)
            assert dig(lab, "", "loud A", asked) == Answer("NXDOMAIN")
            for server in () if options else (HOST4, HOST6):
                for transport in ("+notcp", "+tcp"):
                    assert dig(lab, "R", "host.example.com A", f"@{server}", transport).words == (
                        "192.0.2.1",
                    )
            undisturbed(lab)
            assert "192.0.2.1" not in dig(lab, CALM, "host.example.com A", f"@{HOST4}", "+time=1").words
            say("127.0.0.53" if options else "127.0.0.1")
            lab.apply(MANIFEST.replace("    ports: ['53:53', '53:53/udp']\n", ""))
            assert dig(lab, CALM, "new.example.com A").words == ("192.0.2.1",)
            assert dig(lab, "t-other-1", "host.example.com A") == Answer("NXDOMAIN")
    finally:
        say(REMOTE4)
        lab.apply(MANIFEST)


def wait_for(lab: Lab, ns: str, server: str) -> None:
    while not dig(lab, ns, "host.example.com A", server, "+time=1").status:
        time.sleep(0.05)


def test_a_dns_server_in_a_container_serves_the_lan_and_takes_no_name_of_its_neighbours(lab):
    with dnsmasq(lab, "t-dns-1", "--host-record=host.example.com,192.0.2.1", "--address=/#/"):
        wait_for(lab, CALM, "@10.91.0.53")
        for server in (HOST4, HOST6):
            for transport in ("+notcp", "+tcp"):
                assert dig(lab, "R", "host.example.com A", f"@{server}", transport).words == ("192.0.2.1",)
                assert dig(lab, CALM, "host.example.com A", f"@{server}", transport).words == ("192.0.2.1",)
        for server in ("10.91.0.53", "fd91::53"):
            assert dig(lab, CALM, "host.example.com A", f"@{server}").words == ("192.0.2.1",)
        undisturbed(lab)
        assert dig(lab, "t-dns-1", "other A").words == ("10.92.0.3",)


# floods


def questions(number: int) -> bytes:
    head = struct.pack("!HHHHHH", number & 0xFFFF, 0x100, 1, 0, 0, 0)
    label = f"q{number}".encode()
    return head + bytes([len(label)]) + label + b"\7example\3com\0\0\1\0\1"


def flood(lab: Lab, server: str, count: int, pace: float) -> Thread:
    """Questions that nobody answers, each from a port of its own."""

    def run() -> None:
        with lab.inside(LOUD):
            for number in range(count):
                with socket.socket(
                    socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM
                ) as sock:
                    sock.sendto(questions(number), (server, 53))
                time.sleep(pace)

    thread = Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("server", GATEWAYS)
def test_a_flood_of_questions_that_nobody_answers_holds_up_nobody(lab, server):
    thread = flood(lab, server, 1000, 0.001)
    while thread.is_alive():
        undisturbed(lab)
    undisturbed(lab)  # while hundreds of them wait


@pytest.mark.parametrize("server", GATEWAYS)
def test_connections_that_one_keeps_open_keep_nobody_out(lab, server):
    with ExitStack() as stack:
        with lab.inside(LOUD):
            socks = [stack.enter_context(connecting(server)) for _ in range(60)]
        undisturbed(lab)
        assert 0 < len(list(filter(is_connected, socks))) <= 4
        undisturbed(lab)
    assert dig(lab, LOUD, "calm A", f"@{server}", "+tcp").words == ("10.91.0.3",)
    undisturbed(lab)


def connecting(server: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET)
    sock.setblocking(False)
    sock.connect_ex((server, 53))
    return sock


def is_connected(sock: socket.socket) -> bool:
    try:
        return bool(sock.getpeername())
    except OSError:
        return False


@pytest.mark.parametrize("library", LIBRARIES)
def test_sixty_replicas_are_more_than_a_datagram_holds(lab, library):
    lab.apply(MANIFEST.replace("  other:", "  many: {image: x, scale: 60, networks: [m]}\n  other:"))
    cut = dig(lab, "t-other-1", "tasks.many A", "+noedns", "+ignore")
    assert cut.truncated and 0 < len(cut.words) < 60
    assert len(dig(lab, "t-other-1", "tasks.many A", "+noedns").words) == 60
    found = len(addresses(lab, "t-other-1", library, "tasks.many")["tasks.many"])
    assert found == 60 if library == "glibc" else found >= len(cut.words)  # musl has asked by TCP since 1.2.4


# changes


def test_nothing_is_lost_while_names_change(lab, tmp_path):
    """As many questions a second as it takes, while applies add replicas and aliases, and take them away."""
    more = MANIFEST.replace("  other:", "  loads: {image: x, scale: 2, networks: [n]}\n  other:")
    named = MANIFEST.replace("10.91.0.3, ", "10.91.0.3, aliases: [quiet], ")
    before = {"pids": processes(), "files": {ns: written(ns) for ns in (LOUD, CALM)}}
    asked = tmp_path / "asked"
    asked.write_text("loud A\nloud AAAA\ncalm A\ndns A\nnobody A\nloud.t_n A\ncalm.t.internal AAAA\n")
    words = ["dnsperf", "-s", "10.91.0.1", "-d", str(asked), "-c", "4", "-Q", "4000", "-l"]
    with lab.inside(CALM):
        running = subprocess.Popen([*words, "9"], stdout=subprocess.PIPE, text=True)
    seen = 0
    while running.poll() is None:
        for manifest, question, answers in ((more, "loads A", 2), (named, "quiet A", 1)):
            lab.apply(manifest)
            seen += len(dig(lab, LOUD, question).words) == answers
    lab.apply(MANIFEST)
    told = running.stdout.read() if running.stdout else ""
    lost = int(re.findall(r"Queries lost: +(\d+)", told)[0])
    sent = int(re.findall(r"Queries sent: +(\d+)", told)[0])
    assert (lost, seen >= 2, sent > 1000) == (0, True, True), told
    assert before == {"pids": processes(), "files": {ns: written(ns) for ns in (LOUD, CALM)}}


def written(ns: str) -> tuple[str, int]:
    file = Path(f"/etc/netns/{ns}/resolv.conf")
    return file.read_text(), os.stat(file).st_ino


def test_joining_a_network_is_a_process_and_elements(lab):
    joined = MANIFEST.replace("'fd91::3'}}}", "'fd91::3'}, m: {}}}")
    before, file = processes(), written(CALM)
    steps = [step for step in lab.planned(joined) if "eth1" not in step]
    kinds = {" ".join(step.split()[:2]) for step in steps}
    assert kinds <= {"create resolver", "create names", "update names", "create element", "update file"}
    lab.apply(joined)
    assert before.items() <= processes().items() and written(CALM) == file
    assert dig(lab, CALM, "other A").words == ("10.92.0.3",)
    lab.apply(MANIFEST)
    assert processes() == before and dig(lab, CALM, "other A") == Answer("NXDOMAIN")
