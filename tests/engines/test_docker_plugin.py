"""Docker's own containers on networks of ours, by its network plugin: dockerd is real."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from tests.engines.dockerd import DOCKER, Docker, lack
from tests.netns.conftest import lab, privileged
from tests.netns.lab import HOST4, Lab
from tests.netns.watching import Watcher, until, watching

__all__ = ["lab", "privileged"]
pytestmark = pytest.mark.skipif(bool(lack()), reason=lack())

SHOP = """
name: shop
networks:
  front: {enable_ipv6: true, ipam: {config: [{subnet: 10.81.0.0/24}, {subnet: 'fd81::/64'}]}}
  back: {internal: true}
services: {web: {networks: {front: {interface_name: eth0}, back: {interface_name: back0}}}}
"""
OWN = 2  # ends of the manifest's own
GUESTS = Path("/run/reconciler/guests")
NETWORK = (
    "network",
    "create",
    "-d",
    "reconciler",
    "--ipam-driver",
    "null",
    "-o",
    "network=shop_front",
    "front",
)
BOX = "run", "-d", "--stop-signal=KILL", "--network=front"
SLEEP = "box", "sleep", "1000"
SERVER = r"""
import socket, sys
server = socket.create_server(("::", int(sys.argv[2])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    with server.accept()[0] as one:
        one.sendall(f"{sys.argv[1]} \n".encode())
"""
COMPOSE = """
version: "3"
services:
  db:
    image: box
    command: sleep 1000
    stop_signal: SIGKILL
    ports: ["8090:80"]
    networks: [front]
networks:
  front: {driver: reconciler, driver_opts: {network: shop_front}, ipam: {driver: "null"}}
"""


class Host:
    """A lab with a watcher and Docker on one host."""

    def __init__(self, lab: Lab, *more: str) -> None:
        self.lab, self.docker = lab, Docker(lab, "", *more)
        Path("/run/docker.sock").symlink_to("/run/dockerd/socket")
        self.manifest = lab.write(SHOP)
        for way in ("-i", "-o"):  # as the README says: Docker drops what others forward
            for bridge in ("br-shop-front", "br-shop-back"):
                lab.run(f"iptables -I DOCKER-USER {way} {bridge} -j ACCEPT")

    def pid(self, box: str) -> str:
        return self.docker("inspect", "-f", "{{.State.Pid}}", box)

    def address(self, box: str, link: str = "eth0", family: str = "inet") -> str:
        words = [*self.docker.entering(box), "ip", "-j", "addr", "show", link]
        [seen] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
        return next(a["local"] for a in seen["addr_info"] if a["family"] == family and a["scope"] == "global")

    def serve(self, box: str, port: int = 80) -> None:
        """Until its container ends."""
        subprocess.Popen([*self.docker.entering(box), "python3", "-c", SERVER, box, str(port)])

    def answers(self, port: int, ns: str = "R", at: str = HOST4) -> str:
        return str(self.lab.ask(ns, at, port)).split()[0]

    def found(self, name: str) -> str:
        return self.lab.run(f"busybox nslookup {name} 127.0.0.11", "shop-web-1", check=False).out

    def ends(self) -> int:
        """Of ours on the host: Docker's own begin as these do."""
        links = self.lab.json("ip -j link show type veth")
        return sum(one["ifname"].startswith("ve") and "ifalias" in one for one in links)

    def is_clean(self) -> bool:
        """Whether nothing is left but what the manifest says."""
        return not any(GUESTS.iterdir() if GUESTS.exists() else ()) and self.ends() == OWN


@contextmanager
def hosting(lab: Lab, *more: str) -> Iterator[tuple[Host, Watcher]]:
    host = Host(lab, *more)
    try:
        with watching(lab, host.manifest) as watcher:
            watcher.settled()
            yield host, watcher
    finally:
        host.docker.close()


def planned(host: Host) -> list[str]:
    return host.lab.planned(SHOP)


def test_run_publish_names_and_gone(lab: Lab) -> None:
    with hosting(lab) as (host, watcher):
        docker = host.docker
        wrong = lab.run([DOCKER, docker.host, *NETWORK[:4], "front"], check=False)
        assert wrong.rc and "-o network=shop_front" in wrong.err
        docker(*NETWORK)
        began = time.monotonic()
        docker(*BOX, "--name=one", "-p", "8080:80", "-p", "5555", "--dns=10.81.0.1", *SLEEP)
        print(f"docker run: {time.monotonic() - began:.2f} s")
        docker(*BOX, "--name=two", *SLEEP)
        assert planned(host) == []
        host.serve("one")
        until(lambda: host.answers(8080) == "one")
        ip, six = host.address("one"), host.address("one", family="inet6")
        assert (
            host.answers(80, "shop-web-1", ip) == "one"
            and host.answers(8080, "shop-web-1", "10.81.0.1") == "one"
        )
        assert host.answers(80, "shop-web-1", six) == "one"
        assert "one" in lab.run(f"busybox nc {ip} 80", check=False).out  # of the host itself
        assert ip in host.found("one") and host.address("two") in host.found("two")
        assert docker.addresses("two", "one")["one"] >= {ip}
        assert lab.address("shop-web-1") in docker.addresses("one", "web")["web"]
        assert docker.run("two", "ping", "-c1", "-W2", lab.address("shop-web-1")).rc == 0
        assert docker.run("two", "ping", "-c1", "-W2", "198.51.100.2").rc == 0  # R, beyond the host
        docker("restart", "-t", "0", "one")
        host.serve("one")
        until(lambda: host.answers(8080) == "one")
        docker("rename", "two", "second")
        taken = lab.run([DOCKER, docker.host, *BOX, "--name=three", "-p", "8080:80", *SLEEP], check=False)
        assert taken.rc and "8080/tcp is taken" in taken.err, taken
        docker("rm", "three")
        assert host.ends() == OWN + 2 and planned(host) == []
        docker(*NETWORK[:-2], "network=shop_back", "back")
        docker("network", "connect", "back", "second")
        assert docker.run("second", "ping", "-c1", "-W2", lab.address("shop-web-1", "back0")).rc == 0
        assert docker.run("second", "ping", "-c1", "-W2", "198.51.100.2").rc == 0
        assert planned(host) == []
        docker("rm", "-f", "one", "second")
        docker("network", "rm", "front", "back")
        watcher.synced()
        assert host.is_clean() and planned(host) == []


def test_beside_a_network_of_dockers(lab: Lab) -> None:
    with hosting(lab) as (host, watcher):
        docker = host.docker
        docker(*NETWORK)
        docker("network", "create", "own")
        docker(*BOX[:-1], "--network=own", "--name=one", "-p", "8081:80", *SLEEP)
        docker("network", "connect", "front", "one")
        assert docker.run("one", "ping", "-c1", "-W2", lab.address("shop-web-1")).rc == 0
        until(lambda: host.found("one").count("10.81.0."))
        assert planned(host) == []
        docker("network", "disconnect", "front", "one")
        assert host.ends() == OWN
        docker("network", "connect", "front", "one")
        docker("rm", "-f", "one")
        docker("network", "rm", "own", "front")
        assert host.is_clean() and planned(host) == []


def test_addresses_of_dockers_choice(lab: Lab) -> None:
    with hosting(lab) as (host, watcher):
        docker, ipam = host.docker, ("network", "create", "-d", "reconciler", "--ipam-driver", "reconciler")
        wrong = lab.run([DOCKER, docker.host, *ipam, "front"], check=False)
        assert wrong.rc and "name the subnet" in wrong.err
        docker(*ipam, "--subnet=10.81.0.0/24", "front")
        docker(*BOX, "--name=one", "--ip=10.81.0.77", *SLEEP)
        docker(*BOX, "--name=two", *SLEEP)
        assert host.address("one") == "10.81.0.77"
        assert docker.run("two", "ping", "-c1", "-W2", "10.81.0.77").rc == 0
        assert docker.run("two", "ping", "-c1", "-W2", lab.address("shop-web-1")).rc == 0
        docker("rm", "-f", "one", "two")
        docker("network", "rm", "front")
        assert host.is_clean() and planned(host) == []


def test_who_dies_in_the_middle(lab: Lab) -> None:
    with hosting(lab) as (host, watcher):
        docker = host.docker
        docker(*NETWORK)
        for name in ("one", "two"):
            docker(*BOX, f"--name={name}", *SLEEP)
        watcher.process.kill()
        watcher.process.wait()
        with watching(lab, host.manifest) as second:
            second.settled()
            assert docker.run("one", "ping", "-c1", "-W2", lab.address("shop-web-1")).rc == 0
            assert host.ends() == OWN + 2 and planned(host) == []
            docker("restart", "-t", "0", "one")
            assert docker.run("one", "ping", "-c1", "-W2", lab.address("shop-web-1")).rc == 0
        lab.run([DOCKER, docker.host, "rm", "-f", "one"], check=False)
        with watching(lab, host.manifest) as third:
            until(lambda: host.ends() == OWN + 1, words=lambda: third.log)
            docker.kill()
            docker.start()  # which ends what ran, and tells so
            third.settled()
            until(lambda: host.is_clean(), words=docker.log.read_text)
            docker("start", "two")
            assert docker.run("two", "ping", "-c1", "-W2", lab.address("shop-web-1")).rc == 0
            docker("rm", "-f", "two")
            assert host.is_clean() and planned(host) == []


def test_live_restore(lab: Lab) -> None:
    with hosting(lab, "--live-restore") as (host, watcher):
        docker = host.docker
        docker(*NETWORK)
        docker(*BOX, "--name=one", "-p", "8080:80", *SLEEP)
        pid = host.pid("one")
        for end in (docker.close, docker.kill):
            end()
            assert (
                lab.run(["nsenter", "-n", "-t", pid, "ping", "-c1", "-W2", lab.address("shop-web-1")]).rc == 0
            )
            docker.start()
            assert host.pid("one") == pid
            time.sleep(1)
            assert host.ends() == OWN + 1 and planned(host) == []
        docker("rm", "-f", "one")
        assert host.is_clean()


@pytest.mark.skipif(not which("docker-compose"), reason="not installed: apt-get install docker-compose")
def test_a_compose_file(lab: Lab) -> None:
    with hosting(lab) as (host, watcher):
        folder = Path("/run/lab/compose/app")
        folder.mkdir(parents=True)
        (folder / "docker-compose.yml").write_text(COMPOSE)
        compose = ["docker-compose", "-f", str(folder / "docker-compose.yml")]
        lab.run([*compose, "up", "-d"])
        [box] = host.docker("ps", "--format={{.Names}}").split()
        host.serve(box)
        until(lambda: host.answers(8090) == box)
        for name in ("db", box):
            assert host.address(box) in host.found(name)
        assert planned(host) == []
        lab.run([*compose, "down", "-t", "0"])
        assert host.is_clean() and planned(host) == []
