"""Values that no kernel takes, or that are not what they look like: each is refused where it stands."""

import pytest

NETWORK = "networks:\n  n: {%s}\n"
SUBNETS = "ipam: {config: [{subnet: 10.9.0.0/24}, {subnet: 'fd09::/64'}]}"
BOX = f"networks:\n  n: {{enable_ipv6: true, {SUBNETS}}}\ncontainers:\n  a:\n    networks:\n      n: {{%s}}\n"
BOX4 = BOX.replace("enable_ipv6: true, ", "")


def refused(desk, text, line, value, *words):
    """One mistake, at the value, in these words."""
    error = desk.only(text)
    column = text.splitlines()[line - 1].index(value) + 1
    assert (error.where.line, error.where.column) == (line, column), error
    assert all(word in f"{error.message} {error.hint}" for word in words), error


@pytest.mark.parametrize(
    ("subnet", "words"),
    [
        ("'0.0.0.0/0'", "0.0.0.0/8 is of this network alone"),
        ("'0.1.0.0/16'", "0.0.0.0/8 is of this network alone"),
        ("'127.5.0.0/16'", "127.0.0.0/8 is loopback"),
        ("'126.0.0.0/7'", "127.0.0.0/8 is loopback"),
        ("'169.254.7.0/24'", "169.254.0.0/16 is link-local"),
        ("'239.1.0.0/16'", "224.0.0.0/4 is multicast"),
        ("'250.0.0.0/8'", "240.0.0.0/4 is reserved"),
        ("'::/0'", "::/128 is unspecified"),
        ("'::10.0.0.0/104'", "::/96 is IPv4-compatible"),
        ("'::ffff:10.1.0.0/112'", "is IPv4-mapped"),
        ("'fe80::/64'", "fe80::/10 is link-local"),
        ("'ff05::/64'", "ff00::/8 is multicast"),
    ],
)
def test_subnets_and_pools_that_no_container_can_be_in(desk, subnet, words):
    config = f"enable_ipv6: true, ipam: {{config: [{{subnet: {subnet}}}]}}"
    refused(desk, NETWORK % config, 2, subnet, words)
    refused(desk, f"pools:\n- {{base: {subnet}, size: 31}}\n", 2, subnet, words)


@pytest.mark.parametrize(
    "subnet", ["10.0.0.0/8", "100.64.0.0/10", "192.0.2.0/31", "fc00::/7", "64:ff9b::/96"]
)
def test_subnets_that_containers_can_be_in(desk, subnet):
    assert desk.network(f"enable_ipv6: true\nipam: {{config: [{{subnet: '{subnet}'}}]}}").subnets


@pytest.mark.parametrize(
    ("more", "value", "words"),
    [
        ("gateway: 10.9.0.0", "10.9.0.0}", "no host's address"),
        ("gateway: 10.9.0.255", "10.9.0.255", "no host's address"),
        ("gateway: '::ffff:10.9.0.1'", "'::ffff", "write 10.9.0.1"),
        ("gateway: 'fd00::1%eth0'", "'fd00", "write fd00::1"),
        ("aux_addresses: {a: 'fd00::1%eth0'}", "'fd00", "write fd00::1"),
        ("ip_range: '::ffff:0:0/96'", "'::ffff", "IPv4-mapped"),
    ],
)
def test_what_is_said_of_a_subnet(desk, more, value, words):
    refused(desk, NETWORK % f"ipam: {{config: [{{subnet: 10.9.0.0/24, {more}}}]}}", 2, value, words)


@pytest.mark.parametrize("ip", ["10.9.0.0", "10.9.0.255", "10.9.0.7,10.9.0.255"])
def test_the_hosts_own_address_on_a_lan(desk, ip):
    config = f"parent: eth1, host_access: '{ip}', ipam: {{config: [{{subnet: 10.9.0.0/24}}]}}"
    refused(desk, NETWORK % config, 2, f"'{ip}'", "no host's address")


def test_blank_addresses_count_for_nothing(desk):
    config = "ipam: {config: [{subnet: 10.9.0.0/24, aux_addresses: {a: ''}}]}"
    assert desk.network(config).subnets[0].aux_addresses == {}
    end = desk.service("networks: {front: {link_local_ips: [''], aliases: ['']}}").networks[0]
    assert (end.link_local_ips, end.aliases) == ((), ())


@pytest.mark.parametrize(("size", "fine"), [(31, True), (32, False), (33, False), (126, False)])
def test_pools_of_ipv4_have_room_for_a_container(desk, size, fine):
    text = f"pools:\n- {{base: 10.0.0.0/8, size: {size}}}\n"
    if fine:
        assert desk.project(text).pools
    else:
        assert f"a /{size} has no room" in desk.only(text).message


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("10.9.0.7", "is not link-local"),
        ("127.0.0.1", "is not link-local"),
        ("224.0.0.1", "is not link-local"),
        ("'::'", "is not link-local"),
        ("'ff02::1'", "is not link-local"),
        ("'fd09::7'", "is not link-local"),
        ("'fe80::5%eth0'", "write fe80::5"),
        ("'fe80::1'", "is taken: the bridge"),
    ],
)
def test_link_local_addresses(desk, ip, words):
    refused(desk, BOX % f"link_local_ips: [169.254.8.8, {ip}]", 6, ip, words)


def test_a_link_local_address_of_ipv6_needs_ipv6(desk):
    refused(desk, BOX4 % "link_local_ips: ['fe80::5']", 6, "'fe80::5'", "needs IPv6", "enable_ipv6: true")
    assert desk.container(BOX4 % "link_local_ips: [169.254.8.8]").networks[0].link_local_ips


def test_a_link_local_address_is_held_once(desk):
    text = BOX % "link_local_ips: ['fe80::5']" + "  b: {networks: {n: {link_local_ips: ['fe80::5']}}}\n"
    refused(desk, text, 7, "'fe80::5'", "is taken: shop-a has it")


@pytest.mark.parametrize(
    ("mac", "words"),
    [
        ("'00:00:00:00:00:00'", "nobody's address"),
        ("'00-00-00-00-00-00'", "nobody's address"),
        ("'ff:ff:ff:ff:ff:ff'", "group address"),
        ("'33:33:00:00:00:01'", "group address"),
        ("123456", "no MAC address"),
        ("1e3", "no MAC address"),
    ],
)
def test_mac_addresses(desk, mac, words):
    refused(desk, BOX % f"mac_address: {mac}", 6, mac, words)
    refused(desk, f"containers:\n  a: {{mac_address: {mac}}}\n", 2, mac, words)


@pytest.mark.parametrize(
    "name", ["all", "default", "lo", "a/b", "a:b", "'a b'", "'.'", "'..'", "sixteen_letters_"]
)
@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOX % "interface_name: NAME", 6),
        (BOX % "driver_opts: {com.docker.network.endpoint.ifname: NAME}", 6),
        (NETWORK % "bridge_name: NAME", 2),
        (NETWORK % "driver_opts: {com.docker.network.bridge.name: NAME}", 2),
        (NETWORK % "parent: NAME", 2),
        (NETWORK % "driver: macvlan, driver_opts: {parent: NAME}", 2),
    ],
)
def test_names_that_no_interface_can_have(desk, text, line, name):
    refused(desk, text.replace("NAME", name), line, f"{name}}}", "")


@pytest.mark.parametrize("key", ["bridge_name", "parent"])
def test_numbers_are_no_names_of_interfaces(desk, key):
    refused(desk, NETWORK % f"{key}: 1e3", 2, "1e3", "1000.0 is a number", "quotes")


def test_what_interface_names_begin_with_leaves_room_for_a_number(desk):
    option = "driver_opts: {container_prefix: %s}"
    assert desk.network(option % ("x" * 12)).container_prefix == "x" * 12
    refused(desk, NETWORK % option % ("x" * 13), 2, "x" * 13, "at most 12")


@pytest.mark.parametrize("value", ['"1\\n2"', '"1\\x1b"', "''", "' '", "é"])
def test_values_of_sysctls_are_words_on_one_line(desk, value):
    refused(
        desk, f"containers:\n  a: {{sysctls: {{net.core.somaxconn: {value}}}}}\n", 2, value, "no value of"
    )


@pytest.mark.parametrize("value", ["", "1\\n2", "\\x1b", "\\t"])
def test_values_of_an_interfaces_sysctls_likewise(desk, value):
    option = f'"net.ipv4.conf.IFNAME.forwarding={value}"'
    refused(
        desk, BOX % f"driver_opts: {{com.docker.network.endpoint.sysctls: {option}}}", 6, option, "no sysctl"
    )


@pytest.mark.parametrize(
    ("written", "kept"), [('"1024\\t65000"', "1024 65000"), ("' 1  2 '", "1 2"), ("1", "1"), ("0x1", "1")]
)
def test_a_sysctl_is_compared_as_the_kernel_prints_it(desk, written, kept):
    assert desk.service(f"sysctls: {{net.a.b: {written}}}").sysctls == {"net.a.b": kept}


@pytest.mark.parametrize(
    "name", ["net/ipv4/ip_forward", "net..x", "net./../x", "net.//.x", "net./", "net.a b"]
)
def test_names_of_sysctls_stay_below_theirs(desk, name):
    refused(desk, f"containers:\n  a: {{sysctls: {{'{name}': 1}}}}\n", 2, "1}", "is no sysctl")


@pytest.mark.parametrize(
    ("to", "via", "words"),
    [
        ("10.20.0.0/16", "10.99.0.1", "no address of network shop_n"),
        ("10.20.0.0/16", "10.9.0.255", "no address of network shop_n"),
        ("10.20.0.0/16", "10.9.0.9", "the container's own"),
        ("'fd55::/64'", "'fd09::9'", "the container's own"),
        ("10.20.0.0/16", "'fd09::1'", "of one family"),
        ("'fd55::/64'", "10.9.0.1", "of one family"),
        ("10.20.0.0/16", "169.254.1.1", "is no neighbour"),
        ("'fd55::/64'", "'fd99::1'", "no address of network shop_n"),
        ("10.9.0.0/24", "10.9.0.1", "network n itself"),
        ("'fd09::/64'", "'fd09::1'", "network n itself"),
    ],
)
def test_routes_that_lead_nowhere(desk, to, via, words):
    route = f"{{to: {to}, via: {via}}}"
    refused(
        desk, BOX % f"ipv4_address: 10.9.0.9, ipv6_address: 'fd09::9', routes: [{route}]", 6, route, words
    )


@pytest.mark.parametrize(
    "via", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "'::1'", "'ff02::1'"]
)
def test_next_hops_that_are_no_machines(desk, via):
    refused(desk, BOX % f"routes: [{{to: 10.20.0.0/16, via: {via}}}]", 6, via, "no machine has it")


def test_routes_that_do(desk):
    routes = (
        "[{to: 0.0.0.0/0, via: 10.9.0.3}, {to: 10.0.0.0/8, via: 169.254.1.1}, {to: '::/0', via: 'fe80::9'}]"
    )
    assert desk.container(BOX % f"link_local_ips: [169.254.8.8], routes: {routes}").networks[0].routes


def test_two_routes_to_one_place(desk):
    routes = "[{to: 10.20.0.0/16, via: 10.9.0.1}, {to: 10.20.0.0/16, via: 10.9.0.2}]"
    refused(desk, BOX % f"routes: {routes}", 6, "{to: 10.20.0.0/16, via: 10.9.0.2}", "two routes to")


@pytest.mark.parametrize(
    "mtu", ["mtu: 1279", "driver_opts: {mtu: 1279}", "driver_opts: {com.docker.network.driver.mtu: 1279}"]
)
def test_ipv6_needs_an_mtu_of_1280(desk, mtu):
    refused(desk, NETWORK % f"enable_ipv6: true, {mtu}", 2, "1279", "too small for IPv6", "1280")
    assert desk.network(mtu).mtu == 1279
    assert desk.network(f"enable_ipv6: true\n{mtu}".replace("1279", "1280")).mtu == 1280


@pytest.mark.parametrize("key", ["address", "address6"])
@pytest.mark.parametrize(
    "ip", ["'::1'", "'ff02::1'", "'fe80::1'", "'::'", "'::ffff:192.0.2.1'", "'fd00::1%eth0'"]
)
def test_addresses_that_no_other_host_reaches(desk, key, ip):
    refused(desk, f"hosts:\n  h: {{{key}: {ip}}}\n", 2, ip, "")


@pytest.mark.parametrize("ip", ["127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"])
def test_addresses_of_ipv4_that_no_other_host_reaches(desk, ip):
    refused(desk, f"hosts:\n  h: {{address: {ip}}}\n", 2, ip, "no machine has it")


@pytest.mark.parametrize(("key", "ip"), [("address", "192.0.2.1"), ("address6", "2001:db8::1")])
def test_two_hosts_have_two_addresses(desk, key, ip):
    error = desk.only(f"hosts:\n  a: {{{key}: '{ip}'}}\n  b: {{{key}: '{ip}'}}\n")
    assert f"host b has the {key} of another" in error.message
    assert (error.where.line, error.label[0].line) == (3, 2)


def test_a_key_of_zeros_is_nobodys(desk):
    assert "no public key" in desk.only(f"hosts: {{a: {{public_key: {'A' * 43}=}}}}").message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("protocol", "6"),
        ("protocol", "true"),
        ("host_ip", "127"),
        ("host_ip", "1e3"),
        ("host_ip", "224.0.0.1"),
        ("host_ip", "255.255.255.255"),
        ("host_ip", "'ff02::1'"),
        ("host_ip", "'::ffff:192.0.2.1'"),
        ("host_ip", "'fe80::1%eth0'"),
        ("published", "1.5"),
    ],
)
def test_ports(desk, key, value):
    refused(desk, f"containers:\n  a: {{ports: [{{target: 80, {key}: {value}}}]}}\n", 2, value, "is no ")


@pytest.mark.parametrize("ip", ["", "0.0.0.0", "::", "127.0.0.1", "127.9.9.9", "::1", "192.0.2.1", "fe80::1"])
def test_addresses_that_the_host_publishes_on(desk, ip):
    port = desk.container(f"containers: {{a: {{ports: [{{target: 80, host_ip: '{ip}'}}]}}}}").ports[0]
    assert port.host_ip == ip


@pytest.mark.parametrize(
    "body",
    [
        "snat: 224.0.0.1",
        "snat: 0.0.0.0",
        "snat_ipv6: '::1'",
        "host_ip: 224.0.0.1",
        "driver_opts: {com.docker.network.host_ipv4: 'fd00::1'}",
        "driver_opts: {com.docker.network.host_ipv6: 192.0.2.1}",
        "driver_opts: {com.docker.network.host_ipv4: 255.255.255.255}",
        "driver_opts: {com.docker.network.bridge.host_binding_ipv4: 224.0.0.1}",
        "host_access: 224.0.0.1",
    ],
)
def test_addresses_of_the_host_in_a_network(desk, body):
    error = desk.only(NETWORK % body)
    assert error.where.line == 2 and error.where.column > 6 and error.hint


@pytest.mark.parametrize("text", ["'fe80::1%eth0'", "'::1'", "192.0.2.53"])
def test_a_name_server_may_be_on_an_interface(desk, text):
    assert desk.service(f"dns: {text}").dns == (text.strip("'"),)


@pytest.mark.parametrize("text", ["'fe80::1%a b'", '"fe80::1%a\\nb"', "'fe80::1%'", "'::ffff:192.0.2.1'"])
def test_name_servers_of_one_line(desk, text):
    refused(desk, f"containers:\n  a: {{dns: [{text}]}}\n", 2, text, "")


@pytest.mark.parametrize("key", ["hostname", "domainname", "container_name"])
def test_numbers_are_no_names(desk, key):
    refused(desk, f"containers:\n  a: {{{key}: 1e3}}\n", 2, "1e3", "1000.0 is a number", "quotes")


@pytest.mark.parametrize("name", ["1e3", "true", "010", ".inf"])
def test_numbers_are_no_projects_names(desk, name):
    refused(desk, f"name: {name}\nnetworks: {{n: }}\n", 1, name, "must be text", "quotes")


@pytest.mark.parametrize("text", ['"a\\nb"', "'a b'", '"a\\x1b"', "'#'"])
@pytest.mark.parametrize(
    "body",
    [
        "extra_hosts: {%s: 192.0.2.1}",
        "hostname: %s",
        "networks: {default: {aliases: [%s]}}",
        "dns_search: [%s]",
    ],
)
def test_nothing_breaks_out_of_a_line(desk, body, text):
    error = desk.only(f"containers:\n  a: {{{body % text}}}\n")
    assert "is no host name" in error.message and error.where.line == 2


ALIAS = "containers:\n  a: {networks: {default: {aliases: ['%s']}}}\n"


@pytest.mark.parametrize(
    "name", ["n" * 64, "a..b", "wéb", "a;b", "$(id)", "web\\0", "*x", "a.*.b", "**.a", "*.", "a,b", "/a/"]
)
def test_what_no_question_can_hold_is_no_alias(desk, name):
    error = desk.only(ALIAS % name)
    assert "is no host name" in error.message and error.where.line == 2


@pytest.mark.parametrize("name", ["n" * 63, "UPPER", "_srv", "a.b", "*.web", "*.a.b", "1", "a-b"])
def test_what_a_question_can_hold_is_an_alias(desk, name):
    desk.write("compose.yaml", ALIAS % name)
    [project] = desk.load().projects
    assert project.containers[0].networks[0].aliases == (name,)


@pytest.mark.parametrize("text", ["true", "'1_0'"])
@pytest.mark.parametrize(
    "key", ["scale: {}", "networks: {{front: {{priority: {}}}}}", "deploy: {{replicas: {}}}"]
)
def test_what_python_alone_takes_for_a_number_is_none(desk, key, text):
    error = desk.only(f"networks: {{front: }}\nservices: {{web: {{{key.format(text)}}}}}")
    assert f"must be a whole number, not {text}" in error.message and error.where.line == 2
