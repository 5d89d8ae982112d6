"""What a host shows of its network, as text: the measure of `nothing changed` and `nothing is left`."""

import os
from collections.abc import Callable
from pathlib import Path

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
# What moves on its own, and what `conf/all` only repeats on its way to every link.
VOLATILE = ("nf_conntrack_count", "nf_conntrack_max", "nf_conntrack_buckets", "stable_secret", "flush")
# Named in the plan, and left as they are: other programs may have come to rely on them.
NAMED = ("ipv4/ip_forward", "/forwarding", "/accept_ra", "bc_forwarding")


def snapshot(run: Callable[[str], str]) -> dict[str, str]:
    texts = {command: run(command) for command in COMMANDS}
    texts["sysctls"] = "\n".join(f"{name} = {value}" for name, value in sorted(sysctls().items()))
    texts["namespaces"] = "\n".join(sorted(files("/run/netns")))
    texts["files"] = "\n".join(sorted(files("/etc/netns")))
    return texts


def sysctls() -> dict[str, str]:
    base = "/proc/sys/net/"
    found = {}
    for folder, _, names in os.walk(base):
        for name in names:
            path = f"{folder}/{name}"
            if name not in VOLATILE and not path.endswith(NAMED):
                try:
                    found[path.removeprefix(base)] = Path(path).read_text()
                except OSError:
                    continue
    return found


def files(folder: str) -> list[str]:
    return [f"{where}/{name}" for where, _, names in os.walk(folder) for name in names]


def differing(one: dict[str, str], two: dict[str, str]) -> dict[str, list[str]]:
    """The lines by which two snapshots differ."""
    return {
        name: sorted(set(one[name].splitlines()) ^ set(two[name].splitlines()))
        for name in one
        if one[name] != two[name]
    }
