"""Podman's networks, by its own words for them."""

import re
from ipaddress import ip_address, ip_network, summarize_address_range
from typing import Any

from .containers import guarded
from .draft import Entry, compact
from .engine import EngineWords, name_of
from .inspected import Object, many, mapping, short, texts, word
from .names import key_of
from .process import labels

DEFAULT = "podman"  # its own network
NUMBERED = re.compile(r"(cni-)?podman\d+")  # names that it gives bridges by itself
DRIVERS = ("bridge", "macvlan", "ipvlan")


def network(one: Object) -> Entry:
    name, driver, lost = name_of(one), str(one.get("driver") or "bridge"), list[str]()
    if driver not in DRIVERS:
        lost.append(f"driver {short(driver)}")
        driver = "bridge"
    link = str(one.get("network_interface") or "")
    stacked = driver != "bridge"
    said = compact(
        name=name,
        driver=driver if stacked else "",
        parent=link if stacked else "",
        bridge_name="" if stacked or NUMBERED.fullmatch(link) else link,
        internal=one.get("internal") is True,
        enable_ipv6=one.get("ipv6_enabled") is True,
        driver_opts=guarded("options", lambda: options(one, driver, lost), lost),
        ipam=guarded("ipam", lambda: ipam(one, lost), lost),
        labels=guarded("labels", lambda: labels(one.get("labels")), lost),
    )
    if one.get("routes"):
        lost.append(f"routes {short(one['routes'])}")
    if one.get("network_dns_servers"):
        said["dns"] = one["network_dns_servers"]
    return Entry(key=key_of(name), said=said, lost=tuple(lost))


def options(one: Object, driver: str, lost: list[str]) -> dict[str, str]:
    found = {}
    for name, text in texts(one.get("options")).items():
        if name == "mtu":
            found["mtu"] = text
        elif name == "mode" and driver != "bridge":
            found[f"{driver}_mode"] = text
        elif name != "parent":  # which is `network_interface` too
            lost.append(f"option {short(name)}: {short(text)}")
    return found


def ipam(one: Object, lost: list[str]) -> dict[str, Any]:
    config = []
    for pool in map(mapping, many(one.get("subnets"))):
        subnet, span = word(pool.get("subnet")), mapping(pool.get("lease_range"))
        part = leased(subnet, word(span.get("start_ip")), word(span.get("end_ip"))) if span else ""
        if span and not part:
            lost.append(f"the range of addresses {short(dict(span))}, which is no prefix")
        config.append(compact(subnet=subnet, gateway=word(pool.get("gateway")), ip_range=part))
    return {"config": config} if config else {}


def leased(subnet: str, first: str, last: str) -> str:
    """The prefix that podman has made a range of, less its own address; "" where it is none."""
    whole = ip_network(subnet)
    start, end = ip_address(first or str(whole[1])), ip_address(last or str(whole[-1]))
    for low in (start - 1, start):
        for high in (end, end + 1):
            parts = [*summarize_address_range(low, high)] if int(low) < int(high) else []
            if len(parts) == 1:
                return str(parts[0])
    return ""


PODMAN = EngineWords(
    "podman", "podman", network, {DEFAULT: "its own network stays, and its bridge goes with who is on it"}
)
