"""Names on networks that are somebody else's, that the host is no neighbour of, and that have none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.asking import LIBRARIES, QUICK, Answer, addresses, dig, looked_up
from tests.netns.conftest import new_lab
from tests.netns.lab import REMOTE4, Lab

OWNER = """
name: o
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  shut: {internal: true, ipam: {config: [{subnet: 10.92.0.0/24}]}}
  base: {default: true, ipam: {config: [{subnet: 10.93.0.0/24}]}}
containers:
  first: {networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}
  shut: {networks: {shut: {ipv4_address: 10.92.0.2}}}
  plain: {networks: {base: {ipv4_address: 10.93.0.2}}}
  bare: {networks: {base: {ipv4_address: 10.93.0.3}}}
"""
GUEST = """
name: g
networks:
  n: {external: true, name: o_n}
  shut: {external: true, name: o_shut}
  lan: {driver: macvlan, parent: uplink, ipam: {config: [{subnet: 10.94.0.0/24}]}}
  out: {driver: macvlan, parent: uplink, internal: true, ipam: {config: [{subnet: 10.97.0.0/24}]}}
  wire: {parent: nic, ipam: {config: [{subnet: 10.95.0.0/24, gateway: 10.95.0.254}]}}
  own: {ipam: {config: [{subnet: 10.96.0.0/24}]}}
containers:
  guest: {networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3', aliases: [friend, '*.friends']}}}
  hidden: {networks: {shut: {ipv4_address: 10.92.0.3}}}
  m1: {networks: {lan: {ipv4_address: 10.94.0.1}}}
  m2: {networks: {lan: {ipv4_address: 10.94.0.2, aliases: ['*.m']}}}
  w1: {networks: {wire: {ipv4_address: 10.95.0.1}}}
  w2: {networks: {wire: {ipv4_address: 10.95.0.2}}}
  both:
    networks: {lan: {ipv4_address: 10.94.0.3}, own: {ipv4_address: 10.96.0.3}}
    extra_hosts: ['box:host-gateway', 'fixed:192.0.2.9']
  own: {networks: {own: {ipv4_address: 10.96.0.2}}}
  apart: {networks: {out: {ipv4_address: 10.97.0.2}}}
"""
FIRST, GUESTS = {"10.91.0.2", "fd91::2"}, {"10.91.0.3", "fd91::3"}


@pytest.fixture(scope="module", params=["one folder", "two folders"])
def lab(request: pytest.FixtureRequest, privileged: None) -> Iterator[Lab]:
    with new_lab() as made:
        made.add_outside("S", "nic", {}, {4: "10.95.0.254/24"})
        Path("/etc/resolv.conf").unlink()
        Path("/etc/resolv.conf").write_text(f"nameserver {REMOTE4}\n")
        owner, guest = made.write(OWNER, "a/o.yaml"), made.write(GUEST, "b/g.yaml")
        for run in [(owner, guest)] if request.param == "one folder" else [(owner,), (guest,)]:
            made.succeed(made.reconcile("--apply", *run))
        yield made


@pytest.mark.parametrize("library", LIBRARIES)
def test_whose_the_containers_are_on_an_external_network_shows_in_no_name(lab, library):
    names = (
        "first",
        "o-first",
        "first.o",
        "first.o_n",
        "first.o.internal",
        "guest",
        "g-guest",
        "friend",
        "guest.g",
    )
    expected = {name: GUESTS if "guest" in name or name == "friend" else FIRST for name in names}
    for ns in ("o-first", "g-guest"):
        assert addresses(lab, ns, library, *names) == expected
    assert addresses(lab, "o-first", library, *GUESTS) == dict.fromkeys(GUESTS, {"g-guest.o_n"})


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_external_network_that_is_internal_is_so_for_its_guests(lab, library):
    for ns in ("o-shut", "g-hidden"):
        assert addresses(lab, ns, library, "shut", "hidden") == {
            "shut": {"10.92.0.2"},
            "hidden": {"10.92.0.3"},
        }
        found = looked_up(lab, ns, library, "www.example.com", "first", "guest")
        assert {(one.words, one.seconds < QUICK) for one in found.values()} == {(frozenset(), True)}


def test_no_neighbour_of_the_owner_is_told_what_the_guest_has_elsewhere(lab):
    for server in ("10.91.0.1", "10.96.0.1", "127.0.0.11"):
        assert dig(lab, "o-first", "own A", f"@{server}") == Answer("NXDOMAIN")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("ns", "names"), [("g-m1", ("m1", "m2", "x.m")), ("g-w1", ("w1", "w2"))])
def test_who_is_no_neighbour_of_the_host_has_names_too(lab, ns, names, library):
    address = {"m1": "10.94.0.1", "m2": "10.94.0.2", "x.m": "10.94.0.2", "w1": "10.95.0.1", "w2": "10.95.0.2"}
    assert addresses(lab, ns, library, *names) == {name: {address[name]} for name in names}
    found = looked_up(lab, ns, library, "nobody", "guest")
    assert found["nobody"].seconds < QUICK and not found["nobody"].words and not found["guest"].words
    assert (
        lab.run(["ip", "netns", "exec", ns, "cat", "/etc/resolv.conf"]).out.count("nameserver 127.0.0.11")
        == 1
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_network_without_a_way_out_asks_nobody(lab, library):
    found = looked_up(lab, "g-apart", library, "apart", "www.example.com")
    assert found["apart"].words and not found["www.example.com"].words
    assert found["www.example.com"].seconds < QUICK


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_is_on_a_lan_and_behind_the_host_knows_both(lab, library):
    assert addresses(lab, "g-both", library, "own", "m1") == {"own": {"10.96.0.2"}, "m1": {"10.94.0.1"}}
    assert addresses(lab, "g-own", library, "both", "m1") == {"both": {"10.96.0.3"}, "m1": set()}


@pytest.mark.parametrize("library", LIBRARIES)
def test_extra_hosts_and_the_hosts_own_name(lab, library):
    found = addresses(lab, "g-both", library, "box", "fixed", "localhost")
    assert (
        found["fixed"] == {"192.0.2.9"}
        and found["box"] == {"10.96.0.1"}
        and "127.0.0.1" in found["localhost"]
    )
    assert lab.ping("g-both", "10.96.0.1")


@pytest.mark.parametrize("server", ["10.93.0.1", "10.91.0.1", "127.0.0.11"])
def test_the_default_bridge_has_no_names(lab, server):
    assert dig(lab, "o-plain", "bare A", f"@{server}", "+time=1") == Answer()
    assert (
        f"nameserver {REMOTE4}" in lab.run(["ip", "netns", "exec", "o-plain", "cat", "/etc/resolv.conf"]).out
    )


def test_there_is_nothing_to_do_and_guests_leave_nothing(lab):
    owner, guest = lab.files / "a/o.yaml", lab.files / "b/g.yaml"
    assert lab.reconcile("--plan", "--exit-code", owner, guest).rc == 0
    lab.destroy(guest)
    assert lab.reconcile("--plan", "--exit-code", owner).rc == 0
    assert dig(lab, "o-first", "guest A") == Answer("NXDOMAIN")
    assert not list(Path("/run/reconciler-dns").glob("*/*/g*"))
    lab.destroy(owner)
    assert not Path("/run/reconciler-dns").exists()
