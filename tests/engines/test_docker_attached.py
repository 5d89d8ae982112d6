"""A container that Docker started, in our networks."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from tests.engines.dockerd import Docker, lack
from tests.netns.conftest import lab, privileged
from tests.netns.lab import HOST4, REMOTE4
from tests.netns.watching import EVENT, watching

__all__ = ["lab", "privileged"]
pytestmark = pytest.mark.skipif(bool(lack()), reason=lack())

OPTIONS = "--stop-signal=KILL", "--dns=127.0.0.11"
LINKS = {"lo", "eth0", "front0"}
ATTACHED = """
name: shop
networks: {front: {}}
containers:
  web: {attach: {docker: web}, networks: {front: {interface_name: front0}}}
  alone: {attach: {docker: alone}, networks: [front], ports: ["8080:80"]}
  asks: {networks: [front]}
"""


def test_it_has_our_network_beside_its_own_and_again_when_it_is_started_again(lab):
    with closing(Docker(lab, "")) as docker:
        Path("/run/docker.sock").symlink_to("/run/dockerd/socket")
        manifest = lab.write(ATTACHED)
        with watching(lab, manifest) as watcher:
            assert "docker knows no container web" in lab.reconcile("--plan", manifest).err
            for name, network in (("web", "bridge"), ("alone", "none")):
                docker(
                    "run", "-d", *OPTIONS, f"--network={network}", f"--name={name}", "box", "sleep", "1000"
                )
            watcher.until(lambda: {*lab.links("shop-web")} == LINKS, EVENT)
            watcher.until(lambda: "eth0" in lab.links("shop-alone"), EVENT)
            lab.serve("shop-alone", 80)
            for way in ("-i", "-o"):
                lab.run(f"iptables -I DOCKER-USER {way} br-shop-front -j ACCEPT")
            assert lab.ask("R", HOST4, 8080) == f"shop-alone {REMOTE4}"
            address = lab.address("shop-web", "front0")
            for name in ("asks", "alone"):
                assert docker.run("web", "ping", "-c1", "-W1", lab.address(f"shop-{name}")).rc == 0
            assert docker.addresses("web", "asks") == {"asks": {lab.address("shop-asks")}}
            first = os.stat("/run/netns/shop-web").st_ino
            docker("restart", "-t", "0", "web")
            watcher.until(lambda: os.stat("/run/netns/shop-web").st_ino != first, EVENT)
            watcher.until(lambda: {*lab.links("shop-web")} == LINKS, EVENT)
            assert lab.address("shop-web", "front0") == address
        assert "Nothing to do." in lab.reconcile("--plan", manifest).out
        taken = lab.try_apply(ATTACHED.replace("front0", "eth0"))
        assert taken.rc == 3 and "sandbox shop-web is left as it is" in taken.err
        lab.apply(ATTACHED)
        assert lab.planned(ATTACHED) == [] and {*lab.links("shop-web")} == LINKS
        way = lab.run("ip route show default", "shop-web").out
        assert "default via 172.17.0.1 dev eth0" in way and "front0" not in way
        lab.destroy()
        assert "front0" not in docker.run("web", "cat", "/proc/net/dev").out
        assert docker.run("web", "ping", "-c1", "-W1", "172.17.0.1").rc == 0
