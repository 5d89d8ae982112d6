"""What the running kernel was built without, as its own configuration tells: found out at
plan time, by reading."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial

from ...kinds.workload import ENGINES
from .. import frr, looking, resolved, resolvers, workloads
from ..netlink.socket import families
from ..nft import library
from ..transcript import EVERYWHERE, NOTED, Transcript, noting

# feature: (the option that brings it, the module that holds it)
FEATURES = {
    "macvlan": ("MACVLAN", "macvlan"),
    "ipvlan": ("IPVLAN", "ipvlan"),
    "vlan": ("VLAN_8021Q", "8021q"),
    "dummy": ("DUMMY", "dummy"),
    "vxlan": ("VXLAN", "vxlan"),
    "wireguard": ("WIREGUARD", "wireguard"),
    "tbf": ("NET_SCH_TBF", "sch_tbf"),
    "ifb": ("IFB", "ifb"),
    "ingress": ("NET_SCH_INGRESS", "sch_ingress"),
    "u32": ("NET_CLS_U32", "cls_u32"),
    "mirred": ("NET_ACT_MIRRED", "act_mirred"),
    "nflog": ("NETFILTER_NETLINK_LOG", "nfnetlink_log"),
    "vlan filtering": ("BRIDGE_VLAN_FILTERING", "bridge"),
}


def no_netfilter() -> str:
    """The firewall sees what a bridge forwards where a module is loaded.  Nothing loads it by itself, since
    with it come sysctls that show it the frames of every bridge."""
    return "" if looking.exists("/proc/sys/net/bridge") else "load it: modprobe br_netfilter, at each boot"


def no_ipv6() -> str:
    return "" if socket.AF_INET6 in families() else "boot it without `ipv6.disable=1`"


# What its configuration does not tell.
ASKED: Mapping[str, Callable[[], str]] = {
    "evpn": frr.lack,
    "prefix limit": frr.boundless,
    "IPv6": no_ipv6,
    "bridge netfilter": no_netfilter,
    "names": resolvers.lack,
    "nftables": library.lack,
    "host names": resolved.lack,
    **{engine: partial(workloads.lack, engine) for engine in ENGINES},
}


class Missing(Mapping[str, str]):
    """Facts.missing: read when something is first asked for, since most manifests ask for nothing."""

    def __init__(self) -> None:
        self.transcript = NOTED.get() or Transcript()

    @cached_property
    def options(self) -> dict[str, str]:
        """CONFIG_ options that are y or m; empty where the kernel's configuration is nowhere to be read."""
        rows = (line.removeprefix("CONFIG_").partition("=") for line in configuration().splitlines())
        return {name: value for name, _, value in rows if value in ("y", "m")}

    def lack(self, feature: str) -> str:
        with noting(self.transcript):
            return self.looked_up(feature)

    def looked_up(self, feature: str) -> str:
        """Why the kernel has it not; "" where it has."""
        if feature in ASKED:
            return ASKED[feature]()
        option, module = FEATURES[feature]
        if not self.options:
            return ""
        match self.options.get(option):
            case None:
                return f"Linux {os.uname().release} was built without CONFIG_{option}"
            case "m" if not loadable(module):
                return f"the module {module} of Linux {os.uname().release} is not installed"
        return ""

    def __getitem__(self, feature: str) -> str:
        if feature in (*FEATURES, *ASKED) and (lack := self.lack(feature)):
            return lack
        raise KeyError(feature)

    def __iter__(self) -> Iterator[str]:
        return (feature for feature in (*FEATURES, *ASKED) if self.lack(feature))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def configuration() -> str:
    import gzip  # which few manifests need

    try:
        return gzip.decompress(looking.content("/proc/config.gz", EVERYWHERE)).decode()
    except OSError:
        pass
    try:
        return looking.content(f"/boot/config-{os.uname().release}", EVERYWHERE).decode()
    except OSError:
        return ""


def loadable(module: str) -> bool:
    """Loaded, or listed where modprobe looks; without a list nothing is said."""
    if looking.exists(f"/sys/module/{module.replace('-', '_')}"):
        return True
    try:
        listed = looking.content(f"/lib/modules/{os.uname().release}/modules.dep", EVERYWHERE)
        return f"/{module}.ko".encode() in listed
    except OSError:
        return True
