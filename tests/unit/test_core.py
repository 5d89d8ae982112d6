"""Keys, order, replacement, cost, digest and counting, in small tables."""

from dataclasses import FrozenInstanceError, replace

import pytest

from reconciler.core.plan import Plan, Step, plan
from reconciler.core.reconcile import apply, reconcile
from reconciler.core.resource import Fixed, Identity, Origin, Resource, Stage, kind, state
from reconciler.errors import FailedInPart, NotConverged, Unforeseen, Where, trace
from reconciler.kernel.fake.kernel import FakeKernel
from reconciler.kinds.address import Address
from reconciler.kinds.cni import ASTRAY, CniAttachment
from reconciler.kinds.file import File
from reconciler.kinds.link import Bridge, Intruder, Link, OrphanVeth, Veth
from reconciler.kinds.namespace import Closed, Namespace
from reconciler.kinds.nft import Chain, Element, Map, Table
from reconciler.kinds.ownership import HOST
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.sysctl import Forwarding, Sysctl
from reconciler.kinds.workload import Workload

BRIDGE = Bridge(ns=HOST, name="br", project="p", network="n", mac="02::1")
VETH = Veth(ns="c", name="eth0", project="p", host_name="v", mac="02::2", bridge="br")
CHAIN = Chain(family="inet", table="t", name="c", rules=("a @m1", "b map @m2", "c @th,64,128 != @m1"))
FILE = File(ns="c", path="/etc/netns/c/hosts", content="one\n")


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        (Namespace(name="c", project="p"), "namespace c"),
        (BRIDGE, "link host/br"),
        (VETH, "link c/eth0"),
        (Address(ns="c", link="eth0", ip="fd00::2", prefix=64), "address c/eth0/fd00::2"),
        (Route(ns="c", dst="0.0.0.0/0"), "route c/main/0.0.0.0/0"),
        (Rule(family="inet", priority="5", iif="br", action="prohibit"), "rule host/inet/5/br"),
        (Sysctl(ns=HOST, name="net/ipv4/ip_forward", value="1"), "sysctl host/net/ipv4/ip_forward"),
        (Table(family="inet", name="t"), "table inet/t"),
        (Map(family="inet", table="t", name="m", type="mark"), "map inet/t/m"),
        (Element(family="inet", table="t", map="m", item="tcp . 80"), "element inet/t/m/tcp . 80"),
        (CHAIN, "chain inet/t/c"),
        (FILE, "file /etc/netns/c/hosts"),
    ],
)
def test_key(resource, key):
    assert resource.key == key


def test_the_order_of_building():
    resources = [
        Table(family="inet", name="t"),
        CHAIN,
        BRIDGE,
        Address(ns=HOST, link="br", ip="10.0.0.1", prefix=24),
        Namespace(name="a", project="p"),
        Namespace(name="c", project="p"),
        VETH,
        FILE,
        Forwarding(ns=HOST, name="net/ipv4/ip_forward", value="1"),
    ]
    assert [step.resource for step in plan({}, state(*reversed(resources)))] == resources


def test_a_chain_refers_to_the_maps_it_looks_up():
    assert CHAIN.refers == ("map inet/t/m1", "map inet/t/m2")


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        (VETH, replace(VETH, mtu=9000), False),
        (VETH, replace(VETH, bridge=""), False),
        (VETH, replace(VETH, host_name="w"), True),
        (OrphanVeth(ns=HOST, name="br"), BRIDGE, True),
        (
            Address(ns="c", link="e", ip="::1", prefix=64),
            Address(ns="c", link="e", ip="::1", prefix=65),
            True,
        ),
        (CHAIN, replace(CHAIN, rules=()), False),
        (CHAIN, replace(CHAIN, hook="type filter hook input priority 0; policy accept;"), True),
        (Route(ns="c", dst="::/0"), Route(ns="c", dst="::/0", metric=5), True),
    ],
)
def test_replaces(old, new, replaces):
    assert new.replaces(old) == replaces


@pytest.mark.parametrize(
    ("step", "disruption"),
    [
        (Step("+", BRIDGE), "none"),
        (Step("~", replace(BRIDGE, mtu=9000), BRIDGE), "none"),
        (Step("~", replace(BRIDGE, mac="02::9"), BRIDGE), "flow"),
        (Step("~", replace(VETH, bridge="other"), VETH), "link"),
        (Step("+", BRIDGE, BRIDGE), "link"),
        (Step("-", BRIDGE, BRIDGE), "link"),
        (Step("-", FILE, FILE), "none"),
    ],
)
def test_disruption(step, disruption):
    assert step.disruption == disruption


def test_a_plan_costs_what_its_worst_step_costs():
    assert Plan().disruption == "none"
    assert Plan((Step("+", BRIDGE), Step("~", replace(VETH, up=False), VETH))).disruption == "link"


@pytest.mark.parametrize(
    ("live", "desired", "text"),
    [
        ((), (BRIDGE,), "+ link host/br"),
        ((BRIDGE,), (), "- link host/br"),
        ((BRIDGE,), (replace(BRIDGE, mtu=9000, up=False),),
         "~ link host/br   # mtu 1500 -> 9000, up True -> False"),
        ((VETH,), (replace(VETH, bridge=""),), "~ link c/eth0   # bridge br -> none"),
        ((FILE,), (replace(FILE, content="two\n"),), "~ file /etc/netns/c/hosts   # content"),
        ((CHAIN,), (replace(CHAIN, rules=("x" * 80,)),), "~ chain inet/t/c   # rules"),
    ],
)  # fmt: skip
def test_because(live, desired, text):
    assert [*map(str, plan(state(*live), state(*desired)))] == [text]


def test_because_of_a_replacement():
    todo = plan(state(OrphanVeth(ns=HOST, name="br")), state(BRIDGE))
    assert [step.because for step in todo][0] == "to be replaced"
    assert [step.because for step in todo][1].startswith("replaced: ")


def test_count_takes_a_replacement_once():
    live = state(
        VETH, FILE, Table(family="inet", name="t", root="/a"), Rule(family="inet", priority="1", action="nop")
    )
    desired = state(replace(VETH, host_name="w"), replace(FILE, content=""), BRIDGE)
    assert plan(live, desired).counts() == {"create": 1, "update": 1, "replace": 1, "delete": 2}


def test_the_digest_tells_what_was_approved():
    def digest(old: Resource, new: Resource) -> str:
        return plan(state(old), state(new)).digest

    once = digest(BRIDGE, replace(BRIDGE, mtu=9000))
    assert once == digest(BRIDGE, replace(BRIDGE, mtu=9000, origin=Origin(Where("shop.yaml", 3))))
    assert once != digest(replace(BRIDGE, mtu=1400), replace(BRIDGE, mtu=9000))
    assert len({once, digest(BRIDGE, replace(BRIDGE, mtu=9001)), Plan().digest}) == 3


def test_what_bears_no_mark_is_never_pruned():
    setting = Sysctl(ns=HOST, name="net/ipv4/ip_forward", value="1")
    assert plan(state(setting), {}) == ()


def test_what_stands_in_a_lost_namespace_is_removed_step_by_step():
    """A namespace dies later: only what a link takes along needs no step."""
    address = Address(ns="c", link="eth0", ip="10.0.0.2", prefix=24)
    todo = plan(state(Namespace(name="c", project="p"), VETH, address, FILE), {})
    assert [*map(str, todo)] == ["- file /etc/netns/c/hosts", "- link c/eth0", "- namespace c"]


def test_what_plugins_attached_is_taken_back_by_a_step_before_its_sandbox_goes_and_after():
    """No cascade of the kernel tells them."""
    box, end = Namespace(name="c", project="p"), attachment()
    assert [str(step) for step in plan(state(box, end), {})] == ["- attachment c/eth0", "- namespace c"]
    lost = end.broken(ASTRAY)
    assert [str(step) for step in plan(state(lost), {})] == ["- attachment c/eth0"]
    steps = plan(state(lost), state(box, end))
    assert [f"{step.op} {step.resource.key}" for step in steps] == [
        "- attachment c/eth0", "+ namespace c", "+ attachment c/eth0",
    ]  # fmt: skip


def test_plugins_attach_before_ports_are_opened_and_containers_run():
    task = Workload(name="c", project="p", engine="podman", sandbox="c", digest="1")
    opened = Forwarding(ns=HOST, name="net/ipv4/ip_forward", value="1")
    whole = state(task, opened, attachment(), FILE, Namespace(name="c", project="p"))
    assert [step.resource.key for step in plan({}, whole)][2:] == [
        "attachment c/eth0", "sysctl host/net/ipv4/ip_forward", "workload c",
    ]  # fmt: skip


def attachment() -> CniAttachment:
    config = '{"plugins": [{"type": "bridge"}]}'
    return CniAttachment(ns="c", name="eth0", project="p", network="n", config=config)


def test_one_identity_field_makes_a_key():
    @kind
    class Thing(Resource):
        noun = "thing"
        name: Identity[str]
        size: Fixed[int]

    assert Thing(name="a", size=1).key == Thing.at("a") == "thing a"
    assert Thing(name="a", size=1).values() == {"name": "a", "size": 1}


def test_a_resource_is_what_its_fields_are_and_stays_so():
    one, other = replace(VETH), replace(VETH, origin=Origin(Where("shop.yaml", 1)))
    assert one == other and hash(one) == hash(other) and one != replace(one, mtu=1400) and one != FILE
    with pytest.raises(FrozenInstanceError):
        one.mtu = 1400  # type: ignore[misc]
    for wrong, word in (({"ns": "a"}, "name"), ({"ns": "a", "name": "b", "colour": "red"}, "colour")):
        with pytest.raises(TypeError, match=word):
            Link(**wrong)  # type: ignore[arg-type]


def test_steps_of_one_stage_that_follow_one_another_are_one_batch():
    batches = []

    class Recorder(FakeKernel):
        def execute(self, batch):
            batches.append([step.resource.stage for step in batch])
            return {}

    table = Table(family="inet", name="t")
    apply(plan(state(VETH, Namespace(name="c", project="p")), state(table, BRIDGE)), Recorder())
    assert batches == [[Stage.WIRING], [Stage.FIREWALL], [Stage.WIRING] * 2]


def test_what_is_accepted_and_does_not_stand_is_named_and_rolled_back():
    class Forgetful(FakeKernel):
        def execute(self, batch):
            refusals = super().execute(batch)
            self.live.pop(BRIDGE.key, None)
            return refusals

    fake = Forgetful()
    with pytest.raises(NotConverged) as caught:
        reconcile(state(Namespace(name="c", project="p"), BRIDGE), fake)
    assert caught.value.left == [BRIDGE.key] and fake.live == {}


@pytest.mark.parametrize("stood", [None, Workload(name="w", project="p", engine="podman", digest="1")])
def test_who_ends_at_once_stays_as_it_is_but_in_anothers_stead(stood):
    class Brief(FakeKernel):
        def execute(self, batch):
            refusals = super().execute(batch)
            ended = {key: replace(r, state="exited (3)") for key, r in self.live.items() if r == wanted}
            self.live |= ended
            return refusals

    wanted = Workload(name="w", project="p", engine="podman", digest="2")
    fake = Brief([stood] if stood else [])
    with pytest.raises(FailedInPart, match=r"container w does not run as it should: it is exited \(3\)"):
        reconcile(state(wanted, BRIDGE), fake)
    assert fake.live == state(BRIDGE, stood or replace(wanted, state="exited (3)"))
    with pytest.raises(FailedInPart):  # as it ended it can be run again, and ends again
        reconcile(state(wanted, BRIDGE), fake)
    assert fake.live == state(BRIDGE, stood or replace(wanted, state="exited (3)"))


def test_what_cannot_be_looked_into_stays_as_it_is_and_is_told():
    shut = Closed(name="c", project="p", why="it cannot be looked into: more than 2000 of a kind")
    fake = FakeKernel([shut, VETH])
    with pytest.raises(
        FailedInPart, match="sandbox c is left as it is: it cannot be looked into: more than"
    ) as caught:
        reconcile(state(Namespace(name="c", project="p"), replace(VETH, mtu=9000), FILE, BRIDGE), fake)
    assert caught.value.exit_code == 3 and fake.live == state(shut, VETH, BRIDGE)
    assert trace(caught.value) == ""
    reconcile({}, fake)
    assert fake.live == {}


def test_where_a_bug_is_why_nobody_can_look_its_traceback_is_kept():
    bug = Unforeseen(IndexError("out of range"))
    fake = FakeKernel([Closed(name="c", project="p", why=bug.message, trouble=bug)])
    with pytest.raises(FailedInPart, match=rf"unforeseen IndexError: out of range \(id {bug.id}\)") as caught:
        reconcile(state(Namespace(name="c", project="p")), fake)
    assert trace(caught.value) == bug.traceback


def test_a_stranger_at_a_name_of_ours_in_a_sandbox_makes_room_and_never_comes_back():
    stranger = Intruder(ns="c", name="eth0")
    home = Namespace(name="c", project="p")
    fake = FakeKernel([home, BRIDGE, stranger])
    todo = plan(fake.observe(), state(home, BRIDGE, VETH))
    assert [str(step).split("   #")[0] for step in todo] == ["- link c/eth0", "+ link c/eth0"]
    fake.refuse_at(1)
    with pytest.raises(FailedInPart):
        reconcile(state(home, BRIDGE, VETH), fake)
    assert fake.live == state(home, BRIDGE)


def test_links_share_their_keys():
    assert Link.at(HOST, "br") == BRIDGE.key == OrphanVeth(ns=HOST, name="br").key
