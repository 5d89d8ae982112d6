"""A sandbox's places on its networks, and its own hosts file."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..kinds.file import File
from ..kinds.link import Veth
from .draft import compact
from .standing import End, ProjectState

LOCAL = ("127.0.0.1", "::1")


def endpoint(of: ProjectState, end: End, more: Iterable[str], *, named: bool) -> dict[str, Any]:
    ips = [one.ip for one in of.addresses.get((end.ns, end.name), ())]
    untagged, tagged = vlans(end)
    return compact(
        interface_name=end.name if named else "",
        ipv4_address=next((ip for ip in ips if ":" not in ip), ""),
        ipv6_address=next((ip for ip in ips if ":" in ip), ""),
        mac_address=getattr(end, "mac", ""),
        aliases=[*more],
        vlan=untagged,
        trunk=tagged,
        routes=[{"to": one.dst, "via": one.via} for one in of.beyond.get((end.ns, end.name), ())],
    )


def vlans(end: End) -> tuple[int, list[int]]:
    rows = [row.split() for row in end.vlans] if isinstance(end, Veth) else []
    untagged = next((int(number) for number, *flags in rows if "pvid" in flags), 0)
    return untagged, [int(number) for number, *flags in rows if not flags]


def turn(of: ProjectState, end: End, ips: Sequence[str]) -> tuple[int, int, str]:
    """Which of its networks it is: its hosts file tells them in their order."""
    own = [one.ip for one in of.addresses.get((end.ns, end.name), ())]
    return min((ips.index(ip) for ip in own if ip in ips), default=len(ips)), len(end.name), end.name


def rows_of(of: ProjectState, name: str) -> list[list[str]]:
    """Its hosts file, less comments."""
    file = next((r for r in of.all.of(File) if r.ns == name and r.path.endswith("/hosts")), None)
    rows = [line.split() for line in file.content.splitlines()] if file else []
    return [row for row in rows if len(row) > 1 and row[0][0] != "#"]


def hosts(of: ProjectState, name: str) -> list[list[str]]:
    """Those that are about it."""
    return [row for row in rows_of(of, name) if of.homes.get(row[0]) == name]


def hostname(of: ProjectState, name: str) -> str:
    """As its hosts file has it, where that is not its name."""
    found = next((row[1] for row in hosts(of, name)), "")
    return "" if found == name else found


def extra_hosts(of: ProjectState, name: str) -> list[str]:
    """Lines that are about nobody who stands."""
    rows = (row for row in rows_of(of, name) if row[0] not in LOCAL and row[0] not in of.homes)
    return [f"{alias}:{ip}" for ip, *aliases in rows for alias in aliases]
