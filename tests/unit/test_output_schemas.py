"""The schemas of what the command writes: each key is explained, and what no lab shows is as they say."""

import json
from pathlib import Path

import pytest

from reconciler.cli.containers import ContainerStatus
from reconciler.daemon.answering import ResolverStatus
from reconciler.kernel.chaos import Counts, Forwarded
from reconciler.kernel.observe.peers import PeerStatus
from reconciler.kinds.resolver import Resolver
from reconciler.kinds.workload import Workload
from tests.schemas import FOLDER, Checked

WRITTEN = ("plan", "state", "status", "trace", "exposure", "test", "doctor", "drop")
SAVED = sorted((Path(__file__).parents[1] / "upgrade").glob("*/saved.json"))


@pytest.mark.parametrize("name", WRITTEN)
def test_every_property_has_a_description(name):
    text = (FOLDER / f"{name}.schema.json").read_text()
    assert text == json.dumps(json.loads(text), indent=1) + "\n"
    assert list(silent(json.loads(text), name)) == []


def silent(schema, at):
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key == "properties":
            yield from (f"{at}.{name}" for name, of in value.items() if not of.get("description"))
            assert {*schema["required"]} <= value.keys()
        yield from silent(value, f"{at}.{key}")


def test_rows_of_a_status_are_as_its_schema_says():
    status, counts = Checked("status"), Counts(1, 2, 3, 4, (Forwarded("192.0.2.53#53", 1, 0),))
    workload = Workload(name="shop-web-1", project="shop", engine="podman")
    resolver = Resolver(project="shop", name="shop_front", port=41000, networks=("shop_front",))
    assert (
        status.faults_of_row("peers", PeerStatus("shop", "bgp", "h2", True, 0, "Established")._asdict()) == []
    )
    assert status.faults_of_row("containers", ContainerStatus(workload, ("80/tcp",)).row) == []
    assert status.faults_of_row("resolvers", ResolverStatus(resolver, True, True, counts).row) == []


@pytest.mark.parametrize("file", SAVED, ids=lambda file: file.parent.name)
def test_what_earlier_versions_saved_tells_its_version(file):
    found = json.loads(file.read_text())
    assert (Checked("state").faults(found) == []) == (found["schema_version"] == 2)


def test_mistakes_are_found():
    plan = Checked("plan")
    assert "$.digest is missing" in plan.faults({"schema_version": 1, "odd": 1})
    assert "$.odd is in no schema" in plan.faults({"schema_version": 1, "odd": 1})
    assert plan.faults_of("step", {"op": "nothing", "kind": 1})[:2] == [
        "step.op is none of ['create', 'update', 'replace', 'delete']: 'nothing'",
        "step.kind is no string: 1",
    ]
