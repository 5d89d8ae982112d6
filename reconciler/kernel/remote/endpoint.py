"""Sandboxes joined to networks of plugins, in the order of calls that Docker has, and taken out again."""

import errno
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from ...kinds.remote import RemoteEndpoint
from .. import netns
from . import link, records
from .driver import RemoteDriverCalls, RemoteDrivers
from .http import PluginRefusal, PluginTrouble, printable
from .link import Placed
from .records import RemoteEndpointRecord

DEFAULTS = {"4": ("Gateway", "0.0.0.0/0"), "6": ("GatewayIPv6", "::/0")}
WITH_NEXT_HOP = 0  # of RouteType; 1 is a neighbour's
LONGEST = 15  # of a link's name
ODD = frozenset("/: \t\n\0")


def attach(new: RemoteEndpoint, drivers: RemoteDrivers) -> None:
    """Raises OSError, with nothing standing, or a record of what may be."""
    driver, record = drivers[new.driver], RemoteEndpointRecord(new, netns.inode(new.ns))
    records.write_endpoint(record)  # who dies here can be cleaned up after
    try:
        record = replace(record, interface=create(driver, new))
        record = replace(record, join=driver.ask("Join", joining(new)))
        records.write_endpoint(record)  # whoever takes it back needs its name on the host
        place(driver, record)
        if new.leads:
            driver.offer("ProgramExternalConnectivity", body_of(new))
        driver.offer("EndpointOperInfo", ids(new))
    except OSError as error:
        try:
            take_back(driver, record)
        except PluginTrouble:
            raise error from None
        records.remove(records.endpoint_file(new.ns, new.name))
        raise
    records.write_endpoint(replace(record, whole=True))


def ids(new: RemoteEndpoint) -> dict[str, Any]:
    return {"NetworkID": new.home, "EndpointID": new.ident}


def body_of(new: RemoteEndpoint) -> dict[str, Any]:
    return {**ids(new), "Options": json.loads(new.options)}


def joining(new: RemoteEndpoint) -> dict[str, Any]:
    return {**ids(new), "SandboxKey": netns.path(new.ns), "Options": json.loads(new.options)}


def create(driver: RemoteDriverCalls, new: RemoteEndpoint) -> dict[str, Any]:
    """What its interface has then: what we have chosen, or what the plugin has instead.  Where it has one of
    the same id, as of before its record was lost, that goes first."""
    asked = {"Address": first(new, ":", "."), "AddressIPv6": first(new, ".", ":"), "MacAddress": new.mac}
    body = {**body_of(new), "Interface": asked}
    try:
        said = driver.ask("CreateEndpoint", body)
    except PluginRefusal:
        if driver.part_with(["Leave", "DeleteEndpoint"], ids(new)):
            raise
        said = driver.ask("CreateEndpoint", body)
    given = said.get("Interface") or {}
    chosen = {key: given.get(key) for key in asked} if isinstance(given, dict) else {}
    return checked(driver, asked, asked | {key: value for key, value in chosen.items() if value})


def first(new: RemoteEndpoint, without: str, having: str) -> str:
    """Of one family, which a character tells."""
    return next((ip for ip in new.chosen if having in ip and without not in ip), "")


def checked(driver: RemoteDriverCalls, asked: Mapping[str, str], interface: dict[str, Any]) -> dict[str, Any]:
    """Raises PluginTrouble for what is no address, or in another subnet than what it was asked for."""
    try:
        for key, version in (("Address", 4), ("AddressIPv6", 6)):
            if not interface[key]:
                continue
            found = ip_interface(str(interface[key]))
            if found.version != version or "/" not in str(interface[key]):
                raise ValueError
            if asked[key] and ip_interface(asked[key]).network != found.network:
                raise ValueError
            interface[key] = str(found)
        if mac := interface["MacAddress"]:
            octets = bytes.fromhex(str(mac).replace(":", ""))
            if len(octets) != 6 or octets[0] & 1:
                raise ValueError
            interface["MacAddress"] = octets.hex(":")
    except ValueError:
        raise trouble(driver, f"CreateEndpoint: no interface can have {shown(interface)}") from None
    return interface


def place(driver: RemoteDriverCalls, record: RemoteEndpointRecord) -> None:
    """The link that it tells of, if any, into the sandbox."""
    new, source = record.endpoint, record.source
    if not source:
        return
    if len(source) > LONGEST or not ODD.isdisjoint(source) or source in (".", ".."):
        raise trouble(driver, f"Join: {shown(source)} can be no link's name")
    wanted = Placed(
        ns=new.ns,
        name=new.name,
        source=source,
        mac=record.mac,
        mtu=new.mtu,
        addresses=record.addresses,
        routes=[*routes(driver, record)],
    )
    try:
        link.move_in(wanted)
    except OSError as error:
        raise trouble(driver, f"link {source}: {error.strerror or error}") from error


def routes(driver: RemoteDriverCalls, record: RemoteEndpointRecord) -> Iterator[tuple[str, str]]:
    """Those of the plugin and of the manifest, neighbours first; the default one where it is to lead out."""
    join = record.join or {}
    try:
        found = [*static_routes(join)]
        found += [(dst, via) for dst, _, via in (route.partition(" ") for route in record.endpoint.routes)]
        for version in record.endpoint.leads:
            key, everything = DEFAULTS[version]
            if via := join.get(key):
                found.append((everything, str(ip_address(via))))
    except (ValueError, TypeError, AttributeError, LookupError):
        raise trouble(driver, f"Join: no routes are {shown(join)}") from None
    yield from sorted(found, key=lambda route: bool(route[1]))


def static_routes(join: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in join.get("StaticRoutes") or ():
        via = one.get("NextHop") if one.get("RouteType", WITH_NEXT_HOP) == WITH_NEXT_HOP else ""
        yield str(ip_network(one["Destination"], strict=False)), str(ip_address(via)) if via else ""


def trouble(driver: RemoteDriverCalls, words: str) -> PluginTrouble:
    return PluginTrouble(errno.EPROTO, f"plugin {driver.name}: {words}")


def shown(told: object) -> str:
    return printable(json.dumps(told))


def detach(old: RemoteEndpoint, drivers: RemoteDrivers) -> None:
    """Raises OSError where its plugin says nothing: the record stays, for another time."""
    record = records.endpoint(old.ns, old.name)
    if record.endpoint.driver:
        take_back(drivers[record.endpoint.driver], record)
    elif netns.inode(old.ns):
        link.move_out(old.ns, old.name, "")
    records.remove(records.endpoint_file(old.ns, old.name))


def take_back(driver: RemoteDriverCalls, record: RemoteEndpointRecord) -> None:
    """Backwards, the link first: plugins remove it where they made it.  A sandbox that is another by now has
    none of it."""
    old, index = record.endpoint, 0
    methods = ["Leave", "DeleteEndpoint"]
    if old.leads and record.join is not None:
        methods.insert(0, "RevokeExternalConnectivity")
    if record.source and record.inode == netns.inode(old.ns):
        index = link.move_out(old.ns, old.name, record.source)
    driver.part_with(methods, ids(old))
    if index:
        link.remove_left(record.source, index)
