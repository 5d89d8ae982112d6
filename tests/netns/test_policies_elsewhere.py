"""Policies over several hosts, on pairs without a bridge, between whole networks, and very many of them."""

from collections.abc import Iterator
from itertools import permutations

import pytest

from tests.netns.cluster import Cluster, clustered, hosts
from tests.netns.connections import held
from tests.netns.lab import IMPATIENCE, Lab, Probe

SUBNETS = "enable_ipv6: true, ipam: {config: [{subnet: 10.55.0.0/24}, {subnet: 'fd55::/64'}]}"
WIDE = {
    "overlay": f"{{driver: overlay, {SUBNETS}}}",
    "routed": "{gateway_mode: routed, ipam: {config: [{subnet: 10.55.0.0/16}]}}",
}
Spread = tuple[Cluster, tuple[int, ...]]
PLACES = {"web": "h1", "near": "h1", "db": "h2", "far": "h2"}
OPEN = {("web", "db"), ("near", "web"), ("far", "web"), ("near", "far"), ("far", "near")}
SEVERAL = """
name: t
{hosts}
networks:
  n: {network}
containers:
  web: {{host: h1, networks: [n], egress: ["db:80"]}}
  near: {{host: h1, networks: [n]}}
  db: {{host: h2, networks: [n], ingress: ["web:80/tcp"], egress: []}}
  far: {{host: h2, networks: [n]}}
"""


@pytest.fixture(scope="module", params=WIDE)
def spread(request: pytest.FixtureRequest, privileged: None, tmp_path_factory) -> Iterator[Spread]:
    """The hosts, and of which families their network is."""
    with clustered(tmp_path_factory.mktemp("policies"), 2) as made:
        made.apply(SEVERAL.format(hosts=hosts(2), network=WIDE[request.param]))
        yield made, (4, 6) if request.param == "overlay" else (4,)


def test_both_ends_are_bound_wherever_they_are(spread):
    cluster, families = spread
    for name, host in PLACES.items():
        cluster[host].serve(f"t-{name}", 80)
    wrong = []
    for one, two in permutations(PLACES, 2):
        here, there = cluster[PLACES[one]], cluster[PLACES[two]]
        for family in families:
            ip = there.address(f"t-{two}", family=family)
            patience = 3.0 if (one, two) in OPEN else IMPATIENCE
            if bool(here.ask(f"t-{one}", ip, 80, patience=patience)) != ((one, two) in OPEN):
                wrong.append((one, two, family))
    assert wrong == []


PAIRS = """
name: t
networks:
  one: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  two:
    {enable_ipv6: true, allow_networks: [one],
     ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
  three: {enable_ipv6: true, ipam: {config: [{subnet: 10.93.0.0/24}, {subnet: 'fd93::/64'}]}}
containers:
  a: {networks: {one: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}
  b: {networks: {two: {ipv4_address: 10.92.0.2, ipv6_address: 'fd92::2'}}}
  c: {networks: {three: {ipv4_address: 10.93.0.2, ipv6_address: 'fd93::2'}}}
"""


def test_a_network_is_open_to_those_that_it_allows(netfiltered):
    netfiltered.apply(PAIRS)
    for name in "abc":
        netfiltered.serve(f"t-{name}", 80)
        netfiltered.serve(f"t-{name}", 80, proto="udp")
    wrong = []
    at = {"a": ("10.91.0.2", "fd91::2"), "b": ("10.92.0.2", "fd92::2"), "c": ("10.93.0.2", "fd93::2")}
    for one, two in permutations("abc", 2):
        for ip in at[two]:
            for proto in ("tcp", "udp"):
                answer = netfiltered.ask(f"t-{one}", ip, 80, proto, patience=IMPATIENCE)
                if bool(answer) != ((one, two) == ("a", "b")):
                    wrong.append((one, two, ip, proto))
    assert wrong == [] and netfiltered.ping("t-a", "fd92::2")
    without = PAIRS.replace("allow_networks: [one],", "")
    netfiltered.apply(without)
    netfiltered.silent(Probe("t-a", "10.92.0.2", 80), Probe("t-a", "fd92::2", 80))
    assert netfiltered.planned(without) == [] and "opening" not in netfiltered.rules()


GUEST = """
name: g
networks:
  n: {ipam: {config: [{subnet: 10.94.0.0/24}]}}
  two: {external: true, name: t_two}
containers:
  g: {networks: {n: {ipv4_address: 10.94.0.2}}, egress: ["network/two:80"]}
"""


def test_into_a_network_of_another_project_only_that_opens_the_way(lab: Lab):
    """Else both would say it of the same packets, of which the kernel takes one alone."""
    theirs = PAIRS.replace("\nnetworks:\n", "\nnetworks:\n  guests: {external: true, name: g_n}\n")
    theirs = theirs.replace("[one]", "[guests]")
    files = [lab.write(PAIRS, "t.yaml"), lab.write(GUEST, "g.yaml")]
    lab.succeed(lab.reconcile("--apply", *files))
    lab.serve("t-b", 80, 81)
    lab.silent(Probe("g-g", "10.92.0.2", 80))
    lab.write(theirs, "t.yaml")
    lab.succeed(lab.reconcile("--apply", *files))
    assert lab.ask("g-g", "10.92.0.2", 80)
    lab.silent(Probe("g-g", "10.92.0.2", 81))


PEERS = """
name: t
networks: {{n: {{enable_ipv6: true, ipam: {{config: [{{subnet: 10.91.0.0/24}}, {{subnet: 'fd91::/64'}}]}}}}}}
policies: {{p: {{for: ['label:x=y'], egress: ['label:x=y'], ingress: ['label:x=y']}}}}
containers:
{members}
  free: {{networks: {{n: {{ipv4_address: 10.91.0.15, ipv6_address: 'fd91::15'}}}}}}
  bound: {{networks: {{n: {{ipv4_address: 10.91.0.25, ipv6_address: 'fd91::25'}}}}, egress: [free]}}
"""
MEMBER = """
  c{0}: {{networks: {{n: {{ipv4_address: 10.91.0.{0}, ipv6_address: 'fd91::{0}'}}}}, labels: {{x: y}}}}
"""


def test_many_peers_of_a_label_share_rows(lab: Lab):
    """Who is in between and not one of them has no part in what they may."""
    members = [n for n in range(10, 50) if n not in (15, 25)][:20]
    text = PEERS.format(members="".join(map(MEMBER.format, members)))
    lab.apply(text)
    assert lab.planned(text) == []
    for name in ("c10", "c29", "free", "bound"):
        lab.serve(f"t-{name}", 80)
    wrong, at = [], {"c10": 10, "c29": 29, "free": 15, "bound": 25}
    opened = {("c10", "c29"), ("c29", "c10"), ("free", "bound"), ("bound", "free")}
    for one, two in permutations(at, 2):
        for ip in (f"10.91.0.{at[two]}", f"fd91::{at[two]}"):
            answer = lab.ask(f"t-{one}", ip, 80, patience=3.0 if (one, two) in opened else IMPATIENCE)
            if bool(answer) != ((one, two) in opened):
                wrong.append((one, two, ip))
    assert wrong == []
    with held(
        lab, {"kept": Probe("t-c10", "fd91::29", 80), "gone": Probe("t-bound", "10.91.0.15", 80)}
    ) as found:
        lab.apply(text.replace("egress: [free]", "egress: []"))
    assert found["gone"].silent and not found["kept"].silent


def many(number: int) -> str:
    rows = ", ".join(f"'10.{n >> 8}.{n & 255}.0/24:{1 + n % 60000}'" for n in range(number))
    return f"name: t\nnetworks: {{n: {{}}}}\ncontainers:\n  a: {{networks: [n], egress: [{rows}]}}\n"


def test_ten_thousand_rows_are_one_transaction(lab: Lab):
    """What they cost beside what a plan of few costs is measured by tests/bench."""
    text = many(10_000)
    lab.apply(text)
    assert lab.planned(text) == []
    assert lab.rules().count(" . tcp . ") >= 10_000
