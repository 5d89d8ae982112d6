"""What the documentation says of JSON and metrics is what is written, key by key."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.docs import DOCS
from tests.netns.lab import Lab
from tests.netns.watching import until, watching

PAGE = (DOCS / "formats.md").read_text()
SHOP = "name: t\nnetworks: {a: }\ncontainers: {web: {networks: [a], ports: ['80:80']}}\n"
NAMED = {"container", "network", "port", "policy"}  # of a step: as far as it is part of one


def documented(table: str) -> set[str]:
    rows = PAGE.partition(f"<!-- keys: {table} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    return {key for row in rows for key in re.findall(r"`([^`]+)`", row.split("|")[1])}


def keys(of: Iterable[Mapping[str, object]]) -> set[str]:
    return {key for one in of for key in one}


def test_a_plan_is_as_documented(lab: Lab):
    plan = lab.succeed(lab.plan(SHOP, "-o", "json")).json
    assert plan.keys() == documented("plan")
    assert keys(plan["steps"]) - NAMED == documented("step") - NAMED
    assert documented("step") >= NAMED


def test_an_error_is_as_documented(lab: Lab):
    wrong = lab.plan("services: {web: {prots: []}}", "-o", "json")
    assert keys(json.loads(wrong.err)["errors"]) == documented("error")


def test_a_topology_is_as_documented(lab: Lab):
    assert lab.reconcile("--show", "-o", "json", lab.write(SHOP)).json.keys() == documented("show")


def test_a_diagnosis_is_as_documented(lab: Lab):
    assert lab.reconcile("--doctor", "-o", "json").json.keys() == documented("doctor")


def test_status_and_metrics_are_as_documented(lab: Lab):
    lab.apply(SHOP)
    with watching(lab, lab.files):
        status = Path("/run/reconciler/status.json")
        until(status.exists)
        assert lab.reconcile("--status", "-o", "json", lab.files).json.keys() == documented("status")
        assert json.loads(status.read_text()).keys() == documented("watcher")
        metrics = Path("/run/reconciler/metrics.prom")
        until(metrics.exists)
        named = set(re.findall(r"^# HELP reconciler_(\S+)", metrics.read_text(), re.MULTILINE))
        assert named == documented("metrics")
