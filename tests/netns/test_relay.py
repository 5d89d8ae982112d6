"""The watcher answers on [::1] for what is published to any address, as the kernel does on 127.0.0.1."""

import os
import resource
import select
import signal
import socket
import time
from contextlib import ExitStack

import pytest

from tests.netns.samples import WEB, web
from tests.netns.watching import Watcher, watching

BOTH = [("8080:80", "tcp"), ("8080:80/udp", "udp")]


@pytest.mark.parametrize("network", ["enable_ipv6: true", "enable_ipv6: false"], ids=["v6", "v4"])
@pytest.mark.parametrize(("port", "proto"), BOTH, ids=["tcp", "udp"])
def test_what_is_published_is_answered_on_loopback(lab, network, port, proto):
    file = lab.write(web(port, network=network))
    assert lab.apply(web(port, network=network))
    lab.serve("t-web", 80, proto=proto)
    assert not lab.ask("", "::1", 8080, proto, 0.3)
    with watching(lab, file) as watcher:
        assert lab.ask("", "::1", 8080, proto).startswith("t-web")
        assert lab.ask("", "127.0.0.1", 8080, proto).startswith("t-web")
        assert f"[::1]:8080/{proto}" in lab.reconcile("--status", file).out
        file.write_text(web("8081:80/" + proto, network=network))
        watcher.until(lambda: watcher.status["relay"]["ports"] == [f"[::1]:8081/{proto}"])
        assert not lab.ask("", "::1", 8080, proto, 0.3)


def test_large_answers_and_half_closed_connections_pass(lab):
    file = lab.write(WEB)
    with watching(lab, file):
        with lab.inside("t-web"):
            door = socket.create_server(("::", 80), family=socket.AF_INET6)
        with socket.create_connection(("::1", 8080), 5) as client:
            inner, _ = door.accept()
            client.sendall(b"x" * 1000)
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: inner.recv(65536), b""))
            assert received == b"x" * 1000
            payload = bytes(range(256)) * 8192
            inner.settimeout(5)
            from threading import Thread

            Thread(target=lambda: (inner.sendall(payload), inner.close())).start()
            assert b"".join(iter(lambda: client.recv(65536), b"")) == payload
        door.close()


def test_only_loopback_is_listened_on(lab):
    with watching(lab, lab.write(WEB)):
        assert "[::1]:8080" in lab.run("ss -ltnH").out
        assert "*:8080" not in lab.run("ss -ltnH").out and "0.0.0.0:8080" not in lab.run("ss -ltnH").out


def test_a_port_that_somebody_has_on_loopback_is_left_to_them(lab):
    taken = socket.create_server(("::1", 8080), family=socket.AF_INET6)
    with taken, watching(lab, lab.write(WEB)) as watcher:
        assert watcher.status["relay"]["refused"] and watcher.status["in_sync"]


def test_plans_do_not_take_the_relay_for_somebody_else(lab):
    file = lab.write(web("80", "8080:80"))
    with watching(lab, file) as watcher:
        watcher.settled()
        assert lab.reconcile("--plan", "--exit-code", file).rc == 0
        assert watcher.status["in_sync"]


def test_more_ports_than_are_relayed_are_told(lab):
    with watching(lab, lab.write(web("8000-9100:8000-9100"))) as watcher:
        watcher.until(lambda: len(watcher.status["relay"]["ports"]) == 1000)
        assert watcher.status["relay"]["refused"] == ["101 more ports than 1000"]
        assert "not relayed: 101 more ports" in lab.reconcile("--status").out


# what others do to it


def crowd(lab, stack: ExitStack, count: int) -> None:
    """Idle connections to [::1]:8080; nobody accepts them, which is nothing to the kernel."""
    with lab.inside("t-web"):
        stack.enter_context(socket.create_server(("::", 80), family=socket.AF_INET6, backlog=4096))
    for _ in range(count):
        sock = stack.enter_context(socket.socket(socket.AF_INET6))
        sock.settimeout(5)
        sock.connect(("::1", 8080))


def heals(lab, watcher: Watcher) -> float:
    """Seconds until what was flushed stands again."""
    lab.nft("flush ruleset")
    seconds = watcher.until(lambda: "inet reconciler" in lab.run("nft list tables").out)
    watcher.synced()
    return seconds


def counted(watcher: Watcher, connections: int, closed: int) -> None:
    """Wait until the relay has as many and has closed as many; it tells when the watcher looks."""

    def told() -> bool:
        watcher.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        relay = watcher.status["relay"]
        return (relay["connections"], relay["crowded_out"]["connections"]) == (connections, closed)

    watcher.until(told)


@pytest.mark.alone
@pytest.mark.parametrize("count", [600, 3000])
def test_idle_connections_hold_up_no_healing(lab, many_descriptors, count):
    file = lab.write(web("8080:80", "8081:81"))
    with watching(lab, file) as watcher, ExitStack() as stack:
        lab.serve("t-web", 81)
        crowd(lab, stack, count)
        counted(watcher, min(count, 2000), max(count - 2000, 0))
        assert heals(lab, watcher) < 5
        assert len(os.listdir(f"/proc/{watcher.process.pid}/fd")) < 32
        assert lab.ask("", "::1", 8081).startswith("t-web")
        counted(watcher, min(count, 1999), max(count - 1999, 0))
        told = f"the relay closed the idlest of 2000 connections {count - 1999} times"
        assert (told in lab.reconcile("--status", file).out) == (count > 2000)


def test_few_descriptors_are_enough(lab):
    """A watcher has some fifteen, however many sandboxes there are; the relay shares out what it may have."""
    file = lab.write(web("8080:80", "8081:81") + "services: {s: {networks: [n], scale: 30}}\n")
    with watching(lab, file) as watcher, ExitStack() as stack:
        lab.serve("t-web", 81)
        resource.prlimit(watcher.process.pid, resource.RLIMIT_NOFILE, (32, 32))
        os.kill(watcher.status["relay"]["pid"], signal.SIGKILL)
        watcher.until(lambda: watcher.status["relay"]["most"]["connections"] == 5)
        crowd(lab, stack, 30)
        heals(lab, watcher)
        assert lab.ask("", "::1", 8081).startswith("t-web")


def killed(watcher: Watcher, number: int) -> bool:
    """It is told before it is started again, and may have ended since it was told."""
    if pid := watcher.status["relay"]["pid"]:
        os.kill(pid, number)
    return bool(pid)


def test_a_relay_that_is_killed_answers_again_and_is_told(lab):
    file = lab.write(WEB)
    with watching(lab, file) as watcher:
        lab.serve("t-web", 80)
        for number in (signal.SIGKILL, signal.SIGSEGV):
            watcher.until(lambda n=number: killed(watcher, n))
            watcher.until(lambda n=number: f"the relay of [::1] failed: died of {n.name}" in watcher.log)
            watcher.until(lambda: lab.ask("", "::1", 8080))
        told = "the relay failed 2 times, the last time: died of SIGSEGV"
        watcher.until(lambda: told in lab.reconcile("--status", file).out)
        assert watcher.status["in_sync"]


def test_the_relay_ends_with_its_watcher(lab):
    with watching(lab, lab.write(WEB)) as watcher:
        ended = os.pidfd_open(watcher.status["relay"]["pid"])
        watcher.stop(signal.SIGKILL)
        assert select.select([ended], [], [], 5)[0]
        os.close(ended)
        socket.create_server(("::1", 8080), family=socket.AF_INET6).close()
