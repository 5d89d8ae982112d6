"""What the host says of what may bite there: read once, for who asks for it, and no part of any plan."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from glob import glob

from ... import disk
from ...inventory.vitals import Vitals
from ..processes import folders, name_of
from .metadata import reached

PROC = "/proc/sys/"
SYSCTLS = (
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/ip_no_pmtu_disc",
    "net/ipv4/neigh/default/gc_thresh3",
    "net/ipv6/neigh/default/gc_thresh3",
    "net/netfilter/nf_conntrack_max",
    "fs/inotify/max_user_instances",
    "fs/file-max",
)
# Of how many of something there are, where the first word tells it.
COUNTS = {
    "net/netfilter/nf_conntrack_max": f"{PROC}net/netfilter/nf_conntrack_count",
    "fs/file-max": f"{PROC}fs/file-nr",
}
# Of how many neighbours all namespaces have: in the second line, in hexadecimal.
TABLES = {
    f"net/ipv{n}/neigh/default/gc_thresh3": f"/proc/net/stat/{name}"
    for n, name in ((4, "arp_cache"), (6, "ndisc_cache"))
}
FILES = (
    "/etc/sysctl.conf",
    *(f"{folder}/sysctl.d/*.conf" for folder in ("/usr/lib", "/run", "/etc")),
    "/etc/NetworkManager/NetworkManager.conf",
    *(f"{folder}/NetworkManager/conf.d/*.conf" for folder in ("/usr/lib", "/run", "/etc")),
    "/etc/systemd/networkd.conf",
    *(f"{folder}/systemd/networkd.conf.d/*.conf" for folder in ("/usr/lib", "/run", "/etc")),
    "/etc/connman/main.conf",
    "/etc/dhcpcd.conf",
)
INOTIFY = "anon_inode:inotify"


def vitals(links: Iterable[str], containers: Iterable[str]) -> Vitals:
    """Of these links of the host their settings too; and these containers ask for metadata."""
    names = (*SYSCTLS, *(f"net/ipv4/conf/{link}/rp_filter" for link in links))
    return Vitals(
        sysctls={name: value for name in names if (value := first_line(PROC + name))},
        programs=frozenset(programs()),
        texts=texts(),
        used=dict(used()),
        metadata=reached(containers),
    )


def first_line(path: str) -> str:
    with suppress(OSError):
        return disk.read(path).decode(errors="replace").strip()
    return ""


def texts() -> dict[str, str]:
    """Of two files of one name that which counts: /etc before /run before /usr/lib."""
    found: dict[str, tuple[str, str]] = {}
    for path in (path for pattern in FILES for path in sorted(glob(pattern))):
        with suppress(OSError):
            parts = path.split("/")
            found["/".join(parts[-2:])] = path, disk.read(path).decode(errors="replace")
    return dict(found.values())


def programs() -> Iterator[str]:
    """Of those that are on this network."""
    here = os.stat("/proc/self/ns/net")
    for folder in folders():
        with suppress(OSError):
            if os.path.samestat(os.stat(folder / "ns/net"), here):
                yield name_of(folder)


def used() -> Iterator[tuple[str, int]]:
    for name, path in COUNTS.items():
        if words := first_line(path).split():
            yield name, int(words[0])
    for name, path in TABLES.items():
        if len(rows := first_line(path).splitlines()) > 1:
            yield name, int(rows[1].split()[0], 16)
    yield "fs/inotify/max_user_instances", instances()


def instances() -> int:
    """Of inotify, that this user has."""
    mine, found = os.geteuid(), Counter[str]()
    for folder in folders():
        with suppress(OSError):
            if folder.stat().st_uid == mine:
                found.update(os.readlink(entry.path) for entry in os.scandir(folder / "fd"))
    return found[INOTIFY]
