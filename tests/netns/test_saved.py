"""A saved state: what another machine makes of it is, byte for byte, what the host itself says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.cluster import Cluster, clustered, hosts

BRIDGE = """
name: t
networks: {front: {enable_ipv6: true}, back: {internal: true}}
services: {web: {deploy: {replicas: 2}, networks: [front, back], ports: ['8080-8081:80', '53/udp']}}
"""
BRIDGE_AFTER = """
name: t
networks: {front: {mtu: 1400}, new: {enable_ipv6: true, gateway_mode: routed}}
services: {web: {deploy: {replicas: 3}, networks: [front, new], ports: ['8080-8082:80', '53/udp']}}
"""
LAN = "{driver: macvlan, parent: uplink, ipam: {config: [{subnet: 10.99.0.0/24, ip_range: 10.99.0.128/25}]}"
MACVLAN = (
    f"name: t\nnetworks: {{lan: {LAN}}}}}\ncontainers: {{a: {{networks: [lan]}}, b: {{networks: [lan]}}}}\n"
)
MACVLAN_AFTER = f"""
name: t
networks: {{lan: {LAN}, host_access: 10.99.0.99}}}}
containers: {{a: {{networks: [lan]}}, c: {{networks: [lan]}}}}
"""
MESH = "{driver: overlay, enable_ipv6: true, ipam: {config: [{subnet: 10.55.0.0/24}, {subnet: 'fd55::/64'}]}"
BOXES = "{a: {host: h1, networks: [n]}, b: {host: h2, networks: [n]}"
OVERLAY = f"name: t\n{hosts(2)}\nnetworks: {{n: {MESH}}}}}\ncontainers: {BOXES}}}\n"
OVERLAY_AFTER = f"""
name: t
{hosts(2)}
networks: {{n: {MESH}, driver_opts: {{port: '4790'}}}}}}
containers: {BOXES}, c: {{host: h1, networks: [n], ports: ['80:80']}}}}
"""


def routed(box: str, more: str = "") -> str:
    net = "n: {gateway_mode: routed, internal: true, ipam: {config: [{subnet: 10.56.0.0/16}]}}"
    boxes = f"{{a: {{host: h1, networks: [n]}}, {box}}}"
    return f"name: t\n{hosts(2)}\nnetworks: {{{net}, {more}}}\ncontainers: {boxes}\n"


@pytest.fixture
def cluster(privileged: None, tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path, 2) as made:
        yield made


def picture(cluster: Cluster, *paths: object) -> Path:
    """What stands on h1, as h1 saves it."""
    file = cluster.files / "h1.json"
    assert cluster["h1"].reconcile("--status", "--out", file, *paths).rc in (0, 2)
    return file


def both(cluster: Cluster, file: Path, *words: object) -> tuple[str, str]:
    """What h1 says, and what h2 says of h1."""
    own = cluster["h1"].succeed(cluster["h1"].reconcile(*words))
    other = cluster["h2"].succeed(cluster["h2"].reconcile(*words, "--host", "h1", "--against", file))
    return own.out, other.out


MANIFESTS = {
    "bridge": (BRIDGE, BRIDGE_AFTER),
    "macvlan": (MACVLAN, MACVLAN_AFTER),
    "overlay": (OVERLAY, OVERLAY_AFTER),
    "routed": (routed("b: {host: h2, networks: [n]}"), routed("c: {host: h1, networks: [n, m]}", "m: {}")),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_the_plan_is_that_of_the_host_itself(cluster, kind):
    before, after = MANIFESTS[kind]
    folder = cluster.manifest(before)
    for mode in (["--plan"], ["--show"]):
        own, other = both(cluster, picture(cluster, folder), *mode, folder, "-o", "json")
        assert own == other
    cluster["h1"].succeed(cluster["h1"].reconcile("--apply", folder))
    file = picture(cluster, folder)
    own, other = both(cluster, file, "--plan", folder, "-o", "json")
    assert own == other and json.loads(own)["steps"] == []
    cluster.manifest(after)
    for words in (["--plan", "-o", "json"], ["--plan", "-o", "wide"], ["--plan", "-o", "shell"], ["--show"]):
        own, other = both(cluster, file, *words, folder)
        assert own == other and own
    key = "table inet/reconciler"
    assert len(set(both(cluster, file, "--explain", key, folder))) == 1


def test_what_drifted_is_seen(cluster):
    folder = cluster.manifest(BRIDGE)
    cluster["h1"].succeed(cluster["h1"].reconcile("--apply", folder))
    cluster["h1"].nft("flush chain inet reconciler forward; add rule inet reconciler direct accept")
    cluster["h1"].run("ip link set br-t-back down")
    cluster["h1"].sysctl("net/ipv6/conf/br-t-front/accept_ra", value=1)
    own, other = both(cluster, picture(cluster), "--plan", folder, "-o", "json")
    # Linux took the bridge's neighbour and the routes by it when it went down.
    assert own == other and len(json.loads(own)["steps"]) == 7


def test_a_project_is_known_without_its_manifests_and_what_is_not_is_refused(cluster):
    folder = cluster.manifest(BRIDGE)
    cluster["h1"].succeed(cluster["h1"].reconcile("--apply", folder))
    file = picture(cluster)
    own, other = both(cluster, file, "--plan", folder, "-o", "json")
    assert own == other
    cluster.manifest(BRIDGE.replace("{web: {", "{web: {sysctls: {net.core.somaxconn: 99}, "))
    refused = cluster["h2"].reconcile("--plan", folder, "--against", file)
    assert refused.rc == 64 and "does not tell sysctl t-web-1/net/core/somaxconn" in refused.err
    own, other = both(cluster, picture(cluster, folder), "--plan", folder, "-o", "json")
    assert own == other and "somaxconn" in own


def test_what_stands_in_the_way_on_that_host_is_named(cluster):
    folder = cluster.manifest(BRIDGE)
    cluster["h1"].ip("link add br-t-front type bridge")
    file = picture(cluster)
    refused = cluster["h2"].reconcile("--plan", folder, "--against", file)
    assert refused.rc == 65 and "br-t-front" in refused.err
    assert cluster["h2"].reconcile("--plan", folder).rc == 0
