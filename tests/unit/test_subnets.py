"""Which subnet each network has: the prefix index against the plain search through all that is in use."""

import time
from ipaddress import ip_interface, ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cnm.carrier import Carrier
from reconciler.cnm.driver import Driver
from reconciler.cnm.ipam import POOLS4, POOLS6, slot
from reconciler.cnm.network import networks_of
from reconciler.cnm.prefixes import Prefixes, prefix_of, span
from reconciler.errors import Finding, ManifestError
from reconciler.family import family
from reconciler.inventory.facts import Facts, LiveNetwork
from reconciler.kinds.names import network as full_name
from reconciler.kinds.names import number
from reconciler.manifest.spec import NetworkSpec, PoolSpec, ProjectSpec, SubnetSpec


class Plain(Driver):
    name, inner, shared = "plain", True, False

    def carrier(self, wanted, facts):
        return Carrier(mtu=1500, bridge=wanted.bridge, inner=self.inner)

    def is_shared(self, wanted, family):
        return self.shared


class Lan(Plain):
    name, inner = "lan", False


class Mesh(Plain):
    name, shared = "mesh", True


DRIVERS = {one.name: one() for one in (Plain, Lan, Mesh)}


def overlap(one, other):
    return one.version == other.version and one.overlaps(other)


class Search:
    """Placement as it was before there was an index: each candidate is held against all that is in use."""

    def __init__(self, projects, facts):
        self.facts, self.found = facts, {}
        ours = {project.name for project in projects}
        theirs = [one for one in facts.networks.values() if one.project not in ours]
        self.routes = sorted(map(ip_network, facts.routes), key=lambda r: (r.version, r))
        self.networks = [ip_interface(cidr).network for one in theirs for cidr in one.subnets]
        self.shared, self.clashes = [], []
        wanted = [(project, spec) for project in projects for spec in project.networks]
        wanted.sort(
            key=lambda w: (
                not w[1].subnets,
                w[1].driver != "mesh",
                full_name(w[0].name, w[1].name) not in facts.networks,
                w[0].name,
                w[1].name,
            )
        )
        for project, spec in wanted:
            routes = [] if spec.driver == "lan" else self.routes
            for written in spec.subnets:
                self.note(spec, ip_network(written.subnet), routes)
            subnets = [ip_network(s.subnet) for s in spec.subnets] + list(self.pooled(project, spec))
            self.found[full_name(project.name, spec.name)] = list(map(str, subnets))
            self.networks += subnets
            self.shared += subnets

    def note(self, spec, prefix, routes):
        hidden = (r for r in routes if overlap(prefix, r) and r.prefixlen >= prefix.prefixlen)
        if other := next((n for n in self.networks if overlap(prefix, n)), None) or next(hidden, None):
            self.clashes.append((spec.name, str(prefix), str(other)))

    def pooled(self, project, spec):
        for version, on, default in ((4, spec.enable_ipv4, POOLS4), (6, spec.enable_ipv6, POOLS6)):
            if on and not any(family(s.subnet) == version for s in spec.subnets):
                pools = [pool for pool in project.pools if family(pool.base) == version] or default
                name = full_name(project.name, spec.name)
                if spec.driver == "mesh":
                    found = self.first(name, pools, self.shared)
                    self.note(spec, found, self.routes)
                else:
                    found = self.standing(name, pools, self.networks) or self.first(
                        name, pools, self.networks, self.routes
                    )
                    self.note(spec, found, self.routes)
                yield found

    def standing(self, name, pools, used):
        one = self.facts.networks.get(name)
        for prefix in [ip_interface(cidr).network for cidr in one.subnets] if one else []:
            sizes = [ip_network(pool.base) for pool in pools if pool.size == prefix.prefixlen]
            if any(overlap(prefix, home) for home in sizes) and not any(overlap(prefix, o) for o in used):
                return prefix
        return None

    def first(self, name, pools, networks, routes=()):
        for narrow, pool in product((False, True), pools):
            used = [*networks, *(r for r in routes if not narrow or r.prefixlen >= pool.size)]
            base = ip_network(pool.base)
            slots = 1 << (pool.size - base.prefixlen)
            start = number("subnet", name) % slots
            for step in range(slots):
                candidate = slot(base, pool.size, (start + step) % slots)
                if not any(overlap(candidate, other) for other in used):
                    return candidate
        raise ManifestError("the pools are full", "")


def prefixes(*, least: int = 20) -> st.SearchStrategy[str]:
    """Prefixes of two small corners of IPv4 and IPv6, so that they meet, and the halves of both."""
    four = st.builds(lambda n, bits: str(ip_network((0x0A000000 + (n << 32 - bits) % 4096, bits))),
                     st.integers(0, 4095), st.integers(least, 30))  # fmt: skip
    six = st.builds(lambda n, bits: str(ip_network(((0xFD << 120) + ((n << 128 - bits) % (1 << 72)), bits))),
                    st.integers(0, 255), st.integers(least + 36, 66))  # fmt: skip
    return four | six


def interfaces() -> st.SearchStrategy[str]:
    return prefixes().map(lambda cidr: f"{ip_network(cidr)[1]}/{cidr.partition('/')[2]}")


def pools() -> st.SearchStrategy[tuple[PoolSpec, ...]]:
    four = st.builds(
        lambda b, s: PoolSpec(base=f"10.0.0.0/{b}", size=s), st.integers(20, 24), st.integers(24, 28)
    )
    six = st.builds(
        lambda b, s: PoolSpec(base=f"fd00::/{b}", size=s), st.integers(57, 60), st.integers(60, 64)
    )
    return st.lists(four | six, max_size=3).map(tuple)


def networks() -> st.SearchStrategy[NetworkSpec]:
    written = prefixes(least=24).map(lambda cidr: (SubnetSpec(subnet=cidr),))
    return st.builds(
        NetworkSpec,
        name=st.sampled_from("abcdefgh"),
        driver=st.sampled_from(["plain", "plain", "lan", "mesh"]),
        subnets=st.just(()) | written,
        enable_ipv6=st.booleans(),
    )


def projects() -> st.SearchStrategy[list[ProjectSpec]]:
    some = st.lists(networks(), unique_by=lambda spec: spec.name, min_size=1, max_size=8).map(tuple)
    one = st.builds(ProjectSpec, name=st.sampled_from("xyz"), networks=some, pools=st.just(()) | pools())
    return st.lists(one, unique_by=lambda project: project.name, min_size=1, max_size=3)


def standing() -> st.SearchStrategy[dict[str, LiveNetwork]]:
    """Networks of the projects asked for, and of another; what they have may come from their pools."""
    held = st.lists(st.integers(24, 28).flatmap(slots) | interfaces() | pooled(), max_size=2).map(tuple)
    found = st.dictionaries(st.tuples(st.sampled_from("xyzo"), st.sampled_from("abcdefgh")), held)
    return found.map(lambda d: {f"{p}_{n}": LiveNetwork(p, f"br-{p}-{n}", s) for (p, n), s in d.items()})


def slots(size: int) -> st.SearchStrategy[str]:
    base = ip_network("10.0.0.0/22")
    return st.integers(0, (1 << size - 22) - 1).map(lambda n: str(slot(base, size, n)))


def pooled() -> st.SearchStrategy[str]:
    """What a network of the default pools has."""
    defaults = st.tuples(st.sampled_from(POOLS4), st.integers(0, 255))
    return defaults.map(lambda one: str(slot(ip_network(one[0].base), one[0].size, one[1])))


def wide() -> st.SearchStrategy[str]:
    return st.sampled_from(["172.16.0.0/13", "192.168.0.0/17", "10.0.0.0/21", "fd00::/58", "::/1"])


@settings(max_examples=settings.default.max_examples * 3)
@given(projects(), st.frozensets(prefixes() | wide() | pooled(), max_size=12), standing())
def test_the_index_places_networks_as_a_search_through_all_does(asked, routes, stands):
    facts = Facts(routes=routes, networks=stands)
    found_out: list[Finding] = []
    try:
        search = Search(asked, facts)
    except ManifestError:
        search = None
    try:
        found = networks_of(asked, {}, facts, DRIVERS, found_out)
    except ManifestError as error:
        assert search is None and "overlaps a route" in error.message
        return
    assert search is not None
    assert {n.name: [r.subnet for r in n.ranges] for n in found} == search.found
    words = [one if isinstance(one, str) else one.message for one in found_out]
    clashes = [one for one in words if "which the host reaches elsewhere" not in one]
    assert len(clashes) == len(search.clashes)
    for message, (_, subnet, other) in zip(clashes, search.clashes, strict=True):
        assert subnet in message and other in message


def test_what_is_wide_and_in_use_is_stepped_over_at_once():
    """IPv6's pool has 2^56 subnets, and half of them may be elsewhere."""
    project = ProjectSpec(name="x", networks=(NetworkSpec(name="n", driver="plain", enable_ipv6=True),))
    for half, other in (("fd00::/9", "fd80::/9"), ("fd80::/9", "fd00::/9")):
        found = networks_of([project], {}, Facts(routes=frozenset({half})), DRIVERS, [])
        assert ip_network(found[0].ranges[1].subnet).subnet_of(ip_network(other))


def test_time_grows_with_networks_and_routes_and_no_faster():
    spent = []
    for count in (250, 1000):
        routes = frozenset(f"{20 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24" for n in range(40 * count))
        project = ProjectSpec(
            name="x", networks=tuple(NetworkSpec(name=f"n{n}", driver="plain") for n in range(count))
        )
        start = time.process_time()
        assert len(networks_of([project], {}, Facts(routes=routes), DRIVERS, [])) == count
        spent.append(time.process_time() - start)
    assert spent[1] < 8 * spent[0] + 0.05


@given(st.lists(prefixes() | wide(), max_size=20), prefixes())
def test_which_prefixes_meet_one(cidrs, cidr):
    known, one = Prefixes(cidrs[:10]), span(cidr)
    for late in cidrs[10:]:
        known.add(late)
    met = [n for n in map(ip_network, dict.fromkeys(cidrs)) if overlap(n, ip_network(cidr))]
    assert sorted(map(str, met)) == sorted(
        {str(prefix_of(s)) for s in (*known.around(one), *known.inside(one))}
    )
    assert known.first_met(one) == (span(str(met[0])) if met else None)
    assert (known.past(one) > one[0]) == bool(met)


WRITTEN = NetworkSpec(name="n", driver="plain", subnets=(SubnetSpec(subnet="10.20.0.0/16"),))
LATE = ProjectSpec(name="x", networks=(WRITTEN,))
ROUTE, VPN = {"routes": frozenset({"10.20.5.0/24"})}, {"onlink": {"10.20.5.0/24": "tun0"}}
ADDRESS, HOP = {"addresses": {"10.20.0.1": "up0"}}, {"hops": {"10.20.0.2": "up0"}}
FOUND = [
    (ROUTE | VPN, "overlaps 10.20.5.0/24, which is in use on tun0"),
    (ADDRESS, "takes the host's address 10.20.0.1 on up0"),
    (HOP, "takes the next hop of a route, 10.20.0.2 on up0"),
]


@pytest.mark.parametrize(("host", "words"), FOUND)
def test_what_a_subnet_would_take_of_the_host_is_refused_and_only_told_where_it_stands(host, words):
    standing = {"networks": {"x_n": LiveNetwork("x", "br-x-n", ("10.20.0.1/16",))}}
    bridge_lost = {"subnets": frozenset({"10.20.0.0/16"})}
    for known, kind in (({}, ManifestError), (standing, str), (bridge_lost, str)):
        found: list[Finding] = []
        networks_of([LATE], {}, Facts(**host, **known), DRIVERS, found)
        [one] = found
        assert isinstance(one, kind) and words in str(one)


@pytest.mark.parametrize("routes", [("10.0.0.0/8",), ("0.0.0.0/1", "128.0.0.0/1"), ("10.20.0.0/15",)])
def test_a_wider_route_forbids_no_subnet(routes):
    found: list[Finding] = []
    networks_of([LATE], {}, Facts(routes=frozenset(routes)), DRIVERS, found)
    assert not any(isinstance(one, ManifestError) for one in found)


def test_pools_go_around_routes_as_long_as_they_can_and_what_stands_stays():
    auto = [ProjectSpec(name="x", networks=(NetworkSpec(name="n", driver="plain", enable_ipv6=True),))]

    def placed(**facts):
        [network] = networks_of(auto, {}, Facts(**facts), DRIVERS, [])
        return [r.subnet for r in network.ranges]

    four, six = placed()
    halves = frozenset({"0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"})
    assert placed(routes=halves) == [four, six]
    assert placed(routes=frozenset({"172.16.0.0/12"}))[0].startswith("192.168.")
    own = (f"{ip_network(one)[1]}/{ip_network(one).prefixlen}" for one in (four, six))
    stands = LiveNetwork("x", "br-x-n", tuple(own))
    for taken in ("172.16.0.0/12", four, str(next(ip_network(four).subnets(2)))):
        assert placed(routes=frozenset({taken}), networks={"x_n": stands}) == [four, six]


@pytest.mark.parametrize(
    ("wide", "told"), [("10.0.0.0/8", True), ("0.0.0.0/1", False), ("10.20.0.0/15", True)]
)
def test_what_the_host_would_reach_no_more_is_told_before_it_is_so(wide, told):
    standing = {"networks": {"x_n": LiveNetwork("x", "br-x-n", ("10.20.0.1/16",))}}
    for known, words in (({}, told), (standing, False)):
        found: list[Finding] = []
        facts = Facts(routes=frozenset({wide}), onlink={wide: "tun0"}, **known)
        networks_of([LATE], {}, facts, DRIVERS, found)
        assert bool(found) == words
        assert all(f"takes 10.20.0.0/16 out of {wide}," in str(one) for one in found)
        assert all(str(one).endswith("on tun0") for one in found)
