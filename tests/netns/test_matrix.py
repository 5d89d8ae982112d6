"""Each conflict that comes after an apply, in every mode, for the project that it meets and for another."""

import socket
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import pytest

from tests.netns.test_late import opened
from tests.netns.watching import watching

NIC = "link add nic type veth peer name far\nlink set nic up\nlink set far up"
OTHER = "name: q\ncontainers: {web: {ports: ['8090:80']}}\n"
WEB = "name: p\nnetworks: {n: {%s}}\ncontainers: {a: {networks: [n], ports: ['8080:80']}}\n"
LAN = "name: p\nnetworks: {n: {%s}}\ncontainers: {a: {networks: {n: {ipv4_address: 10.1.0.10}}}}\n"
FIXED = "ipam: {config: [{subnet: 10.20.0.0/16}]}"
PARENT = "driver: macvlan, parent: nic, ipam: {config: [{subnet: 10.1.0.0/24}]}"


class Conflict(NamedTuple):
    """`ip` lines make it, or a socket; `words` name it.  `stands` where what stands has it only told; `new`
    where even a first apply has no trouble."""

    manifest: str
    words: str
    ip: str = ""
    socket: tuple[int, str, int] | None = None
    stands: bool = True
    new: bool = False
    loss: str = "nft flush ruleset"


CONFLICTS = {
    "a process": Conflict(WEB % "", "8080/tcp", socket=(socket.SOCK_STREAM, "127.0.0.1", 8080)),
    "a process, and a flushed map": Conflict(
        WEB % "",
        "8080/tcp",
        socket=(socket.SOCK_STREAM, "127.0.0.1", 8080),
        loss="nft flush map inet reconciler publish4",
    ),
    "a socket in a range": Conflict(
        (WEB % "").replace("8080:80", "40000-45000:40000-45000/udp"),
        "41000/udp",
        socket=(socket.SOCK_DGRAM, "0.0.0.0", 41000),
        new=True,
    ),
    "a VPN of two halves": Conflict(
        WEB % "", "", ip="route add 0.0.0.0/1 dev uplink\nroute add 128.0.0.0/1 dev uplink", new=True
    ),
    "a route inside": Conflict(WEB % FIXED, "10.20.5.0/24", ip="route add 10.20.5.0/24 dev uplink"),
    "an address inside": Conflict(WEB % FIXED, "10.20.5.1", ip="addr add 10.20.5.1/32 dev uplink"),
    "a NIC that goes": Conflict(LAN % PARENT, "nic", ip="link del nic", stands=False),
}


@contextmanager
def comes(lab, conflict):
    if conflict.ip:
        lab.ip(conflict.ip)
    with opened(*conflict.socket) if conflict.socket else nullcontext():
        yield


@pytest.mark.parametrize("name", CONFLICTS)
def test_what_comes_later(lab, name):
    conflict = CONFLICTS[name]
    lab.ip(NIC)
    lab.write(conflict.manifest, "p.yaml")
    lab.write(OTHER, "q.yaml")
    lab.succeed(lab.reconcile("--apply", lab.files))
    with watching(lab, lab.files) as watcher, comes(lab, conflict):
        waits = "" if conflict.stands else "project p waits"
        watcher.until(lambda: waits in watcher.log)
        for mode, bad in (("--plan", 3), ("--apply", 3), ("--status", 2)):
            result = lab.reconcile(mode, lab.files)
            assert result.rc == (0 if conflict.stands else bad), (mode, result)
            assert conflict.words in result.err and waits in result.err, (mode, result)
        assert not lab.reconcile("--plan", lab.files, "-o", "json").json["steps"]
        # The watcher heals both, as far as there is anything to stand on.
        lab.run(conflict.loss)
        watcher.until(lambda: "8090" in lab.rules())
        if conflict.stands:
            watcher.until(lambda: lab.declared("p"))
            watcher.synced()
        assert watcher.status["in_sync"] == conflict.stands
    # A boot, with the conflict there before us.
    lab.succeed(lab.reconcile("--destroy", "--project", "p", "--project", "q"))
    with comes(lab, conflict._replace(ip="")), watching(lab, lab.files, sync=conflict.new) as watcher:
        watcher.until(lambda: "q-web" in lab.namespaces())
        watcher.until(lambda: "p-a" in lab.namespaces() or "project p waits" in watcher.log)
        assert conflict.new == ("p-a" in lab.namespaces())
