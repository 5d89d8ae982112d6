"""Manifests of what stands, and a first one: written, valid, and a plan of them does next to nothing."""

import re

import pytest

from tests.netns.lab import ROOT, Lab

# Of manifests/ those for one host that has containers and no VLANs; one wants a link `eth1`.
MANIFESTS = (
    "addresses",
    "hello",
    "isolation",
    "lan-bridge",
    "none",
    "publish",
    "replicas",
    "tutorial-standalone",
    "two-tiers",
)
RICH = """
name: shop
networks:
  front:
    enable_ipv6: true
    host_access: all
    driver_opts: {mtu: 1400}
    ipam: {config: [{subnet: 172.19.80.0/20}]}
  back: {internal: true, bridge_name: backbone}
  rt: {gateway_mode: routed, name: another}
  iso: {icc: false, masquerade: false}
  six: {enable_ipv4: false, enable_ipv6: true}
containers:
  web:
    container_name: www
    hostname: store
    extra_hosts: ["registry:192.0.2.7", "six.example:2001:db8::7"]
    networks:
      front: {aliases: [w, shop.example], gw_priority: 1, routes: [{to: 10.9.0.0/16, via: 172.19.80.1}]}
      back: {interface_name: inner}
    ports: ["8080:80", "127.0.0.1:9000-9003:9000-9003/udp", "0.0.0.0:81:81"]
  db: {networks: [back, iso, rt, six], mac_address: "02:11:22:33:44:55"}
  alone: {network_mode: none}
services:
  app: {scale: 2, networks: {front: {aliases: [both]}}, ports: ["8081:81"]}
  one: {networks: [front]}
"""
STRANGERS = """
netns add foo
netns add bar
link add br9 type bridge
addr add 10.44.0.1/24 dev br9
link set br9 up
link add v1 type veth peer name eth7 netns foo
link set v1 master br9 up
link add lone type bridge
link add mv0 link uplink netns bar type macvlan mode private
"""
INSIDE = {
    "foo": "addr add 10.44.0.2/24 dev eth7\nlink set eth7 up\nroute add default via 10.44.0.1\n",
    "bar": "addr add 198.51.100.77/24 dev mv0\nlink set mv0 up\nlink add d1 type veth peer name d2\n",
}
RULES = """
add table ip mine
add chain ip mine pre { type nat hook prerouting priority -100; }
add rule ip mine pre tcp dport 2222 dnat to 10.44.0.2:22
add rule ip mine pre ip daddr 198.51.100.1 udp dport 53-55 dnat to 10.44.0.2
add rule ip mine pre ip saddr 192.0.2.4 tcp dport 2223 dnat to 10.44.0.2:23
add rule ip mine pre tcp dport 2224 dnat to 10.99.0.2:24
"""


def steps_of_what_is_imported(lab: Lab) -> tuple[list[str], str]:
    done = lab.succeed(lab.reconcile("--import", "live"))
    file = lab.write(done.out, "imported/i.yaml")
    assert lab.reconcile("--validate", "-q", file).rc == 0
    planned = lab.succeed(lab.reconcile("--plan", "--adopt", "-o", "json", file))
    return planned.steps, done.err


@pytest.mark.parametrize("name", MANIFESTS)
def test_what_is_imported_is_what_stands(lab, name):
    lab.ip("link add eth1 type veth peer name other\nlink set eth1 up\nlink set other up\n")
    lab.succeed(lab.reconcile("--apply", ROOT / f"manifests/{name}.yaml"))
    assert steps_of_what_is_imported(lab) == ([], "")


def test_every_key_that_something_tells(lab):
    lab.apply(RICH)
    steps, _ = steps_of_what_is_imported(lab)
    assert steps == []


@pytest.mark.parametrize("more", ["", ", affinity: client", ", ports: ['8080:80']"])
def test_weights_stand_with_a_port_or_without(lab, more):
    """The service's own address tells them too."""
    lab.apply(
        f"name: t\nservices: {{app: {{scale: 3, weights: {{1: 3, 2: 2}}{more}}}}}\ncontainers: {{web: {{}}}}"
    )
    assert steps_of_what_is_imported(lab) == ([], "")
    text = lab.reconcile("--import", "live").out
    assert "weights: {'1': 3, '2': 2, '3': 1}" in text.replace('"', "'") or "'1': 3" in text.replace('"', "'")
    assert ("affinity: client" in text) == ("affinity" in more)


def test_of_several_projects_one_is_named(lab):
    lab.apply("name: one\ncontainers: {a: {}}\n")
    lab.succeed(lab.reconcile("--apply", lab.write("name: two\ncontainers: {b: {}}\n", "two.yaml")))
    refused = lab.reconcile("--import", "live")
    assert refused.rc == 64 and "one, two" in refused.err
    assert "name: two\n" in lab.succeed(lab.reconcile("--import", "live", "--project", "two")).out


def test_what_is_nobodys(lab):
    lab.ip(STRANGERS)
    for name, lines in INSIDE.items():
        lab.ip(lines, name)
    lab.run("nft -f -", input=RULES)
    lab.run("iptables -t nat -A PREROUTING -p tcp --dport 2225 -j DNAT --to-destination 10.44.0.2:25")
    macs = {name: lab.link(link, name)["address"] for name, link in (("foo", "eth7"), ("bar", "mv0"))}
    done = lab.succeed(lab.reconcile("--import", "live"))
    for words in ("bridge lone", "link d1", "link d2", "chain pre of table mine", "10.99.0.2"):
        assert words in done.err and words in done.out
    room = re.findall(r"^#   (ip .*)$", done.out, re.MULTILINE)
    file = lab.write(done.out, "imported.yaml")
    refused = lab.reconcile("--plan", file).err
    assert "is not ours" in refused or "in use" in refused
    for line in room:
        lab.run(line)
    lab.run("nft delete table ip mine")
    lab.succeed(lab.reconcile("--apply", "-q", file))
    assert lab.addresses("foo", "eth7") == ["10.44.0.2/24"]
    assert lab.addresses("bar", "mv0") == ["198.51.100.77/24"]
    assert {name: lab.link(link, name)["address"] for name, link in (("foo", "eth7"), ("bar", "mv0"))} == macs
    assert lab.link("br9")["ifname"] == "br9" and "default via 10.44.0.1 dev eth7" in " ".join(
        lab.routes("foo")
    )
    ports = {
        (p["protocol"], p["host_ip"], p["first"])
        for p in lab.reconcile("--show", "-o", "json", file).json["ports"]
    }
    assert {("tcp", "", 2222), ("tcp", "", 2225), ("udp", "198.51.100.1", 53)} <= ports


def test_nothing_stands_of_that_name(lab):
    refused = lab.reconcile("--import", "live")
    assert refused.rc == 64 and "nothing stands that could be imported" in refused.err
    lab.apply("{name: t, services: {web: {}}}")
    other = lab.reconcile("--import", "live", "--project", "tt")
    assert other.rc == 64 and "no project tt stands here" in other.err and "what stands is of t" in other.err


def test_a_first_manifest(lab):
    lab.serve("", 8080)
    file = lab.files / "new.yaml"
    lab.files.mkdir(exist_ok=True)
    done = lab.succeed(lab.reconcile("--init", file))
    text = file.read_text()
    assert str(file) in done.err and "8080/tcp" in text and "uplink" in text
    assert lab.reconcile("--init", file).rc == 64 and file.read_text() == text
    assert lab.succeed(lab.reconcile("--init", "-")).out.count("\n") == text.count("\n")
    # With its examples taken at their word it is as valid.
    taken = re.sub(r"^( *)# (lan|ports): ", r"\1\2: ", text, flags=re.MULTILINE)
    assert taken.count("# ") == text.count("# ") - 2
    for said in (text, taken):
        assert lab.reconcile("--validate", "-q", lab.write(said)).rc == 0
        assert lab.plan(said).rc == 0
    lab.apply(taken)
    assert lab.planned(taken) == []
