"""The fake kernel refuses, cascades and cleans up as Linux does."""

import errno
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.plan import Step, plan
from reconciler.core.reconcile import reconcile
from reconciler.core.resource import Resource, State, state
from reconciler.errors import KernelError, RollbackFailed, Unforeseen, trace
from reconciler.kernel.fake.kernel import FakeKernel, Killed
from reconciler.kernel.kinds.veth import BRIDGE_PORTS
from reconciler.kinds.address import Address
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.link import Bridge, OrphanVeth, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Chain, Element, Map, Table
from reconciler.kinds.ownership import HOST
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.sysctl import Forwarding, Sysctl
from tests.unit.states import FOREIGN

BRIDGE = Bridge(ns=HOST, name="br", project="p", network="n", mac="02::1")
NS = Namespace(name="c", project="p")
VETH = Veth(ns="c", name="eth0", project="p", host_name="v", mac="02::2", bridge="br")
ADDRESS = Address(ns="c", link="eth0", ip="10.0.0.2", prefix=24)
SIX = Address(ns="c", link="eth0", ip="fd00::2", prefix=64)
ROUTE = Route(ns="c", dst="0.0.0.0/0", link="eth0", via="10.0.0.1", src="10.0.0.2")
SIX_ROUTE = Route(ns="c", dst="::/0", link="eth0", via="fd00::1", src="fd00::2")
SETTING = Sysctl(ns="c", name="net/ipv6/conf/eth0/accept_ra", value="1", link="eth0")
PART: dict[str, Any] = {"family": "inet", "table": "t"}
TABLE = Table(family="inet", name="t")
MAP = Map(**PART, name="publish", type="inet_service", data="ipv4_addr")
ELEMENT = Element(**PART, map="publish", item="80", value="10.0.0.2")
CHAIN = Chain(**PART, name="c", rules=("dnat to tcp dport map @publish",))
WORLD = (BRIDGE, NS, VETH, ADDRESS, SIX, ROUTE, SIX_ROUTE, SETTING, TABLE, MAP, ELEMENT, CHAIN)


def step(op: str, resource: Resource) -> Step:
    return Step(op, resource, None if op == "+" else resource)


def run(fake: FakeKernel, op: str, *resources: Resource) -> None:
    for refusal in fake.execute([step(op, resource) for resource in resources]).values():
        raise refusal


def test_what_a_sandbox_refuses_holds_up_nobody_else():
    other = Namespace(name="d", project="p")
    fake = FakeKernel([NS, other, BRIDGE])
    there = Veth(ns="d", name="eth0", project="p", host_name="w", mac="02::3", bridge="br")
    refusals = fake.execute([step("+", r) for r in (ADDRESS, VETH, there)])
    assert refusals.keys() == {"c"} and VETH.key not in fake.live and there.key in fake.live


@pytest.mark.parametrize(
    ("held", "op", "resource", "number"),
    [
        ((), "+", VETH, errno.ENOENT),
        ((NS,), "+", VETH, errno.ENODEV),
        ((NS,), "+", NS, errno.EEXIST),
        ((NS, BRIDGE), "+", Veth(ns="c", name="e", project="p", host_name="br", mac=""), errno.EEXIST),
        ((NS,), "+", ADDRESS, errno.ENODEV),
        ((BRIDGE,), "+", BridgePort(link="nic", bridge="br"), errno.ENODEV),
        ((NS,), "+", ROUTE, errno.ENODEV),
        ((NS, BRIDGE, VETH, SIX), "+", ROUTE, errno.EINVAL),
        (
            (NS, BRIDGE, VETH, ADDRESS),
            "+",
            Route(ns="c", dst="::/0", link="eth0", via="fd00::1"),
            errno.EHOSTUNREACH,
        ),
        ((NS,), "+", SETTING, errno.ENOENT),
        ((), "+", MAP, errno.ENOENT),
        ((TABLE,), "+", ELEMENT, errno.ENOENT),
        ((TABLE,), "+", CHAIN, errno.ENOENT),
        ((TABLE, MAP, CHAIN), "-", MAP, errno.EBUSY),
        ((), "-", BRIDGE, errno.ENODEV),
        ((), "-", TABLE, errno.ENOENT),
        ((), "~", BRIDGE, errno.ENODEV),
        ((), "~", NS, errno.ENOENT),
        (
            (Address(ns=HOST, link="br", ip="10.0.0.1", prefix=8), BRIDGE),
            "~",
            Address(ns=HOST, link="br", ip="10.0.0.1", prefix=9),
            errno.EOPNOTSUPP,
        ),
        ((), "+", OrphanVeth(ns=HOST, name="v"), errno.EOPNOTSUPP),
    ],
)
def test_refuses_as_linux_does(held, op, resource, number):
    fake = FakeKernel(held)
    with pytest.raises(KernelError) as caught:
        run(fake, op, resource)
    assert caught.value.number == number
    assert fake.live == {r.key: r for r in held}


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (VETH, {BRIDGE, NS, TABLE, MAP, ELEMENT, CHAIN}),
        (ADDRESS, set(WORLD) - {ADDRESS, ROUTE}),
        (SIX, set(WORLD) - {SIX, SIX_ROUTE} | {Route(ns="c", dst="::/0", link="eth0", via="fd00::1")}),
        (
            BRIDGE,
            set(WORLD) - {BRIDGE, VETH}
            | {Veth(ns="c", name="eth0", project="p", host_name="v", mac="02::2")},
        ),
        (TABLE, set(WORLD) - {TABLE, MAP, ELEMENT, CHAIN}),
    ],
)
def test_takes_along_what_linux_takes_along(gone, left):
    fake = FakeKernel(WORLD)
    run(fake, "-", gone)
    assert set(fake.live.values()) == left


def test_the_last_ipv4_address_takes_every_ipv4_route_of_its_link():
    fake = FakeKernel(
        [NS, BRIDGE, VETH, ADDRESS, Route(ns="c", dst="0.0.0.0/0", link="eth0", via="10.0.0.1")]
    )
    run(fake, "-", ADDRESS)
    assert "route c/main/0.0.0.0/0" not in fake.live


def test_a_link_that_goes_down_loses_routes_and_ipv6_addresses():
    fake = FakeKernel(WORLD)
    run(fake, "~", Veth(ns="c", name="eth0", project="p", host_name="v", mac="02::2", bridge="br", up=False))
    assert {ROUTE.key, SIX_ROUTE.key, SIX.key}.isdisjoint(fake.live)
    assert ADDRESS.key in fake.live


def test_a_namespace_that_lost_its_name_leaves_its_pairs_for_a_while():
    fake = FakeKernel(WORLD)
    run(fake, "-", NS)
    assert fake.observe()["link host/v"] == OrphanVeth(ns=HOST, name="v", project="p")
    fake.tick()
    assert set(fake.live.values()) == {BRIDGE, TABLE, MAP, ELEMENT, CHAIN}


def test_an_nft_batch_happens_whole_or_not_at_all():
    fake = FakeKernel()
    with pytest.raises(KernelError):
        run(fake, "+", TABLE, MAP, Element(**PART, map="nowhere", item="80"))
    assert fake.live == {}
    run(fake, "+", TABLE, CHAIN, MAP)
    assert len(fake.journal) == 1


def test_refuses_a_batch_of_several_stages():
    with pytest.raises(KernelError):
        run(FakeKernel(), "+", TABLE, NS)


def test_a_bridge_takes_1023_ports():
    def port(n: int) -> Veth:
        return Veth(ns="c", name=f"e{n}", project="p", host_name=f"v{n}", mac="", bridge="br")

    fake = FakeKernel([NS, BRIDGE, *map(port, range(BRIDGE_PORTS))])
    with pytest.raises(KernelError) as caught:
        run(fake, "+", port(BRIDGE_PORTS))
    assert caught.value.number == errno.EXFULL


def test_dies_after_as_many_effects_as_asked():
    fake = FakeKernel()
    fake.die_at(1)
    with pytest.raises(Killed):
        run(fake, "+", NS, BRIDGE)
    assert set(fake.live) == {NS.key}


def test_refuses_what_a_foreign_object_holds_and_leaves_it_alone():
    fake = FakeKernel(foreign=FOREIGN)
    foreign = dict(fake.foreign)
    with pytest.raises(KernelError) as caught:
        reconcile(state(BRIDGE, Bridge(ns=HOST, name="docker0", project="p", network="n", mac="")), fake)
    assert caught.value.number == errno.EEXIST
    assert fake.foreign == foreign and fake.live == {}


def settled(fake: FakeKernel, world: State) -> bool:
    return plan(fake.observe(world.values()), world) == ()


def test_an_address_is_replaced_under_its_route():
    fake = FakeKernel(WORLD)
    wider = Address(ns="c", link="eth0", ip="10.0.0.2", prefix=16)
    after = state(*WORLD, wider)
    assert [*map(str, reconcile(after, fake))] == [
        "- address c/eth0/10.0.0.2   # to be replaced",
        "+ address c/eth0/10.0.0.2   # replaced: prefix 24 -> 16",
        "+ route c/main/0.0.0.0/0   # went with address c/eth0/10.0.0.2",
    ]


def test_a_port_moves_to_another_bridge_while_its_own_goes():
    other = Bridge(ns=HOST, name="br2", project="p", network="m", mac="02::3")
    moved = Veth(ns="c", name="eth0", project="p", host_name="v", mac="02::2", bridge="br2")
    fake = FakeKernel([BRIDGE, NS, VETH])
    assert [*map(str, reconcile(state(other, NS, moved), fake))] == [
        "- link host/br",
        "+ link host/br2",
        "~ link c/eth0   # bridge br -> br2",
    ]


def test_a_bridge_that_was_deleted_by_hand_gets_its_ports_back():
    fake = FakeKernel(WORLD)
    fake.lose(BRIDGE.key)
    assert [*map(str, reconcile(state(*WORLD), fake))] == [
        "+ link host/br",
        "~ link c/eth0   # bridge none -> br",
    ]


def test_a_map_is_replaced_under_a_chain_that_looks_it_up():
    fake = FakeKernel([TABLE, MAP, ELEMENT, CHAIN])
    wider = Map(**PART, name="publish", type="inet_proto . inet_service", data="ipv4_addr")
    other = Element(**PART, map="publish", item="tcp . 80", value="10.0.0.2")
    assert [*map(str, reconcile(state(TABLE, wider, other, CHAIN), fake))] == [
        "- map inet/t/publish   # to be replaced",
        "+ map inet/t/publish   # replaced: type inet_service -> inet_proto . inet_service",
        "+ element inet/t/publish/tcp . 80",
        "~ chain inet/t/c   # detached from map inet/t/publish",
    ]


def test_a_replaced_table_takes_everything_with_it_in_one_transaction():
    fake = FakeKernel([TABLE, MAP, ELEMENT, CHAIN])
    todo = reconcile(state(Table(family="inet", name="t", root="/etc/a"), MAP, ELEMENT, CHAIN), fake)
    assert [step.op for step in todo] == ["-", "+", "+", "+", "+"]
    assert len(fake.journal) == 1


@pytest.mark.parametrize("cleaned", [False, True])
def test_a_sandbox_that_lost_its_name_is_built_anew(cleaned):
    fake = FakeKernel(WORLD)
    fake.lose(NS.key)
    if cleaned:
        fake.tick()
    todo = reconcile(state(*WORLD), fake)
    assert ("- link host/v" in map(str, todo)) != cleaned
    fake.tick()
    assert settled(fake, state(*WORLD))


def test_a_leftover_is_not_put_back():
    fake = FakeKernel(WORLD)
    fake.lose(NS.key)
    fake.refuse_at(2)
    with pytest.raises(KernelError):
        reconcile(state(*WORLD), fake)
    assert "link host/v" not in fake.live


def test_namespaces_that_were_deleted_come_back_when_a_later_one_is_refused():
    fake = FakeKernel([NS, Namespace(name="d", project="p"), BRIDGE, VETH, ADDRESS])
    past = fake.observe()
    fake.refuse_at(3)
    with pytest.raises(KernelError):
        reconcile({}, fake)
    assert [str(steps[0]) for steps in fake.journal[2:]][0] == "- namespace d"
    assert fake.observe() == past


def test_rolling_back_restores_the_sysctls_of_a_link_that_nobody_named():
    fake = FakeKernel(WORLD)
    fake.refuse_at(3)
    with pytest.raises(KernelError):
        reconcile({}, fake)
    assert fake.live[SETTING.key] == SETTING


def test_a_sysctl_of_the_host_gets_its_old_value_back():
    rule = Rule(family="inet", priority="5", action="nop")
    guard = Sysctl(ns=HOST, name="net/ipv4/conf/all/rp_filter", value="2")
    fake = FakeKernel()
    fake.refuse_at(2)
    with pytest.raises(KernelError):
        reconcile(state(guard, rule, Forwarding(ns=HOST, name="net/ipv4/ip_forward", value="1")), fake)
    assert fake.observe([guard])[guard.key] == replace(guard, value="0")
    assert rule.key not in fake.live


def test_a_way_back_that_fails_as_well_is_named():
    class Stubborn(FakeKernel):
        def execute(self, batch):
            if any(step.op == "-" for step in batch):
                raise KernelError(str(batch[0]), errno.EPERM, "no way back")
            return super().execute(batch)

    fake = Stubborn()
    fake.refuse_at(1)
    with pytest.raises(RollbackFailed) as caught:
        reconcile(state(NS, BRIDGE), fake)
    assert caught.value.exit_code == 3 and "no way back" in caught.value.left[0]


class Baffled(FakeKernel):
    """Ends in an exception that is none of ours, once at the second batch, or for ever from there."""

    batches, stubborn = 0, False

    def execute(self, batch):
        self.batches += 1
        if self.batches == 2 or (self.stubborn and self.batches > 2):
            raise IndexError("out of range")
        return super().execute(batch)


def test_an_exception_that_nobody_foresaw_is_rolled_back_like_any_refusal():
    fake = Baffled()
    with pytest.raises(Unforeseen, match="IndexError") as caught:
        reconcile(state(TABLE, NS, BRIDGE), fake)
    assert fake.batches > 2 and not fake.live and caught.value.exit_code == 1


def test_where_the_way_back_ends_in_an_exception_too_what_is_left_is_told():
    fake = Baffled()
    fake.stubborn = True
    with pytest.raises(RollbackFailed, match="unforeseen IndexError") as caught:
        reconcile(state(TABLE, NS, BRIDGE), fake)
    assert fake.live and caught.value.exit_code == 3 and "Traceback" in trace(caught.value)
