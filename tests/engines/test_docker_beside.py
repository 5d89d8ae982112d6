"""Docker and we on one host: whoever comes second, the names and packets of both go on."""

from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
import yaml

from tests.engines.dockerd import Docker, lack
from tests.netns.asking import Answer, addresses, dig, dnsmasq
from tests.netns.conftest import lab, privileged
from tests.netns.lab import HOST4, IMPATIENCE, REMOTE4, Lab

__all__ = ["lab", "privileged"]
pytestmark = pytest.mark.skipif(bool(lack()), reason=lack())

WWW = "192.0.2.80"
OURS = """
name: shop
router: true
networks: {front: {enable_ipv6: true}, back: {internal: true}}
containers:
  web: {networks: [front], ports: ['8080:80']}
  asks: {networks: [front]}
  db: {networks: [back]}
  inner: {networks: [back]}
"""
NEIGHBOURS = (("asks", "web"), ("inner", "db"))
THEIRS = "{networks: {theirs: {}}, containers: {first: {networks: [theirs]}, second: {networks: [theirs]}}}"


def are_told(lab: Lab) -> None:
    """Names need nobody's leave to be forwarded."""
    for asking, name in NEIGHBOURS:
        known = Answer("NOERROR", (lab.address(f"shop-{name}"),))
        assert dig(lab, f"shop-{asking}", f"{name} A") == known
        assert dig(lab, f"shop-{asking}", f"{name} A", "@127.0.0.11", "+tcp") == known
    assert addresses(lab, "shop-asks", "musl", "www.example.com") == {"www.example.com": {WWW}}


def are_reached(lab: Lab) -> None:
    for asking, name in NEIGHBOURS:
        found = lab.ask(f"shop-{asking}", lab.address(f"shop-{name}"), 80)
        assert found == f"shop-{name} {lab.address(f'shop-{asking}')}"
    assert lab.ping("shop-asks", WWW) and lab.ask("R", HOST4, 8080) == f"shop-web {REMOTE4}"


def are_whole(docker: Docker, stranger: str) -> None:
    second = docker("inspect", "-f", "{{.NetworkSettings.Networks.theirs.IPAddress}}", "second")
    told = {"second": {second}, "www.example.com": {WWW}, "web": set()}
    assert docker.addresses("first", *told) == told
    pings = {to: docker.run("first", "ping", "-c1", "-W1", to).rc == 0 for to in (second, WWW, stranger)}
    assert pings == {second: True, WWW: True, stranger: False}


@pytest.fixture
def host(lab: Lab) -> Iterator[Lab]:
    """Where frames that a bridge forwards are judged by the chains of IP, as is usual beside Docker."""
    try:
        for name in ("iptables", "ip6tables"):
            lab.sysctl(f"net/bridge/bridge-nf-call-{name}", value=1)
    except FileNotFoundError:
        pytest.skip("br_netfilter is not loaded here")
    lab.ip(f"addr add {WWW}/32 dev lo", "R")
    Path("/etc/resolv.conf").unlink(missing_ok=True)
    Path("/etc/resolv.conf").write_text(f"nameserver {REMOTE4}\n")
    known = (f"--host-record=www.example.com,{WWW}", "--address=/#/", f"--listen-address={REMOTE4}")
    with dnsmasq(lab, "R", *known, "--bind-interfaces"):
        yield lab


def test_where_docker_was_first_its_chain_is_told_and_names_need_no_leave(host):
    """Docker makes the host a router, and lets its FORWARD chain drop what is not its own."""
    with closing(Docker(host, "")) as docker:
        docker.make(yaml.safe_load(THEIRS))
        told = host.apply(OURS).err
        assert (
            "chain ip filter FORWARD (drops what it does not accept) will drop published ports 8080/tcp"
            in told
        )
        assert "what containers send out and to one another (br_netfilter)" in told
        serve(host)
        are_told(host)
        assert not host.ping("shop-asks", WWW, IMPATIENCE)
        host.silent(*((f"shop-{asking}", host.address(f"shop-{name}"), 80) for asking, name in NEIGHBOURS))
        for way, link in product(("-i", "-o"), ("br-shop-front", "br-shop-back")):
            host.run(f"iptables -I DOCKER-USER {way} {link} -j ACCEPT")
        are_reached(host)
        is_settled(host, docker)


def test_where_we_were_first_docker_needs_no_leave_on_a_router(host):
    host.apply(OURS)
    with closing(Docker(host, "")) as docker:
        docker.make(yaml.safe_load(THEIRS))
        serve(host)
        are_told(host)
        are_reached(host)
        is_settled(host, docker)


def serve(lab: Lab) -> None:
    for name in ("web", "db"):
        lab.serve(f"shop-{name}", 80)


def is_settled(lab: Lab, docker: Docker) -> None:
    """Nothing is to be done, and Docker's go on, also without us."""
    assert lab.planned(OURS) == []
    stranger = lab.address("shop-web")
    are_whole(docker, stranger)
    lab.destroy()
    are_whole(docker, stranger)
