"""`--explain` knows what a person types: names, ports, addresses, interfaces; and lists what it may be."""

import re

import pytest

from reconciler.kinds.names import short_id
from tests.netns.lab import Lab

SHOP = """
name: shop
networks:
  front: {ipam: {config: [{subnet: 10.91.0.0/24}]}}
  back: {ipam: {config: [{subnet: 10.92.0.0/24}]}}
services:
  pool: {networks: [back], deploy: {replicas: 2}}
containers:
  web:
    hostname: www
    ports: ['8080:80', '9000-9002:9000-9002/udp']
    networks: {front: {ipv4_address: 10.91.0.15, mac_address: '02:00:00:00:00:0a', aliases: [site]}}
  db: {networks: [front, back]}
"""
WEB = "container shop-web   project shop"


@pytest.fixture
def shop(lab: Lab) -> Lab:
    lab.apply(SHOP)
    return lab


def explained(lab: Lab, word: str) -> list[str]:
    """The lines, less where the manifest stands."""
    said = lab.succeed(lab.reconcile("--explain", word, lab.files / "t.yaml")).out
    return [row.replace(f"{lab.files}/", "") for row in said.splitlines()]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("web", "WEB", "shop-web", "container shop-web", "www", "site"), WEB),
        ((short_id("shop-web"), "web.shop.internal"), WEB),
        (("front", "shop_front"), "network shop_front   project shop"),
        (("8080", "8080/tcp"), "port 8080/tcp   project shop"),
        (("9001", "9000-9002/udp"), "port 9000-9002/udp   project shop"),
        (("pool-2",), "container shop-pool-2   project shop"),
        (("10.91.0.15",), "address shop-web/eth0/10.91.0.15   container shop-web"),
        (("02:00:00:00:00:0a", "02:00:00:00:00:0A"), "link shop-web/eth0   container shop-web"),
        (("10.91.0.1",), "address host/br-shop-front/10.91.0.1   network shop_front"),
        (("br-shop-front",), "link host/br-shop-front   network shop_front"),
        (("link host/br-shop-front",), "link host/br-shop-front"),
        (("shop",), "shop is"),
    ],
)
def test_one_thing_is_told_whole(shop, words, first):
    for word in words:
        lines = explained(shop, word)
        assert lines[0].startswith(first) and len(lines) > 1, (word, lines)


def test_what_a_plan_says_is_told(shop):
    assert explained(shop, "names")[0].startswith("names   project shop   t.yaml:")
    assert {row.split()[-1] for row in explained(shop, "firewall")[1:]} == {"sync"}
    assert len(explained(shop, "host settings")) > 1
    costs = [
        shop.succeed(shop.reconcile("--explain", word)).out for word in ("none", "flow", "link", "recreate")
    ]
    assert "notice nothing" in costs[0] and all("\nfor example: " in text for text in costs)
    lost = shop.reconcile("--explain", "flow", shop.files / "t.yaml")
    assert lost.rc == 64 and "`reconcile --explain flow`, without a PATH" in lost.err
    assert "many hosts (docs/hosts.md)" in shop.succeed(shop.reconcile("--explain", "R0119")).out


def test_a_container_is_all_that_it_has(shop):
    lines = explained(shop, "web")
    assert lines[0] == f"{WEB}   t.yaml:9   in sync"
    assert "  address shop-web/eth0/10.91.0.15" in lines and "  link shop-web/eth0" in lines
    shop.run("ip addr del 10.91.0.15/24 dev eth0", "shop-web")
    lines = explained(shop, "web")
    assert lines[0].endswith("differs") and "  address shop-web/eth0/10.91.0.15   missing" in lines


def test_several_are_listed(shop):
    lines = explained(shop, "pool")
    assert lines[0] == "pool is"
    assert [line.split("   ")[0].strip() for line in lines[1:]] == [
        "container shop-pool-1",
        "container shop-pool-2",
    ]


def test_an_interface_that_several_have(shop):
    rows = [line.strip() for line in explained(shop, "eth0")[1:]]
    assert "link shop-db/eth0   container shop-db" in rows and len(rows) == 4


def test_the_address_of_a_service(shop):
    with shop.inside("shop-db"):
        found = shop.json("nft -j list set inet reconciler servers4")
    vip = found["nftables"][-1]["set"]["elem"][0]
    told = "\n".join(explained(shop, vip))
    assert "shop_back  shop/pool" in told, told


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("wbe", "did you mean 'web'"),
        ("10.91.0.16", "did you mean '10.91.0.1"),
        ("8081", "did you mean '8080'"),
        ("frnt", "did you mean 'front'"),
        ("shop-web/eth0", "did you mean 'link shop-web/eth0'?"),
        ("shop-web/eth0/10.91.0.15", "did you mean 'address shop-web/eth0/10.91.0.15'?"),
        ("nothing-of-the-kind", "see --plan -o wide"),
    ],
)
def test_what_nobody_is_called(shop, word, hint):
    said = shop.reconcile("--explain", word, shop.files / "t.yaml")
    assert said.rc == 64 and f"nothing here is called '{word}'" in said.err and hint in said.err, said


MANY = "{name: many, services: {client: {scale: 11}, web: {scale: 11, ports: ['8080-8090:80']}}}"
CLOSED = "{name: many, services: {client: {ingress: []}, web: {scale: 11}}}"


def test_replicas_are_listed_as_people_count(lab):
    said = [
        lab.succeed(lab.reconcile(*words, lab.write(MANY))).out
        for words in (
            ("--explain", "web"),
            ("--explain", "many"),
            ("--plan",),
            ("--trace", "outside", "web:80", "--desired"),
            ("--trace", "client", "web:80", "--desired"),
        )
    ]
    for text in said:
        replicas = [int(number) for number in re.findall(r"(?<!to )many-web-(\d+)\b(?!:)", text)]
        assert [*dict.fromkeys(replicas)] == [*range(1, 12)], text
    closed = lab.reconcile("--trace", "web", "client:80", "--desired", lab.write(CLOSED))
    who = re.search("closed  (.*) ->", closed.out)[1].split(", ")
    assert who == [f"many-web-{n}" for n in range(1, 12)], closed
