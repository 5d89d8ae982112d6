"""Published ports among others: containers, projects, listening sockets and foreign firewalls."""

import pytest

from tests.netns.lab import HOST4, HOST6, IMPATIENCE, REMOTE4, REMOTE6
from tests.netns.samples import web


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("8080:80", "8080:80"),
        ("8080:80", f"{HOST4}:8080:80"),
        ("8000-8100:8000-8100", "8050:80"),
        (f"{HOST4}:8080:80", f"{HOST4}:8080:81"),
        ("8080:80/udp", "8080:81/udp"),
        ("0.0.0.0:8080:80", "127.0.0.1:8080:80"),
    ],
)
def test_one_port_for_two_containers_is_refused_naming_both_places(lab, one, two):
    lab.refused(web(one, more=f"  api: {{networks: [n], ports: ['{two}']}}"), "t.yaml:5", "t.yaml:6", "80")


def test_one_port_for_two_projects_is_refused(lab):
    lab.succeed(lab.reconcile("--apply", lab.write(web("8080:80").replace("name: t", "name: o"), "o.yaml")))
    lab.refused(web("8080:80"), "8080", "project o")


@pytest.mark.parametrize(
    ("address", "proto"), [("", "tcp"), ("", "udp"), (HOST4, "tcp"), ("127.0.0.1", "tcp"), ("::", "tcp")]
)
def test_a_port_on_which_the_host_listens_is_refused(lab, address, proto):
    lab.serve("", 8080, proto=proto, address=address)
    lab.refused(web(f"8080:80/{proto}"), "8080", "listens")


def test_a_listener_on_another_address_is_no_conflict(lab):
    lab.serve("", 8080, address="127.0.0.1")
    lab.apply(web(f"{HOST4}:8080:80"))


def test_a_random_port_avoids_listeners(lab):
    lab.sysctl("net/ipv4/ip_local_port_range", value="40000 40001")
    lab.serve("", 40000)
    lab.apply(web("80", network=""))
    lab.serve("t-web", 80)
    assert lab.ask("R", HOST4, 40001)


# what others have set up

UFW = """
table ip filter {
    chain FORWARD { type filter hook forward priority 0; policy drop; %s
    }
}
"""


@pytest.mark.parametrize(
    ("rule", "works"), [("", False), ("ct status dnat accept;\n ct state established accept;", True)]
)
def test_a_foreign_chain_that_drops_forwards_is_named_and_respected(lab, rule, works):
    lab.nft(UFW % rule)
    before = lab.run("nft list table ip filter").out
    planned = lab.succeed(lab.plan(web("8080:80", network="")))
    assert all(word in planned.out + planned.err for word in ("ip filter FORWARD", "drop"))
    lab.apply(web("8080:80", network=""))
    lab.serve("t-web", 80)
    assert bool(lab.ask("R", HOST4, 8080, patience=IMPATIENCE)) is works
    assert lab.run("nft list table ip filter").out == before


def test_a_foreign_input_chain_that_drops_does_not_hurt_published_ports(lab):
    rule = "type filter hook input priority 0; policy drop; ct state established accept"
    lab.nft(f"table inet f {{ chain i {{ {rule}\n }}\n }}")
    lab.apply(web("8080:80", network=""))
    lab.serve("t-web", 80)
    assert lab.ask("R", HOST4, 8080)


@pytest.mark.parametrize("strict", ["0", "1", "2"])
def test_reverse_path_filter(lab, strict):
    for name in ("all", "default", "uplink"):
        lab.sysctl(f"net/ipv4/conf/{name}/rp_filter", value=strict)
    lab.apply(web("8080:80"))
    lab.serve("t-web", 80)
    for who, address in (("R", HOST4), ("R", HOST6), ("", "127.0.0.1"), ("", HOST4), ("t-web", HOST4)):
        assert lab.ask(who, address, 8080), (who, address)


def test_local_port_of_the_host_is_free_for_outgoing_connections(lab):
    """DNAT asks for a local destination: what goes to others' port 8080 is left alone (CVE-2025-67499)."""
    lab.apply(web("8080:80"))
    lab.serve("t-web", 80)
    lab.serve("R", 8080)
    assert lab.ask("", REMOTE4, 8080) == f"R {HOST4}"
    assert lab.ask("", REMOTE6, 8080) == f"R {HOST6}"


def test_a_container_of_two_networks_is_published_through_its_gateway(lab):
    lab.apply("""{name: t, networks: {n: {}, m: {}}, containers: {
        web: {networks: {n: {}, m: {gw_priority: 5}}, ports: ['8080:80']}}}""")
    lab.serve("t-web", 80)
    assert lab.ask("R", HOST4, 8080) == f"t-web {REMOTE4}"


def test_a_container_of_an_internal_and_an_outer_network_is_published(lab):
    lab.apply("""{name: t, networks: {n: {}, i: {internal: true}}, containers: {
        web: {networks: [i, n], ports: ['8080:80']}}}""")
    lab.serve("t-web", 80)
    assert lab.ask("R", HOST4, 8080) == f"t-web {REMOTE4}"


def test_forwarding_is_switched_on_and_named_in_the_plan(lab):
    planned = lab.plan(web("8080:80"), "-o", "wide").out
    assert "ip_forward" in planned and "net/ipv6/conf/all/forwarding" in planned
    lab.apply(web("8080:80"))
    assert lab.sysctl("net/ipv4/ip_forward") == "1" == lab.sysctl("net/ipv6/conf/all/forwarding")
