"""What policies come to: by address, without two that overlap, and what none can be enforced for."""

from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cnm.boxes import Box, disjoint, minus
from reconciler.cnm.build import build
from reconciler.cnm.spans import addresses, interval, protocol_text
from reconciler.drivers import DRIVERS
from reconciler.drivers.firewall.policies import lower, row
from reconciler.errors import ManifestErrors
from reconciler.inventory.facts import Facts
from reconciler.inventory.subjects import policy
from reconciler.kernel.nft.policed import BESIDE, TELLING, judge
from reconciler.kernel.nft.transaction import FirewallSteps
from reconciler.kinds.nft import Element
from reconciler.manifest.model.fields import canonical_prefix, prefix_or_address
from reconciler.pipeline import load

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PREFIXES = ADDRESSES.flatmap(
    lambda ip: st.integers(0, ip.max_prefixlen).map(lambda n: f"{ip_network((ip, n), strict=False)}")
)
SMALL = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda pair: (min(pair), max(pair)))
BOXES = st.lists(st.tuples(SMALL, SMALL, SMALL), max_size=6)


def cells(boxes: list[Box]) -> list[tuple[int, ...]]:
    return [cell for box in boxes for cell in product(*(range(low, high + 1) for low, high in box))]


@given(BOXES)
def test_the_parts_are_the_whole_and_none_overlaps(boxes):
    parts = [box for box, _ in disjoint((box, None) for box in boxes)]
    found = cells(parts)
    assert len(found) == len(set(found)) and set(found) == set(cells(boxes))


@given(SMALL, SMALL, SMALL, SMALL)
def test_what_is_left_of_a_box(a, b, c, d):
    assert set(cells([*minus((a, b), (c, d))])) == set(cells([(a, b)])) - set(cells([(c, d)]))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**10))
def test_ranges_of_addresses_are_in_normal_form(first, size):
    last = min(first + size, 2**32 - 1)
    said = addresses((first, last))
    low, _, high = said.partition("-")
    if high:
        assert (int(ip_address(low)), int(ip_address(high))) == (first, last)
    else:
        assert interval(said if "/" in said else f"{said}/32") == (first, last)


def test_all_of_a_family_is_a_prefix():
    assert addresses(interval("0.0.0.0/0")) == "0.0.0.0/0" and addresses(interval("::/0")) == "::/0"
    assert addresses(interval("fd00::5/128")) == "fd00::5" and protocol_text((0, 255)) == "0-255"


NETWORKS = """
  front: {ipam: {config: [{subnet: 10.91.0.0/24}]}}
  back: {ipam: {config: [{subnet: 10.92.0.0/24}]}}
  inner: {internal: true, ipam: {config: [{subnet: 10.93.0.0/24}]}}
  deaf: {internal: true, gateway_mode: isolated, ipam: {config: [{subnet: 10.95.0.0/24}]}}
  lan: {driver: macvlan, parent: nic, ipam: {config: [{subnet: 10.94.0.0/24, gateway: 10.94.0.1}]}}
"""


def told(tmp_path, services: str, more: str = "", networks: str = NETWORKS):
    """The rows of each map, without the comments."""
    file = tmp_path / "t.yaml"
    file.write_text(f"name: t\nnetworks:{networks}containers:\n{services}\n{more}")
    topology = build(load([str(file)], environ={}), Facts(), DRIVERS)
    found: dict[str, set[str]] = {}
    for allowed in topology.policies.allowed:
        name, item = row(allowed)
        found.setdefault(name, set()).add(item)
    return found, topology


WEB = "  web: {networks: {front: {ipv4_address: 10.91.0.2}}, %s}\n"
APP = "  app: {networks: {front: {ipv4_address: 10.91.0.3}}, labels: {tier: app}, %s}\n"
DB = "  db: {networks: {back: {ipv4_address: 10.92.0.4}}, %s}\n"


def test_a_peer_on_the_same_network_is_one_row(tmp_path):
    found, topology = told(tmp_path, WEB % "egress: ['app:80']" + APP % "x-a: 1")
    assert found == {"egress4": {"10.91.0.3 . 10.91.0.2 . tcp . 80"}}
    assert [network.filtered for network in topology.networks if network.key == "front"] == [True]


def test_what_several_say_adds_up_and_is_there_once(tmp_path):
    policies = (
        "policies: {a: {for: ['label:tier=app'], egress: ['10.0.0.0/8:80-90', '10.2.0.0/16:85-99/tcp']}}"
    )
    found, _ = told(tmp_path, APP % "egress: ['10.0.0.0/8:80']", policies)
    assert found == {
        "egress4": {"10.0.0.0/8 . 10.91.0.3 . tcp . 80", "10.0.0.0/8 . 10.91.0.3 . tcp . 81-90"}
        | {"10.2.0.0/16 . 10.91.0.3 . tcp . 91-99"}
    }


def test_a_peer_elsewhere_is_opened(tmp_path):
    found, _ = told(tmp_path, WEB % "egress: ['db:5432']" + DB % "x-a: 1")
    row = "10.91.0.2 . 10.92.0.4 . tcp . 5432"
    assert found == {"egress4": {"10.92.0.4 . 10.91.0.2 . tcp . 5432"}, "opened4": {row}}
    found, _ = told(tmp_path, WEB % "x-a: 1" + DB % "ingress: ['web:5432', outside, 'host:1-9/udp']")
    assert found == {
        "ingress4": {row},
        "opened4": {row},
        "ingress_outside4": {"10.92.0.4 . 0-255 . 0-65535"},
        "ingress_host4": {"10.92.0.4 . udp . 1-9"},
    }


def test_a_network_may_be_a_peer_and_open_to_another(tmp_path):
    found, _ = told(tmp_path, DB % "ingress: ['network/front:80', network/back]")
    assert found["opened4"] == {"10.91.0.0/24 . 10.92.0.4 . tcp . 80"}
    assert len(found["ingress4"]) == 2
    networks = NETWORKS.replace("back: {", "back: {allow_networks: [front], ")
    found, _ = told(tmp_path, DB % "x-a: 1", networks=networks)
    assert found == {"opened4": {"10.91.0.0/24 . 10.92.0.0/24 . 0-255 . 0-65535"}}


def test_a_peer_on_a_lan_is_its_address_and_opens_nothing(tmp_path):
    nas = "  nas: {networks: {lan: {ipv4_address: 10.94.0.9}, front: {}}, labels: {tier: store}}\n"
    lone = nas.replace(", front: {}", "")
    row = "10.94.0.9 . 10.91.0.2 . tcp . 445"
    for peer in ("nas", "label:tier=store"):
        assert told(tmp_path, WEB % f"egress: ['{peer}:445']" + lone)[0] == {"egress4": {row}}
    assert row in told(tmp_path, WEB % "egress: ['nas:445']" + nas)[0]["egress4"]
    found, _ = told(tmp_path, WEB % "ingress: ['network/lan:445']" + lone)
    assert found == {"ingress4": {"10.94.0.0/24 . 10.91.0.2 . tcp . 445"}}


@pytest.mark.parametrize("word", ["host", "outside"])
def test_a_container_may_not_be_called_what_peers_are(tmp_path, word):
    with pytest.raises(ManifestErrors) as caught:
        told(tmp_path, WEB % f"egress: ['{word}:80']" + f"  {word}: {{networks: [front]}}\n")
    assert f"`{word}` is a container here" in caught.value.errors[0].message
    assert not told(tmp_path, WEB % "egress: ['10.0.0.0/8']" + f"  {word}: {{networks: [front]}}\n")[
        1
    ].warnings


def test_each_element_tells_which_policy_it_is_of(tmp_path):
    networks = NETWORKS.replace("back: {", "back: {allow_networks: [front], ")
    more = "policies: {inner.one: {for: ['label:tier=app'], ingress: [web]}, b: {for: [db], egress: []}}"
    _, topology = told(
        tmp_path, WEB % "egress: [app]" + APP % "x-a: 1" + DB % "egress: [outside]", more, networks
    )
    found = {(e.map, policy(e)) for e in lower(topology.policies) if isinstance(e, Element)}
    assert found == {
        ("bound_out4", "egress of web"),
        ("own_errors4", "egress of web"),
        ("egress4", "egress of web"),
        ("bound_in4", "inner.one"),
        ("ingress4", "inner.one"),
        ("bound_out4", "egress of db"),
        ("own_errors4", "egress of db"),
        ("egress_outside4", "egress of db"),
        ("opened4", "allow_networks of back"),
    }


def test_to_be_bound_no_more_cuts_nothing(tmp_path):
    """What was allowed to him beside is another matter: it may go while he stays bound."""
    found = lower(told(tmp_path, WEB % "egress: [app]" + APP % "x-a: 1")[1].policies)
    tolls = {e.map: e.toll for e in found if isinstance(e, Element)}
    assert tolls == {"bound_out4": "none", "own_errors4": "none", "egress4": "flow"}


MANY = "  c%d: {networks: {front: {ipv4_address: 10.91.0.%d}}, labels: {x: y}}\n"


def test_many_who_may_the_same_share_rows(tmp_path):
    """From one to the next, as long as nobody else between them is bound."""
    members = "".join(MANY % (n, n) for n in range(10, 50))
    policies = "policies: {p: {for: ['label:x=y'], egress: ['label:x=y', 'outside:443']}}"
    free = "  free: {networks: {front: {ipv4_address: 10.91.0.60}}}\n" + MANY % (70, 70)
    found, _ = told(tmp_path, members + free, policies)
    assert found["egress_outside4"] == {"10.91.0.10-10.91.0.70 . tcp . 443"}
    assert found["egress4"] == {
        f"10.91.0.{n} . 10.91.0.10-10.91.0.70 . 0-255 . 0-65535" for n in (*range(10, 50), 70)
    }
    bound = free.replace("}}}\n", "}}, egress: ['host:1']}\n", 1)
    found, _ = told(tmp_path, members + bound, policies)
    assert found["egress_outside4"] == {"10.91.0.10-10.91.0.49 . tcp . 443", "10.91.0.70 . tcp . 443"}
    assert found["egress_host4"] == {"10.91.0.60 . tcp . 1"} and len(found["egress4"]) == 82


@given(PREFIXES)
def test_a_prefix_is_read_at_once_as_at_length(text):
    normal = canonical_prefix(text)
    assert normal in ("", prefix_or_address(text))
    network = ip_network(text, strict=False)
    assert canonical_prefix(str(network)) == (
        "" if "." in str(network) and ":" in str(network) else str(network)
    )


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1/24",
        "010.0.0.0/8",
        "10.0.0.0/08",
        "1.2.3",
        "::ffff:1.2.3.4",
        "fd00::1/64",
        "FD00::/64",
        "fd00::/129",
        "db",
        "",
        "/8",
    ],
)
def test_what_is_no_prefix_in_its_one_way_is_not_read_at_once(text):
    assert canonical_prefix(text) == ""


def test_nobody_is_a_peer(tmp_path):
    found, topology = told(tmp_path, WEB % "egress: []")
    assert not found and [one.ip for one in topology.policies.bound] == ["10.91.0.2"]


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ("  a: {network_mode: host, egress: []}\n", "no network of its own"),
        (
            "  b: {networks: [front]}\n  a: {network_mode: 'service:b', ingress: []}\n",
            "write it for service:b",
        ),
        ("  a: {networks: [lan], egress: []}\n", "passes no firewall of this host"),
        ("  a: {networks: {front: {trunk: [5]}}, egress: []}\n", "in tagged VLANs"),
        (
            "  a: {networks: {front: {vlan: 5}}, egress: []}\n  b: {networks: {front: {trunk: [5]}}}\n",
            "somebody else is in its VLAN",
        ),
        ("  a: {networks: [deaf], egress: [b]}\n  b: {networks: [front]}\n", "it has no gateway"),
        ("  a: {networks: [front], egress: [b]}\n  b: {networks: [deaf]}\n", "it has no gateway"),
        ("  a: {networks: [inner, deaf], egress: [outside]}\n", "is on internal networks alone"),
        ("  a: {networks: [inner], egress: ['192.0.2.0/24:80']}\n", "put t-a on another network too"),
    ],
)
def test_what_no_policy_can_be_enforced_for_is_refused(tmp_path, services, words):
    with pytest.raises(ManifestErrors) as caught:
        told(tmp_path, services)
    assert any(words in f"{one.message} {one.hint}" for one in caught.value.errors)
    assert all(one.where and one.where.line > 1 for one in caught.value.errors)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("deaf: {allow_networks: [front], ", "network t_deaf is internal"),
        ("back: {allow_networks: [deaf], ", "network t_deaf is internal"),
        ("back: {allow_networks: [lan], ", "of network lan do not pass"),
        ("lan: {allow_networks: [front], ", "of network lan do not pass"),
    ],
)
def test_what_cannot_be_let_in_is_refused(tmp_path, network, words):
    key = network.partition(":")[0]
    with pytest.raises(ManifestErrors) as caught:
        on_all = "  a: {networks: [front, back, inner, deaf, lan]}\n"
        told(tmp_path, on_all, networks=NETWORKS.replace(f"{key}: {{", network))
    assert words in caught.value.errors[0].message and caught.value.errors[0].where.line > 1


@pytest.mark.parametrize("item", ["*", "tcp . 80", "web", "10.0.0.9-10.0.0.1", "1.2.3.4 . 5.6.7.8 . a . b"])
def test_elements_that_nobody_can_read_allow_nothing(item):
    places = sorted(TELLING | BESIDE)
    live = [Element(family=family, table=table, map=name, item=item) for family, table, name in places]
    found = judge(FirewallSteps([], {}), live)
    assert not any(found.bound.values()) and not any(found.allowed) and not found.resolvers
