"""Names, ids and MAC addresses: derived, never random, so that every host and every run agrees."""

from base64 import b32encode
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import IPv6Address

from .ownership import IFB, PAIR, PORT

IFNAME = 15  # IFNAMSIZ less the terminating zero
# How the names of links begin that a network has on the host beside its bridge, by what `ip` calls them.
BESIDE_BRIDGE = {"vxlan": "vx", "dummy": "dm", "macvlan": "mv", "ipvlan": "mv"}


def digest(*words: str) -> bytes:
    return sha256("\0".join(words).encode()).digest()


def number(*words: str) -> int:
    """A well-spread integer of 64 bits that depends on the words alone."""
    return int.from_bytes(digest(*words)[:8], "big")


def sandbox(project: str, container: str) -> str:
    return f"{project}-{container}"


def replica(project: str, service: str, number: int) -> str:
    return sandbox(project, f"{service}-{number}")


def network(project: str, key: str) -> str:
    return f"{project}_{key}"


def network_id(name: str, machine: str = "") -> str:
    """64 hex digits; local scope adds the machine's id, so that each host has its own."""
    return digest("network", machine, name).hex()


def short_id(sandbox: str) -> str:
    """What Docker cuts a container's id to: 12 hex digits."""
    return digest("sandbox", sandbox).hex()[:12]


def bridges(project: str, key: str, ident: str) -> tuple[str, ...]:
    """What the bridge may be called, the best first: hyphens do not tell `a` + `b-c` from `a-b` + `c`,
    the id does."""
    readable = f"br-{project}-{key}"
    return (*([readable] if len(readable) <= IFNAME else []), f"br-{ident[:12]}")


def mac_on_lan(ident: str, who: str, address: str) -> str:
    """One that tells by itself whose it is, whatever address it came from: half follows from the rest."""
    return half_checked(ident, who, digest("mac", ident, who, address)[:3])


def is_mac_on_lan(mac: str, ident: str, who: str) -> bool:
    return bool(mac) and mac == half_checked(ident, who, bytes.fromhex(mac.replace(":", ""))[1:4])


def half_checked(ident: str, who: str, salt: bytes) -> str:
    return (b"\x02" + salt + digest("mac", ident, who, salt.hex())[:2]).hex(":")


def early_macs(network: str, machine: str, who: str) -> tuple[str, ...]:
    """What it had until version 0.2."""
    return tuple(mac(network_id(network, scope), who) for scope in (machine, ""))


def bridge_macs(name: str, machine: str, host: str) -> Iterator[str]:
    """What the bridge of this network may have, be it this host's alone or all hosts', of which on an overlay
    each has its own."""
    for scope in (machine, ""):
        ident = network_id(name, scope)
        yield from (mac(ident, "bridge", *more) for more in ((), (host,)))


def network_link(kind: str, ident: str) -> str:
    return f"{BESIDE_BRIDGE[kind]}-{ident[:12]}"


def wireguard_link(project: str) -> str:
    return f"wg-{digest('wireguard', project).hex()[:12]}"


def host_end(sandbox: str, ifname: str, *, bridged: bool = True) -> str:
    """Fixed width, so that the two ends of a pair are never taken for each other's prefix.  Its name tells
    whether it is a bridge's port: the firewall takes nothing from a port that has lost its bridge."""
    letters = b32encode(digest("veth", sandbox, ifname)[:10]).decode().lower()  # 16 of 5 bits
    return (PORT if bridged else PAIR) + letters[: IFNAME - 2]


def beside(host_link: str) -> str:
    """The link through which what comes in by a host's end is led."""
    return IFB + host_link[len(IFB) :]


def mac(*words: str) -> str:
    """A locally administered unicast address (IEEE 802: second hex digit 2)."""
    return (b"\x02" + digest("mac", *words)[:5]).hex(":")


def link_local(mac: str) -> str:
    """What a link makes of its MAC (RFC 4291, A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + interface))
