"""What the command writes on a real host is as the schemas in schemas/ say, key by key."""

import json
from pathlib import Path

from tests.netns.lab import Lab
from tests.netns.samples import MORE, OTHER, WEB
from tests.netns.watching import watching
from tests.schemas import Checked


def test_plans_of_every_kind_of_step(lab: Lab) -> None:
    plan, ops, parts = Checked("plan"), set(), set()
    for manifest in (MORE, WEB, WEB.replace("/24", "/25"), OTHER):
        planned = lab.plan(manifest, "-o", "json", "--out", "/run/plan.json").json
        assert plan.faults(planned) == [] == plan.faults(json.loads(Path("/run/plan.json").read_text()))
        done = lab.apply(manifest, "-o", "json").json
        assert plan.faults(done) == [] and done["digest"] == planned["digest"]
        ops |= {step["op"] for step in done["steps"]}
        parts |= {part for step in done["steps"] for part in ("container", "network", "port") if part in step}
    assert (ops, parts) == ({"create", "update", "replace", "delete"}, {"container", "network", "port"})
    assert plan.faults(lab.succeed(lab.reconcile("--destroy", "--project", "t", "-o", "json")).json) == []


def test_a_status_and_what_it_saves(lab: Lab) -> None:
    status, saved = Checked("status"), Checked("state")
    assert status.faults(lab.reconcile("--status", "-o", "json").json) == []
    lab.apply(WEB)
    found = lab.reconcile("--status", lab.files / "t.yaml", "-o", "json", "--out", "/run/saved.json").json
    assert status.faults(found) == [] and found["projects"] and found["resolvers"]
    assert saved.faults(json.loads(Path("/run/saved.json").read_text())) == []


def test_a_watcher_s_status(lab: Lab) -> None:
    status = Checked("status")
    lab.apply(WEB)
    with watching(lab, lab.files) as watcher:
        lab.run("ip link set br-t-n mtu 1400")
        watcher.until(lambda: watcher.status["drift"]["last"])
        assert status.faults_of("watcher", watcher.status) == []
        lab.write("name: t\nnetworks: {n: {driver: nope}}")
        watcher.until(lambda: watcher.status["error"])
        assert status.faults_of("watcher", watcher.status) == []
        assert status.faults(lab.reconcile("--status", "-o", "json").json) == []
