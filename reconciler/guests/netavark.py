"""A plugin of netavark, podman's own networking: https://github.com/containers/netavark, plugin-API.md.

podman keeps a network of its own, which refers to one of ours by `-o network=shop_front`, or bears its name.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from ..errors import ReconcileError, foreseen
from ..family import family
from ..version import __version__
from . import attending
from .attending import Given, KeptHost
from .guest import Guest, GuestEnd, GuestPort
from .request import Malformed, Said, said

RUNTIME = "podman"
API = "1.0.0"
NOBODY = {"driver": "none"}  # addresses are ours to choose


def answer(words: Sequence[str], data: bytes, reader: KeptHost) -> tuple[int, str]:
    """The exit code, and what is told on standard output; `words` are the command, and a namespace's path."""
    try:
        if not words or words[0] not in COMMANDS:
            raise ReconcileError(f"netavark's plugins have no command {' '.join(words)[:60]!r}")
        told = COMMANDS[words[0]](words[1:], data, reader)
        return 0, json.dumps(told) if told is not None else ""
    except Malformed as error:
        return 1, json.dumps({"error": str(error)})
    except Exception as error:
        return 1, json.dumps({"error": attending.words(foreseen(error))})


def info(words: Sequence[str], data: bytes, reader: KeptHost) -> dict[str, Any]:
    """Its version, and that of the interface."""
    return {"version": __version__, "api_version": API}


def create(words: Sequence[str], data: bytes, reader: KeptHost) -> dict[str, Any]:
    """What podman is to keep: who has which address is said when a container comes."""
    network = said(data)
    if name := attending.lacking(ours(network)):
        raise ReconcileError(f"no network {name} stands on this host", "name it: -o network=shop_front")
    told = dict(network.value)
    return told if network.list("subnets") else told | {"ipam_options": NOBODY}


def ours(network: Said) -> str:
    return network.object("options").text("network") or network.text("name")


def setup(words: Sequence[str], data: bytes, reader: KeptHost) -> dict[str, Any]:
    """The container joins the network, with its names and ports of the host."""
    call = said(data)
    return status(attending.join(guest(call, namespace(words)), end(call), reader))


def teardown(words: Sequence[str], data: bytes, reader: KeptHost) -> None:
    """It leaves."""
    call = said(data)
    attending.part(Guest(runtime=RUNTIME, id=call.text("container_id")), end(call).ifname, reader)


def namespace(words: Sequence[str]) -> str:
    if not words:
        raise ReconcileError("no path of a namespace is given")
    return words[0]


def guest(call: Said, path: str) -> Guest:
    try:
        inode = os.stat(path).st_ino
    except OSError as error:
        raise ReconcileError(f"{path}: {error.strerror}") from None
    ident, name = call.text("container_id"), call.text("container_name")
    return Guest(runtime=RUNTIME, id=ident, netns=path, inode=inode, name=name)


def end(call: Said) -> GuestEnd:
    options = call.object("network_options")
    return GuestEnd(
        network=ours(call.object("network")),
        ifname=ifname(options),
        ips=options.texts("static_ips"),
        mac=options.text("static_mac"),
        aliases=options.texts("aliases"),
        ports=tuple(ports(call)),
    )


def ifname(options: Said) -> str:
    """By which a place is found again; none would be one of our choice."""
    if not (name := options.text("interface_name")):
        raise Malformed("no interface_name is in network_options")
    return name


def ports(call: Said) -> Iterator[GuestPort]:
    """`range` is how many there are."""
    for one in call.objects("port_mappings"):
        protocols = (one.text("protocol") or "tcp").lower().split(",")
        if (count := max(one.number("range"), 1)) > 1 << 16:
            raise Malformed(f"a range of {count} ports is larger than there are")
        for protocol, number in product(dict.fromkeys(protocols), range(count)):
            host = one.number("host_port")
            yield GuestPort(
                target=one.number("container_port") + number,
                published=host + number if host else 0,
                protocol=protocol,
                host_ip=one.text("host_ip"),
            )


def status(given: Given) -> dict[str, Any]:
    end = given.end
    gateways = {family(via): via for via, _ in end.gateways}
    subnets = [
        {"ipnet": f"{ip}/{prefix}"} | ({"gateway": gateways[family(ip)]} if family(ip) in gateways else {})
        for ip, prefix in end.addresses
    ]
    interface = {"mac_address": end.mac, "subnets": subnets}
    return {
        "dns_search_domains": [],
        "dns_server_ips": list(given.servers),
        "interfaces": {end.ifname: interface},
    }


COMMANDS: Mapping[str, Callable[[Sequence[str], bytes, KeptHost], dict[str, Any] | None]] = {
    "info": info,
    "create": create,
    "setup": setup,
    "teardown": teardown,
}
