"""evpn: whom a host believes, and what: somebody takes another host's address and speaks BGP."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from reconciler.kernel import frr
from tests.netns.cluster import Cluster, Machine, clustered
from tests.netns.frames import Sniffer
from tests.netns.speaker import BGP, Speaker
from tests.netns.test_evpn import HOMES, PATIENCE, PREPARE, manifest, meeting, sessions, within

pytestmark = [
    pytest.mark.frr,
    pytest.mark.alone,
    pytest.mark.skipif(bool(frr.lack()), reason=f"no FRR here: {frr.lack()}"),
]
THERE, NOWHERE = "10.99.0.2", "10.99.0.77"  # the address of a host, and none of one
INVENTED = "06:00:00:00:00:{:02x}"
STATIC = """name: u
hosts: {h1: {address: 10.99.0.1}, h3: {address: 10.99.0.3}}
networks: {s: {driver: overlay, ipam: {config: [{subnet: 10.57.0.0/24}]}}}
containers: {ua: {host: h1, networks: [s]}, uc: {host: h3, networks: [s]}}
"""
MD5 = bytes([19, 18])  # kind and length of the option (RFC 2385)


@pytest.fixture
def cluster(privileged: None, tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path, 3, prepare=PREPARE) as made:
        yield made


def impostor(cluster: Cluster) -> Speaker:
    """The outside has the address of h2, and the hosts know it."""
    cluster["h2"].kill()
    subprocess.run(["ip", "addr", "add", f"{THERE}/32", "dev", "ul"], check=True)
    cluster["h1"].run("ip neigh flush dev uplink", check=False)
    return Speaker(THERE)


def vni(host: Machine, folder: Path) -> int:
    (network,) = host.reconcile("--show", folder, "-o", "json").json["networks"]
    return network["vni"]


def entries(host: Machine) -> str:
    return host.run("bridge fdb show").out


def status(host: Machine, folder: Path) -> dict:
    return json.loads(host.reconcile("--status", folder, "-o", "json").out)


def test_a_route_is_believed_for_the_projects_networks_and_its_hosts_alone(cluster):
    h1, h3 = cluster["h1"], cluster["h3"]
    with closing(impostor(cluster)) as speaker:
        other = cluster.manifest(STATIC, "other")
        folder = cluster.manifest(manifest(HOMES))
        for host in (h1, h3):
            host.succeed(host.reconcile("--apply", other))
        h1.succeed(h1.reconcile("--apply", folder))
        speaker.listen(PATIENCE)
        own, theirs = vni(h1, folder), vni(h1, other)
        victim, before = h3.link("eth0", "u-uc")["address"], h1.run("bridge fdb show br br-u-s").out
        speaker.tell((theirs,), victim, THERE)
        for targets in ((own, theirs), (theirs, own), (own, 9)):
            speaker.tell(targets, victim, THERE)
        speaker.tell((own,), INVENTED.format(1), NOWHERE)
        speaker.tell((own,), INVENTED.format(2), NOWHERE, THERE)
        speaker.tell((own,), INVENTED.format(3), THERE, NOWHERE)
        speaker.tell((own,), INVENTED.format(4), THERE)
        within(PATIENCE, lambda: INVENTED.format(4) in entries(h1))
        assert h1.run("bridge fdb show br br-u-s").out == before
        assert NOWHERE not in entries(h1)
        assert h1.ping("u-ua", h3.address("u-uc"))
        h1.succeed(h1.reconcile("--apply", other))

        # what is believed and not declared is told, and so is who does not speak
        said = status(h1, folder)
        assert said["in_sync"]
        assert f"t_n: h2 tells of {INVENTED.format(4)}, which is nobody's" in said["differences"]
        assert "t_n: h2 does not tell of 2 of its MACs" in said["differences"]
        assert {p["peer"]: (p["by"], p["up"]) for p in said["peers"]} == {
            THERE: ("bgp", True),
            "10.99.0.3": ("bgp", False),
        }
        words = h1.reconcile("--status", folder)
        assert "t: BGP with 1 of 2 hosts; not with 10.99.0.3 (" in words.out
        assert f"warning: t_n: h2 tells of {INVENTED.format(4)}" in words.err

        if not frr.boundless():  # FRR 10: whoever tells more than there can be is not listened to
            with suppress(OSError):
                for n in range(6000):
                    speaker.tell((own,), f"06:00:00:01:{n >> 8:02x}:{n & 255:02x}", THERE)
            within(PATIENCE, lambda: "06:00:" not in entries(h1))


def test_hosts_with_keys_believe_each_other_and_nobody_else(cluster):
    h1, h2, h3 = cluster.hosts
    keys = {host.name: host.succeed(host.reconcile("--key")).out.strip() for host in cluster.hosts}
    text = manifest(HOMES)
    for name, line in keys.items():
        text = text.replace(f"10.99.0.{name[1]},", f"10.99.0.{name[1]}, {line},")
    with Sniffer(h1, "", "uplink") as heard:
        folder = cluster.apply(text)
        within(PATIENCE, lambda: meeting(cluster, HOMES) and len(sessions(h1)) == 2)
    segments = [f for f in heard.frames if f[12:14] == b"\x08\0" and f[23] == 6]
    spoken = [f for f in segments if BGP.to_bytes(2, "big") in (f[34:36], f[36:38]) and not f[47] & 4]
    assert spoken and all(MD5 in f[54 : 34 + (f[46] >> 4) * 4] for f in spoken)  # but for resets
    for host in cluster.hosts:
        assert host.reconcile("--plan", folder, "-o", "json").steps == []

    # the password is between the two hosts, bgpd and a file that nobody else reads
    conf = "/etc/frr/reconciler/frr.conf"
    assert h1.command("stat", "-c", "%a", conf).out.strip() == "600"
    (password, _) = (row.split()[-1] for row in h1.command("grep", "password", conf).out.splitlines())
    shown = [
        h1.reconcile(*words, folder)
        for words in (("--plan", "-o", "json"), ("--explain", "router host/evpn"), ("--status", "-o", "json"))
    ]
    shown.append(h1.reconcile("--plan", "--host", "h1", "-o", "shell", folder))
    assert not [one for one in shown if one.rc or password in one.out + one.err]
    assert h1.command("grep", "-r", password, "/var/lib/reconciler").rc == 1
    assert password in h2.command("cat", conf).out and password not in h3.command("cat", conf).out

    # whoever has the address alone is neither called nor answered
    with closing(impostor(cluster)) as speaker:
        with pytest.raises(TimeoutError):
            speaker.listen(12)  # a host calls every ten seconds
        with pytest.raises(TimeoutError):
            socket.create_connection(("10.99.0.1", BGP), 2, (THERE, 0))
    assert sessions(h1).keys() == {"10.99.0.3"} and meeting(cluster, {"a": "h1", "c": "h3"})

    # and a host whose key is another's is told so before anything is touched
    h3.succeed(h3.command("sh", "-c", "rm /var/lib/reconciler/wireguard.key"))
    h3.succeed(h3.reconcile("--key"))
    refused = h3.reconcile("--apply", folder)
    assert refused.rc == 65 and "has not the private key of host h3" in refused.err
