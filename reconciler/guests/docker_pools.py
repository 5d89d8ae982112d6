"""Docker's addresses where it asks us for them: `--ipam-driver reconciler --subnet`, for who wants `--ip`.

A pool is the subnet of a network that stands.  None is ever chosen for Docker: it takes what has a route for
taken and asks again, for ever.
"""

import random
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from ..errors import ReconcileError
from ..inventory.facts import Facts, LiveNetwork
from . import attending
from .request import Said

GATEWAY = "com.docker.network.gateway"
PATIENCE = 60.0  # seconds until an address that was chosen is an endpoint's
CREATE = "docker network create -d reconciler --ipam-driver null -o network=shop_front front"


def pool_of(call: Said) -> dict[str, Any]:
    """Its own text is its id: nothing need be kept."""
    pool = call.text("Pool")
    if not pool:
        raise ReconcileError("name the subnet of a network that stands", f"--subnet=..., or {CREATE}")
    if call.text("SubPool"):
        raise ReconcileError("--ip-range is not followed here", "leave it out; `docker run --ip` says which")
    if not network_of(attending.facts(), pool):
        raise ReconcileError(f"no network on this host has the subnet {pool}", "see `reconcile --show`")
    return {"PoolID": pool, "Pool": pool, "Data": {}}


def network_of(facts: Facts, pool: str) -> str:
    """The one that stands and has this subnet; "" where none has."""
    found = standing(facts, pool)
    return found[0] if found else ""


def standing(facts: Facts, pool: str) -> tuple[str, LiveNetwork, str] | None:
    """Its name, itself, and its gateway in this subnet with the length of the prefix."""
    try:
        wanted = ip_network(pool)
    except ValueError as error:
        raise ReconcileError(f"{pool!r} is no subnet: {error}") from None
    for name, network in facts.networks.items():
        for own in network.subnets if not name.startswith("@") else ():
            if ip_interface(own).network == wanted:
                return name, network, own
    return None


class Reserved:
    """Addresses that were chosen or wanted, until an endpoint has them: Docker asks for them before it makes
    one.  What stands is read under the lock: who gives an address free has made its endpoint before."""

    def __init__(self) -> None:
        self.until: dict[str, float] = {}
        self.lock = threading.Lock()

    def address(self, call: Said) -> dict[str, Any]:
        pool, wanted = call.text("PoolID"), call.text("Address")
        with self.lock:
            facts = attending.facts()
            found = standing(facts, pool)
            if not found:
                raise ReconcileError(f"no network on this host has the subnet {pool}")
            _, network, own = found
            gateway, _, length = own.partition("/")
            if call.object("Options").text("RequestAddressType") == GATEWAY:
                if wanted not in ("", gateway):
                    raise ReconcileError(f"the gateway of {pool} is {gateway}", "leave --gateway out")
                return {"Address": own, "Data": {}}
            taken = {ip for (_, home), ips in facts.leases.items() if home == network.bridge for ip in ips}
            taken |= {gateway, *(ip for ips in facts.vips.values() for ip in ips)}
            now = time.monotonic()
            self.until = {ip: end for ip, end in self.until.items() if end > now}
            ip = inside(pool, wanted) if wanted else self.chosen(pool, taken)
            self.until[ip] = now + PATIENCE
        return {"Address": f"{ip}/{length}", "Data": {}}

    def chosen(self, pool: str, taken: set[str]) -> str:
        ip = next((ip for ip in candidates(pool) if ip not in taken and ip not in self.until), "")
        if not ip:
            raise ReconcileError(f"no address is free in {pool}")
        return ip

    def free(self, *addresses: str) -> None:
        with self.lock:
            for ip in addresses:
                self.until.pop(ip, None)

    def release(self, call: Said) -> dict[str, Any]:
        self.free(call.text("Address").partition("/")[0])
        return {}


def inside(pool: str, wanted: str) -> str:
    """The address that a person wants; who has it is told when its endpoint is made: Docker asks again for
    those that it has."""
    try:
        ip = ip_address(wanted)
    except ValueError as error:
        raise ReconcileError(f"{wanted!r} is no address: {error}") from None
    if ip not in ip_network(pool):
        raise ReconcileError(f"{ip} is not in {pool}", "take one that is")
    return str(ip)


def candidates(pool: str) -> Iterator[str]:
    """All that anybody may have, from somewhere on: what was given up last is not given at once."""
    network = ip_network(pool)
    first, last = int(network[0]) + 1, int(network[-1]) - (network.version == 4)
    count = max(last - first + 1, 0)
    begin = random.randrange(count) if count else 0
    for number in range(min(count, 1 << 16)):
        yield str(ip_address(first + (begin + number) % count))


RESERVED = Reserved()
