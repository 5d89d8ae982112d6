"""Limits of published ports: who may come, by which link, how often and how many at once."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.netns.connections import held
from tests.netns.frames import arrivals, ethernet, udp6
from tests.netns.lab import HOST4, HOST6, IMPATIENCE, OURS, REMOTE4, REMOTE6, Lab, Probe
from tests.netns.snapshot import differing
from tests.netns.watching import until, watching

SERVED = """
name: t
networks: {n: {enable_ipv6: true}, m: {enable_ipv6: true}}
services:
  web: {deploy: {replicas: %d}, networks: [n], ports: [%s]}
containers:
  near: {networks: [n]}
  far: {networks: [m]}
"""
ME, OTHER = {4: REMOTE4, 6: REMOTE6}, {4: "198.51.100.9", 6: "2001:db8:1::9"}  # both of R
OPEN = '"8085:80"'
OFFICE = f'{{target: 80, published: 8080, allow_from: [{REMOTE4}, "{REMOTE6}"]}}'
RANGE = f'{{target: "80-82", published: "9000-9002", allow_from: [{REMOTE4}/32]}}'
SAME = f'{{target: "90-92", published: "90-92", allow_from: [{REMOTE4}/32]}}'
AT = f"{{target: 80, published: 8086, host_ip: {HOST4}, allow_from: [198.51.100.8/29]}}"
BY = "{target: 80, published: 8087, host_if: uplink}"
ITSELF = "{target: 80, published: 8088, host_if: lo}"
BOTH = f"{{target: 80, published: 8089, host_if: uplink, allow_from: [{OTHER[4]}]}}"
UDP = f"{{target: 80, published: 8080, protocol: udp, allow_from: [{REMOTE4}]}}"


def served(*ports: str, replicas: int = 1) -> str:
    return SERVED % (replicas, ", ".join(ports))


@pytest.fixture(scope="module", params=[1, 3])
def limited(request: pytest.FixtureRequest, netfiltered: Lab) -> Lab:
    netfiltered.run(f"ip addr replace {OTHER[4]}/24 dev eth0", "R")
    netfiltered.run(f"ip addr replace {OTHER[6]}/64 dev eth0 nodad", "R")
    many = request.param
    netfiltered.stands(served(OPEN, OFFICE, RANGE, SAME, AT, BY, ITSELF, BOTH, UDP, replicas=many))
    for name in [f"t-web-{n}" for n in range(1, many + 1)]:
        with suppress(OSError):  # it serves already
            netfiltered.serve(name, 80, 81, 82, 90, 92)
            netfiltered.serve(name, 80, proto="udp")
    with suppress(OSError):
        netfiltered.serve("", 7)
    return netfiltered


def who(lab: Lab, ns: str, port: int, proto: str = "tcp", source: str = "", family: int = 4) -> str:
    """Whose address came through, "" for nobody's."""
    return (answer(lab, ns, OURS[family], port, proto, source) or " ").split(" ")[1]


def answer(lab: Lab, ns: str, at: str, port: int, proto: str = "tcp", source: str = "") -> str | None:
    return lab.ask(ns, at, port, proto, patience=IMPATIENCE, source=source)


@pytest.mark.parametrize("family", [4, 6])
def test_only_these_sources_come_in(limited: Lab, family: int) -> None:
    assert who(limited, "R", 8080, source=ME[family], family=family) == ME[family]
    assert not who(limited, "R", 8080, source=OTHER[family], family=family)
    for port in (8085, 7):
        assert who(limited, "R", port, source=OTHER[family], family=family) == OTHER[family]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("ns", ["", "t-near", "t-far", "t-web-1"])
def test_the_host_and_containers_are_sources_as_all_others(limited: Lab, ns: str, family: int) -> None:
    assert who(limited, ns, 8085, family=family)
    assert not who(limited, ns, 8080, family=family)


def test_each_protocol_has_its_own(limited: Lab) -> None:
    assert who(limited, "R", 8080, "udp", ME[4]) == ME[4]
    assert not who(limited, "R", 8080, "udp", OTHER[4])
    assert not who(limited, "", 8080, "udp")


@pytest.mark.parametrize("port", [9000, 9002, 90, 92])
def test_a_range_is_limited_as_a_whole(limited: Lab, port: int) -> None:
    assert who(limited, "R", port, source=ME[4]) == ME[4]
    assert not who(limited, "R", port, source=OTHER[4])
    assert not who(limited, "R", port, source=ME[6], family=6)


def test_one_address_of_the_host(limited: Lab) -> None:
    assert who(limited, "R", 8086, source=OTHER[4]) == OTHER[4]
    assert not who(limited, "R", 8086, source=ME[4])


@pytest.mark.parametrize("family", [4, 6])
def test_one_link_of_the_host(limited: Lab, family: int) -> None:
    assert who(limited, "R", 8087, source=ME[family], family=family)
    for ns in ("", "t-near", "t-far"):
        assert not who(limited, ns, 8087, family=family)
    assert who(limited, "", 8088, family=family)
    for ns in ("R", "t-near", "t-far"):
        assert not who(limited, ns, 8088, family=family)


def test_both_must_hold(limited: Lab) -> None:
    assert who(limited, "R", 8089, source=OTHER[4]) == OTHER[4]
    assert not who(limited, "R", 8089, source=ME[4])
    limited.run(f"ip addr add {OTHER[4]}/32 dev lo")
    assert not who(limited, "", 8089, source=OTHER[4])
    limited.run(f"ip addr del {OTHER[4]}/32 dev lo")


@pytest.fixture
def town(lab: Lab) -> Lab:
    """R has two addresses; whoever publishes has two replicas."""
    lab.run(f"ip addr add {OTHER[4]}/24 dev eth0", "R")
    lab.run(f"ip addr add {OTHER[6]}/64 dev eth0 nodad", "R")
    return lab


def stand(lab: Lab, *ports: str) -> None:
    lab.apply(served(*ports, replicas=2))
    for name in ("t-web-1", "t-web-2"):
        lab.serve(name, 80)


def came_in(lab: Lab, ns: str, port: int, many: int, family: int = 4) -> int:
    return sum(bool(who(lab, ns, port, family=family)) for _ in range(many))


@pytest.mark.parametrize("ns", ["R", "", "t-far"])
def test_a_rate(town: Lab, ns: str) -> None:
    """The burst at once, then one a time; each family by itself, and no other port."""
    stand(town, OPEN, "{target: 80, published: 8080, rate: 1/hour burst 3}")
    for family in (4, 6):
        assert came_in(town, ns, 8080, 6, family) == 3
    assert came_in(town, ns, 8085, 6) == 6
    changed = served(OPEN, "{target: 80, published: 8080, rate: 1/hour burst 5}", replicas=2)
    plan = town.succeed(town.plan(changed, "-o", "json")).json
    assert {step["disruption"] for step in plan["steps"]} == {"none"}
    assert "rate over 1/hour burst 5" in town.plan(changed).out
    town.stands(changed)
    assert came_in(town, ns, 8080, 8) == 5
    town.stands(served(OPEN, "8080:80", replicas=2))
    assert came_in(town, ns, 8080, 8) == 8


@pytest.mark.parametrize("ns", ["R", "", "t-far"])
@pytest.mark.parametrize("family", [4, 6])
def test_connections_at_once(town: Lab, ns: str, family: int) -> None:
    """Those that have ended make room."""
    stand(town, OPEN, "{target: 80, published: 8080, max_conns: 2}")
    address = OURS[family]
    with held(town, {"one": Probe(ns, address, 8080), "two": Probe(ns, address, 8080)}):
        assert not came_in(town, ns, 8080, 2, family)
        assert came_in(town, ns, 8085, 2, family) == 2
    until(lambda: came_in(town, ns, 8080, 1, family))  # the other side has yet to end them


ALLOWED = f'{{target: 80, published: 8080, allow_from: ["198.51.100.0/24", "{REMOTE6}"]}}'


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [("8080:80", OFFICE, {"other"}), (ALLOWED, OFFICE, {"other"}), (OFFICE, ALLOWED, set())],
)
def test_who_may_come_no_more_is_cut_off(town: Lab, before: str, after: str, cut: set[str]) -> None:
    """And nobody else is; so it is where a port that was open to all gets its first limit."""
    stand(town, before)
    sources = {"mine": ME[4]} | ({"other": OTHER[4]} if cut else {})
    with held(town, {name: Probe("R", HOST4, 8080) for name in sources}, sources) as open_ones:
        told = town.plan(served(after, replicas=2)).out
        town.apply(served(after, replicas=2))
    assert {name for name, one in open_ones.items() if one.silent} == cut
    assert "running traffic: flow" in told, told
    assert "~ port 8080/tcp" in told, told


def test_another_link(town: Lab) -> None:
    """By which one somebody came is not known any more: all begin anew."""
    stand(town, "{target: 80, published: 8080, host_if: uplink}")
    with held(town, {"one": Probe("R", HOST4, 8080)}) as open_ones:
        town.apply(served("{target: 80, published: 8080, host_if: dummy0}", replicas=2))
    assert open_ones["one"].silent
    assert (
        "there is no link dummy0" in town.plan(served("{target: 80, published: 8080, host_if: dummy0}")).err
    )


def test_what_is_taken_away_comes_back(town: Lab) -> None:
    stand(town, OPEN, OFFICE, "{target: 80, published: 8081, rate: 1/hour burst 2, max_conns: 7}")
    item = f"tcp . 8080 . {REMOTE4}"
    with watching(town, town.files) as watcher:
        for damage in (
            f"delete element inet reconciler allow_from4 {{ {item} }}",
            "flush set inet reconciler allow_from4",
            "flush set inet reconciler limited4",
            "flush set inet reconciler rates4",
            "flush chain inet reconciler limits",
            "flush chain inet reconciler limits_inbound",
            "delete element inet reconciler conns4 { tcp . 8081 }\n"
            "add element inet reconciler conns4 { tcp . 8081 ct count over 9 }",
            "add element inet reconciler allow_from4 { tcp . 8080 . 0.0.0.0/1 }",
        ):
            town.nft(damage)
            watcher.until(
                lambda: who(town, "R", 8080, source=ME[4]) and not who(town, "R", 8080, source=OTHER[4])
            )
            watcher.until(lambda: town.planned(town.files.joinpath("t.yaml").read_text()) == [])


def test_nobody_helps_himself_in(town: Lab) -> None:
    """Whoever says on the LAN that he is the host, or a container."""
    inside = '"127.0.0.0/8", "172.16.0.0/12", "10.0.0.0/8"'
    stand(town, f"{{target: 80, published: 8080, allow_from: [{inside}]}}")
    mine = town.address("t-near")
    assert who(town, "t-near", 8080)
    assert answer(town, "", "127.0.0.1", 8080)
    for claimed in (mine, "127.0.0.2"):
        town.run(f"ip addr add {claimed}/32 dev lo", "R", check=False)
        assert not who(town, "R", 8080, source=claimed)


def test_nobody_on_the_lan_is_the_host(town: Lab) -> None:
    """Of IPv6 Linux takes it: without an answer, which UDP needs none of."""
    macs = town.link("uplink")["address"], town.link("eth0", "R")["address"]
    for mode, at in (("nat", HOST6), ("routed", "fd91::2")):
        network = f"gateway_mode_ipv6: {mode}, enable_ipv6: true, ipam: {{config: [{{subnet: 'fd91::/64'}}]}}"
        port = f"{{target: 80, published: 80, protocol: udp, allow_from: ['{HOST6}']}}"
        web = f"web: {{networks: {{n: {{ipv6_address: 'fd91::2'}}}}, ports: [{port}]}}"
        town.apply(f"{{name: t, networks: {{n: {{{network}}}}}, containers: {{{web}}}}}")
        if mode == "nat":
            town.serve("t-web", 80, proto="udp")
            assert town.ask("", at, 80, "udp")
        claimed = {"it": lambda m, at=at: ethernet(*macs, 0x86DD, udp6(HOST6, at, (9, 80), m))}
        assert arrivals(town, "R", claimed, {"web": ("t-web", "eth0")}) == {"it": []}, mode


def test_nothing_stays_behind(town: Lab) -> None:
    before = town.snapshot()
    stand(town, "8080:80")
    assert "limit" not in town.rules("inet reconciler").replace("asking", "")
    town.stands(served(OFFICE, BOTH, replicas=2))
    town.run("nft list ruleset")
    town.stands(served("8080:80", replicas=2))
    assert "chain limits" not in town.rules("inet reconciler")
    town.stands(served(OFFICE, RANGE, AT, BY, "{target: 80, published: 8090, max_conns: 1}", replicas=2))
    town.destroy()
    assert differing(before, town.snapshot()) == {}


ROUTED = f"""
name: t
networks: {{n: {{driver_opts: {{com.docker.network.bridge.gateway_mode_ipv4: routed}}}}}}
services:
  web: {{networks: [n], ports: [{{target: 80, allow_from: [{REMOTE4}]}}, "81"]}}
containers:
  near: {{networks: [n]}}
"""


def test_where_containers_have_addresses_of_the_outside(netfiltered: Lab) -> None:
    """Who comes from outside is asked, at the container's own address."""
    lab = netfiltered
    lab.run(f"ip addr replace {OTHER[4]}/24 dev eth0", "R")
    lab.stands(ROUTED)
    with suppress(OSError):
        lab.serve("t-web-1", 80, 81)
    address = lab.address("t-web-1")
    lab.run(f"ip route replace {address}/32 via {HOST4}", "R")
    assert answer(lab, "R", address, 80, source=ME[4])
    assert not answer(lab, "R", address, 80, source=OTHER[4])
    assert answer(lab, "R", address, 81, source=OTHER[4])
    assert answer(lab, "t-near", address, 80)
    assert answer(lab, "", address, 80)


def hours(*minutes: int) -> str:
    """Daily, so many minutes from now on the clock, as one port."""
    now = datetime.now(UTC)
    first, end = ((now + timedelta(minutes=n)).strftime("%H:%M") for n in minutes)
    return f'{{target: 80, published: 8080, hours: "daily {first}-{end} UTC"}}'


def test_outside_its_hours_nobody_comes_in(town: Lab) -> None:
    stand(town, OPEN, hours(2, 60))
    town.stands(served(OPEN, hours(2, 60), replicas=2))
    assert not who(town, "R", 8080)
    assert who(town, "R", 8085)
    town.stands(served(OPEN, hours(-2, 60), replicas=2))
    assert who(town, "R", 8080) and who(town, "R", 8080, family=6)
    assert "expires" in town.run("nft list set inet reconciler allow_from4").out


@pytest.mark.long
def test_hours_begin_and_end_by_themselves(town: Lab) -> None:
    """The kernel ends them, and a watcher begins the next."""
    wait = 60 - time.time() % 60
    time.sleep(wait + 0.5 if wait < 15 else 0)
    stand(town, OPEN, hours(1, 2))
    assert not who(town, "R", 8080)
    with watching(town, town.files) as watcher:
        begins = time.time() // 60 * 60 + 60
        watcher.until(lambda: who(town, "R", 8080), 90)
        assert 0 <= time.time() - begins < 10, watcher.log
        with held(town, {"one": Probe("R", HOST4, 8080)}) as open_ones:
            watcher.until(lambda: watcher.status["in_sync"])
        assert not open_ones["one"].silent
    until(lambda: not who(town, "R", 8080), 90)
    assert begins + 58 < time.time() < begins + 65
    assert town.planned(town.files.joinpath("t.yaml").read_text()) == []
