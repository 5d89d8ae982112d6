"""A throw-away host on a LAN: its `uplink` leads to R, where clients and attackers stand."""

import json
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.netns import forked
from tests.netns.namespaces import current, entered, fresh
from tests.netns.prober import Flow, family_of, flowing
from tests.netns.servers import KINDS, Servers
from tests.netns.snapshot import canonical, differing, snapshot

ROOT = Path(__file__).parents[2]
# Whatever is set here, who begins anew finds the bytecode that others before it have left.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": ""}
HOST4, REMOTE4 = "198.51.100.1", "198.51.100.2"
HOST6, REMOTE6 = "2001:db8:1::1", "2001:db8:1::2"
OURS = {4: HOST4, 6: HOST6}
THEIRS = {4: REMOTE4, 6: REMOTE6}
PATIENCE, IMPATIENCE = 10.0, 0.4  # seconds: for what must answer, and for what must not

HOST_SIDE = f"""
link set lo up
link add uplink type veth peer name eth0 netns /proc/{{pid}}/fd/{{remote}}
link set uplink addrgenmode none
addr add {HOST4}/24 dev uplink
addr add {HOST6}/64 dev uplink nodad
link set uplink up
route add default via {REMOTE4}
"""
HOST_SIDE6 = f"route add default via {REMOTE6} dev uplink"
REMOTE_SIDE = f"""
link set lo up
link set eth0 addrgenmode none
addr add {REMOTE4}/24 dev eth0
addr add {REMOTE6}/64 dev eth0 nodad
link set eth0 up
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "reconciler", *map(str, arguments)]


class Probe(NamedTuple):
    """Somebody in namespace `ns` ("" is the host, "R" the outside) asks `address`:`port`."""

    ns: str
    address: str
    port: int
    proto: str = "tcp"


@dataclass(frozen=True)
class Result:
    """What a command said and how it ended."""

    rc: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def steps(self) -> list[str]:
        return [f"{step['op']} {step['key']}" for step in self.json["steps"]]

    def __str__(self) -> str:
        return f"exit {self.rc}\n{self.out}{self.err}"


class Lab:
    """One host of its own; made by the fixtures `lab` and `shared_lab`."""

    def __init__(self) -> None:
        self.outside = {"R": fresh()}
        self.host = current("net")
        self.servers = Servers()
        self.files = Path("/run/lab")
        self.ip(HOST_SIDE.format(pid=os.getpid(), remote=self.outside["R"]))
        self.ip(REMOTE_SIDE, "R")
        self.run("ip -6 -batch -", input=HOST_SIDE6)

    def close(self) -> None:
        self.servers.close()
        for fd in (*self.outside.values(), self.host):
            os.close(fd)

    # the command

    def reconcile(self, *arguments: object) -> Result:
        return Result(*forked.run([str(word) for word in arguments], ENVIRONMENT, 120))

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """The command, running in the background."""
        words, pipe = command(*arguments), subprocess.PIPE
        return subprocess.Popen(
            words, text=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )

    def write(self, manifest: str | dict[str, Any], name: str = "t.yaml") -> Path:
        file = self.files / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
        return file

    def plan(self, manifest: str | dict[str, Any], *arguments: object) -> Result:
        return self.reconcile("--plan", self.write(manifest), *arguments)

    def planned(self, manifest: str | dict[str, Any]) -> list[str]:
        """The steps of a plan, as `+ link host/br-t-front`."""
        return self.succeed(self.plan(manifest, "-o", "json")).steps

    def apply(self, manifest: str | dict[str, Any], *arguments: object) -> Result:
        return self.succeed(self.try_apply(manifest, *arguments))

    def stands(self, manifest: str | dict[str, Any]) -> None:
        """It is applied, and there is nothing to do then."""
        self.apply(manifest)
        again = self.apply(manifest)
        assert again.out.startswith("Nothing to do."), again

    def try_apply(self, manifest: str | dict[str, Any], *arguments: object) -> Result:
        return self.reconcile("--apply", self.write(manifest), *arguments)

    def refused(self, manifest: str | dict[str, Any], *words: str, rc: int = 65) -> Result:
        """The plan says no, in a text that holds `words`, and nothing was touched."""
        before = self.snapshot()
        result = self.try_apply(manifest)
        assert result.rc == rc, result
        assert "Traceback" not in result.err, result
        missing = [word for word in words if word not in result.err]
        assert not missing, f"{missing} not in:\n{result.err}"
        touched = differing(before, self.snapshot())
        assert touched == {}, touched
        return result

    def destroy(self, *arguments: object) -> Result:
        return self.succeed(self.reconcile("--destroy", *(arguments or [self.files / "t.yaml"])))

    @staticmethod
    def succeed(result: Result) -> Result:
        assert result.rc == 0, result
        return result

    # other commands, and looking

    def inside(self, ns: str) -> AbstractContextManager[None]:
        if ns in self.outside:
            return entered(self.outside[ns])
        return named(ns) if ns else nullcontext()

    def run(self, command: str | list[str], ns: str = "", check: bool = True, **options: Any) -> Result:
        words = command.split() if isinstance(command, str) else command
        options.setdefault("timeout", 60)
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        with self.inside(ns):
            done = subprocess.run(words, capture_output=True, text=True, **options)
        result = Result(done.returncode, done.stdout, done.stderr)
        return self.succeed(result) if check else result

    def ip(self, lines: str, ns: str = "") -> None:
        self.run("ip -batch -", ns, input=lines)

    def json(self, command: str, ns: str = "") -> Any:
        return json.loads(self.run(command, ns).out or "[]")

    def link(self, name: str, ns: str = "") -> dict[str, Any]:
        return self.json(f"ip -j -d link show dev {name}", ns)[0]

    def links(self, ns: str = "") -> list[str]:
        with self.inside(ns):
            return [name for _, name in socket.if_nameindex()]

    def addresses(self, ns: str, ifname: str = "eth0", family: int = 4) -> list[str]:
        found = self.json(f"ip -j -{family} addr show dev {ifname} scope global", ns)
        return [f"{a['local']}/{a['prefixlen']}" for link in found if link for a in link["addr_info"] if a]

    def address(self, ns: str, ifname: str = "eth0", family: int = 4) -> str:
        return self.addresses(ns, ifname, family)[0].split("/")[0]

    def routes(self, ns: str, family: int = 4) -> list[str]:
        """As `default via 10.1.0.1 dev eth0`; link-local and multicast routes are left out."""
        lines = self.run(f"ip -{family} route", ns).out.splitlines()
        return [line.strip() for line in lines if not line.startswith(("fe80:", "multicast", "ff00:"))]

    def sysctl(self, name: str, ns: str = "", value: object = None) -> str:
        with self.inside(ns):
            file = Path("/proc/sys") / name
            if value is not None:
                file.write_text(str(value))
            return file.read_text().strip()

    def namespaces(self) -> list[str]:
        return sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []

    def nft(self, text: str) -> str:
        return self.run("nft -f -", input=text).out

    def rules(self, table: str = "") -> str:
        return canonical(self.run(f"nft list table {table}" if table else "nft list ruleset").out)

    def declared(self, project: str) -> Counter[str]:
        """The elements of a project in our tables."""
        lines = "".join(self.run(f"nft list table {family} reconciler").out for family in ("inet", "bridge"))
        told = rf'[^{{}},]* comment "{project}["\s][^,}}]*'
        return Counter(" ".join(found.split()) for found in re.findall(told, lines))

    def snapshot(self) -> dict[str, str]:
        """Everything that a host shows of its network, by command; what time alone changes is left out."""
        return snapshot(lambda words: self.run(words).out)

    # traffic

    def serve(self, ns: str, *ports: int, proto: str = "tcp", name: str = "", address: str = "") -> list[Any]:
        """Answers `NAME CLIENT-ADDRESS` in both families (or on one address), NAME being the namespace's."""
        families = [family_of(address)] if address else [family_of(text) for text in ("0.0.0.0", "::")]
        with self.inside(ns):
            return [
                self.servers.listen(name or ns or "host", port, proto, family, address)
                for port in ports
                for family in families
            ]

    @contextmanager
    def serving(self, ns: str, *ports: int, proto: str = "tcp") -> Iterator[None]:
        """The same for a while, where others of this host want these ports after."""
        made = self.serve(ns, *ports, proto=proto)
        try:
            yield
        finally:
            for sock in made:
                self.servers.forget(sock)

    def ask(
        self,
        ns: str,
        address: str,
        port: int,
        proto: str = "tcp",
        patience: float = PATIENCE,
        source: str = "",
    ) -> str | None:
        """`NAME CLIENT-ADDRESS` of whoever answered, or None."""
        with self.inside(ns), socket.socket(family_of(address), KINDS[proto]) as sock:
            sock.settimeout(patience)
            if source:
                sock.bind((source, 0))
            try:
                sock.connect((address, port))
                if proto == "udp":
                    sock.send(b"?")
                return sock.recv(200).decode().strip() or None
            except OSError:
                return None

    def ask_all(self, probes: Iterable[Probe], patience: float = IMPATIENCE) -> list[str | None]:
        """Every probe at the same time."""
        probes = list(probes)
        with ThreadPoolExecutor(len(probes)) as pool:
            return list(pool.map(lambda probe: self.ask(*probe, patience=patience), probes))

    def silent(self, *probes: Probe | tuple[str, str, int] | tuple[str, str, int, str]) -> None:
        answers = self.ask_all(Probe(*probe) for probe in probes)
        heard = [f"{probe}: {answer}" for probe, answer in zip(probes, answers, strict=True) if answer]
        assert not heard, f"answered although it must not: {heard}"

    def flow(self, ns: str, address: str, port: int, proto: str = "udp") -> AbstractContextManager[Flow]:
        return flowing(lambda: self.inside(ns), address, port, proto)

    def ping(self, ns: str, address: str, patience: float = PATIENCE) -> bool:
        return self.run(f"ping -n -c 1 -W {patience} {address}", ns, check=False).rc == 0

    def add_outside(self, ns: str, uplink: str, host: dict[int, str], other: dict[int, str]) -> None:
        """One more LAN segment with a machine on it; addresses are given with their prefix lengths."""
        self.outside[ns] = fresh()
        self.ip(f"link add {uplink} type veth peer name eth0 netns /proc/{os.getpid()}/fd/{self.outside[ns]}")
        for side, link, given in (("", uplink, host), (ns, "eth0", other)):
            lines = [f"addr add {a} dev {link}" + " nodad" * (family == 6) for family, a in given.items()]
            self.ip(
                "\n".join(
                    ["link set lo up", f"link set {link} addrgenmode none", *lines, f"link set {link} up"]
                ),
                side,
            )


@contextmanager
def named(name: str) -> Iterator[None]:
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with entered(fd):
            yield
    finally:
        os.close(fd)
