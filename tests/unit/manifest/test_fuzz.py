"""Whatever the bytes: a manifest, or mistakes with places that can be reported; never another exception."""

import json
import random
import time
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.drivers import BUILT_IN, built_in
from reconciler.errors import ManifestErrors
from reconciler.manifest.compose import dotenv
from reconciler.manifest.model import service, top, workload
from reconciler.manifest.options import accepted
from reconciler.manifest.yaml.report import as_json, report
from reconciler.pipeline import load
from tests.thorough import some

SEED = """\
name: shop
runtime: podman
x-common: &common {image: "a:${TAG:-1}", labels: {a: b}}
include: []
networks:
  front: {driver: bridge, enable_ipv6: true, ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.1}]}}
  back: {internal: true, driver_opts: {com.docker.network.bridge.name: br0}}
  out: {external: true}
services:
  web:
    <<: *common
    ports: ["8080:80", "9000-9009:9000-9009/udp", {target: 80, published: "81", host_ip: 127.0.0.1}]
    networks: {front: {ipv4_address: 10.1.0.9, aliases: [www], priority: 5}, back: }
    deploy: {replicas: 1}
    depends_on: [db]
    extra_hosts: ["h=10.0.0.1"]
    environment: [A=1, B]
  db: {extends: web, ports: !reset [], networks: !override [back], network_mode: }
  side: {network_mode: "service:db", profiles: [debug]}
  run:
    <<: *common
    build: {context: ., args: [A=1]}
    command: a 'b c'
    volumes: ["d:/d:ro", ./e:/e, {type: tmpfs, target: /t, tmpfs: {size: 1m}}]
    healthcheck: {test: [CMD, a], interval: 1m30s}
    ulimits: {nofile: 5}
    secrets: [s]
    devices: [{source: /dev/a}]
    deploy: {resources: {limits: {cpus: "0.5"}}}
volumes: {d: }
secrets: {s: {file: s.txt}}
containers:
  one: {networks: [front], sysctls: {net.core.somaxconn: 1}, attach: {pid: 1}}
hosts: {h1: {address: 192.0.2.1}}
pools: [{base: 10.8.0.0/14, size: 24}]
"""
WORDS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    "&a",
    "*a",
    "!reset",
    "!!int",
    "<<:",
    "$",
    "${",
    "'",
    '"',
    "|",
    "#",
    "%",
    ".inf",
    "-1",
    "null",
    "..",
    "/",
    "x-a",
    "~",
    "?",
    "---",
]
WORDS += ["\n", "  ", "\t", "- ", "\0", "\x85", "\u2028", "\ud7ff", "9" * 40]


def survives(text):
    """Loads, or refuses in a way that can be told."""
    try:
        load(["-"], environ={}, stdin=text)
    except ManifestErrors as errors:
        assert errors.errors
        assert report(errors, lambda file: text)
        for error in errors.errors:
            json.dumps(as_json(error))


def changed(text, luck):
    """The text with a few cuts, copies and strange words."""
    for _ in range(luck.randint(1, 6)):
        at, size = luck.randrange(len(text) + 1), luck.choice([0, 1, 3, 20])
        new = luck.choice([luck.choice(WORDS), luck.choice(text.splitlines() or [""]), ""])
        text = text[:at] + new + text[at + size :]
    return text


def test_mutated_manifests():
    luck = random.Random(20240817)
    for _ in range(4 * settings.default.max_examples):
        survives(changed(SEED, luck))


def test_every_truncation():
    for end in range(0, len(SEED), 9):
        survives(SEED[:end])


def test_every_value_replaced():
    strange = [None, True, -1, "", "a", "$", [[]], {"a": 1}, {"": None}]
    whole = json.loads(json.dumps(plain()))
    for path, value in some(product(paths(whole), strange)):
        survives(json.dumps(replaced(whole, path, value)))


SCALARS = [
    "6",
    "1e3",
    ".nan",
    "-1",
    "true",
    "''",
    "a b",
    '"a\\nb"',
    '"\\0"',
    "9" * 99,
    f"'{'9' * 5000}'",
    "010",
    "0x10",
]
SCALARS += [
    "1.10",
    "2001-01-01",
    "12:34:56",
    "'::1%a b'",
    "127",
    "'*'",
    "é",
    "[1]",
    "[null]",
    "['']",
    "{a: }",
    "{1: 2}",
]
RUNS = "runtime: podman\nservices: {a: {image: x, %s}}"
HOMES: dict[Any, str] = {
    top.Top: "{%s}",
    top.NetworkRecord: "networks: {n: {%s}}",
    top.Ipam: "networks: {n: {ipam: {%s}}}",
    top.IpamConfig: "networks: {n: {ipam: {config: [{%s}]}}}",
    top.HostRecord: "hosts: {h: {%s}}",
    top.Pool: "pools: [{%s}]",
    top.Reachability: "reachability: {%s}",
    top.Evpn: "reachability: {evpn: {%s}}",
    service.Service: "services: {a: {%s}}",
    service.Container: "containers: {a: {%s}}",
    service.PortRecord: "containers: {a: {ports: [{%s}]}}",
    service.EndpointRecord: "networks: {n: }\ncontainers: {a: {networks: {n: {%s}}}}",
    service.RouteItem: "networks: {n: }\ncontainers: {a: {networks: {n: {routes: [{%s}]}}}}",
    service.Deploy: "hosts: {h: }\nservices: {a: {deploy: {%s}}}",
    service.Placement: "hosts: {h: }\nservices: {a: {deploy: {placement: {%s}}}}",
    service.Attach: "containers: {a: {attach: {%s}}}",
    service.EnvFile: "containers: {a: {env_file: [{%s}]}}",
    workload.WorkloadRecord: RUNS % "%s",
    workload.Health: RUNS % "healthcheck: {%s}",
    workload.Build: RUNS % "build: {%s}",
    workload.Mount: RUNS % "volumes: [{%s}]",
    workload.Grant: RUNS % "secrets: [{%s}]",
    workload.Limit: RUNS % "ulimits: {nofile: {%s}}",
    workload.Logging: RUNS % "logging: {%s}",
    workload.Most: RUNS % "deploy: {resources: {limits: {%s}}}",
    workload.Least: RUNS % "deploy: {resources: {reservations: {%s}}}",
    workload.RestartPolicy: RUNS % "deploy: {restart_policy: {%s}}",
    workload.VolumeRecord: "volumes: {d: {%s}}\n" + RUNS % "volumes: ['d:/d']",
    workload.SharedFile: "secrets: {s: {%s}}\n" + RUNS % "secrets: [s]",
}


def test_every_key_with_every_kind_of_scalar():
    for (model, text), scalar in some(product(HOMES.items(), SCALARS)):
        survives(text % ", ".join(f"{key}: {scalar}" for key in model.model_fields))
    for driver, scalar in some(product(map(built_in, BUILT_IN), SCALARS)):
        options = ", ".join(f"{name}: {scalar}" for name in accepted(driver.options))
        survives(f"networks: {{n: {{driver: {driver.name}, driver_opts: {{{options}}}}}}}")


@pytest.mark.parametrize("entry", [{"protocol": 6}, {"host_ip": 127}, {"protocol": [1]}, {"host_ip": True}])
def test_a_field_of_a_port_that_is_no_text_is_named(entry):
    text = json.dumps({"name": "t", "containers": {"a": {"ports": [{"target": 80, **entry}]}}})
    with pytest.raises(ManifestErrors) as caught:
        load(["-"], environ={}, stdin=text)
    [error] = caught.value.errors
    assert str(error.where).endswith(f"containers.a.ports[0].{[*entry][0]}")


def plain():
    return {
        "name": "shop",
        "networks": {
            "n": {
                "driver": "bridge",
                "ipam": {"config": [{"subnet": "10.1.0.0/24"}]},
                "driver_opts": {"icc": "1"},
            }
        },
        "services": {
            "w": {
                "ports": [{"target": 80}],
                "networks": {"n": {"aliases": ["a"]}},
                "deploy": {"replicas": 2},
                "env_file": [{"path": "x", "required": False}],
                "extra_hosts": {"a": ["10.0.0.1"]},
                "extends": {"service": "v"},
                "depends_on": {"v": {"required": True}},
                "labels": {"a": "b"},
            },
            "run": {
                "image": "x",
                "runtime": "podman",
                "command": ["a"],
                "build": {"context": ".", "args": {"A": "1"}},
                "volumes": [
                    "d:/d",
                    {"type": "bind", "source": "/", "target": "/e", "bind": {"selinux": "z"}},
                ],
                "healthcheck": {"test": ["CMD", "a"], "interval": "1s"},
                "ulimits": {"nofile": {"soft": 1, "hard": 2}},
                "secrets": [{"source": "s"}],
                "devices": [{"source": "/dev/a"}],
                "logging": {"driver": "a", "options": {"b": "c"}},
                "deploy": {"resources": {"limits": {"cpus": "1"}, "reservations": {"devices": []}}},
            },
            "v": {"network_mode": "none", "links": ["w"], "attach": {"pid": 1}},
        },
        "volumes": {"d": {"name": "e"}},
        "secrets": {"s": {"file": "/dev/null"}},
        "include": [{"path": ["no.yaml"]}],
        "hosts": {"h": {"vars": {"a": 1}}},
        "pools": [{"base": "10.0.0.0/8", "size": 24}],
    }


def paths(value, at=()):
    yield at
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from paths(child, (*at, key))


def replaced(value, path, new):
    if not path:
        return new
    head, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[head] = replaced(value[head], rest, new)
    return copy


PORTS = [
    "80:80",
    "80",
    "127.0.0.1:80:81",
    "[::1]:80:80",
    "79-81:79-81",
    "80-90:80",
    "80:80/udp",
    "81-82:80-81",
]
SUBNETS = [
    "10.1.0.0/24",
    "10.1.0.0/25",
    "10.1.1.0/24",
    "10.0.0.0/8",
    "fd00::/64",
    "10.1.0.0/32",
    "10.1.0.0/31",
]
ADDRESSES = ["10.1.0.1", "10.1.0.9", "10.1.0.0", "10.9.9.9", "10.1.1.1"]
MODES = ["host", "none", "bridge", "service:s0", "service:s1", "service:s2", "container:x", "n0", "?"]


def drawn(luck, words, most):
    return luck.sample(words, luck.randint(0, most))


def quarrel(luck):
    """A project whose parts want the same things."""
    networks = {
        f"n{i}": {
            "enable_ipv6": luck.random() < 0.3,
            "internal": luck.random() < 0.2,
            "bridge_name": luck.choice(["", "", "br0"]),
            "name": luck.choice(["", "", "x"]),
            "ipam": {
                "config": [
                    {"subnet": s, "gateway": luck.choice(["", *ADDRESSES])} for s in drawn(luck, SUBNETS, 2)
                ]
            },
        }
        for i in range(3)
    }
    services = {}
    for i in range(4):
        ends = {
            f"n{n}": {"ipv4_address": luck.choice(["", *ADDRESSES])} for n in drawn(luck, [0, 1, 2, 3], 2)
        }
        services[f"s{i}"] = {
            "ports": drawn(luck, PORTS, 4),
            "scale": luck.choice([0, 1, 2]),
            "depends_on": [f"s{i - 1}"],
        }
        services[f"s{i}"] |= (
            {"network_mode": luck.choice(MODES)} if luck.random() < 0.4 else {"networks": ends}
        )
    return {"name": f"p{luck.randint(0, 1)}", "networks": networks, "services": services}


def test_projects_that_quarrel():
    luck = random.Random(20240818)
    for _ in range(settings.default.max_examples * 6 // 5):
        survives("\n---\n".join(json.dumps(quarrel(luck)) for _ in range(luck.randint(1, 2))))


@given(st.text(max_size=60))
def test_random_text(text):
    survives(text)


@given(st.binary(max_size=60))
def test_random_bytes(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(data)
    try:
        load([file], environ={})
    except ManifestErrors as errors:
        assert report(errors)


ENV = """\
# a comment
A=1
export B = "two\\n${A:-x}" # more
C='single $A'
D: yaml
E
F=${A}${NO:-${B:+y}}
"""
LOCK = """\
# written by `reconcile --lock`; commit it with the manifests
t_n @subnet 10.1.0.0/24
t_n @vni 4097
t_n a 10.1.0.9 fd00::9
t_n @h1 10.1.0.1
"""
PROJECT = "name: t\nnetworks: {n: {}}\ncontainers: {a: {networks: [n], env_file: vars, labels: {a: $A$F}}}\n"


BESIDE = {".env": ENV, "vars": ENV, "addresses.lock": LOCK}


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_a_manifest_may_be_anything(tmp_path, name):
    text = BESIDE[name]
    (tmp_path / "t.yaml").write_text(PROJECT)
    (tmp_path / "vars").write_text(ENV)
    luck = random.Random(20240819)
    for case in [*(changed(text, luck) for _ in range(80)), *(text[:end] for end in range(0, len(text), 5))]:
        (tmp_path / name).write_bytes(case.encode(errors="surrogatepass"))
        try:
            load([tmp_path], environ={})
        except ManifestErrors as errors:
            assert report(errors)


@pytest.mark.parametrize("text", ["A=xxxxxxxxxx\n" + "A=$A$A\n" * 60, "A='" * 40_000, "A=$B" * 9999])
def test_a_bomb_of_variables(tmp_path, text):
    (tmp_path / ".env").write_text(text)
    (tmp_path / "t.yaml").write_text(PROJECT.replace("env_file: vars, ", ""))
    began = time.process_time()
    try:
        load([tmp_path], environ={})
    except ManifestErrors as errors:
        assert report(errors)
    assert time.process_time() - began < 3


def test_the_time_for_variables_grows_with_their_number_and_no_faster():
    spent = []
    for count in (4_000, 16_000):
        began = time.process_time()
        assert len(dotenv.parse("".join(f"A{n}=1\n" for n in range(count)), {})) == count
        spent.append(time.process_time() - began)
    assert spent[1] < 8 * spent[0] + 0.05


def test_huge_scalars_and_many_mistakes():
    survives("services: {web: {image: " + "a" * 300_000 + "}}")
    survives("services: {web: {hostname: '" + "é " * 50_000 + "'}}")
    survives("a" * 100_000 + ": 1")
    survives("services:\n" + "".join(f"  w{i}: {{prots: {i}}}\n" for i in range(300)))


def test_bombs():
    survives(
        "a: &a ["
        + "x, " * 9
        + "]\n"
        + "".join(f"a{i}: &a{i} [{'*a' + str(i - 1) if i else '*a'}{', *a' * 20}]\n" for i in range(20))
    )
    survives("[" * 100_000)
    survives("{a: " * 100_000)
    survives("- " * 20_000)
    survives("${" * 50_000)
    survives("services: {w: {image: '" + "${A:-" * 5000 + "}" * 5000 + "'}}")
