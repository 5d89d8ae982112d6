"""An entry of a static overlay has two halves: whoever spoils one of them, it is put right."""

import pytest

from tests.netns.cluster import Cluster, clustered, hosts
from tests.netns.lab import PATIENCE

TEXT = f"""name: t
{hosts(2)}
networks: {{n: {{driver: overlay}}}}
containers: {{a: {{host: h1, networks: [n]}}, b: {{host: h2, networks: [n]}}}}
"""
ANOTHER = "06:00:00:00:00:01"  # a MAC that is nobody's
SPOILED = {
    "another's mark on the bridge's half": ["replace {mac} dev {link} master static extern_learn"],
    "another's mark on the tunnel's half": [
        "del {mac} dev {link} self",
        "append {mac} dev {link} dst 10.99.0.2 self static extern_learn",
    ],
    "both halves another's": [
        "replace {mac} dev {link} master extern_learn",
        "replace {mac} dev {link} dst 10.99.0.9 self static sticky",
    ],
    "no bridge's half": ["del {mac} dev {link} master"],
    "no tunnel's half": ["del {mac} dev {link} self"],
    "a bridge's half that frames move": ["replace {mac} dev {link} master static"],
    "a bridge's half that ages": ["replace {mac} dev {link} master dynamic sticky"],
    "the mark on a mac that is nobody's": [f"replace {ANOTHER} dev {{link}} master static extern_learn"],
    "half of what is nobody's": [f"replace {ANOTHER} dev {{link}} dst 10.99.0.9 self static"],
}


@pytest.fixture(scope="module")
def cluster(privileged, tmp_path_factory):
    with clustered(tmp_path_factory.mktemp("hosts"), 2) as cluster:
        cluster.apply(TEXT)
        yield cluster


@pytest.mark.parametrize("why", SPOILED)
def test_an_entry_that_somebody_spoiled_is_made_anew(cluster: Cluster, why: str):
    folder, h1, h2 = cluster.manifest(TEXT), *cluster.hosts
    mac = h2.link("eth0", "t-b")["address"]
    rows = h1.run("bridge fdb show br br-t-n").out.splitlines()
    link = next(row.split()[2] for row in rows if row.startswith(mac))
    for words in SPOILED[why]:
        h1.run("bridge fdb " + words.format(mac=mac, link=link))
    assert h1.reconcile("--plan", folder, "-o", "json").steps
    h1.succeed(h1.reconcile("--apply", folder))
    assert h1.reconcile("--plan", folder, "-o", "json").steps == []
    assert sorted(h1.run("bridge fdb show br br-t-n").out.splitlines()) == sorted(rows)
    assert h1.ping("t-a", h2.address("t-b"), PATIENCE)
