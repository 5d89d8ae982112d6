"""Golden cases: every example in manifests/, and DRIVER/CASE here; a change of behaviour is a diff of text.

`pytest --update-golden` rewrites them; look at what it changed.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from reconciler.change import Change
from reconciler.cli import markdown, show
from reconciler.cli.options import Options
from reconciler.cli.session import plan_json
from reconciler.cli.story import Story
from reconciler.core import render
from reconciler.core.plan import plan
from reconciler.inventory.facts import Facts, RemotePlugin
from reconciler.pipeline import decide, load
from tests.schemas import Checked

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = {
    **{f"manifests/{path.stem}": path for path in sorted((ROOT / "manifests").glob("*.yaml"))},
    **{str(path.parent.relative_to(HERE)): path for path in sorted(HERE.glob("*/*/manifest.yaml"))},
}
WEFT = RemotePlugin("weft", "unix:///run/docker/plugins/weft.sock", "local")
HOST = Facts(
    name="host",
    machine="0" * 32,
    now=lambda: 1_790_000_000.0,  # a Monday afternoon
    nameservers=("192.0.2.53",),
    servers=("192.0.2.53",),
    plugins={"weft": WEFT},
)

COMMENTS = ("manifests/hello", "manifests/evpn")  # whose plan is a pull request's comment as well
HEAD = {"commit": "3f2a91c04d11", "version": "0.0.0"}


@cache
def change(case: str) -> Change:
    """What a manifest becomes on an empty host."""
    manifest = load([CASES[case].relative_to(ROOT)])
    hosts = [host.name for project in manifest.projects for host in project.hosts]
    name = HOST.name if HOST.name in hosts else next(iter(hosts), HOST.name)
    keys = {host.name: host.public_key for project in manifest.projects for host in project.hosts}
    secret = "/var/lib/reconciler/wireguard.key"
    facts = replace(HOST, name=name, secret=secret, public_key=lambda: keys[name])
    topology, desired = decide(manifest, facts)
    return Change(manifest, topology, {}, desired, plan({}, desired), frozenset(), host=name)


def texts(case: str) -> dict[str, str]:
    """The same, stage by stage."""
    found = change(case)
    told, topology = Story(found), found.topology
    comment = markdown.page(told, HEAD | {"host": found.host}, {"Warnings": topology.warnings})
    return {
        "topology.txt": show.as_text(topology),
        "state.txt": render.listing(found.desired),
        "plan.txt": f"{told.text()}{told.summary()}\n",
        **({"plan.md": comment} if case in COMMENTS else {}),
    }


@pytest.mark.parametrize("case", CASES)
def test_golden(case, update_golden, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = HERE / case
    for name, text in texts(case).items():
        file = folder / name
        if update_golden:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        assert file.exists(), f"{file} is missing: run pytest --update-golden and look at it"
        assert text == file.read_text()


@pytest.mark.parametrize("case", CASES)
def test_its_json_is_as_its_schema_says(case, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = json.loads("".join(plan_json(Options(paths=(str(CASES[case]),)), change(case))))
    assert Checked("plan").faults(found) == []


def test_no_golden_case_is_left_over():
    known = {HERE / case for case in CASES}
    assert {path.parent for path in HERE.glob("*/*/topology.txt")} <= known
