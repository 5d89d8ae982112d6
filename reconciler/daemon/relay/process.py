"""The relay as its watcher has it: started, told what is published, and started again where it has ended."""

import json
import math
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...core.ended import ended
from ...core.resource import State
from ...kinds.nft import Element
from .capacity import Capacity
from .sessions import Homes, Key
from .sockets import LOOPBACK

PATIENCE = 10.0  # seconds for an answer; after that it is taken for dead
DYING = 0.1  # seconds from the end of its socket to its own
LONGEST = 60.0  # seconds from one start to the next at least; one for each failure until then

NOTHING: dict[str, Any] = {"ports": [], "refused": [], "crowded_out": {}}
CAPACITY = Capacity()
PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop(1)); from reconciler.daemon.relay.program import main; main()"
)
HOME = str(Path(__file__).parents[3])  # where that is; after the standard library, all else that it has

Ports = Mapping[Key, Homes]  # by (tcp or udp, host port)


def relayed_ports(state: State) -> dict[Key, Homes]:
    """Where each port published to any address, or on ::1, leads, whoever shares it; IPv6 wins over IPv4.
    Who asks there is one client: where clients are shared out, its replica is the first.  What has limits is
    not relayed, past these."""
    found: dict[Key, dict[int, Homes]] = {}
    mine = [r for r in state.values() if isinstance(r, Element)]
    flows = [limit.flow for r in mine if (limit := r.limits)]
    limited = {(flow.protocol, port) for flow in flows for port in range(flow.first, flow.last + 1)}
    elements = [(r, flow) for r in mine if (flow := r.flow)]
    for r, flow in elements:
        if flow.ip not in ("", LOOPBACK) or flow.protocol not in ("tcp", "udp"):
            continue
        ip, _, port = r.value.partition(" . ")
        for number in range(flow.first, flow.last + 1):
            homes = found.setdefault((flow.protocol, number), {}).setdefault(flow.family, {})
            target = ip, int(port) if port else number
            homes[target] = homes.get(target, 0) + r.part
    best = {key: homes[max(homes)] for key, homes in found.items()}
    return {key: homes for key, homes in best.items() if any(homes.values()) and key not in limited}


class RelayProcess:
    """The process, as the watcher has it; a context manager that ends it."""

    def __init__(self, capacity: Capacity = CAPACITY):
        self.capacity = capacity
        self.ports: Ports = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.answer = NOTHING
        self.began, self.failures, self.trouble = 0.0, 0, ""

    def __enter__(self) -> "RelayProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGTERM)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def patience(self) -> float:
        """Seconds until it is to be started."""
        missing = self.ports and not self.process
        return self.began + min(self.failures, LONGEST) - time.monotonic() if missing else math.inf

    def serve(self, ports: Ports | None = None) -> str:
        """Relay these from now on, or the same still, and return what the log should know.

        It raises nothing, since whoever calls has more important things to do; the next call tries again.
        """
        self.ports, before = self.ports if ports is None else ports, self.failures
        try:
            if self.process and self.process.poll() is not None:
                self.fail("ended")
            if self.patience <= 0:
                self.start()
            if self.process:
                self.answer = self.ask()
        except OSError as error:
            self.fail(error.strerror or str(error))
        return f"the relay of [{LOOPBACK}] failed: {self.trouble}" * (self.failures > before)

    def fail(self, trouble: str) -> None:
        self.failures, self.trouble = self.failures + 1, trouble
        with suppress(subprocess.TimeoutExpired):
            self.trouble = ended(self.process.wait(DYING)) if self.process else trouble
        self.end(signal.SIGKILL)

    def start(self) -> None:
        """With no descriptor of ours but its own socket, and out of a terminal's reach."""
        self.began = time.monotonic()
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(PATIENCE)
        words = [sys.executable, "-IS", "-c", PROGRAM, HOME, json.dumps(self.capacity)]
        with theirs:
            self.process = subprocess.Popen(
                words, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={}, start_new_session=True
            )

    def ask(self) -> dict[str, Any]:
        rows = [(*key, [(*home, part) for home, part in homes.items()]) for key, homes in self.ports.items()]
        self.channel.sendall(json.dumps(rows).encode() + b"\n")
        with self.channel.makefile("rb") as lines:
            line = lines.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("it hung up")
        return dict(json.loads(line))

    def end(self, number: int) -> None:
        self.answer, process, self.process = NOTHING, self.process, None
        if process:
            self.channel.close()
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)

    def status(self) -> dict[str, Any]:
        """For --status: what is relayed, what somebody else listens on, and what went wrong."""
        notes = [f"failed {self.failures} times, the last time: {self.trouble}"] * bool(self.failures)
        for kind, count in self.answer["crowded_out"].items():
            most = self.answer["most"][kind]
            notes += [f"closed the idlest of {most} {kind} {count} times"] * bool(count)
        return {**self.answer, "pid": self.pid, "failures": self.failures, "notes": notes}
