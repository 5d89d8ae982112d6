"""What others of the host do after an apply is told, and holds up nothing that stands."""

import re
import socket
from contextlib import contextmanager

import pytest

from tests.netns.watching import until, watching

WEB = """
name: t
networks: {auto: {enable_ipv6: true}}
services:
  web: {networks: [auto], ports: ["8080:80"]}
  other: {networks: [auto], ports: ["8081:81", "82"]}
"""
TURN = """
name: t
services:
  turn: {ports: ["40000-45000:40000-45000/udp"]}
  other: {ports: ["8081:81"]}
"""
FIXED = """
name: t
networks: {fixed: {ipam: {config: [{subnet: 10.20.0.0/16}]}}, auto: {}}
services:
  web: {networks: [fixed], ports: ["8080:80"]}
  other: {networks: [auto], ports: ["8081:81"]}
"""
HALVES = [("", half) for half in ("0.0.0.0/1", "128.0.0.0/1")] + [
    ("-6", half) for half in ("::/1", "8000::/1")
]
WAYS = [("via 198.51.100.2", "via 2001:db8:1::2"), ("dev uplink", "dev uplink"), ("dev uplink table 77",) * 2]


@contextmanager
def opened(kind: int, ip: str, port: int):
    """A socket of this process, whose network is the host's."""
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, kind) as one:
        one.bind((ip, port))
        if kind == socket.SOCK_STREAM:
            one.listen()
        yield


def shown(lab):
    return lab.rules(), lab.reconcile("--show", lab.files / "t.yaml").out


def stays(lab, manifest, *words):
    """Nothing is to be done, what is lost is put right, and all of it tells who came."""
    result = lab.plan(manifest)
    assert result.rc == 0 and "Nothing to do" in result.out, result
    assert all(word in result.err for word in words) and bool(words) == ("warning" in result.err), result
    status = lab.reconcile("--status", lab.files / "t.yaml")
    assert status.rc == 0 and all(word in status.err for word in words), status
    before = shown(lab)
    for loss in ("nft flush ruleset", "ip link del {}"):
        lab.run(loss.format(next(link for link in lab.links() if link.startswith("br-t-"))))
        lab.apply(manifest)
        assert lab.planned(manifest) == []
        assert shown(lab) == before


@pytest.mark.parametrize("ip", ["127.0.0.1", "0.0.0.0", "::"])
def test_a_process_that_binds_a_published_port_is_named(lab, ip):
    lab.apply(WEB)
    with opened(socket.SOCK_STREAM, ip, 8080):
        stays(lab, WEB, "8080/tcp", "t-web-1", "pid")
        lab.refused(WEB.replace("8081:", "8080:"), "8080/tcp is taken")
        lab.succeed(lab.destroy(lab.files / "t.yaml"))
        lab.refused(WEB, "8080/tcp is taken", "pid")


@pytest.mark.parametrize("ports", ["8080:80", "198.51.100.1:8080:80", "8079-8080:8079-8080"])
def test_a_map_of_ports_that_was_flushed_says_what_stood_there(lab, ports):
    """And of another's ports nothing, which are new."""
    web = WEB.replace("8080:80", ports)
    new = web.replace("name: t", "name: u").replace("80", "90") + "  more: {ports: ['8080:1']}\n"
    lab.apply(web)
    with opened(socket.SOCK_STREAM, "0.0.0.0", 8080):
        before = shown(lab)
        for name in sorted(re.findall(r"map (publish\S+) {", lab.rules("inet reconciler"))):
            lab.run(f"nft flush map inet reconciler {name}")
        lab.refused(new, "8080/tcp is taken")
        result = lab.apply(web)
        assert "8080/tcp" in result.err and "warning" in result.err and shown(lab) == before
        lab.refused(web.replace("8081:", "8080:"), "8080/tcp is taken")


def test_a_socket_that_happens_to_lie_in_a_published_range_is_no_reason_for_anything(lab):
    with opened(socket.SOCK_DGRAM, "0.0.0.0", 41000):
        lab.apply(TURN)
        stays(lab, TURN, "41000/udp", "pid")


def test_a_random_port_stays_where_it_is(lab):
    lab.apply(WEB)
    ports = lab.reconcile("--show", lab.files / "t.yaml", "-o", "json").json["ports"]
    [port] = {one["first"] for one in ports if one["target"] == 82}
    with opened(socket.SOCK_STREAM, "0.0.0.0", port):
        stays(lab, WEB, f"{port}/tcp")


@pytest.mark.parametrize("way", WAYS)
def test_a_vpn_in_two_halves_says_nothing(lab, way):
    lab.apply(WEB)
    for family, half in HALVES:
        lab.run(f"ip {family} route add {half} {way[bool(family)]}")
    stays(lab, WEB)
    lab.apply(WEB.replace("name: t", "name: u").replace("80", "90"))


VIP, VIP6 = "198.51.100.77", "2001:db8:1::77"
AT = """
name: t
networks: {auto: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}}
services:
  web:
    scale: 2
    networks: [auto]
    ports:
      - "198.51.100.77:8080:80"
      - "[2001:db8:1:0::77]:8080:80"
      - "198.51.100.1:8081:80"
      - "127.0.0.2:8082:80"
      - "10.91.0.1:8083:80"
      - "[fd91::1]:8084:80"
"""
COMES = [
    ("ip addr add 198.51.100.77/24 dev uplink", "ip addr add 2001:db8:1::77/64 dev uplink nodad"),
    ("ip route add local 198.51.100.64/26 dev lo", "ip route add local 2001:db8:1::77 dev lo"),
]


def absent(words: str) -> list[tuple[str, str]]:
    """The places, and addresses."""
    return re.findall(r"(\S+:\d+:\d+) \S+: port 80/tcp of web is not reached on (\S+) yet", words)


@pytest.mark.parametrize("comes", COMES, ids=["address", "route"])
def test_a_port_at_an_address_that_is_yet_to_come_is_told_until_it_comes(lab, comes):
    file = lab.files / "t.yaml"
    told = [(f"{file}:9:9", VIP), (f"{file}:10:9", VIP6)]
    for result in (lab.plan(AT), lab.apply(AT), lab.plan(AT), lab.reconcile("--status", file)):
        assert result.rc == 0 and absent(result.err) == told, result
    for box in ("t-web-1", "t-web-2"):
        lab.serve(box, 80)
    assert not lab.ask("R", VIP, 8080)
    for command in comes:
        lab.run(command)
    until(lambda: lab.ask("R", VIP, 8080) and lab.ask("", VIP6, 8080))
    for result in (lab.plan(AT), lab.apply(AT), lab.reconcile("--status", file)):
        assert result.rc == 0 and not absent(result.err), result


def test_a_watcher_tells_of_it_until_it_comes_and_when_it_goes(lab):
    file = lab.write(AT)
    with watching(lab, file) as watcher:
        watcher.until(lambda: len(absent(str(watcher.status["warnings"]))) == 2)
        assert absent(lab.reconcile("--status").err) == absent("\n".join(watcher.status["warnings"]))
        for command in COMES[0]:
            lab.run(command)
        watcher.until(lambda: watcher.status["warnings"] == [])
        lab.run("ip addr del 198.51.100.77/24 dev uplink")
        watcher.until(lambda: [ip for _, ip in absent(str(watcher.status["warnings"]))] == [VIP])
        assert watcher.status["in_sync"]


@pytest.mark.parametrize("manifest", [FIXED, WEB])
def test_a_route_inside_a_subnet_that_stands_is_told(lab, manifest):
    lab.apply(manifest)
    inside = "10.20.5.0/24" if manifest == FIXED else f"{lab.address('t-web-1').rpartition('.')[0]}.128/25"
    lab.run(f"ip route add {inside} dev uplink")
    stays(lab, manifest, inside, "uplink")


@pytest.mark.parametrize("subnet", ["198.51.100.0/25", "2001:db8:1::/96"])
def test_a_subnet_that_would_take_the_hosts_address_or_next_hop_is_refused(lab, subnet):
    ipam = f"enable_ipv6: true, ipam: {{config: [{{subnet: '{subnet}'}}]}}"
    lab.refused(WEB.replace("enable_ipv6: true", ipam), "takes the", "uplink", "t.yaml:3")


@pytest.mark.parametrize(
    "way",
    [
        "via 198.51.100.200",
        "table 77 via 198.51.100.200",
        "nexthop via 198.51.100.2 dev uplink nexthop via 198.51.100.200 dev uplink",
    ],
)
def test_so_is_one_with_the_next_hop_of_any_route(lab, way):
    lab.run(f"ip route add 10.99.0.0/16 {way}")
    upper = WEB.replace("enable_ipv6: true", "ipam: {config: [{subnet: 198.51.100.128/25}]}")
    lab.refused(upper, "takes the next hop of a route, 198.51.100.200 on uplink")
    lab.run("ip route del 10.99.0.0/16 " + "table 77" * ("77" in way))
    lab.apply(upper)


@pytest.mark.parametrize("loss", ["ip link del br-t-auto", "nft flush ruleset; ip link del br-t-auto"])
@pytest.mark.parametrize("narrow", [True, False])
def test_a_network_that_is_not_where_its_name_leads_stays_there_too(lab, loss, narrow):
    """Another had that place when it came; or the very subnet is announced on the LAN since."""
    lab.apply(WEB)
    first = f"{lab.address('t-web-1').rpartition('.')[0]}.0/24"
    lab.succeed(lab.destroy(lab.files / "t.yaml"))
    lab.run(f"ip route add {first} dev uplink")
    lab.apply(WEB)
    if narrow:
        lab.run(f"ip route del {first} dev uplink")
    else:
        subnet = next(line.split()[0] for line in lab.routes("") if "dev br-t-auto" in line)
        lab.run(f"ip route add {subnet} dev uplink metric 50")
        assert subnet in lab.plan(WEB).err
    before = shown(lab)
    lab.run(["sh", "-c", loss])
    lab.apply(WEB)
    assert shown(lab) == before and lab.planned(WEB) == []
