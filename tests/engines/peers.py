"""Who else brings a Compose file up, and we: each is told the same, and asked the same afterwards."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.engines.dockerd import DOCKER, Docker, other_host
from tests.netns.engine_room import ROOT, engine, with_podman
from tests.netns.lab import ENVIRONMENT, Lab, command

PROJECT = "story"
MODES = ("--apply", "--destroy")
Services = dict[str, Any]


class Box(NamedTuple):
    """A container as its engine tells it; the time is text that sorts."""

    identity: str
    state: str
    pid: int
    started: str


class Told(NamedTuple):
    """What came of a command: by service and number, who was made, made anew, started again, and went, and
    the state of each that is there."""

    failed: bool
    made: frozenset[str]
    anew: frozenset[str]
    started: frozenset[str]
    gone: frozenset[str]
    states: Mapping[str, str]


class Peer:
    """`words` bring up, and `ends` take down, the file of a folder called as the project; `engine` asks.
    `prunes` and `keeps` say what is to become of those that are no longer declared."""

    def __init__(
        self,
        folder: Path,
        words: tuple[list[str], list[str]],
        engine: list[str],
        orphans: tuple[str, str],
        inside: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.file = folder / PROJECT / "compose.yaml"
        self.file.parent.mkdir(parents=True)
        self.words, self.ends = words
        self.engine, self.inside = engine, inside
        self.prunes, self.keeps = orphans

    def up(self, services: Services, option: str = "") -> Told:
        self.write(services)
        before = self.boxes()
        failed = self.run([*self.words, *filter(None, [option])]) != 0
        after = self.boxes()
        both = before.keys() & after.keys()
        same = {name for name in both if before[name].identity == after[name].identity}
        return Told(
            failed,
            made=frozenset(after.keys() - before.keys()),
            anew=frozenset(both - same),
            started=frozenset(name for name in same if before[name].started != after[name].started),
            gone=frozenset(before.keys() - after.keys()),
            states={name: box.state for name, box in after.items()},
        )

    def write(self, services: Services) -> None:
        self.file.write_text(yaml.safe_dump({"services": services}, sort_keys=False))

    def down(self) -> None:
        assert self.run(self.ends) == 0

    def run(self, words: list[str]) -> int:
        with self.inside():
            done = subprocess.run(
                words,
                cwd=self.file.parent,
                env={**ENVIRONMENT, **ROOT},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=120,
            )
        return done.returncode

    def boxes(self) -> dict[str, Box]:
        """By service and number, in the order in which they were started; who never was does not count."""
        ids = self.ids()
        found = map(box, json.loads(self.asked("inspect", *ids)) if ids else [])
        return dict(
            sorted((one for one in found if one[1].state != "created"), key=lambda one: one[1].started)
        )

    def ids(self) -> list[str]:
        return self.asked("ps", "--all", "--quiet", f"--filter=name={PROJECT}").split()

    def asked(self, *words: str) -> str:
        done = subprocess.run(
            [*self.engine, *words], capture_output=True, text=True, check=True, env={**os.environ, **ROOT}
        )
        return done.stdout

    def clear(self) -> None:
        if ids := self.ids():
            self.asked("rm", "--force", *ids)


def box(found: dict[str, Any]) -> tuple[str, Box]:
    name = re.sub(rf"^/?{PROJECT}[-_]", "", found["Name"]).replace("_", "-")
    state = found["State"]
    word = f"exited ({state['ExitCode']})" if state["Status"] == "exited" else state["Status"]
    return name, Box(found["Id"], word, state["Pid"], state["StartedAt"])


class Peers(NamedTuple):
    docker: Peer
    ours: Peer

    def told(self, what: Callable[[Peer], Any]) -> tuple[Any, Any]:
        """What this says of docker-compose, and of us, at the same time."""
        with ThreadPoolExecutor(2) as pool:
            there, here = pool.map(what, self)
        return there, here


@contextmanager
def peers(lab: Lab) -> Iterator[Peers]:
    """Docker on another host than podman and we, and on both busybox as box:1 and box:2."""
    host = other_host(lab)
    with with_podman(lab), closing(Docker(lab, host)) as docker:
        for tag in ("box:1", "box:2"):
            docker("import", "/run/image.tar", tag)
            engine("import", "--quiet", "/run/image.tar", f"docker.io/library/{tag}")
        ENVIRONMENT["DOCKER_HOST"] = docker.host.removeprefix("--host=")
        apply, destroy = (command(mode, "--runtime=podman", "compose.yaml") for mode in MODES)
        yield Peers(
            Peer(
                Path("/run/docker"),
                (["docker-compose", "up", "-d"], ["docker-compose", "down"]),
                [DOCKER, docker.host],
                ("--remove-orphans", ""),
                lambda: lab.inside(host),
            ),
            Peer(Path("/run/ours"), (apply, destroy), ["podman"], ("", "--no-prune"), lambda: lab.inside("")),
        )
