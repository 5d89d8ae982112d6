"""What Docker asks of its plugin, as it was recorded of dockerd 20.10, and what nobody should ask."""

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest

from tests.netns.lab import HOST4, Lab
from tests.netns.watching import Watcher, until, watching

SOCKET = "/run/docker/plugins/reconciler.sock"
API = "/run/docker.sock"
SHOP = """
name: shop
networks:
  front: {enable_ipv6: true, ipam: {config: [{subnet: 10.81.0.0/24}]}}
services: {web: {networks: [front]}}
"""
NETWORK, CONTAINER = "a" * 64, "c" * 64
GENERIC = "com.docker.network.generic"
NULL = {"IPv4Data": [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}], "IPv6Data": []}
PORTMAP = "com.docker.network.portmap"
GUESTS = Path("/run/reconciler/guests")


class Unix(HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(SOCKET)


def asked(method: str, said: object = None, data: bytes = b"") -> tuple[int, Any]:
    with closing(Unix("docker")) as plugin:
        plugin.request("POST", f"/{method}", json.dumps(said) if said is not None else data)
        answer = plugin.getresponse()
        return answer.status, json.loads(answer.read())


def told(method: str, **said: object) -> Any:
    status, answer = asked(method, said)
    assert status == 200, answer
    return answer


def refused(method: str, **said: object) -> str:
    status, answer = asked(method, said)
    assert status == 500, answer
    return str(answer["Err"])


def driver(method: str, end: str, **said: object) -> Any:
    return told(f"NetworkDriver.{method}", NetworkID=NETWORK, EndpointID=end, **said)


def port(host: int, inner: int = 80, number: int = 6) -> dict[str, object]:
    at = {"Proto": number, "IP": "", "Port": inner, "HostIP": "", "HostPort": host, "HostPortEnd": host}
    return {PORTMAP: [at]}


def network(**options: str) -> dict[str, Any]:
    told = {GENERIC: options, "com.docker.network.enable_ipv6": False}
    return {"NetworkID": NETWORK, "Options": told, **NULL}


@pytest.fixture
def watcher(lab: Lab) -> Iterator[Watcher]:
    with watching(lab, lab.write(SHOP)) as one:
        one.settled()
        yield one


class Api:
    """Docker's own, as far as it tells of these endpoints."""

    def __init__(self) -> None:
        self.ends: dict[str, str] = {}
        self.networks = {NETWORK: "shop_front"}
        self.homes: dict[str, str] = {}  # of endpoints, where that is not the first network
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = api.said(self.path.partition("?")[0])
                said = json.dumps(found).encode()
                self.send_response(200 if found is not None else 404)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = UnixStreamServer(API, Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def said(self, path: str) -> object:
        if path == "/networks":
            return [{"Id": ident} for ident in self.networks]
        if path == "/containers/json":
            return [{"Id": CONTAINER, "Labels": {"com.docker.compose.service": "db"}}]
        ident = path.rpartition("/")[2]
        if ident not in self.networks:
            return None
        boxes = {
            f"{n}" * 64: {"Name": name, "EndpointID": end}
            for n, (end, name) in enumerate(self.ends.items())
            if self.homes.get(end, NETWORK) == ident
        }
        return {"Id": ident, "Containers": boxes, "Options": {"network": self.networks[ident]}}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        os.unlink(API)


@contextmanager
def moved(lab: Lab, ns: str, joined: dict[str, Any], interface: dict[str, str]) -> Iterator[None]:
    """What Docker does between Join and Leave."""
    lab.run(f"ip netns add {ns}")
    name = joined["InterfaceName"]["SrcName"]
    lab.run(f"ip link set {name} netns {ns} name eth0")
    for key in ("Address", "AddressIPv6"):
        if interface.get(key):
            lab.run(f"ip -n {ns} addr add {interface[key]} dev eth0" + " nodad" * (key != "Address"))
    lab.run(f"ip -n {ns} link set eth0 up")
    lab.run(f"ip -n {ns} route add default via {joined['Gateway']}")
    yield
    lab.run(f"ip -n {ns} link set eth0 down name {name} netns 1")
    lab.run(f"ip netns del {ns}")


def test_a_container_comes_is_found_and_goes(lab: Lab, watcher: Watcher) -> None:
    assert told("Plugin.Activate") == {"Implements": ["NetworkDriver", "IpamDriver"]}
    assert asked("NetworkDriver.GetCapabilities")[1]["Scope"] == "local"
    assert asked("NetworkDriver.GwAllocCheck")[0] == 404
    assert "-o network=shop_front" in refused("NetworkDriver.CreateNetwork", **network())
    assert "no network shop_none stands" in refused(
        "NetworkDriver.CreateNetwork", **network(network="shop_none")
    )
    assert told("NetworkDriver.CreateNetwork", **network(network="shop_front")) == {}
    end = "e" * 64
    empty = {"Address": "", "AddressIPv6": "", "MacAddress": ""}
    with closing(Api()) as api:
        interface = driver("CreateEndpoint", end, Interface=empty, Options=port(8080))["Interface"]
        assert set(interface) == set(empty) and interface["Address"].startswith("10.81.0.")
        api.ends[end] = "box"
        joined = driver("Join", end, SandboxKey="/run/docker/netns/1", Options={})
        assert joined["Gateway"] == "10.81.0.1" and joined["DisableGatewayService"]
        assert driver("EndpointOperInfo", end) == {"Value": {}}
        with moved(lab, "box", joined, interface):
            ip = interface["Address"].partition("/")[0]
            assert lab.ping("shop-web-1", ip)
            for name in ("box", "db", CONTAINER[:12]):
                assert ip in lab.run(f"busybox nslookup {name} 127.0.0.11", "shop-web-1").out
            lab.serve("box", 80, name="a")
            assert lab.ask("R", HOST4, 8080) is None
            driver("ProgramExternalConnectivity", end, Options=port(8080))
            assert str(lab.ask("R", HOST4, 8080)).startswith("a ")
            assert lab.planned(SHOP) == []
            api.ends[end] = "renamed"
            lab.run("nft flush ruleset")
            until(lambda: str(lab.ask("R", HOST4, 8080)).startswith("a "))
            until(lambda: ip in lab.run("busybox nslookup renamed 127.0.0.11", "shop-web-1", check=False).out)
            other = "f" * 64
            taken = driver("CreateEndpoint", other, Interface=empty, Options={})["Interface"]
            assert taken["Address"] != interface["Address"]
            ids = {"NetworkID": NETWORK, "EndpointID": other}
            assert "8080/tcp is taken" in refused(
                "NetworkDriver.ProgramExternalConnectivity", **ids, Options=port(8080)
            )
            driver("RevokeExternalConnectivity", end)
            assert lab.ask("R", HOST4, 8080) is None
            driver("ProgramExternalConnectivity", end, Options=port(0, 5555))
            assert ":5555" in lab.reconcile("--show", GUESTS).out
            any_of = port(8080)
            any_of[PORTMAP][0]["HostPortEnd"] = 8090
            driver("ProgramExternalConnectivity", end, Options=any_of)
            driver("ProgramExternalConnectivity", other, Options=any_of)
            shown = lab.reconcile("--show", GUESTS).out
            given = {int(number) for number in re.findall(r"0\.0\.0\.0:(\d+)/tcp", shown)}
            assert len(given) == 2 and given <= {*range(8080, 8091)}, shown
        driver("Leave", end)
        for _ in range(2):
            driver("DeleteEndpoint", end)
            driver("DeleteEndpoint", other)
    told("NetworkDriver.DeleteNetwork", NetworkID=NETWORK)
    told("NetworkDriver.DeleteNetwork", NetworkID=NETWORK)
    assert not [*GUESTS.iterdir()] and not [name for name in lab.links() if name.startswith("vd")]
    watcher.synced()
    assert not lab.declared("docker") and lab.planned(SHOP) == []


def test_addresses_that_docker_chooses(lab: Lab, watcher: Watcher) -> None:
    pool = {"AddressSpace": "reconciler", "Pool": "10.81.0.0/24", "SubPool": "", "Options": None, "V6": False}
    assert "name the subnet" in refused("IpamDriver.RequestPool", **pool | {"Pool": ""})
    assert "no network on this host has" in refused(
        "IpamDriver.RequestPool", **pool | {"Pool": "10.99.0.0/24"}
    )
    ident = told("IpamDriver.RequestPool", **pool)["PoolID"]
    gateway = {"RequestAddressType": "com.docker.network.gateway"}
    asked_for = {"PoolID": ident, "Address": ""}
    assert told("IpamDriver.RequestAddress", **asked_for, Options=gateway)["Address"] == "10.81.0.1/24"
    chosen = {told("IpamDriver.RequestAddress", **asked_for, Options=None)["Address"] for _ in range(20)}
    assert len(chosen) == 20 and lab.address("shop-web-1") not in {one.partition("/")[0] for one in chosen}
    assert "is not in 10.81.0.0/24" in refused(
        "IpamDriver.RequestAddress", **asked_for | {"Address": "10.82.0.7"}, Options=None
    )
    assert "is no address" in refused(
        "IpamDriver.RequestAddress", **asked_for | {"Address": "x"}, Options=None
    )
    assert "--ip-range" in refused("IpamDriver.RequestPool", **pool | {"SubPool": "10.81.0.128/25"})
    data = [{"AddressSpace": "reconciler", "Pool": ident, "Gateway": "10.81.0.1/24"}]
    told("NetworkDriver.CreateNetwork", **network() | {"IPv4Data": data})
    asked_for["Address"] = "10.81.0.77"
    assert told("IpamDriver.RequestAddress", **asked_for, Options=None)["Address"] == "10.81.0.77/24"
    own = {"Address": "10.81.0.77/24", "AddressIPv6": "", "MacAddress": "02:42:0a:51:00:4d"}
    interface = driver("CreateEndpoint", "e" * 64, Interface=own, Options={})["Interface"]
    assert set(interface) == {"AddressIPv6"}
    taken = {"NetworkID": NETWORK, "EndpointID": "f" * 64, "Interface": own, "Options": {}}
    assert "10.81.0.77 is taken" in refused("NetworkDriver.CreateEndpoint", **taken)
    driver("DeleteEndpoint", "e" * 64)


def test_who_is_no_more_is_collected_where_docker_says_so(lab: Lab) -> None:
    empty = {"Address": "", "AddressIPv6": "", "MacAddress": ""}
    with watching(lab, lab.write(SHOP)) as watcher:
        watcher.settled()
        told("NetworkDriver.CreateNetwork", **network(network="shop_front"))
        for end in ("e" * 64, "f" * 64):
            driver("CreateEndpoint", end, Interface=empty, Options={})
    with watching(lab, lab.write(SHOP)) as watcher:
        watcher.settled()
        assert len([*GUESTS.iterdir()]) == 2  # where no Docker answers
    with closing(Api()) as api:
        api.ends["f" * 64] = "box"
        with watching(lab, lab.write(SHOP)) as watcher:
            until(lambda: len([*GUESTS.iterdir()]) == 1)
            assert "vd" + "f" * 12 in lab.links() and driver("Join", "f" * 64)["Gateway"]
            watcher.synced()
            driver("DeleteEndpoint", "f" * 64)


def test_many_containers_at_once(lab: Lab, watcher: Watcher) -> None:
    pool = "10.81.0.0/24"
    data = [{"AddressSpace": "reconciler", "Pool": pool, "Gateway": "10.81.0.1/24"}]
    told("NetworkDriver.CreateNetwork", **network() | {"IPv4Data": data})

    def life(number: int) -> str:
        end = f"{number:02}" * 32
        ip = told("IpamDriver.RequestAddress", PoolID=pool, Address="", Options=None)["Address"]
        own = {"Address": ip, "AddressIPv6": "", "MacAddress": ""}
        driver("CreateEndpoint", end, Interface=own, Options={})
        assert driver("Join", end)["Gateway"] == "10.81.0.1"
        driver("ProgramExternalConnectivity", end, Options=port(9000 + number))
        if number % 2:
            driver("Leave", end)
            driver("DeleteEndpoint", end)
            told("IpamDriver.ReleaseAddress", PoolID=pool, Address=ip.partition("/")[0])
        return str(ip)

    with ThreadPoolExecutor(20) as threads:
        assert len({*threads.map(life, range(20))}) == 20
    assert len([*GUESTS.iterdir()]) == 10 == len([name for name in lab.links() if name.startswith("vd")])
    for number in range(0, 20, 2):
        driver("DeleteEndpoint", f"{number:02}" * 32)
    watcher.synced()
    assert not [*GUESTS.iterdir()] and lab.planned(SHOP) == []


def test_what_docker_tells_nothing_of_is_left_and_what_fails_holds_up_no_other(lab: Lab) -> None:
    empty = {"Address": "", "AddressIPv6": "", "MacAddress": ""}
    both = SHOP.replace("services", "  back: {internal: true}\nservices")
    other, ends = "b" * 64, [digit * 64 for digit in "def"]
    with watching(lab, lab.write(both)) as watcher:
        watcher.settled()
        told("NetworkDriver.CreateNetwork", **network(network="shop_front"))
        told("NetworkDriver.CreateNetwork", **network(network="shop_back") | {"NetworkID": other})
        homes = dict(zip(ends, (other, NETWORK, other), strict=True))
        for end in ends:
            said = {"NetworkID": homes[end], "EndpointID": end, "Interface": empty, "Options": {}}
            told("NetworkDriver.CreateEndpoint", **said)
        lab.write(SHOP)
        until(lambda: "br-shop-back" not in lab.links())
    with closing(Api()) as api:
        api.ends, api.homes = {ends[0]: "lost", ends[1]: "box"}, homes
        with watching(lab, lab.write(SHOP)):  # where another Docker has made the second network
            until(lambda: "box" in (GUESTS / f"docker-{ends[1][:12]}.yaml").read_text())
            assert len([*GUESTS.iterdir()]) == 3
        api.networks[other] = "shop_back"
        api.ends[ends[1]] = "renamed"
        with watching(lab, lab.write(SHOP)) as watcher:
            watcher.until(lambda: "external network shop_back does not exist" in watcher.log)
            until(lambda: "renamed" in (GUESTS / f"docker-{ends[1][:12]}.yaml").read_text())
            until(lambda: len([*GUESTS.iterdir()]) == 2)
            for end in ends:
                told("NetworkDriver.DeleteEndpoint", NetworkID=homes[end], EndpointID=end)
            assert not [*GUESTS.iterdir()] and not [name for name in lab.links() if name.startswith("vd")]


def raw(data: bytes, *, shut: bool = True) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(SOCKET)
        client.sendall(data)
        if shut:
            client.shutdown(socket.SHUT_WR)
        found = b""
        with suppress(ConnectionResetError):  # of who did not read all of it
            while part := client.recv(1 << 16):
                found += part
        return found or client.recv(1 << 16)


def test_what_nobody_should_ask(lab: Lab, watcher: Watcher) -> None:
    assert os.stat(SOCKET).st_mode & 0o777 == 0o600
    head = b"POST /NetworkDriver.Join HTTP/1.1\r\nHost: x\r\n"
    for data in (
        b"\0\xff garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        head + b"Content-Length: -1\r\n\r\n",
        head + b"Content-Length: 99999999999\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + b"Content-Length: 10\r\n\r\n{",
        head + b"X: y\r\n" * 200 + b"\r\n",
    ):
        assert b'"Err"' in raw(data), data[:60]
    for said in (
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"EndpointID": 7}',
        b'{"EndpointID": "../../../etc"}',
        b"[" * 100_000,
    ):
        for method in ("Join", "CreateEndpoint", "DeleteEndpoint", "ProgramExternalConnectivity"):
            assert asked(f"NetworkDriver.{method}", data=said)[0] == 500, said[:60]
    slow = []
    for _ in range(20):
        slow.append(one := socket.socket(socket.AF_UNIX))
        one.connect(SOCKET)
        one.sendall(head[:20])
    found: list[int] = []
    every = [threading.Thread(target=lambda: found.append(asked("Plugin.Activate")[0])) for _ in range(100)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join(60)
    assert found == [200] * 100
    for one in slow:
        one.close()
    assert watcher.process.poll() is None and told("Plugin.Activate") and lab.planned(SHOP) == []
