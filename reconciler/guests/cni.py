"""A plugin of the Container Network Interface: https://github.com/containernetworking/cni, SPEC.md 1.1.0."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import Locked, ManifestError, NotConverged, ReconcileError, foreseen
from ..family import family
from . import attending
from .attending import Given, KeptHost
from .guest import Guest, GuestEnd, GuestPort
from .request import Malformed, Said, said

RUNTIME = "cni"
VERSIONS = ("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
CURRENT = VERSIONS[-1]
ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
MOST_BITS = 10**12
IFNAME = re.compile(r"(?!\.{1,2}$)[^/:\s]{1,15}")
ATTACHMENTS = "cni.dev/valid-attachments"  # of GC: who is still there
# "Well-known error codes" of the specification; from 100 on they are a plugin's own.
INCOMPATIBLE, ENVIRONMENT, IO, UNREADABLE, INVALID, LATER, UNAVAILABLE = 1, 4, 5, 6, 7, 11, 50
DIFFERS, OTHER = 100, 101


class Failure(Exception):
    def __init__(self, code: int, message: str, details: str = ""):
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


class Call:
    """What a runtime asks, checked as far as any command needs it."""

    def __init__(self, environ: Mapping[str, str], config: Said, reader: KeptHost):
        self.environ, self.config, self.reader = environ, config, reader
        self.version = config.text("cniVersion") or "0.1.0"
        self.runtime = config.object("runtimeConfig")
        pairs = (pair.partition("=") for pair in environ.get("CNI_ARGS", "").split(";"))
        self.args = {key: value for key, _, value in pairs}

    @property
    def network(self) -> str:
        """Its full name; the list of plugins may be called as it is."""
        if not (name := self.config.text("network") or self.config.text("name")):
            raise Failure(INVALID, "no `network` is named", "as shop_front")
        return name

    def variable(self, name: str, form: re.Pattern[str]) -> str:
        text = self.environ.get(name, "")
        if not form.fullmatch(text):
            raise Failure(ENVIRONMENT, f"{name}={text[:60]!r} is not what it has to be", name)
        return text

    @property
    def ifname(self) -> str:
        return self.variable("CNI_IFNAME", IFNAME)

    def guest(self, *, there: bool = True) -> Guest:
        ident, netns, inode = self.variable("CNI_CONTAINERID", ID), self.environ.get("CNI_NETNS", ""), 0
        if there:
            try:
                inode = os.stat(netns).st_ino
            except OSError as error:
                why = f"CNI_NETNS={netns!r}: {error.strerror}"
                raise Failure(ENVIRONMENT, why, "CNI_NETNS") from None
        name = self.args.get("K8S_POD_NAME", "")
        return Guest(runtime=RUNTIME, id=ident, netns=netns, inode=inode, name=name)

    @property
    def end(self) -> GuestEnd:
        asked = (*self.runtime.texts("ips"), *filter(None, self.args.get("IP", "").split(",")))
        aliases = self.runtime.object("aliases")
        return GuestEnd(
            network=self.network,
            ifname=self.ifname,
            ips=tuple(dict.fromkeys(ip.partition("/")[0] for ip in asked)),
            mac=self.runtime.text("mac") or self.args.get("MAC", ""),
            aliases=tuple(dict.fromkeys(one for key in aliases.value for one in aliases.texts(key))),
            ports=tuple(dict.fromkeys(ports(self.runtime))),
            config=self.config.text("name"),
            bandwidth=tuple(bandwidth(self.runtime.object("bandwidth"))),
        )


def ports(runtime: Said) -> Iterator[GuestPort]:
    """Without a port of the host nothing is published, as the portmap plugin has it."""
    for one in runtime.objects("portMappings"):
        if host := one.number("hostPort"):
            target, protocol = one.number("containerPort"), (one.text("protocol") or "tcp").lower()
            yield GuestPort(target=target, published=host, protocol=protocol, host_ip=one.text("hostIP"))


def bandwidth(asked: Said) -> Iterator[tuple[str, str]]:
    """Bits a second, and bits: none is no limit, and its burst is ours to choose."""
    for key in ("ingress", "egress"):
        rate, burst = (asked.number(f"{key}{what}") for what in ("Rate", "Burst"))
        if rate < 0 or burst < 0 or burst and not rate:
            why = f"{key}Rate {rate} with {key}Burst {burst} is no limit"
            raise Failure(INVALID, why, "bandwidth")
        if rate > MOST_BITS:
            raise Failure(INVALID, f"no link is as fast as {key}Rate {rate}", "bandwidth")
        yield from [(key, f"{rate}bit")] if rate else ()
        yield from [(f"{key}_burst", f"{min(burst, MOST_BITS)}bit")] if burst else ()


def answer(environ: Mapping[str, str], data: bytes, reader: KeptHost) -> tuple[int, str]:
    """The exit code, and what is told on standard output."""
    version = CURRENT
    try:
        command = environ.get("CNI_COMMAND", "")
        if command not in COMMANDS:
            raise Failure(ENVIRONMENT, f"CNI_COMMAND={command[:60]!r} is none", "CNI_COMMAND")
        call = Call(environ, said(data), reader)
        version = call.version
        if command != "VERSION" and version not in VERSIONS:
            details = f"this plugin speaks {', '.join(VERSIONS)}"
            raise Failure(INCOMPATIBLE, f"incompatible CNI version {version[:60]!r}", details)
        told = COMMANDS[command](call)
        return 0, json.dumps(told) if told is not None else ""
    except Exception as error:
        failure = failure_of(error)
        version = version if version in VERSIONS else CURRENT
        found = {"cniVersion": version, "code": failure.code, "msg": failure.message}
        return 1, json.dumps(found | ({"details": failure.details} if failure.details else {}))


def failure_of(error: Exception) -> Failure:
    match error:
        case Failure():
            return error
        case Malformed():
            return Failure(UNREADABLE, str(error))
    known = foreseen(error)
    kinds: tuple[tuple[type[ReconcileError], int], ...] = (
        (Locked, LATER),
        (ManifestError, INVALID),
        (NotConverged, DIFFERS),
    )
    code = next((code for kind, code in kinds if isinstance(known, kind)), OTHER)
    return Failure(code, attending.words(known), known.hint)


def add(call: Call) -> dict[str, Any]:
    """The container joins the network, with its names and ports of the host."""
    one, end = call.guest(), call.end
    return result(call, one, attending.join(one, end, call.reader))


def result(call: Call, one: Guest, given: Given) -> dict[str, Any]:
    """What stands, behind what plugins before this one have made."""
    before = call.config.object("prevResult")
    interfaces, end = before.list("interfaces"), given.end
    gateways = {family(via): via for via, _ in end.gateways}
    ours: dict[str, Any] = {"name": end.ifname, "mac": end.mac, "sandbox": one.netns}
    ours |= {"mtu": given.network.mtu} if call.version >= "1.1.0" else {}
    ips: list[dict[str, Any]] = []
    for ip, prefix in end.addresses:
        number = family(ip)
        at = {"address": f"{ip}/{prefix}", "interface": len(interfaces) + 1}
        at |= {"gateway": gateways[number]} if number in gateways else {}
        ips.append(at | ({} if call.version >= "1.0.0" else {"version": str(number)}))
    anywhere = {4: "0.0.0.0/0", 6: "::/0"}
    routes = [{"dst": anywhere[number], "gw": via} for number, via in gateways.items()]
    routes += [{"dst": prefix, "gw": via} for prefix, via in end.routes]
    return {
        "cniVersion": call.version,
        "interfaces": [*interfaces, {"name": end.host_link}, ours],
        "ips": [*before.list("ips"), *ips],
        "routes": [*before.list("routes"), *routes],
        "dns": dns(before.object("dns"), given.servers),
    }


def dns(before: Said, servers: Sequence[str]) -> dict[str, Any]:
    """Ours are asked first."""
    found = dict.fromkeys((*servers, *before.texts("nameservers")))
    return dict(before.value) | ({"nameservers": [*found]} if found else {})


def delete(call: Call) -> None:
    """It leaves, as often as that is asked, whatever is still there."""
    attending.part(call.guest(there=False), call.ifname, call.reader)


def check(call: Call) -> None:
    """Fails where it does not stand as it was given, or as a later plugin has changed it."""
    if call.config.get("prevResult") is None:
        raise Failure(INVALID, "CHECK needs the `prevResult` of ADD", "prevResult")
    links = call.config.object("prevResult").objects("interfaces")
    own = (link for link in links if link.text("sandbox") and link.text("name") == call.ifname)
    mac = next((link.text("mac").lower() for link in own), "")
    attending.check(call.guest(), call.ifname, mac, call.reader)


def collect(call: Call) -> None:
    """Who is not listed leaves."""
    there = call.config.objects(ATTACHMENTS)
    kept = frozenset((one.text("containerID"), one.text("ifname")) for one in there)
    if not (config := call.config.text("name")):
        raise Failure(INVALID, "GC needs the `name` of the list of plugins", "name")
    attending.collect(RUNTIME, config, kept, call.reader)


def status(call: Call) -> None:
    """Fails where the network does not stand."""
    if name := attending.lacking(call.network):
        raise Failure(UNAVAILABLE, f"no network {name} stands on this host")


def version(call: Call) -> dict[str, Any]:
    """Which versions of the specification are spoken."""
    told = call.config.text("cniVersion") or CURRENT
    return {"cniVersion": told, "supportedVersions": list(VERSIONS)}


COMMANDS: Mapping[str, Callable[[Call], dict[str, Any] | None]] = {
    "ADD": add,
    "DEL": delete,
    "CHECK": check,
    "GC": collect,
    "STATUS": status,
    "VERSION": version,
}
