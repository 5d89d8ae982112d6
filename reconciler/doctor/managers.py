"""Programs that configure whatever link they see, ours among them, unless they are told to let them be."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from .finding import Examination, Finding

Texts = Mapping[str, str]
OURS = ("br-", "ve")  # how the names of our bridges begin, and those of the host's ends of pairs
DROPPING = {"ManageForeignRoutingPolicyRules": "routing policy", "ManageForeignRoutes": "routes"}
FALSE = ("no", "false", "off", "0")


class Grabber(NamedTuple):
    """`program` is what its process is called; `spares` whether its files say that it leaves our links."""

    program: str
    why: str
    spares: Callable[[Texts], bool]
    mend: str


def values(texts: Texts, folder: str, key: str) -> list[str]:
    """What is set in files of a folder or of this name, in the order in which they count."""
    pattern = re.compile(rf"^\s*{key}\s*[= ]\s*(.*?)\s*$", re.MULTILINE | re.IGNORECASE)
    return [found for path in sorted(texts) if folder in path for found in pattern.findall(texts[path])]


def network_manager(texts: Texts) -> bool:
    told = values(texts, "/NetworkManager/", "unmanaged-devices")
    return bool(told) and all(names(told[-1], start) for start in OURS)


def names(words: str, start: str) -> bool:
    """Whether patterns of interface names take in all that begin so."""
    patterns = re.split(r"[;,\s]+", words.replace("interface-name:", ""))
    return any(one and one.rstrip("*+") in (start, "", start.rstrip("-")) for one in patterns if one != "\\")


def networkd(texts: Texts) -> bool:
    return all((values(texts, "/networkd.conf", key) or ["yes"])[-1].lower() in FALSE for key in DROPPING)


def connman(texts: Texts) -> bool:
    told = values(texts, "/connman/", "NetworkInterfaceBlacklist")
    return bool(told) and all(names(told[-1], start) for start in OURS)


def dhcpcd(texts: Texts) -> bool:
    denied = " ".join(values(texts, "/dhcpcd.conf", "denyinterfaces"))
    return bool(values(texts, "/dhcpcd.conf", "allowinterfaces")) or all(names(denied, s) for s in OURS)


GRABBERS = (
    Grabber(
        "NetworkManager",
        "it may take bridges and ends of pairs for its own, and then their addresses and ports away",
        network_manager,
        "mkdir -p /etc/NetworkManager/conf.d && printf '[keyfile]\\n"
        "unmanaged-devices=interface-name:br-*;interface-name:ve*\\n'"
        " >/etc/NetworkManager/conf.d/reconciler.conf && nmcli general reload conf",
    ),
    Grabber(
        "systemd-network",  # as the kernel cuts its name
        "when it starts anew it removes routes and routing policy that it has not set: networks are cut off",
        networkd,
        "mkdir -p /etc/systemd/networkd.conf.d && printf '[Network]\\nManageForeignRoutes=no\\n"
        "ManageForeignRoutingPolicyRules=no\\n' >/etc/systemd/networkd.conf.d/reconciler.conf"
        " && systemctl restart systemd-networkd",
    ),
    Grabber(
        "connmand",
        "it configures every Ethernet link that appears, bridges and ends of pairs among them",
        connman,
        "printf '[General]\\nNetworkInterfaceBlacklist=vmnet,vboxnet,virbr,ifb,ve,vb-,br-\\n'"
        " >>/etc/connman/main.conf && systemctl restart connman",
    ),
    Grabber(
        "dhcpcd",
        "it asks for leases on bridges and ends of pairs, and gives them link-local addresses and routes",
        dhcpcd,
        "echo 'denyinterfaces br-* ve*' >>/etc/dhcpcd.conf && systemctl restart dhcpcd",
    ),
)


def grabbing(host: Examination) -> Iterator[Finding]:
    for one in GRABBERS:
        if one.program in host.vitals.programs and not one.spares(host.vitals.texts):
            called = one.program.replace("systemd-network", "systemd-networkd")
            yield Finding(f"{called} runs, and nothing tells it to let our links be", one.why, one.mend)
