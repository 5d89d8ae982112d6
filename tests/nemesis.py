"""Minutes of replicas that die, are sick, come and go, of edits, drift, and hosts that lose power, by hand,
while clients hold connections and open new ones: who is led to somebody that lives must never notice.

. .ci/setup; throwaway .venv/bin/python -m tests.nemesis [SECONDS] [SEED]
"""

import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from threading import Event, Lock, Thread

from reconciler.kernel.workloads.oci import STATE
from tests.netns import forked
from tests.netns.cluster import OUTSIDE, Cluster, Machine, clustered
from tests.netns.conftest import new_lab
from tests.netns.lab import IMPATIENCE, Lab, family_of
from tests.netns.servers import KINDS, Servers
from tests.netns.test_mesh import OVERLAY, WAYS, scaled
from tests.netns.test_services import vip
from tests.netns.watching import Watcher, until, watching

CLIENTS, HELD, LEAST, MOST = ("t-a", "t-b", "t-c"), 8, 2, 6
PROMPT = 1.0  # seconds in which a change reaches everybody
MEETING = 0.1  # seconds that who connects may need, on a busy machine: a change meanwhile is the one he met
SURELY = 5.0  # seconds after which whoever serves again is in service again
NOTICED = 1.0 + 0.5  # until the next test of health begins: its interval, and the pace of who looks
LISTENS = socket.SOL_SOCKET, socket.SO_ACCEPTCONN
PATIENCE, PAUSE, SPREAD = 3.0, 0.01, 6000
SHOP = """
name: t
runtime: oci
networks: {{n: {{enable_ipv6: true}}}}
services:
  web:
    networks: [n]
    command: [sleep, '100000']
    stop_signal: SIGKILL
    restart: always
    volumes: ['{folder}:/well']
    healthcheck: {{test: test -e /well/$$(hostname), interval: 1s, retries: 1}}
    weights: {weights}
    deploy: {{replicas: {count}}}
containers: {{a: &client {{runtime: none, networks: [n]}}, b: *client, c: *client}}
"""
DRIFT = (
    "nft flush ruleset",
    "nft delete table inet reconciler",
    "nft flush chain inet reconciler connect",
    "nft flush map inet reconciler backends4",
    "nft flush set inet reconciler servers6",
)


class Toll:
    """What clients have noticed."""

    def __init__(self) -> None:
        self.lock, self.counts = Lock(), Counter[str]()
        self.changes, self.late, self.longest = [(time.monotonic(), "")], list[str](), 0.0

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def change(self, what: str) -> None:
        """From now on something is otherwise."""
        self.changes.append((time.monotonic(), what))
        self.count(f"change: {what.split()[0]}")

    def fail(self, began: float, words: str) -> None:
        """A new connection that nobody took, or the wrong one."""
        known = [one for one in self.changes if one[0] <= began + MEETING]
        at, what = known[-1]
        after, before = (
            began - at,
            "".join(f", {at - then:.1f} s after {past}" for then, past in known[-2:-1]),
        )
        self.count("new connections that failed")
        self.longest = max(self.longest, after)
        if after > PROMPT:
            self.late.append(f"{after:.2f} s after {what}{before}: {words}")

    @property
    def last(self) -> str:
        return self.changes[-1][1]


class Flow:
    """A connection, and who answers it; each message has a number."""

    def __init__(self, address: str, port: int, proto: str = "tcp", patience: float = PATIENCE):
        self.sock, self.number = socket.socket(family_of(address), KINDS[proto]), 0
        self.sock.settimeout(patience)
        try:
            self.sock.connect((address, port))
            if proto == "udp":
                self.sock.send(b"?")
            self.who = self.sock.recv(200).decode().split()[0]
            self.sock.settimeout(PATIENCE)
        except (OSError, IndexError):
            self.sock.close()
            raise

    def goes_on(self) -> bool:
        self.number += 1
        said = b"#%d" % self.number
        with suppress(OSError):
            self.sock.send(said)
            return self.sock.recv(100) == said
        return False


def silence(servers: Servers, name: str) -> None:
    """Whoever serves by this name is gone, with all that it has: its thread forgets what is shut down."""
    for key in [*servers.selector.get_map().values()]:
        if key.data and key.data[1] == name and isinstance(key.fileobj, socket.socket):
            with suppress(OSError):
                listens = key.fileobj.type == socket.SOCK_DGRAM or key.fileobj.getsockopt(*LISTENS)
                servers.forget(key.fileobj) if listens else key.fileobj.shutdown(socket.SHUT_RDWR)


class Shop:
    """A service on one host, and what becomes of its replicas; `dead` are those that nobody can rely on."""

    def __init__(self, lab: Lab, folder: Path, dice: random.Random, toll: Toll):
        self.lab, self.folder, self.dice, self.toll = lab, folder, dice, toll
        self.count, self.weights, self.epoch = 3, dict[int, int](), Counter[str]()
        self.serving, self.sick = set[str](), dict[str, float]()
        self.well = dict[str, float]()  # since when
        self.due: list[tuple[float, str]] = []  # when who is to be well again

    def write(self) -> Path:
        text = SHOP.format(folder=self.folder, weights=self.weights or "{}", count=self.count)
        fresh = self.lab.write(text, "m/.t.new")
        fresh.rename(fresh.parent / "t.yaml")
        return fresh.parent

    @property
    def names(self) -> list[str]:
        return [f"t-web-{n}" for n in range(1, self.count + 1)]

    def serve(self) -> None:
        """Whoever stands and is due is well."""
        now = time.monotonic()
        waiting = {name for at, name in self.due if at > now}
        self.due = [one for one in self.due if one[0] > now]
        for name in self.names:
            if name in waiting or name not in self.lab.namespaces():
                continue
            if name not in self.serving:
                with suppress(OSError):
                    self.lab.serve(name, 80)
                    self.serving.add(name)
            if name in self.serving and (name in self.sick or not (self.folder / name).exists()):
                self.sick.pop(name, None)
                self.well[name] = now
                (self.folder / name).touch()

    @property
    def fine(self) -> list[str]:
        """Those that surely are in service."""
        early = time.monotonic() - SURELY
        return sorted(name for name in self.serving - self.sick.keys() if self.well[name] < early)

    def fall_sick(self) -> None:
        if len(self.fine) > 1:
            name = self.dice.choice(self.fine)
            self.toll.change(f"sick {name}")
            self.sick[name] = time.monotonic()
            (self.folder / name).unlink(missing_ok=True)
            self.due.append((time.monotonic() + self.dice.uniform(3, 6), name))

    def end(self, name: str) -> None:
        self.epoch[name] += 1
        self.serving.discard(name)
        self.sick.pop(name, None)
        (self.folder / name).unlink(missing_ok=True)
        silence(self.lab.servers, name)

    def kill(self) -> None:
        if len(self.fine) > 1:
            name = self.dice.choice(self.fine)
            self.due.append((time.monotonic() + self.dice.uniform(3, 6), name))
            self.toll.change(f"kill {name}")
            self.end(name)
            self.lab.run(["crun", f"--root={STATE}", "kill", name, "KILL"], check=False)

    def scale(self) -> None:
        old, count = self.count, self.dice.randint(LEAST, MOST)
        if not any(f"t-web-{n}" in self.fine for n in range(1, count + 1)):
            return
        self.count = count
        for n in range(self.count + 1, old + 1):
            self.epoch[f"t-web-{n}"] += 1  # whoever is led there may notice
        self.write()
        self.toll.change(f"scale {old} {self.count}")
        gone = {f"t-web-{n}" for n in range(self.count + 1, old + 1)}
        until(lambda: gone.isdisjoint(self.lab.namespaces()), 30)
        for name in gone:
            self.end(name)
        self.toll.change("scaled")

    def weigh(self) -> None:
        self.weights = {n: self.dice.randint(1, 4) for n in range(1, 4)}
        self.write()
        self.toll.change("weights")

    def drift(self) -> None:
        ns, words = self.dice.choice(CLIENTS), self.dice.choice(DRIFT)
        self.epoch[ns] += 1  # who is root there harms himself, from now until it is done
        self.toll.change(f"drift {ns} {words}")
        self.lab.run(words, ns, check=False)
        self.epoch[ns] += 1


class Customer(Thread):
    """Holds connections to the service, and opens new ones."""

    def __init__(self, shop: Shop, ns: str, over: Event):
        super().__init__(daemon=True)
        self.shop, self.ns, self.over, self.toll = shop, ns, over, shop.toll
        self.held: list[tuple[Flow, int]] = []

    def run(self) -> None:
        addresses = [vip(family=family) for family in (4, 6)]
        with self.shop.lab.inside(self.ns):
            while not self.over.is_set():
                for address in addresses:
                    self.open(address)
                self.talk()
                time.sleep(PAUSE)

    def open(self, address: str) -> None:
        began, before = time.monotonic(), dict(self.shop.epoch)
        try:
            flow = Flow(address, 80)
        except (OSError, IndexError) as error:
            self.toll.fail(began, f"{self.ns} {address}: {error!r}")
            return
        self.toll.count("new connections")
        if began - self.shop.sick.get(flow.who, began) > PROMPT + NOTICED:
            self.toll.fail(began, f"{self.ns} {address}: to {flow.who}, who is sick")
        if len(self.held) < HELD:
            self.held.append((flow, sum(before.get(name, 0) for name in (flow.who, self.ns))))
        else:
            flow.sock.close()

    def talk(self) -> None:
        for one in [*self.held]:
            flow, epoch = one
            fine = flow.goes_on()
            self.toll.count("messages")
            if not fine:
                lives = self.shop.epoch[flow.who] + self.shop.epoch[self.ns] == epoch
                self.toll.count("BAD messages" if lives else "messages to who had gone")
                if lives:
                    self.toll.late.append(f"BAD {flow.who} of {self.ns} after {self.toll.last}")
                flow.sock.close()
                self.held.remove(one)


@contextmanager
def customers(shop: Shop) -> Iterator[None]:
    over = Event()
    crowd = [Customer(shop, ns, over) for ns in CLIENTS]
    for one in crowd:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in crowd:
            one.join()


class Kept:
    """A watcher that is ended and started again."""

    def __init__(self, lab: Lab, toll: Toll):
        self.lab, self.toll = lab, toll
        self.start()

    def start(self) -> None:
        self.context = watching(self.lab, self.lab.files / "m", RECONCILE_MAX_REMOVALS="100%")
        self.watcher: Watcher = self.context.__enter__()

    def end(self) -> None:
        self.context.__exit__(None, None, None)

    def again(self) -> None:
        self.end()
        self.start()
        self.toll.change("watcher")


def one_host(seconds: float, dice: random.Random, toll: Toll) -> None:
    with new_lab() as lab, tempfile.TemporaryDirectory() as name:
        lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
        shop = Shop(lab, Path(name), dice, toll)
        shop.write()
        kept = Kept(lab, toll)
        shop.serve()
        calm(shop)
        moves = [shop.fall_sick, shop.kill, shop.scale, shop.weigh, shop.drift] * 3 + [kept.again]
        with customers(shop):
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                dice.choice(moves)()
                for _ in range(dice.randint(10, 30)):
                    time.sleep(0.1)
                    shop.serve()
        spread(shop)
        kept.end()


def calm(shop: Shop) -> None:
    """Until all are well, and clients are led to all."""

    def met() -> bool:
        shop.serve()
        told = shop.lab.run("nft list map inet reconciler backends4", CLIENTS[0]).out
        return all(f": {shop.lab.address(name)}" in told for name in shop.names)

    until(met)


def spread(shop: Shop) -> None:
    """How far off the shares of new connections are, when all is calm."""
    calm(shop)
    with shop.lab.inside(CLIENTS[0]):
        found = Counter[str]()
        for _ in range(SPREAD):
            flow = Flow(vip(), 80)
            flow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            flow.sock.close()
            found[flow.who] += 1
    weights = {name: shop.weights.get(n, 1) for n, name in enumerate(shop.names, 1)}
    parts = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    off = max(abs(found[name] / (SPREAD * part) - 1) for name, part in parts.items())
    print(f"spread over {len(parts)} of weights {[*weights.values()]}: at most {100 * off:.1f} % off")


class Town:
    """Three hosts with one port, and a crowd outside; one host at a time loses power and comes back."""

    def __init__(self, cluster: Cluster, dice: random.Random, toll: Toll):
        self.cluster, self.dice, self.toll = cluster, dice, toll
        self.folder = cluster.apply(OVERLAY)
        self.held = dict[tuple[str, int, str, int], Flow]()
        self.off = ""
        for host in cluster.hosts:
            self.serve(host)

    def serve(self, host: Machine) -> None:
        if host.command("test", "-e", f"/run/netns/t-web-{host.number}").rc == 0:
            for proto in KINDS:
                host.serve(f"t-web-{host.number}", 80, proto=proto)

    def talk(self) -> None:
        """Every flow that is held says something, and every host that is on is asked by all ways."""
        for host, (family, proto), n in product(self.cluster.hosts, WAYS, range(HELD // 2)):
            key = (host.name, family, proto, n)
            if host.name == self.off:
                continue
            if one := self.held.get(key):
                self.toll.count("messages")
                if not one.goes_on():
                    self.toll.count("BAD messages")
                    self.toll.late.append(f"BAD {key} {one.who} after {self.toll.last}")
                    self.held.pop(key)
            began = time.monotonic()
            try:
                # What is idle for half a minute is no UDP connection any more.
                flow = Flow(host.underlay[family], 8080, proto, IMPATIENCE if self.off else PATIENCE)
            except (OSError, IndexError) as error:
                self.fail(began, f"{key}: {error!r}")
                continue
            self.toll.count("new connections")
            if self.held.setdefault(key, flow) is not flow:
                flow.sock.close()

    def fail(self, began: float, words: str) -> None:
        """Nobody tells a host that another has lost power: who is led there waits for that one."""
        if self.off:
            self.toll.count("new connections to who has no power")
        else:
            self.toll.fail(began, words)

    def lose(self, lost: Callable[[Flow], bool], by: str = "") -> None:
        for key in [key for key, one in self.held.items() if key[0] == by or lost(one)]:
            self.held.pop(key).sock.close()

    def power(self) -> None:
        victim = self.dice.choice(self.cluster.hosts)
        victim.kill()
        self.off = victim.name
        self.toll.change(f"power of {victim.name}")
        self.lose(lambda one: one.who == f"t-web-{victim.number}", victim.name)
        self.talk()
        victim.start()
        subprocess.run(["ip", "neigh", "flush", "dev", "ul"], check=True)  # its link has another MAC,
        for host in self.cluster.hosts:  # where a machine's own has the same as before
            host.run("ip neigh flush dev uplink")
        victim.succeed(victim.reconcile("--apply", self.folder))
        self.serve(victim)
        self.off = ""
        self.toll.change("power again")

    def scale(self) -> None:
        third = self.cluster["h3"]
        scaled(self.cluster, self.folder, 3)
        self.serve(third)
        self.toll.change("scale to 3")
        self.talk()
        self.lose(lambda one: one.who == "t-web-3")
        scaled(self.cluster, self.folder, 2)
        silence(third.servers, "t-web-3")
        self.toll.change("scale to 2")


def three_hosts(seconds: float, dice: random.Random, toll: Toll) -> None:
    with tempfile.TemporaryDirectory() as name, clustered(Path(name)) as cluster:
        for host in cluster.hosts:
            host.run(f"ip -6 route add default via {OUTSIDE[6]}")
        town = Town(cluster, dice, toll)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            town.talk()
            dice.choice((town.power, town.scale))()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"seed {seed}", flush=True)
    dice = random.Random(seed)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    forked.load()
    found = False
    for part in (one_host, three_hosts):
        toll = Toll()
        part(seconds / 2, dice, toll)
        print(part.__name__, dict(sorted(toll.counts.items())))
        print(f"the longest after a change: {toll.longest:.2f} s; later than {PROMPT} s: {len(toll.late)}")
        print("\n".join(toll.late), flush=True)
        found |= bool(toll.late)
    sys.exit(found)


if __name__ == "__main__":
    main()
