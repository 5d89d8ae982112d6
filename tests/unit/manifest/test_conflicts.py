"""What two want and one can have: addresses, subnets, names, host ports."""

import pytest

from reconciler.pipeline import decide_everywhere

SUBNET = "{subnet: 10.1.0.0/24, gateway: 10.1.0.1, aux_addresses: {p: 10.1.0.9}}"
NET = f"networks: {{n: {{ipam: {{config: [{SUBNET}]}}}}}}\n"


def fixed(**addresses):
    lines = [f"  {name}: {{networks: {{n: {{ipv4_address: {ip}}}}}}}\n" for name, ip in addresses.items()]
    return NET + "containers:\n" + "".join(lines)


def test_a_fixed_address_inside_its_subnet(desk):
    assert desk.container(fixed(a="10.1.0.10")).networks[0].ipv4_address == "10.1.0.10"


@pytest.mark.parametrize(
    ("ip", "message"),
    [
        ("10.2.0.1", "10.2.0.1 is outside network shop_n"),
        ("10.1.0.0", "10.1.0.0 is no host's address"),
        ("10.1.0.255", "10.1.0.255 is no host's address"),
        ("10.1.0.1", "10.1.0.1 is taken: the gateway"),
        ("10.1.0.9", "10.1.0.9 is taken: set aside for p"),
    ],
)
def test_a_fixed_address_that_cannot_be(desk, spot, ip, message):
    error = desk.only(fixed(a=ip))
    assert message in error.message and spot(error)[0] == 3


def test_one_address_twice(desk):
    error = desk.only(fixed(a="10.1.0.10", b="10.1.0.10"))
    assert "10.1.0.10 is taken: shop-a has it" in error.message
    assert (error.where.line, error.label[0].line) == (4, 3)
    assert error.hint == "10.1.0.11 is free"
    assert desk.only(fixed(a="10.1.0.254", b="10.1.0.254")).hint == "choose another"


def test_a_fixed_address_needs_a_written_subnet(desk):
    error = desk.only("networks: {n: }\ncontainers: {a: {networks: {n: {ipv4_address: 10.1.0.5}}}}")
    assert "needs a written subnet" in error.message
    error = desk.only(NET + "containers: {a: {networks: {n: {ipv6_address: 'fd00::5'}}}}")
    assert "enable_ipv6: true" in error.hint


def test_replicas_cannot_share_an_address(desk):
    error = desk.only(NET + "services: {a: {scale: 2, networks: {n: {ipv4_address: 10.1.0.5}}}}")
    assert "2 replicas cannot share 10.1.0.5" in error.message


def test_addresses_of_external_networks_are_not_known_here(desk):
    desk.project(
        "networks: {n: {external: true}}\ncontainers: {a: {networks: {n: {ipv4_address: 10.1.0.5}}}}"
    )


def test_one_mac_twice_on_one_network(desk):
    text = "networks: {n: , m: }\ncontainers:\n"
    text += "".join(
        f"  {c}: {{networks: {{{n}: {{mac_address: '02:00:00:00:00:01'}}}}}}\n" for c, n in ("an", "bm", "cn")
    )
    error = desk.only(text)
    assert error.where.line == 5 and "is taken: shop-a has it" in error.message


def nets(*subnets):
    lines = [f"  n{i}: {{ipam: {{config: [{{subnet: {s}}}]}}}}\n" for i, s in enumerate(subnets)]
    return "networks:\n" + "".join(lines)


@pytest.mark.parametrize(
    ("subnets", "clash"),
    [
        (("10.1.0.0/24", "10.1.0.0/24"), True),
        (("10.1.0.0/24", "10.1.0.128/25"), True),
        (("10.1.0.128/25", "10.1.0.0/24"), True),
        (("10.0.0.0/8", "10.1.0.0/24", "10.2.0.0/24"), True),
        (("10.1.0.0/24", "10.1.1.0/24"), False),
        (("10.0.0.0/9", "10.128.0.0/9"), False),
    ],
)
def test_subnets_that_overlap(desk, subnets, clash):
    if not clash:
        desk.project(nets(*subnets))
        return
    errors = desk.mistakes(nets(*subnets))
    assert len(errors) == len(subnets) - 1
    assert all("overlaps" in e.message and e.label for e in errors)


def test_a_free_subnet_is_offered(desk):
    error = desk.only(nets("10.1.0.0/24", "10.1.1.0/24", "10.1.0.0/24"))
    assert error.hint == "10.1.2.0/24 is free"


def test_subnets_of_two_projects(desk):
    desk.write("a.yaml", "name: one\n" + nets("10.1.0.0/24"))
    desk.write("b.yaml", "name: two\n" + nets("10.1.0.0/16"))
    (error,) = desk.refused("a.yaml", "b.yaml")
    assert error.where.file.endswith("b.yaml") and error.label[0].file.endswith("a.yaml")


def test_one_full_name_twice(desk):
    error = desk.only("networks: {a: {name: x}, b: {name: x}}")
    assert "two networks are named x" in error.message and "external: true" in error.hint
    desk.project("networks: {a: {name: x}, b: {name: x, external: true}}")


def test_one_bridge_name_twice(desk):
    error = desk.only("networks: {a: {bridge_name: br0}, b: {bridge_name: br0}}")
    assert "would both be the link br0" in error.message and error.label


def two(one, other, networks="", rest=""):
    declared = "n: {enable_ipv6: true}, inside: {internal: true}, lan: {gateway_mode: routed}"
    return f"networks: {{{declared}{networks}}}\nservices:\n" + (
        f"  a: {{networks: [n], ports: ['{one}']}}\n  b: {{networks: [n], ports: ['{other}']{rest}}}\n"
    )


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("8080:80", "8080:81", True),
        ("8080:80", "8080:80/udp", False),
        ("8080:80", "127.0.0.1:8080:81", True),
        ("0.0.0.0:8080:80", "127.0.0.1:8080:81", True),
        ("0.0.0.0:8080:80", "[::1]:8080:81", False),
        ("[::]:8080:80", "[::1]:8080:81", True),
        ("[::]:8080:80", "0.0.0.0:8080:81", False),
        ("[::]:8080:80", "8080:81", True),
        ("127.0.0.2:8080:80", "127.0.0.1:8080:81", False),
        ("8000-8100:8000-8100", "8050:80", True),
        ("8000-8100:8000-8100", "8101:80", False),
        ("80", "80", False),
        ("8000-8001:80", "8000-8001:80", False),
    ],
)
def test_host_ports(desk, one, other, clash):
    if clash:
        error = desk.only(two(one, other))
        assert "is taken: shop-a-1 publishes it" in error.message
        assert (error.where.line, error.label[0].line) == (4, 3)
    else:
        desk.project(two(one, other))


def test_a_free_port_is_offered(desk):
    error = desk.only("services: {a: {ports: ['80:1', '81:1']}, b: {ports: ['80:2']}}")
    assert error.hint == "82 is free"
    error = desk.only("services: {a: {ports: ['80-82:80-82']}, b: {ports: ['82-84:80-82']}}")
    assert error.hint == "85-87 are free"


def test_host_ports_of_two_projects(desk):
    for name in ("one", "two"):
        desk.write(f"{name}.yaml", f"name: {name}\nservices: {{web: {{ports: ['80:80']}}}}")
    (error,) = desk.refused(".")
    assert "one-web-1 publishes it" in error.message and error.label[0].file.endswith("one.yaml")


def test_ports_that_are_not_the_hosts(desk):
    desk.project(
        "networks: {inside: {internal: true}, lan: {gateway_mode: routed}}\n"
        "services:\n"
        "  a: {networks: [inside], ports: ['80:80']}\n"
        "  b: {networks: [lan], ports: ['80:80']}\n"
        "  c: {network_mode: none, ports: ['80:80']}\n"
        "  d: {ports: ['80:80']}\n"
    )


def test_ports_of_different_hosts_and_different_bindings(desk):
    desk.project(
        "hosts: {x: , y: }\nservices: {a: {host: x, ports: ['80:80']}, b: {host: y, ports: ['80:80']}}"
    )
    opts = "driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.%d}"
    desk.project(
        f"networks: {{a: {{{opts % 1}}}, b: {{{opts % 2}}}}}\n"
        "services: {a: {networks: [a], ports: ['80:80']}, b: {networks: [b], ports: ['80:80']}}"
    )


def test_a_thousand_conflicts_are_told_in_a_moment(desk):
    services = "".join(f"  s{i}: {{ports: ['80:80'], networks: [n{i % 200}]}}\n" for i in range(1000))
    networks = "".join(f"  n{i}: {{ipam: {{config: [{{subnet: 10.0.0.0/8}}]}}}}\n" for i in range(200))
    assert len(desk.mistakes(f"networks:\n{networks}services:\n{services}")) == 199 + 999


def test_what_is_offered_is_free(desk):
    """Also of what is written after it."""
    error = desk.only(fixed(a="10.1.0.10", b="10.1.0.10", c="10.1.0.11"))
    assert error.hint == "10.1.0.12 is free"
    error = desk.only(nets("10.1.0.0/24", "10.1.0.0/24", "10.1.1.0/24"))
    assert error.hint == "10.1.2.0/24 is free"


def test_the_first_address_of_an_overlay_is_nobodys_gateway(desk):
    """Each host's own goes around what is written."""
    text = (
        "hosts: {h1: {address: 192.0.2.1}, h2: {address: 192.0.2.2}}\n"
        "networks: {n: {driver: overlay, ipam: {config: [{subnet: 10.1.0.0/24}]}}}\n"
        "containers: {a: {host: h1, networks: {n: {ipv4_address: 10.1.0.1}}}}\n"
    )
    desk.project(text)
    topology = decide_everywhere(desk.load())
    assert topology.lock["shop_n", "shop-a"] == ("10.1.0.1",)


def test_mistakes_of_every_host_are_told_at_once(desk):
    text = "hosts: {x: , y: }\n" + NET + "containers:\n"
    text += "".join(
        f"  {n}: {{host: {n[0]}, networks: {{n: {{ipv4_address: 10.1.0.1}}}}}}\n" for n in ("x1", "y1")
    )
    assert [error.where.line for error in desk.mistakes(text)] == [4, 5]


LAN = "networks: {{n: {{driver: macvlan, {}, ipam: {{config: [{}]}}}}}}\n"
ON_LAN = "containers: {a: {networks: {n: {ipv4_address: 10.1.0.10}}}}"


@pytest.mark.parametrize(
    ("key", "config", "message"),
    [
        ("parent: enp81s0f0np0.4000", "{subnet: 10.1.0.0/24}", "'enp81s0f0np0.4000' is no interface name"),
        ("mtu: 12", "{subnet: 10.1.0.0/24}", "12 is no MTU"),
        ("parent: eth0", "{subnet: 10.1.0.0/33}", "10.1.0.0/33"),
        ("parent: eth0", "{gateway: 10.1.0.1}", "`subnet` is missing"),
    ],
)
def test_a_mistake_in_a_network_is_told_once_and_not_of_who_is_on_it(desk, key, config, message):
    assert message in desk.only(LAN.format(key, config) + ON_LAN).message


def test_an_unknown_network_is_told_once(desk):
    assert "unknown network" in desk.only(f"networks: {{m: }}\n{ON_LAN}").message
