"""Whoever is root in a sandbox: it heals, or is told alone, and everybody else is healed meanwhile."""

import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from reconciler.kernel import records
from reconciler.kernel.kinds.address import message
from reconciler.kernel.netlink import links
from reconciler.kernel.netlink.socket import Message, attr, open_socket, send
from reconciler.kernel.observe import readings
from reconciler.kinds.address import Address
from reconciler.kinds.ownership import GROUP, OUTER, TO_DELETE
from tests.netns.lab import Lab
from tests.netns.samples import OTHER
from tests.netns.snapshot import MOVING, differing

SUBNETS = "[{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]"
NAMED = re.compile(r"sandbox (\S+) is left as it is")
GOOD = "good: {networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}, ports: ['8080:80']}"


def stand(lab: Lab, *bad: str) -> None:
    """Two projects in one folder, with something that answers in each; in one somebody is root in these."""
    boxes = [
        f"{{networks: {{n: {{ipv4_address: {ip(n)}, ipv6_address: '{ip6(n)}'}}}}}}" for n in range(len(bad))
    ]
    lines = [GOOD, *(f"{name}: {box}" for name, box in zip(bad, boxes, strict=True))]
    network = f"{{enable_ipv6: true, ipam: {{config: {SUBNETS}}}}}"
    lab.write(
        f"name: t\nnetworks: {{n: {network}}}\ncontainers:\n" + "".join(f"  {row}\n" for row in lines),
        "both/t.yaml",
    )
    lab.write(OTHER, "both/o.yaml")
    lab.succeed(both(lab, "--apply"))
    for ns in ("t-good", "o-web"):
        lab.serve(ns, 80)


def ip(n: int) -> str:
    return f"10.91.0.{10 + n}"


def ip6(n: int) -> str:
    return f"fd91::{10 + n}"


def both(lab: Lab, mode: str):
    return lab.reconcile(mode, "-o", "json", lab.files / "both")


def others(lab: Lab) -> dict[str, str]:
    """All that project o has."""
    words = ("ip -d addr", "ip -4 route", "ip -6 route")
    shown = {f"{ns}: {command}": lab.run(command, ns).out for ns in ("o-web", "o-db") for command in words}
    shown["bridge"] = lab.run("ip -d addr show dev br-o-n").out
    shown = {name: MOVING.sub("", text) for name, text in shown.items()}
    shown["firewall"] = str(sorted(lab.declared("o").elements()))
    return shown | {"files": "".join(map(Path.read_text, sorted(Path("/etc/netns").glob("o-*/*"))))}


@contextmanager
def undisturbed(lab: Lab) -> Iterator[None]:
    """Project o ends up as it was."""
    before = others(lab)
    yield
    assert differing(before, others(lab)) == {}


def healing(lab: Lab):
    """An apply of both, which have something to heal."""
    lab.run("nft delete table inet reconciler")
    lab.run("ip -n t-good link set eth0 down")
    result = both(lab, "--apply")
    assert "Traceback" not in result.err
    for address in ("198.51.100.1", "2001:db8:1::1"):
        assert lab.ask("R", address, 8080) and lab.ask("R", address, 8081), result
    return result


def heals(lab: Lab, *bad: str) -> None:
    """All of it, by one apply, and nothing is left to do."""
    lab.succeed(healing(lab))
    assert lab.succeed(both(lab, "--plan")).steps == []
    for name in bad:
        for address in ("10.91.0.3", "fd91::3"):
            assert lab.ask(f"t-{name}", address, 80), name


def told(lab: Lab, *bad: str) -> str:
    """All is healed but these sandboxes, which are named."""
    result = healing(lab)
    assert result.rc == 3, result
    assert {*NAMED.findall(result.err)} == {f"t-{name}" for name in bad}, result
    return result.err


RENAMED = "link set eth0 down\nlink set eth0 name x\n"
FAULTS = {
    "small": "link set eth0 mtu 1279",  # which is too small for IPv6
    "bridge": "link del eth0\nlink add eth0 type bridge",
    "pair": f"{RENAMED}link add eth0 type veth peer name y",
    "altname": f"{RENAMED}link property add dev x altname eth0",
    "altnames": "link del eth0\nlink add y type bridge\nlink property add dev y altname eth0",
    "loopback": f"{RENAMED}link set lo down\nlink set lo name eth0\nlink set eth0 up",
    "down": "link set lo down",
    "alias": "link set lo alias nobody",
    "stolen": "link set lo alias reconciler/o/o-web",
    "port": "link add y type bridge\nlink set eth0 master y",
    "marked": """route add 198.18.0.0/15 dev eth0 scope global proto 109
        route add 198.20.0.0/16 dev eth0 tos 4 proto 109
        route add unreachable 198.21.0.0/16 proto 109""",
    "nexthop": """nexthop add id 1 via 10.91.0.1 dev eth0
        route add 198.22.0.0/16 nhid 1 proto 109
        route replace default nhid 1 proto 109""",
    "multipath": """route del default
        route add 198.23.0.0/16 proto 109 nexthop via 10.91.0.1 dev eth0 nexthop via 10.91.0.3 dev eth0
        route add default proto 109 nexthop via 10.91.0.1 dev eth0 nexthop via 10.91.0.3 dev eth0""",
    "metric": "route replace default via 10.91.0.1 metric 7 proto 109\nroute del default metric 0",
    "flushed": "addr flush dev eth0",
    "prefix": "addr flush dev eth0\naddr add {ip6}/128 dev eth0 nodad\naddr add {ip}/32 dev eth0",
    "twice": "link add y type bridge\nlink set y up\naddr add {ip}/24 dev y\naddr add {ip6}/64 dev y",
    "faked": f"""link add y type bridge
        link set y group {GROUP} alias reconciler/o/o_n
        link add link eth0 name z type macvlan
        link set z group {GROUP} alias reconciler/o/o_n""",
    "mac": "link set eth0 address 02:00:00:00:00:99",
}  # fmt: skip


def test_what_root_does_heals_and_so_does_everything_else(lab: Lab):
    stand(lab, *FAULTS)
    with undisturbed(lab):
        for n, (name, lines) in enumerate(FAULTS.items()):
            lab.ip("\n".join(map(str.strip, lines.format(ip=ip(n), ip6=ip6(n)).splitlines())), f"t-{name}")
        heals(lab, *FAULTS)


def test_a_neighbour_s_address_with_our_mark_moves_nobody(lab: Lab):
    """An address that root takes is no lease: everybody keeps what the guard of its port says."""
    lab.apply(
        "{name: t, networks: {n: {enable_ipv6: true}}, containers: {a: {networks: [n]}, b: {networks: [n]}}}"
    )
    before = [lab.addresses(ns, family=family) for ns in ("t-a", "t-b") for family in (4, 6)]
    with lab.inside("t-a"), open_socket() as channel:
        index = links.index_of(channel, "eth0")
        for own, other in zip(before[:2], before[2:], strict=True):
            for wanted, gone in ((other, False), (own, True)):
                host, _, width = wanted[0].partition("/")
                address = Address(ns="t-a", link="eth0", ip=host, prefix=int(width))
                assert not send(channel, [message(address, index, delete=gone)])
    lab.succeed(lab.reconcile("--apply", lab.files / "t.yaml"))
    assert [lab.addresses(ns, family=family) for ns in ("t-a", "t-b") for family in (4, 6)] == before


def test_odd_names_harm_nobody(lab: Lab):
    """Neither a terminal nor whoever reads them as text."""
    odd = {"bytes": b"\xff\xfe", "escape": b"\x1b[31m", "override": "\u202eeth".encode()}
    stand(lab, *odd)
    for name, raw in odd.items():
        lab.run(f"ip -n t-{name} link set eth0 down")
        with lab.inside(f"t-{name}"), open_socket() as channel:
            head = links.ifinfo(links.index_of(channel, "eth0"))
            words = (attr(links.IFLA_IFNAME, raw + b"\0"), attr(links.IFLA_IFALIAS, raw))
            assert not send(channel, [Message(links.NEWLINK, 0, head + word) for word in words])
    planned = lab.reconcile("--plan", "-o", "wide", lab.files / "both")
    assert all(line.isprintable() for line in planned.out.splitlines())
    heals(lab, *odd)


@contextmanager
def nested(lab: Lab, ns: str, *flags: str) -> Iterator[int]:
    """A namespace that somebody made in the sandbox, by the process that holds it."""
    with lab.inside(ns):
        process = subprocess.Popen(["unshare", *flags, "sleep", "60"])
    try:
        while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.005)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_link_that_went_into_a_namespace_in_there_comes_back(lab: Lab):
    """And a pair stands in its place, whose indexes say that it is ours."""
    ways = {"root": ("-n",), "user": ("-Urn",)}
    stand(lab, *ways)
    with undisturbed(lab), ExitStack() as stack:
        for name, flags in ways.items():
            pid, index = (
                stack.enter_context(nested(lab, f"t-{name}", *flags)),
                lab.link("eth0", f"t-{name}")["ifindex"],
            )
            pair = f"link add eth0 index {index} type veth peer name y netns {pid}"
            lab.ip(f"link set eth0 netns {pid}\n{pair}", f"t-{name}")
        heals(lab, *ways)


# what it is that decides whose a sandbox is


def forget_record(name: str) -> None:
    """As version 0.1.0 made sandboxes: the alias of lo is all that there is."""
    with records.covered() as beneath, records.opened(name, records.WRITE, beneath):
        pass


def test_sandboxes_of_version_0_1_0_stay_ours_and_get_a_record(lab: Lab):
    stand(lab, "a")
    for name in lab.namespaces():
        forget_record(name)
    assert lab.succeed(both(lab, "--plan")).steps == [f"update namespace {name}" for name in lab.namespaces()]
    lab.succeed(both(lab, "--apply"))
    lab.run("rm -rf /run/reconciler /var/lib/reconciler")
    lab.run("ip -n t-a link set lo alias reconciler/o/t-a")
    assert both(lab, "--plan").steps == ["update namespace t-a"]
    heals(lab, "a")


def test_an_alias_neither_takes_nor_gives_away(lab: Lab):
    """Not somebody else's namespace, and no sandbox of ours."""
    aliases = {"a": "reconciler/o/t-a", "b": "reconciler/o/o-x", "c": "nobody"}
    stand(lab, *aliases)
    for name, alias in aliases.items():
        lab.run(f"ip -n t-{name} link set lo alias {alias}")
    lab.run("ip netns add theirs")
    lab.run("ip -n theirs link set lo alias reconciler/t/theirs")
    before = lab.namespaces()
    lab.destroy("--project", "o")
    assert lab.namespaces() == [name for name in before if not name.startswith("o-")]
    lab.destroy("--project", "t")
    assert lab.namespaces() == ["theirs"]


def test_what_was_mounted_over_our_file_is_not_ours(lab: Lab):
    lab.apply("{name: t, containers: {a: {network_mode: none}}}")
    lab.run("ip netns add theirs")
    lab.run("umount /run/netns/t-a")
    lab.run("mount --bind /run/netns/theirs /run/netns/t-a")
    result = lab.reconcile("--apply", lab.files / "t.yaml")
    assert result.rc == 65 and "the namespace t-a exists and is not ours" in result.err
    lab.destroy("--project", "t")
    assert lab.namespaces() == ["t-a", "theirs"]


# what cannot be healed is told alone


def test_a_sandbox_that_refuses_is_told_alone(lab: Lab):
    stand(lab, "a", "b")
    with undisturbed(lab):
        lab.run("ip -6 -n t-a route del default")
        lab.ip("addr add fd91::1/64 dev eth0 nodad", "t-a")
        assert "Gateway can not be a local address" in told(lab, "a")
        assert both(lab, "--apply").rc == 3
        lab.run("ip -n t-a addr del fd91::1/64 dev eth0")
        heals(lab, "a")


def crowds(many: Iterable[int]) -> dict[str, list[str]]:
    """More of a kind than is looked through."""
    numbers = [f"{n // 256}.{n % 256}" for n in many]
    return {
        "links": [f"link add link eth0 name y{n} type macvlan" for n in many],
        "addresses": [f"addr add 10.64.{n}/32 dev eth0" for n in numbers],
        "marked": [f"route add unreachable 198.18.{n} proto 109" for n in numbers],
        "routes": ["link set eth0 mtu 1279", *(f"route add unreachable 198.18.{n}" for n in numbers)],
        "beside": [
            "link add y type bridge",
            "addr flush dev eth0",
            *(f"addr add 10.64.{n}/32 dev y" for n in numbers),
        ],
    }


def test_a_crowd_holds_nobody_up(lab: Lab):
    """One that bears our marks, or of links, is told; of what is none of ours there may be any number."""
    kinds = crowds(range(readings.MOST + 1))
    stand(lab, *kinds)
    with undisturbed(lab):
        for name, lines in kinds.items():
            lab.ip("\n".join(lines), f"t-{name}")
        assert f"more than {readings.MOST} of a kind" in told(lab, "links", "addresses", "marked")
        status = lab.reconcile("--status", lab.files / "both")
        assert status.rc == 2 and "sandbox t-marked: it cannot be looked into" in status.err
        for name in ("routes", "beside"):
            assert lab.ask(f"t-{name}", "10.91.0.3", 80) and lab.ask(f"t-{name}", "fd91::3", 80)
        lab.destroy("--project", "t")
    assert lab.namespaces() == ["o-db", "o-web"] and "br-t-n" not in lab.links()


# a few hundred verbs

NAMES = ("eth0", "eth1", "lo", "x", "y", "z")
VERBS = (
    "link set {a} name {b}",
    "link set {a} down",
    "link set {a} up",
    "link set {a} mtu {mtu}",
    "link set {a} address 02:00:00:00:00:{hex}",
    "link set {a} alias {alias}",
    "link set {a} group {group}",
    "link set {a} arp off",
    "link set {a} master {b}",
    "link set {a} nomaster",
    "link set {a} netns {pid}",
    "link del {a}",
    "link add {a} type bridge",
    "link add {a} type veth peer name {b}",
    "link add link {a} name {b} type macvlan",
    "link add link {a} name {b} type ipvlan",
    "link property add dev {a} altname {b}",
    "addr flush dev {a}",
    "addr add {ip}/{width} dev {a}",
    "addr del {ip}/24 dev {a}",
    "addr add {ip6}/64 dev {a} nodad",
    "addr del {ip6}/64 dev {a}",
    "route replace {net} via {ip} dev {a} proto 109 metric {hex}",
    "route add {net} dev {a} proto 109",
    "route append {net} via {ip} dev {a} proto 109",
    "route add {kind} {ip} proto {proto}",
    "route del default",
    "-6 route del default",
    "-6 route replace default via {ip6} dev {a} proto 109",
    "route flush table main",
    "nexthop add id {hex} via {ip} dev {a}",
    "route add {net} nhid {hex} proto 109",
    "rule add pref {mtu} {kind}",
    "rule flush",
    "neigh add {ip} lladdr 02:00:00:00:00:{hex} dev {a}",
)


def verb(random: Random, pid: int) -> str:
    """One line for `ip -batch`, of which the kernel refuses many."""
    return random.choice(VERBS).format(
        a=random.choice(NAMES),
        b=random.choice(NAMES),
        mtu=random.choice((68, 1279, 1280, 1400, 9000)),
        hex=random.randint(10, 99),
        alias=random.choice(("reconciler/o/o-web", "reconciler/o/t-s0", "reconciler/t/t-s0/eth0", "x")),
        group=random.choice((0, GROUP, TO_DELETE, OUTER)),
        pid=pid,
        ip=f"10.91.0.{random.choice((1, 2, 3, 10, 11, 12))}",
        ip6=f"fd91::{random.choice((1, 2, 3, 10, 11, 12))}",
        width=random.choice((8, 24, 32)),
        net=random.choice(("default", "10.91.0.0/24", "10.95.0.0/24", "198.18.0.0/15")),
        kind=random.choice(("unreachable", "prohibit", "blackhole")),
        proto=random.choice((4, 109)),
    )


def test_whatever_root_does(lab: Lab):
    """Hundreds of verbs at random: each sandbox heals or is told, and everybody else is healed."""
    seeds = {f"s{seed}": Random(seed) for seed in range(8)}
    stand(lab, *seeds)
    with undisturbed(lab), ExitStack() as stack:
        for name, random in seeds.items():
            pid = stack.enter_context(nested(lab, f"t-{name}", "-n"))
            lines = "\n".join(verb(random, pid) for _ in range(150))
            lab.run("ip -force -batch -", f"t-{name}", check=False, input=lines)
        result = healing(lab)
        left = both(lab, "--plan").steps
        assert result.rc in (0, 3) and (result.rc == 3) == bool(left), result
        named = NAMED.findall(result.err)
        assert not [step for step in left if not any(re.search(rf" {name}\b", step) for name in named)], (
            result
        )
        lab.destroy("--project", "t")
    assert lab.namespaces() == ["o-db", "o-web"]


# what is left over of one project is no other's business


@contextmanager
def held(lab: Lab, name: str) -> Iterator[None]:
    """A process is in the sandbox while its name goes."""
    with lab.inside(name):
        process = subprocess.Popen(["sleep", "60"])
    lab.run(f"ip netns del {name}")
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def moved_out(lab: Lab, name: str) -> Iterator[None]:
    """Its link stands on the host, where somebody with access has put it."""
    lab.ip(f"link set eth0 down\nlink set eth0 name stolen\nlink set stolen netns {os.getpid()}", name)
    yield


@pytest.mark.parametrize("how", [held, moved_out])
def test_a_stray_is_nobody_else_s_business(lab: Lab, how):
    """Another project's apply and its end neither touch it nor fail; its own puts it right."""
    stand(lab)
    with how(lab, "o-web"):
        before = lab.snapshot()
        lab.run("nft delete element inet reconciler bridges { br-t-n }")
        lab.succeed(lab.reconcile("--apply", "--project", "t", lab.files / "both"))
        assert not any(differing(before, lab.snapshot()).values())
        lab.destroy("--project", "t")
        strays = [link["ifname"] for link in lab.json("ip -j link") if link.get("master") == "br-o-n"]
        assert len(strays) == 2 and os.path.exists("/etc/netns/o-web/hosts")
        lab.succeed(lab.reconcile("--apply", lab.files / "both/o.yaml"))
        assert lab.reconcile("--plan", "-o", "json", lab.files / "both/o.yaml").steps == []
    if how is held:
        lab.serve("o-web", 80)
    assert lab.ask("R", "198.51.100.1", 8081)
