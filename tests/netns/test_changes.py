"""Changes of what runs: done in place, and the flows of everybody else do not notice."""

import pytest

from tests.netns.lab import HOST4, HOST6, IMPATIENCE, REMOTE4, Lab
from tests.netns.snapshot import differing

BASE = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
containers:
  a: {networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}, ports: ['8080:80', '8080:80/udp']}
  b: {networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}
"""
CHANGES = {
    "a_container_joins": BASE + "  c: {networks: [n], ports: ['9090:80']}\n",
    "twenty_containers_join": BASE
    + "".join(f"  c{i}: {{networks: [n], ports: ['{9000 + i}:80']}}\n" for i in range(20)),
    "a_port_is_added": BASE.replace("['8080:80',", "['8080:80', '9090:81',"),
    "a_port_of_another_is_added": BASE.replace("'fd91::3'}}}", "'fd91::3'}}, ports: ['7070:80']}"),
    "a_network_is_added": BASE.replace(
        "containers:", "  m: {internal: true, enable_ipv6: true}\ncontainers:"
    ),
    "a_container_joins_a_second_network": BASE.replace("containers:", "  m: {}\ncontainers:").replace(
        "'fd91::3'}}}", "'fd91::3'}, m: {}}}"
    ),
    "an_address_of_another_changes": BASE.replace("10.91.0.3", "10.91.0.33"),
    "another_leaves": BASE[: BASE.index("  b:")],
    "the_default_gateway_of_another_moves": BASE.replace("containers:", "  m: {}\ncontainers:").replace(
        "'fd91::3'}}}", "'fd91::3'}, m: {gw_priority: 5}}}"
    ),
}


@pytest.mark.alone
@pytest.mark.parametrize("change", CHANGES)
def test_no_flow_notices_that(lab, change):
    """Three flows of container a: from outside through its published port, and from the host."""
    lab.apply(BASE)
    index = lab.link("eth0", "t-a")["ifindex"], lab.link("br-t-n")["ifindex"]
    lab.serve("t-a", 80)
    lab.serve("t-a", 80, proto="udp")
    with (
        lab.flow("R", HOST4, 8080) as v4,
        lab.flow("R", HOST6, 8080) as v6,
        lab.flow("", "10.91.0.2", 80, "tcp") as tcp,
    ):
        lab.apply(CHANGES[change])
    assert v4.undisturbed and v6.undisturbed, (v4, v6)
    assert not tcp.error and not tcp.lost and tcp.retransmitted <= 5, tcp  # late, where others run
    assert (lab.link("eth0", "t-a")["ifindex"], lab.link("br-t-n")["ifindex"]) == index
    assert lab.planned(CHANGES[change]) == []


@pytest.mark.alone
def test_neighbours_keep_talking_while_a_third_is_replaced(lab):
    third = BASE + "  c: {networks: {n: {mac_address: '02:00:00:00:00:0c'}}}\n"
    lab.apply(third)
    lab.serve("t-b", 80, proto="udp")
    with lab.flow("t-a", "10.91.0.3", 80) as flow:
        lab.apply(third.replace(":0c", ":0d"))
    assert flow.undisturbed, flow
    assert lab.link("eth0", "t-c")["address"] == "02:00:00:00:00:0d"


@pytest.mark.alone
def test_new_connections_never_fail_while_ports_change(lab):
    """Full replacement of the mappings around it is one transaction: not one new flow is lost."""
    from threading import Thread

    lab.apply(BASE)
    lab.serve("t-a", 80)
    failed, tried, running = [], [0], [True]

    def knock() -> None:
        while running:
            tried[0] += 1
            if not lab.ask("R", HOST4, 8080, patience=1):
                failed.append(tried[0])

    thread = Thread(target=knock)
    thread.start()
    for count in (50, 5, 30):
        ports = ", ".join(f"'{9000 + i}:80'" for i in range(count))
        lab.apply(BASE + f"  c: {{networks: [n], ports: [{ports}]}}\n")
    running.clear()
    thread.join()
    assert tried[0] > 50 and not failed, (tried, failed)


# what a change means for the one that is changed


def test_an_address_changes_in_place(lab):
    lab.apply(BASE)
    index = lab.link("eth0", "t-a")["ifindex"]
    lab.apply(BASE.replace("10.91.0.2", "10.91.0.20").replace("fd91::2", "fd91::20"))
    assert lab.addresses("t-a") == ["10.91.0.20/24"]
    assert lab.addresses("t-a", family=6) == ["fd91::20/64"]
    assert lab.link("eth0", "t-a")["ifindex"] == index
    lab.serve("t-a", 80)
    assert lab.ask("R", HOST4, 8080) == f"t-a {REMOTE4}"
    assert lab.ping("t-a", REMOTE4)


@pytest.mark.alone
def test_attach_and_detach_a_second_network_live(lab):
    """BEHAVIOURS 2: eth0 and its flow are untouched, and detaching leaves nothing."""
    second = CHANGES["a_container_joins_a_second_network"]
    lab.apply(second.replace("'fd91::3'}, m: {}}}", "'fd91::3'}}}"))
    lab.serve("t-b", 80)
    before = lab.snapshot()
    index = lab.link("eth0", "t-b")["ifindex"]
    with lab.flow("t-a", "10.91.0.3", 80, "tcp") as flow:
        lab.apply(second)
        assert lab.links("t-b") == ["lo", "eth0", "eth1"]
        lab.apply(second.replace("'fd91::3'}, m: {}}}", "'fd91::3'}}}"))
    assert lab.links("t-b") == ["lo", "eth0"]
    assert lab.link("eth0", "t-b")["ifindex"] == index
    assert not flow.error and not flow.lost, flow
    assert differing(before, lab.snapshot()) == {}


@pytest.mark.alone
def test_what_stands_keeps_its_name_whatever_comes_before_it_or_goes(lab):
    """A network that sorts first takes no other's name, and one that goes leaves the others theirs."""
    text = "{name: t, networks: {a: {}, m: {}, n: {ipam: {config: [{subnet: 10.91.0.0/24}]}}, z: {}},"
    text += "containers: {x: {networks: [%s]}, y: {networks: {n: {ipv4_address: 10.91.0.9}}}}}"
    lab.apply(text % "m, n")
    lab.serve("t-x", 80)
    links = {name: lab.link(name, "t-x")["ifindex"] for name in ("eth0", "eth1")}
    with lab.flow("t-y", lab.address("t-x", "eth1"), 80, "tcp") as flow:
        lab.apply(text % "a, m, n, z")
        assert lab.links("t-x") == ["lo", "eth0", "eth1", "eth2", "eth3"]
        assert {name: lab.link(name, "t-x")["ifindex"] for name in links} == links
        lab.apply(text % "n")
        assert lab.links("t-x") == ["lo", "eth1"] and lab.planned(text % "n") == []
    assert not flow.error and not flow.lost, flow
    lab.destroy()
    lab.apply(text % "n")
    assert lab.links("t-x") == ["lo", "eth0"]


def test_the_subnet_of_a_network_changes(lab):
    plain = """{name: t, networks: {n: {ipam: {config: [{subnet: 10.%d.0.0/24}]}}},
        containers: {a: {networks: [n]}, b: {networks: [n]}}}"""
    lab.apply(plain % 91)
    lab.apply(plain % 92)
    assert lab.address("t-a").startswith("10.92.0.")
    assert lab.addresses("", "br-t-n") == ["10.92.0.1/24"]
    assert lab.ping("t-a", lab.address("t-b")) and lab.ping("t-a", REMOTE4)
    assert lab.planned(plain % 92) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "internal: true"),
        ("internal: true", ""),
        ("", "icc: false"),
        ("icc: false", ""),
        ("", "enable_ipv6: true"),
        ("enable_ipv6: true", ""),
        ("", "mtu: 1300"),
        ("mtu: 1300", ""),
        ("", "gateway_mode: routed"),
        ("", "masquerade: false"),
        ("", "bridge_name: other0"),
        ("", "driver: none"),
        ("driver: none", ""),
    ],
)
def test_an_option_of_a_network_changes(lab, before, after):
    manifest = """{name: t, networks: {n: {%s}},
        containers: {a: {networks: [n], ports: ['8080:80']}, b: {networks: [n]}}}"""
    if "none" in before + after:
        manifest = manifest.replace(", ports: ['8080:80']", "")
    lab.sysctl("net/ipv4/ip_forward", value=1)  # a router already: what is compared has no router guard
    lab.sysctl("net/ipv6/conf/all/forwarding", value=1)
    lab.apply(manifest % before)
    lab.apply(manifest % after)
    changed = lab.snapshot()
    assert lab.planned(manifest % after) == []
    lab.destroy()
    lab.apply(manifest % after)
    assert lab.rules() == changed["nft list ruleset"]
    assert lab.namespaces() == ["t-a", "t-b"]


def test_a_renamed_container_frees_its_port_for_the_next(lab):
    lab.apply(BASE)
    lab.apply(BASE.replace("  a:", "  z:"))
    lab.serve("t-z", 80)
    assert lab.ask("R", HOST4, 8080) == f"t-z {REMOTE4}"


# connection tracking


def moved(manifest: str) -> str:
    """The published ports go from a to b."""
    ports = ", ports: ['8080:80', '8080:80/udp']"
    return manifest.replace(ports, "").replace("'fd91::3'}}}", f"'fd91::3'}}}}{ports}}}")


@pytest.mark.parametrize(("who", "address"), [("R", HOST4), ("R", HOST6), ("", HOST4)])
def test_an_open_udp_flow_follows_its_port_to_another_container(lab, who, address):
    """moby #8795 and #53384: by its conntrack entry the old one would go on answering."""
    import socket

    from tests.netns.prober import family_of

    lab.apply(BASE)
    for container in ("t-a", "t-b"):
        lab.serve(container, 80, proto="udp")
    with lab.inside(who):
        client = socket.socket(family_of(address), socket.SOCK_DGRAM)
    with client:
        client.settimeout(2)
        client.connect((address, 8080))
        client.send(b"?")
        assert client.recv(100).startswith(b"t-a")
        lab.apply(moved(BASE))
        client.send(b"?")
        assert client.recv(100).startswith(b"t-b")


@pytest.mark.alone
def test_flows_of_other_ports_keep_their_conntrack_entries(lab):
    lab.apply(BASE.replace("'fd91::3'}}}", "'fd91::3'}}, ports: ['7070:80/udp']}"))
    lab.serve("t-b", 80, proto="udp")
    with lab.flow("R", HOST4, 7070) as flow:
        lab.apply(
            BASE.replace("'fd91::3'}}}", "'fd91::3'}}, ports: ['7070:80/udp']}").replace(
                "8080:80/udp", "8081:80/udp"
            )
        )
    assert flow.undisturbed, flow


def test_a_removed_port_ends_its_flows(lab):
    lab.apply(BASE)
    lab.serve("t-a", 80, proto="udp")
    with lab.flow("R", HOST4, 8080) as flow:
        lab.apply(BASE.replace(", '8080:80/udp'", ""))
    assert flow.lost or flow.error
    known = lab.run("conntrack -L -p udp", check=False).out.splitlines()
    assert not [line for line in known if "dport=8080" in line and "src=10.91.0.2" in line]


def test_a_removed_port_is_closed_and_an_added_one_open(lab: Lab):
    lab.apply(BASE)
    lab.serve("t-a", 80)
    lab.apply(BASE.replace("8080", "9090"))
    assert lab.ask("R", HOST4, 9090)
    assert lab.ask("R", HOST4, 8080, patience=IMPATIENCE) is None
