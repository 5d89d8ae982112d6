"""The relay by itself: whoever connects gets a bounded share, and what is cut off does not look whole."""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from reconciler.daemon.relay.capacity import SPARE, Capacity
from reconciler.daemon.relay.process import RelayProcess
from tests.netns.lab import HOST4, HOST6
from tests.netns.watching import until

PORT, INNER = 8080, 7000
TCP, UDP = ("tcp", PORT), ("udp", PORT)


class Bench:
    """A relay, clients of it, and one who listens where it leads."""

    def __init__(self, stack: ExitStack, capacity: Capacity, ip: str = HOST6):
        self.stack = stack
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.server = stack.enter_context(socket.create_server((ip, INNER), family=family, backlog=1000))
        self.datagrams = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        self.datagrams.bind((ip, INNER))
        for sock in (self.server, self.datagrams):
            sock.settimeout(5)
        self.relay = stack.enter_context(RelayProcess(capacity))
        assert self.relay.serve({TCP: {(ip, INNER): 1}, UDP: {(ip, INNER): 1}}) == ""

    def client(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        sock = self.stack.enter_context(socket.socket(socket.AF_INET6, kind))
        sock.settimeout(5)
        sock.connect(("::1", PORT))
        return sock

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A client, and what the container has of it."""
        client = self.client()
        there, _ = self.server.accept()
        there.settimeout(5)
        return client, self.stack.enter_context(there)

    def status(self) -> dict:
        self.relay.serve()
        return self.relay.status()

    def until(self, condition: Callable[[], object]) -> None:
        until(condition, words=self.status)

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        return int(Path(f"/proc/{self.relay.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture
def bench(lab) -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:
        yield lambda ip=HOST6, **most: Bench(stack, Capacity(**most), ip)


def cut(sock: socket.socket) -> bool:
    """Whether it was reset."""
    try:
        return sock.recv(1) is None
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("ip", [HOST4, HOST6])
def test_each_direction_ends_by_itself(bench, ip):
    client, there = bench(ip).pair()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert there.recv(100) == b"question" and there.recv(100) == b""
    there.sendall(b"answer")
    there.close()
    assert client.recv(100) == b"answer" and client.recv(100) == b""


def test_a_reset_is_passed_on_either_way(bench):
    desk = bench()
    for which in (0, 1):
        pair = desk.pair()
        pair[which].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        pair[which].close()
        assert cut(pair[1 - which])
    assert desk.status()["connections"] == 0


def test_a_container_that_refuses_is_a_reset(bench):
    desk = bench()
    desk.server.close()
    with suppress(ConnectionResetError):  # or so soon
        assert cut(desk.client())


def test_idle_connections_time_out(bench):
    desk = bench(idle=1.0)
    (idle, _), (busy, there) = desk.pair(), desk.pair()
    while not select.select([idle], [], [], 0.05)[0]:
        busy.sendall(b"x")
        assert there.recv(1) == b"x"
    assert cut(idle) and desk.status()["connections"] == 1


def test_the_idlest_makes_way_for_the_next(bench):
    desk = bench(connections=3)
    pairs = [desk.pair() for _ in range(3)]
    pairs[0][0].sendall(b"x")
    assert pairs[0][1].recv(1) == b"x"
    newest, there = desk.pair()
    assert cut(pairs[1][0])
    for client, other in (pairs[0], pairs[2], (newest, there)):
        client.sendall(b"y")
        assert other.recv(1) == b"y"
    assert desk.status()["notes"] == ["closed the idlest of 3 connections 1 times"]


def test_who_never_reads_costs_a_bounded_memory(bench):
    desk = bench()
    clients = [desk.pair()[0] for _ in range(50)]
    before = desk.resident
    for client in clients:
        client.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                client.send(b"x" * 65536)
    desk.status()  # it has read what it will
    assert desk.resident - before < 8 << 20
    newest, there = desk.pair()
    newest.sendall(b"x")
    assert there.recv(1) == b"x"


def test_what_waited_is_delivered_whole(bench):
    client, there = bench().pair()
    payload = bytes(range(256)) * 16384
    from threading import Thread

    sender = Thread(target=lambda: (client.sendall(payload), client.shutdown(socket.SHUT_WR)))
    sender.start()
    time.sleep(0.1)
    assert b"".join(iter(lambda: there.recv(65536), b"")) == payload
    sender.join()


@pytest.mark.parametrize("ip", [HOST4, HOST6])
def test_clients_of_udp_are_few_and_forgotten(bench, ip):
    desk = bench(ip, clients=3, idle_client=1.0)
    clients = [desk.client(socket.SOCK_DGRAM) for _ in range(5)]
    for number, client in enumerate(clients):
        client.send(b"%d" % number)
        data, address = desk.datagrams.recvfrom(10)
        desk.datagrams.sendto(data, address)
        assert client.recv(10) == b"%d" % number
    assert desk.status()["clients"] == 3 and desk.status()["crowded_out"]["clients"] == 2
    desk.until(lambda: desk.status()["clients"] == 0)


def test_a_port_that_leads_elsewhere_cuts_off_who_came(bench):
    desk = bench()
    client, _ = desk.pair()
    desk.relay.serve({UDP: {(HOST6, INNER): 1}})
    assert cut(client) and desk.status()["ports"] == ["[::1]:8080/udp"]
    with pytest.raises(ConnectionRefusedError):
        desk.client()


def test_those_that_share_a_port_keep_who_came_to_them(bench):
    """Who comes is led to any of them, and stays there while others come and go."""
    desk = bench()
    client, there = desk.pair()
    other = desk.stack.enter_context(socket.create_server((HOST4, INNER)))
    other.setblocking(False)
    desk.relay.serve({TCP: {(HOST4, INNER): 1, (HOST6, INNER): 1}})
    clients = [desk.client() for _ in range(20)]
    for one in clients:
        one.send(b"x")
    assert select.select([other], [], [], 5)[0] and select.select([desk.server], [], [], 5)[0]
    desk.relay.serve({TCP: {(HOST4, INNER): 1, (HOST6, INNER): 0}})  # who has no part keeps whom it has
    assert desk.status()["connections"] == 21
    desk.relay.serve({TCP: {(HOST6, INNER): 1}})
    desk.until(lambda: 1 < desk.status()["connections"] < 21)
    client.send(b"still")
    assert there.recv(5) == b"still"
    there.send(b"here")
    assert client.recv(4) == b"here"


def test_one_that_has_died_is_started_again(bench):
    desk = bench()
    desk.pair()
    os.kill(desk.relay.pid, 9)
    desk.until(lambda: "SIGKILL" in desk.relay.serve())
    desk.until(lambda: desk.status()["ports"])
    assert desk.status()["notes"] == ["failed 1 times, the last time: died of SIGKILL"]
    desk.pair()


def test_few_descriptors_are_shared_out():
    capacity = Capacity()
    assert capacity == (1000, 2000, 1000, 600.0, 60.0)  # as the README says
    assert capacity.within(capacity.descriptors) == capacity == capacity.within(1 << 20)
    for few in (SPARE + 64, 256, 1024, 4096):
        less = capacity.within(few)
        assert less.descriptors <= few and min(less) >= 1
    assert min(capacity.within(3)) >= 1
