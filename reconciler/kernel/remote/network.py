"""Networks made and removed by their plugins."""

import errno
import json
from ipaddress import ip_interface
from typing import Any

from ...kinds.remote import RemoteNetwork
from . import records
from .driver import RemoteDriverCalls, RemoteDrivers
from .http import PluginRefusal
from .records import RemoteNetworkRecord


def create(new: RemoteNetwork, drivers: RemoteDrivers) -> None:
    """Raises OSError, with nothing standing, or a record of what may be."""
    driver = drivers[new.driver]
    records.write_network(RemoteNetworkRecord(new))  # who dies here can be cleaned up after
    try:
        ask(driver, new)
    except PluginRefusal:
        records.remove(records.network_file(new.name))
        raise
    records.write_network(RemoteNetworkRecord(new, driver.scope))


def ask(driver: RemoteDriverCalls, new: RemoteNetwork) -> None:
    """Where it has one of the same id, as of before its record was lost, that goes first."""
    body = body_of(new, f"{driver.scope.capitalize()}Default")
    try:
        driver.ask("CreateNetwork", body)
    except PluginRefusal:
        if driver.part_with(["DeleteNetwork"], {"NetworkID": new.ident}):
            raise
        driver.ask("CreateNetwork", body)


def body_of(new: RemoteNetwork, space: str) -> dict[str, Any]:
    four, six = (
        [pool(one, space) for one in new.subnets if (":" in one) == is_six] for is_six in (False, True)
    )
    options = json.loads(new.options)
    return {"NetworkID": new.ident, "Options": options, "IPv4Data": four, "IPv6Data": six}


def pool(subnet: str, space: str) -> dict[str, Any]:
    """Who has the subnet's first address is no gateway."""
    gateway = ip_interface(subnet)
    has_one = gateway.ip != gateway.network.network_address or gateway.network.num_addresses == 1
    told = {"AddressSpace": space, "Pool": str(gateway.network), "Gateway": subnet if has_one else ""}
    return {**told, "AuxAddresses": {}}


def delete(old: RemoteNetwork, drivers: RemoteDrivers) -> None:
    """Of a record that nobody can read there is nobody to tell; who says no knows of none, as to Docker."""
    if left := records.ends_on(old.name):
        raise OSError(errno.EBUSY, f"{left[0]} is on it still")
    network = records.network(old.name).network
    if network.driver:
        drivers[network.driver].part_with(["DeleteNetwork"], {"NetworkID": network.ident})
    records.remove(records.network_file(old.name))
