"""Every driver's options: our key, Docker's names for it, and what it means; schema and errors use it."""

from typing import Any, NamedTuple

from .model.fields import address_of, bindable, ifname, ifname_prefix, mtu, wrong
from .yaml.node import nearest

BRIDGE = "com.docker.network.bridge."
NETWORK = "com.docker.network."


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
OPTIONS: dict[str, tuple[Option, ...]] = {
    "bridge": (
        *COMMON,
        Option("bridge_name", "name of the bridge", (BRIDGE + "name",), "ifname"),
        Option("parent", "link of the host that becomes a port of the bridge", (), "ifname"),
        Option("mode", "managed, or unmanaged: the bridge is somebody else's and stands"),
        Option("icc", "containers of the network reach each other", (BRIDGE + "enable_icc",), "bool"),
        Option(
            "masquerade", "what leaves takes the host's address", (BRIDGE + "enable_ip_masquerade",), "bool"
        ),
        Option(
            "gateway_mode",
            "nat, routed, nat-unprotected or isolated",
            (BRIDGE + "gateway_mode_ipv4",),
            "mode",
        ),
        Option("gateway_mode_ipv6", "the same for IPv6", (BRIDGE + "gateway_mode_ipv6",), "mode"),
        Option("host_prefix", "routed, with `hosts:`: length of each host's slice, 24 where nothing is said"),
        Option("host_prefix_ipv6", "the same for IPv6, 80 where nothing is said"),
        Option("host_ip", "host address of ports that name none", (BRIDGE + "host_binding_ipv4",), "host_ip"),
        Option("snat", "source address of what leaves", (NETWORK + "host_ipv4",), "ipv4"),
        Option("snat_ipv6", "the same for IPv6", (NETWORK + "host_ipv6",), "ipv6"),
        Option("default", "takes the place of docker0", (BRIDGE + "default_bridge",), "bool"),
        Option("inhibit_ipv4", "the bridge itself has no address", (BRIDGE + "inhibit_ipv4",), "ignored"),
        Option(
            "trusted_interfaces",
            "links that may reach unpublished ports",
            (BRIDGE + "trusted_host_interfaces",),
            "ignored",
        ),
    ),
    "macvlan": (
        *COMMON,
        Option("parent", "link of the host, as eth0 or eth0.50", (), "ifname"),
        Option("mode", "bridge, private, vepa or passthru", ("macvlan_mode",)),
    ),
    "ipvlan": (
        *COMMON,
        Option("parent", "link of the host, as eth0 or eth0.50", (), "ifname"),
        Option("mode", "l2, l3 or l3s", ("ipvlan_mode",)),
        Option("flag", "bridge, private or vepa", ("ipvlan_flag",)),
    ),
    "overlay": (
        *COMMON,
        Option("vni", "VXLAN network identifier", (NETWORK + "driver.overlay.vxlanid_list", "vxlanid_list")),
        Option("port", "UDP port, 4789 where nothing is said"),
        Option(
            "encrypted", "traffic between hosts is encrypted", (NETWORK + "driver.overlay.encrypted",), "flag"
        ),
        Option("multicast", "broadcast and multicast reach every member", (), "flag"),
        Option("icc", "containers of the network reach each other", (BRIDGE + "enable_icc",), "bool"),
        Option(
            "masquerade", "what leaves takes the host's address", (BRIDGE + "enable_ip_masquerade",), "bool"
        ),
    ),
    "host": (),
    "none": (),
    "cni": (
        Option("config", "path of a CNI network list"),
        Option("name", "name of a CNI network list in /etc/cni/net.d"),
    ),
}
GATEWAY_MODES = ("nat", "routed", "nat-unprotected", "isolated")
TRUTH = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
ENDPOINT_SYSCTLS = NETWORK + "endpoint.sysctls"
ENDPOINT_IFNAME = NETWORK + "endpoint.ifname"


def accepted(driver: str) -> dict[str, Option]:
    """Every name that a driver's `driver_opts` may have."""
    options = OPTIONS.get(driver, ())
    return {name: option for option in options for name in (option.key, *option.docker)}


def value_of(option: Option, text: str) -> Any:
    """The option's value in its type; None leaves the default."""
    match option.kind:
        case "bool":
            return truth(text)
        case "flag":
            return "true" if not text or truth(text) else None
        case "mtu":
            return None if text in ("", "0") else mtu(text)
        case "host_ip":
            return "" if text == "0.0.0.0" else bindable(text)
        case "ipv4" | "ipv6":
            return "" if text in ("0.0.0.0", "::") else address_of(int(option.kind[-1]))(text)
        case "mode" if text not in GATEWAY_MODES:
            raise wrong(f"{text!r} is no gateway mode", nearest(text, GATEWAY_MODES))
        case "ifname":
            return ifname(text)
        case "prefix":
            return ifname_prefix(text)
    return text


def truth(text: str) -> bool:
    if text.lower() not in TRUTH:
        raise wrong(f"{text!r} is neither true nor false")
    return TRUTH[text.lower()]
