"""What a packet pays for the firewall: ours beside no rules at all, and beside the smallest map by hand.

    . .ci/setup; throwaway .venv/bin/python -m tests.bench.packets [ROW ...] [--edit NAME=COMMAND ...]

Both ends are sockets of one thread on one processor (packets.c, which wants a C compiler).  Each row is a
host of its own, all stand at once, and every round visits each in turn.  A figure is the median over rounds
of the first decile in microseconds; a ratio is that of the ratios within each round: of the map, and of no
rules.  Ways: from a LAN through a published port, and from one container to its neighbour on a bridge, both
with br_netfilter (bridge-nf-call-iptables) off and on.  --edit NAME=COMMAND: one more row, of one project
after what a shell did there, as `bare=nft flush ruleset`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from tests.netns import forked
from tests.netns.lab import HOST4, Lab
from tests.netns.namespaces import entered, fresh, throwaway_host

PORT, SERVED = 10000, 80
EXCHANGES = ("udp", "tcp", "connect", "connection")
SUBNET, GATEWAY, SERVER, NEIGHBOUR = "10.99.0.0/24", "10.99.0.1", "10.99.0.2", "10.99.0.3"

# A bridge by hand.
BRIDGE = f"link add bench type bridge\naddr add {GATEWAY}/24 dev bench\nlink set bench up"
ATTACHED = (
    "link add {name} type veth peer name eth0 netns /proc/{pid}/fd/{ns}\nlink set {name} master bench up"
)
BOX = f"link set lo up\naddr add {{ip}}/24 dev eth0\nlink set eth0 up\nroute add default via {GATEWAY}"
# One lookup publishes, established packets are accepted first, neighbours pass, others may not enter.
MAP = f"""table inet smallest {{
 map published {{
  type inet_proto . inet_service : ipv4_addr . inet_service
  elements = {{ tcp . {PORT} : {SERVER} . {SERVED}, udp . {PORT} : {SERVER} . {SERVED} }}
 }}
 chain publish {{ dnat ip to meta l4proto . th dport map @published; }}
 chain inbound {{ type nat hook prerouting priority dstnat; fib daddr type local jump publish; }}
 chain local {{ type nat hook output priority -100; fib daddr type local jump publish; }}
 chain outbound {{
  type nat hook postrouting priority srcnat;
  ip saddr {SUBNET} oifname != "bench" masquerade
 }}
 chain forward {{
  type filter hook forward priority filter;
  ct state vmap {{ established : accept, related : accept, invalid : drop }}
  oifname "bench" ct status dnat accept
  oifname "bench" iifname != "bench" drop
 }}
}}"""


@dataclass(frozen=True)
class Host:
    """Descriptors of namespaces, and where the server is reached: by the LAN, and by its neighbour."""

    host: int
    lan: int
    server: int
    neighbour: int
    published: tuple[str, int]
    near: str


Build = Callable[[Lab], Host]


def by_hand(rules: str, lab: Lab, policy: str = "") -> Host:
    """Two containers on a bridge; without rules the LAN asks for the container itself."""
    server, neighbour = fresh(), fresh()
    lab.ip(BRIDGE)
    for name, ns, ip in (("server", server, SERVER), ("neighbour", neighbour, NEIGHBOUR)):
        lab.ip(ATTACHED.format(name=name, pid=os.getpid(), ns=ns))
        with entered(ns):
            lab.ip(BOX.format(ip=ip))
    lab.sysctl("net/ipv4/ip_forward", value=1)
    lab.ip(f"route add {SUBNET} via {HOST4}", "R")
    if rules:
        lab.nft(rules)
    lab.ip(policy)
    published = (HOST4, PORT) if rules else (SERVER, SERVED)
    return Host(lab.host, lab.outside["R"], server, neighbour, published, SERVER)


def manifest(project: int, networks: int = 1, ports: int = 1) -> str:
    """A server with published ports and its neighbour on the first network, a container on each other."""
    first = PORT + project
    last, served = first + ports - 1, f"{SERVED}-{SERVED + ports - 1}"
    published = ", ".join(f"'{first}-{last}:{served}/{wire}'" for wire in ("tcp", "udp"))
    rows = [f"name: p{project}", "networks:", *(f"  n{n}: {{}}" for n in range(networks)), "containers:"]
    rows += [f"  server: {{networks: [n0], ports: [{published}]}}", "  neighbour: {networks: [n0]}"]
    return "\n".join([*rows, *(f"  c{n}: {{networks: [n{n}]}}" for n in range(1, networks))])


def ours(projects: int, lab: Lab, networks: int = 1, ports: int = 1, edit: str = "") -> Host:
    for project in range(projects):
        lab.write(manifest(project, networks, ports), f"p{project}.yaml")
    lab.succeed(lab.reconcile("--apply", "-q", lab.files))
    if edit:
        lab.run(["sh", "-ec", edit])
    server, neighbour = (
        os.open(f"/run/netns/p0-{name}", os.O_RDONLY | os.O_CLOEXEC) for name in ("server", "neighbour")
    )
    return Host(lab.host, lab.outside["R"], server, neighbour, (HOST4, PORT), lab.address("p0-server"))


ROWS: dict[str, Build] = {
    "nothing": partial(by_hand, ""),
    "map": partial(by_hand, MAP),
    # With a rule, any, Linux looks up each packet's source as well (fib_validate_source).
    "map+rule": partial(by_hand, MAP, policy="rule add pref 5 from 192.0.2.1 lookup main"),
    "1-project": partial(ours, 1),
    "10-projects": partial(ours, 10),
    "100-projects": partial(ours, 100),
    "1000-ports": partial(ours, 1, ports=1000),
    "25-networks": partial(ours, 1, networks=25),
}
HELD_AGAINST = ("nothing", "map", "map+rule")

Way = tuple[str, int]  # published or neighbour, br_netfilter
WAYS: tuple[Way, ...] = tuple((name, on) for name in ("published", "neighbour") for on in (0, 1))
Figures = dict[tuple[str, Way, str], list[float]]  # row, way, exchange: a figure a round


def stand(build: Build) -> Host:
    """A host that outlives its building, as long as somebody holds its namespaces."""
    with throwaway_host():
        host = build(Lab())
        for name in ("close", "time_wait", "last_ack"):
            Path(f"/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_{name}").write_text("1")
        return host


def measured(program: Path, host: Host, way: Way, count: int) -> dict[str, float]:
    """The first decile of each exchange, in microseconds."""
    name, filtered = way
    with entered(host.host):
        Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text(str(filtered))
    client, (address, port) = (
        (host.lan, host.published) if name == "published" else (host.neighbour, (host.near, SERVED))
    )
    words = [str(word) for word in (program, client, host.server, address, port, SERVED, count)]
    processor = min(os.sched_getaffinity(0))
    done = subprocess.run(
        ["taskset", "-c", str(processor), *words],
        pass_fds=(client, host.server),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{way}: {done.stderr}")
    lines = (line.split() for line in done.stdout.splitlines())
    return {exchange: int(decile) / 1000 for exchange, decile, _ in lines}


def all_rounds(program: Path, hosts: dict[str, Host], rounds: int, count: int) -> Figures:
    found: Figures = {}
    for _ in range(rounds):
        for way in WAYS:
            for row, host in hosts.items():
                for exchange, figure in measured(program, host, way, count).items():
                    found.setdefault((row, way, exchange), []).append(figure)
    return found


def ratio(found: Figures, row: str, of: str, way: Way, exchange: str) -> float:
    pairs = zip(found[row, way, exchange], found[of, way, exchange], strict=True)
    return median(mine / other for mine, other in pairs)


def lines(found: Figures, rows: list[str]) -> Iterator[str]:
    """Ratios first."""
    yield f"{'':28}" + "".join(f"{exchange:^21}" for exchange in EXCHANGES)
    yield f"{'':28}" + f"{'map nothing    us':>20} " * len(EXCHANGES)
    for name, filtered in WAYS:
        yield f"{name}, br_netfilter {filtered}"
        for row in rows:
            cells = []
            for exchange in EXCHANGES:
                by_map, by_nothing = (
                    ratio(found, row, of, (name, filtered), exchange) for of in ("map", "nothing")
                )
                figure = median(found[row, (name, filtered), exchange])
                cells.append(f"{by_map:8.2f} {by_nothing:5.2f} {figure:6.1f}")
            yield f"  {row:26}" + " ".join(cells)


def compiled(folder: str) -> Path:
    program, source = Path(folder) / "packets", Path(__file__).with_suffix(".c")
    compiler = shutil.which("cc") or sys.exit("no C compiler (cc) here")
    subprocess.run([compiler, "-O2", "-o", program, source], check=True)
    return program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--edit", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=3000)
    given = parser.parse_args()
    if "RECONCILER_THROWAWAY" not in os.environ:
        parser.error("this host would be changed: see .ci/setup for a throw-away one")
    edits = dict(edit.split("=", 1) for edit in given.edit)
    builds = {row: ROWS[row] for row in ROWS if row in (*HELD_AGAINST, *(given.rows or ROWS))}
    builds |= {name: partial(ours, 1, edit=edit) for name, edit in edits.items()}
    forked.load()
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(folder)
        found = all_rounds(
            program, {row: stand(build) for row, build in builds.items()}, given.rounds, given.count
        )
        print("\n".join(lines(found, list(builds))))


if __name__ == "__main__":
    main()
