"""What may be written under `driver_opts`: our key, Docker's names for it, and what it means.

Each driver has its own; the schema, the errors and the translation of Docker's names follow from them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from ..errors import ManifestError
from .yaml.node import nearest

BRIDGE = "com.docker.network.bridge."
NETWORK = "com.docker.network."
ENDPOINT_SYSCTLS = NETWORK + "endpoint.sysctls"
ENDPOINT_IFNAME = NETWORK + "endpoint.ifname"


class Option(NamedTuple):
    """One option; `key` is the field of NetworkSpec that it sets, or its name in `options`."""

    key: str
    about: str
    docker: tuple[str, ...] = ()
    kind: str = "text"  # or bool, flag, mtu, host_ip, ipv4, ipv6, ifname, prefix, mode, ignored


COMMON = (
    Option("mtu", "bytes, or auto", (NETWORK + "driver.mtu", NETWORK + "mtu"), "mtu"),
    Option(
        "container_prefix",
        "what interface names begin with, instead of eth",
        (NETWORK + "container_iface_prefix", NETWORK + "container_interface_prefix"),
        "prefix",
    ),
    Option("enable_ipv4", "addresses of IPv4", (NETWORK + "enable_ipv4",), "bool"),
    Option("enable_ipv6", "addresses of IPv6", (NETWORK + "enable_ipv6",), "bool"),
    Option("internal", "no way out", (NETWORK + "internal",), "bool"),
)
PARENT = Option("parent", "link of the host, as eth0 or eth0.50", (), "ifname")
ICC = Option("icc", "containers of the network reach each other", (BRIDGE + "enable_icc",), "bool")
MASQUERADE = Option(
    "masquerade", "what leaves takes the host's address", (BRIDGE + "enable_ip_masquerade",), "bool"
)


class Described(Protocol):
    """What the manifest must know of a driver."""

    @property
    def scope(self) -> str: ...
    @property
    def configured(self) -> bool: ...
    @property
    def options(self) -> tuple[Option, ...]: ...


Drivers = Mapping[str, Described]  # by name; one that is there and cannot be used raises ManifestError


def described(drivers: Drivers, name: str) -> Described | None:
    """The driver; None where there is none of that name, or none that can be used."""
    with suppress(LookupError, ManifestError):
        return drivers[name]
    return None


def accepted(options: Sequence[Option]) -> dict[str, Option]:
    """Every name that `driver_opts` may have."""
    return {name: option for option in options for name in (option.key, *option.docker)}


def usable(drivers: Drivers) -> Iterator[tuple[str, Described]]:
    """All that there are, by name, but for those that cannot be used."""
    for name in drivers:
        if driver := described(drivers, name):
            yield name, driver


def lack(drivers: Drivers, name: str) -> tuple[str, str]:
    """Why there is no such driver, and what to do; both empty where there is."""
    try:
        drivers[name]
    except KeyError:
        hint = nearest(name, (other for other, _ in usable(drivers)))
        return f"unknown driver `{name}`: neither built in nor installed", hint
    except ManifestError as error:
        return error.message, error.hint
    return "", ""
