"""Law 7 on a real kernel: what is made reads back, what changes in place too, and what goes leaves nothing.
What was read before, asked again, is answered otherwise each time.

A new kind is tested by being registered: it needs a specimen here, and so does every map and every action.
"""

import importlib
import pkgutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from reconciler import kinds
from reconciler.core.reconcile import reconcile
from reconciler.core.resource import Resource, roles, state
from reconciler.kernel import wireguard_key
from reconciler.kernel.linux import Linux
from reconciler.kernel.observe.capabilities import Missing
from reconciler.kinds.address import Address
from reconciler.kinds.balancer import Balancer
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.cni import BrokenAttachment, CniAttachment
from reconciler.kinds.evpn import Router
from reconciler.kinds.file import File, Orphan
from reconciler.kinds.link import AtLink, Bridge, HandedVeth, Intruder, Link, NetworkLink, OrphanVeth, Veth
from reconciler.kinds.namespace import Closed, Namespace
from reconciler.kinds.nft import InTable
from reconciler.kinds.overlay import FdbEntries, OddFdbEntries, Vxlan
from reconciler.kinds.ownership import PROTOCOL
from reconciler.kinds.remote import BrokenEndpoint, BrokenNetwork, RemoteEndpoint, RemoteNetwork
from reconciler.kinds.resolver import StrayResolver
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.stacked_link import ChildLink, Macvlan, NamelessLink
from reconciler.kinds.sysctl import Sysctl
from reconciler.kinds.wireguard import Wireguard
from reconciler.kinds.workload import Workload
from reconciler.paths import STATE
from tests.netns.namespaces import throwaway_host
from tests.netns.noticing import CALM, UNCHANGED, moved, settled
from tests.netns.snapshot import differing, snapshot
from tests.netns.specimens import PRIVATE, SPECIMENS, UPLINK, Specimen

UPLINK_SIDE = (
    "ip link set lo up",
    f"ip link add {UPLINK} type veth peer name lan",
    f"ip link set {UPLINK} up",
)
# A link in general is none, nor what else kinds have in common; orphans, intruders, closed places and odd
# entries are what others become; test_evpn.py has what needs FRR.  A file's path says whose it is, and a
# tunnel whose port its entries are; the key of a link is the host's, no apply leaves a namespace without its
# marks or a link set by halves, Linux limits what a bridge learns from 6.7 on, and engines and plugins are
# no kernel.
WITHOUT = {
    AtLink, ChildLink, InTable, Link, NetworkLink, OrphanVeth,
    Intruder, Closed, NamelessLink, Orphan, OddFdbEntries, Router, StrayResolver, Workload,
    BrokenAttachment, CniAttachment, BrokenNetwork, RemoteNetwork, BrokenEndpoint, RemoteEndpoint,
}  # fmt: skip
STEADY = {
    (Namespace, "unmarked"), (Bridge, "max_learned"), (File, "ns"), (FdbEntries, "bridge"),
    (HandedVeth, "mute"), (HandedVeth, "mtus_differ"),
    (Wireguard, "public_key"), (Veth, "mtus_differ"), (Vxlan, "odd_port"),
    (Bridge, "stp"), (Bridge, "mute"), (Veth, "mute"), (Macvlan, "mute"), (Balancer, "altered"),
    (Address, "expires"), (Route, "beside"), (Bridge, "deaf"),
    *((one, "amiss") for one in (Veth, HandedVeth, Vxlan, BridgePort)),
    *((type(one.value), "ungrouped") for one in SPECIMENS if isinstance(one.value, Link)),
}  # fmt: skip


@pytest.fixture(scope="module")
def host(privileged: None) -> Iterator[None]:
    """A host with one link of its own, which looks afterwards as it did before."""
    with throwaway_host():
        for line in UPLINK_SIDE:
            run(line)
        Path(STATE).mkdir(parents=True)
        Path(STATE, wireguard_key.NAME).touch(0o600)
        Path(STATE, wireguard_key.NAME).write_text(PRIVATE)
        before = snapshot(run)
        yield
        become()
        left = differing(before, snapshot(run))
        assert set(left) <= {"sysctls"}, left  # these bear no mark and are never reset


def run(command: str) -> str:
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def become(*wanted: Resource) -> list[str]:
    """Reconcile, look with a fresh reader, and tell the steps."""
    return read_back(*wanted)[0]


def read_back(*wanted: Resource) -> tuple[list[str], Linux]:
    """The steps, and the reader."""
    desired, reader = state(*wanted), Linux()
    steps = reconcile(desired, Linux())
    assert reader.observe(desired.values()) == desired
    return [f"{step.op} {step.resource.key}" for step in steps], reader


def calm(reader: Linux, *named: Resource) -> Linux:
    """This reader, or another where something has moved by itself since it looked."""
    time.sleep(CALM)
    return reader if moved(reader) == UNCHANGED else settled(lambda linux: linux.observe(named))[0]


def registered() -> set[type[Resource]]:
    """Of a class with slots there may be a first draft yet, which is nobody's."""
    found = pkgutil.iter_modules(kinds.__path__, f"{kinds.__name__}.")
    rooms = {module.name: importlib.import_module(module.name) for module in found}
    return {
        kind for kind in heirs(Resource) if getattr(rooms.get(kind.__module__), kind.__name__, None) is kind
    }


def heirs(kind: type[Resource]) -> Iterable[type[Resource]]:
    for heir in kind.__subclasses__():
        yield heir
        yield from heirs(heir)


def test_every_kind_has_a_specimen():
    assert registered() - {type(one.value) for one in SPECIMENS} == WITHOUT


def test_every_field_that_changes_in_place_is_changed():
    changed = {(type(one.value), name) for one in SPECIMENS for name in one.changes}
    for kind in registered() - WITHOUT:
        names = set(roles(kind).names) - set(roles(kind).keys) - fixed(kind)
        assert {(kind, name) for name in names} - changed <= STEADY


def fixed(kind: type[Resource]) -> set[str]:
    """All of them, for a rule: the kernel changes none in place."""
    tagged = {name for name, hint in annotations(kind) if "fixed" in getattr(hint, "__metadata__", ())}
    return tagged | (set(roles(Rule).names) if kind is Rule else set())


def annotations(kind: type[Resource]) -> Iterator[tuple[str, object]]:
    for parent in kind.__mro__:
        yield from getattr(parent, "__annotations__", {}).items()


@pytest.mark.parametrize("specimen", SPECIMENS, ids=str)
def test_reads_back(host: None, specimen: Specimen) -> None:
    """And who had read what stood before is answered otherwise."""
    if lack := Missing().get(specimen.feature):
        pytest.skip(lack)
    value, needs = specimen.value, specimen.needs
    stands = (*needs, value)
    become(*needs)
    (made, reader), changes = read_back(*stands), [f"~ {value.key}"]
    assert made == [f"+ {value.key}"] if value.marked else made in (changes, [])
    for changed in specimen.variants():
        reader = calm(reader, *stands)
        become(*needs, changed)
        assert moved(reader) != UNCHANGED
        made, reader = read_back(*stands)
        assert made == changes
    reader = calm(reader, *stands)
    assert become(*needs) == [f"- {value.key}"] * value.marked
    assert moved(reader) != UNCHANGED or Linux().observe(stands) == state(*stands)


RULES = [one.value for one in SPECIMENS if isinstance(one.value, Rule)]


@pytest.mark.parametrize(("old", "new"), list(pairwise(RULES)), ids=lambda rule: rule.action)
def test_a_rule_is_replaced(host: None, old: Rule, new: Rule) -> None:
    become(old)
    become(new)
    become(old, *([] if new.key == old.key else [new]))


@pytest.mark.parametrize(
    "stranger", ["from 10.0.0.0/8 prohibit", "from 10.0.0.0/8 goto 32766", "lookup 100", "to 10.0.0.0/8 nop"]
)
@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.family == "inet"], ids=lambda rule: rule.action
)
def test_a_rule_that_somebody_puts_beside_ours_goes(host: None, rule: Rule, stranger: str) -> None:
    become(rule)
    iif = f"iif {rule.iif} " * bool(rule.iif)
    run(f"ip rule add pref {rule.priority} {iif}{stranger} protocol {PROTOCOL}")
    become(rule)
    assert become() == [f"- {rule.key}"]


def test_everything_stands_at_once(host: None) -> None:
    """In one apply: a specimen of each key, but for sysctls, some of which forbid the rest."""
    everything: dict[str, Resource] = {}
    for one in SPECIMENS:
        for r in () if one.feature or isinstance(one.value, Sysctl) else (*one.needs, one.value):
            everything.setdefault(r.key, r)
    become(*everything.values())
    assert become(*everything.values()) == []
