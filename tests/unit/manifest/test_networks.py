"""Networks: every key, Docker's option names, ipam, external ones, and what is refused."""

import pytest

from reconciler.drivers import BUILT_IN


def test_defaults(desk):
    network = desk.network("")
    assert (network.driver, network.internal, network.icc, network.masquerade) == (
        "bridge",
        False,
        True,
        True,
    )
    assert (network.enable_ipv4, network.enable_ipv6, network.mtu, network.gateway_mode) == (
        True,
        False,
        "auto",
        "nat",
    )
    assert (network.scope, network.subnets, network.options) == ("local", (), {})


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("internal: true", "internal", True),
        ("internal: 'true'", "internal", True),
        ("enable_ipv6: true", "enable_ipv6", True),
        ("enable_ipv4: false\nenable_ipv6: true", "enable_ipv4", False),
        ("name: my.net", "full_name", "my.net"),
        ("attachable: true", "attachable", True),
        ("labels: [a=b]", "labels", {"a": "b"}),
        ("driver: ''", "driver", "bridge"),
        ("driver: default", "driver", "bridge"),
        ("driver: overlay", "scope", "swarm"),
        ("icc: false", "icc", False),
        ("mtu: 1400", "mtu", 1400),
        ("mtu: auto", "mtu", "auto"),
        ("bridge_name: br0", "bridge_name", "br0"),
        ("gateway_mode: routed", "gateway_mode", "routed"),
        ("gateway_mode: routed", "gateway_mode_ipv6", "routed"),
        ("gateway_mode_ipv6: routed", "gateway_mode", "nat"),
        ("masquerade: false", "masquerade", False),
        ("snat: 198.51.100.7", "snat", "198.51.100.7"),
        ("host_access: all", "host_access", "all"),
        ("default: true", "default", True),
        ("allow_networks: [n]", "allow_networks", ("n",)),
        ("driver: macvlan\nparent: eth0.50", "options", {"parent": "eth0.50"}),
        ("driver: overlay\nencrypted: true", "options", {"encrypted": "true"}),
    ],
)
def test_keys(desk, body, field, expected):
    assert getattr(desk.network(body), field) == expected


BRIDGE = "com.docker.network.bridge."


@pytest.mark.parametrize(
    ("option", "value", "field", "expected"),
    [
        (BRIDGE + "name", "br0", "bridge_name", "br0"),
        (BRIDGE + "enable_icc", "false", "icc", False),
        (BRIDGE + "enable_ip_masquerade", "false", "masquerade", False),
        (BRIDGE + "gateway_mode_ipv4", "routed", "gateway_mode", "routed"),
        (BRIDGE + "gateway_mode_ipv6", "nat-unprotected", "gateway_mode_ipv6", "nat-unprotected"),
        (BRIDGE + "host_binding_ipv4", "127.0.0.1", "host_ip", "127.0.0.1"),
        (BRIDGE + "host_binding_ipv4", "0.0.0.0", "host_ip", ""),
        (BRIDGE + "default_bridge", "true", "default", True),
        ("com.docker.network.driver.mtu", "1450", "mtu", 1450),
        ("com.docker.network.driver.mtu", 1450, "mtu", 1450),
        ("com.docker.network.container_iface_prefix", "lan", "container_prefix", "lan"),
        ("com.docker.network.host_ipv4", "198.51.100.7", "snat", "198.51.100.7"),
        ("com.docker.network.enable_ipv6", "true", "enable_ipv6", True),
        ("icc", "false", "icc", False),
    ],
)
def test_dockers_options_of_bridges(desk, option, value, field, expected):
    assert getattr(desk.network(f"driver_opts: {{{option}: {value!r}}}"), field) == expected


@pytest.mark.parametrize(
    ("driver", "option", "expected"),
    [
        ("macvlan", "{parent: eth0, macvlan_mode: private}", {"parent": "eth0", "mode": "private"}),
        (
            "ipvlan",
            "{parent: eth0, ipvlan_mode: l3, ipvlan_flag: vepa}",
            {"parent": "eth0", "mode": "l3", "flag": "vepa"},
        ),
        (
            "overlay",
            "{encrypted: '', com.docker.network.driver.overlay.vxlanid_list: 77}",
            {"encrypted": "true", "vni": "77"},
        ),
        ("overlay", "{encrypted: 'false'}", {}),
    ],
)
def test_dockers_options_of_other_drivers(desk, driver, option, expected):
    assert desk.network(f"driver: {driver}\ndriver_opts: {option}").options == expected


def test_ipam(desk):
    (subnet,) = desk.network(
        "ipam: {driver: default, options: {a: b}, config: [{subnet: 172.28.0.0/16, ip_range: 172.28.5.0/24,"
        " gateway: 172.28.5.254, aux_addresses: {h1: 172.28.1.5}}]}"
    ).subnets
    assert (subnet.subnet, subnet.ip_range, subnet.gateway) == (
        "172.28.0.0/16",
        "172.28.5.0/24",
        "172.28.5.254",
    )
    assert subnet.aux_addresses == {"h1": "172.28.1.5"}


def test_an_ipv6_subnet_counts_only_when_ipv6_is_on(desk):
    body = "ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: 'FD00:1::/64'}]}"
    assert [s.subnet for s in desk.network(body).subnets] == ["10.1.0.0/24"]
    assert [s.subnet for s in desk.network(body + "\nenable_ipv6: true").subnets] == [
        "10.1.0.0/24",
        "fd00:1::/64",
    ]


@pytest.mark.parametrize(
    ("body", "name"),
    [("external: true", ""), ("external: true\nname: outside", "outside"), ("external: {name: old}", "old")],
)
def test_external(desk, body, name):
    network = desk.network(body)
    assert network.external and network.full_name == name


@pytest.mark.parametrize("mode", ["host", "none"])
def test_dockers_own_networks_as_external_ones(desk, mode):
    text = f"networks: {{n: {{external: true, name: {mode}}}}}\nservices: {{web: {{networks: [n]}}}}"
    assert desk.container(text).network_mode == mode


def test_dockers_bridge_as_an_external_network(desk):
    network = desk.network("external: true\nname: bridge")
    assert network.default and not network.external


def test_the_default_network_may_be_written(desk):
    project = desk.project("networks: {default: {internal: true}}\nservices: {web: }")
    assert project.networks[0].internal and project.containers[0].networks == ()


def test_pools_and_hosts(desk):
    project = desk.project(
        "pools: [{base: 10.8.0.0/14, size: 24}]\nhosts: {h: {address: 192.0.2.1, vars: {a: 1}}}"
    )
    assert (project.pools[0].base, project.pools[0].size) == ("10.8.0.0/14", 24)
    assert project.hosts[0].vars == {"a": "1"}


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ("driver: bridg", "unknown driver `bridg`", "did you mean `bridge`?"),
        ("driver: weave", "unknown driver `weave`", f"there are: {', '.join(sorted(BUILT_IN))}"),
        ("driver_opts: {com.docker.network.bridge.enable_iccc: 'true'}", "has no option", "enable_icc`"),
        ("driver_opts: {zzz: 1}", "driver bridge has no option `zzz`", "com.docker.network.bridge.name"),
        ("driver_opts: {macvlan_mode: bridge}", "has no option", "it is an option of macvlan"),
        (
            "driver_opts: {com.docker.network.bridge.enable_icc: maybe}",
            "'maybe' is neither true nor false",
            "",
        ),
        ("driver_opts: {com.docker.network.driver.mtu: big}", "'big' is no MTU", ""),
        ("driver_opts: {com.docker.network.bridge.name: a/b}", "is no interface name", ""),
        ("driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: natt}", "is no gateway mode", "`nat`"),
        ("driver_opts: {com.docker.network.bridge.host_binding_ipv4: x}", "'x' is no IP address", ""),
        ("driver_opts: [a]", "must be a mapping, not a list", ""),
        ("mtu: 67", "67 is no MTU", "68 to 65535"),
        ("mtu: big", "'big' is no MTU", ""),
        ("internal: maybe", "must be true or false, not 'maybe'", ""),
        ("gateway_mode: rooted", "'rooted' is no value of `gateway_mode`", "routed"),
        ("name: ../x", "'../x' is no name", ""),
        ("external: true\ninternal: true", "`internal` of an external network", ""),
        ("external: maybe", "must be true or false", ""),
        (
            "ipam: {config: [{subnet: 10.1.0.1/24}]}",
            "10.1.0.1/24 has bits beyond its length",
            "write 10.1.0.0/24",
        ),
        ("ipam: {config: [{subnet: 10.1.0.0}]}", "has no prefix length", ""),
        ("ipam: {config: [{subnet: 10.1.0.0/33}]}", "is no subnet", ""),
        ("ipam: {config: [{gateway: 10.1.0.1}]}", "`subnet` is missing", ""),
        ("ipam: {config: {subnet: 10.1.0.0/24}}", "must be a list, not a mapping", ""),
        ("ipam: {driver: dhcpp}", "unknown IPAM driver `dhcpp`", "default"),
        ("ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.2.0.1}]}", "gateway 10.2.0.1 is outside", ""),
        (
            "ipam: {config: [{subnet: 10.1.0.0/24, ip_range: 10.1.0.0/16}]}",
            "ip_range 10.1.0.0/16 is outside",
            "",
        ),
        (
            "ipam: {config: [{subnet: 10.1.0.0/24, aux_addresses: {p: 10.9.0.1}}]}",
            "p 10.9.0.1 is outside",
            "",
        ),
        ("allow_networks: [m]", "unknown network `m`", ""),
        ("bridge_name: 'br 0'", "is no interface name", ""),
        ("driver: macvlan\nparent: 'eth0;'", "is no interface name", ""),
        ("internl: true", "unknown key `internl`", "did you mean `internal`?"),
    ],
)
def test_refused(desk, body, message, hint):
    (error,) = desk.mistakes("networks:\n  n:\n" + "".join(f"    {line}\n" for line in body.splitlines()))
    assert message in error.message and hint in error.hint
    assert error.where.path.startswith("networks.n") and error.where.line > 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pools: {base: x}", "`pools` must be a list"),
        ("router: maybe", "`router` cannot be 'maybe'"),
        ("pools: [{base: 10.0.0.0/8}]", "`size` is missing"),
        ("pools: [{base: 10.0.0.0/16, size: 8}]", "/8 is larger than 10.0.0.0/16"),
        ("networks: [a]", "`networks` must be a mapping of names"),
        ("services: 5", "`services` must be a mapping of names"),
        ("netwroks: {}", "unknown key `netwroks`"),
        ("web: {image: nginx}", "unknown key `web`"),
        ("policies: [{a: b}]", "`policies` must be a mapping of names"),
        ("name: '!!'", "'!!' is no project name"),
        ("[]", "a manifest is a mapping"),
        ("text", "a manifest is a mapping"),
    ],
)
def test_top_level_refused(desk, text, message):
    assert message in desk.only(text).message


@pytest.mark.parametrize(
    ("text", "asn"),
    [("static", 0), ("evpn", 65000), ("{evpn: {}}", 65000), ("{evpn: {asn: 65010}}", 65010), ("", 0)],
)
def test_reachability(desk, text, asn):
    project = desk.project(f"reachability: {text}\nhosts: {{a: {{reflector: true}}, b: }}")
    assert (project.evpn.asn if project.evpn else 0) == asn
    assert [host.reflector for host in project.hosts] == [True, False]


@pytest.mark.parametrize(
    ("text", "words", "path"),
    [
        ("evnp", "unknown reachability `evnp`", "reachability"),
        ("{evpn: {asn: 70000}}", "70000 is too large", "reachability.evpn.asn"),
        ("{evpn: {as: 1}}", "unknown key `as`", "reachability.evpn.as"),
        ("[evpn]", "must be a mapping", "reachability"),
    ],
)
def test_reachability_that_there_is_not(desk, text, words, path):
    error = desk.only(f"reachability: {text}")
    assert words in error.message and (error.where.line, error.where.path) == (1, path)


@pytest.mark.parametrize("off", [4, 6])
def test_a_subnet_of_a_family_that_is_off_is_not_used(desk, off):
    body = f"enable_ipv4: {str(off != 4).lower()}\nenable_ipv6: {str(off != 6).lower()}\n"
    body += "ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: 'fd00:1::/64'}]}"
    desk.write("compose.yaml", f"networks:\n  n:\n    {body.replace(chr(10), chr(10) + '    ')}")
    manifest = desk.load()
    assert [one.subnet for one in manifest.projects[0].networks[0].subnets] == [
        "fd00:1::/64" if off == 4 else "10.1.0.0/24"
    ]
    assert any(f"`enable_ipv{off}` is off" in note for note in manifest.notes)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("enable_ipv4: false", "enable_ipv4"),
        ("enable_ipv4: false, enable_ipv6: false", "enable_ipv4"),
        ("enable_ipv4: false, ipam: {config: [{subnet: 'fd00::/64'}]}", "enable_ipv4"),
        ("driver_opts: {enable_ipv4: 'false'}", "driver_opts.enable_ipv4"),
        (
            "driver: macvlan, driver_opts: {com.docker.network.enable_ipv4: 'false'}",
            "driver_opts.com.docker.network.enable_ipv4",
        ),
    ],
)
def test_a_network_without_any_family_is_refused_as_docker_does(desk, said, path):
    """Also where a service is on another network too, and where nobody is on it."""
    error = desk.only(f"services: {{a: {{networks: [n, m]}}}}\nnetworks:\n  m: {{}}\n  n: {{{said}}}\n")
    assert "neither IPv4 nor IPv6 is enabled" in error.message and "enable_ipv6" in error.hint
    assert (error.where.line, error.where.path) == (4, f"networks.n.{path}")


def test_two_names_of_an_external_network_are_a_mistake(desk):
    text = "networks: {n: {name: %s, external: {name: b}}}"
    assert desk.only(text % "a").message == "`external` must be true or false, not a mapping"
    assert desk.project(text % "b").networks[0].full_name == "b"
