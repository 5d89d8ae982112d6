"""An apply that dies or fails at any system call: the host is whole or as it was, and the next run converges.

`RECONCILER_SWEEP=all` tries every call with every fault, once and for good; the suite gives each call one.
"""

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice, product
from pathlib import Path

import pytest

from reconciler.cli import arguments as cli
from tests.faults.syscalls import KILL, Fault, Missed, Trial, count, trial
from tests.netns import forked
from tests.netns.namespaces import RULES, become_root, throwaway_host

pytestmark = pytest.mark.faults
ACTIONS = (KILL, errno.ENOBUFS, errno.EPERM, errno.ENOMEM, errno.EINTR)
ALL = os.environ.get("RECONCILER_SWEEP") == "all"
EACH = 3  # in the suite: places where each call of a scenario meets a fault
SHARES = 4  # of a scenario's faults, for several workers

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
    forked.load()


def reconcile(*arguments: object) -> Callable[[], int]:
    return lambda: cli.main(list(map(str, arguments)))


def done(*arguments: object) -> Trial:
    """Run it undisturbed, and insist."""
    result = count(reconcile(*arguments))
    assert result.code == 0, result.said
    return result


def foreign() -> str:
    commands = ("ip -o -4 address show dev foreign0", "nft list table ip foreign")
    return "".join(
        subprocess.run(c.split(), capture_output=True, text=True, check=True).stdout for c in commands
    )


class Scenario:
    """A host on which something stands already, and a command that is about to change it."""

    def __init__(self, name: str, folder: Path):
        self.before, self.mode, self.manifest = SCENARIOS[name]
        self.folder = folder

    def set_up(self) -> None:
        RULES.unlink(missing_ok=True)  # what compiles them is disturbed too
        subprocess.run(["sh", "-ec", FOREIGN], check=True)
        if self.before:
            done("--apply", "-q", self.file(self.before))
        self.path = self.file(self.manifest)

    def file(self, text: str) -> Path:
        path = self.folder / "shop" / "compose.yaml"  # alone there: the cache of manifests watches the folder
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def disturbed(self) -> Callable[[], int]:
        return reconcile(self.mode, "-q", self.path)

    def digest(self) -> str:
        """Of the way from what stands to the manifest: equal digests mean that what stands is equal."""
        out = self.folder / "plan.json"
        done("--plan", "-q", "--out", out, self.path)
        return json.loads(out.read_text())["digest"]

    def plan(self) -> str:
        return count(reconcile("--plan", "-o", "wide", self.path)).said


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Scenario:
    return Scenario(request.param, tmp_path)


def faults(calls: Sequence[str]) -> Iterator[Fault]:
    if ALL:
        for n, action in product(range(len(calls)), ACTIONS):
            yield Fault(n, action)
            if action not in (KILL, errno.EINTR):  # an EINTR that stays is asked again for good, and rightly
                yield Fault(n, action, sticky=True)
        return
    places = [[n for n, call in enumerate(calls) if call == name] for name in sorted(set(calls))]
    chosen = (n for where in places for n in where[:: -(-len(where) // EACH)])
    yield from map(Fault, chosen, cycle(ACTIONS))


@pytest.mark.parametrize("share", range(SHARES))
def test_sweep(scenario, share):
    with throwaway_host():
        scenario.set_up()
        scenario.digest()  # as before each trial, since it warms caches
        calls = count(scenario.disturbed()).calls
    assert len(calls) > 10
    missed = 0
    for fault in islice(faults(calls), share, None, SHARES):
        with throwaway_host():
            scenario.set_up()
            try:
                survives(scenario, fault)
            except (
                Missed
            ):  # the very last calls: how many there are varies by a few with what the kernel says
                missed += 1
    assert missed <= 3


def survives(scenario: Scenario, fault: Fault) -> None:
    others, past = foreign(), scenario.digest()
    result = trial(scenario.disturbed(), fault.nth, fault.action, sticky=fault.sticky)
    name = errno.errorcode.get(fault.action, "KILL")
    story = f"call {fault.nth}, {result.injected[0]}: {name}, exit {result.code}\n{result.said}"
    assert result.code == -9 if fault.action == KILL else result.code in (0, 1, 3, 69, 75, 77), story
    assert "Traceback" not in result.said, story
    if result.code > 3 or result.code == 1:
        assert scenario.digest() == past, story + scenario.plan()
    if result.code == 0:
        insist(settled(scenario), story)
    insist(count(scenario.disturbed()), story)
    insist(settled(scenario), story)
    assert foreign() == others, story


def insist(result: Trial, story: str) -> None:
    assert result.code == 0, f"{story}\nthen exit {result.code}: {result.said}"


def settled(scenario: Scenario) -> Trial:
    if scenario.mode == "--destroy":
        empty = scenario.folder / "nothing.yaml"
        empty.write_text("name: shop\n")
        return count(reconcile("--plan", "--exit-code", empty))
    return count(reconcile("--plan", "--exit-code", scenario.path))
