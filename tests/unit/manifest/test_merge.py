"""Merge: several files of one project, `!reset` and `!override`, and files side by side."""

import pytest


def merged(desk, base, over, *more):
    desk.write("a.yaml", base)
    desk.write("b.yaml", over)
    for index, text in enumerate(more):
        desk.write(f"c{index}.yaml", text)
    names = ["a.yaml", "b.yaml", *(f"c{index}.yaml" for index in range(len(more)))]
    return desk.load(*names).projects[0]


def web(desk, base, over):
    def body(text):
        return "services:\n  web:\n" + "".join(f"    {line}\n" for line in text.splitlines())

    return merged(desk, body(base), body(over)).containers[0]


@pytest.mark.parametrize(
    ("field", "base", "over", "expected"),
    [
        ("image", "image: a", "image: b", "b"),
        ("image", "image: a", "image: ", "a"),
        ("labels", "labels: {a: '1', b: '1'}", "labels: {b: '2', c: '2'}", {"a": "1", "b": "2", "c": "2"}),
        ("labels", "labels: [a=1, b=1]", "labels: {b: 2}", {"a": "1", "b": "2"}),
        ("labels", "labels: {a: 1}", "labels: [b, a=2]", {"a": "2", "b": ""}),
        ("sysctls", "sysctls: {net.a: 1}", "sysctls: [net.a=2, net.b=3]", {"net.a": "2", "net.b": "3"}),
        ("dns", "dns: 1.1.1.1", "dns: 8.8.8.8", ("1.1.1.1", "8.8.8.8")),
        ("dns", "dns: [1.1.1.1]", "dns: [8.8.8.8, 1.1.1.1]", ("1.1.1.1", "8.8.8.8")),
        ("dns_search", "dns_search: a.org", "dns_search: [b.org]", ("a.org", "b.org")),
        ("dns_opt", "dns_opt: [ndots:1]", "dns_opt: [use-vc, ndots:1]", ("ndots:1", "use-vc")),
        ("expose", "expose: ['80']", "expose: ['80', '81']", ("80", "81")),
        ("environment", "environment: [A=1]", "environment: {B: 2}", {"A": "1", "B": "2"}),
        (
            "extra_hosts",
            "extra_hosts: ['a=10.0.0.1']",
            "extra_hosts: {a: 10.0.0.2, b: 10.0.0.3}",
            (("a", "10.0.0.1"), ("a", "10.0.0.2"), ("b", "10.0.0.3")),
        ),
        ("labels", "labels: {a: 1}", "labels: !reset null", {}),
        ("labels", "labels: {a: 1, b: 2}", "labels: {a: !reset null}", {"b": "2"}),
        ("labels", "labels: {a: 1}", "labels: !override {b: 2}", {"b": "2"}),
        ("dns", "dns: [1.1.1.1]", "dns: !override [8.8.8.8]", ("8.8.8.8",)),
        ("dns", "dns: [1.1.1.1]", "dns: !reset []", ()),
        ("replicas", "deploy: {replicas: 2}", "deploy: {replicas: 5}", 5),
        ("replicas", "deploy: {replicas: 2, endpoint_mode: vip}", "deploy: {endpoint_mode: dnsrr}", 2),
    ],
)
def test_one_key(desk, field, base, over, expected):
    assert getattr(web(desk, base, over), field) == expected


def published(container):
    return [(port.published, port.target, port.protocol) for port in container.ports]


def test_ports_are_unique_by_address_ports_and_protocol(desk):
    both = web(
        desk,
        "ports: ['8080:80', '443:443']",
        "ports: [{target: 80, published: '8080'}, '8080:80/udp', '127.0.0.1:444:443']",
    )
    assert len(both.ports) == 4


def test_the_same_port_is_as_the_last_file_says(desk):
    base = "ports: ['443:443', '8080:80', {target: 81, published: 81, mode: ingress}, '82']"
    over = "{target: 80, published: '8080', host_ip: 0.0.0.0, allow_from: [10.0.0.0/8]}"
    more = "{target: 81, published: 81, mode: host}, {target: 82, protocol: TCP, rate: 1/second}"
    ports = web(desk, base, f"ports: [{over}, {more}]").ports
    assert [one.target[0] for one in ports] == [443, 80, 81, 82]
    assert [one.allow_from for one in ports][1] == ("10.0.0.0/8",)
    assert [one.mode for one in ports][2] == "host" and ports[3].rate == "1/second"


def test_ports_reset_and_override(desk):
    assert web(desk, "ports: ['8080:80']", "ports: !reset []").ports == ()
    assert published(web(desk, "ports: ['8080:80']", "ports: !override ['8443:443']")) == [
        ((8443, 8443), (443, 443), "tcp")
    ]


@pytest.mark.parametrize("name", ["test", "command", "entrypoint", "logging", "ports", "volumes"])
def test_what_is_named_like_a_key_is_merged_like_anything_else(desk, name):
    base = (
        f"networks: {{{name}: {{driver: bridge, internal: true}}}}\n"
        f"services: {{{name}: {{networks: {{{name}: {{aliases: [a]}}}}, ports: ['1:80']}}}}\n"
    )
    over = (
        f"networks: {{{name}: {{driver: default}}}}\n"
        f"services: {{{name}: {{networks: {{{name}: {{aliases: [b]}}}}}}, "
        f"web: {{extends: {{file: a.yaml, service: {name}}}, networks: {{{name}: {{aliases: [c]}}}}}}}}\n"
    )
    project = merged(desk, base, over)
    assert project.networks[0].internal
    assert [len(one.ports) for one in project.containers] == [1, 1]
    assert [one.networks[0].aliases for one in project.containers] == [("a", "b"), ("a", "c")]


def test_networks_in_both_spellings(desk):
    text = "networks: {front: , back: }\nservices: {web: {networks: [front]}}\n"
    over = "services: {web: {networks: {front: {aliases: [www]}, back: }}}\n"
    ends = merged(desk, text, over).containers[0].networks
    assert [(end.network, end.aliases) for end in ends] == [("back", ()), ("front", ("www",))]


def test_depends_on_as_a_list_asks_for_a_start_and_no_more(desk):
    base = (
        "runtime: systemd\nservices: {db: {command: a}, web: {command: a, depends_on: {db: {condition: C}}}}"
    )
    text = base.replace("C", "service_completed_successfully")
    conditions = {
        over: [
            (one.container, one.condition)
            for one in merged(desk, text, f"services: {{web: {{depends_on: {over}}}}}")
            .containers[1]
            .workload.depends_on
        ]
        for over in ("[db]", "{db: {restart: true}}")
    }
    assert conditions == {
        "[db]": [("db", "service_started")],
        "{db: {restart: true}}": [("db", "service_completed_successfully")],
    }


def test_aliases_are_appended_and_unique(desk):
    base = "networks: {n: }\nservices: {web: {networks: {n: {aliases: [a, b]}}}}\n"
    over = "services: {web: {networks: {n: {aliases: [b, c]}}}}\n"
    assert merged(desk, base, over).containers[0].networks[0].aliases == ("a", "b", "c")


def test_ipam_entries_merge_by_subnet(desk):
    base = (
        "networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.1}, {subnet: 10.2.0.0/24}]}}}"
    )
    over = (
        "networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.9}, {subnet: 10.3.0.0/24}]}}}"
    )
    subnets = merged(desk, base, over).networks[0].subnets
    assert [(s.subnet, s.gateway) for s in subnets] == [
        ("10.1.0.0/24", "10.1.0.9"),
        ("10.2.0.0/24", ""),
        ("10.3.0.0/24", ""),
    ]


def test_a_service_is_removed_by_reset(desk):
    project = merged(desk, "services: {a: , b: {image: x}}", "services: {b: !reset null}")
    assert [c.name for c in project.containers] == ["a"]


def test_a_section_is_removed_by_reset(desk):
    project = merged(desk, "services: {a: }\nnetworks: {n: }", "networks: !reset null", "services: {b: }")
    assert project.networks == () and len(project.containers) == 2


def test_reset_is_about_the_files_below_and_what_is_included_too(desk):
    desk.write("c.yaml", "services: {web: {dns: [8.8.8.8], image: c}}\nnetworks: {m: }")
    over = "include: [c.yaml]\nservices: {web: {dns: !reset []}}\nnetworks: !reset null"
    project = merged(desk, "services: {web: {dns: [1.1.1.1]}}\nnetworks: {n: }", over)
    assert (project.containers[0].dns, project.containers[0].image, project.networks) == ((), "c", ())


def test_reset_with_nothing_below_it_is_nothing(desk):
    assert desk.service("ports: !reset ['80']\nlabels: {a: !reset x, b: y}").labels == {"b": "y"}


def test_documents_of_one_file_merge(desk):
    project = desk.project("services: {web: {image: a}}\n---\nservices: {web: {hostname: h}}\n")
    assert (project.containers[0].image, project.containers[0].hostname) == ("a", "h")


def test_three_files_in_the_order_given(desk):
    texts = [f"services: {{web: {{image: '{name}'}}}}" for name in "abc"]
    assert merged(desk, *texts).containers[0].image == "c"


def test_the_override_file_goes_on_top_in_a_directory(desk):
    desk.write("compose.yaml", "name: named\nservices: {web: {image: a, hostname: h}}")
    desk.write("compose.override.yaml", "services: {web: {image: b}, extra: }")
    manifest = desk.load(".")
    (project,) = manifest.projects
    assert project.name == "named" and manifest.root == str(desk.folder)
    assert [(c.name, c.image, c.hostname) for c in project.containers] == [
        ("web", "b", "h"),
        ("extra", "", ""),
    ]


def test_files_side_by_side_make_one_project(desk):
    desk.write("a.yaml", "networks: {n: }")
    desk.write("b.yaml", "services: {web: {networks: [n]}}")
    (project,) = desk.load(".").projects
    assert [n.name for n in project.networks] == ["n"] and [c.name for c in project.containers] == ["web"]


def test_files_side_by_side_may_say_the_same_of_what_neither_defines(desk):
    for name, service in (("a.yaml", "web"), ("b.yaml", "db")):
        desk.write(name, f"networks: {{n: {{external: true}}}}\nservices: {{{service}: {{networks: [n]}}}}")
    (project,) = desk.load(".").projects
    assert [n.name for n in project.networks] == ["n"] and len(project.containers) == 2
    desk.write("b.yaml", "networks: {n: {external: true, name: m}}")
    assert [error.message for error in desk.refused(".")] == ["`n` is defined in two files"]


def test_files_side_by_side_must_not_define_one_thing_twice(desk):
    desk.write("a.yaml", "services:\n  web: {image: a}")
    desk.write("b.yaml", "services:\n  other:\n  web: {image: b}")
    (error,) = desk.refused(".")
    assert "`web` is defined in two files" in error.message and "a `name:` of its own" in error.hint
    assert error.where.file.endswith("b.yaml") and error.where.line == 3
    assert error.label[0].file.endswith("a.yaml") and error.label[0].line == 2


def test_a_merged_value_keeps_its_place(desk):
    desk.write("a.yaml", "services:\n  web:\n    image: a\n")
    desk.write("b.yaml", "services:\n  web:\n    hostname: 'a b'\n")
    (error,) = desk.refused("a.yaml", "b.yaml")
    assert error.where.file.endswith("b.yaml") and (error.where.line, error.where.column) == (3, 15)
