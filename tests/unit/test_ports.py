"""Port publishing, as decided: targets, ranges, random ports, and every conflict."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.show import as_text
from reconciler.cnm.port_conflicts import Holder, meetings
from reconciler.cnm.shares import WHOLE, part_of, shares
from reconciler.cnm.topology import Port
from reconciler.errors import ManifestError, Where
from reconciler.inventory.facts import Claim, Facts, Listener
from reconciler.manifest.spec import EndpointSpec, NetworkSpec, PortSpec, SubnetSpec
from tests.unit.worlds import build, container, manifest, port, project, shop

NOTHING = Facts()
PORT = Port(
    project="p",
    sandbox="p-a",
    protocol="tcp",
    host_ip="",
    first=1,
    count=1,
    ip="10.0.0.2",
    target=1,
    bridge="br",
)
DUAL = NetworkSpec(name="default", enable_ipv6=True)


def published(*ports, facts=NOTHING, network=DUAL):
    return build(manifest(project("p", network, container("a", ports=ports))), facts).ports


def test_a_port_is_published_in_every_family_that_the_container_has():
    assert [(p.family, p.first, p.target) for p in published(port(80, 8080))] == [
        (4, 8080, 80),
        (6, 8080, 80),
    ]
    only = NetworkSpec(name="default")
    assert [p.family for p in published(port(80, 8080), network=only)] == [4]


@pytest.mark.parametrize(
    ("host_ip", "families"),
    [("", [4, 6]), ("0.0.0.0", [4]), ("::", [6]), ("127.0.0.1", [4]), ("2001:db8::1", [6])],
)
def test_a_host_address_decides_the_family(host_ip, families):
    assert [p.family for p in published(port(80, 8080, host_ip=host_ip))] == families


def test_a_networks_host_binding_is_the_default():
    lan = NetworkSpec(name="default", host_ip="127.0.0.1")
    assert [p.host_ip for p in published(port(80, 8080), network=lan)] == ["127.0.0.1"]


def test_a_range_stays_one_port_value():
    (only,) = published(port(9000, 9000, count=100, host_ip="0.0.0.0"))
    assert (only.first, only.last, only.target) == (9000, 9099, 9000)


def test_a_random_port_is_stable_and_goes_around_what_is_taken():
    (first, _) = published(port(80))
    assert published(port(80))[0].first == first.first
    low, high = Facts().ephemeral
    assert low <= first.first <= high
    busy = Facts(listeners=frozenset({Listener("tcp", "0.0.0.0", first.first)}))
    assert published(port(80), facts=busy)[0].first != first.first


def test_a_random_port_that_stands_is_kept():
    (first, _) = published(port(80))
    facts = Facts(ports={("tcp", f"{first.ip} . 80"): 40000})
    assert {p.first for p in published(port(80), facts=facts)} == {40000}


def test_one_port_is_taken_out_of_a_range_of_host_ports():
    choice = PortSpec(target=(80, 80), published=(8000, 8001))
    got = [p.first for p in published(choice, choice) if p.family == 4]
    assert sorted(got) == [8000, 8001]
    with pytest.raises(ManifestError, match="no host port is free between 8000 and 8001"):
        published(choice, choice, choice)


def replicas(*ports, number=3, facts=NOTHING, network=DUAL, weights=None):
    web = container("web", ports=ports, is_service=True, replicas=number, weights=weights or {})
    return build(manifest(project("p", network, web)), facts)


@pytest.mark.parametrize(
    "wanted",
    [
        port(80, 8080),
        port(80, 8080, host_ip="127.0.0.1"),
        port(9000, 9000, count=5),
        port(80, 8000, count=3),
        port(80),
    ],
)
def test_replicas_share_a_port_in_each_family(wanted):
    found = replicas(wanted).ports
    for version in {p.family for p in found}:
        mine = [p for p in found if p.family == version]
        assert [p.sandbox for p in mine] == ["p-web-1", "p-web-2", "p-web-3"]
        assert len({(p.first, p.count, p.host_ip) for p in mine}) == 1
        assert [p.share for p in mine] == [(0, 21844), (21845, 43689), (43690, 65535)]


def test_who_is_alone_shares_nothing():
    assert {p.share for p in replicas(port(80, 8080), number=1).ports} == {None}
    assert {p.share for p in replicas(port(80, 8080), number=2, network=ROUTED).ports} == {None}


def test_with_mode_host_each_has_a_port_of_its_own():
    assert len({p.first for p in replicas(port(80, mode="host")).ports}) == 3
    with pytest.raises(ManifestError, match="8080/tcp is taken: p-web-1 publishes it"):
        replicas(port(80, 8080, mode="host"))


def test_of_a_range_of_host_ports_for_one_target_each_has_one():
    choice = PortSpec(target=(80, 80), published=(8000, 8002))
    found = replicas(choice).ports
    assert {p.first for p in found} == {8000, 8001, 8002} and {p.share for p in found} == {None}


def test_one_port_that_is_written_twice_is_not_shared():
    with pytest.raises(ManifestError, match="8080/tcp is taken"):
        replicas(port(80, 8080), port(81, 8080))


def test_a_random_port_that_one_of_them_holds_is_that_of_all():
    found = replicas(port(80)).ports
    held = next(p for p in found if p.sandbox == "p-web-2")
    facts = Facts(ports={("tcp", f"{held.ip} . 80"): 40000})
    assert {p.first for p in replicas(port(80), facts=facts).ports} == {40000}
    assert {p.first for p in replicas(port(80), number=1).ports} == {held.first}


@given(st.lists(st.integers(1, 255), min_size=1, max_size=200))
def test_shares_are_the_whole_and_as_wide_as_their_weights(weights):
    found = [*shares(weights)]
    assert [0, *(last + 1 for _, last in found)] == [*(first for first, _ in found), WHOLE]
    for share, weight in zip(found, weights, strict=True):
        assert abs(part_of(share) - weight / sum(weights)) < 1 / WHOLE


def test_who_weighs_nothing_has_nothing_and_a_place_of_its_own():
    assert [part_of(share) for share in shares([0, 3, 0, 1])] == [0, 0.75, 0, 0.25]
    for weights in ([0], [0, 0], [1, 0, 256, 0], [256] * 300 + [1]):
        found = [*shares(weights)]
        assert all(first <= last for first, last in found) and len({*found}) == len(weights)


def shown(**more):
    """The parts of the replicas, and who has the port where nothing is shared."""
    found = replicas(port(80, 8080), network=NetworkSpec(name="default"), **more).ports
    return [p.share and part_of(p.share) for p in found], [p.sandbox for p in found if p.is_first]


def test_weights_are_of_replicas_by_their_numbers():
    assert shown(weights={"2": 3}, number=2) == ([0.25, 0.75], ["p-web-1"])
    assert shown(weights={"1": 0}) == ([0, 0.5, 0.5], ["p-web-2"])
    assert shown(weights={"1": 0}, number=1) == ([0], [])
    assert shown(weights={"1": 7, "9": 5}, number=1) == ([None], ["p-web-1"])


def test_a_share_is_shown():
    lines = as_text(replicas(port(80, 8080), network=NetworkSpec(name="default"), number=2))
    assert lines.count(":80  50% of connections") == 2


def test_internal_networks_publish_nothing():
    assert published(port(80, 8080), network=NetworkSpec(name="default", internal=True)) == ()


def test_an_isolated_bridge_publishes_nothing():
    both = NetworkSpec(
        name="default", enable_ipv6=True, gateway_mode="isolated", gateway_mode_ipv6="isolated"
    )
    for isolated in (both, NetworkSpec(name="default", gateway_mode="isolated")):
        assert published(port(80, 8080), network=isolated) == ()


ROUTED = NetworkSpec(
    name="default", enable_ipv6=True, gateway_mode="routed", gateway_mode_ipv6="routed",
    subnets=(SubnetSpec(subnet="10.60.0.0/24"), SubnetSpec(subnet="fd60::/64")),
)  # fmt: skip
AT4, AT6 = "10.60.0.9", "fd60::9"


def routed(*ports, network=ROUTED):
    end = EndpointSpec(network="default", ipv4_address=AT4, ipv6_address=AT6)
    return build(manifest(project("p", network, container("a", end, ports=ports))), Facts())


@pytest.mark.parametrize(
    ("host_ip", "there"),
    [
        *(("", [AT4, AT6]), ("0.0.0.0", [AT4]), ("::", [AT6]), (AT4, [AT4]), (AT6, [AT6])),
        *((ip, []) for ip in ("127.0.0.1", "127.9.9.9", "::1", "198.51.100.1", "2001:db8:1::1", "10.60.0.1")),
    ],
)
@pytest.mark.parametrize("by_network", [False, True])
def test_a_routed_network_publishes_at_the_containers_own_address_alone(host_ip, there, by_network):
    network = replace(ROUTED, host_ip=host_ip) if by_network else ROUTED
    got = routed(port(81, 8081, host_ip="" if by_network else host_ip), network=network)
    assert [(p.host_ip, p.first, p.ip, p.target) for p in got.ports] == [(ip, 81, ip, 81) for ip in there]
    assert bool(got.warnings) == (not there)


@pytest.mark.parametrize(("modes", "families"), [(("nat", "routed"), [4]), (("routed", "nat"), [])])
def test_each_family_has_its_own_mode(modes, families):
    network = replace(ROUTED, gateway_mode=modes[0], gateway_mode_ipv6=modes[1])
    assert [p.family for p in routed(port(81, 8081, host_ip="127.0.0.1"), network=network).ports] == families


def test_what_is_shown_of_a_routed_port_is_what_is_reached_once():
    lines = as_text(routed(port(80, 8080), port(80, 8081), port(81), port(82, 82, 2, host_ip="127.0.0.1")))
    shown = lines.partition("sandbox ")[2].split()[2:]
    assert shown == [f"{at}:{number}/tcp" for number in (80, 81) for at in (AT4, f"[{AT6}]")]


def test_a_routed_port_takes_none_of_the_host():
    low, high = Facts().ephemeral
    taken = tuple(Claim("blog", family, "", "tcp", low, high) for family in (4, 6))
    spec = container("a", ports=(port(80), port(8080, low)))
    assert build(manifest(project("p", ROUTED, spec)), Facts(claims=taken)).ports


@pytest.mark.parametrize(
    ("one", "two", "clash"),
    [
        (port(80, 8080), port(81, 8080), True),
        (port(80, 8080), port(81, 8080, protocol="udp"), False),
        (port(80, 8080), port(81, 8080, host_ip="127.0.0.1"), True),
        (port(80, 8080, host_ip="127.0.0.2"), port(81, 8080, host_ip="127.0.0.1"), False),
        (port(80, 8000, count=100), port(81, 8050), True),
        (port(80, 8000, count=100), port(1000, 8100), False),
    ],
)
def test_conflicts_between_two_ports(one, two, clash):
    if clash:
        with pytest.raises(ManifestError, match="is taken"):
            published(one, two)
    else:
        published(one, two)


@pytest.mark.parametrize("ip", ["0.0.0.0", "::", "127.0.0.1", "192.0.2.1"])
def test_conflict_with_a_socket_that_listens(ip):
    facts = Facts(listeners=frozenset({Listener("tcp", ip, 8080)}))
    with pytest.raises(ManifestError, match="a process of the host listens on it"):
        published(port(80, 8080), facts=facts)


STANDING = frozenset(Claim("p", version, "", "tcp", 8080, 8080) for version in (4, 6))


@pytest.mark.parametrize("ip", ["0.0.0.0", "::", "127.0.0.1", "192.0.2.1"])
@pytest.mark.parametrize("known", [{"published": STANDING}, {"bare": frozenset({"p"})}])
def test_who_listens_on_a_port_that_is_published_already_is_told_and_holds_up_nobody(ip, known):
    one, named = Listener("tcp", ip, 8080), Listener("tcp", ip, 8080, "nc (pid 7)")
    facts = Facts(listeners=frozenset({one}), heard=lambda: (named,), **known)
    network = project("p", DUAL, container("a", ports=[port(80, 8080)]))
    topology = build(manifest(network), facts)
    [warning] = topology.warnings
    assert "8080/tcp, which p-a publishes, is listened on by nc (pid 7) too" in warning
    assert {p.first for p in topology.ports} == {8080}
    with pytest.raises(ManifestError, match=r"nc \(pid 7\) listens on it"):
        build(manifest(network), replace(facts, published=frozenset(), bare=frozenset()))


def test_a_port_beside_one_that_stands_is_new():
    facts = Facts(listeners=frozenset({Listener("tcp", "0.0.0.0", 8081)}), published=STANDING)
    with pytest.raises(ManifestError, match="8081/tcp is taken"):
        published(port(80, 8080), port(81, 8081), facts=facts)


def test_a_passing_socket_of_any_process_forbids_no_range():
    passing, server = Listener("udp", "0.0.0.0", 41000), Listener("udp", "0.0.0.0", 41000, "network x")
    asked = PortSpec(target=(40000, 45000), published=(40000, 45000), protocol="udp")
    assert published(asked, facts=Facts(listeners=frozenset({passing})))
    elsewhere = Facts(listeners=frozenset({passing}), ephemeral=(50000, 60000))
    for facts in (Facts(listeners=frozenset({server})), elsewhere):
        with pytest.raises(ManifestError, match="41000/udp is taken"):
            published(asked, facts=facts)


def test_a_random_port_that_stands_stays_whoever_listens_there_since():
    first = published(port(80))[0].first
    held = {("tcp", f"{p.ip} . 80"): p.first for p in published(port(80))}
    taken = Facts(listeners=frozenset({Listener("tcp", "0.0.0.0", first)}))
    standing = frozenset(Claim("p", version, "", "tcp", first, first) for version in (4, 6))
    assert published(port(80), facts=taken)[0].first != first
    assert published(port(80), facts=replace(taken, ports=held, published=standing))[0].first == first
    assert published(port(80), facts=replace(taken, bare=frozenset({"p"})))[0].first == first


def test_conflict_with_another_project():
    facts = Facts(claims=(Claim("blog", 4, "", "tcp", 8000, 8100),))
    with pytest.raises(ManifestError, match="project blog publishes it"):
        published(port(80, 8080), facts=facts)


def test_ten_thousand_ports_are_checked_in_a_moment():
    assert len(build(shop(1000), Facts()).ports) == 2000


def each_with_all(holders):
    """What `meetings` tells, by holding each against all that were there before."""
    active = []
    for holder in holders:
        met = next((other for other in active if other.last >= holder.first and holder.meets(other)), None)
        if met is None or not (met.port and holder.port):
            active.append(holder)
        if met and (met.port or holder.port):
            one, two = sorted((met, holder), key=lambda h: (h.port is not None, h.port and h.port.where))
            yield two, two.port, one


def holders():
    ours = st.integers(1, 9).map(lambda line: replace(PORT, where=Where("m.yaml", line)))
    ips = st.sampled_from(["", "", "127.0.0.1", "127.0.0.2"])
    one = st.builds(
        Holder, st.integers(1, 6), st.integers(1, 9), ips, st.sampled_from("ab"), st.none() | ours
    )
    return st.lists(one.filter(lambda h: h.first <= h.last), max_size=12)


@given(holders().map(lambda found: sorted(found, key=lambda h: h[:4])))
def test_who_meets_whom_is_what_each_held_against_all_others_would_tell(found):
    assert list(meetings(found)) == list(each_with_all(found))


SIX = NetworkSpec(name="n", enable_ipv4=False, enable_ipv6=True)
LAN = NetworkSpec(name="n", driver="macvlan", options={"parent": "eth0"})


@pytest.mark.parametrize(
    ("network", "wanted", "reason"),
    [
        (NetworkSpec(name="n"), port(80, 8080, host_ip="2001:db8::1"), "on 2001:db8::1: it has no"),
        (SIX, port(80, 8080, host_ip="192.0.2.1"), "on 192.0.2.1: it has no address of that"),
        (NetworkSpec(name="n", internal=True), port(80, 8082, host_ip="127.0.0.1"), ": network p_n is int"),
        (NetworkSpec(name="n", gateway_mode="isolated"), port(80), ": network p_n is isolated"),
        (LAN, port(80, 8080), ": network p_n is a LAN"),
    ],
)  # fmt: skip
def test_a_port_that_is_published_nowhere_is_told(network, wanted, reason):
    placed = replace(wanted, where=Where("shop.yaml", 14, 9))
    topology = build(manifest(project("p", network, container("a", "n", ports=(placed,)))), NOTHING)
    assert not topology.ports
    words = [words for words in topology.warnings if "published" in words]
    assert len(words) == 1 and words[0].startswith("shop.yaml:14:9: port 80/tcp of p-a is not published")
    assert reason in words[0]


def test_so_is_one_of_a_container_without_a_network_or_in_a_vlan():
    tenth = EndpointSpec(network="n", vlan=7)
    for end, mode, reason in ((), "none", "on no network"), ((tenth,), "", "in VLAN 7"):
        one = container("a", *end, ports=(port(80, 8080),), network_mode=mode)
        topology = build(manifest(project("p", NetworkSpec(name="n"), one)), NOTHING)
        assert [reason in words for words in topology.warnings] == [True]


HERE = {"addresses": {"127.0.0.1": "lo", "192.0.2.1": "eth0"}, "local": lambda: frozenset({"192.0.2.64/26"})}


@pytest.mark.parametrize(
    ("host_ip", "facts", "told"),
    [
        ("192.0.2.2", HERE, True),
        ("192.0.2.2", {}, False),  # nobody knows what the host has
        ("192.0.2.1", HERE, False),
        ("127.0.0.53", HERE, False),
        ("192.0.2.77", HERE, False),  # a route leads it here
        ("10.7.0.1", HERE, False),  # the gateway
        ("10.9.0.1", HERE, True),
        ("10.9.0.1", HERE | {"held": frozenset({"10.9.0.1"})}, False),  # by another project
        ("0.0.0.0", HERE, False),
    ],
)
def test_a_port_at_an_address_that_the_host_has_not_is_told(host_ip, facts, told):
    network = NetworkSpec(name="n", subnets=(SubnetSpec(subnet="10.7.0.0/24"),))
    placed = replace(port(80, 8080, host_ip=host_ip), where=Where("shop.yaml", 14, 9))
    of = manifest(project("p", network, container("a", "n", ports=(placed,))))
    said = f"shop.yaml:14:9: port 80/tcp of a is not reached on {host_ip} yet: the host has no such address"
    assert build(of, Facts(**facts)).warnings == ((said,) if told else ())


def test_of_a_port_that_is_published_in_one_family_nothing_is_told():
    topology = build(
        manifest(project("p", container("a", ports=(port(80, 8080, host_ip="0.0.0.0"),)))), NOTHING
    )
    assert topology.ports and not topology.warnings
