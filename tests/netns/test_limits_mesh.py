"""Limits of ports that several hosts lead to one another: asked once, by the host that somebody comes to."""

from collections.abc import Iterator

import pytest

from tests.netns.cluster import OUTSIDE, Cluster, clustered
from tests.netns.lab import IMPATIENCE, PATIENCE
from tests.netns.test_mesh import BOTH, OVERLAY, ROUTED, heard_at

OPEN = "{mode: ingress, published: 8080, target: 80}"
LIMITED = f"""{{mode: ingress, published: 8080, target: 80, host_if: uplink, max_conns: 1000,
        allow_from: [{OUTSIDE[4]}, "{OUTSIDE[6]}"]}}
      - {{mode: ingress, published: 8081, target: 80, allow_from: [192.0.2.0/24]}}"""


@pytest.fixture(scope="module", params=[OVERLAY, ROUTED], ids=["overlay", "routed"])
def cluster(
    request: pytest.FixtureRequest, privileged: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    with clustered(tmp_path_factory.mktemp("mesh")) as made:
        for host in made.hosts:
            host.run(f"ip -6 route add default via {OUTSIDE[6]}")
        made.folder = made.apply(request.param.replace(OPEN, LIMITED))
        for number in (1, 2):
            for proto in ("tcp", "udp"):
                made[f"h{number}"].serve(f"t-web-{number}", 80, proto=proto)
        yield made


@pytest.mark.parametrize("family", [4, 6])
def test_each_host_asks_who_comes_to_it(cluster: Cluster, family: int) -> None:
    for host in cluster.hosts:
        assert {*heard_at(host, family, "tcp")} == {f"{name} {OUTSIDE[family]}" for name in BOTH}
        assert host.ask("", host.underlay[family], 8080, patience=IMPATIENCE) is None
        assert host.ask(f"t-near-{host.number}", host.underlay[family], 8080, patience=IMPATIENCE) is None
        assert cluster.hosts[0].ask("", host.underlay[family], 8081, patience=IMPATIENCE) is None
        assert host.ask("", host.underlay[family], 8080, "udp", patience=PATIENCE)
