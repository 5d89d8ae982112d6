"""Many connections tried at once with real packets: who answers each, and from where he sees it come."""

import os
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from reconciler import Linux, compare, load
from reconciler.core.resource import State
from reconciler.evaluate.journey import OUTSIDE
from reconciler.evaluate.judge import Attempt, Judgement, judgements
from reconciler.evaluate.world import World
from reconciler.inventory.facts import HostFacts
from reconciler.kinds.address import Address
from reconciler.kinds.balancer import Balancer
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Element
from reconciler.kinds.ownership import HOST
from tests.netns.lab import HOST4, HOST6, REMOTE4, REMOTE6, Lab
from tests.netns.prober import family_of
from tests.netns.servers import KINDS
from tests.netns.test_lan import S4, S6

PROTOCOLS = {6: "tcp", 17: "udp"}
INSIDE, HOSTS = (80, 81, 8103, 5432), (2222, 81)  # where containers listen, and the host
LAN = ("10.1.0.", "fd01:")  # as test_lan.py has it
BEYOND = (REMOTE4, REMOTE6, S4, S6)
AT_ONCE, PATIENCE, MORE = 400, 0.7, 3.0  # sockets; seconds, at first and where it was not as expected


class Seen(NamedTuple):
    """Who answered, and from where he saw the client come; nothing where nobody did."""

    who: str = ""
    client: str = ""


def tried(lab: Lab, attempts: Sequence[Attempt], patience: float = PATIENCE) -> list[Seen]:
    """Each with real packets, many at a time."""
    found: list[Seen] = []
    for start in range(0, len(attempts), AT_ONCE):
        found += at_once(lab, attempts[start : start + AT_ONCE], patience)
    return found


def at_once(lab: Lab, attempts: Sequence[Attempt], patience: float) -> list[Seen]:
    found = [Seen()] * len(attempts)
    with selectors.DefaultSelector() as waiting:
        for number, attempt in sorted(enumerate(attempts), key=lambda one: one[1].origin):
            if sock := begun(lab, attempt):
                waiting.register(sock, selectors.EVENT_READ, number)
        end = time.monotonic() + patience
        while waiting.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                found[key.data] = answer(sock)
                waiting.unregister(sock)
                sock.close()
        for key in list(waiting.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return found


def begun(lab: Lab, attempt: Attempt) -> socket.socket | None:
    protocol = PROTOCOLS[attempt.protocol]
    with lab.inside({OUTSIDE: machine(attempt.dst), HOST: ""}.get(attempt.origin, attempt.origin)):
        sock = socket.socket(family_of(attempt.dst), KINDS[protocol])
    sock.setblocking(False)
    try:
        sock.connect((attempt.dst, attempt.port))
        if protocol == "udp":
            sock.send(b"?")
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        return None
    return sock


def machine(ip: str) -> str:
    """Who is outside: R beyond the uplink, or S on a LAN that containers stand on."""
    return "S" if ip.startswith(LAN) else "R"


def answer(sock: socket.socket) -> Seen:
    try:
        words = sock.recv(200).decode().split()
        return Seen(*words[:2])
    except (OSError, ValueError):
        return Seen()


def expected(found: Iterable[Judgement]) -> set[Seen]:
    """Who may answer, and whom he sees then; only where all are open or all closed."""
    return {Seen(who(one), one.seen_as) if one.open and listens(one) else Seen() for one in found}


def who(one: Judgement) -> str:
    return machine(one.attempt.dst) if one.place == OUTSIDE else one.place


def listens(one: Judgement) -> bool:
    """An open way ends where nobody listens."""
    ports = {HOST: HOSTS, OUTSIDE: (80,)}.get(one.place, INSIDE)
    return int(one.target.rpartition(":")[2]) in ports and (one.place != OUTSIDE or one.attempt.dst in BEYOND)


class Host(NamedTuple):
    """What stands, what is wanted, and the host around it."""

    live: State
    desired: State
    facts: HostFacts

    @classmethod
    def of(cls, manifest: str) -> "Host":
        kernel = Linux()
        change = compare(load(["-"], stdin=manifest, environ={}), kernel)
        return cls(change.live, change.desired, kernel.facts())

    def addresses(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {HOST: [HOST4, HOST6, "127.0.0.1", "::1"]}
        for r in self.desired.values():
            if isinstance(r, Address) and not r.ip.startswith("fe80"):
                found.setdefault(r.ns, []).append(r.ip)
        return found

    def sandboxes(self) -> list[str]:
        return [r.name for r in self.desired.values() if isinstance(r, Namespace)]

    def virtual(self) -> set[str]:
        return {ip for r in self.desired.values() if isinstance(r, Balancer) for ip, _, _ in r.servers}

    def doors(self, protocol: str) -> set[int]:
        """Ports of the host."""
        flows = (r.flow for r in self.desired.values() if isinstance(r, Element))
        return {port for f in flows if f and f.protocol == protocol for port in {f.first, f.last}}

    def attempts(self, protocol: int) -> Iterator[Attempt]:
        """From everywhere to everything."""
        doors = self.doors(PROTOCOLS[protocol])
        for origin in (OUTSIDE, HOST, *self.sandboxes()):
            for name, ips in self.addresses().items():
                ports = {*HOSTS, *doors} if name == HOST else {*INSIDE}
                yield from (Attempt(origin, ip, port, protocol) for ip in ips for port in sorted(ports))
            yield from (
                Attempt(origin, ip, port, protocol) for ip in sorted(self.virtual()) for port in (80, 5432)
            )


@contextmanager
def serving(lab: Lab, host: Host) -> Iterator[None]:
    """Everybody listens, on all that is asked for."""
    made: list[Any] = []
    for name, ips in host.addresses().items():
        ns, ports = ("", HOSTS) if name == HOST else (name, INSIDE)
        made += lab.serve(ns, *ports)
        for ip in {*ips, "127.0.0.1", "::1"}:  # an answer of UDP comes from where the socket is
            made += lab.serve(ns, *ports, proto="udp", address=ip)
    for name in lab.outside:
        made += lab.serve(name, 80)
    ways_back(lab, host)
    try:
        yield
    finally:
        for sock in made:
            lab.servers.forget(sock)


def ways_back(lab: Lab, host: Host) -> None:
    """The machines outside know that our containers are behind this host."""
    for r in host.desired.values():
        if isinstance(r, Element) and r.map in ("subnets4", "subnets6"):
            via = HOST6 if ":" in r.item else HOST4
            lab.run(f"ip route replace {r.item} via {via}", "R")


def differences(lab: Lab, host: Host, attempts: Sequence[Attempt]) -> list[str]:
    """What the evaluator says otherwise than packets, of what stands and of what is wanted."""
    worlds = World(host.live, host.facts), World(host.desired, host.facts)
    wanted = [[expected(judgements(world, one)) for world in worlds] for one in attempts]
    seen = tried(lab, attempts)
    doubtful = [n for n, one in enumerate(attempts) if any(seen[n] not in said for said in wanted[n])]
    again = dict(zip(doubtful, tried(lab, [attempts[n] for n in doubtful], MORE), strict=True))
    return [
        f"{attempts[n]}: seen {again[n]}, live {wanted[n][0]}, desired {wanted[n][1]}"
        for n in doubtful
        if any(again[n] not in said for said in wanted[n])
    ]


NETWORKS = (
    "enable_ipv6: true",
    "internal: true",
    "icc: false",
    "host_access: all",
    "masquerade: false",
    "gateway_mode: routed",
    "gateway_mode: nat-unprotected",
    "gateway_mode_ipv6: routed, enable_ipv6: true",
)
PORTS = (
    "8080:80",
    "127.0.0.1:8081:81",
    "8082:80/udp",
    "9000-9001:80-81",
    "8103-8104:8103-8104",
    "[::1]:8083:80",
)


def manifest(seed: int) -> str:
    """A small one: some networks, some containers on one or several, and a service that is replicated."""
    random = Random(seed)
    networks = {f"n{index}": network(random, index) for index in range(random.randint(1, 3))}
    boxes, free, on = {}, [*PORTS], {}
    random.shuffle(free)
    for index in range(random.randint(1, 3)):
        joined = random.sample(sorted(networks), random.randint(1, len(networks)))
        on[f"c{index}"] = {*joined}
        mine = [free.pop() for _ in range(random.randint(0, 2)) if free]
        more = ", extra_hosts: ['gate:host-gateway']" * (random.random() < 0.2)
        boxes[f"c{index}"] = f"{{networks: [{', '.join(joined)}], ports: {mine}{more}}}"
    sections = {"networks": networks, "containers": boxes, "services": services(random, sorted(networks))}
    internal = {name for name, body in networks.items() if "internal" in body}
    sections["policies"] = policies(Random(f"policies {seed}"), on, internal) if seed % 2 else {}
    sections["networks"] = opened(Random(f"opened {seed}"), networks)
    return "name: t\n" + "".join(
        f"{section}:\n" + "".join(f"  {name}: {body}\n" for name, body in items.items())
        for section, items in sections.items()
        if items
    )


def network(random: Random, index: int) -> str:
    flags = random.sample(NETWORKS, random.randint(0, 2))
    keys = {flag.split(":")[0]: flag for flag in flags if "," not in flag}
    keys |= {part.split(":")[0]: part for flag in flags if "," in flag for part in flag.split(", ")}
    if "gateway_mode" in keys:
        keys.pop("internal", None)
    if "gateway_mode_ipv6" in keys:
        keys.pop("internal", None)
    return f"{{{', '.join([f'ipam: {{config: [{{subnet: 10.9{index}.0.0/24}}]}}', *keys.values()])}}}"


def services(random: Random, networks: Sequence[str]) -> dict[str, str]:
    number, net = random.randint(0, 2), random.choice(networks)
    affinity = ", affinity: client" * (random.random() < 0.3)
    return (
        {"s": f"{{networks: [{net}], deploy: {{replicas: {number}}}, ports: ['8100:80']{affinity}}}"}
        if number
        else {}
    )


def policies(random: Random, on: Mapping[str, set[str]], internal: Set[str]) -> dict[str, str]:
    """Of some containers, about whom they are on a network with, those elsewhere, and whoever is outside."""
    found: dict[str, str] = {}
    for name in random.sample(sorted(on), random.randint(1, len(on))):
        others = [other for other in on if other != name]
        beyond = ["outside"] * (not on[name] <= internal)  # else a policy that lists it is refused
        peers = [*others, *(f"network/{one}" for one in sorted(on[name])), *beyond, "host", "10.88.0.0/13"]
        for way in random.sample(("egress", "ingress"), random.randint(1, 2)):
            listed = random.sample(peers, random.randint(0, 2))
            said = [f"'{one}{random.choice(('', ':80', ':80-8103', ':80/udp'))}'" for one in listed]
            found[f"p{len(found)}"] = f"{{for: [{name}], {way}: [{', '.join(said)}]}}"
    return found


def opened(random: Random, networks: Mapping[str, str]) -> dict[str, str]:
    """The networks, of which one may be open to another."""
    able = [*networks]
    if len(able) < 2 or random.random() < 0.5:
        return dict(networks)
    one, other = random.sample(able, 2)
    return {**networks, one: f"{{allow_networks: [{other}], {networks[one][1:]}"}


def many() -> int:
    """How many manifests: few in a check, more where somebody asks."""
    return int(os.environ.get("RECONCILER_FLOWS", "0"))
