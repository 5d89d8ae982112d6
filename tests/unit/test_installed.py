"""Drivers of packages that somebody installed: found, refused, held to their network and to their faults."""

import importlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cnm.carrier import Carrier
from reconciler.cnm.driver import API, Driver, Joined, Wanted, mtu_of
from reconciler.cnm.topology import Network
from reconciler.core.plan import plan
from reconciler.core.reconcile import reconcile, within
from reconciler.core.resource import Resource, State, kind
from reconciler.drivers import BUILT_IN, DRIVERS, built_in, installed
from reconciler.drivers.bounds import stranger
from reconciler.errors import (
    DriverFault,
    FailedInPart,
    ManifestError,
    ManifestErrors,
    ReconcileError,
    RollbackFailed,
)
from reconciler.inventory.facts import Facts, LiveNetwork
from reconciler.kinds.address import Address
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.link import Bridge, OrphanVeth, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Chain, Element, Table
from reconciler.kinds.overlay import FdbEntries
from reconciler.kinds.ownership import HOST
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.kinds.sysctl import Sysctl
from reconciler.manifest.spec import NetworkSpec
from reconciler.pipeline import decide, load
from tests.golden.test_golden import CASES
from tests.golden.test_golden import HOST as GOLDEN
from tests.unit.test_laws import kernel, settled
from tests.unit.worlds import container, manifest, project

HEAD = """
from reconciler.cnm.carrier import Carrier
from reconciler.cnm.driver import Driver

class Odd(Driver):
    api, name = 1, "odd"

    def carrier(self, wanted, facts):
        return Carrier(mtu=1500, paired=True)

    def lower(self, network):
        yield from ()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a package with a driver `odd`, of this text."""

    def install(text: str, name: str = "reconciler-odd") -> None:
        told = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        module = f"{name.replace('-', '_')}_module"
        (told / "entry_points.txt").write_text(f"[reconciler.drivers]\nodd = {module}:Odd\n")
        (tmp_path / f"{module}.py").write_text(text)
        monkeypatch.delitem(sys.modules, module, raising=False)

    monkeypatch.syspath_prepend(str(tmp_path))
    installed.installed.cache_clear()
    yield install
    installed.installed.cache_clear()


TEXT = "name: t\nnetworks:\n  n:\n    driver: odd\ncontainers: {a: {networks: [n]}}\n"


def refusal(text: str = TEXT) -> ManifestError:
    with pytest.raises(ManifestErrors) as caught:
        decide(load(["-"], stdin=text, environ={}), Facts())
    (error,) = caught.value.errors
    return error


def test_an_installed_driver_is_an_entry_of_the_table(package):
    package(HEAD)
    network = load(["-"], stdin=TEXT, environ={}).projects[0].networks[0]
    assert network.driver == "odd" and DRIVERS["odd"].name == "odd"
    assert [*DRIVERS] == [*BUILT_IN, "odd"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.replace("api, name = 1", f"api, name = {API + 1}"), "is written for API 2, and this is API 1"),
        (HEAD.replace("api, name = 1,", "name ="), "is written for API 0"),
        ("import nowhere\n", "cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        ("class Odd:\n    pass\n", "is none"),
        (HEAD.replace('"odd"', '"even"'), "is none"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_place(package, text, words):
    package(text)
    error = refusal()
    assert error.message.startswith("driver `odd` of reconciler-odd ") and words in error.message
    assert str(error.where) == "-:3:3 networks.n"


def test_two_packages_with_one_name_are_refused(package):
    package(HEAD)
    package(HEAD, "reconciler-even")
    error = refusal()
    assert (error.message, error.hint) == (
        "driver `odd` is in several packages",
        "remove one: reconciler-even and reconciler-odd",
    )


def test_one_that_cannot_be_used_is_in_nobodys_way(package):
    package("import nowhere\n")
    assert "did you mean `bridge`?" in refusal(TEXT.replace("odd", "brigde")).hint


def test_without_the_package_a_manifest_that_was_kept_is_refused():
    with pytest.raises(ManifestErrors, match="unknown driver `odd`"):
        decide(manifest(project("t", NetworkSpec(name="n", driver="odd"))), Facts())


def test_what_was_read_without_the_package_is_read_again_when_it_comes(package, tmp_path):
    options = HEAD.replace(
        "api, name", "options = (Option('speed', 'how fast', ('com.odd.speed',)),)\n    api, name"
    )
    file, folder = tmp_path / "t.yaml", str(tmp_path / "cache")
    file.write_text(TEXT.replace("odd\n", "odd\n    driver_opts: {com.odd.speed: 3}\n"))
    before = load([file], environ={}, folder=folder)
    assert load([file], environ={}, folder=folder).digest == before.digest
    package(f"from reconciler.manifest.options import Option\n{options}")
    after = load([file], environ={}, folder=folder)
    assert after.digest != before.digest and after.projects[0].networks[0].options == {"speed": "3"}


@pytest.mark.parametrize("fault", ["return 1 / 0", "yield 1 / 0"])
def test_what_fails_inside_is_told_as_the_drivers(package, fault):
    package(HEAD.replace("yield from ()", fault))
    with pytest.raises(DriverFault) as caught:
        decide(load(["-"], stdin=TEXT, environ={}), Facts())
    assert caught.value.message == (
        "driver `odd` failed at `lower` of network t_n: ZeroDivisionError: division by zero"
    )
    assert str(caught.value.where) == "-:3:3 networks.n"


FAULTS = ("raise SystemExit(0)", "raise RuntimeError", "return 3", "return [3]", "return 'x'", "yield 3")
# What may be taken for an answer: anything for yes or no, and a text for a warning.
HARMLESS = {("is_shared", fault) for fault in FAULTS if not fault.startswith("raise")}
HARMLESS |= {("findings", "return 'x'")}
METHODS = [name for name, one in vars(Driver).items() if callable(one)]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", METHODS)
def test_whatever_a_method_does_is_told_as_the_drivers(package, method, fault):
    package(f"{HEAD}\n    def {method}(self, *arguments):\n        {fault}\n")
    try:
        decide(load(["-"], stdin=TEXT, environ={}), Facts())
    except DriverFault as error:
        assert error.message.startswith(f"driver `odd` failed at `{method}` of ")
    else:
        assert (method, fault) in HARMLESS


def test_one_that_never_ends_is_a_fault(package, monkeypatch):
    monkeypatch.setattr(installed, "MOST", 1000)
    package(f"{HEAD}\n    def findings(self, *arguments):\n        while True:\n            yield 'still'\n")
    with pytest.raises(DriverFault, match="failed at `findings` of its networks: .* does not end with 1000"):
        decide(load(["-"], stdin=TEXT, environ={}), Facts())


@pytest.mark.parametrize("line", ["options = ['mtu']", "options = 3", "scope = 'here'", "name = 'even'"])
def test_what_cannot_be_told_of_is_no_driver(package, line):
    package(f"{HEAD}\n    {line}\n")
    assert refusal().message == "driver `odd` of reconciler-odd is none"


def test_one_that_ends_the_process_when_it_is_imported_cannot_be_loaded(package):
    package("raise SystemExit(0)\n")
    assert refusal().message == "driver `odd` of reconciler-odd cannot be loaded: SystemExit: 0"


class Given(Driver):
    """Yields what it is given."""

    name = "given"

    def __init__(self, *resources: Resource):
        self.resources = resources

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier:
        return Carrier(mtu=mtu_of(wanted.spec, facts), paired=True)

    def lower(self, network: Network) -> Iterator[Resource]:
        return iter(self.resources)


@kind
class Strange(Veth):
    """A kind that no kernel of ours knows."""

    ns: str = "t-a"
    name: str = "eth0"
    project: str = "t"
    host_name: str = "vp0"
    mac: str = "02:00:00:00:00:01"


def network_of(driver: Driver) -> Network:
    from reconciler.cnm.build import build

    spec = NetworkSpec(name="n", driver="given")
    of = manifest(project("t", spec, container("a", "n")))
    return build(of, Facts(), {"given": driver, "bridge": DRIVERS["bridge"]}).networks[0]


NETWORK = network_of(Given())
(END,) = NETWORK.endpoints
LINK, SUBNET = END.host_link, NETWORK.subnets[0]


@pytest.mark.parametrize(
    "resource",
    [
        Namespace(name="t-a", project="t"),
        Namespace(name="u-a", project="u"),
        Address(ns="u-a", link="eth0", ip="10.0.0.1", prefix=32),
        Address(ns="t-a", link="eth1", ip="10.0.0.1", prefix=32),
        Address(ns=HOST, link="br-u-n", ip=SUBNET.gateway, prefix=32),
        Address(ns=HOST, link=LINK, ip="192.0.2.1", prefix=32),
        Address(ns=HOST, link=LINK, ip=SUBNET.gateway, prefix=0),
        Address(ns=HOST, link=LINK, ip="fe80::1", prefix=0),
        Address(ns=HOST, link=LINK, ip="here", prefix=0),
        Veth(ns="t-a", name="eth1", project="t", host_name=LINK, mac="02:00:00:00:00:01"),
        Veth(ns="t-a", name="eth0", project="t", host_name="eth0", mac="02:00:00:00:00:01"),
        Veth(ns="t-a", name="eth0", project="t", host_name=LINK, mac="02:00:00:00:00:01", bridge="br-u-n"),
        Veth(ns="t-a", name="eth0", project="u", host_name=LINK, mac="02:00:00:00:00:01"),
        Bridge(ns=HOST, name="br-t-n", project="t", network="t_n", mac="02:00:00:00:00:01"),
        Bridge(ns=HOST, name="br-u-n", project="t", network="u_n", mac="02:00:00:00:00:01"),
        Route(ns=HOST, dst="0.0.0.0/0", link=LINK),
        Route(ns=HOST, dst="192.0.2.0/24", link=LINK),
        Route(ns=HOST, dst="there", link=LINK),
        Route(ns=HOST, dst=SUBNET.cidr, link=LINK, metric="1"),
        Address(ns=HOST, link=LINK, ip=SUBNET.gateway, prefix="24"),
        Chain(family="inet", table="reconciler", name="x", rules=3),
        Chain(family="inet", table="reconciler", name="x", rules=(3,)),
        Rule(family="inet", priority="1", action="main"),
        BridgePort(link=LINK, bridge="br-u-n"),
        FdbEntries(link=LINK, bridge="br-u-n", entries=()),
        OrphanVeth(ns=HOST, name=LINK, project="t"),
        Strange(),
        Route(ns="t-a", dst="0.0.0.0/0", link="eth1"),
        Sysctl(ns=HOST, name="net/ipv4/ip_forward", value="1"),
        Sysctl(ns=HOST, name="net/ipv4/conf/all/rp_filter", value="0", link=LINK),
        Sysctl(ns=HOST, name=f"net/ipv4/conf/{LINK}/../all/rp_filter", value="0", link=LINK),
        Sysctl(ns=HOST, name=f"net/ipv4/conf/{LINK}/..", value="0", link=LINK),
        Sysctl(ns=HOST, name=f"../../etc/{LINK}/passwd", value="0", link=LINK),
        Table(family="inet", name="reconciler-t"),
        Chain(family="inet", table="reconciler-t", name="given", hook="", rules=()),
        Chain(family="inet", table="reconciler", name="x", hook="", rules=()),
        Chain(family="inet", table="reconciler", name="givens", hook="", rules=()),
        Chain(family="inet", table="reconciler", name="forward", hook="", rules=()),
        Element(family="inet", table="reconciler", map="direct4", item="0.0.0.0/0"),
    ],
    ids=lambda resource: resource.key,
)
def test_what_is_not_of_its_network_is_refused(resource):
    with pytest.raises(DriverFault) as caught:
        [*installed.Watched(Given(resource)).lower(NETWORK)]
    head, _, reason = caught.value.message.partition(" for network t_n: ")
    assert head == f"driver `given` wants {resource.key}" and reason


class Grasping(Given):
    """Wants what another project has."""

    changes: Mapping[str, object] = {}

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier:
        return Carrier(mtu=1500, bridge="br-u-n", external=True)

    def settle(self, networks, joined, facts) -> list[Network]:
        return [replace(network, **self.changes) for network in networks]


def test_a_network_stands_on_no_bridge_of_another_project():
    driver = installed.Watched(Grasping())
    of = Wanted(project("t"), NetworkSpec(name="n"), "t_n", "0")
    facts = Facts(networks={"u_n": LiveNetwork("u", "br-u-n", ())})
    with pytest.raises(DriverFault, match="wants the bridge br-u-n for network t_n: it is project u's"):
        driver.carrier(of, facts)


@pytest.mark.parametrize(
    "changes",
    [
        {"project": "u"},
        {"spec": NetworkSpec(name="n", driver="bridge")},
        {"carrier": Carrier(mtu=1500, bridge="br-u-n")},
        {"endpoints": (replace(END, sandbox="u-a"),)},
        {"endpoints": ()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_network_stays_the_same_network(changes):
    driver = Grasping()
    driver.changes = changes
    with pytest.raises(DriverFault, match="for network t_n: it may not become another"):
        installed.Watched(driver).settle([NETWORK], Joined([], {}, {}), Facts())


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("remote/")])
def test_those_that_are_built_in_keep_within_it_too(case, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    of = load([CASES[case]])
    hosts = [host.name for one in of.projects for host in one.hosts]
    for network in decide(of, Facts(known=False, name=next(iter(hosts), GOLDEN.name)))[0].networks:
        for resource in DRIVERS[network.spec.driver].lower(network):
            assert stranger(resource, network) == ""


P2P = Path(__file__).parents[1] / "drivers/p2p"


def pairs(monkeypatch: pytest.MonkeyPatch, *boxes: str) -> State:
    """What the package of tests/drivers makes of a network with these containers."""
    monkeypatch.syspath_prepend(str(P2P))
    module = importlib.import_module("p2p")
    spec = NetworkSpec(name="n", driver="p2p", enable_ipv6=True)
    of = manifest(project("t", spec, *(container(name, "n") for name in boxes)))
    monkeypatch.setattr(installed, "installed", {"p2p": installed.Watched(module.PointToPoint())}.__getitem__)
    return decide(of, Facts())[1]


@pytest.mark.parametrize(("before", "after"), [("", "a"), ("ab", "b"), ("a", "")])
def test_pairs_without_a_bridge_obey_the_laws(monkeypatch, before, after):
    old, new = (pairs(monkeypatch, *boxes) if boxes else {} for boxes in (before, after))
    steps = sum(1 for _ in plan(old, new))
    for n in range(steps + 1):
        fake = kernel(old)
        fake.refuse_at(n)
        try:
            reconcile(new, fake)
        except RollbackFailed:
            raise
        except FailedInPart as error:  # a sandbox that stood is as it was, with what is on its pair's end
            there, now = (
                within(state, frozenset(error.refusals)) for state in (old, fake.observe(old.values()))
            )
            assert there.items() <= now.items()
        except ReconcileError:
            assert settled(fake, old)
        reconcile(new, fake)
        assert settled(fake, new)


def test_a_pair_that_somebody_deleted_is_made_again(monkeypatch):
    world = pairs(monkeypatch, "a", "b")
    fake = kernel(world)
    fake.lose(next(key for key, r in world.items() if isinstance(r, Veth)))
    assert len(plan(fake.live, world)) > 5
    reconcile(world, fake)
    assert settled(fake, world)


def test_a_driver_that_is_built_in_has_the_name_it_is_called_by():
    assert [built_in(name).name for name in BUILT_IN] == [*BUILT_IN]


def test_a_plan_imports_the_rooms_of_its_own_drivers_alone():
    words = "import sys, reconciler.pipeline as p; p.DRIVERS['bridge']; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    imported = {*done.stdout.split()}
    unwanted = {
        "reconciler.drivers.overlay",
        "reconciler.drivers.installed",
        "importlib.metadata",
        "pydantic",
    }
    assert "reconciler.drivers.bridge" in imported and not unwanted & imported
