"""Containers of Docker and podman, as `inspect` tells them, with their networks and ports."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from . import process
from .draft import Entry, compact
from .inspected import Object, Odd, many, mapping, number, short, texts, word, words
from .names import key_of

T = TypeVar("T")
SHARED = "container:"  # the beginning of a mode: whose network it is in
MODES = ("host", "none")
ANONYMOUS = re.compile(r"[0-9a-f]{64}")
UNPRIVILEGED = ("slirp4netns", "pasta", "ns")  # modes of podman that no manifest has
USUAL_WAYS = ("", "rprivate")  # of propagation
EVERYWHERE = {"0.0.0.0", "::"}


class Around(NamedTuple):
    """What a container is told beside."""

    names: Mapping[str, str]  # of containers, by their ids
    images: Mapping[str, Object]  # their configuration, by their ids
    keys: Mapping[str, str]  # of networks in the manifest, by what the engine calls them
    engine: str = "Docker"


def container(one: Object, around: Around) -> Entry:
    lost: list[str] = []
    name = called(one)
    image = around.images.get(str(one.get("Image", "")), {})
    said = {"container_name": name, **process.said(one, image, lost)}
    said |= guarded("hostname", lambda: hostname(one), lost) or {}
    mode = str(process.part(one, "HostConfig", lost).get("NetworkMode") or "")
    if mode.startswith(SHARED):
        whose = mode.removeprefix(SHARED)
        said["network_mode"] = SHARED + around.names.get(whose, whose)
    elif mode in MODES:
        said["network_mode"] = mode
    elif mode.partition(":")[0] in UNPRIVILEGED:
        said["network_mode"] = "none"
        lost.append(f"its network, which is {mode}: `networks: [...]` gives it one")
    else:
        said |= joined(one, around, lost)
    said |= compact(ports=ports(one, lost), volumes=mounts(one, lost), links=links(one, lost))
    if not running(one) and (
        unsaid := [name for name, end in said.get("networks", {}).items() if not fixed(end)]
    ):
        lost.append(f"its addresses on {', '.join(unsaid)}: it does not run, and {around.engine} tells none")
    return Entry(key=key_of(name), said=said, lost=tuple(lost))


def fixed(end: Mapping[str, Any]) -> bool:
    return "ipv4_address" in end or "ipv6_address" in end


def called(one: Object) -> str:
    """Docker has a slash before it."""
    return str(one.get("Name") or "").lstrip("/") or str(one.get("Id", ""))[:12] or "container"


def running(one: Object) -> bool:
    state = one.get("State")
    return isinstance(state, Mapping) and bool(state.get("Running"))


def guarded(what: str, read: Callable[[], T], lost: list[str]) -> T | None:
    """What a function makes of it; None, and told, of what is not as engines say it."""
    try:
        return read()
    except (Odd, TypeError, ValueError, AttributeError, LookupError) as error:
        lost.append(f"{what}, which is not understood: {short(str(error))}")
        return None


def hostname(one: Object) -> dict[str, Any]:
    """Both engines make one of the id where nobody says any; a container of the host has the host's."""
    config, host = mapping(one.get("Config")), mapping(one.get("HostConfig"))
    name, mode = word(config.get("Hostname")), word(host.get("NetworkMode"))
    own = name and not str(one.get("Id", "")).startswith(name) and not mode.startswith((SHARED, "host"))
    return {"hostname": name} if own else {}


def joined(one: Object, around: Around, lost: list[str]) -> dict[str, Any]:
    ends = {}
    for name, end in networks_of(one, lost).items():
        try:
            ends[around.keys.get(name, key_of(name))] = endpoint(one, end)
        except (Odd, ValueError) as error:
            lost.append(f"its place on network {name}, which is not understood: {short(str(error))}")
    return {"networks": ends} if ends else {"network_mode": "none"}


def networks_of(one: Object, lost: list[str]) -> Object:
    """Its places on networks, by their names."""
    return (
        guarded("networks", lambda: mapping(mapping(one.get("NetworkSettings")).get("Networks")), lost) or {}
    )


def endpoint(one: Object, said: Any) -> dict[str, Any]:
    end = mapping(said)
    written = mapping(end.get("IPAMConfig"))
    own = {called(one), str(one.get("Id", ""))[:12], word(mapping(one.get("Config")).get("Hostname"))}
    ips = {
        "ipv4_address": word(end.get("IPAddress")) or word(written.get("IPv4Address")),
        "ipv6_address": word(end.get("GlobalIPv6Address")) or word(written.get("IPv6Address")),
    }
    aliases = [name for name in dict.fromkeys(words(end.get("Aliases"))) if name not in own]
    local = words(written.get("LinkLocalIPs"))
    return compact(
        aliases=aliases,
        **ips,
        mac_address=word(end.get("MacAddress")),
        link_local_ips=local,
        driver_opts=texts(end.get("DriverOpts")),
        gw_priority=number(end.get("GwPriority")),
    )


def links(one: Object, lost: list[str]) -> list[str]:
    """/db:/web/database says that web knows db as database."""

    def read() -> list[str]:
        pairs = (text.split(":") for text in words(mapping(one.get("HostConfig")).get("Links")))
        return [f"{key_of(to.strip('/'))}:{known.rpartition('/')[2]}" for to, known in pairs]

    return guarded("links", read, lost) or []


class Published(NamedTuple):
    """A port of the host, and the container's that it leads to."""

    protocol: str
    host_ip: str
    target: int
    host: int  # 0 where the engine has not chosen one


def ports(one: Object, lost: list[str]) -> list[Any]:
    return [*map(in_words, spans(sorted({*(guarded("ports", lambda: published(one), lost) or ())})))]


def published(one: Object) -> list[Published]:
    """What was asked for; where that is any port of the host, the one that it has."""
    host, settings = mapping(one.get("HostConfig")), mapping(one.get("NetworkSettings"))
    standing = mapping(settings.get("Ports"))
    asked = standing if host.get("PublishAllPorts") else mapping(host.get("PortBindings"))
    found = {port for name, bindings in asked.items() for port in bound(name, bindings, standing.get(name))}
    return [widened(port, {one.host_ip for one in found if alike(one, port)}) for port in found]


def alike(one: Published, other: Published) -> bool:
    return one._replace(host_ip="") == other._replace(host_ip="")


def widened(port: Published, ips: set[str]) -> Published:
    """One for both families where each is told."""
    return port._replace(host_ip="") if ips >= EVERYWHERE and port.host_ip in EVERYWHERE else port


def bound(name: str, bindings: Any, standing: Any) -> Iterator[Published]:
    port, _, protocol = name.partition("/")
    known = [str(mapping(one).get("HostPort") or "0") for one in many(standing)]
    for at, one in enumerate(map(mapping, many(bindings))):
        first = str(one.get("HostPort") or "0")
        if first == "0" or "-" in first:
            first = known[min(at, len(known) - 1)] if known else "0"
        yield Published(protocol or "tcp", word(one.get("HostIp")), int(port), int(first))


def spans(found: Iterable[Published]) -> Iterator[list[Published]]:
    """Those that follow one another together."""

    def turn(numbered: tuple[int, Published]) -> object:
        number, one = numbered
        return one.protocol, one.host_ip, one.target - number, one.host - number if one.host else ~number

    for _, those in groupby(enumerate(found), turn):
        yield [one for _, one in those]


def in_words(span: list[Published]) -> Any:
    """In Compose's short form."""
    first, last = span[0], span[-1]
    host = between(first.host, last.host) if first.host else ""
    return short_form(first.host_ip, host, between(first.target, last.target), first.protocol)


def short_form(host_ip: str, host: str, target: str, protocol: str) -> str:
    at = f"[{host_ip}]:" if ":" in host_ip else f"{host_ip}:" * bool(host_ip)
    outer = f"{at}{host}:" if at or host else ""
    return f"{outer}{target}" + f"/{protocol}" * (protocol != "tcp")


def between(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def mounts(one: Object, lost: list[str]) -> list[Any]:
    found: list[Any] = []
    for said in guarded("mounts", lambda: many(one.get("Mounts")), lost) or ():
        try:
            found += mount(mapping(said), lost)
        except Odd:
            lost.append(f"a mount that is not understood: {short(said)}")
    return found


def mount(said: Object, lost: list[str]) -> Iterator[dict[str, Any]]:
    kind, target = word(said.get("Type")), word(said.get("Destination"))
    source = word(said.get("Name")) if kind == "volume" else word(said.get("Source"))
    if kind not in ("bind", "volume"):
        lost.append(f"a mount of type {short(kind)} at {short(target)}")
        return
    read_only = said.get("RW") is False
    if ANONYMOUS.fullmatch(source):
        lost.append(f"what is in the nameless volume at {target}: {word(said.get('Source'))}")
        source = ""
    way = word(said.get("Propagation"))
    bind = {"propagation": way} if kind == "bind" and way not in USUAL_WAYS else {}
    yield compact(type=kind, source=source, target=target, read_only=read_only, bind=bind)


def volume_names(entries: Iterable[Entry]) -> list[str]:
    found = (one for entry in entries for one in entry.said.get("volumes", ()))
    return sorted({one["source"] for one in found if one["type"] == "volume" and one.get("source")})
