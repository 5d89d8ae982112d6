"""Docker's network plugin: https://github.com/moby/moby/blob/master/daemon/libnetwork/docs/remote.md.

Docker takes an end of a pair that we have made, and sets all in its container by itself; the other end, names
and published ports are ours.  It keeps a network of its own, whose `-o network=shop_front` names one of ours.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import ReconcileError, foreseen
from ..family import family
from . import attending, docker_networks, dockerd, folder
from .attending import Given, KeptHost
from .docker_pools import CREATE, RESERVED, network_of, pool_of
from .guest import Guest, GuestEnd, GuestPort
from .request import Malformed, Said, said

RUNTIME = "docker"
OK, UNKNOWN, FAILED = 200, 404, 500
GENERIC, PORTMAP = "com.docker.network.generic", "com.docker.network.portmap"
PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
Answer = dict[str, Any]
Method = Callable[[Said, KeptHost], Answer]


def answer(method: str, data: bytes, reader: KeptHost) -> tuple[int, Answer]:
    """The status, and what is told; an error of a pool is shown by Docker only with one that says so."""
    if method not in METHODS:
        return UNKNOWN, {"Err": f"the plugin has no {method[:60]!r}"}
    try:
        return OK, METHODS[method](said(data or (b"{}" if method in BARE else b"")), reader)
    except Malformed as error:
        return FAILED, {"Err": str(error)}
    except Exception as error:
        known = foreseen(error)
        return FAILED, {"Err": "; ".join(filter(None, (attending.words(known), known.hint)))}


def nothing(_: Said, reader: KeptHost) -> Answer:
    return {}


def constant(told: Answer) -> Method:
    return lambda _, reader: told


def alone(pools: Callable[[Said], Answer]) -> Method:
    """Of what is asked of the manifests' networks alone."""
    return lambda call, reader: pools(call)


def guest(call: Said) -> Guest:
    """One endpoint, whichever container it is of: Docker tells of these alone."""
    ident = docker_networks.checked(call.text("EndpointID"))
    return Guest(runtime=RUNTIME, id=ident, link=f"vd{ident[:12]}")


def create_network(call: Said, reader: KeptHost) -> Answer:
    """The network that it is to be; Docker tells no name of its own."""
    options = call.object("Options").object(GENERIC)
    pools = [one.text("Pool") for key in ("IPv4Data", "IPv6Data") for one in call.objects(key)]
    pools = [pool for pool in pools if not pool.endswith("/0")]  # the null driver's
    facts = attending.facts()
    homes = {pool: network_of(facts, pool) for pool in pools}
    name = options.text("network") or next(iter(homes.values()), "")
    if not name:
        raise ReconcileError("no network of reconciler's is named", CREATE)
    if name not in facts.networks:
        raise ReconcileError(f"no network {name} stands on this host", "declare it, and `reconcile --apply`")
    if strange := [pool for pool, home in homes.items() if home != name]:
        raise ReconcileError(f"{', '.join(strange)} is no subnet of network {name}")
    docker_networks.put(call.text("NetworkID"), name)
    return {}


def delete_network(call: Said, reader: KeptHost) -> Answer:
    docker_networks.forget(call.text("NetworkID"))
    return {}


def create_endpoint(call: Said, reader: KeptHost) -> Answer:
    """What Docker has chosen is not told again: it takes that for a mistake."""
    ident = call.text("NetworkID")
    name = docker_networks.known(ident) or dockerd.network(ident)
    if not name:
        raise ReconcileError(
            f"network {ident[:12]} of Docker's is not known here", "remove it, and make it anew"
        )
    asked = call.object("Interface")
    ips = {key: asked.text(key).partition("/")[0] for key in ("Address", "AddressIPv6")}
    one, mac = guest(call), asked.text("MacAddress")
    written = tuple(filter(None, ips.values()))
    end = GuestEnd(network=name, ifname=one.link, ips=written, mac=mac, config=ident)
    given = attending.join(one, end, reader)
    RESERVED.free(*ips.values())
    told = {("AddressIPv6" if ":" in ip else "Address"): f"{ip}/{n}" for ip, n in given.end.addresses}
    told |= {"MacAddress": given.end.mac}
    return {"Interface": {key: text for key, text in told.items() if not asked.text(key)}}


def delete_endpoint(call: Said, reader: KeptHost) -> Answer:
    one = guest(call)
    attending.part(one, one.link, reader)
    return {}


def join(call: Said, reader: KeptHost) -> Answer:
    """Now Docker's API tells whose it is; without an answer it is found by its address until it does."""
    one = guest(call)
    names = dockerd.names(call.text("NetworkID"), one.id)
    given = attending.alter(one, one.link, lambda end: end.called(names or end.aliases), reader)
    return result(one.link, given)


def result(link: str, given: Given) -> Answer:
    gateways = {family(via): via for via, _ in given.end.gateways}
    return {
        "InterfaceName": {"SrcName": link, "DstPrefix": "eth"},
        "Gateway": gateways.get(4, ""),
        "GatewayIPv6": gateways.get(6, ""),
        "StaticRoutes": [{"Destination": to, "RouteType": 0, "NextHop": via} for to, via in given.end.routes],
        "DisableGatewayService": True,  # else it has a network of Docker's beside this one
    }


def publish(call: Said, reader: KeptHost) -> Answer:
    """Docker says so of the one endpoint by which its container's default route leads."""
    return published(call, tuple(dict.fromkeys(ports(call.object("Options")))), reader)


def withdraw(call: Said, reader: KeptHost) -> Answer:
    return published(call, (), reader) if folder.known(guest(call)) else {}


def published(call: Said, wanted: tuple[GuestPort, ...], reader: KeptHost) -> Answer:
    one = guest(call)
    stood = folder.known(one)
    if not stood or stood.ends[0].ports != wanted:
        attending.alter(one, one.link, lambda end: end.publishing(wanted), reader)
    return {}


def ports(options: Said) -> Iterator[GuestPort]:
    for one in options.objects(PORTMAP):
        number = one.number("Proto")
        if number not in PROTOCOLS:
            raise ReconcileError(f"ports of protocol {number} are not published")
        yield GuestPort(
            target=one.number("Port"),
            published=one.number("HostPort"),
            last=one.number("HostPortEnd"),
            protocol=PROTOCOLS[number],
            host_ip=one.text("HostIP"),
        )


METHODS: Mapping[str, Method] = {
    "Plugin.Activate": constant({"Implements": ["NetworkDriver", "IpamDriver"]}),
    "NetworkDriver.GetCapabilities": constant({"Scope": "local", "ConnectivityScope": "global"}),
    "NetworkDriver.CreateNetwork": create_network,
    "NetworkDriver.DeleteNetwork": delete_network,
    "NetworkDriver.AllocateNetwork": nothing,
    "NetworkDriver.FreeNetwork": nothing,
    "NetworkDriver.CreateEndpoint": create_endpoint,
    "NetworkDriver.EndpointOperInfo": constant({"Value": {}}),
    "NetworkDriver.DeleteEndpoint": delete_endpoint,
    "NetworkDriver.Join": join,
    "NetworkDriver.Leave": nothing,  # the end of the pair comes back, and then DeleteEndpoint
    "NetworkDriver.ProgramExternalConnectivity": publish,
    "NetworkDriver.RevokeExternalConnectivity": withdraw,
    "NetworkDriver.DiscoverNew": nothing,
    "NetworkDriver.DiscoverDelete": nothing,
    "IpamDriver.GetCapabilities": constant({"RequiresMACAddress": False}),
    "IpamDriver.GetDefaultAddressSpaces": constant(
        {"LocalDefaultAddressSpace": "reconciler", "GlobalDefaultAddressSpace": "reconciler"}
    ),
    "IpamDriver.RequestPool": alone(pool_of),
    "IpamDriver.ReleasePool": nothing,
    "IpamDriver.RequestAddress": alone(RESERVED.address),
    "IpamDriver.ReleaseAddress": alone(RESERVED.release),
}
# What Docker asks without a body; of others that is a request that was cut short.
BARE = {
    name for name in METHODS if name.endswith((".Activate", ".GetCapabilities", ".GetDefaultAddressSpaces"))
}
