"""Policies that change, flow by flow; what drifts, what attacks, and what is left when all is gone."""

import socket

import pytest

from tests.netns.connections import held
from tests.netns.lab import OURS, THEIRS, Lab, Probe, Result
from tests.netns.prober import family_of

SUBNETS = "ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}"
NAMES = ("web", "app", "free")
NUMBERS = {name: number for number, name in enumerate(NAMES, 2)}


def manifest(more: str = "", **said: str) -> str:
    """With what is said of each container."""
    lines = [
        f"  {name}: {{networks: {{front: {{ipv4_address: 10.91.0.{number}, ipv6_address: 'fd91::{number}'}}}}"
        f"{''.join(f', {one}' for one in filter(None, [said.get(name)]))}}}"
        for name, number in NUMBERS.items()
    ]
    return (
        f"name: t\nnetworks:\n  front: {{enable_ipv6: true, {SUBNETS}}}\ncontainers:\n"
        + "\n".join(lines)
        + f"\n{more}"
    )


def at(name: str, family: int) -> str:
    return f"10.91.0.{NUMBERS[name]}" if family == 4 else f"fd91::{NUMBERS[name]}"


@pytest.fixture
def town(lab: Lab) -> Lab:
    for name in NAMES:
        lab.apply(manifest())
        lab.serve(f"t-{name}", 80, 81)
    lab.serve("R", 80, 81)
    return lab


def said(plan: Result) -> str:
    """What it says that it costs running traffic."""
    return plan.out.rpartition("unning traffic: ")[2].split()[0].rstrip(".;")


def fates(town: Lab, probes: dict[str, Probe], *steps: str) -> tuple[dict[str, str], str]:
    """What became of connections, and what the plan said it would cost."""
    cost = ""
    with held(town, probes) as connections:
        for step in steps:
            cost = said(town.plan(step))
            town.apply(step)
    return {name: "ended" if one.silent else "" for name, one in connections.items()}, cost


def test_who_is_bound_loses_what_he_may_not_have_and_keeps_the_rest(town):
    town.apply(manifest(free="ingress: [network/front, outside, host]"))  # netfilter sees them from now on
    probes = {
        "allowed": Probe("t-web", at("app", 4), 80),
        "allowed6": Probe("t-web", at("app", 6), 80),
        "port": Probe("t-web", at("app", 4), 81),
        "neighbour6": Probe("t-web", at("free", 6), 80),
        "outside": Probe("t-web", THEIRS[4], 80),
        "outside81": Probe("t-web", THEIRS[6], 81),
        "towards": Probe("t-free", at("web", 4), 80),
        "others": Probe("t-free", at("app", 6), 81),
        "from": Probe("t-free", THEIRS[4], 80),
    }
    later = manifest(web='egress: ["app:80", "outside:81"]', free="ingress: [network/front, outside, host]")
    found, cost = fates(town, probes, later)
    assert {name for name, fate in found.items() if fate} == {"port", "neighbour6", "outside"}
    assert cost == "flow"
    found, cost = fates(
        town,
        {"kept": probes["allowed"], "gone": probes["outside81"]},
        manifest(web="egress: [app]", free="ingress: [network/front, outside, host]"),
    )
    assert found == {"kept": "", "gone": "ended"} and cost == "flow"
    found, cost = fates(town, {"kept": probes["allowed"], "others": probes["others"]}, manifest())
    assert found == {"kept": "", "others": ""}


def test_ingress_ends_what_came_in(town):
    town.apply(manifest(web="egress: [app, free, outside, host]", app='ports: ["8080:80"]'))
    probes = {
        "near": Probe("t-free", at("app", 4), 80),
        "web": Probe("t-web", at("app", 6), 80),
        "published": Probe("R", OURS[4], 8080),
        "published6": Probe("R", OURS[6], 8080),
        "host": Probe("", at("app", 4), 81),
        "own": Probe("t-app", THEIRS[4], 80),
    }
    later = manifest(
        web="egress: [app, free, outside, host]", app='ports: ["8080:80"], ingress: ["web:80", "outside:80"]'
    )
    found, _ = fates(town, probes, later)
    assert {name for name, fate in found.items() if fate} == {"near", "host"}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("bound", [{"web": "egress: ['app:80']"}, {"app": "ingress: ['web:80']"}])
def test_what_ends_stays_so_when_the_server_speaks_next(town, family, bound):
    town.apply(manifest(free="ingress: [network/front]"))
    ip = at("app", family)
    with town.inside("t-app"):
        listener = socket.create_server((ip, 90), family=family_of(ip))
    with town.inside("t-web"):
        client = socket.create_connection((ip, 90), 3)
    with listener, client, listener.accept()[0] as server:
        server.sendall(b"before")
        assert client.recv(9) == b"before"
        town.apply(manifest(free="ingress: [network/front]", **bound))
        server.sendall(b"behind")
        client.settimeout(1)
        with pytest.raises(TimeoutError):
            client.recv(9)


def test_a_new_container_that_is_bound_costs_nothing(town):
    more = manifest(web="egress: [app]") + "  new: {networks: [front], egress: []}\n"
    town.apply(manifest(web="egress: [app]"))
    assert said(town.plan(more)) == "none"
    town.apply(more)
    assert town.planned(more) == []
    town.apply(manifest())
    assert "nf_call_iptables 0" in town.run("ip -d link show br-t-front").out
    assert not [name for name in town.rules().split() if name in ("policed", "opening")]
    assert town.planned(manifest()) == []


def test_what_drifts_is_put_right(town):
    wanted = manifest(web='egress: ["app:80"]', app="ingress: [web]")
    town.apply(wanted)
    town.run("ip link set br-t-front type bridge nf_call_ip6tables 0")
    town.nft("flush set inet reconciler bound_out4; flush chain inet reconciler sending")
    assert town.ask("t-web", at("free", 4), 80)
    assert len(town.planned(wanted)) >= 3
    town.apply(wanted)
    assert town.planned(wanted) == []
    town.silent(Probe("t-web", at("free", 4), 80), Probe("t-web", at("free", 6), 80))
    assert town.ask("t-web", at("app", 6), 80)


def test_destroy_leaves_nothing(lab):
    before = lab.snapshot()
    lab.apply(manifest(web="egress: [outside]", app="ingress: [host]", more="metadata: deny\n"))
    lab.destroy()
    assert lab.snapshot() == before


def test_a_way_between_networks_that_closes_ends_what_took_it_and_no_more(lab):
    pool = "ipam: {config: [{subnet: 10.91.%d.0/24}, {subnet: 'fd91:%d::/64'}]}"
    web, db = ({4: f"10.91.{number}.2", 6: f"fd91:{number}::2"} for number in (1, 2))

    def wanted(allow: str = "", egress: str = "") -> str:
        return (
            f"name: t\nnetworks:\n  front: {{enable_ipv6: true, {pool % (1, 1)}}}\n"
            f"  back: {{enable_ipv6: true, {pool % (2, 2)}{allow}}}\ncontainers:\n"
            f"  web: {{networks: {{front: {{ipv4_address: {web[4]}, ipv6_address: '{web[6]}'}}}}{egress}}}\n"
            f"  db: {{networks: {{back: {{ipv4_address: {db[4]}, ipv6_address: '{db[6]}'}}}}}}\n"
        )

    lab.apply(wanted(", allow_networks: [front]"))
    lab.serve("t-db", 80, 81)
    lab.serve("R", 80)
    probes = {
        "80": Probe("t-web", db[4], 80),
        "81": Probe("t-web", db[4], 81),
        "6": Probe("t-web", db[6], 81),
        "outside": Probe("t-web", THEIRS[4], 80),
    }
    found, cost = fates(lab, probes, wanted(egress=', egress: ["db:80", outside]'))
    assert found == {"80": "", "81": "ended", "6": "ended", "outside": ""} and cost == "flow"
    lab.apply(wanted(", allow_networks: [front]"))
    found, cost = fates(lab, {"81": probes["81"], "outside": probes["outside"]}, wanted())
    assert found == {"81": "ended", "outside": ""} and cost == "flow"


def test_what_somebody_puts_into_the_maps_of_policies_breaks_nothing(town):
    wanted = manifest(web='egress: ["app:80"]', app="ingress: [web, outside]")
    town.apply(wanted)
    for name, item in (
        ("egress4", "10.91.0.2 . 10.0.0.0-10.0.0.4 . 0-254 . 5-9"),
        ("egress6", "::/0 . ::/0 . 0-255 . 0-65535"),
        ("ingress_outside4", "0.0.0.0/0 . tcp . 1-7"),
        ("subnets4", "1.2.3.0/24"),
        ("remote6", "::1-::9"),
        ("resolvers", "7"),
    ):
        town.nft(f"add element inet reconciler {name} {{ {item} }}")
    later = manifest(web='egress: ["app:80-81"]', app="ingress: [web, outside]")
    town.apply(later)
    assert town.planned(later) == []


@pytest.mark.parametrize("family", [4, 6])
def test_metadata_is_refused_unless_it_is_listed(lab, family):
    address = "169.254.169.254" if family == 4 else "fd00:ec2::254"
    lab.ip(f"addr add {address}/{32 if family == 4 else 128} dev eth0", "R")
    lab.ip(f"route add {address} via {THEIRS[family]}")
    wanted = manifest(
        web="egress: [outside]",
        app=f"egress: ['[{address}]:80']" if family == 6 else f"egress: ['{address}:80']",
    )
    lab.apply(wanted)
    lab.serve("R", 80)
    assert lab.ask("t-free", address, 80) and lab.ask("t-app", address, 80)
    assert lab.ask("t-web", THEIRS[family], 80)
    lab.silent(Probe("t-web", address, 80))
    probes = {"asking": Probe("t-app", address, 80), "outside": Probe("t-web", THEIRS[family], 80)}
    found, cost = fates(lab, probes, wanted + "metadata: deny\n")
    assert found == {"asking": "ended", "outside": ""} and cost == "flow"
    lab.silent(*(Probe(f"t-{name}", address, 80) for name in NAMES))
    assert lab.ask("t-free", THEIRS[family], 80)
