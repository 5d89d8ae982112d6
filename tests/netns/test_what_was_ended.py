"""A connection that a change has ended stays so, although its server speaks next; nobody else's is ended."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.netns.lab import OURS, REMOTE4, Lab, family_of

PUBLISHED = "[{target: 80, published: 80}]"
LIMITED = "[{target: 80, published: 80, allow_from: [10.0.0.0/8, 'fd99::/16']}]"
ROUTED = ", gateway_mode: routed, gateway_mode_ipv6: routed"


def manifest(ports: str = "[]", options: str = "") -> str:
    networks = f"networks: {{n: {{enable_ipv6: true{options}}}}}"
    return f"name: t\n{networks}\ncontainers:\n  db: {{networks: [n], ports: {ports}}}\n"


@contextmanager
def connected(lab: Lab, address: str, port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client outside, and the server in the container, which has said something already."""
    inside = lab.address("t-db", family=6 if ":" in address else 4)
    with lab.inside("t-db"):
        listener = socket.create_server((inside, 80), family=family_of(inside))
    with lab.inside("R"):
        client = socket.create_connection((address, port), 3)
    with listener, client, listener.accept()[0] as server:
        server.sendall(b"before")
        assert client.recv(9) == b"before"
        yield client, server


def goes_on(client: socket.socket, server: socket.socket) -> bool:
    server.sendall(b"behind")
    client.settimeout(2)
    try:
        return client.recv(9) == b"behind"
    except OSError:
        return False


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("later", [manifest(), manifest(LIMITED)], ids=["removed", "limited"])
def test_by_a_port_that_is_not_for_him_any_more(lab, family, later):
    lab.apply(manifest(PUBLISHED))
    with connected(lab, OURS[family], 80) as ends:
        lab.apply(later)
        assert not goes_on(*ends)


@pytest.mark.parametrize("family", [4, 6])
def test_at_an_address_that_is_routed(lab, family):
    lab.apply(manifest("['80']", ROUTED))
    address = lab.address("t-db", family=family)
    lab.ip(f"route add {address} via {OURS[family]}", "R")
    with connected(lab, address, 80) as ends:
        lab.apply(manifest("[]", ROUTED))
        assert not goes_on(*ends)


def test_what_conntrack_has_lost_goes_on(lab):
    """A container's own connection at once; one of a client's when he speaks."""
    lab.apply(manifest(PUBLISHED))
    with lab.inside("R"):
        outside = socket.create_server((REMOTE4, 90))
    with lab.inside("t-db"):
        own = socket.create_connection((REMOTE4, 90), 3)
    with outside, own, outside.accept()[0] as answering, connected(lab, OURS[4], 80) as (client, server):
        lab.run("conntrack -F")
        assert goes_on(answering, own)
        client.sendall(b"ask")
        assert server.recv(9) == b"ask" and goes_on(client, server)
