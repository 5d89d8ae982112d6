"""What the tables of compose-go's loader tests ask of a loader, in words and inputs of our own: a project in
files, what is looked at in it, and what is to be seen there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

MAIN, OVER = "compose.yaml", "over.yaml"
RUNS = {"RECONCILE_RUNTIME": "podman"}


class Behaviour(NamedTuple):
    """`look` is a path such as `web.ports`; a text behind `!` is that of a mistake.  `unlike` tells why we do
    not do as Compose does."""

    name: str
    files: str | Mapping[str, str]
    look: str = ""
    seen: Any = None
    environ: Mapping[str, str] = {}
    unlike: str = ""

    @property
    def texts(self) -> Mapping[str, str]:
        return {MAIN: self.files} if isinstance(self.files, str) else self.files


def web(body: str, more: str = "") -> str:
    """A service `web` beside two networks."""
    return f"services: {{web: {{image: w, {body}}}}}\nnetworks: {{front: , back: }}\n{more}"


def over(base: str, on_top: str) -> Mapping[str, str]:
    """The same service in two files, the second on top."""
    return {MAIN: web(base), OVER: f"services: {{web: {{{on_top}}}}}"}


def based(base: str, own: str) -> str:
    """A service `web` that extends another of its file."""
    return (
        f"services: {{base: {{image: w, {base}}}, web: {{extends: base, {own}}}}}\n"
        f"networks: {{front: , back: }}"
    )


B = Behaviour
SYNTAX = (
    B("a port alone", web("ports: [8600]"), "web.ports", ["*:*->8600/tcp"]),
    B(
        "short ports",
        web("ports: ['80:8080', '90:8090/udp']"),
        "web.ports",
        ["*:80->8080/tcp", "*:90->8090/udp"],
    ),
    B("a range of ports", web("ports: ['80-82:8080-8082']"), "web.ports", ["*:80-82->8080-8082/tcp"]),
    B(
        "the long form of a port",
        web(
            "ports: [{target: 80, published: 8080, protocol: udp, mode: host, host_ip: 127.0.0.1, "
            "name: http}]"
        ),
        "web.ports",
        ["127.0.0.1:8080->80/udp"],
    ),
    B("published as text", web("ports: [{target: 80, published: '8080'}]"), "web.ports", ["*:8080->80/tcp"]),
    B("published as a range", web("ports: [{target: 80, published: 1-9}]"), "web.ports", ["*:1-9->80/tcp"]),
    B("app_protocol", web("ports: [{target: 80, app_protocol: http}]"), "web.ports", ["*:*->80/tcp"]),
    B(
        "a port twice is one",
        web("ports: ['1:80', '2:81', '1:80']"),
        "web.ports",
        ["*:1->80/tcp", "*:2->81/tcp"],
    ),
    B(
        "a protocol makes another port",
        web("ports: ['1:80', '1:80/udp']"),
        "web.ports",
        ["*:1->80/tcp", "*:1->80/udp"],
    ),
    B("a misspelt key of a port", web("ports: [{target: 80, publish: 1}]"), "!unknown key `publish`"),
    B("name servers as text", web("dns: 8.8.8.8, dns_search: a.b"), "web.dns", ("8.8.8.8",)),
    B("name servers as a list", web("dns: [8.8.8.8, 9.9.9.9]"), "web.dns", ("8.8.8.8", "9.9.9.9")),
    B("a blank name server", web("dns: '${UNSET}'"), "web.dns", ()),
    B(
        "hosts as a list",
        web("extra_hosts: ['a:1.2.3.4', 'b:ff02::1']"),
        "web.extra_hosts",
        (("a", "1.2.3.4"), ("b", "ff02::1")),
    ),
    B(
        "hosts with =",
        web("extra_hosts: ['a=1.2.3.4,1.2.3.5']"),
        "web.extra_hosts",
        (("a", "1.2.3.4"), ("a", "1.2.3.5")),
    ),
    B("hosts as a mapping", web("extra_hosts: {a: 1.2.3.4}"), "web.extra_hosts", (("a", "1.2.3.4"),)),
    B(
        "hosts as lists",
        web("extra_hosts: {a: [1.2.3.4, 1.2.3.5]}"),
        "web.extra_hosts",
        (("a", "1.2.3.4"), ("a", "1.2.3.5")),
    ),
    B("a host without an address", web("extra_hosts: ['a']"), "!is no address for a"),
    B("labels as a mapping", web("labels: {a: x, b: 42, c: }"), "web.labels", {"a": "x", "b": "42", "c": ""}),
    B("labels as a list", web("labels: ['a=x', 'b=42', 'c']"), "web.labels", {"a": "x", "b": "42", "c": ""}),
    B(
        "sysctls as a mapping",
        web("sysctls: {net.core.somaxconn: 1024}"),
        "web.sysctls",
        {"net.core.somaxconn": "1024"},
    ),
    B(
        "sysctls as a list",
        web("sysctls: [net.core.somaxconn=1024]"),
        "web.sysctls",
        {"net.core.somaxconn": "1024"},
    ),
    B("links", web("links: ['web:alias']"), "web.links", ("web:alias",)),
    B("expose", web("expose: [3000, '8000']"), "web.expose", ("3000", "8000")),
    B("scale", web("scale: 3"), "web.replicas", 3),
    B("replicas", web("deploy: {replicas: 6}"), "web.replicas", 6),
    B("a negative scale", web("scale: -1"), "!-1 is too small"),
    B("negative replicas", web("deploy: {replicas: -1}"), "!-1 is too small"),
    B("scale against replicas", web("scale: 2, deploy: {replicas: 3}"), "!`scale` is 2"),
    B("a service's networks as a list", web("networks: [front, back]"), "web.networks", ["back", "front"]),
    B(
        "a service's networks as a mapping",
        web("networks: {front: , back: {}}"),
        "web.networks",
        ["back", "front"],
    ),
    B("aliases", web("networks: {front: {aliases: [a, b]}}"), "web.networks.0.aliases", ("a", "b")),
    B("gw_priority", web("networks: {front: {gw_priority: 5}}"), "web.networks.0.gw_priority", 5),
    B(
        "interface_name",
        web("networks: {front: {interface_name: lan0}}"),
        "web.networks.0.interface_name",
        "lan0",
    ),
    B(
        "link_local_ips",
        web("networks: {front: {link_local_ips: [169.254.8.8]}}"),
        "web.networks.0.link_local_ips",
        ("169.254.8.8",),
    ),
    B(
        "a network's mac_address",
        web("networks: {front: {mac_address: '02:42:72:98:65:08'}}"),
        "web.networks.0.mac_address",
        "02:42:72:98:65:08",
    ),
    B(
        "a service's mac_address",
        web("mac_address: '02:42:72:98:65:08'"),
        "web.mac_address",
        "02:42:72:98:65:08",
    ),
    B("an unknown network", web("networks: [side]"), "!unknown network `side`"),
    B("network_mode", web("network_mode: host"), "web.network_mode", "host"),
    B(
        "network_mode of a service",
        web("network_mode: 'service:app'").replace("{web", "{app: {image: a}, web"),
        "web.network_mode",
        "service:app",
    ),
    B("network_mode of nobody", web("network_mode: 'service:app'"), "!unknown service `app`"),
    B("network_mode of a container", web("network_mode: 'container:c'"), "web.network_mode", "container:c"),
    B("network_mode with networks", web("network_mode: host, networks: [front]"), "!exclude each other"),
    B(
        "one container_name twice",
        "services: {a: {container_name: c}, b: {container_name: c}}",
        "!two containers would have the sandbox c",
    ),
    B("a service's name with dots", "services: {a.b.c: {image: a}}", "names", ["a.b.c"]),
    B("a service x-...", "services: {x-foo: {image: a}}", "names", ["x-foo"]),
    B(
        "x- keys everywhere",
        web("x-a: [1], networks: {front: {x-b: 1}}", "x-c: 1"),
        "web.networks",
        ["front"],
    ),
    B("neither image nor build", "services: {web: {}}", "names", ["web"], {}, "a sandbox needs no image"),
    B("an empty service", "services: {web: }", "names", ["web"], {}, "a sandbox needs no image"),
    B("a misspelt key", web("imgae: x"), "!unknown key `imgae`"),
    B("a misspelt section", "services: {web: {image: a}}\nnetwork: {}", "!unknown key `network`"),
    B("services that are a list", "services: [web]", "!`services` must be a mapping"),
    B("a service that is text", "services: {web: a}", "!must be a mapping"),
    B("an image that is a list", "services: {web: {image: [a]}}", "!`image` must be text"),
    B(
        "networks that are a list",
        "services: {web: {image: a}}\nnetworks: [a]",
        "!`networks` must be a mapping",
    ),
    B(
        "an unknown top-level `version` stays",
        "version: '3.8'\nservices: {web: {image: a}}",
        "names",
        ["web"],
    ),
    B("the first format", "web: {image: a}", "!unknown key `web`"),
    B("no document at all", "# nothing\n", "!the file is empty"),
    B("a document that is a list", "[a]", "!a manifest is a mapping"),
    B("a document that is text", "hello", "!a manifest is a mapping"),
    B("a key that is a number", "services: {123: {image: a}}", "names", ["123"], {}, "YAML's keys are text"),
    B(
        "isolation that is none",
        web("isolation: [a]"),
        "web.image",
        "w",
        {},
        "what nothing of ours uses is not looked at",
    ),
)
NETWORKS = (
    B("a network of nothing", "services: {web: {image: a}}\nnetworks: {n: }", "networks.n.driver", "bridge"),
    B(
        "internal",
        "services: {web: {image: a}}\nnetworks: {n: {internal: true}}",
        "networks.n.internal",
        True,
    ),
    B(
        "attachable",
        "services: {web: {image: a}}\nnetworks: {n: {attachable: true}}",
        "networks.n.attachable",
        True,
    ),
    B(
        "enable_ipv4 and 6",
        "services: {web: {image: a}}\nnetworks: {n: {enable_ipv4: false, enable_ipv6: true}}",
        "networks.n.enable_ipv4",
        False,
    ),
    B(
        "external",
        "services: {web: {image: a}}\nnetworks: {n: {external: true}}",
        "networks.n.external",
        True,
    ),
    B(
        "external with a name",
        "services: {web: {image: a}}\nnetworks: {n: {external: true, name: x}}",
        "networks.n.full_name",
        "x",
    ),
    B(
        "external.name of old",
        "services: {web: {image: a}}\nnetworks: {n: {external: {name: x}}}",
        "networks.n.full_name",
        "x",
    ),
    B(
        "external with a driver",
        "services: {web: {image: a}}\nnetworks: {n: {external: true, driver: bridge}}",
        "!`driver` of an external network",
    ),
    B(
        "external with options",
        "services: {web: {image: a}}\nnetworks: {n: {external: true, driver_opts: {a: b}}}",
        "!of an external network",
    ),
    B(
        "external with labels",
        "services: {web: {image: a}}\nnetworks: {n: {external: true, labels: {a: b}}}",
        "!of an external network",
    ),
    B(
        "a name of its own",
        "services: {web: {image: a}}\nnetworks: {n: {name: x}}",
        "networks.n.full_name",
        "x",
    ),
    B(
        "a network's labels",
        "services: {web: {image: a}}\nnetworks: {n: {labels: [a=b]}}",
        "networks.n.labels",
        {"a": "b"},
    ),
    B(
        "an option that is a number",
        "services: {web: {image: a}}\nnetworks: {n: {driver_opts: {com.docker.network.driver.mtu: 1400}}}",
        "networks.n.mtu",
        1400,
    ),
    B(
        "an option of nobody",
        "services: {web: {image: a}}\nnetworks: {n: {driver_opts: {foo: bar}}}",
        "!has no option `foo`",
        None,
        {},
        "an option that nothing heeds is told",
    ),
    B(
        "ipam",
        "services: {web: {image: a}}\nnetworks: {n: {ipam: {driver: default, "
        "config: [{subnet: 172.28.0.0/16, ip_range: 172.28.5.0/24, gateway: 172.28.5.254, "
        "aux_addresses: {h: 172.28.1.5}}]}}}",
        "networks.n.subnets.0.gateway",
        "172.28.5.254",
    ),
    B(
        "two subnets",
        "services: {web: {image: a}}\nnetworks: {n: {enable_ipv6: true, "
        "ipam: {config: [{subnet: 172.28.0.0/16}, {subnet: 'fd01::/64'}]}}}",
        "networks.n.subnets.1.subnet",
        "fd01::/64",
    ),
    B(
        "ipam of another driver",
        "services: {web: {image: a}}\nnetworks: {n: {ipam: {driver: overlay}}}",
        "!unknown IPAM driver",
        None,
        {},
        "there is no other IPAM here",
    ),
    B(
        "ipam options",
        "services: {web: {image: a}}\nnetworks: {n: {ipam: {options: {a: b}}}}",
        "networks.n.driver",
        "bridge",
    ),
)
INTERPOLATION = (
    B("$VAR", web("hostname: h$V"), "web.hostname", "hx", {"V": "x"}),
    B("${VAR}", web("hostname: 'h${V}'"), "web.hostname", "hx", {"V": "x"}),
    B("${VAR-default}", web("hostname: 'h${V-d}'"), "web.hostname", "h", {"V": ""}),
    B("${VAR:-default}", web("hostname: 'h${V:-d}'"), "web.hostname", "hd", {"V": ""}),
    B("a default in a default", web("hostname: 'h${V:-${W:-d}}'"), "web.hostname", "hd"),
    B("${VAR+other}", web("hostname: 'h${V+o}'"), "web.hostname", "ho", {"V": ""}),
    B("${VAR:+other}", web("hostname: 'h${V:+o}'"), "web.hostname", "h", {"V": ""}),
    B("${VAR?error}", web("hostname: 'h${V?set it}'"), "!V is missing a value: set it"),
    B(
        "${VAR:?error} of a blank",
        web("hostname: 'h${V:?set it}'"),
        "!V is missing a value: set it",
        None,
        {"V": ""},
    ),
    B("$$", web("labels: {a: '$$V'}"), "web.labels", {"a": "$V"}, {"V": "x"}),
    B("${VAR", web("hostname: 'h${V'"), "!is not closed"),
    B("${}", web("hostname: 'h${}'"), "!no name"),
    B("a variable that nobody set", web("labels: {a: 'x$V'}"), "web.labels", {"a": "x"}),
    B("a number", web("scale: '${N}'"), "web.replicas", 3, {"N": "3"}),
    B(
        "true or false",
        "services: {web: {image: a}}\nnetworks: {n: {internal: '${T}'}}",
        "networks.n.internal",
        True,
        {"T": "true"},
    ),
    B(
        "yes of old",
        "services: {web: {image: a}}\nnetworks: {n: {internal: '${T}'}}",
        "networks.n.internal",
        True,
        {"T": "yes"},
    ),
    B("a number that is none", web("scale: '${N}'"), "!must be a whole number", None, {"N": "many"}),
    B("keys are left alone", web("labels: {$V: $V}"), "web.labels", {"$V": "x"}, {"V": "x"}),
    B(
        "x- is interpolated",
        web("labels: {<<: *l}").replace("services", "x-l: &l {a: $V}\nservices"),
        "web.labels",
        {"a": "x"},
        {"V": "x"},
    ),
    B("the project's name", "name: '${P}-shop'\nservices: {web: {image: a}}", "name", "my-shop", {"P": "my"}),
    B(
        "COMPOSE_PROJECT_NAME",
        "services: {web: {image: a, hostname: '${COMPOSE_PROJECT_NAME}'}}",
        "web.hostname",
        "other",
        {"COMPOSE_PROJECT_NAME": "other"},
    ),
    B("`name` before the folder", "name: mine\nservices: {web: {image: a}}", "name", "mine"),
    B(
        "a name that is normalised",
        "name: Mine.It\nservices: {web: {image: a}}",
        "name",
        "mineit",
        {},
        "Compose refuses it in a file and normalises a folder's",
    ),
    B("a name that is no text", "name: [a]\nservices: {web: {image: a}}", "!`name`"),
)
ENVIRONMENT = (
    B(
        "environment as a mapping",
        web("environment: {A: '1', B: 2, C: 2.5, D: '', E: , F: }"),
        "web.environment",
        {"A": "1", "B": "2", "C": "2.5", "D": "", "F": "f"},
        RUNS | {"F": "f"},
    ),
    B(
        "environment as a list",
        web("environment: [A=1, B=, C, F]"),
        "web.environment",
        {"A": "1", "B": "", "F": "f"},
        RUNS | {"F": "f"},
    ),
    B(
        "true and false are text",
        web("environment: {A: true, B: false}"),
        "web.environment",
        {"A": "true", "B": "false"},
        RUNS,
    ),
    B("a list as a value", web("environment: {A: ['1']}"), "!`A`", None, RUNS),
    B(
        "environment as text",
        web("environment: 'A=1'"),
        "!`environment` must be a list or a mapping",
        None,
        RUNS,
    ),
    B("a blank before =", web("environment: ['A = 1']"), "!A", None, RUNS),
    B(
        "env_file as text",
        {MAIN: web("env_file: a.env"), "a.env": "A=1\n"},
        "web.environment",
        {"A": "1"},
        RUNS,
    ),
    B(
        "env_file as a list",
        {MAIN: web("env_file: [a.env, b.env]"), "a.env": "A=1\nB=1\n", "b.env": "B=2\n"},
        "web.environment",
        {"A": "1", "B": "2"},
        RUNS,
    ),
    B(
        "env_file that need not be",
        web("env_file: [{path: a.env, required: false}]"),
        "web.environment",
        {},
        RUNS,
    ),
    B("env_file that is missing", web("env_file: a.env"), "!a.env does not exist", None, RUNS),
    B(
        "env_file as it stands",
        {MAIN: web("env_file: [{path: a.env, format: raw}]"), "a.env": "A='$B'\n"},
        "web.environment",
        {"A": "'$B'"},
        RUNS,
    ),
    B(
        "environment over env_file",
        {MAIN: web("env_file: a.env, environment: {A: 2}"), "a.env": "A=1\n"},
        "web.environment",
        {"A": "2"},
        RUNS,
    ),
    B(".env", {MAIN: web("hostname: $V"), ".env": "V=x\n"}, "web.hostname", "x"),
    B(
        "the environment over .env",
        {MAIN: web("hostname: $V"), ".env": "V=x\n"},
        "web.hostname",
        "y",
        {"V": "y"},
    ),
    B("dotenv: exports", {MAIN: web("hostname: $V"), ".env": "export V=x\n"}, "web.hostname", "x"),
    B("dotenv: a colon", {MAIN: web("hostname: $V"), ".env": "V: x\n"}, "web.hostname", "x"),
    B(
        "dotenv: double quotes",
        {MAIN: web("labels: {a: $V}"), ".env": 'V="a # b"\n'},
        "web.labels",
        {"a": "a # b"},
    ),
    B("dotenv: single quotes", {MAIN: web("labels: {a: $V}"), ".env": "V='$W'\n"}, "web.labels", {"a": "$W"}),
    B("dotenv: a comment", {MAIN: web("labels: {a: $V}"), ".env": "V=a#b # c\n"}, "web.labels", {"a": "a#b"}),
    B(
        "dotenv: another variable",
        {MAIN: web("labels: {a: $V}"), ".env": "W=w\nV=${W}-${U:-u}\n"},
        "web.labels",
        {"a": "w-u"},
    ),
    B(
        "dotenv: no byte order mark",
        {MAIN: web("labels: {a: $V}"), ".env": "\ufeffV=x\n"},
        "web.labels",
        {"a": "x"},
    ),
    B(
        "dotenv: lines that end in CR LF",
        {MAIN: web("labels: {a: $V}"), ".env": "V=x\r\nW=y\r\n"},
        "web.labels",
        {"a": "x"},
    ),
    B(
        "dotenv: several lines",
        {MAIN: web("labels: {a: $V}"), ".env": "V='a\nb'\n"},
        "web.labels",
        {"a": "a\nb"},
    ),
    B(
        "dotenv: inherited",
        {MAIN: web("labels: {a: $V}"), ".env": "V\n"},
        "web.labels",
        {"a": "x"},
        {"V": "x"},
    ),
    B("dotenv: a quote that is not closed", {MAIN: web(""), ".env": "V='x\n"}, "!unterminated"),
    B("dotenv: a line that is none", {MAIN: web(""), ".env": "a b c\n"}, "!no assignment"),
)
MERGE = (
    B("text is replaced", over("hostname: a", "hostname: b"), "web.hostname", "b"),
    B("null on top keeps what is", over("hostname: a", "hostname: "), "web.hostname", "a"),
    B(
        "mappings by key",
        over("labels: {a: x, b: x}", "labels: {b: y, c: y}"),
        "web.labels",
        {"a": "x", "b": "y", "c": "y"},
    ),
    B("a list on a mapping", over("labels: {a: x}", "labels: [b=y]"), "web.labels", {"a": "x", "b": "y"}),
    B("lists are appended", over("dns: [8.8.8.8]", "dns: [9.9.9.9]"), "web.dns", ("8.8.8.8", "9.9.9.9")),
    B("text on a list", over("dns: [8.8.8.8, 9.9.9.9]", "dns: 9.9.9.9"), "web.dns", ("8.8.8.8", "9.9.9.9")),
    B("expose is a set", over("expose: ['1']", "expose: ['1', '2']"), "web.expose", ("1", "2")),
    B(
        "ports are appended",
        over("ports: ['1:80']", "ports: ['2:81', '1:80']"),
        "web.ports",
        ["*:1->80/tcp", "*:2->81/tcp"],
    ),
    B(
        "hosts are appended",
        over("extra_hosts: [a=1.2.3.4]", "extra_hosts: [b=1.2.3.4, a=1.2.3.4, a=1.2.3.5]"),
        "web.extra_hosts",
        (("a", "1.2.3.4"), ("a", "1.2.3.5"), ("b", "1.2.3.4")),
    ),
    B(
        "networks as lists",
        over("networks: [front]", "networks: [back, front]"),
        "web.networks",
        ["back", "front"],
    ),
    B(
        "networks, a mapping on a list",
        over("networks: [front]", "networks: {front: {aliases: [a]}}"),
        "web.networks.0.aliases",
        ("a",),
    ),
    B(
        "aliases are a set",
        over("networks: {front: {aliases: [a, b]}}", "networks: {front: {aliases: [c, a]}}"),
        "web.networks.0.aliases",
        ("a", "b", "c"),
    ),
    B(
        "a subnet by its words",
        {
            MAIN: (
                "services: {web: {image: a}}\nnetworks: {n: {ipam: {config: [{subnet: 10.9.0.0/16, "
                "gateway: 10.9.0.2}]}}}"
            ),
            OVER: (
                "networks: {n: {ipam: {config: [{subnet: 10.9.0.0/16, gateway: 10.9.0.3}, "
                "{subnet: 10.8.0.0/16}]}}}"
            ),
        },
        "networks.n.subnets.0.gateway",
        "10.9.0.3",
    ),
    B("commands are replaced", over("command: [a, b]", "command: [c]"), "web.workload.command", ("c",), RUNS),
    B(
        "environment by name",
        over("environment: [A=1, B=1]", "environment: {B: 2}"),
        "web.environment",
        {"A": "1", "B": "2"},
        RUNS,
    ),
    B(
        "depends_on, a mapping on a list",
        {
            MAIN: web("depends_on: [app]").replace("{web", "{app: {image: a}, web"),
            OVER: "services: {web: {depends_on: {app: {condition: service_healthy}}}}",
        },
        "web.depends_on",
        [("app", "service_healthy")],
        RUNS,
    ),
    B("a new service", {MAIN: web(""), OVER: "services: {app: {image: a}}"}, "names", ["app", "web"]),
    B(
        "another document of the file",
        web("hostname: a") + "---\nservices: {web: {hostname: b}}",
        "web.hostname",
        "b",
    ),
    B(
        "two names in one file",
        "name: a\n---\nname: b\nservices: {web: {image: a}}",
        "!two projects in one file",
        None,
        {},
        "Compose takes the last and says nothing",
    ),
    B(
        "compose.override.yaml",
        {MAIN: web("hostname: a"), "compose.override.yaml": "services: {web: {hostname: b}}"},
        "web.hostname",
        "a",
        {},
        "a file that is named is read alone; its folder has the override",
    ),
)
TAGS = (
    B("!reset of a key", over("ports: ['1:80']", "ports: !reset []"), "web.ports", []),
    B("!reset of a value", over("hostname: a", "hostname: !reset null"), "web.hostname", ""),
    B(
        "!reset in a mapping",
        over("labels: {a: x, b: x}", "labels: {a: !reset null}"),
        "web.labels",
        {"b": "x"},
    ),
    B(
        "!reset of a network",
        {
            MAIN: "services: {web: {image: a}}\nnetworks: {n: {external: true}}",
            OVER: "networks: {n: !reset {}}",
        },
        "networks",
        [],
    ),
    B(
        "!override of a list",
        over("ports: ['1:80']", "ports: !override ['2:80']"),
        "web.ports",
        ["*:2->80/tcp"],
    ),
    B(
        "!override of a mapping",
        {
            MAIN: "services: {web: {image: a}}\nnetworks: {n: {external: true}}",
            OVER: "networks: {n: !override {}}",
        },
        "networks.n.external",
        False,
    ),
    B(
        "!override of networks",
        over("networks: [front]", "networks: !override [back]"),
        "web.networks",
        ["back"],
    ),
    B(
        "!reset by an anchor",
        {MAIN: web("ports: ['1:80']"), OVER: "x-r: &r {ports: !reset []}\nservices: {web: {<<: *r}}"},
        "web.ports",
        [],
    ),
    B(
        "!reset that is an anchor",
        {MAIN: web("ports: ['1:80']"), OVER: "x-r: &r !reset []\nservices: {web: {ports: *r}}"},
        "web.ports",
        [],
    ),
    B(
        "!reset through two anchors",
        {
            MAIN: web("ports: ['1:80']"),
            OVER: "x-i: &i {ports: !reset []}\nx-o: &o {<<: *i}\nservices: {web: {<<: *o}}",
        },
        "web.ports",
        [],
    ),
    B(
        "!override that is an anchor",
        {
            MAIN: "services: {web: {image: a}}\nnetworks: {n: {external: true}}",
            OVER: "x-o: &o !override {}\nnetworks: {n: *o}",
        },
        "networks.n.external",
        False,
    ),
    B(
        "!reset beside its key",
        "services: {web: {hostname: a, hostname: !reset b}}",
        "!duplicate key `hostname`",
    ),
    B("!reset and extends", based("ports: ['1:80']", "ports: !reset []"), "web.ports", []),
    B(
        "!override and extends",
        based("networks: [front]", "networks: !override [back]"),
        "web.networks",
        ["back"],
    ),
    B(
        "!reset and extends of the file below",
        {
            MAIN: "services: {web: {image: w, networks: [n], ports: ['1:80']}}\nnetworks: {n: }",
            OVER: (
                "services: {web: {extends: {file: compose.yaml, service: web}, network_mode: host, "
                "networks: !reset [], ports: !reset []}}"
            ),
        },
        "web.network_mode",
        "host",
    ),
    B(
        "!reset in what is extended",
        {
            MAIN: "services: {web: {extends: {file: a.yaml, service: b}}}",
            "a.yaml": "services: {a: {image: w, hostname: h}, b: {extends: a, hostname: !reset null}}",
        },
        "web.hostname",
        "",
    ),
    B(
        "!override in the middle of extends",
        {
            MAIN: (
                "services: {web: {image: w, extends: {file: b.yaml, service: b}, "
                "networks: !override [front], dns: [9.9.9.9]}}\nnetworks: {front: }"
            ),
            "b.yaml": (
                "services: {b: {extends: {file: a.yaml, service: a}, networks: !override [y], "
                "dns: !override [8.8.8.8]}}"
            ),
            "a.yaml": "services: {a: {networks: [x], dns: [7.7.7.7]}}",
        },
        "web.dns",
        ("8.8.8.8", "9.9.9.9"),
    ),
    B(
        "!override, extended once more",
        "services: {a: {image: w, dns: [7.7.7.7]}, b: {extends: a, dns: !override [8.8.8.8]}, "
        "web: {extends: b, dns: [9.9.9.9]}}",
        "web.dns",
        ("8.8.8.8", "9.9.9.9"),
    ),
    B(
        "!override and extends by <<",
        "services: {base: {image: w, dns: [7.7.7.7]}, x: &x {extends: base, "
        "dns: !override [8.8.8.8]}, web: {<<: *x}}",
        "web.dns",
        ("8.8.8.8",),
    ),
)
ANCHORS = (
    B("a service twice", "services: {a: &a {image: a, hostname: h}, web: *a}", "web.hostname", "h"),
    B("<< of a mapping", "x-a: &a {hostname: h}\nservices: {web: {<<: *a, image: a}}", "web.hostname", "h"),
    B(
        "<< of a list",
        "x-a: &a {hostname: h}\nservices: {web: {<<: [*a, {domainname: d}]}}",
        "web.domainname",
        "d",
    ),
    B(
        "<< of an anchor that is a list",
        "x-a: &a [{hostname: h}]\nservices: {web: {<<: *a}}",
        "web.hostname",
        "h",
    ),
    B("<< gives way", "x-a: &a {hostname: h}\nservices: {web: {<<: *a, hostname: i}}", "web.hostname", "i"),
    B("<< of text", "x-a: &a text\nservices: {web: {<<: *a}}", "!`<<` takes a mapping"),
    B(
        "an anchor within itself",
        "x-h: &h\n  a:\n    <<: *h\nservices: {web: {image: a}}",
        "!contains itself",
    ),
    B("an anchor of nobody", "services: {web: *a}", "!no anchor &a"),
    B(
        "names that begin alike",
        "services: {t.u: &s {image: a}, t: *s, t.o: *s}",
        "names",
        ["t", "t.o", "t.u"],
    ),
    B("a key twice", "services: {web: {image: a}, web: {image: b}}", "!duplicate key `web`"),
    B(
        "a bomb of anchors",
        "x-a: &a [a,a,a,a,a,a,a,a,a]\n"
        + "".join(
            f"x-{n}: &{n} [{','.join([f'*{o}'] * 9)}]\n" for o, n in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + "services: {web: {image: a}}",
        "!values, aliases expanded",
    ),
    B(
        "a large file that is meant",
        "services:\n"
        + "".join(
            f"  s{i}:\n    labels:\n" + "".join(f"      k{j}: v\n" for j in range(100)) for i in range(100)
        ),
        "count",
        100,
    ),
)
EXTENDS = (
    B("a service of the same file", based("hostname: h", ""), "web.hostname", "h"),
    B("what is its own wins", based("hostname: h", "hostname: i"), "web.hostname", "i"),
    B(
        "a service of another file",
        {
            MAIN: "services: {web: {extends: {file: sub/a.yaml, service: a}}}",
            "sub/a.yaml": "services: {a: {image: a, ports: ['8000:80']}}",
        },
        "web.ports",
        ["*:8000->80/tcp"],
    ),
    B(
        "of a file by a short word",
        {
            MAIN: "services: {web: {extends: {file: a.yaml, service: b}}}",
            "a.yaml": "services: {a: {hostname: h}, b: {extends: a}}",
        },
        "web.hostname",
        "h",
    ),
    B(
        "paths of that file's folder",
        {
            MAIN: web("extends: {file: sub/a.yaml, service: a}"),
            "sub/a.yaml": "services: {a: {env_file: a.env}}",
            "sub/a.env": "A=1\n",
        },
        "web.environment",
        {"A": "1"},
        RUNS,
    ),
    B(
        "nothing in it",
        {
            MAIN: "services: {web: {image: w, extends: {file: a.yaml, service: a}}}",
            "a.yaml": "services: {a: }",
        },
        "web.image",
        "w",
    ),
    B(
        "no service named",
        "services: {web: {image: w, extends: {file: a.yaml}}}",
        "!`extends` needs a `service`",
    ),
    B("a service of nobody", "services: {web: {extends: app}}", "!`app` is no service"),
    B(
        "a file that is missing",
        "services: {web: {extends: {file: a.yaml, service: a}}}",
        "!a.yaml does not exist",
    ),
    B("in a circle", "services: {web: {extends: app}, app: {extends: web}}", "!in a circle"),
    B(
        "the same port is one",
        {
            MAIN: "services: {web: {image: w, ports: ['1:80']}}",
            OVER: "services: {web: {extends: {file: compose.yaml, service: web}}}",
        },
        "web.ports",
        ["*:1->80/tcp"],
    ),
    B(
        "variables of that file",
        {
            MAIN: "services: {web: {extends: {file: a.yaml, service: a}}}",
            "a.yaml": "services: {a: {hostname: $V}}",
        },
        "web.hostname",
        "x",
        {"V": "x"},
    ),
    B(
        "depends_on comes with it",
        {
            MAIN: "services: {web: {extends: {file: a.yaml, service: a}}}",
            "a.yaml": "services: {a: {image: a, depends_on: [zot]}}",
        },
        "!unknown service `zot`",
    ),
    B(
        "network_mode comes with it",
        {
            MAIN: "services: {web: {extends: {file: a.yaml, service: a}}}",
            "a.yaml": "services: {a: {image: a, network_mode: 'service:zot'}}",
        },
        "!unknown service `zot`",
    ),
    B(
        "networks are not brought along",
        {
            MAIN: "services: {web: {extends: {file: a.yaml, service: a}}}",
            "a.yaml": "services: {a: {image: a, networks: [n]}}\nnetworks: {n: }",
        },
        "!unknown network `n`",
    ),
    B(
        "depends_on is replaced by !override",
        "services: {a: {image: a, depends_on: [c]}, web: {extends: a, depends_on: !override [a]}, "
        "c: {image: c}}",
        "web.depends_on",
        [("a", "service_started")],
        RUNS,
    ),
)
INCLUDE = (
    B(
        "a file",
        {
            MAIN: "include: [sub/a.yaml]\nservices: {web: {image: w}}",
            "sub/a.yaml": "services: {app: {image: a}}",
        },
        "names",
        ["app", "web"],
    ),
    B(
        "by its path",
        {MAIN: "include: [{path: sub/a.yaml}]", "sub/a.yaml": "services: {web: {image: a}}"},
        "names",
        ["web"],
    ),
    B(
        "several, on top of one another",
        {
            MAIN: "include: [{path: [a.yaml, b.yaml]}]",
            "a.yaml": "services: {web: {image: a, hostname: a}}",
            "b.yaml": "services: {web: {hostname: b}}",
        },
        "web.hostname",
        "b",
    ),
    B(
        "the same twice",
        {
            MAIN: "include: [a.yaml, b.yaml]",
            "a.yaml": "services: {web: {image: a}}",
            "b.yaml": "include: [a.yaml]\nservices: {app: {image: b}}",
        },
        "names",
        ["app", "web"],
    ),
    B("in a circle", {MAIN: "include: [a.yaml]", "a.yaml": "include: [compose.yaml]"}, "!in a circle"),
    B(
        "with what is its own on top",
        {
            MAIN: "include: [a.yaml]\nservices: {web: {hostname: b}}",
            "a.yaml": "services: {web: {image: a, hostname: a}}",
        },
        "web.hostname",
        "b",
    ),
    B(
        "an env_file of its own",
        {
            MAIN: (
                "include: [{path: sub/a.yaml, env_file: c.env}]\nservices: {app: {image: a, hostname: 'a$V'}}"
            ),
            "sub/a.yaml": "services: {web: {image: a, hostname: 'w$V'}}",
            "c.env": "V=x\n",
        },
        "web.hostname",
        "wx",
    ),
    B(
        "whose variables are its own",
        {
            MAIN: (
                "include: [{path: sub/a.yaml, env_file: c.env}]\nservices: {web: {image: a, hostname: 'a$V'}}"
            ),
            "sub/a.yaml": "services: {app: {image: a, hostname: 'w$V'}}",
            "c.env": "V=x\n",
        },
        "web.hostname",
        "a",
    ),
    B(
        "its folder's .env",
        {
            MAIN: "include: [sub/a.yaml]",
            "sub/a.yaml": "services: {web: {image: a, hostname: $V}}",
            "sub/.env": "V=x\n",
        },
        "web.hostname",
        "x",
    ),
    B(
        "a project_directory",
        {
            MAIN: "include: [{path: sub/a.yaml, project_directory: .}]",
            "sub/a.yaml": "services: {web: {image: a, env_file: a.env}}",
            "a.env": "A=1\n",
        },
        "web.environment",
        {"A": "1"},
        RUNS,
    ),
    B(
        "and extends in it",
        {
            MAIN: "include: [{path: sub/a.yaml, project_directory: .}]",
            "sub/a.yaml": "services: {web: {extends: {file: sub/b.yaml, service: b}}}",
            "sub/b.yaml": "services: {b: {image: a, hostname: h}}",
        },
        "web.hostname",
        "h",
    ),
    B("a file that is missing", "include: [a.yaml]", "!a.yaml does not exist"),
    B(
        "a remote one",
        "include: ['https://example.org/a.yaml']",
        "!remote files are not loaded",
        None,
        {},
        "nothing is fetched while a host is set up",
    ),
    B(
        "an !override on top",
        {
            MAIN: "include: [a.yaml]\nservices: {web: {dns: !override [9.9.9.9]}}",
            "a.yaml": "services: {web: {image: a, dns: [8.8.8.8]}}",
        },
        "web.dns",
        ("9.9.9.9",),
    ),
)
PROFILES = "services: {web: {image: w}, debug: {image: d, profiles: [debug, dev]}}"
DEPENDENCIES = (
    B("profiles", PROFILES, "names", ["web"]),
    B("an active profile", PROFILES, "names", ["debug", "web"], {"COMPOSE_PROFILES": "dev"}),
    B("several profiles", PROFILES, "names", ["debug", "web"], {"COMPOSE_PROFILES": "a,debug"}),
    B("all profiles", PROFILES, "names", ["debug", "web"], {"COMPOSE_PROFILES": "*"}),
    B(
        "depends_on as a list",
        web("depends_on: [app]").replace("{web", "{app: {image: a}, web"),
        "web.depends_on",
        [("app", "service_started")],
        RUNS,
    ),
    B(
        "depends_on as a mapping",
        web("depends_on: {app: {condition: service_healthy, restart: true}}").replace(
            "{web", "{app: {image: a}, web"
        ),
        "web.depends_on",
        [("app", "service_healthy")],
        RUNS,
    ),
    B("depends_on nobody", web("depends_on: [app]"), "!unknown service `app`"),
    B(
        "depends_on nobody, and need not",
        web("depends_on: {app: {condition: service_started, required: false}}"),
        "!unknown service `app`",
    ),
    B(
        "depends_on another profile",
        PROFILES.replace("{image: w", "{image: w, depends_on: [debug]"),
        "!depends on `debug`",
    ),
    B(
        "depends_on another profile, and need not",
        PROFILES.replace(
            "{image: w", "{image: w, depends_on: {debug: {condition: service_started, required: false}}"
        ),
        "names",
        ["web"],
    ),
    B(
        "depends_on in a circle",
        "services: {a: {image: a, depends_on: [b]}, b: {image: b, depends_on: [a]}}",
        "!wait for one another",
        None,
        RUNS,
    ),
    B("depends_on itself", "services: {a: {image: a, depends_on: [a]}}", "!wait for one another", None, RUNS),
    B("links to nobody", web("links: [app]"), "!unknown service `app`"),
)
BEHAVIOURS = {
    "syntax": SYNTAX,
    "networks": NETWORKS,
    "interpolation": INTERPOLATION,
    "environment and dotenv": ENVIRONMENT,
    "merge": MERGE,
    "reset and override": TAGS,
    "anchors": ANCHORS,
    "extends": EXTENDS,
    "include": INCLUDE,
    "profiles and dependencies": DEPENDENCIES,
}
