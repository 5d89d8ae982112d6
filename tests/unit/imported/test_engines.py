"""What Docker 20.10 and podman 4.3 have said of what they had, as manifests.

Recorded by `docker inspect` and `podman inspect` of containers, networks and images, as root in namespaces
of their own.  `pytest --update-golden` writes the manifests anew; look at what it changed.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cli.arguments import main
from reconciler.cli.importing import faults
from reconciler.cnm.topology import Topology
from reconciler.hosts.elsewhere import Elsewhere
from reconciler.imported import docker, engine, inspected, podman
from reconciler.imported.proof import proved
from reconciler.imported.text import text
from reconciler.pipeline import compare, load

RECORDED = Path(__file__).parent / "recorded"
ENGINES = {"docker": docker.DOCKER, "docker-alone": docker.DOCKER, "podman": podman.PODMAN}


def objects(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


def written(found: list[Any], source: engine.EngineWords = docker.DOCKER, project: str = "") -> str:
    return text(proved(engine.draft(inspected.sorted_out(found), source, project), faults))


@pytest.mark.parametrize("name", [*ENGINES, "quadlets"])
def test_golden(name, update_golden, capsys):
    source = "docker" if name.startswith("docker") else "podman"
    path = RECORDED / (name if name == "quadlets" else f"{name}.json")
    assert main(["--import", source, str(path)]) == 0
    said, told = capsys.readouterr()
    file = RECORDED / f"{name}.yaml"
    if update_golden:
        file.write_text(said)
    assert said == file.read_text()
    comments = " ".join(line.strip(" #") for line in said.splitlines() if line.lstrip().startswith("#"))
    for line in told.splitlines():
        assert line.partition(": ")[2].rpartition(": ")[2] in comments, line
    assert main(["--validate", "-q", str(file)]) == 0


@pytest.mark.parametrize("name", ENGINES)
def test_a_plan_keeps_what_was(name):
    """Each address, MAC and port that the engine has told is what the manifest comes to."""
    found = objects(name)
    change = compare(load(["-"], environ={}, stdin=written(found, ENGINES[name])), host=Elsewhere(""))
    assert change.todo
    topology = change.topology
    for one in (one for one in found if "HostConfig" in one):
        if one["HostConfig"]["NetworkMode"].startswith("container:"):
            continue  # and told with the other's addresses
        ends = (one["NetworkSettings"].get("Networks") or {}).items()
        had = {(net, end["IPAddress"], end["MacAddress"]) for net, end in ends if end["IPAddress"]}
        assert had <= {*endpoints(topology, one["Name"].lstrip("/"))}
    assert {*ports_told(found)} <= {
        (p.protocol, n) for p in topology.ports for n in range(p.first, p.last + 1)
    }


def endpoints(topology: Topology, sandbox: str) -> Iterator[tuple[str, str, str]]:
    for network in topology.networks:
        for end in (end for end in network.endpoints if end.sandbox == sandbox):
            yield from ((network.name, ip, end.mac) for ip, _ in end.addresses)


def ports_told(found: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    for one in (one for one in found if "HostConfig" in one and one["State"]["Running"]):
        for name, bindings in (one["NetworkSettings"].get("Ports") or {}).items():
            yield from ((name.partition("/")[2], int(bound["HostPort"])) for bound in bindings or ())


def test_a_project_of_compose_is_imported_alone():
    said = written(objects("docker"), project="shop")
    project = load(["-"], environ={}, stdin=said).projects[0]
    assert project.name == "shop" and {one.name for one in project.containers} == {"web"}
    assert {one.name for one in project.networks} == {"front", "back"}
    assert "8 containers of other projects" in said


ODD = """a: b|#x|- y|é|'"|{{|&a|*b|!c|>|%d|@e|`f`|on|No|1e3|0x10|02:42|~|<<|$HOME|${X:?}|$$|null|.inf
2026-01-01
a b |\\|\\n|x: |key:|? q|[1]|{a: b}|=|a #b"""
SPECIAL = ["", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "a\nb", "\t", " ", "\U0001f600"]


def container(**config: Any) -> dict[str, Any]:
    host = {"NetworkMode": "none", "PortBindings": {}}
    return {"Id": "1" * 64, "Name": "/web", "State": {"Running": True}, "HostConfig": host, "Config": config}


def test_odd_texts_are_read_back_as_they_were():
    odd = [*ODD.replace("\n", "|").split("|"), *SPECIAL, "|"]
    labels = {f"{number}{one}": one for number, one in enumerate(odd)}
    said = written([container(Labels=labels, Image="box")])
    assert load(["-"], environ={}, stdin=said).projects[0].containers[0].labels == labels
    assert "# not taken over: labels.a: a text with a NUL" in written([container(Labels={"a": "\0"})])


@pytest.mark.parametrize(
    "name", [*SPECIAL, "a/b", "-x", "é", "x" * 300, "\ud800", "a: b", "host", "x-y", "<<"]
)
def test_odd_names_become_names(name):
    one = container(Image="box") | {"Name": name}
    said = written([one, one])
    assert len(load(["-"], environ={}, stdin=said).projects[0].containers) >= 1
    assert said.isprintable() or all(char.isprintable() or char == "\n" for char in said)


IMAGE = {"Id": "sha256:1", "RootFS": {}, "Config": {"Entrypoint": ["/entry"], "Cmd": ["serve", "-v"]}}


@pytest.mark.parametrize(
    ("entrypoint", "command", "said"),
    [
        (["/entry"], ["serve", "-v"], {}),
        ("/entry", ["serve", "-v"], {}),  # podman 4's way to say it
        (["/entry"], ["other"], {"command": ("other",)}),
        (["/wait"], ["serve", "-v"], {"entrypoint": ("/wait",), "command": ("serve", "-v")}),
        (["/wait"], None, {"entrypoint": ("/wait",)}),
        (7, {}, {}),
    ],
)
def test_what_an_image_runs_by_itself(entrypoint, command, said):
    """Its command is no other entrypoint's: who says one and not the other runs it without."""
    one = container(Image="box", Entrypoint=entrypoint, Cmd=command) | {"Image": "sha256:1"}
    manifest = load(["-"], environ={"RECONCILE_RUNTIME": "podman"}, stdin=written([one, IMAGE]))
    task = manifest.projects[0].containers[0].workload
    assert {key: getattr(task, key) for key in ("entrypoint", "command") if getattr(task, key)} == said


def networked(name: str, network: str, ip: str) -> dict[str, Any]:
    one = container(Image="box") | {"Name": name}
    one["HostConfig"] = {"NetworkMode": network}
    return one | {"NetworkSettings": {"Networks": {network: {"IPAddress": ip, "IPPrefixLen": 24}}}}


def test_networks_whose_names_are_one_key():
    """As old versions of Docker take them; each container is on its own."""
    pools = {"a b": "10.1.0.0/24", "a-b": "10.2.0.0/24"}
    networks = [{"Name": name, "IPAM": {"Config": [{"Subnet": cidr}]}} for name, cidr in pools.items()]
    ends = [
        networked("x", "a b", "10.1.0.2"),
        networked("y", "a-b", "10.2.0.2"),
        networked("z", "a:b", "10.3.0.2"),
    ]
    said = written([*networks, *ends])
    assert "  docker network rm 'a b' a-b a:b\n" in said
    found = load(["-"], environ={}, stdin=said).projects[0].containers
    placed = {one.name: [end.network for end in one.networks] for one in found}
    assert placed == {"x": ["a-b"], "y": ["a-b-2"], "z": ["a-b-3"]}


def test_what_makes_room_is_commands():
    """Each on one line, and no name is more than a name."""
    names = [f"a-container-with-a-name-{number}" for number in range(60)]
    said = written([container(Image="box") | {"Name": name} for name in [*names, "x"]])
    lines = [line.removeprefix("#   docker rm -f ") for line in said.splitlines() if "docker rm" in line]
    assert " ".join(lines).split() == names[:50] and "#   ... and 11 more\n" in said
    hostile = written([{"Name": "x; reboot", "IPAM": {}}])
    assert "#   docker network rm 'x; reboot'\n" in hostile


def test_what_a_manifest_refuses_is_a_comment():
    one = container(Image="box", Hostname="no such name") | {"Name": "/" + "x" * 300}
    said = written([one])
    assert "# not taken over: hostname:" in said and "name of 300 characters" in said
    assert faults(said) == []


def test_what_is_refused_whole_is_told_by_its_name():
    said = written(
        [container(Image="box") | {"Mounts": [{"Type": "volume", "Name": "-x y", "Destination": "/d"}]}]
    )
    assert "# not taken over: -x y: '-x y' is no name\n" in said and "\nvolumes:" not in said


@pytest.mark.parametrize(
    ("memory", "swap", "said"), [(4, -1, "-1"), (4, 6, "6"), (4, 8, ""), (4, 0, ""), (0, -1, "")]
)
def test_swap_that_is_not_as_much_again(memory, swap, said):
    one = container(Image="box")
    one["HostConfig"] |= {"Memory": memory << 20, "MemorySwap": swap if swap < 0 else swap << 20}
    found = re.search(r"memswap_limit: (\S+)", written([one]))
    assert (found[1] if found else "") == (str(int(said) << 20) if said and said != "-1" else said)


def test_nothing_unknown_is_silent():
    one = container(Image="box", Novel={"a": 1})
    one["HostConfig"] |= {
        "Isolation": "",
        "VolumesFrom": ["other"],
        "DeviceRequests": [{"Count": -1}],
        "Dns": 7,
    }
    said = written([one])
    for words in ("HostConfig.VolumesFrom", "HostConfig.DeviceRequests", "Config.Novel", "Dns, which is not"):
        assert words in said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99999) | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


VICTIMS = {
    name: [
        one for one in objects(name) if one.get("Name", "").lstrip("/") == "web" or one.get("name") == "front"
    ]
    for name in ("docker", "podman")
}


@given(st.sampled_from(["docker", "podman"]), st.data(), JSON)
@settings(max_examples=settings.default.max_examples * 3 // 5)
def test_whatever_is_in_the_json_something_valid_comes_of_it(name, data, new):
    victims = VICTIMS[name]
    at = data.draw(st.sampled_from(sorted(places(victims), key=repr)))
    hostile = changed(victims, at, new)
    said = written(hostile if isinstance(hostile, list) else [hostile], ENGINES[name])
    assert faults(said) == []


@pytest.mark.parametrize(
    "said", ["", "nonsense", "[", "[" * 100_000, "{}", '[1, null, "x"]', "[[]] 7", "\0", '{"a": 1}x']
)
def test_what_is_no_array_of_objects(said, tmp_path, capsys):
    file = tmp_path / "f.json"
    file.write_text(said)
    code = main(["--import", "docker", str(file)])
    out, err = capsys.readouterr()
    assert code in (0, 65) and "unforeseen" not in err
    assert code == 65 or out.startswith("# What Docker has")


def test_ten_thousand_containers():
    found = [many(number) for number in range(10_000)]
    began = time.process_time()
    said = text(engine.draft(inspected.sorted_out(found), docker.DOCKER, ""))
    assert time.process_time() - began < 15
    assert said.count("container_name:") == 10_000


def many(number: int) -> dict[str, Any]:
    one = container(Image="box") | {"Id": f"{number:064x}", "Name": f"/c{number}"}
    ip = f"10.{number // 900}.{number % 900 // 250}.{number % 250 + 2}"
    one["HostConfig"] = {"NetworkMode": f"n{number // 900}"}
    end = {
        "IPAddress": ip,
        "IPPrefixLen": 16,
        "Gateway": "",
        "MacAddress": f"02:42:00:00:{number // 256:02x}:{number % 256:02x}",
    }
    return one | {"NetworkSettings": {"Networks": {f"n{number // 900}": end}}}


QUADLET = r"""
[Container]
Image=box
Environment=A=100%% "B=50%% of %%h" C=%%
Environment=D=%h E=%%%h
[Service]
Restart=on-abnormal
"""


def test_a_percent_sign_of_a_quadlet(tmp_path, capsys):
    """Two are one; one alone is systemd's."""
    (tmp_path / "web.container").write_text(QUADLET)
    assert main(["--import", "podman", str(tmp_path)]) == 0
    said, told = capsys.readouterr()
    web = load(["-"], environ={"RECONCILE_RUNTIME": "podman"}, stdin=said).projects[0].containers[0]
    assert web.environment == {"A": "100%", "B": "50% of %h", "C": "%"}
    assert "Environment=D=%h E=%%%h: what systemd puts in" in told and "Restart=on-abnormal" in told


def test_a_network_of_podman_without_a_subnet():
    found = {"name": "lan", "driver": "macvlan", "network_interface": "eth0", "dns_enabled": False}
    said = written([found], podman.PODMAN)
    assert "parent: eth0" in said and "neither" not in said


def test_no_file_is_covered(tmp_path, capsys):
    file = tmp_path / "m.yaml"
    file.write_text("mine")
    said = str(RECORDED / "docker.json")
    assert main(["--import", "docker", said, "--out", str(file)]) == 64
    assert main(["--init", str(file)]) == 64
    assert file.read_text() == "mine" and "is there already" in capsys.readouterr().err
    assert main(["--init", str(tmp_path)]) == 64
    assert f"{tmp_path} is a folder" in capsys.readouterr().err
    assert main(["--import", "docker", "-q", said, "--out", str(tmp_path / "new.yaml")]) == 0
    assert main(["--validate", "-q", str(tmp_path / "new.yaml")]) == 0
    assert (tmp_path / "new.yaml").stat().st_mode & 0o777 == 0o600  # variables are in it


def test_compose_is_merged_and_its_variables_are_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TAG", "7")
    (tmp_path / "compose.yaml").write_text(
        "name: two\nservices:\n  web: {image: 'nginx:${TAG}', ports: ['8080:80'], environment: {A: '$$x'}}\n"
    )
    (tmp_path / "compose.override.yaml").write_text(
        "services:\n  web: {hostname: www, volumes: ['./d:/d']}\n"
    )
    assert main(["--import", "compose", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    before, after = (load(paths, stdin=said).projects[0] for paths in ([tmp_path], ["-"]))
    assert before.containers == after.containers and before.networks == after.networks
    assert "nginx:7" in said and str(tmp_path / "d") in said
    assert "# services.*.volumes: accepted, not used" in said and "not taken over" not in said


def test_lists_in_lists_are_written(tmp_path, capsys):
    (tmp_path / "compose.yaml").write_text(
        "name: two\nservices: {web: {}}\nx-rows: [[1, [a, b]], [], [{c: [[d]]}]]\n"
    )
    assert main(["--import", "compose", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert yaml.safe_load(said)["x-rows"] == [[1, ["a", "b"]], [], [{"c": [["d"]]}]]
