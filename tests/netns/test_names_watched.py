"""A watcher and names: who answers is kept alive, and what the host asks is followed."""

import os
import signal
import time
from pathlib import Path

import pytest

from reconciler.daemon.answering import Inquiries, answering
from reconciler.daemon.metrics import FILE
from reconciler.kernel import resolvers
from reconciler.kernel.linux import Linux
from reconciler.kernel.processes import command_of
from reconciler.kinds.resolver import RUN
from tests.netns.watching import EVENT, watching

pytestmark = pytest.mark.skipif(bool(resolvers.lack()), reason="no dnsmasq here: apt install dnsmasq-base")
RESOLV, REAL = Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")
METRICS = Path(FILE)
SERVERS = Path(f"{RUN}/names/@t_n/t")
ZONE = Path(f"{RUN}/names/t_n/t")
MANIFEST = """
name: t
networks:
  n: {}
  far: {driver: macvlan, parent: uplink, ipam: {config: [{subnet: 10.9.0.0/24}]}}
containers:
  web: {networks: [n]}
  lone: {networks: [far]}
"""


def pid(place: str = "", view: str = "t_n") -> int:
    return int(Path(f"{RUN}/pids/{place or 'host'}/t@{view}").read_text())


def has_ended(number: int) -> bool:
    """Also where nobody has asked how."""
    try:
        return not command_of(number)
    except OSError:
        return True


def servers(text: str) -> None:
    RESOLV.unlink(missing_ok=True)
    RESOLV.write_text(text)


@pytest.fixture
def watched(lab):
    servers("nameserver 192.0.2.53\n")
    with watching(lab, lab.write(MANIFEST, "m/t.yaml")) as watcher:
        watcher.until(lambda: "server=192.0.2.53\n" in SERVERS.read_text())
        yield watcher


@pytest.mark.parametrize(("place", "view"), [("", "t_n"), ("t-lone", "@t-lone")])
def test_one_that_is_killed_is_back_at_once(watched, place, view):
    watched.settled()
    for _ in range(3):
        before, healed = pid(place, view), watched.status["drift"]["healed"]
        os.kill(before, signal.SIGKILL)
        watched.until(lambda before=before: pid(place, view) != before, EVENT)
        watched.until(lambda healed=healed: watched.status["drift"]["healed"] > healed)
        assert not has_ended(pid(place, view))
    assert "the end of dnsmasq" in watched.log


def test_a_stopped_one_is_replaced(watched):
    before = pid()
    os.kill(before, signal.SIGSTOP)
    watched.process.send_signal(signal.SIGHUP)
    watched.until(lambda: pid() != before)
    assert has_ended(before)


def edited():
    ZONE.write_text(ZONE.read_text() + "192.0.2.7 web\n")


def deleted():
    ZONE.unlink()


def replaced():
    ZONE.with_name(".new").write_text("192.0.2.7 web\n")
    ZONE.with_name(".new").rename(ZONE)


def made_beside():
    ZONE.with_name("other").write_text("192.0.2.7 web\n")


def test_what_is_kept_of_names_is_put_right(watched):
    text, running = ZONE.read_text(), pid()
    for change in (edited, deleted, replaced, made_beside):
        healed = watched.status["drift"]["healed"]
        change()
        watched.until(lambda healed=healed: watched.status["drift"]["healed"] > healed, EVENT)
        assert ZONE.read_text() == text
        assert os.listdir(ZONE.parent) == ["t"]
    assert pid() == running


def in_place(text):
    RESOLV.write_text(text)


def by_rename(text):
    RESOLV.with_name("new").write_text(text)
    RESOLV.with_name("new").rename(RESOLV)


def by_link(text):
    """As when systemd-resolved takes over."""
    REAL.parent.mkdir(parents=True)
    REAL.write_text(text)
    RESOLV.unlink()
    RESOLV.symlink_to(REAL)


def behind_the_link(text):
    REAL.with_name("new").write_text(text)
    REAL.with_name("new").rename(REAL)


def test_the_hosts_name_servers_are_followed_and_nobody_is_started_anew(watched):
    running = pid()
    for number, change in enumerate((in_place, by_rename, by_link, behind_the_link)):
        change(f"nameserver 192.0.2.{number}\nnameserver 2001:db8::53\n")
        followed = f"server=192.0.2.{number}\nserver=2001:db8::53\n"
        watched.until(lambda followed=followed: followed in SERVERS.read_text(), EVENT)
        watched.synced()
    assert pid() == running


def test_a_resolv_conf_that_is_written_over_and_over_keeps_nobody_busy(watched):
    watched.settled()
    turns, applies = watched.status["last_run"]["turns"], watched.status["last_apply"]["count"]
    for number in range(20):
        RESOLV.write_text(f"# written {number} times\nnameserver 192.0.2.53\n")
        time.sleep(0.1)
    assert watched.quiet(0.3) == 0
    assert watched.status["last_apply"]["count"] == applies
    assert watched.status["last_run"]["turns"] - turns <= 5


def standing():
    return answering(Linux().observe())


def test_one_that_hangs_is_found_by_its_silence_and_not_over_and_over(lab):
    """It neither ends nor is stopped, as far as anybody can see."""
    lab.apply(MANIFEST)
    known, inquiries = standing(), Inquiries()
    assert {key: bool(one.ip) for key, one in known.items()} == {
        "resolver t/t_n": True,
        "resolver t/@t-lone": False,
    }
    for whole in (True, False, True, False):
        assert inquiries.round(known, whole=whole) == []
        time.sleep(0.1)
    os.kill(pid(), signal.SIGSTOP)
    hanging = [
        [resolver.key for resolver in inquiries.round(known, whole=number % 4 == 0)] for number in range(9)
    ]
    assert hanging == [[], [], [], ["resolver t/t_n"], *[[]] * 5]
    os.kill(pid(), signal.SIGCONT)


def test_what_was_asked_is_counted(lab):
    servers("nameserver 127.0.0.1\n")
    lab.apply(MANIFEST)
    for name in ("web", "web", "elsewhere.example"):
        lab.run(f"ip netns exec t-web timeout 1 getent -s hosts:dns ahostsv4 {name}", check=False)
    status = lab.reconcile("--status", "-o", "json").json["resolvers"]
    near, far = status[1], status[0]
    assert (near["project"], near["view"], near["networks"]) == ("t", "t_n", ["t_n"])
    assert near["runs"] and near["answers"] and near["hits"] >= 2 and near["misses"] >= 1
    assert near["servers"][0]["server"] == "127.0.0.1#53" and near["servers"][0]["queries"] >= 1
    assert (far["view"], far["sandbox"], far["runs"], far["answers"]) == ("@t-lone", "t-lone", True, None)
    os.kill(pid(), signal.SIGKILL)
    words = lab.reconcile("--status", lab.files / "t.yaml").out
    assert "t: names by 1 of 2 resolvers" in words and "; t_n does not run" in words
    with watching(lab, lab.files / "t.yaml") as watcher:
        watcher.process.send_signal(signal.SIGHUP)
        labels = 'project="t",view="t_n",networks="t_n"'
        watcher.until(lambda: f"resolver_up{{{labels}}} 1" in METRICS.read_text())
        assert 'resolver_up{project="t",view="@t-lone",networks="t_far"} 1' in METRICS.read_text()
