"""Which sockets listen on the host, by either way of asking."""

import socket

import pytest

from reconciler.inventory.facts import Listener
from reconciler.kernel.observe import listening
from tests.netns.lab import Lab

WANTED = {
    Listener("tcp", "0.0.0.0", 4001),
    Listener("tcp", "127.0.0.1", 4002),
    Listener("tcp", "::", 4003),
    Listener("tcp", "2001:db8:1::1", 4004),
    Listener("udp", "198.51.100.1", 5001),
    Listener("udp", "::1", 5002),
}


def nothing(*_: object) -> None:
    raise FileNotFoundError(2, "no inet_diag")


@pytest.mark.parametrize("way", ["sock_diag", "/proc/net"])
def test_who_listens(lab: Lab, monkeypatch: pytest.MonkeyPatch, way: str):
    if way == "/proc/net":
        monkeypatch.setattr(listening, "diagnosed", nothing)
    sockets = []
    for protocol, ip, port, _ in sorted(WANTED):
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        one = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, kind)
        if ":" in ip:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((ip, port))
        if protocol == "tcp":
            one.listen()
        sockets.append(one)
    # Who merely speaks does not listen.
    sockets.append(socket.create_connection(("127.0.0.1", 4002)))
    talker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talker.connect(("198.51.100.1", 5001))
    sockets.append(talker)
    assert set(listening.listeners()) == WANTED
    for one in sockets:
        one.close()


def test_a_refusal_is_not_silence(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise PermissionError(1, "not allowed")

    monkeypatch.setattr(listening, "diagnosed", refused)
    with pytest.raises(PermissionError):
        list(listening.listeners())
