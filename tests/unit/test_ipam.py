"""IPAM, and the behaviours that libnetwork's, netavark's and CNI host-local's own suites check."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cnm import conflicts
from reconciler.cnm.ipam import POOLS4, POOLS6, Range, Request, Space, assign, gateway_of
from reconciler.cnm.prefixes import Prefixes
from reconciler.errors import ManifestError, ManifestErrors, Where
from reconciler.manifest.reserved import assignable
from reconciler.manifest.spec import PoolSpec, SubnetSpec

HERE = Where("test.yaml", 1)


def subnet(cidr: str, **more) -> SubnetSpec:
    return SubnetSpec(subnet=cidr, **more)


def given_to(cidr: str, *requests: Request, **more) -> dict[str, str]:
    spec = subnet(cidr, **more)
    refused: list[Request] = []
    ranges = [Range(spec, gateway_of(spec))]
    given = assign("net", ranges, requests, refused)
    if refused:
        raise ManifestErrors(conflicts.addresses("net", ranges, refused, requests))
    return given


@pytest.mark.parametrize(
    ("cidr", "first", "last"),
    [
        ("10.0.0.0/24", "10.0.0.1", "10.0.0.254"),
        ("10.0.0.0/30", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/31", "10.0.0.0", "10.0.0.1"),
        ("10.0.0.7/32", "10.0.0.7", "10.0.0.7"),
        ("fd00::/126", "fd00::1", "fd00::3"),
        ("fd00::/127", "fd00::", "fd00::1"),
    ],
)
def test_usable_addresses_of_a_subnet(cidr, first, last):
    assert assignable(ip_network(cidr)) == range(int(ip_address(first)), int(ip_address(last)) + 1)


def test_the_gateway_is_the_first_usable_address_that_is_not_reserved():
    assert gateway_of(subnet("10.0.0.0/24")) == "10.0.0.1"
    assert gateway_of(subnet("fd00::/64")) == "fd00::1"
    assert gateway_of(subnet("10.0.0.0/24", gateway="10.0.0.254")) == "10.0.0.254"
    assert gateway_of(subnet("10.0.0.0/24", aux_addresses={"printer": "10.0.0.1"})) == "10.0.0.2"


def test_every_host_derives_the_same_addresses_without_history():
    names = [Request(f"c{i}") for i in range(50)]
    assert given_to("10.0.0.0/24", *names) == given_to("10.0.0.0/24", *reversed(names))


def test_a_new_container_moves_nobody_who_runs():
    before = given_to("10.0.0.0/24", *(Request(f"c{i}") for i in range(100)))
    held = [Request(name, held=(ip,)) for name, ip in before.items()]
    after = given_to("10.0.0.0/24", *held, *(Request(f"a{i}") for i in range(100)))
    assert {name: after[name] for name in before} == before


def test_a_24_holds_253_containers_and_the_254th_is_refused():
    full = given_to("10.0.0.0/24", *(Request(f"c{i}") for i in range(253)))
    assert len(set(full.values())) == 253
    assert "10.0.0.1" not in full.values()
    with pytest.raises(ManifestError, match="no free address"):
        given_to("10.0.0.0/24", *(Request(f"c{i}") for i in range(254)))


def test_a_31_without_gateway_gives_both_addresses():
    ranges = [Range(subnet("10.0.0.0/31"), "")]
    assert set(assign("net", ranges, [Request("a"), Request("b")], []).values()) == {"10.0.0.0", "10.0.0.1"}


def test_ip_range_limits_what_is_assigned_and_not_what_is_written():
    out = given_to("10.0.0.0/24", Request("a"), Request("b", written="10.0.0.9"), ip_range="10.0.0.128/25")
    assert ip_address(out["a"]) in ip_network("10.0.0.128/25")
    assert out["b"] == "10.0.0.9"


def test_auxiliary_addresses_and_the_gateway_are_never_given():
    reserved = {f"r{i}": f"10.0.0.{i}" for i in range(2, 8)}
    out = given_to("10.0.0.0/28", *(Request(f"c{i}") for i in range(7)), aux_addresses=reserved)
    assert not set(out.values()) & {"10.0.0.1", *reserved.values()}


@pytest.mark.parametrize(
    ("address", "message"),
    [("10.0.1.9", "outside network"), ("10.0.0.1", "taken: the gateway"), ("10.0.0.0", "no host's address")],
)
def test_a_written_address_that_cannot_be(address, message):
    with pytest.raises(ManifestError, match=message):
        given_to("10.0.0.0/24", Request("a", written=address, where=HERE))


def test_a_written_address_wins_over_a_held_one():
    out = given_to("10.0.0.0/24", Request("a", held=("10.0.0.9",)), Request("b", written="10.0.0.9"))
    assert out["b"] == "10.0.0.9"
    assert out["a"] != "10.0.0.9"


def test_a_held_address_of_another_subnet_is_forgotten():
    assert given_to("10.0.0.0/24", Request("a", held=("10.9.0.9",)))["a"].startswith("10.0.0.")


def test_several_subnets_are_filled_one_after_the_other():
    specs = [subnet("10.0.0.0/30"), subnet("10.0.1.0/30")]
    out = assign("net", [Range(s, gateway_of(s)) for s in specs], [Request("a"), Request("b")], [])
    assert sorted(out.values()) == ["10.0.0.2", "10.0.1.2"]


@given(st.sets(st.text("abcdef", min_size=1, max_size=5), max_size=61))
def test_no_address_is_given_twice(names):
    out = given_to("10.0.0.0/26", *map(Request, names))
    assert len(set(out.values())) == len(names)


def test_ipv6_addresses_stay_readable_and_inside():
    out = given_to("fd00:1::/64", *(Request(f"c{i}") for i in range(500)))
    assert all(ip_address(ip) in ip_network("fd00:1::/96") for ip in out.values())


def test_pools_skip_what_the_host_routes():
    routes = Prefixes(["10.0.0.0/8"])
    space = Space(Prefixes(), routes=routes)
    free = space.choose("net", POOLS4, HERE)
    assert free.subnet_of(ip_network("172.16.0.0/12"))
    routes.add(str(free))
    assert not space.choose("net", POOLS4, HERE).overlaps(free)
    assert space.choose("net", POOLS6, HERE).subnet_of(ip_network("fd00::/8"))


def test_pools_that_are_full_say_so():
    pool = [PoolSpec(base="10.0.0.0/24", size=25)]
    with pytest.raises(ManifestError, match="every subnet of the pools"):
        Space(Prefixes(["10.0.0.0/24"]), routes=Prefixes()).choose("net", pool, HERE)


def chosen(count: int, pools: Sequence[PoolSpec], *routes: str) -> list[str]:
    """What so many networks get, one after the other."""
    used = Prefixes(routes)
    space, found = Space(used, routes=Prefixes()), []
    for name in range(count):
        found.append(str(space.choose(f"net{name}", pools, HERE)))
        used.add(found[-1])
    return found


def test_a_host_has_subnets_for_two_thousand_networks():
    """Also beside a VPN that has the smaller of the ranges whole."""
    assert len(set(chosen(2500, POOLS4))) == 2500
    assert len(set(chosen(2000, POOLS4, "172.16.0.0/12", "192.168.0.0/16"))) == 2000
    assert len(set(chosen(2500, POOLS6))) == 2500


def test_the_range_that_was_added_last_moves_no_network_that_had_a_subnet_before():
    first, second, _ = POOLS4
    before = chosen(512, (first, second))
    assert chosen(513, POOLS4)[:512] == before
    with pytest.raises(ManifestError):
        chosen(513, (first, second))


def test_the_default_ranges_are_apart_and_nobodys_but_the_operators():
    bases = [ip_network(pool.base) for pool in (*POOLS4, *POOLS6)]
    assert all(base.is_private for base in bases)
    assert not any(
        one.overlaps(other) for one, other in combinations(bases, 2) if one.version == other.version
    )


@pytest.mark.parametrize("cidr", ["10.0.0.0/31", "fd00::/127"])
def test_a_subnet_whose_addresses_are_all_set_aside_has_no_gateway(cidr):
    aside = {f"r{n}": str(ip_network(cidr)[n]) for n in range(2)}
    with pytest.raises(ManifestError, match="no address left for the gateway") as caught:
        gateway_of(subnet(cidr, aux_addresses=aside, where=HERE))
    assert caught.value.where == HERE
