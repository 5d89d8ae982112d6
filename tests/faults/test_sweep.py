"""An apply that dies or fails at any system call: the host is whole or as it was, and the next run converges.

`RECONCILER_SWEEP=all` tries every call with every fault, once and for good; the suite gives each call one.
"""

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler import cli
from tests.faults.syscalls import KILL, Trial, count, trial
from tests.netns.namespaces import become_root, throwaway_host

ACTIONS = (KILL, errno.ENOBUFS, errno.EPERM, errno.ENOMEM, errno.EINTR)
ALL = os.environ.get("RECONCILER_SWEEP") == "all"
MOST = 40  # trials of one scenario in the suite; about a third of a second each

SHOP = """
name: shop
networks:
  front: {enable_ipv6: true}
services:
  web: {networks: [front], ports: ["8080:80"]}
  api: {networks: [front]}
"""
OTHER = """
name: shop
networks:
  front: {enable_ipv6: true, internal: true}
  back: {}
services:
  web: {networks: [front, back], ports: ["8081:80"]}
  job: {networks: [back]}
"""
FOREIGN = """
ip link add foreign0 type bridge
ip address add 192.0.2.1/24 dev foreign0
ip link set foreign0 up
nft add table ip foreign
nft add chain ip foreign forward '{ type filter hook forward priority 0; }'
"""
SCENARIOS = {  # what stands before, and the command that is disturbed
    "build": (None, "--apply", SHOP),
    "change": (SHOP, "--apply", OTHER),
    "destroy": (SHOP, "--destroy", SHOP),
}


@pytest.fixture(scope="module", autouse=True)
def privileged() -> None:
    if "RECONCILER_THROWAWAY" not in os.environ:
        become_root()
        os.environ["RECONCILER_THROWAWAY"] = "1"


def reconcile(*arguments: object) -> Callable[[], int]:
    return lambda: cli.main(list(map(str, arguments)))


def done(*arguments: object) -> Trial:
    """Run it undisturbed, and insist."""
    result = count(reconcile(*arguments))
    assert result.code == 0, result.said
    return result


def foreign() -> str:
    commands = ("ip -o address show dev foreign0", "nft list table ip foreign")
    return "".join(
        subprocess.run(c.split(), capture_output=True, text=True, check=True).stdout for c in commands
    )


class Scenario:
    """A host on which something stands already, and a command that is about to change it."""

    def __init__(self, name: str, folder: Path):
        self.before, self.mode, self.manifest = SCENARIOS[name]
        self.folder = folder

    def set_up(self) -> None:
        subprocess.run(["sh", "-ec", FOREIGN], check=True)
        if self.before:
            done("--apply", "-q", self.file(self.before))
        self.path = self.file(self.manifest)

    def file(self, text: str) -> Path:
        path = self.folder / "compose.yaml"
        path.write_text(text)
        return path

    def disturbed(self) -> Callable[[], int]:
        return reconcile(self.mode, "-q", self.path)

    def digest(self) -> str:
        """Of the way from what stands to the manifest: equal digests mean that what stands is equal."""
        out = self.folder / "plan.json"
        done("--plan", "-q", "--out", out, self.path)
        return json.loads(out.read_text())["digest"]


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Scenario:
    return Scenario(request.param, tmp_path)


def faults(calls: int) -> Iterator[tuple[int, int, bool]]:
    if ALL:
        yield from ((n, action, False) for n in range(calls) for action in ACTIONS)
        yield from ((n, action, True) for n in range(calls) for action in ACTIONS if action != KILL)
        return
    step = max(calls / MOST, 1)
    for index in range(min(calls, MOST)):
        yield int(index * step), ACTIONS[index % len(ACTIONS)], False


def test_sweep(scenario):
    with throwaway_host():
        scenario.set_up()
        calls = count(scenario.disturbed()).calls
    assert len(calls) > 10
    for n, action, sticky in faults(len(calls)):
        with throwaway_host():
            scenario.set_up()
            survives(scenario, n, action, sticky=sticky)


def survives(scenario: Scenario, n: int, action: int, *, sticky: bool) -> None:
    others, past = foreign(), scenario.digest()
    result = trial(scenario.disturbed(), n, action, sticky=sticky)
    story = (
        f"call {n}, {result.injected[0]}, {errno.errorcode.get(action, 'KILL')}: {result.code} {result.said}"
    )
    assert result.code == -9 if action == KILL else result.code in (0, 1, 3, 69, 75, 77), story
    assert "Traceback" not in result.said, story
    if result.code > 3 or result.code == 1:
        assert scenario.digest() == past, story
    if result.code == 0:
        assert settled(scenario).code == 0, story
    again = count(scenario.disturbed())
    assert again.code == 0, f"{story}\nthen: {again.said}"
    assert settled(scenario).code == 0, story
    assert foreign() == others, story


def settled(scenario: Scenario) -> Trial:
    if scenario.mode == "--destroy":
        empty = scenario.folder / "nothing.yaml"
        empty.write_text("name: shop\n")
        return count(reconcile("--plan", "--exit-code", empty))
    return count(reconcile("--plan", "--exit-code", scenario.path))
