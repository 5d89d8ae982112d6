"""Subnets: from the pools or as written, around the host's own routes and around each other."""

from ipaddress import ip_network

import pytest

from tests.netns.samples import members


def test_pools_as_written(lab):
    lab.apply({**members(1), "pools": [{"base": "10.77.0.0/16", "size": 24}]})
    assert ip_network(lab.addresses("", "br-t-n")[0], strict=False).subnet_of(ip_network("10.77.0.0/16"))
    assert lab.addresses("", "br-t-n")[0].endswith("/24")


def test_pools_skip_the_hosts_own_routes(lab):
    lab.ip("route add 10.77.0.0/25 via 198.51.100.2")
    lab.apply({**members(1), "pools": [{"base": "10.77.0.0/23", "size": 24}]})
    assert lab.addresses("", "br-t-n") == ["10.77.1.1/24"]


def test_an_exhausted_pool_is_an_error(lab):
    lab.ip("route add 10.77.0.0/25 via 198.51.100.2")
    lab.refused({**members(1), "pools": [{"base": "10.77.0.0/24", "size": 24}]}, "pool")


def test_networks_never_overlap_each_other(lab):
    names = [f"n{i}" for i in range(8)]
    lab.apply(
        {
            "name": "t",
            "networks": {name: {"enable_ipv6": True} for name in names},
            "containers": {},
            "pools": [{"base": "10.77.0.0/21", "size": 24}],
        }
    )
    for family in (4, 6):
        subnets = [ip_network(lab.addresses("", f"br-t-{name}", family)[0], strict=False) for name in names]
        assert not any(a.overlaps(b) for a in subnets for b in subnets if a is not b)


@pytest.mark.parametrize("route", ["10.91.0.0/24", "10.91.0.128/25"])
def test_a_subnet_that_hides_a_route_of_the_host_is_refused(lab, route):
    lab.ip(f"route add {route} via 198.51.100.2")
    lab.refused(members(1, {"subnet": "10.91.0.0/24"}), "10.91.0.0/24", "overlap")


def test_a_subnet_inside_a_wider_route_of_the_host_is_allowed(lab):
    lab.ip("route add 10.0.0.0/8 via 198.51.100.2")
    lab.apply(members(1, {"subnet": "10.91.0.0/24"}))


def test_one_subnet_for_two_networks_is_refused(lab):
    n = {"ipam": {"config": [{"subnet": "10.91.0.0/24"}]}}
    lab.refused({"name": "t", "networks": {"n": n, "m": n}}, "10.91.0.0/24", "overlap")


def test_one_subnet_for_two_projects_is_refused(lab):
    other = lab.write({**members(1, {"subnet": "10.91.0.0/16"}), "name": "o"}, "o.yaml")
    lab.succeed(lab.reconcile("--apply", other))
    lab.refused(members(1, {"subnet": "10.91.0.0/24"}), "overlap")


def test_pools_of_two_projects_go_around_each_other(lab):
    pools = {"pools": [{"base": "10.77.0.0/23", "size": 24}]}
    lab.succeed(lab.reconcile("--apply", lab.write({**members(1), "name": "o", **pools}, "o.yaml")))
    lab.apply({**members(1), **pools})
    assert {*lab.addresses("", "br-t-n"), *lab.addresses("", "br-o-n")} == {"10.77.0.1/24", "10.77.1.1/24"}


def test_the_lan_keeps_its_address_out_of_pools(lab):
    lab.refused(members(1, {"subnet": "198.51.100.0/24"}), "198.51.100.0/24")
