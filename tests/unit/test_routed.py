"""routed between hosts: who has which slice, and what each host knows of the others."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.drivers.bridge.slices import choose
from reconciler.errors import ManifestError
from reconciler.inventory.facts import Facts
from reconciler.kinds.nft import Element
from reconciler.kinds.route import Route
from reconciler.kinds.rule import Rule
from reconciler.manifest.spec import EndpointSpec, HostSpec, Manifest, NetworkSpec, SubnetSpec
from reconciler.manifest.store import lockfile
from reconciler.pipeline import decide
from tests.unit.worlds import container, manifest, project

HOSTS = tuple(HostSpec(name=f"h{n}", address=f"192.0.2.{n}", address6=f"2001:db8::{n}") for n in (1, 2, 3))
FOUR, SIX = SubnetSpec(subnet="10.1.0.0/16"), SubnetSpec(subnet="fd01::/64")
REACHED: dict[str, Any] = {
    "addresses": {"192.0.2.1": "eth1", "2001:db8::1": "eth1"},
    "onlink": {"192.0.2.0/24": "eth1", "192.0.0.0/16": "eth0", "2001:db8::/64": "eth1"},
}


def network(name: str = "n", **more) -> NetworkSpec:
    more.setdefault("subnets", (FOUR, SIX))
    return NetworkSpec(name=name, enable_ipv6=True, gateway_mode="routed", gateway_mode_ipv6="routed", **more)


def fleet(*items, hosts=HOSTS, lock: str = "") -> Manifest:
    boxes = [container("a", "n", host="h1"), container("b", "n", host="h2")]
    made = manifest(project("t", *(items or (network(),)), *boxes, hosts=hosts))
    return Manifest(projects=made.projects, lock=lock)


def seen(host: str = "h1", of: Manifest | None = None, **facts):
    return decide(of or fleet(), Facts(name=host, **facts))


def routes(state) -> dict[str, Route]:
    return {r.dst: r for r in state.values() if isinstance(r, Route) and r.ns == "host" and r.table == "main"}


def test_every_host_decides_alike_and_has_its_own_slice():
    found = {h: seen(h)[0] for h in ("h1", "h2", "h3")}
    assert found["h1"].lock == found["h2"].lock == found["h3"].lock
    for h, topology in found.items():
        assert tuple(s.cidr for s in topology.networks[0].subnets) == topology.lock["t_n", f"@{h}"]
    assert found["h1"].lock["t_n", "@subnet"] == ("10.1.0.0/16", "fd01::/64")
    assert {key[1] for key in found["h1"].lock if not key[1].startswith("@")} == {"t-a", "t-b"}


def test_every_host_has_the_names_of_all():
    found = {h: seen(h)[0] for h in ("h1", "h2")}
    assert found["h1"].naming.zones == found["h2"].naming.zones
    [zone] = found["h1"].naming.zones
    here = {ip for end in found["h2"].networks[0].endpoints for ip, _ in end.addresses}
    assert here == {ip for ip, called in zone.entries if "b" in called} and len(here) == 2


def test_what_is_locked_is_what_others_are_told():
    wanted = dict(seen()[0].lock)
    [other] = (cidr for cidr in wanted["t_n", "@h2"] if "." in cidr)
    free = str(next(ip_network(other).hosts()) + 40)
    wanted["t_n", "t-b"] = free, *(ip for ip in wanted["t_n", "t-b"] if ":" in ip)
    locked = fleet(lock=lockfile.text(wanted))
    for host in ("h1", "h2"):
        [zone] = seen(host, locked)[0].naming.zones
        assert free in [ip for ip, called in zone.entries if "b" in called]


@pytest.mark.parametrize("written", ["", "10.1.5.9"])
def test_nobody_has_a_locked_address_that_a_guest_has(written):
    """Who wrote the lock knows of no guest of a host."""
    lock = "t_n @h1 10.1.5.0/24\nt_n @h2 10.1.6.0/24\nt_n @h3 10.1.7.0/24\nt_n t-a 10.1.5.9\n"
    one = container("a", EndpointSpec(network="n", ipv4_address=written), host="h1")
    of = Manifest(
        projects=manifest(project("t", network(subnets=(FOUR,)), one, hosts=HOSTS)).projects, lock=lock
    )
    leases = {("cni-1", "br-t-n"): ("10.1.5.9",)}
    with pytest.raises(ManifestError, match="10.1.5.9 is taken: cni-1 of project cni-1 has it"):
        seen("h1", of, leases=leases, sandboxes={"cni-1": "cni-1"})
    assert seen("h2", of)[0].networks
    stands = {**leases, ("t-a", "br-t-n"): ("10.1.5.9",)}
    assert seen("h1", of, leases=stands, sandboxes={"cni-1": "cni-1"})[0].networks


def test_the_others_are_reached_via_their_addresses_and_the_rest_is_unreachable():
    topology, state = seen(**REACHED)
    found = routes(state)
    for h in ("h2", "h3"):
        four, six = topology.lock["t_n", f"@{h}"]
        assert (found[four].via, found[four].link) == (f"192.0.2.{h[1]}", "eth1")
        assert (found[six].via, found[six].link) == (f"2001:db8::{h[1]}", "eth1")
    assert {dst for dst, r in found.items() if r.kind == "unreachable"} == {"10.1.0.0/16", "fd01::/64"}
    assert len(found) == 6


def test_a_container_has_its_hosts_addresses_and_a_way_to_the_others():
    topology, state = seen("h2")
    (end,) = topology.networks[0].endpoints
    for ip, prefix in end.addresses:
        assert ip_network((ip, prefix), strict=False) in map(ip_network, topology.lock["t_n", "@h2"])
    assert {dst for dst, _ in end.routes} == {"10.1.0.0/16", "fd01::/64"}


def test_only_its_own_bridge_may_exchange_with_a_slice():
    other = network("other", subnets=())
    topology, state = seen(of=fleet(network(), other))
    items = {e.item for e in state.values() if isinstance(e, Element) and e.map == "remote_of4"}
    slices = {name: topology.lock[name, "@h2"][0] for name in ("t_n", "t_other")}
    assert {f"br-t-n . {slices['t_n']}", f"br-t-other . {slices['t_other']}"} < items and len(items) == 4
    assert not [e for e in state.values() if isinstance(e, Element) and e.map.startswith("masquerade")]


def test_an_internal_network_may_go_to_its_own_subnet_alone():
    _, state = seen(of=fleet(network(internal=True)))
    rules = [r for r in state.values() if isinstance(r, Rule) and r.iif == "br-t-n"]
    assert {(r.family, r.action, r.dst) for r in rules} == {
        ("inet", "goto", "10.1.0.0/16"), ("inet6", "goto", "fd01::/64"),
        ("inet", "prohibit", ""), ("inet6", "prohibit", ""),
    }  # fmt: skip
    assert max(r.priority for r in rules if r.action == "goto") < min(
        r.priority for r in rules if r.action == "prohibit"
    )
    assert "sysctl host/net/ipv4/ip_forward" in state


def test_each_family_goes_by_its_mode():
    mixed = NetworkSpec(name="n", enable_ipv6=True, gateway_mode="routed", subnets=(FOUR, SIX))
    topology, _ = seen(of=fleet(mixed, hosts=tuple(HostSpec(name=h.name, address=h.address) for h in HOSTS)))
    assert [s.prefix for s in topology.networks[0].subnets] == [24, 64]
    assert topology.lock["t_n", "@subnet"] == ("10.1.0.0/16",)


def test_without_hosts_nothing_is_divided():
    alone = manifest(project("t", network(), container("a", "n")))
    topology, _ = decide(alone, Facts())
    assert topology.lock == {} and topology.networks[0].subnets[0].cidr == "10.1.0.0/16"


def test_pools_are_divided_too_and_stay_around_written_subnets():
    local = NetworkSpec(name="local")
    found = [seen(h, fleet(network(subnets=()), local))[0] for h in ("h1", "h2")]
    assert found[0].lock == found[1].lock
    whole = ip_network(found[0].lock["t_n", "@subnet"][0])
    (subnet,) = next(n for n in found[0].networks if n.key == "local").subnets
    assert not whole.overlaps(ip_network(subnet.cidr))


def test_locked_slices_stay_when_hosts_come():
    before = seen()[0].lock
    more = (
        *HOSTS,
        *(HostSpec(name=f"a{n}", address=f"192.0.2.{n + 10}", address6=f"::{n}") for n in range(60)),
    )
    after = seen(of=fleet(hosts=more, lock=lockfile.text(before)))[0].lock
    assert before.items() <= after.items()
    assert not list(lockfile.mistakes(lockfile.text(after), "addresses.lock"))


@pytest.mark.parametrize("line", ["t_n @h1 10.9.0.0/24", "t_n @h1 10.1.0.0/23", "t_n @h1 junk"])
def test_a_line_that_fits_no_longer_is_decided_anew(line):
    assert seen(of=fleet(lock=line))[0].lock == seen()[0].lock


@given(st.sets(st.text("abc", min_size=1), min_size=1, max_size=16), st.data())
def test_no_two_hosts_share_a_slice(names, data):
    kept = dict.fromkeys(names)
    first = choose("n", kept, 16)
    assert len(set(first.values())) == len(names)
    some = data.draw(st.sets(st.sampled_from(sorted(names))))
    assert (
        choose("n", {h: first[h] if h in some else None for h in names}, 16).items()
        >= {h: first[h] for h in some}.items()
    )


def hosts(**more) -> tuple[HostSpec, ...]:
    return (HOSTS[0], HostSpec(name="h2", **more))


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (fleet(hosts=hosts(address6="2001:db8::2")), "host h2 has no IPv4 address"),
        (fleet(hosts=hosts(address="192.0.2.2")), "host h2 has no IPv6 address"),
        (fleet(network(options={"host_prefix": "31"})), "31 is no host_prefix for 10.1.0.0/16"),
        (fleet(network(options={"host_prefix": "15"})), "15 is no host_prefix"),
        (fleet(network(options={"host_prefix": "9" * 5000})), "99 is no host_prefix"),
        (fleet(network(options={"host_prefix_ipv6": "x"})), "x is no host_prefix_ipv6"),
        (
            fleet(network(subnets=(SubnetSpec(subnet="10.1.0.0/23"),))),
            "2 slices of /24, and there are 3 hosts",
        ),
        (
            fleet(network(subnets=(SubnetSpec(subnet="10.1.0.0/16", gateway="10.1.0.1"),))),
            "without a gateway",
        ),
        (fleet(network(subnets=(FOUR, SubnetSpec(subnet="10.2.0.0/16")))), "one subnet a family"),
    ],
)
def test_what_cannot_be_divided_is_refused(of, words):
    with pytest.raises(ManifestError, match=words):
        seen(of=of)


def test_a_host_behind_a_router_is_refused():
    own = REACHED["addresses"]
    with pytest.raises(ManifestError, match="h2 at 192.0.2.2 is no neighbour"):
        seen(addresses=own, onlink={"192.0.2.0/31": "eth1"})


def test_a_fixed_address_must_be_of_the_hosts_slice():
    topology, _ = seen()
    mine, theirs = (str(ip_network(topology.lock["t_n", h][0])[9]) for h in ("@h1", "@h2"))

    def fixed(ip: str) -> Manifest:
        return manifest(
            project("t", network(), container("a", EndpointSpec(network="n", ipv4_address=ip)), hosts=HOSTS)
        )

    assert seen(of=fixed(mine))[0].networks[0].endpoints[0].addresses[0][0] == mine
    with pytest.raises(ManifestError, match=f"{theirs} is outside network t_n"):
        seen(of=fixed(theirs))
