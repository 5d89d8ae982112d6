"""Services and containers: their network keys, one by one."""

import pytest


def test_a_service_without_networks_says_nothing_of_them(desk):
    container = desk.project("services: {web: {image: a}}").containers[0]
    assert (container.networks, container.network_mode, container.is_service) == ((), "", True)


def test_containers_are_single(desk):
    container = desk.project("containers: {web: }").containers[0]
    assert (container.is_service, container.replicas, container.name) == (False, 1, "web")
    assert "unknown key `scale`" in desk.only("containers: {web: {scale: 2}}").message
    assert "unknown key `deploy`" in desk.only("containers: {web: {deploy: {replicas: 2}}}").message


def test_networks_by_priority_then_by_name(desk):
    body = "networks: {qix: {priority: 1000}, foo: , bar: {priority: 10}, alpha: }"
    project = desk.project(f"networks: {{qix: , foo: , bar: , alpha: }}\nservices: {{web: {{{body}}}}}")
    assert [end.network for end in project.containers[0].networks] == ["qix", "bar", "alpha", "foo"]


def test_endpoint_keys(desk):
    end = desk.service(
        "networks:\n  front: {aliases: [a, b.c], mac_address: '02-42-AC-11-00-02', interface_name: lan0,"
        " link_local_ips: [169.254.8.8], priority: 5, gw_priority: 7, vlan: 5, trunk: [6, 7],"
        " bandwidth: {ingress: 10mbit}, routes: [{to: 10.0.0.0/8, via: 10.1.0.1}],"
        " driver_opts: {com.docker.network.endpoint.sysctls: 'net.ipv4.conf.IFNAME.forwarding=1'}}"
    ).networks[0]
    assert (end.aliases, end.mac_address, end.interface_name) == (("a", "b.c"), "02:42:ac:11:00:02", "lan0")
    assert (end.link_local_ips, end.priority, end.gw_priority) == (("169.254.8.8",), 5, 7)
    assert (end.vlan, end.trunk, end.bandwidth, end.routes) == (
        5,
        (6, 7),
        ("10mbit", ""),
        (("10.0.0.0/8", "10.1.0.1"),),
    )
    assert end.driver_opts == {"net/ipv4/conf/IFNAME/forwarding": "1"}


@pytest.mark.parametrize(
    ("wish", "column", "words"),
    [
        ("trunk: [6, 7, 6]", 47, "VLAN 6 is there twice"),
        ("vlan: 6, trunk: [7, 6]", 53, "VLAN 6 is there twice"),
        ("trunk: [1]", 41, "VLAN 1 is there twice"),
        ("vlan: 0", 39, "too small"),
        ("trunk: [4095]", 41, "too large"),
    ],
)
def test_vlans_of_an_endpoint(desk, spot, wish, column, words):
    error = desk.only(f"networks: {{n: }}\ncontainers: {{a: {{networks: {{n: {{{wish}}}}}}}}}")
    assert spot(error) == (2, column) and words in error.message


def test_endpoint_interface_name_by_dockers_option(desk):
    opts = "{com.docker.network.endpoint.ifname: lan1}"
    assert desk.service(f"networks: {{front: {{driver_opts: {opts}}}}}").networks[0].interface_name == "lan1"


def test_a_containers_mac_goes_to_its_first_network(desk):
    container = desk.service("mac_address: 02:00:00:00:00:01\nnetworks: [front, back]")
    assert [end.mac_address for end in container.networks] == ["02:00:00:00:00:01", ""]
    assert container.mac_address == "02:00:00:00:00:01"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host", "host"),
        ("none", "none"),
        ("bridge", "bridge"),
        ("default", "bridge"),
        ("''", ""),
        ("container:x", "container:x"),
    ],
)
def test_network_mode(desk, text, expected):
    assert desk.service(f"network_mode: {text}").network_mode == expected


def test_network_mode_of_another_service(desk):
    project = desk.project("services: {a: {network_mode: 'service:b'}, b: }")
    assert project.containers[0].network_mode == "service:b"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{}", 1),
        ("{scale: 3}", 3),
        ("{scale: 0}", 0),
        ("{deploy: {replicas: 4}}", 4),
        ("{deploy: {replicas: '4'}, scale: 4}", 4),
        ("{deploy: {mode: global}}", 1),
    ],
)
def test_replicas(desk, body, expected):
    assert desk.container(f"services: {{web: {body}}}").replicas == expected


def test_affinity(desk):
    assert desk.container("services: {web: {affinity: client}}").affinity == "client"
    assert desk.container("services: {web: {}}").affinity == ""
    assert "'host' is no value of `affinity`" in desk.only("services: {web: {affinity: host}}").message
    assert "unknown key `affinity`" in desk.only("containers: {web: {affinity: client}}").message


def test_weights(desk):
    assert desk.container("services: {web: {weights: {1: 3, '4': 0}}}").weights == {"1": 3, "4": 0}
    text = "hosts: {a: {address: 192.0.2.1}}\nservices: {web: {weights: {node.labels.size == big: 3, 1: 2}}}"
    [(constraint, weight)] = desk.container(text).host_weights
    assert (str(constraint), weight, constraint.where.line) == ("node.labels.size == big", 3, 2)
    assert "hosts have no `node.role`" in desk.only(text.replace("node.labels.size", "node.role")).message
    assert "'web-1' is no number of a replica" in desk.only("services: {web: {weights: {web-1: 2}}}").message
    for weight in (-1, 257, "many"):
        assert desk.only(f"services: {{web: {{weights: {{1: {weight}}}}}}}").where.line == 1


def test_endpoint_mode(desk):
    assert desk.container("services: {web: {deploy: {endpoint_mode: dnsrr}}}").endpoint_mode == "dnsrr"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("['a=10.0.0.1', 'b:10.0.0.2']", [("a", "10.0.0.1"), ("b", "10.0.0.2")]),
        (
            "['six=::1', 'seven:::1', 'eight=[fd00::8]']",
            [("six", "::1"), ("seven", "::1"), ("eight", "fd00::8")],
        ),
        ("{a: 10.0.0.1, b: [10.0.0.2, 10.0.0.3]}", [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("b", "10.0.0.3")]),
        ("['a=10.0.0.1,10.0.0.2']", [("a", "10.0.0.1"), ("a", "10.0.0.2")]),
        ("['host.docker.internal:host-gateway']", [("host.docker.internal", "host-gateway")]),
        ("['a=10.0.0.1', 'a=10.0.0.2']", [("a", "10.0.0.1"), ("a", "10.0.0.2")]),
    ],
)
def test_extra_hosts(desk, body, expected):
    assert list(desk.service(f"extra_hosts: {body}").extra_hosts) == expected


@pytest.mark.parametrize("body", ["[a]", "['=10.0.0.1']", "['a b=10.0.0.1']", "['a=nowhere']", "{a: }"])
def test_extra_hosts_refused(desk, body):
    assert desk.mistakes(f"services: {{web: {{extra_hosts: {body}}}}}")


def test_resolver_keys(desk):
    container = desk.service(
        "dns: 1.1.1.1\ndns_search: [a.org, .]\ndns_opt: [ndots:2]\nhostname: h\ndomainname: d.org"
    )
    assert (container.dns, container.dns_search, container.dns_opt) == (
        ("1.1.1.1",),
        ("a.org", "."),
        ("ndots:2",),
    )
    assert (container.hostname, container.domainname) == ("h", "d.org")


def test_blank_text_is_nothing(desk):
    container = desk.service("hostname: '${H}'\ndns: ['', 1.1.1.1]\ncontainer_name: ''\nscale: ''")
    assert (container.hostname, container.dns, container.replicas) == ("", ("1.1.1.1",), 1)


def test_only_network_sysctls_are_ours(desk):
    assert desk.service("sysctls: {net.core.somaxconn: 1024, kernel.msgmax: 1}").sysctls == {
        "net.core.somaxconn": "1024"
    }


def test_environment_and_its_files(desk):
    desk.write("one.env", "A=1\nB=1\nC=1\n")
    desk.write("two.env", "B=2\nC=2\n")
    container = desk.container(
        "services: {web: {env_file: [one.env, {path: two.env}, {path: none.env, required: false}],"
        " environment: [C=3, SHELL, UNSET]}}",
        {"SHELL": "sh"},
    )
    assert container.environment == {"A": "1", "B": "2", "C": "3", "SHELL": "sh"}
    desk.write("raw.env", "# note\nA='$B' # kept\n")
    container = desk.container("services: {web: {env_file: [{path: raw.env, format: raw}]}}")
    assert container.environment == {"A": "'$B' # kept"}
    lack = desk.only("services: {web: {env_file: none.env}}")
    assert lack.id == "R0102" and "none.env does not exist" in lack.message


@pytest.mark.parametrize(
    ("text", "expected"), [("runc", "none"), ("nvidia", "none"), ("oci", "oci"), ("systemd", "systemd")]
)
def test_runtime(desk, text, expected):
    assert desk.service(f"runtime: {text}\ncommand: sleep 9").runtime == expected


def test_the_manifests_runtime_is_the_default(desk):
    project = desk.project("runtime: podman\ncontainers: {a: {image: x}, b: {image: x, runtime: none}, c: }")
    assert [c.runtime for c in project.containers] == ["podman", "none", "none"]
    assert "unknown runtime 'pod'" in desk.only("runtime: pod").message


def test_attach_and_host(desk):
    project = desk.project(
        "hosts: {h1: {address: 192.0.2.1}}\ncontainers: {a: {attach: {docker: web}, host: h1}}"
    )
    assert (project.containers[0].attach, project.containers[0].host) == ("docker web", "h1")
    assert project.hosts[0].address == "192.0.2.1"


def test_unused_keys_are_accepted_and_noted_once(desk):
    desk.write(
        "compose.yaml",
        "version: '3'\nvolumes: {v: }\nservices: {a: {build: ., volumes: ['v:/v']}, b: {build: {}}}",
    )
    assert [note for note in desk.load().notes if "accepted" in note] == [
        "services.*.build: accepted, not used",
        "services.*.volumes: accepted, not used",
        "version: accepted, not used",
        "volumes: accepted, not used",
    ]


def test_extensions_are_anybodys(desk):
    desk.project("x-a: 1\nservices: {web: {x-b: [1], networks: {n: {x-c: }}}}\nnetworks: {n: {x-d: {}}}")


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ("prots: ['80']", "unknown key `prots`", "did you mean `ports`?"),
        ("ports: 80", "must be a list, not 80", ""),
        ("image: [a]", "must be text, not a list", ""),
        ("networks: front", "must be a list or a mapping, not 'front'", "`networks: [front]`"),
        ("networks: {front: 5}", "must be a mapping, not 5", ""),
        (
            "networks: {front: {ipv4_adress: 10.1.0.1}}",
            "unknown key `ipv4_adress`",
            "did you mean `ipv4_address`?",
        ),
        (
            "networks: {front: {ipv4_address: 'fd00::1'}}",
            "fd00::1 is no IPv4 address",
            "IPv6 has a key of its own",
        ),
        ("networks: {front: {ipv4_address: 10.1}}", "'10.1' is no IP address", ""),
        ("networks: {front: {interface_name: averyverylongname}}", "is no interface name", "at most 15"),
        ("networks: {front: {interface_name: ../x}}", "is no interface name", ""),
        ("networks: {front: {priority: .inf}}", "must be a whole number", ""),
        ("networks: {front: {driver_opts: {foo: bar}}}", "an endpoint has no option `foo`", ""),
        ("networks: {fornt: }", "unknown network `fornt`", "did you mean `front`?"),
        ("networks: [host]", "unknown network `host`", "network_mode: host"),
        ("network_mode: hots", "unknown network mode `hots`", "did you mean `host`?"),
        ("network_mode: front", "unknown network mode `front`", "write `networks: [front]`"),
        ("network_mode: service:wbe", "unknown service `wbe`", "did you mean `web`?"),
        ("network_mode: 'container:'", "'' is no name", ""),
        ("network_mode: host\nnetworks: [front]", "exclude each other", ""),
        ("network_mode: container:x\nports: ['80']", "ports cannot be published", ""),
        ("mac_address: 02:00:00:00:00", "is no MAC address", ""),
        ("mac_address: 01:00:00:00:00:00", "is a group address", "second digit"),
        ("hostname: 'a;b'", "is no host name", ""),
        ("hostname: '*.web'", "is no host name", ""),
        ("extra_hosts: {'*': 192.0.2.1}", "is no host name", ""),
        ("dns: nope", "'nope' is no IP address", ""),
        ("dns_opt: ['a b']", "is no single word", ""),
        ("scale: -1", "-1 is too small", "at least 0"),
        ("scale: 2\ndeploy: {replicas: 3}", "`scale` is 2 and `deploy.replicas` is 3", ""),
        ("scale: 2\ncontainer_name: x", "2 replicas cannot share a `container_name`", ""),
        ("deploy: {replica: 3}", "unknown key `replica`", "did you mean `replicas`?"),
        ("deploy: {endpoint_mode: vpi}", "'vpi' is no value of `endpoint_mode`", "vip"),
        ("healthcheck: {intervall: 5s}", "unknown key `intervall`", "did you mean `interval`?"),
        ("build: {contxt: .}", "unknown key `contxt`", "did you mean `context`?"),
        ("logging: {drivr: syslog}", "unknown key `drivr`", "did you mean `driver`?"),
        ("links: [dbb]", "link to unknown service `dbb`", ""),
        ("depends_on: [wbe]", "depends on unknown service `wbe`", "did you mean `web`?"),
        ("host: h9", "unknown host `h9`", ""),
        ("container_name: ../../etc", "'../../etc' is no name", ""),
        ("sysctls: {net.ipv4.: 1}", "is no sysctl", ""),
    ],
)
def test_refused(desk, body, message, hint):
    (error,) = desk.mistakes(
        "networks: {front: , back: }\nservices:\n  web:\n" + "".join(f"    {x}\n" for x in body.splitlines())
    )
    assert message in error.message and hint in error.hint
    assert error.where.path.startswith("services.web")


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "..",
        ".a",
        "-a",
        "a b",
        "a\\nb",
        "a\\x1bb",
        "x;reboot",
        "{ drop }",
        "a" * 64,
        "é",
        "a%d",
        "$(x)",
    ],
)
@pytest.mark.parametrize("section", ["services", "containers", "networks", "hosts"])
def test_names_that_cannot_be(desk, section, name):
    error = desk.only(f'{section}:\n  "{name}": {{}}\n')
    assert "is no name" in error.message or "characters" in error.message


def test_a_circle_of_network_modes(desk):
    text = "services:\n" + "".join(
        f"  {a}: {{network_mode: 'service:{b}'}}\n" for a, b in ("ab", "bc", "ca", "da")
    )
    error = desk.only(text)
    assert "a -> b -> c -> a" in error.message


def test_interface_names_are_unique_in_a_container(desk):
    networks = "{front: {interface_name: x}, back: {interface_name: x}}"
    error = desk.only(f"networks: {{front: , back: }}\nservices: {{web: {{networks: {networks}}}}}")
    assert "interface name `x` is taken" in error.message


def test_a_raw_file_of_variables_is_read_as_dockers_cli_does(desk):
    text = "runtime: systemd\nservices: {web: {command: a, env_file: [{path: raw.env, format: raw}]}}"
    desk.write("raw.env", "\ufeffA=1 # one\r\n  # none\n\n  B='2'\nHOME\nNOWHERE\nC=\n")
    found = desk.container(text, {"HOME": "/root"}).environment
    assert found == {"A": "1 # one", "B": "'2'", "HOME": "/root", "C": ""}
    for line, bad in ((1, "=x"), (2, "A=1\nB C=2"), (2, "A=1\nB C")):
        desk.write("raw.env", bad)
        error = desk.only(text)
        assert error.message == "no assignment" and error.where.line == line
    for form in ("raw", "''"):
        desk.write("raw.env", "A=1\nB=\0")
        error = desk.only(text.replace("raw}", f"{form}}}"))
        assert error.message == "a value with a NUL" and error.where.line == 2


def test_every_mistake_is_told_at_once(desk):
    errors = desk.mistakes(
        "services:\n  a: {prots: 1, image: []}\n  b: {network_mode: x}\n  c: {ports: [x]}\nnetwroks: {}\n"
    )
    assert len(errors) == 5
    assert [e.where.line for e in errors] == [2, 2, 3, 4, 5]


@pytest.mark.parametrize("alias", ["x y", "a:c", "#", "a,b", "q\\n6.6.6.6 bank.example"])
def test_a_link_calls_a_service_by_what_is_a_name(desk, alias):
    error = desk.only(f'services: {{web: {{links: ["db:ok", "db:", "db:{alias}"]}}, db: }}')
    assert "is no host name" in error.message and error.where.path == "services.web.links[2]"


@pytest.mark.parametrize("mode", ["host", "service:db", "container:x"])
def test_what_is_about_a_sandbox_changes_nothing_where_there_is_none(desk, mode):
    keys = "hostname: h, dns: [9.9.9.9], extra_hosts: ['a:1.1.1.1'], sysctls: {net.core.somaxconn: 5}"
    desk.write("compose.yaml", f"services: {{web: {{network_mode: '{mode}', {keys}}}, db: {{hostname: d}}}}")
    (warning,) = desk.load().warnings
    assert "dns, extra_hosts, sysctls, hostname of web change nothing" in warning
    assert warning.endswith(f"`{mode}`") and ":1:" in warning
