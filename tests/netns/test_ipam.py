"""Addresses and subnets: what netavark's ipam, moby's defaultipam and CNI's host-local are tested for."""

import shutil
from ipaddress import ip_address, ip_network

import pytest

from tests.netns.lab import Lab
from tests.netns.samples import members


def given(lab: Lab, family: int = 4) -> dict[str, str]:
    return {name: lab.address(name, family=family) for name in lab.namespaces()}


# which address


def test_the_gateway_is_the_first_address_and_containers_have_the_others(lab):
    lab.apply(members(5, {"subnet": "10.91.0.0/29"}))
    assert lab.addresses("", "br-t-n") == ["10.91.0.1/29"]
    assert sorted(given(lab).values()) == [f"10.91.0.{n}" for n in range(2, 7)]


def test_one_more_than_fits_fails_at_plan(lab):
    lab.refused(members(6, {"subnet": "10.91.0.0/29"}), "no free address", "t_n")


def test_a_gateway_as_written(lab):
    lab.apply(members(1, {"subnet": "10.91.0.0/24", "gateway": "10.91.0.254"}))
    assert lab.addresses("", "br-t-n") == ["10.91.0.254/24"]
    assert any("via 10.91.0.254" in line for line in lab.routes("t-c0"))


def test_ip_range_limits_what_is_chosen_and_not_what_is_written(lab):
    lab.apply(
        members(
            {"c0": {}, "c1": {}, "c2": {"ipv4_address": "10.91.0.9"}},
            {"subnet": "10.91.0.0/24", "ip_range": "10.91.0.128/30"},
        )
    )
    found = given(lab)
    assert found["t-c2"] == "10.91.0.9"
    assert {found["t-c0"], found["t-c1"]} <= {f"10.91.0.{n}" for n in range(128, 132)}


def test_auxiliary_addresses_are_left_out(lab):
    aux = {"router": "10.91.0.1", "printer": "10.91.0.3"}
    lab.apply(members(3, {"subnet": "10.91.0.0/29", "aux_addresses": aux}))
    assert not {*given(lab).values(), lab.addresses("", "br-t-n")[0].split("/")[0]} & set(aux.values())


def test_a_slash_31_without_a_gateway_has_room_for_two(lab):
    lab.apply(members(2, {"subnet": "10.91.0.0/31"}, gateway_mode="isolated", internal=True))
    assert sorted(given(lab).values()) == ["10.91.0.0", "10.91.0.1"]
    assert lab.ping("t-c0", lab.address("t-c1"))


def test_several_subnets_of_one_family(lab):
    lab.apply(
        members(
            {"a": {"ipv4_address": "10.91.0.5"}, "b": {"ipv4_address": "10.92.0.5"}},
            {"subnet": "10.91.0.0/24"},
            {"subnet": "10.92.0.0/24"},
        )
    )
    assert set(lab.addresses("", "br-t-n")) == {"10.91.0.1/24", "10.92.0.1/24"}
    assert any("via 10.92.0.1" in line for line in lab.routes("t-b"))
    assert lab.ping("t-a", "198.51.100.2") and lab.ping("t-b", "198.51.100.2")


def test_ipv6_only(lab):
    lab.apply(members(2, enable_ipv4=False, enable_ipv6=True))
    assert lab.addresses("t-c0") == []
    assert lab.ping("t-c0", lab.address("t-c1", family=6))
    assert lab.ping("t-c0", "2001:db8:1::2")


def test_ipv6_is_a_unique_local_subnet_unless_written(lab):
    lab.apply(members(1, enable_ipv6=True))
    assert ip_address(lab.address("t-c0", family=6)) in ip_network("fd00::/8")
    assert lab.addresses("", "br-t-n", 6)[0].endswith("/64")


@pytest.mark.parametrize("subnet", ["fd91::/64", "fd91::/80", "fd91::/126", "2001:db8:91::/48"])
def test_ipv6_subnets_of_any_length(lab, subnet):
    lab.apply(members(2, {"subnet": "10.91.0.0/24"}, {"subnet": subnet}, enable_ipv6=True))
    assert all(ip_address(a) in ip_network(subnet) for a in given(lab, 6).values())
    assert lab.ping("t-c0", lab.address("t-c1", family=6))


def test_link_local_ips_of_an_endpoint(lab):
    lab.apply(members({"a": {"link_local_ips": ["169.254.8.8"]}}, {"subnet": "10.91.0.0/24"}))
    assert any(a.startswith("169.254.8.8/") for a in lab.run("ip -4 addr show dev eth0", "t-a").out.split())


# what cannot be


@pytest.mark.parametrize(
    ("ends", "subnet", "word"),
    [
        ({"a": {"ipv4_address": "10.92.0.5"}}, {"subnet": "10.91.0.0/24"}, "10.92.0.5"),
        ({"a": {"ipv4_address": "10.91.0.1"}}, {"subnet": "10.91.0.0/24"}, "10.91.0.1"),
        ({"a": {"ipv4_address": "10.91.0.0"}}, {"subnet": "10.91.0.0/24"}, "10.91.0.0"),
        ({"a": {"ipv4_address": "10.91.0.255"}}, {"subnet": "10.91.0.0/24"}, "10.91.0.255"),
        (
            {"a": {"ipv4_address": "10.91.0.5"}, "b": {"ipv4_address": "10.91.0.5"}},
            {"subnet": "10.91.0.0/24"},
            "10.91.0.5",
        ),
        (
            {"a": {"ipv4_address": "10.91.0.9"}},
            {"subnet": "10.91.0.0/24", "aux_addresses": {"x": "10.91.0.9"}},
            "10.91.0.9",
        ),
        ({}, {"subnet": "10.91.0.0/24", "gateway": "10.92.0.1"}, "10.92.0.1"),
        ({}, {"subnet": "10.91.0.0/24", "ip_range": "10.92.0.0/28"}, "10.92.0.0/28"),
        ({}, {"subnet": "10.91.0.0/33"}, "10.91.0.0/33"),
        ({}, {"subnet": "abcd"}, "abcd"),
        (
            {"a": {"mac_address": "02:00:00:00:00:01"}, "b": {"mac_address": "02:00:00:00:00:01"}},
            {"subnet": "10.91.0.0/24"},
            "02:00",
        ),
        ({"a": {"mac_address": "01:00:00:00:00:01"}}, {"subnet": "10.91.0.0/24"}, "01:00"),
    ],
    ids=[
        "outside",
        "the_gateways",
        "network_address",
        "broadcast",
        "twice",
        "auxiliary",
        "gateway_outside",
        "range_outside",
        "prefix_length",
        "no_subnet",
        "mac_twice",
        "multicast_mac",
    ],
)
def test_is_refused_at_plan(lab, ends, subnet, word):
    lab.refused(members(ends, subnet), word)


# what stays


def test_without_any_history_the_addresses_are_the_same(lab):
    wanted = members(6, enable_ipv6=True)
    lab.apply(wanted)
    first = given(lab), given(lab, 6), lab.addresses("", "br-t-n")
    lab.destroy()
    shutil.rmtree("/var/lib/reconciler", ignore_errors=True)
    lab.apply(wanted)
    assert (given(lab), given(lab, 6), lab.addresses("", "br-t-n")) == first


def test_the_order_in_the_file_does_not_matter(lab):
    lab.apply(members({f"c{i}": {} for i in range(6)}))
    assert lab.planned(members({f"c{i}": {} for i in reversed(range(6))})) == []


def test_an_address_in_use_is_kept_when_others_come_and_go(lab):
    subnet = {"subnet": "10.91.0.0/28"}
    lab.apply(members({name: {} for name in "mnop"}, subnet))
    before = given(lab)
    lab.apply(members({name: {} for name in "abcdmnop"}, subnet))
    assert before.items() <= given(lab).items()
    lab.apply(members({name: {} for name in "abcp"}, subnet))
    assert given(lab)["t-p"] == before["t-p"]


def test_an_address_returns_to_its_range_when_its_container_goes(lab):
    subnet = {"subnet": "10.91.0.0/30"}
    lab.apply(members({"a": {}}, subnet))
    lab.apply(members({"b": {}}, subnet))
    assert given(lab) == {"t-b": "10.91.0.2"}


def test_a_failed_apply_leaves_no_address_taken(lab):
    subnet = {"subnet": "10.91.0.0/30"}
    broken = members({"a": {}}, subnet)
    broken["containers"]["a"]["sysctls"] = {"net.ipv4.tcp_keepalive_time": "many"}
    assert lab.try_apply(broken).rc != 0
    lab.apply(members({"b": {}}, subnet))
    assert given(lab) == {"t-b": "10.91.0.2"}


def test_two_containers_exchange_their_addresses(lab):
    one, two = {"ipv4_address": "10.91.0.5"}, {"ipv4_address": "10.91.0.6"}
    subnet = {"subnet": "10.91.0.0/24"}
    lab.apply(members({"a": one, "b": two}, subnet))
    assert lab.ping("t-a", "10.91.0.6")
    lab.apply(members({"a": two, "b": one}, subnet))
    assert given(lab) == {"t-a": "10.91.0.6", "t-b": "10.91.0.5"}
    assert lab.ping("t-a", "10.91.0.5")


def test_an_address_written_for_one_is_taken_from_another_that_only_had_it(lab):
    subnet = {"subnet": "10.91.0.0/24"}
    lab.apply(members({"a": {}}, subnet))
    held = lab.address("t-a")
    lab.apply(members({"a": {}, "b": {"ipv4_address": held}}, subnet))
    assert lab.address("t-b") == held != lab.address("t-a")


def test_the_same_mac_after_destroy_and_apply(lab):
    lab.apply(members(1))
    mac = lab.link("eth0", "t-c0")["address"]
    lab.destroy()
    lab.apply(members(1))
    assert lab.link("eth0", "t-c0")["address"] == mac


@pytest.mark.parametrize(("key", "net"), [("ipv4_address", "10.91.0."), ("ipv6_address", "fd91::")])
def test_a_neighbour_learns_of_an_address_that_moved(lab, key, net):
    """Without being told, its cache would point to the former owner."""
    network = "{n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}}"
    manifest = f"""{{name: t, networks: {network}, containers: {{
        a: {{networks: {{n: {{{key}: '{net}%d'}}}}}}, b: {{networks: {{n: {{{key}: '{net}%d'}}}}}},
        c: {{networks: {{n: {{{key}: '{net}9'}}}}}}}}}}"""
    lab.apply(manifest % (5, 7))
    assert lab.ping("t-c", f"{net}5") and lab.ping("", f"{net}5")
    lab.apply(manifest % (6, 5))
    assert lab.ping("t-c", f"{net}5") and lab.ping("", f"{net}5")


def test_what_is_accepted_at_the_edge_is_applied(lab):
    lab.apply(
        """{name: t, networks: {n: {enable_ipv6: true, mtu: 1280,
        driver_opts: {container_prefix: twelve.chars},
        ipam: {config: [{subnet: 10.91.0.0/30}, {subnet: 'fd91::/126', gateway: 'fd91::1'}]}}},
        containers: {a: {sysctls: {net.ipv4.conf.twelve/chars0.forwarding: "\\t1 ", net.core.somaxconn: 7},
        networks: {n: {mac_address: 'fe:ff:ff:ff:ff:ff', link_local_ips: ['fe80::5', 169.254.255.254],
        routes: [{to: '::/1', via: 'fe80::1'}, {to: 224.0.0.0/4, via: 10.91.0.1},
        {to: 0.0.0.0/1, via: 169.254.0.1}]}}}}}"""
    )
    assert lab.sysctl("net/ipv4/conf/twelve.chars0/forwarding", "t-a") == "1"
    assert lab.plan((lab.files / "t.yaml").read_text(), "--exit-code").rc == 0


def test_a_lock_of_one_host_keeps_what_stands_where_it_stands_elsewhere_too(lab):
    """Of networks and containers that came in another order than that of a fresh host."""
    some = "name: t\nnetworks: {n: {enable_ipv6: true}}\n"
    boxes = "containers:\n" + "".join(f"  c{n}: {{networks: [n]}}\n" for n in range(4))
    pool = "pools: [{base: 10.77.0.0/26, size: 27}, {base: fd77::/63, size: 64}]\n"
    lab.write(f"{some}{pool}{boxes}")
    file = lab.files / "t.yaml"
    lab.run("ip route add 10.77.0.0/27 dev uplink")
    lab.succeed(lab.reconcile("--apply", file))
    lab.run("ip route del 10.77.0.0/27 dev uplink")
    assert lab.succeed(lab.reconcile("--lock", file)).out.startswith(str(lab.files / "addresses.lock"))
    locked = (lab.files / "addresses.lock").read_text()
    before = [lab.address(f"t-c{n}", family=f) for n in range(4) for f in (4, 6)]
    assert "t_n @subnet 10.77.0.32/27" in locked and all(ip in locked for ip in before)
    assert (
        lab.reconcile("--lock", "--check", file).rc == 0
        and lab.reconcile("--plan", "--exit-code", file).rc == 0
    )
    lab.succeed(lab.reconcile("--destroy", file))
    lab.write(f"{some}{pool}{boxes}  a: {{networks: [n]}}\n")
    lab.succeed(lab.reconcile("--apply", file))
    assert [lab.address(f"t-c{n}", family=f) for n in range(4) for f in (4, 6)] == before
    assert lab.reconcile("--lock", "--check", file).rc == 2
