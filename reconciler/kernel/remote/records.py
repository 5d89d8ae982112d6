"""What plugins were told and have answered, in files of root alone below /run: without them nobody could
take it back again."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import fields
from threading import Lock
from typing import Any, TypeVar

from ... import disk
from ...core.resource import Resource
from ...kinds.cni import ASTRAY
from ...kinds.remote import RemoteEndpoint, RemoteNetwork
from ...paths import REMOTE
from ...values import record
from .. import looking
from ..transcript import EVERYWHERE

R = TypeVar("R", bound=Resource)
FORMAT = 1
FOLDERS = Lock()  # of threads, some of which make them while others remove them
NETWORKS, ENDPOINTS = f"{REMOTE}/networks", f"{REMOTE}/endpoints"
UNFINISHED, ILLEGIBLE = "unfinished", "its record cannot be read"
UNTOLD = {"key", "origin", "state", "addresses"}  # of a resource, by its record
SPOILT = (OSError, ValueError, TypeError, LookupError)


@record
class RemoteNetworkRecord:
    """A network as its plugin was told of it, and of what scope that said it is; "" until it has answered."""

    network: RemoteNetwork
    scope: str = ""


@record
class RemoteEndpointRecord:
    """An endpoint as it was told, with the namespace that it was made in, and what was answered."""

    endpoint: RemoteEndpoint
    inode: int = 0
    interface: Mapping[str, Any] | None = None  # Address, AddressIPv6 and MacAddress that it came to have
    join: Mapping[str, Any] | None = None  # None until the plugin has let it join
    whole: bool = False  # its link is in its place

    @property
    def source(self) -> str:
        """The link's name on the host."""
        names = (self.join or {}).get("InterfaceName")
        return str(names.get("SrcName") or "") if isinstance(names, dict) else ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """As 10.1.0.5/24, that of the plugin where it has chosen one."""
        found = self.interface or {}
        given = tuple(str(ip) for key in ("Address", "AddressIPv6") if (ip := found.get(key)))
        return given + tuple(ip for ip in self.endpoint.chosen if ip not in given and self.is_further(ip))

    def is_further(self, ip: str) -> bool:
        """Whether it is none of the two that a plugin is told of, one a family."""
        alike = [one for one in self.endpoint.chosen if (":" in one) == (":" in ip)]
        return alike[0] != ip

    @property
    def mac(self) -> str:
        return str((self.interface or {}).get("MacAddress") or "").lower()


def network_file(name: str) -> str:
    return f"{NETWORKS}/{name}"


def endpoint_file(ns: str, name: str) -> str:
    return f"{ENDPOINTS}/{ns}/{name}"


def names_in(folder: str, place: str) -> list[str]:
    return whole(looking.listing(folder, place))


def whole(names: Iterable[str]) -> list[str]:
    """But for those that are being written."""
    return [name for name in names if not name.startswith(".")]


def networks() -> Iterator[RemoteNetworkRecord]:
    return map(network, names_in(NETWORKS, EVERYWHERE))


def scope(driver: str) -> str:
    """What a plugin has said of its networks; "" where it has none of ours."""
    known = (one.scope for one in networks() if one.network.driver == driver)
    return next(filter(None, known), "")


def network(name: str) -> RemoteNetworkRecord:
    nothing = RemoteNetwork(name=name, project="", driver="", ident="")
    try:
        said = content(network_file(name), nothing.place)
        return RemoteNetworkRecord(resource_of(RemoteNetwork, said["network"], name=name), str(said["scope"]))
    except SPOILT:
        return RemoteNetworkRecord(nothing.broken(ILLEGIBLE))


def of(ns: str) -> Iterator[RemoteEndpointRecord]:
    """Of one sandbox; one without any has no folder."""
    return (endpoint(ns, name) for name in whole(looking.listing_within(ENDPOINTS, ns, ns)))


def ends_on(name: str) -> list[str]:
    """The sandboxes that have an endpoint on this network, whose plugin wants it taken back before."""
    found = (one.endpoint for ns in names_in(ENDPOINTS, EVERYWHERE) for one in of(ns))
    return sorted({one.ns for one in found if one.network == name})


def orphans(sandboxes: Iterable[str], places: Set[str] | None) -> Iterator[RemoteEndpoint]:
    """Of sandboxes that are no more, of all or of these."""
    for ns in sorted({*names_in(ENDPOINTS, EVERYWHERE)}.difference(sandboxes)):
        if places is None or ns in places:
            yield from (record.endpoint.broken(ASTRAY) for record in of(ns))


def endpoint(ns: str, name: str) -> RemoteEndpointRecord:
    try:
        said = content(endpoint_file(ns, name), ns)
        made = resource_of(RemoteEndpoint, said["endpoint"], ns=ns, name=name)
        interface, join = mapping(said["interface"]), mapping(said["join"])
        return RemoteEndpointRecord(made, int(said["inode"]), interface, join, bool(said["whole"]))
    except SPOILT:
        nothing = RemoteEndpoint(ns=ns, name=name, project="", network="", driver="", home="", ident="")
        return RemoteEndpointRecord(nothing.broken(ILLEGIBLE))


def content(path: str, place: str) -> dict[str, Any]:
    found = disk.parsed(looking.content(path, place, follow=False))
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError
    return found


def mapping(said: Any) -> dict[str, Any] | None:
    if said is not None and not isinstance(said, dict):
        raise ValueError
    return said


def resource_of(kind: type[R], said: Mapping[str, Any], **identity: str) -> R:
    """A resource out of what its record has of it; what is missing or of another type spoils it."""
    values: dict[str, Any] = dict(identity)
    for field in fields(kind):
        if field.name not in UNTOLD | identity.keys():
            value = said[field.name]
            values[field.name] = tuple(map(str, value)) if isinstance(value, list) else value
    found = kind(**values)
    if any(not isinstance(value, str | int | tuple) for value in values.values()):
        raise ValueError
    return found


def words(r: Resource) -> dict[str, Any]:
    return {field.name: getattr(r, field.name) for field in fields(r) if field.name not in UNTOLD}


def write_network(record: RemoteNetworkRecord) -> None:
    said = {"network": words(record.network), "scope": record.scope}
    write(network_file(record.network.name), said)


def write_endpoint(record: RemoteEndpointRecord) -> None:
    answers = {"interface": record.interface, "join": record.join, "whole": record.whole}
    said = {"endpoint": words(record.endpoint), "inode": record.inode, **answers}
    write(endpoint_file(record.endpoint.ns, record.endpoint.name), said)


def write(path: str, said: Mapping[str, Any]) -> None:
    with FOLDERS:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        disk.write(path, json.dumps({"format": FORMAT, **said}).encode(), 0o600)


def remove(path: str) -> None:
    """The record, and the folders in which it was the last."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    with FOLDERS, suppress(OSError):  # others are there
        while path.startswith(f"{REMOTE}/"):
            path = os.path.dirname(path)
            os.rmdir(path)
