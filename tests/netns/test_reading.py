"""What the reader sees of what others do, what it leaves alone, and what a refusal says."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from reconciler.core.plan import Step, plan
from reconciler.core.reconcile import apply_and_verify, reconcile
from reconciler.core.resource import Origin, Resource, State, state
from reconciler.errors import FailedInPart, KernelError, NotPermitted, ReconcileError, Where, trace
from reconciler.kernel import netns
from reconciler.kernel.kinds import sysctl
from reconciler.kernel.linux import Linux
from reconciler.kernel.observe.snapshot import Snapshot
from reconciler.kinds.file import File
from reconciler.kinds.nft import Table
from reconciler.kinds.ownership import FILE_MARK, HOST
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.sysctl import Sysctl
from tests.netns.lab import Lab
from tests.netns.namespaces import NEWUSER, unshare
from tests.netns.specimens import BOX, BRIDGE, ETH0, TABLE, address, host_address

HOSTS = File(ns="box", path="/etc/netns/box/hosts", content=f"{FILE_MARK}\n127.0.0.1 localhost\n")
GATEWAY, FIRST = host_address("10.7.0.1", 24), address("10.7.0.2", 24)
STATE = state(
    BOX,
    BRIDGE,
    ETH0,
    HOSTS,
    GATEWAY,
    host_address("fd07::1", 64),
    FIRST,
    address("fd07::2", 64),
    Route(ns="box", dst="0.0.0.0/0", link="eth0", via="10.7.0.1", src="10.7.0.2"),
    Route(ns="box", dst="::/0", link="eth0", via="fd07::1"),
    Route(ns=HOST, dst="10.99.0.0/16", kind="prohibit", table="1090"),
    Rule(family="inet", priority="1090", action="lookup", table="1090", mark=1, mask=1),
    Table(family="inet", name=TABLE),
)


def observed(wanted: State = STATE) -> State:
    return Linux().observe(wanted.values())


@pytest.fixture
def standing(lab: Lab) -> Iterator[Lab]:
    reconcile(STATE, Linux())
    assert observed() == STATE
    yield lab


DRIFT = """
ip link set br0 down                          link host/br0
ip link set br0 mtu 1300                      link host/br0
ip link set br0 address 02:00:00:00:00:ff     link host/br0
ip link set br0 alias reconciler/t/other      link host/br0
ip link set br0 alias reconciler/u/n          link host/br0
ip link set v0 alias reconciler/u/box/eth0    link box/eth0
ip -n box link set eth0 mtu 1300              link box/eth0
ip -n box link set lo down                    namespace box
ip addr del 10.7.0.1/24 dev br0               address host/br0/10.7.0.1
ip addr del 10.7.0.1/24 dev br0 && ip addr add 10.7.0.1/24 dev br0  address host/br0/10.7.0.1
ip addr del fd07::1/64 dev br0 && ip addr add fd07::1/64 dev br0    address host/br0/fd07::1
ip -n box addr del 10.7.0.2/24 dev eth0       route box/main/0.0.0.0/0
ip -n box addr del fd07::2/64 dev eth0        address box/eth0/fd07::2
ip -n box link set eth0 down                  route box/main/::/0
ip -n box route replace default via 10.7.0.9  route box/main/0.0.0.0/0
ip -n box -6 route del default                route box/main/::/0
ip route flush table 1090                     route host/1090/10.99.0.0/16
ip rule del pref 1090                         rule host/inet/1090/
rm /etc/netns/box/hosts                       file /etc/netns/box/hosts
sed -i s/127/126/ /etc/netns/box/hosts        file /etc/netns/box/hosts
nft delete table inet reconciler            table inet/reconciler
"""
ROWS = [tuple(part.strip() for part in row.split("  ", 1)) for row in DRIFT.strip("\n").splitlines()]


@pytest.mark.parametrize(("command", "key"), ROWS, ids=[row[0] for row in ROWS])
def test_what_changed_is_seen_and_put_right(standing: Lab, command: str, key: str):
    standing.run(["sh", "-c", command])
    assert key in [step.resource.key for step in plan(observed(), STATE)]
    reconcile(STATE, Linux())
    assert observed() == STATE


def test_the_host_end_of_a_pair_is_put_right_without_entering_its_sandbox(standing: Lab, monkeypatch):
    standing.run("ip link del br0")
    kernel, entered = Linux(), []
    live = kernel.observe(STATE.values())
    monkeypatch.setattr(netns, "enter", entered.append)
    apply_and_verify(plan(live, STATE), live, STATE, kernel)
    monkeypatch.undo()
    assert entered == [] and observed() == STATE


THEIRS = """
ip addr add 10.7.0.77/24 dev br0
ip addr add fd07::77/64 dev br0 nodad
ip addr add 10.7.0.77/24 dev uplink
ip -n box addr add 10.7.0.78/24 dev eth0
ip route add blackhole 192.0.2.0/24
ip route add 192.0.2.0/24 via 10.7.0.2 proto 186
ip -6 route add unreachable 2001:db8:77::/48 proto bgp
ip -n box route add 192.0.2.0/24 via 10.7.0.1
ip route add prohibit 10.98.0.0/16 table 1090
ip rule add pref 99 fwmark 1 lookup 1090
ip link add br9 type bridge
ip link add v9 type veth peer name eth9 netns box
ip -n box link add eth9 type bridge
ip netns add other
nft add table inet other
nft add table ip reconciler-t
touch /etc/netns/box/nsswitch.conf
mkdir -p /etc/netns/other
"""


@pytest.mark.parametrize("command", THEIRS.split("\n")[1:-1])
def test_what_others_make_is_neither_seen_nor_touched(standing: Lab, command: str):
    standing.run(command)
    before = standing.snapshot()
    assert observed() == STATE
    assert reconcile(STATE, Linux()) == ()
    assert standing.snapshot() == before


@pytest.mark.parametrize("dst", ["192.0.2.0/24", "2001:db8:77::/48"])
def test_a_route_of_the_host_s_own_is_never_replaced(lab: Lab, dst: str):
    lab.run(f"ip route add blackhole {dst} metric 7")
    before = lab.snapshot()
    wanted = state(BRIDGE, Route(ns=HOST, dst=dst, kind="prohibit", metric=7))
    with pytest.raises(KernelError, match="File exists"):
        reconcile(wanted, Linux())
    assert lab.snapshot() == before


def test_the_first_address_of_a_subnet_goes_and_the_others_stay(standing: Lab):
    """Linux would remove the others with it, and the routes that state one of them."""
    others = (address("10.7.0.3", 24), host_address("10.7.0.3", 24))
    route = Route(ns="box", dst="0.0.0.0/0", link="eth0", via="10.7.0.1", src="10.7.0.3")
    more = {**STATE, **state(*others, route)}
    reconcile(more, Linux())
    fewer = {key: r for key, r in more.items() if key not in (FIRST.key, GATEWAY.key)}
    assert [step.op for step in reconcile(fewer, Linux())] == ["-", "-"]
    assert observed(fewer) == fewer
    reconcile(STATE, Linux())
    assert observed() == STATE


# refusals

FAR = Route(ns="box", dst="10.9.0.0/16", link="eth0")
ORIGIN = Origin(Where("shop.yaml", 14, 9, "networks.n"), "bridge")


@pytest.mark.parametrize(
    ("wrong", "number", "words"),
    [
        (replace(BRIDGE, name="br7", mtu=67), errno.EINVAL, "mtu less than device minimum"),
        (replace(FAR, via="192.0.2.1"), errno.ENETUNREACH, "Nexthop has invalid gateway"),
        (replace(FAR, dst="fd09::/48", via="fd07::2"), errno.EINVAL, "Gateway can not be a local address"),
        (Sysctl(ns="box", name="net/ipv4/ip_default_ttl", value="0"), errno.EINVAL, "Invalid argument"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_why_and_where(standing: Lab, wrong: Resource, number: int, words: str):
    before = standing.snapshot()
    wrong = replace(wrong, origin=ORIGIN)
    with pytest.raises((KernelError, FailedInPart)) as caught:
        reconcile({**STATE, wrong.key: wrong}, Linux())
    [refusal] = getattr(caught.value, "refusals", {"": caught.value}).values()
    assert refusal.step.partition("   #")[0][2:] == wrong.key
    assert (refusal.number, refusal.where) == (number, ORIGIN.where)
    assert words in caught.value.message and str(caught.value).startswith("shop.yaml:14:9 networks.n: ")
    assert standing.snapshot() == before


@pytest.mark.parametrize(("room", "work"), [(Snapshot, "look"), (sysctl, "write")], ids=["look", "write"])
def test_a_bug_of_ours_met_in_a_sandbox_does_not_pass_for_somebody_s_doing(
    standing: Lab, monkeypatch: pytest.MonkeyPatch, room: object, work: str
):
    before, right = standing.snapshot(), getattr(room, work)

    def wrong(*given: object) -> object:
        if HOST in given:
            return right(*given)
        raise IndexError("as the test asks")

    monkeypatch.setattr(room, work, wrong)
    ttl = Sysctl(ns="box", name="net/ipv4/ip_default_ttl", value="65")
    with pytest.raises(FailedInPart, match=r"unforeseen IndexError: as the test asks \(id ") as caught:
        reconcile({**STATE, ttl.key: ttl}, Linux())
    assert caught.value.refusals.keys() == {"box"} and "in wrong" in trace(caught.value)
    assert standing.snapshot() == before


MORE = replace(ETH0, name="eth7", host_name="v7")
STEPS = {
    "bridge": Step("+", replace(BRIDGE, name="br7")),
    "bridge gone": Step("-", BRIDGE),
    "bridge changed": Step("~", replace(BRIDGE, mtu=1300), BRIDGE),
    "namespace": Step("+", replace(BOX, name="box7")),
    "namespace gone": Step("-", BOX),
    "veth": Step("+", MORE),
    "veth gone": Step("-", ETH0),
    "address": Step("+", host_address("10.7.0.7", 24)),
    "address in a sandbox": Step("+", address("10.7.0.7", 24)),
    "route": Step("+", Route(ns=HOST, dst="10.97.0.0/16", kind="prohibit")),
    "rule": Step("+", Rule(family="inet", priority="7", action="nop")),
    "sysctl": Step("~", Sysctl(ns=HOST, name="net/ipv4/ip_forward", value="1")),
    "file": Step("+", replace(HOSTS, path="/etc/netns/box/resolv.conf")),
    "table": Step("+", Table(family="inet", name=f"{TABLE}7")),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_without_the_capability_nothing_is_permitted(standing: Lab, step: Step):
    before = standing.snapshot()
    error = without_capabilities(lambda: Linux().execute([step]))
    assert error == f"{NotPermitted.__name__} {NotPermitted.exit_code}"
    assert standing.snapshot() == before


def without_capabilities(work: Callable[[], object]) -> str:
    """The error that it ends with, in a process that is nobody in a user namespace of its own."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            unshare(NEWUSER)
            work()
            told = "nothing"
        except ReconcileError as error:
            told = f"{type(error).__name__} {error.exit_code}"
        except BaseException as error:
            told = repr(error)
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told
