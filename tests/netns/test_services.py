"""Services: one address for several replicas, spread, kept, and left by who is sick."""

import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from reconciler.kernel.nft.wire import BoundedReading
from tests.netns.lab import HOST4, PATIENCE, Lab
from tests.netns.watching import EVENT, watching

SHOP = """
name: t
networks: {{n: {{enable_ipv6: true}}, inner: {{internal: true}}}}
services:
  web:
    networks: {{n: {{interface_name: eth0}}, inner: {{interface_name: eth1}}}}
    deploy: {{replicas: {count}}}
  k: {{networks: [n]}}
  j: {{networks: [inner]}}
"""
FAMILIES = (4, 6)
ASKED = 300  # with three behind it each has a third, within 5 sigma (8.2 each): 59 to 141


def shop(count: int = 3) -> str:
    return SHOP.format(count=count)


def names(network: str) -> list[list[str]]:
    return [line.split() for line in Path(f"/run/reconciler-dns/names/{network}/t").read_text().splitlines()]


def vip(network: str = "t_n", family: int = 4) -> str:
    found = (ip for ip, name, *_ in names(network) if name == f"web.{network}")
    return next(ip for ip in found if (":" in ip) == (family == 6))


def spread(lab: Lab, ns: str, address: str, proto: str = "tcp", asked: int = ASKED) -> Counter[str]:
    return Counter(str(lab.ask(ns, address, 80, proto)) for _ in range(asked))


def serve(lab: Lab, *numbers: int) -> None:
    for n in numbers:
        for proto in ("tcp", "udp"):
            lab.serve(f"t-web-{n}", 80, proto=proto)


def each(client: str, count: int = 3) -> set[str]:
    return {f"t-web-{n} {client}" for n in range(1, count + 1)}


@pytest.fixture(scope="module")
def web(netfiltered: Lab) -> Lab:
    """Three replicas that serve."""
    netfiltered.apply(shop())
    serve(netfiltered, 1, 2, 3)
    return netfiltered


@pytest.mark.parametrize("family", FAMILIES)
def test_new_connections_are_spread_and_come_from_their_client(web, family):
    for proto in ("tcp", "udp"):
        found = spread(web, "t-k-1", vip(family=family), proto)
        assert found.keys() == each(web.address("t-k-1", family=family))
        assert min(found.values()) >= 59 and max(found.values()) <= 141, found
    assert web.ping("t-k-1", vip(family=family))
    hairpin = spread(web, "t-web-1", vip(family=family), asked=60)
    assert hairpin.keys() == each(web.address("t-web-1", family=family))


def test_an_internal_network_has_its_own_without_a_way_out(web):
    assert spread(web, "t-j-1", vip("t_inner"), asked=60).keys() == each(web.address("t-j-1"))
    web.silent(("t-j-1", vip(), 80))
    assert not web.ping("R", vip(), patience=0.3) and not web.ping("", vip(), patience=0.3)


def test_so_it_is_where_there_is_no_ipv4(lab):
    lab.apply(shop().replace("enable_ipv6: true", "enable_ipv4: false, enable_ipv6: true"))
    serve(lab, 1, 2, 3)
    for proto in ("tcp", "udp"):
        found = spread(lab, "t-k-1", vip(family=6), proto, asked=60)
        assert found.keys() == each(lab.address("t-k-1", family=6))


def test_its_names_tell_one_address_and_tasks_all(web):
    asked = {
        name: lookup(web, "t-k-1", name) for name in ("web", "web.t_n", "tasks.web", "t-web-2", "tasks.k")
    }
    assert asked["web"] == asked["web.t_n"] == {vip(), vip(family=6)}
    ends = {n: {web.address(f"t-web-{n}", family=family) for family in FAMILIES} for n in (1, 2, 3)}
    assert asked["tasks.web"] == ends[1] | ends[2] | ends[3] and asked["t-web-2"] == ends[2]
    assert asked["tasks.k"] == {web.address("t-k-1", family=family) for family in FAMILIES}
    assert web.planned(shop()) == []
    found = web.reconcile("--resolve", "web", web.files / "t.yaml").out
    assert f"t_n  t/web  {vip()} {vip(family=6)}  service" in found, found


def lookup(lab: Lab, ns: str, name: str) -> set[str]:
    said = [lab.run(["dig", "+short", "@127.0.0.11", name, kind], ns).out.split() for kind in ("A", "AAAA")]
    return {ip for one in said for ip in one}


def test_who_is_root_in_a_client_harms_himself_alone_and_is_put_right(web):
    web.run("nft flush chain inet reconciler connect", "t-k-1")
    assert web.planned(shop()) == ["update balancer t-k-1"]
    web.run("nft delete table inet reconciler", "t-k-1")
    assert web.planned(shop()) == ["create balancer t-k-1"]
    web.run(
        "nft add table inet reconciler; add map inet reconciler backends4 { type mark : verdict; }", "t-k-1"
    )
    web.apply(shop())
    assert web.planned(shop()) == [] and spread(web, "t-k-1", vip(), asked=40).keys() == each(
        web.address("t-k-1")
    )
    web.run(["nft", "delete element inet reconciler servers4", f"{{ {vip()} }}"], "t-k-1")
    web.apply(shop())
    assert web.planned(shop()) == []


@pytest.mark.long
def test_scaling_moves_no_address_and_breaks_no_connection(lab):
    lab.apply(shop())
    serve(lab, 1, 2, 3)
    before = vip(), vip(family=6)
    for count in (4, 2, 3):
        held = {connected(lab, address) for _ in range(8) for address in before}
        lab.apply(shop(count))
        assert {one.who for one in held if one.goes_on()} == {
            one.who for one in held if one.who <= f"t-web-{count}"
        }
        serve(lab, *range(3 if count == 3 else 4, count + 1))
        assert (vip(), vip(family=6)) == before
        assert spread(lab, "t-k-1", before[0], asked=80).keys() == each(lab.address("t-k-1"), count)
    held = {connected(lab, address) for _ in range(8) for address in before}
    lab.apply(shop(1))
    assert {one.who for one in held if one.goes_on()} == {"t-web-1"}
    assert lookup(lab, "t-k-1", "web") == {lab.address("t-web-1", family=family) for family in FAMILIES}
    assert "elements" not in lab.run("nft list ruleset", "t-k-1").out
    assert lab.planned(shop(1)) == []
    lab.apply(shop(2))
    lab.destroy()
    assert not [*Path("/run/reconciler/balancers").iterdir()]


class Held(NamedTuple):
    """A connection, and who answers."""

    sock: socket.socket
    who: str

    def goes_on(self) -> bool:
        """Whether a message comes back."""
        with self.sock as sock, suppress(OSError):
            sock.sendall(b"#message")
            return sock.recv(100) == b"#message"
        return False


def connected(lab: Lab, address: str) -> Held:
    with lab.inside("t-k-1"):
        sock = socket.create_connection((address, 80), PATIENCE)
    return Held(sock, sock.recv(100).decode().split()[0])


def test_a_datagram_finds_another_where_who_answered_has_gone(lab):
    """And goes on to who stays."""
    lab.apply(shop())
    serve(lab, 1, 2, 3)
    with lab.inside("t-k-1"):
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(30)]
    before = [answer(sock, vip()) for sock in socks]
    assert len({*before}) == 3
    lab.apply(shop(2))
    for sock, old in zip(socks, before, strict=True):
        new = answer(sock, vip())
        assert new.startswith(("t-web-1 ", "t-web-2 ")) and new == (
            new if old.startswith("t-web-3 ") else old
        )
        sock.close()


def answer(sock: socket.socket, address: str) -> str:
    sock.settimeout(PATIENCE)
    sock.connect((address, 80))
    sock.send(b"?")
    return sock.recv(200).decode()


def test_dnsrr_tells_all(lab):
    manifest = shop().replace("replicas: 3", "replicas: 3, endpoint_mode: dnsrr")
    lab.apply(manifest)
    ends = {lab.address(f"t-web-{n}", family=family) for family in FAMILIES for n in (1, 2, 3)}
    assert lookup(lab, "t-k-1", "web") == lookup(lab, "t-k-1", "tasks.web") == ends
    assert "inet reconciler" not in lab.run("nft list ruleset", "t-k-1").out


TESTED = """
name: t
runtime: oci
networks: {n: {}}
services:
  web:
    command: [sh, -c, 'touch /tmp/well; exec sleep 1000']
    stop_signal: SIGKILL
    healthcheck: {test: test -e /tmp/well, interval: 1s, retries: 1}
    networks: [n]
    deploy: {replicas: 3}
containers:
  k: {runtime: none, networks: [n]}
"""


SICK = 'project="t",container="t-web-2",engine="oci"'
METRICS = Path("/run/reconciler/metrics.prom")


def behind(lab: Lab) -> set[str]:
    """Whom a client of the service is led to."""
    rules = lab.run("nft list map inet reconciler backends4", "t-k").out
    return {f"t-web-{n}" for n in (1, 2, 3) if f": {lab.address(f't-web-{n}')}" in rules}


def test_who_is_sick_takes_nothing_new_until_well_again(lab):
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    with watching(lab, lab.write(TESTED)) as watcher:
        watcher.until(
            lambda: lab.reconcile("--status", lab.write(TESTED)).out.count("running, healthy") == 3, EVENT
        )
        watcher.until(lambda: behind(lab) == {"t-web-1", "t-web-2", "t-web-3"}, EVENT)
        lab.succeed(lab.reconcile("--exec", "t-web-2", "--", "rm", "/tmp/well"))
        watcher.until(lambda: behind(lab) == {"t-web-1", "t-web-3"}, EVENT)
        assert lab.address("t-web-2") in lab.run("nft list set inet reconciler quiesced4", "t-k").out
        assert lookup(lab, "t-k", "web") == {vip()}
        watcher.until(lambda: f"healthy{{{SICK}}} 0" in METRICS.read_text())
        assert f"container_up{{{SICK}}} 1" in METRICS.read_text()
        lab.succeed(lab.reconcile("--exec", "t-web-2", "--", "touch", "/tmp/well"))
        watcher.until(lambda: behind(lab) == {"t-web-1", "t-web-2", "t-web-3"}, EVENT)
        for n in (1, 2, 3):
            lab.succeed(lab.reconcile("--exec", f"t-web-{n}", "--", "rm", "/tmp/well"))
        watcher.until(lambda: behind(lab) == set(), EVENT)
        with lab.inside("t-k"), pytest.raises(ConnectionRefusedError):  # at once
            socket.create_connection((vip(), 80), PATIENCE)
        watcher.synced()
    lab.destroy()


@pytest.mark.parametrize("mode", ["vip", "dnsrr"])
def test_who_is_sick_is_found_by_no_name_and_no_port_of_all(lab, mode):
    """But by its own.  Control groups are told apart by name, on whichever host."""
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    manifest = (
        TESTED.replace("name: t", f"name: {mode}")
        .replace("replicas: 3", f"replicas: 3, endpoint_mode: {mode}")
        .replace("    networks: [n]\n    deploy", '    networks: [n]\n    ports: ["8080:80"]\n    deploy')
    )
    with watching(lab, lab.write(manifest)) as watcher:
        watcher.until(
            lambda: lab.reconcile("--status", lab.write(manifest)).out.count("running, healthy") == 3, EVENT
        )
        for n in (1, 2, 3):
            lab.serve(f"{mode}-web-{n}", 80)
        all_ = {lab.address(f"{mode}-web-{n}"): n for n in (1, 2, 3)}
        name = "tasks.web" if mode == "vip" else "web"
        watcher.until(lambda: lookup(lab, f"{mode}-k", name) == {*all_}, EVENT)
        lab.succeed(lab.reconcile("--exec", f"{mode}-web-1", "--", "rm", "/tmp/well"))
        watcher.until(lambda: {all_[ip] for ip in lookup(lab, f"{mode}-k", name)} == {2, 3}, EVENT)
        assert lookup(lab, f"{mode}-k", f"{mode}-web-1") == {lab.address(f"{mode}-web-1")}
        found = Counter(str(lab.ask("R", HOST4, 8080)).split()[0] for _ in range(40))
        assert found.keys() == {f"{mode}-web-2", f"{mode}-web-3"}
    lab.destroy()


def test_who_makes_more_than_anybody_reads_is_not_heard_out(web, monkeypatch):
    """And finds it gone."""
    monkeypatch.setattr(BoundedReading, "most", 100_000)  # bytes
    many = ", ".join(f"10.0.{n >> 8}.{n & 255}" for n in range(3000))
    web.run("nft -f -", "t-k-1", input=f"add element inet reconciler servers4 {{ {many} }}")
    assert web.planned(shop()) == ["update balancer t-k-1"]
    web.apply(shop())
    assert web.planned(shop()) == [] and len(web.run("nft list ruleset", "t-k-1").out) < 5000


OTHERS = """
name: {name}
networks: {{n: {{name: shared, {what}}}}}
services: {{web: {{networks: [n], deploy: {{replicas: {count}}}}}}}
"""


def test_who_joins_later_is_given_what_no_replica_and_no_service_has(lab):
    """Of six addresses the gateway, three replicas and their service have five; nor does who was first."""
    owner = OTHERS.format(name="a", what="ipam: {config: [{subnet: 10.9.0.0/29}]}", count=3)
    lab.succeed(lab.reconcile("--apply", lab.write(owner, "a/a.yaml")))
    guest = OTHERS.format(name="b", what="external: true", count=1)
    lab.succeed(lab.reconcile("--apply", lab.write(guest, "b/b.yaml")))
    zones = [Path(f"/run/reconciler-dns/names/shared/{name}").read_text() for name in "ab"]
    held = sorted(line.split()[0] for text in zones for line in text.splitlines()[1:])
    assert held == [f"10.9.0.{n}" for n in range(2, 7)]
    full = lab.reconcile("--apply", lab.write(owner.replace("replicas: 3", "replicas: 4"), "a/a.yaml"))
    assert full.rc == 65 and "network shared has no free address left" in full.err
