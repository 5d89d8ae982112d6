"""The table of what is reachable from where, of the examples."""

import pytest

from reconciler.cli.exposure import table
from reconciler.evaluate.alike import Alike
from reconciler.evaluate.exposure import exposure
from reconciler.evaluate.world import World
from reconciler.inventory.facts import HostFacts
from reconciler.pipeline import decide, load
from tests.golden.test_golden import HOST, ROOT, change
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
    "policies": """
        TO               FROM OUTSIDE  FROM THE HOST  FROM CONTAINERS
        shop-web-1:8443  192.0.2.1:443 127.0.0.1:443 direct -
        shop-web-1:*     -             direct         -
        shop-app-1:8080  -             -              shop-web-1
        shop-app-1:*     -             -              -
        shop-db-1:5432   -             -              shop-app-1
        shop-db-1:*      -             -              -
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


LIMITED = """
name: t
services:
  all: {ports: [{target: 80, published: 8080, rate: 9/second}]}
  some: {ports: [{target: 80, published: 8081, allow_from: [198.18.0.0/24, 192.0.2.2]}]}
  none: {ports: [{target: 80, published: 8082, allow_from: [10.9.0.0/16], host_if: nobodys}]}
"""


def test_ports_that_are_for_some_alone(tmp_path):
    rows = {row.sandbox: row for row in exposed(tmp_path, LIMITED) if row.port}
    assert {name: (row.outside, row.limited) for name, row in rows.items()} == {
        "t-all-1": (("192.0.2.1:8080",), ()),
        "t-some-1": (("192.0.2.1:8081",), ("192.0.2.1:8081",)),
        "t-none-1": ((), ()),
    }
    assert any("192.0.2.1:8081 (limited)" in line for line in table(rows.values()))


SEVERAL = """
name: t
networks: {lan: {}, tagged: {parent: eth1, ipam: {config: [{subnet: 192.168.1.0/24, gateway: 192.168.1.1}]}}}
containers:
  a: {networks: [lan], egress: ["c:80-89", "10.0.0.0/8"], labels: {of: us}}
  b: {networks: [lan], egress: ["c:85/udp"], labels: {of: us}}
  c: {networks: [lan], ingress: ["label:of=us:80", "label:of=us:85/udp", "d:1-65535"]}
  d: {networks: [lan]}
  e: {networks: [lan], ingress: []}
  f: {networks: [tagged]}
  g: {networks: {tagged: {vlan: 20}}}
  h: {networks: {tagged: {vlan: 20}}}
"""


def test_one_who_asks_for_all_is_told_what_each_would_be(tmp_path, monkeypatch):
    """Policies tell them apart, and so do VLANs."""
    classes = exposed(tmp_path, SEVERAL)
    monkeypatch.setattr(Alike, "classes", lambda self, target: [[n] for n in self.always if n != target])
    assert classes == exposed(tmp_path, SEVERAL)
    known = {(row.port, row.last, row.protocol): row.sandboxes for row in classes if row.sandbox == "t-c"}
    assert known[80, 80, "tcp"] == ("t-a", "t-d") and known[81, 89, "tcp"] == ("t-d",)
    assert known[85, 85, "udp"] == ("t-b",)


def exposed(folder, text):
    file = folder / "t.yaml"
    file.write_text(text)
    topology, desired = decide(load([file]), HOST)
    return [*exposure(World(desired, HostFacts()), [one.name for one in topology.sandboxes])]


def jsonable(row):
    return {key: list(value) if isinstance(value, tuple) else value for key, value in row._asdict().items()}
