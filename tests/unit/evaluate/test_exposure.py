"""The table of what is reachable from where, of the examples."""

import pytest

from reconciler.cli.exposure import table
from reconciler.evaluate.exposure import exposure
from reconciler.evaluate.world import World
from reconciler.inventory.facts import HostFacts
from tests.golden.test_golden import ROOT, change
from tests.schemas import Checked

TABLES = {
    "two-tiers": """
        TO             FROM OUTSIDE  FROM THE HOST  FROM CONTAINERS
        shop-web-1:80  *:8080        *:8080 direct  shop-db-1 shop-web-2
        shop-web-1:*   -             direct         shop-db-1 shop-web-2
        shop-web-2:80  *:8081        *:8081 direct  shop-db-1 shop-web-1
        shop-web-2:*   -             direct         shop-db-1 shop-web-1
        shop-db-1:*    -             direct         shop-web-1 shop-web-2
    """,
    "isolation": """
        TO               FROM OUTSIDE  FROM THE HOST  FROM CONTAINERS
        zones-a:*        -             direct         -
        zones-b:*        -             direct         -
        zones-router:80  direct        direct         -
        zones-router:*   -             direct         -
    """,
}


@pytest.mark.parametrize("case", TABLES)
def test_tables(case, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = change(f"manifests/{case}")
    names = [one.name for one in found.topology.sandboxes]
    rows = [*exposure(World(found.desired, HostFacts()), names)]
    told = [" ".join(line.split()) for line in table(rows)]
    assert told == [" ".join(line.split()) for line in TABLES[case].strip().splitlines()]
    assert Checked("exposure").faults({"schema_version": 1, "of": "live", "rows": []}) == []
    assert [fault for row in rows for fault in Checked("exposure").faults_of("row", jsonable(row))] == []


def jsonable(row):
    return {key: list(value) if isinstance(value, tuple) else value for key, value in row._asdict().items()}
