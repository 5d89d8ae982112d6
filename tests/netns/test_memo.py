"""A plan that found nothing to do is said again, and what is said is what the long way says."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.paths import MEMOS
from tests.netns.lab import ENVIRONMENT, Lab, Result, command
from tests.netns.samples import MORE, WEB
from tests.netns.watching import until

# What may befall a host, each with what undoes it where no apply does.
DRIFTS = {
    "ip -n t-web address flush dev eth0": "",
    "ip -n t-web link set eth0 down": "",
    "ip -n t-web route add blackhole 192.0.2.0/24 proto 109": "",
    "ip -n t-web address add 192.0.2.1/32 dev lo": "ip -n t-web address del 192.0.2.1/32 dev lo",
    "ip link set br-t-n mtu 1400": "",
    "ip link add foreign0 type veth peer name foreign1": "ip link del foreign0",
    "ip route add blackhole 10.91.0.128/25": "ip route del blackhole 10.91.0.128/25",
    "ip rule add from 192.0.2.0/24 lookup 7 protocol 109": "",
    "ip netns add foreign": "ip netns del foreign",
    "ip -n t-db link del eth0": "",
    "nft add table ip other": "nft delete table ip other",
    "nft flush ruleset": "",
    "rm /etc/netns/t-web/hosts": "",
    "sysctl -qw net.ipv4.ip_forward=0": "",
    "ip netns exec t-web sysctl -qw net.ipv4.conf.eth0.rp_filter=1": "",
    "true": "",
}


@pytest.fixture
def synced(lab: Lab) -> Iterator[Lab]:
    """Of whose plan there is a memo."""
    lab.apply(WEB)
    settle(lab)
    yield lab


def settle(lab: Lab) -> None:
    """Until there is a memo; Linux tells late of carriers, and of addresses that are nobody else's."""
    deadline = time.monotonic() + 20
    while not is_remembered(lab):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def plan(lab: Lab, *more: str) -> Result:
    return lab.reconcile("--plan", lab.files / "t.yaml", *more)


def memos() -> dict[Path, int]:
    """When each was written."""
    return {file: file.stat().st_mtime_ns for file in Path(MEMOS).glob("*")}


def is_remembered(lab: Lab) -> bool:
    """Whether nobody decides anew, who would write another."""
    before = memos()
    assert plan(lab).out == "Nothing to do.\n"
    return before == memos() != {}


def test_what_was_said_is_said_again(synced: Lab) -> None:
    for more in ((), ("-o", "json"), ("-o", "wide", "-v"), ("-o", "shell"), ("-q",), ("--exit-code",)):
        whole = plan(synced, *more, "--no-memo")
        assert [plan(synced, *more) for _ in range(2)] == [whole, whole]


@pytest.mark.parametrize("drift", DRIFTS)
def test_memo_and_long_way_agree(synced: Lab, drift: str) -> None:
    synced.run(drift)
    assert plan(synced) == plan(synced, "--no-memo") == plan(synced)


@given(st.lists(st.sampled_from(sorted(DRIFTS)), max_size=3, unique=True))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_agree_whatever_befalls_the_host(lab: Lab, drifts: list[str]) -> None:
    lab.apply(WEB)
    plan(lab)
    for drift in drifts:
        lab.run(drift, check=False)
        assert plan(lab) == plan(lab, "--no-memo")
    for undo in filter(None, (DRIFTS[drift] for drift in drifts)):
        lab.run(undo, check=False)


def test_other_manifests_are_decided_anew(synced: Lab) -> None:
    synced.write(MORE)
    assert "container t-cache" in plan(synced).out
    synced.write(WEB)
    settle(synced)
    synced.write("PORT=1\n", ".env")
    assert plan(synced) == plan(synced, "--no-memo")


def test_a_sandbox_that_says_more_than_before(synced: Lab) -> None:
    """Its root may make an answer as long as he likes."""
    lines = "".join(f"address add 10.{i // 250}.{i % 250}.1/32 dev lo\n" for i in range(2500))
    synced.ip(lines, "t-web")
    assert plan(synced) == plan(synced, "--no-memo")


@pytest.mark.parametrize("data", [b"", b"x" * 64, b"\0" * 5000])
def test_a_memo_that_is_broken_is_none(synced: Lab, data: bytes) -> None:
    for file in memos():
        file.write_bytes(data)
    assert plan(synced).out == "Nothing to do.\n"
    settle(synced)


def test_it_is_root_s_alone(synced: Lab) -> None:
    assert {oct(file.stat().st_mode)[-3:] for file in memos()} == {"600"}
    assert oct(Path(MEMOS).stat().st_mode)[-3:] == "700"


def test_nothing_of_what_decides_is_imported(synced: Lab) -> None:
    script = "import sys; from reconciler.cli.command import main; main(); print(*sorted(sys.modules))"
    words = [sys.executable, "-c", script, *command("--plan", synced.files / "t.yaml")[3:]]
    synced.reconcile(*words[3:])  # its environment is another's

    def loaded() -> set[str]:
        found = subprocess.run(words, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout
        return {name.removeprefix("reconciler.") for name in found.split() if name.startswith("reconciler.")}

    decides = {"kinds", "core", "drivers", "cnm", "pipeline", "manifest.spec", "cli.arguments"}
    until(lambda: not loaded() & decides)  # as soon as nothing moves on the host
