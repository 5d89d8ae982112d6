"""What the host does with packets that are not its own."""

import re
from collections.abc import Iterator, Mapping

from ..cnm.policy import deaf, ways_out
from ..inventory.vitals import dotted
from .finding import Examination, Finding, lasting

FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
ASSIGNED = re.compile(r"^\s*-?\s*([\w./*-]+)\s*=\s*(\S+)\s*$")
STRICT, LOOSE = 1, 2  # RFC 3704's words, in ip-sysctl.rst
FORWARD = "net.ipv4.conf.{}.forwarding"


def forwarding(host: Examination) -> Iterator[Finding]:
    """Each family in which networks of ours stand, and the host passes nothing on."""
    for number, on in zip((4, 6), host.facts.forwarding, strict=True):
        if number in host.families and not on:
            name = dotted(FORWARDING[number])
            why = "nothing gets from a container to the outside or to a published port, whatever was applied"
            yield Finding(f"{name} is 0, and networks stand that lead out", why, f"sysctl -w {name}=1")


def forwarding_at_boot(host: Examination) -> Iterator[Finding]:
    """Each line of a file that has the last word, and switches it off when it is read again."""
    last = {key: (value, file, number) for key, value, file, number in assignments(host.vitals.texts)}
    for key in (*map(dotted, FORWARDING.values()), "net.ipv4.conf.all.forwarding"):
        value, file, number = last.get(key, ("", "", 0))
        if value == "0":
            why = (
                "at the next boot, or `sysctl --system`, containers are cut off until somebody applies again"
            )
            yield Finding(f"{file}:{number} sets {key}=0", why, f"sed -i '{number}s/^/#/' {file}")


def assignments(texts: Mapping[str, str]) -> Iterator[tuple[str, str, str, int]]:
    """In the order of sysctl.d(5): by the name of the file, whichever its folder; sysctl.conf is last."""
    files = (path for path in texts if "sysctl" in path)
    for file in sorted(files, key=lambda path: (path.endswith("/sysctl.conf"), path.rpartition("/")[2])):
        for number, line in enumerate(texts[file].splitlines(), 1):
            if found := ASSIGNED.match(line):
                yield found[1].replace("/", "."), found[2], file, number


def deaf_links(host: Examination) -> Iterator[Finding]:
    for link in sorted(ways_out(host.facts)) if host.facts.forwarding[0] else ():
        what, _, why = deaf(link).partition(": ")
        yield Finding(what, why, f"sysctl -w {FORWARD.format(link.replace('.', '/'))}=1")


def strict_reverse_paths(host: Examination) -> Iterator[Finding]:
    """Where several links lead out, an answer may come by another one than its question went by."""
    if len(host.facts.uplinks) < 2:
        return
    whole = int(host.vitals.sysctl("net/ipv4/conf/all/rp_filter"))
    for link in sorted(host.facts.uplinks):
        name = f"net/ipv4/conf/{link}/rp_filter"
        if max(whole, int(host.vitals.sysctl(name))) == STRICT:
            what = f"rp_filter is strict on {link}, and {len(host.facts.uplinks)} links lead out"
            why = "what comes by another link than its answer would leave by is dropped, and nobody is told"
            yield Finding(what, why, lasting(name, LOOSE))
