"""Rehearsals, past revisions, and what a person says to a watcher."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.conftest import new_lab
from tests.netns.lab import ENVIRONMENT, HOST4, Lab, command
from tests.netns.samples import BROKEN, MORE, OTHER, WEB
from tests.netns.snapshot import differing
from tests.netns.watching import STATUS, watching

REVISIONS = Path("/var/lib/reconciler/revisions")
REHEARSED = r"rehearsed in \d+ ms: converges, idempotent, reversible"


@pytest.fixture
def directory(lab):
    lab.write(WEB, "m/t.yaml")
    return lab.files / "m"


# rehearsal


def test_a_rehearsal_touches_nothing_and_is_one_line(lab):
    before = lab.snapshot()
    result = lab.succeed(lab.reconcile("--rehearse", lab.write(WEB)))
    assert re.fullmatch(REHEARSED + "\n", result.out)
    assert lab.snapshot() == before and lab.namespaces() == [] and not os.path.exists("/etc/netns")


BARE = "{name: t, networks: {n: {}}, containers: {web: {networks: [n]}}}"


@pytest.fixture(scope="module")
def both(privileged: None) -> Iterator[Lab]:
    """A host with two projects, which every test leaves as it was."""
    with new_lab() as made:
        made.apply(WEB)
        made.apply(OTHER)
        yield made


@pytest.mark.parametrize("next_one", [WEB, MORE, OTHER, BARE])
def test_a_rehearsal_starts_where_the_host_stands(both, next_one):
    before = both.snapshot()
    assert re.search(REHEARSED, both.succeed(both.reconcile("--rehearse", both.write(next_one))).out)
    assert differing(before, both.snapshot()) == {}


def test_a_rehearsal_starts_from_a_host_that_drifted(lab):
    lab.apply(WEB)
    lab.run("nft add rule inet reconciler forward drop")
    lab.run("ip link del br-t-n")
    assert re.search(REHEARSED, lab.succeed(lab.reconcile("--rehearse", lab.write(MORE))).out)


@pytest.mark.parametrize(
    "drift",
    [
        "ip link del br-o-n",
        "ip netns del o-web",
        "umount /run/netns/o-db",
        "ip -n o-web link set eth0 down",
        "ip -n o-web addr flush dev eth0",
    ],
)
def test_what_became_of_other_projects_is_no_matter_of_a_rehearsal(both, drift):
    """Linux makes nothing in the form that it has when part of it is gone."""
    both.run(drift)
    assert re.search(REHEARSED, both.apply(MORE, "--rehearse").err)
    both.apply(OTHER)
    both.apply(WEB)


def test_a_rehearsal_prunes_no_more_than_the_apply(lab, directory):
    lab.write(OTHER, "m/o.yaml")
    lab.succeed(lab.reconcile("--apply", directory))
    lab.write("{name: o}", "m/o.yaml")
    result = lab.reconcile("--apply", "--no-prune", "--rehearse", directory)
    assert re.search(REHEARSED, result.err) and "o-web" in lab.namespaces(), result


def test_the_kernels_own_error_at_the_manifests_line(lab):
    before = lab.snapshot()
    result = lab.reconcile("--rehearse", lab.write(BROKEN))
    assert result.rc == 1 and "t.yaml:8" in result.err and "Invalid argument" in result.err, result
    assert differing(before, lab.snapshot()) == {}


def test_apply_rehearses_first(lab):
    assert re.search(REHEARSED, lab.apply(WEB, "--rehearse").err)
    assert lab.planned(WEB) == []
    before = lab.snapshot()
    assert lab.try_apply(BROKEN, "--rehearse").rc == 1
    assert differing(before, lab.snapshot()) == {}


def test_a_rehearsal_without_privileges(lab):
    """By a user who has no power over the host, but may make user namespaces."""
    nobody = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    result = lab.run([*nobody, *command("--rehearse", lab.write(WEB))], check=False, env=ENVIRONMENT)
    assert re.search(REHEARSED, result.out), result


def test_a_rehearsal_that_may_make_no_user_namespace(lab):
    """By a root who may not map itself."""
    less = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    result = lab.run([*less, *command("--rehearse", lab.write(WEB))], check=False, env=ENVIRONMENT)
    assert result.rc == 69 and "needs user namespaces" in result.err, result
    assert "Traceback" not in result.err


def test_rehearse_goes_with_apply_alone(lab):
    assert lab.reconcile("--rehearse", "--status").rc == 64


# history


def test_history_and_rollback(lab):
    lab.apply(WEB)
    lab.apply(MORE)
    lab.apply(MORE)
    known = lab.reconcile("--history", "-o", "json").json["revisions"]
    assert [r["number"] for r in known] == [2, 1]
    assert len(lab.reconcile("--history").out.splitlines()) == 2
    lab.succeed(lab.reconcile("--rollback"))
    assert lab.namespaces() == ["t-db", "t-web"]
    lab.succeed(lab.reconcile("--rollback", "2"))
    assert "t-cache" in lab.namespaces()
    assert lab.planned(MORE) == []
    assert lab.reconcile("--rollback", "77").rc == 64


def test_rollback_keeps_within_limits(lab):
    lab.apply(WEB)
    lab.apply(MORE)
    assert lab.reconcile("--rollback", "--max-removals", "0").rc == 1
    assert "t-cache" in lab.namespaces()


def test_history_may_be_lost_or_read_only_or_broken(lab):
    lab.apply(WEB)
    for name in ("1.meta", "rejected"):
        (REVISIONS / name).write_text("x")
    lab.apply(MORE)
    lab.run("rm -r /var/lib/reconciler")
    assert lab.succeed(lab.reconcile("--history")).out == ""
    lab.run("mount -t tmpfs -o ro none /var/lib")
    lab.apply(WEB)
    assert lab.planned(WEB) == []


def test_what_is_said_of_the_environment_is_kept_nowhere(lab, directory):
    """Nobody needs it yet; who will reads the manifests again."""
    said = "environment: {TOKEN: hidden-in-the-manifest}, env_file: web.env"
    lab.write("PASSWORD=hidden-in-a-file\n", "m/web.env")
    lab.write(WEB.replace("web: {", f"web: {{{said}, "), "m/t.yaml")
    lab.succeed(lab.reconcile("--apply", directory))
    lab.succeed(lab.reconcile("--status", "--out", "/run/saved.json", directory))
    lab.succeed(lab.reconcile("--plan", "--out", "/run/plan.json", directory))
    with watching(lab, directory) as watcher:
        watcher.settled()
        lab.write(MORE.replace("web: {", f"web: {{{said}, "), "m/t.yaml")
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.settled()
        roots = map(Path, ("/run", "/var/lib", "/etc/netns"))
        files = [file for root in roots for file in root.rglob("*") if file.is_file()]
        ours = [file for file in files if not {lab.files, Path("/run/netns")} & {*file.parents}]
        assert {"manifests", "revisions"} <= {file.parent.name for file in ours}
        assert not [file for file in ours if b"hidden-in" in file.read_bytes()]
        assert "hidden-in" not in watcher.log


def test_the_state_directory_may_be_elsewhere(lab):
    lab.apply(WEB, "--state-dir", "/run/elsewhere")
    assert not os.path.exists("/var/lib/reconciler")
    assert lab.reconcile("--history", "--state-dir", "/run/elsewhere").out


def test_a_rollback_holds_against_the_watcher_until_the_manifests_change(lab, directory):
    with watching(lab, directory) as watcher:
        (directory / "t.yaml").write_text(MORE)
        watcher.until(lambda: "t-cache" in lab.namespaces())
        watcher.settled()
        lab.succeed(lab.reconcile("--rollback", "--wait", 5))
        watcher.settled()
        assert "t-cache" not in lab.namespaces()
        watcher.until(lambda: watcher.status["error"])
        assert "rolled back" in watcher.log
        lab.run("ip netns del t-web")
        watcher.until(lambda: "t-web" in lab.namespaces())
        assert "t-cache" not in lab.namespaces()
        (directory / "t.yaml").write_text(MORE + "  more: {networks: [n]}\n")
        watcher.until(lambda: {"t-cache", "t-more"} <= set(lab.namespaces()))


# suspend, status, metrics


def test_suspended_nothing_is_applied_and_resumed_all_is(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        assert "until --resume" in lab.succeed(lab.reconcile("--suspend")).out
        watcher.until(lambda: watcher.status["health"] == "suspended")
        lab.run("ip link del br-t-n")
        watcher.settled()
        assert "br-t-n" not in lab.links()
        assert "SUSPENDED" in lab.reconcile("--status", directory).out
        lab.succeed(lab.reconcile("--resume"))
        watcher.until(lambda: "br-t-n" in lab.links())
        watcher.until(lambda: watcher.status["health"] == "ok")


def test_suspending_without_a_watcher_says_so(lab):
    assert "no watcher" in lab.succeed(lab.reconcile("--suspend")).out
    assert "no watcher" in lab.succeed(lab.reconcile("--resume")).out


def test_status_tells_of_the_watcher(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        lab.run("ip link del br-t-n")
        watcher.until(lambda: watcher.status["drift"]["healed"])
        watcher.settled()
        text = lab.succeed(lab.reconcile("--status", directory)).out
        assert f"watching {directory}" in text and "put right" in text
        told = lab.reconcile("--status", directory, "-o", "json").json
        assert told["in_sync"] and told["watcher"]["drift"]["healed"] > 0
        (directory / "t.yaml").write_text("name: [")
        watcher.until(lambda: watcher.status["error"])
        result = lab.reconcile("--status", directory)
        assert result.rc != 0


def test_status_json_is_always_whole(lab, directory):
    with watching(lab, directory) as watcher:
        for n in range(30):
            lab.run(f"ip link set br-t-n mtu {1400 + n}")
            json.loads(STATUS.read_text())
        watcher.settled()
        assert oct(STATUS.stat().st_mode)[-3:] == "644"


def test_metrics_are_in_prometheus_text(lab, directory):
    with watching(lab, directory) as watcher:
        watcher.settled()
        lab.serve("t-web", 80)
        assert lab.ask("R", HOST4, 8080)
        watcher.process.send_signal(signal.SIGHUP)
        file = STATUS.parent / "metrics.prom"
        watcher.until(lambda: "reconciler_port_connections_total{" in file.read_text())
        lines = file.read_text().splitlines()
        values = [line for line in lines if not line.startswith("#")]
        row = re.compile(r'reconciler_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+.e0-9]+')
        assert all(row.fullmatch(value) for value in values)
        end = f'project="t",sandbox="t-web",address="{lab.address("t-web")}",protocol="tcp",port="80"'
        ports = f'{{{end},published="0.0.0.0:8080"}}'
        assert f"reconciler_port_connections_total{ports} 1" in values
        assert "reconciler_in_sync 1" in values and 'reconciler_objects{kind="namespace"} 2' in values
