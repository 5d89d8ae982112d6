"""What remote drivers are told, in the words that Docker has for it."""

from collections.abc import Iterator
from typing import Any

from ...cnm.topology import Endpoint, Network
from ...manifest.options import NETWORK
from ...manifest.spec import PortSpec

GENERIC = NETWORK + "generic"
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


def subnets(network: Network) -> Iterator[str]:
    """With the gateway's address, where there is one."""
    for subnet in network.subnets:
        address, length = subnet.cidr.split("/")
        yield f"{subnet.gateway or address}/{length}"


def network_options(network: Network) -> dict[str, Any]:
    """`driver_opts` are generic; what all networks have bears a name of Docker's."""
    spec = network.spec
    size = {} if spec.mtu == "auto" else {NETWORK + "driver.mtu": str(spec.mtu)}
    found: dict[str, Any] = {GENERIC: {**size, **spec.options}, NETWORK + "enable_ipv6": network.ipv6}
    return found | ({NETWORK + "internal": True} if spec.internal else {})


def endpoint_options(end: Endpoint) -> dict[str, Any]:
    ports = [(port, number) for port in end.ports for number in range(port.target[0], port.target[1] + 1)]
    found: dict[str, Any] = dict(end.options)
    if ports:
        found[NETWORK + "portmap"] = [mapping(port, number) for port, number in ports]
        found[NETWORK + "endpoint.exposedports"] = [
            {"Proto": PROTOCOLS[port.protocol], "Port": number} for port, number in ports
        ]
    return found


def mapping(port: PortSpec, number: int) -> dict[str, Any]:
    """One port of a container; 0 of the host is any that is free, as is each of a range."""
    first, last = port.published or (0, 0)
    if port.published and last - first == port.target[1] - port.target[0]:
        first = last = first + number - port.target[0]
    host_ip = "" if port.host_ip in ("0.0.0.0", "::") else port.host_ip
    told = {"IP": "", "Port": number, "HostIP": host_ip, "HostPort": first, "HostPortEnd": last}
    return {"Proto": PROTOCOLS[port.protocol], **told}
