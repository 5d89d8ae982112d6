"""The watcher answers on [::1] for what is published to any address, as the kernel does on 127.0.0.1."""

import socket

import pytest

from tests.netns.samples import WEB, web
from tests.netns.watching import watching

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
    with socket.create_server(("::1", 8080), family=socket.AF_INET6):
        with watching(lab, lab.write(WEB)) as watcher:
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
