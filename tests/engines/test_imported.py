"""What a real Docker and a real podman have becomes ours, with its addresses, MACs and ports."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engines.dockerd import Docker, lack
from tests.engines.runtimes import LACK, engine, version_of
from tests.netns.conftest import lab, privileged
from tests.netns.engine_room import CONFIGURED
from tests.netns.lab import Lab
from tests.netns.watching import until

__all__ = ["lab", "privileged"]
FRONT = ("network", "create", "--subnet=10.81.0.0/24", "--gateway=10.81.0.254", "front")
WEB = ("--name=web", "--network=front", "-p", "8080:80", "-p", "127.0.0.1:9000-9001:90-91/udp", "-e", "A=$B")
SLEEP = ("sleep", "1000")
NETWORKS = '[network]\nnetwork_backend="cni"\nnetwork_config_dir="/run/networks"\n'
PODMAN = LACK or ("" if (4,) <= version_of("podman") < (5,) else "podman has no CNI here: Debian 12's has")


def adopted(lab: Lab, had: dict[str, Any], source: str, command: list[str]) -> None:
    """What was made of it, once it has made room; `had` are containers as `inspect` told them."""
    done = lab.succeed(lab.reconcile("--import", source))
    file = lab.write(done.out, "imported.yaml")
    assert lab.reconcile("--validate", "-q", file).rc == 0
    for words in re.findall(rf"^#   {source} (.*)$", done.out, re.MULTILINE):
        subprocess.run([*command, *words.split()], check=True, capture_output=True)
    lab.run("iptables -P FORWARD ACCEPT")  # which Docker has set otherwise
    lab.succeed(lab.reconcile("--apply", "-q", file))
    for name, ends in had.items():
        links = {lab.link(link, name)["address"]: link for link in lab.links(name) if link.startswith("eth")}
        for end in ends.values():
            assert lab.address(name, links[end["MacAddress"]]) == end["IPAddress"]
    shown = lab.reconcile("--show", "-o", "json", file).json["ports"]
    assert {
        (p["protocol"], p["host_ip"], p["first"], p["target"]) for p in shown if "web" in p["sandbox"]
    } == {("tcp", "", 8080, 80), ("udp", "127.0.0.1", 9000, 90)}
    assert lab.run(f"ping -c1 -W2 {had['db']['back']['IPAddress']}", "web").rc == 0
    assert lab.reconcile("--plan", file).out.strip() == "Nothing to do."
    # And from there once more, by what stands.
    again = lab.write(lab.succeed(lab.reconcile("--import", "live")).out, "again.yaml")
    assert lab.succeed(lab.reconcile("--plan", "--adopt", "-o", "json", again)).steps == []


def ends_of(text: str) -> dict[str, Any]:
    found = json.loads(text)
    return {one["Name"].lstrip("/"): one["NetworkSettings"]["Networks"] for one in found}


@pytest.mark.skipif(bool(lack()), reason=lack())
def test_docker(lab):
    with closing(Docker(lab, "")) as docker:
        Path("/run/docker.sock").symlink_to("/run/dockerd/socket")
        docker(*FRONT)
        docker("network", "create", "--internal", "back")
        for words in (WEB, ("--name=db", "--network=back")):
            docker("run", "-d", "--stop-signal=KILL", *words, "box", *SLEEP)
        docker("network", "connect", "--alias=www", "back", "web")
        told = docker("inspect", "web", "db")
        piped = lab.run(
            ["sh", "-c", f"{docker_command()} inspect web db front back >/run/d.json"], check=False
        )
        assert piped.rc == 0 and "10.81.0.254" in lab.reconcile("--import", "docker", "/run/d.json").out
        adopted(lab, ends_of(told), "docker", docker_command().split())


def docker_command() -> str:
    return "/usr/bin/docker --host=unix:///run/dockerd/socket"


@contextmanager
def podman_service(lab: Lab) -> Iterator[None]:
    made = lab.run(["sh", "-ec", CONFIGURED], check=False)
    if made.rc:
        pytest.skip(f"podman cannot be set up here: {made.err.strip()}")
    config = Path("/etc/containers/containers.conf")
    config.write_text(config.read_text() + NETWORKS)
    for folder in ("networks", "podman"):
        Path("/run", folder).mkdir(exist_ok=True)
    engine("import", "-q", "/run/image.tar", "localhost/box:1")
    socket = "/run/podman/podman.sock"
    service = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{socket}"])
    try:
        until(lambda: Path(socket).exists())
        yield
    finally:
        service.kill()
        service.wait()
        engine("rm", "--force", "--all", "--time=0")


@pytest.mark.skipif(bool(PODMAN), reason=PODMAN)
def test_podman(lab):
    with podman_service(lab):
        engine(*FRONT)
        engine("network", "create", "--internal", "--subnet=10.82.0.0/24", "back")
        web = ["--network=back" if word == "--network=front" else word for word in WEB]
        engine("run", "-d", *web, "--network=front", "localhost/box:1", *SLEEP)
        engine("run", "-d", "--name=db", "--network=back", "localhost/box:1", *SLEEP)
        adopted(lab, ends_of(engine("inspect", "web", "db")), "podman", ["podman"])
