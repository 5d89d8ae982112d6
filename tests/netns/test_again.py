"""What was read is asked again on a real kernel: what changes by itself answers as before, and nothing is
looked at that is not noted.  That what reads otherwise answers otherwise is asked in test_readback.py."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.reconcile import reconcile
from reconciler.core.resource import state
from reconciler.kernel import netns, wireguard_key
from reconciler.kernel.again import Asker, Changed
from reconciler.kernel.kinds.address import ALL_ADDRESSES
from reconciler.kernel.linux import Linux
from reconciler.kernel.netlink.links import GETADDR
from reconciler.paths import STATE
from reconciler.pipeline import compare, enact, load
from tests.netns.namespaces import throwaway_host
from tests.netns.noticing import UNCHANGED, moved, settled
from tests.netns.samples import WEB
from tests.netns.specimens import PRIVATE, UPLINK

SELF = "/proc/thread-self/ns/net"  # who asks; and what Python itself opens
LATE = 1.2  # seconds; Linux tells of a link's carrier up to one late
PYTHON = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2] / "reconciler"))


@pytest.fixture(scope="module")
def host(privileged: None) -> Iterator[None]:
    with throwaway_host():
        run("ip link set lo up")
        run(f"ip link add {UPLINK} type veth peer name lan")
        run(f"ip link set {UPLINK} up")
        Path(STATE).mkdir(parents=True)
        Path(STATE, wireguard_key.NAME).touch(0o600)
        Path(STATE, wireguard_key.NAME).write_text(PRIVATE)
        yield
        become_bare()


@pytest.fixture
def web(host: None, tmp_path: Path) -> Iterator[Linux]:
    """A host in sync, as a plan has read it."""
    become_bare()
    file = tmp_path / "t.yaml"
    file.write_text(WEB)
    enact(compare(load([file]), Linux()), Linux())
    deadline = time.monotonic() + 10
    while run("ip -6 address show tentative") + run("ip -n t-web -6 address show tentative"):
        assert time.monotonic() < deadline  # that an address is nobody else's takes IPv6 a while
        time.sleep(0.1)
    linux, change = settled(lambda linux: compare(load([file]), linux), LATE)
    assert not change.todo
    yield linux
    become_bare()


def run(command: str) -> str:
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def become_bare() -> None:
    reconcile(state(), Linux())


def read_anew(linux: Linux) -> None:
    linux.transcribe()
    linux.forget()
    linux.observe()
    linux.facts()


def test_what_changes_by_itself_is_nothing(web: Linux) -> None:
    """Timers, ages, counters, who is known to be where, and what is in sets that no plan reads."""
    time.sleep(2.5)  # that an address is nobody else's takes IPv6 a while, here and at those that it told
    read_anew(web)
    with netns.kept():
        netns.enter("t-web")
        subprocess.run(["ping", "-c", "2", "-W", "1", "10.91.0.1"], capture_output=True)
    time.sleep(1.1)
    assert moved(web) == UNCHANGED
    [learned] = re.findall(r"^(10\.91\.\S+) lladdr", run("ip neigh show dev br-t-n"), re.MULTILINE)
    run(f"ip neigh replace {learned} lladdr 02:00:00:00:00:ff nud permanent dev br-t-n")
    assert moved(web) == frozenset({""})


def test_the_ruleset_is_told_by_its_generation_and_else_by_what_it_says(web: Linux) -> None:
    run("nft add table ip other; add set ip other banned { type ipv4_addr; }")
    read_anew(web)
    run("nft add element ip other banned { 192.0.2.1 }")
    assert moved(web) == UNCHANGED
    run("nft add chain ip other forward { type filter hook forward priority 0; policy drop; }")
    assert moved(web) == {""}
    assert not web.facts_stand()
    run("nft delete table ip other")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("ip -n t-web link set eth0 mtu 1300", {"t-web"}),
        ("ip -n t-web route add blackhole 192.0.2.0/24 proto 109", {"t-web"}),
        ("rm /etc/netns/t-web/resolv.conf", {"t-web"}),
        ("ip route add blackhole 192.0.2.0/24", {""}),
        ("ip netns add foreign", None),
        ("mkdir /etc/netns/gone", None),
    ],
)
def test_only_what_moved_is_told(web: Linux, command: str, place: set[str] | None) -> None:
    run(command)
    found = moved(web)
    for undone in ("ip route del blackhole 192.0.2.0/24", "ip netns del foreign", "rmdir /etc/netns/gone"):
        subprocess.run(undone.split(), capture_output=True)
    assert found == place


def test_who_says_more_than_before_is_not_heard_out(web: Linux) -> None:
    """The root of a sandbox may make an answer as long as he likes."""
    lines = "".join(f"address add 10.0.{i // 250}.{i % 250 + 1}/32 dev lo\n" for i in range(1500))
    command = ["ip", "-n", "t-web", "-b", "-"]
    subprocess.run(command, input=lines, text=True, check=True)
    with Asker() as asker:
        assert list(asker.moved(web.transcript, ["t-web"])) == ["t-web"]
        asker.enter("t-web")
        asker.most = 1000
        with pytest.raises(Changed):
            asker.dump(GETADDR, ALL_ADDRESSES)
    subprocess.run(command, input=lines.replace("add ", "del "), text=True, check=True)


def test_nothing_is_opened_that_is_not_noted(web: Linux) -> None:
    opened: set[str] = set()
    listening = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if listening and event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str):
            opened.add(arguments[0])

    sys.addaudithook(hook)
    linux = Linux()
    linux.observe()
    linux.facts()
    listening = False
    asked = [question for place in linux.transcript.answers.values() for question in place]
    noted = {str(part) for question in asked for part in question.about}
    processes = (str(question.about[0]) for question in asked if question.how == "process")
    noted |= {f"/proc/{pid}/{file}" for pid in processes for file in ("stat", "cmdline")}
    folders = tuple(f"{question.about[0]!s}/" for question in asked if question.how == "beneath")
    noted |= {path for path in opened if path.startswith(folders)}
    names = set(netns.names())
    paths = {path for path in opened if not path.startswith(PYTHON) and not path.startswith("/run/netns/")}
    assert paths - noted - names - {SELF, netns.RUN, "/proc/self/maps", "/proc/self/setgroups"} == set()
