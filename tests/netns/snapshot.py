"""What a host shows of its network, as text: the measure of `nothing changed` and `nothing is left`."""

import os
import re
from collections.abc import Callable

COMMANDS = (
    "ip -d link",
    "ip addr",
    "ip -4 route show table all",
    "ip -6 route show table all",
    "ip -4 rule",
    "ip -6 rule",
    "nft list ruleset",
    "bridge -d link",
    "bridge vlan",
)
# What moves on its own: timers, late carriers (and what a link has or forwards only then: of the uplink the
# routes to its own addresses), addresses being checked for duplicates, what a bridge takes over from its
# ports, an anycast address for each subnet that the host is a router in.
MOVING = re.compile(
    r"anycast .*\n|multicast ff00::/8 .*\n|local [0-9a-f:]+ dev uplink table local proto kernel .*\n"
    r"|\bstate (disabled|listening|learning|forwarding|blocking) "
    r"|\b\w+_timer +[\d.]+ ?|\b(packets|bytes|tso_max_size|tso_max_segs|fdb_n_learned) \d+"
    r"|\b(NO-CARRIER,|,LOWER_UP|tentative |optimistic |state [A-Z]+ | linkdown)"
)
VOLATILE = ("nf_conntrack_count", "nf_conntrack_max", "nf_conntrack_buckets", "stable_secret", "flush")
VOLATILE += ("tcp_fastopen_key",)  # that a namespace has from its first listener who wants it
# Forwarding is named in the plan and left on, since others may rely on it by now; with it the kernel changes
# accept_redirects (inet_forward_change).
NAMED = ("ipv4/ip_forward", "/forwarding", "/accept_ra", "/accept_redirects")


def snapshot(run: Callable[[str], str]) -> dict[str, str]:
    texts = {command: MOVING.sub("", run(command)) for command in COMMANDS}
    texts["nft list ruleset"] = canonical(texts["nft list ruleset"])
    texts["sysctls"] = "\n".join(f"{name} = {value}" for name, value in sorted(sysctls().items()))
    texts["namespaces"] = "\n".join(sorted(files("/run/netns")))
    texts["files"] = "\n".join(sorted(files("/etc/netns")))
    return texts


def canonical(ruleset: str) -> str:
    """Tables by name and elements one a line, since nft lists both in the order that they were made in; what
    packets have put into sets is left out, and the table of a watcher, which goes with it."""
    tables = re.split(r"^(?=table )", ruleset, flags=re.M)
    tables = [table for table in tables if not table.startswith("table inet reconciler_traffic ")]
    return "".join(re.sub(r"(?s)\s*elements = \{(.*?)\}", by_name, parted(table)) for table in sorted(tables))


def parted(table: str) -> str:
    """With its sets and chains by name."""
    head, *parts = re.split(r"^(?=\t(?:set|map|chain) )", table.removesuffix("}\n"), flags=re.M)
    return "".join((head, *sorted(f"{part.rstrip()}\n" for part in parts), "}\n" if parts else ""))


def by_name(elements: re.Match[str]) -> str:
    items = (element.strip() for element in elements[1].split(","))
    return "".join(f"\n{item}" for item in sorted(items) if " counter" not in item)


def sysctls() -> dict[str, str]:
    base = "/proc/sys/net/"
    found = {}
    for folder, _, names in os.walk(base):
        for name in names:
            path = f"{folder}/{name}"
            if name not in VOLATILE and not path.endswith(NAMED):
                try:
                    found[path.removeprefix(base)] = content(path)
                except OSError:
                    continue
    return found


def content(path: str) -> str:
    """Of one of some thousands: without the layers of a Path and a file."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16).decode()
    finally:
        os.close(fd)


def files(folder: str) -> list[str]:
    return [f"{where}/{name}" for where, _, names in os.walk(folder) for name in names]


def differing(one: dict[str, str], two: dict[str, str]) -> dict[str, list[str]]:
    """The lines by which two snapshots differ."""
    return {
        name: sorted(set(one[name].splitlines()) ^ set(two[name].splitlines()))
        for name in one
        if one[name] != two[name]
    }
