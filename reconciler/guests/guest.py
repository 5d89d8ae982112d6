"""A guest as its runtime tells of it, and the manifest that says so."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from ..family import family
from ..mistakes import WrongAttachment
from ..values import value

SAID = "x-guest"  # the key of what the runtime has told, as it did
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9_])?")  # that another container may ask for


@value
class GuestPort:
    """A published port of the host; `published` is 0 for one of the host's choice."""

    target: int
    published: int = 0
    last: int = 0  # where any from `published` to this one will do
    protocol: str = "tcp"
    host_ip: str = ""

    @property
    def is_choice(self) -> bool:
        """Whether the host chooses the number."""
        return not self.published or self.last > self.published


@value
class GuestEnd:
    """Its place on one network."""

    network: str  # its full name, as shop_front
    ifname: str
    ips: tuple[str, ...] = ()  # that the runtime asks for
    mac: str = ""  # likewise
    aliases: tuple[str, ...] = ()
    ports: tuple[GuestPort, ...] = ()
    config: str = ""  # what its runtime calls the network: a list of plugins, or a network of Docker's
    bandwidth: tuple[tuple[str, str], ...] = ()  # as the manifest's keys have it

    def called(self, names: Iterable[str]) -> "GuestEnd":
        return replace(self, aliases=tuple(names))

    def publishing(self, ports: Iterable[GuestPort]) -> "GuestEnd":
        return replace(self, ports=tuple(ports))


@value
class Guest:
    runtime: str
    id: str
    netns: str = ""  # the path of its namespace
    link: str = ""  # or what an end of a pair is called, that the runtime takes by itself
    inode: int = 0  # of that, by which it is told from another at the same path
    name: str = ""  # what people call it
    ends: tuple[GuestEnd, ...] = ()

    @property
    def short_id(self) -> str:
        """12 hex digits, as Docker cuts an id; where it is no such id, of what is."""
        known = re.fullmatch(r"[0-9a-f]{12,}", self.id)
        return self.id[:12] if known else sha256(self.id.encode()).hexdigest()[:12]

    @property
    def sandbox(self) -> str:
        """What its sandbox is called here, and its project."""
        return f"{self.runtime}-{self.short_id}"

    @property
    def ports(self) -> tuple[GuestPort, ...]:
        return tuple(port for end in self.ends for port in end.ports)

    def end(self, ifname: str) -> GuestEnd | None:
        return next((end for end in self.ends if end.ifname == ifname), None)

    def only(self, ends: Iterable[GuestEnd]) -> "Guest":
        return replace(self, ends=tuple(ends))

    def joined(self, end: GuestEnd) -> "Guest":
        """With this place, instead of what it has by that interface."""
        return self.only((*self.parted(end.ifname).ends, end))

    def parted(self, ifname: str) -> "Guest":
        return self.only(end for end in self.ends if end.ifname != ifname)


def manifest(guest: Guest) -> str:
    """JSON, which is YAML: the container, its networks, which others declare, and what was told."""
    networks = {end.network: {"external": True, "name": end.network} for end in guest.ends}
    container = {
        "container_name": guest.sandbox,
        "attach": {"link": guest.link} if guest.link else {"netns": guest.netns},
        "networks": {end.network: attachment(guest, end) for end in guest.ends},
        "ports": [port(one) for one in guest.ports],
    }
    said = {
        "name": guest.sandbox,
        "networks": networks,
        "containers": {guest.short_id: container},
        SAID: asdict(guest),
    }
    return json.dumps(said, indent=1) + "\n"


def attachment(guest: Guest, end: GuestEnd) -> dict[str, object]:
    found: dict[str, object] = {} if guest.link else {"interface_name": end.ifname}
    for ip in end.ips:
        if found.setdefault(key := f"ipv{family(ip)}_address", ip) != ip:
            raise WrongAttachment(f"{found[key]} and {ip} are asked for: one of each family is given")
    found |= {"mac_address": end.mac} if end.mac else {}
    found |= {"bandwidth": dict(end.bandwidth)} if end.bandwidth else {}
    names = dict.fromkeys(filter(NAME.fullmatch, (guest.name, *end.aliases)))
    return found | {"aliases": [*names]}


def port(one: GuestPort) -> dict[str, object]:
    found: dict[str, object] = {"target": one.target, "protocol": one.protocol, "mode": "host"}
    last = f"-{one.last}" if one.last > one.published else ""
    found |= {"published": f"{one.published}{last}"} if one.published else {}
    return found | ({"host_ip": one.host_ip} if one.host_ip else {})


def guest(text: str) -> Guest:
    """Whose manifest it is; raises ValueError where it is none of ours."""
    try:
        said = json.loads(text)[SAID]
        ends = tuple(end_of(end) for end in said["ends"])
        return Guest(**{**said, "ends": ends})
    except (LookupError, TypeError) as error:
        raise ValueError(f"no guest of ours: {error}") from None


def end_of(said: Mapping[str, Any]) -> GuestEnd:
    ports = tuple(GuestPort(**one) for one in said["ports"])
    lists = {"ips": tuple(said["ips"]), "aliases": tuple(said["aliases"]), "ports": ports}
    return GuestEnd(**{**said, **lists, "bandwidth": tuple(map(tuple, said.get("bandwidth", ())))})
