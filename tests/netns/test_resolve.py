"""What --resolve says is what containers are told."""

import pytest

from reconciler.kernel import resolvers

pytestmark = pytest.mark.skipif(bool(resolvers.lack()), reason="no dnsmasq here: apt install dnsmasq-base")
MANIFEST = """
name: shop
networks:
  front: {enable_ipv6: true}
  back: {internal: true}
services:
  web: {deploy: {replicas: 2}, networks: [front, back]}
  db:
    networks:
      back:
        aliases: [database, '*.pg']
  lone: {networks: [front], extra_hosts: ['registry.example:192.0.2.7']}
"""


@pytest.fixture
def resolve(lab):
    file = lab.write(MANIFEST)

    def said(*words):
        return lab.reconcile("--resolve", *words, file)

    return said


def test_each_name_is_told_with_its_line(resolve):
    said = resolve("database")
    assert said.rc == 0 and said.out.startswith("database\n  shop_back  shop-db-1  172.")
    assert said.out.rstrip().endswith("t.yaml:10:7 services.db.networks.back")
    for name, kind, holders in (
        ("web", "service", ("shop/web",)),
        ("tasks.web", "tasks", ("shop-web-1", "shop-web-2")),
    ):
        found = resolve(name, "-o", "json").json["meanings"]
        assert {(one["network"], one["sandbox"]) for one in found} == {
            (f"shop_{network}", holder) for network in ("front", "back") for holder in holders
        }
        assert {(one["kind"], one["where"]["line"]) for one in found} == {(kind, 7)}


def test_what_is_nobodys_is_told_with_the_nearest(resolve):
    said = resolve("databse")
    assert said.rc == 1 and "nobody is called databse" in said.out and "did you mean 'database'" in said.out
    said = resolve("database", "--from", "lone")
    assert said.rc == 1 and "answered here: there is no such name" in said.out
    assert resolve("example.org", "--from", "shop-lone-1").out.count("asked of ") == 1
    assert resolve("web", "--from", "nobody").rc == 64


def test_containers_hear_what_it_says(lab, resolve):
    lab.apply(MANIFEST)
    asked = {
        "shop-web-1": ("DB", "x.pg", "web.shop.internal", "wbe"),
        "shop-db-1": ("web",),
        "shop-lone-1": ("database", "registry.example"),
    }
    for sandbox, names in asked.items():
        for name in names:
            heard = lab.run(f"ip netns exec {sandbox} getent ahosts {name}", check=False)
            told = resolve(name, "--from", sandbox, "-o", "json").json["meanings"]
            ips = {line.split()[0] for line in heard.out.splitlines()}
            assert ips == {ip for one in told for ip in one["addresses"]}, (sandbox, name)
