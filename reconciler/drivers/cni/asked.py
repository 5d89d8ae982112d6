"""What plugins are asked for: by their capabilities, or all of them by CNI_ARGS."""

import json
from collections.abc import Iterable, Iterator, Set
from typing import Any, NamedTuple

from ...cnm.driver import Socket
from ...cnm.topology import Endpoint, Network
from ...errors import Where
from ...inventory.facts import Listener

CAPABLE_PORTS = "portMappings"
ANY = ("", "0.0.0.0", "::")


class PortMapping(NamedTuple):
    """A port of the host that leads to one of a container."""

    host_ip: str
    host_port: int
    container_port: int
    protocol: str
    where: Where

    @property
    def words(self) -> dict[str, Any]:
        """As the conventions of CNI have it."""
        given = {"hostPort": self.host_port, "containerPort": self.container_port, "protocol": self.protocol}
        return given | ({"hostIP": self.host_ip} if self.host_ip else {})


def capabilities(plugins: Iterable[dict[str, Any]]) -> frozenset[str]:
    """Those that some plugin has."""
    able = (plugin.get("capabilities", {}).items() for plugin in plugins)
    return frozenset(name for pairs in able for name, is_able in pairs if is_able)


def leads_out(plugins: Iterable[dict[str, Any]]) -> bool:
    """Whether a default route is asked for, in the words that most plugins have for that."""
    given = [plugin.get("ipam", {}).get("routes", ()) for plugin in plugins]
    ways = (
        way.get("dst") for ways in given if isinstance(ways, list) for way in ways if isinstance(way, dict)
    )
    return any(dst in ("0.0.0.0/0", "::/0") for dst in ways) or any(
        plugin.get("isDefaultGateway") is True for plugin in plugins
    )


def mappings(end: Endpoint) -> Iterator[PortMapping]:
    """Port by port; what is to be had on any port of the host, no plugin chooses."""
    for port in end.ports:
        first, last = port.target
        if port.published and port.published[1] - port.published[0] == last - first:
            host_ip = "" if port.host_ip in ANY else port.host_ip
            for step in range(last - first + 1):
                yield PortMapping(host_ip, port.published[0] + step, first + step, port.protocol, port.where)


def warnings(network: Network, end: Endpoint) -> Iterator[str]:
    known = {one.where for one in mappings(end)}
    for port in (port for port in end.ports if port.where not in known):
        what = f"port {port.target[0]}/{port.protocol} of {end.sandbox}"
        why = f"plugins of network {network.name} are told ports of the host, and choose none"
        yield f"{port.where}: {what} is not published: {why}"


def sockets(network: Network, end: Endpoint) -> Iterator[Socket]:
    what = f"{end.sandbox} on network {network.name}"
    for one in mappings(end):
        listener = Listener(one.protocol, one.host_ip or "0.0.0.0", one.host_port, what)
        yield Socket(listener, end.sandbox, "choose another port of the host", one.where, alone=True)


def runtime(end: Endpoint, able: Set[str]) -> str:
    """`runtimeConfig`, which each plugin gets as far as it has the capability."""
    asked = {
        "ips": [f"{ip}/{length}" for ip, length in end.addresses],
        "mac": end.mac,
        "aliases": list(end.called),
        CAPABLE_PORTS: [one.words for one in mappings(end)],
    }
    return json.dumps({name: words for name, words in asked.items() if words and name in able})


def arguments(end: Endpoint, able: Set[str]) -> str:
    """CNI_ARGS, of which each plugin takes what it knows."""
    pairs = [("IP", f"{ip}/{length}") for ip, length in end.addresses if "ips" not in able]
    pairs += [("MAC", end.mac)] if "mac" not in able else []
    return ";".join(f"{name}={word}" for name, word in (("IgnoreUnknown", "1"), *pairs))
