"""Every driver's options: our key, Docker's name for it, and what it means.  The schema and the errors come from here."""

from typing import NamedTuple

BRIDGE = "com.docker.network.bridge."
NETWORK = "com.docker.network."


class Option(NamedTuple):
    """One option; `key` is the field of NetworkSpec that it sets, or the name in `options` of other drivers."""

    key: str
    about: str
    docker: tuple[str, ...] = ()
    kind: str = "text"  # text, bool, icc, mtu, address, ifname, mode


COMMON = (
    Option("mtu", "bytes, or auto", (NETWORK + "driver.mtu", NETWORK + "mtu"), "mtu"),
    Option("container_prefix", "what interface names begin with, instead of eth", (NETWORK + "container_iface_prefix", NETWORK + "container_interface_prefix"), "ifname"),
    Option("enable_ipv4", "addresses of IPv4", (NETWORK + "enable_ipv4",), "bool"),
    Option("enable_ipv6", "addresses of IPv6", (NETWORK + "enable_ipv6",), "bool"),
    Option("internal", "no way out", (NETWORK + "internal",), "bool"),
)
OPTIONS: dict[str, tuple[Option, ...]] = {
    "bridge": (
        *COMMON,
        Option("bridge_name", "name of the bridge", (BRIDGE + "name",), "ifname"),
        Option("icc", "containers of the network reach each other", (BRIDGE + "enable_icc",), "bool"),
        Option("masquerade", "what leaves takes the host's address", (BRIDGE + "enable_ip_masquerade",), "bool"),
        Option("gateway_mode", "nat, routed, nat-unprotected or isolated", (BRIDGE + "gateway_mode_ipv4",), "mode"),
        Option("gateway_mode_ipv6", "the same for IPv6", (BRIDGE + "gateway_mode_ipv6",), "mode"),
        Option("host_ip", "host address of ports that name none", (BRIDGE + "host_binding_ipv4",), "address"),
        Option("snat", "source address of what leaves", (NETWORK + "host_ipv4",), "address"),
        Option("snat_ipv6", "the same for IPv6", (NETWORK + "host_ipv6",), "address"),
        Option("default", "takes the place of docker0", (BRIDGE + "default_bridge",), "bool"),
        Option("inhibit_ipv4", "the bridge itself has no address", (BRIDGE + "inhibit_ipv4",), "ignored"),
        Option("trusted_interfaces", "links that may reach unpublished ports", (BRIDGE + "trusted_host_interfaces",), "ignored"),
    ),
    "macvlan": (
        *COMMON,
        Option("parent", "link of the host, as eth0 or eth0.50"),
        Option("mode", "bridge, private, vepa or passthru", ("macvlan_mode",)),
    ),
    "ipvlan": (
        *COMMON,
        Option("parent", "link of the host, as eth0 or eth0.50"),
        Option("mode", "l2, l3 or l3s", ("ipvlan_mode",)),
        Option("flag", "bridge, private or vepa", ("ipvlan_flag",)),
    ),
    "overlay": (
        *COMMON,
        Option("vni", "VXLAN network identifier", (NETWORK + "driver.overlay.vxlanid_list", "vxlanid_list")),
        Option("port", "UDP port, 4789 where nothing is said"),
        Option("encrypted", "traffic between hosts is encrypted", (NETWORK + "driver.overlay.encrypted",), "flag"),
        Option("multicast", "broadcast and multicast reach every member", (), "flag"),
        Option("icc", "containers of the network reach each other", (BRIDGE + "enable_icc",), "bool"),
        Option("masquerade", "what leaves takes the host's address", (BRIDGE + "enable_ip_masquerade",), "bool"),
    ),
    "host": (),
    "none": (),
    "cni": (
        Option("config", "path of a CNI network list"),
        Option("name", "name of a CNI network list in /etc/cni/net.d"),
    ),
}
ENDPOINT_SYSCTLS = NETWORK + "endpoint.sysctls"
ENDPOINT_IFNAME = NETWORK + "endpoint.ifname"


def accepted(driver: str) -> dict[str, Option]:
    """Every name that a driver's `driver_opts` may have."""
    options = OPTIONS.get(driver, ())
    return {name: option for option in options for name in (option.key, *option.docker)}
