"""Docker's networks, by its own words for them."""

from typing import Any

from .containers import guarded
from .draft import Entry, compact
from .engine import EngineWords, name_of
from .inspected import Object, many, mapping, short, texts, word
from .names import key_of
from .process import labels

BRIDGE = "com.docker.network.bridge."
DEFAULT = f"{BRIDGE}default_bridge"
PREDEFINED = ("host", "null")  # drivers
OURS = "reconciler"  # the name of our plugin there
# What Docker says of its own bridge, unless somebody has set it otherwise.
USUAL = {
    f"{BRIDGE}name": "docker0",
    f"{BRIDGE}enable_icc": "true",
    f"{BRIDGE}enable_ip_masquerade": "true",
    f"{BRIDGE}host_binding_ipv4": "0.0.0.0",
    "com.docker.network.driver.mtu": "1500",
}


def network(one: Object) -> Entry | None:
    driver, lost = str(one.get("Driver") or "bridge"), list[str]()
    if driver in PREDEFINED:
        return None
    name = name_of(one)
    if driver == OURS:
        return Entry(
            key=key_of(name), said={"name": name}, lost=("it leads to a network of reconciler's own",)
        )
    if one.get("Scope") not in (None, "local"):
        lost.append("the cluster: `driver: overlay` with `hosts:` is a network over several hosts here")
        driver = "bridge"
    said = compact(
        name=name,
        driver=driver if driver != "bridge" else "",
        internal=one.get("Internal") is True,
        attachable=one.get("Attachable") is True,
        enable_ipv6=one.get("EnableIPv6") is True,
        **(guarded("options", lambda: options(one), lost) or {}),
        ipam=guarded("ipam", lambda: ipam(one), lost),
        labels=guarded("labels", lambda: labels(one.get("Labels")), lost),
    )
    if one.get("EnableIPv4") is False:
        said["enable_ipv4"] = False
    other = mapping_of(one.get("IPAM")).get("Driver")
    if other not in (None, "", "default"):
        lost.append(f"IPAM driver {short(other)}")
    if (source := mapping_of(one.get("ConfigFrom")).get("Network")) or one.get("ConfigOnly"):
        lost.append(f"a configuration that networks share: {short(source or name)}")
    return Entry(key=key_of(name), said=said, lost=tuple(lost))


def mapping_of(said: Any) -> Object:
    return said if isinstance(said, dict) else {}


def options(one: Object) -> dict[str, Any]:
    """Of the bridge that Docker makes by itself only what was set."""
    known = texts(one.get("Options"))
    if known.pop(DEFAULT, "") != "true":
        return {"driver_opts": known}
    return {
        "default": True,
        "driver_opts": {name: text for name, text in known.items() if USUAL.get(name) != text},
    }


def ipam(one: Object) -> dict[str, Any]:
    pools = map(mapping, many(mapping(one.get("IPAM")).get("Config")))
    config = [
        compact(
            subnet=word(pool.get("Subnet")),
            ip_range=word(pool.get("IPRange")),
            gateway=word(pool.get("Gateway")),
            aux_addresses=texts(pool.get("AuxiliaryAddresses")),
        )
        for pool in pools
    ]
    return {"config": [one for one in config if one]} if config else {}


STAYS = {"bridge": """end dockerd, or say `"bridge": "none"` in its daemon.json: docker0 stays else"""}
DOCKER = EngineWords("Docker", "docker", network, STAYS)
