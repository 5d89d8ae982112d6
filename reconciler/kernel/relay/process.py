"""Ports published on [::1], relayed: the one place where a socket stands between a client and a container.

Linux drops replies to a translated ::1, so these connections end here and go on to the container from
here.  What cannot listen, since somebody else does, is left to them."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from threading import Thread
from typing import NamedTuple

from ..core.resource import State
from ..kinds.nft import Element

LOOPBACK = "::1"
CHUNK = 1 << 16
MOST = 1000  # ports: each wants a socket, of which a process has 1024 unless told otherwise
IDLE = 60.0  # seconds a UDP client is remembered


class Target(NamedTuple):
    ip: str
    port: int


Ports = Mapping[tuple[str, int], Target]  # by (tcp or udp, host port)


def published(state: State) -> dict[tuple[str, int], Target]:
    """Where each port published to any address, or on ::1, leads; IPv6 wins over IPv4."""
    found: dict[tuple[str, int], Target] = {}
    elements = (r for r in state.values() if isinstance(r, Element) and r.flow)
    for element in sorted(elements, key=lambda e: e.flow.family):
        flow = element.flow
        if flow.ip not in ("", LOOPBACK) or flow.protocol not in ("tcp", "udp"):
            continue
        ip, _, port = element.value.partition(" . ")
        for number in range(flow.first, flow.last + 1):
            found[flow.protocol, number] = Target(ip, int(port) if port else number)
    return found


class Relay:
    """A thread with one listening socket for each port; `serve` brings them to what is published now."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.listening: dict[
            tuple[str, int], tuple[Target, asyncio.AbstractServer | asyncio.DatagramTransport]
        ] = {}
        self.refused: dict[tuple[str, int], str] = {}
        self.left = 0  # ports beyond those that are relayed
        self.thread = Thread(target=self.loop.run_forever, name="relay", daemon=True)
        self.thread.start()

    def serve(self, ports: Ports) -> None:
        asyncio.run_coroutine_threadsafe(self.bring(ports), self.loop).result()

    def close(self) -> None:
        self.serve({})
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def bring(self, published: Ports) -> None:
        ports = dict(islice(published.items(), MOST))
        self.left = len(published) - len(ports)
        for key, (target, server) in list(self.listening.items()):
            if ports.get(key) != target:
                server.close()
                del self.listening[key]
        self.refused = {key: why for key, why in self.refused.items() if key in ports}
        for key, target in ports.items():
            if key not in self.listening:
                await self.listen(key, target)

    async def listen(self, key: tuple[str, int], target: Target) -> None:
        protocol, port = key
        try:
            if protocol == "tcp":
                server = await asyncio.start_server(lambda r, w: stream(r, w, target), LOOPBACK, port)
            else:
                server, _ = await self.loop.create_datagram_endpoint(
                    lambda: Datagrams(target), (LOOPBACK, port), family=socket.AF_INET6
                )
        except OSError as error:
            self.refused[key] = error.strerror or str(error)
            return
        self.listening[key] = target, server
        self.refused.pop(key, None)

    def told(self) -> dict[str, object]:
        """For --status: what is relayed, and what somebody else listens on."""
        refused = [f"[{LOOPBACK}]:{port}/{p}: {why}" for (p, port), why in sorted(self.refused.items())]
        return {
            "ports": [f"[{LOOPBACK}]:{port}/{protocol}" for protocol, port in sorted(self.listening)],
            "refused": refused + [f"{self.left} more ports than {MOST}"] * bool(self.left),
        }


async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target) -> None:
    """One TCP connection, until both ends have said all; a container that does not answer is a closed
    connection."""
    with suppress(OSError):
        try:
            there, back = await asyncio.open_connection(*target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))
        back.close()
        writer.close()


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """One direction; its end is passed on, and an error ends the other end too."""
    try:
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.transport.abort()


class Datagrams(asyncio.DatagramProtocol):
    """UDP: every client has a socket of its own towards the container, as long as it speaks."""

    def __init__(self, target: Target):
        self.target = target
        self.clients: dict[tuple[object, ...], asyncio.DatagramTransport] = {}
        self.timers: dict[tuple[object, ...], asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[object, ...]) -> None:
        asyncio.ensure_future(self.forward(data, address))

    async def forward(self, data: bytes, address: tuple[object, ...]) -> None:
        loop = asyncio.get_running_loop()
        if address not in self.clients:
            with suppress(OSError):
                back = lambda: Answers(self.transport, address)  # noqa: E731
                self.clients[address], _ = await loop.create_datagram_endpoint(
                    back, remote_addr=tuple(self.target)
                )
        if address in self.clients:
            self.clients[address].sendto(data)
            if timer := self.timers.get(address):
                timer.cancel()
            self.timers[address] = loop.call_later(IDLE, self.forget, address)

    def forget(self, address: tuple[object, ...]) -> None:
        self.timers.pop(address, None)
        self.clients.pop(address).close()

    def connection_lost(self, error: Exception | None) -> None:
        for timer in self.timers.values():
            timer.cancel()
        for client in self.clients.values():
            client.close()


class Answers(asyncio.DatagramProtocol):
    """What the container says, back to the client it is meant for."""

    def __init__(self, transport: asyncio.DatagramTransport, address: tuple[object, ...]):
        self.back, self.address = transport, address

    def datagram_received(self, data: bytes, _: tuple[object, ...]) -> None:
        self.back.sendto(data, self.address)
