"""A remote driver of libnetwork that makes pairs on a bridge and writes down what it is asked, and does what
the file `does` beside it says: everything that a plugin should not."""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

SOCKET = Path(sys.argv[1])
FOLDER = SOCKET.parent
NETWORKS: dict[str, dict] = {}
ENDPOINTS: dict[str, dict] = {}


def ip(line: str) -> None:
    subprocess.run(f"ip {line}".split(), check=True, capture_output=True)


def bridge(network: str) -> str:
    return f"rb{network[:8]}"


def create_network(body: dict) -> dict:
    ident = body["NetworkID"]
    if ident in NETWORKS:
        return {"Err": f"network {ident[:8]} exists"}
    NETWORKS[ident] = body
    ip(f"link add {bridge(ident)} type bridge")
    for data in body["IPv4Data"] + body["IPv6Data"]:
        ip(f"addr add {data['Gateway']} dev {bridge(ident)}{' nodad' if ':' in data['Gateway'] else ''}")
    ip(f"link set {bridge(ident)} up")
    return {}


def delete_network(body: dict) -> dict:
    if NETWORKS.pop(body["NetworkID"], None) is None:
        return {"Err": "no such network"}
    ip(f"link del {bridge(body['NetworkID'])}")
    return {}


def create_endpoint(body: dict) -> dict:
    if body["EndpointID"] in ENDPOINTS:
        return {"Err": "endpoint exists"}
    ENDPOINTS[body["EndpointID"]] = body
    return json.loads(text("interface") or '{"Interface": {}}')


def join(body: dict) -> dict:
    ident = body["EndpointID"][:8]
    ip(f"link add ro{ident} type veth peer name ri{ident}")
    ip(f"link set ro{ident} master {bridge(body['NetworkID'])} up")
    gateways = NETWORKS[body["NetworkID"]]["IPv4Data"]
    six = NETWORKS[body["NetworkID"]]["IPv6Data"]
    return {
        "InterfaceName": {"SrcName": f"ri{ident}", "DstPrefix": "eth"},
        "Gateway": gateways[0]["Gateway"].split("/")[0] if gateways else "",
        "GatewayIPv6": six[0]["Gateway"].split("/")[0] if six else "",
        "StaticRoutes": [
            {"Destination": "10.77.0.0/16", "RouteType": 0, "NextHop": gateways[0]["Gateway"].split("/")[0]},
            {"Destination": "10.78.0.0/16", "RouteType": 1, "NextHop": ""},
        ],
    }  # fmt: skip


def delete_endpoint(body: dict) -> dict:
    if ENDPOINTS.pop(body["EndpointID"], None) is None:
        return {"Err": "no such endpoint"}
    subprocess.run(["ip", "link", "del", f"ro{body['EndpointID'][:8]}"], capture_output=True)
    return {}


ANSWERS = {
    "Plugin.Activate": lambda _: {"Implements": ["NetworkDriver"]},
    "NetworkDriver.GetCapabilities": lambda _: {"Scope": text("scope") or "local"},
    "NetworkDriver.CreateNetwork": create_network,
    "NetworkDriver.DeleteNetwork": delete_network,
    "NetworkDriver.CreateEndpoint": create_endpoint,
    "NetworkDriver.Join": join,
    "NetworkDriver.EndpointOperInfo": lambda _: {"Value": {}},
    "NetworkDriver.Leave": lambda _: None,
    "NetworkDriver.DeleteEndpoint": delete_endpoint,
}


def text(name: str) -> str:
    try:
        return (FOLDER / name).read_text().strip()
    except FileNotFoundError:
        return ""


class Asked(BaseHTTPRequestHandler):
    """What stands in `does` is `METHOD WAY`, a line each."""

    def do_POST(self) -> None:
        method, size = self.path[1:], int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"null")
        with open(FOLDER / "log", "a") as log:
            log.write(json.dumps({"method": method.partition(".")[2], "body": body}) + "\n")
        ways = dict(line.split(" ", 1) for line in text("does").splitlines())
        way = ways.get(method.partition(".")[2], "")
        if way and not self.behaves(way):
            return
        if method not in ANSWERS:
            self.say(404, b"<!DOCTYPE html><h1>Not Found</h1>", "text/html")
            return
        try:
            found = ANSWERS[method](body)
        except subprocess.CalledProcessError as error:
            found = {"Err": error.stderr.decode()}
        self.say(200, b"" if found is None else json.dumps(found).encode())

    def behaves(self, way: str) -> bool:
        """Whether it answers as it should after that."""
        match way.split(" ", 1):
            case ["err", words]:
                self.say(200, json.dumps({"Err": words}).encode())
            case ["err500", words]:
                self.say(500, json.dumps({"Err": words}).encode())
            case ["html500"]:
                self.say(500, b"<h1>Internal\x1b Error</h1>", "text/html")
            case ["hang"]:
                time.sleep(600)
            case ["drip"]:
                for _ in range(600):
                    self.wfile.write(b"H")
                    time.sleep(0.1)
            case ["flood"]:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    self.wfile.write(b"x" * 65536)
            case ["drop"]:
                self.close_connection = True
            case ["die"]:
                os._exit(1)
            case ["say", words]:
                self.say(200, words.encode())
            case ["noise"]:
                self.wfile.write(b"\0\1\2 nothing\r\n\r\n")
        return False

    def say(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "-"

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # who floods is hung up on


Server(str(SOCKET), Asked).serve_forever()
