"""Limits of the kernel that are nearly used up."""

from collections.abc import Iterator

from ..inventory.vitals import dotted
from .finding import Examination, Finding, lasting

FULL = 0.8  # of a limit: what remains is less than what a busy minute takes
TIMES = 4  # as much as there is


def inotify(host: Examination) -> Iterator[Finding]:
    """Of this user, who watches the manifests."""
    why = "a watcher cannot follow its files any more, and polls them instead"
    yield from nearly_full(host, "fs/inotify/max_user_instances", why)


def conntrack(host: Examination) -> Iterator[Finding]:
    why = "new connections of every container are dropped when it is full, running ones go on"
    yield from nearly_full(host, "net/netfilter/nf_conntrack_max", why)


def neighbours(host: Examination) -> Iterator[Finding]:
    """Of all namespaces together, which share the table."""
    why = "beyond it neighbours are forgotten as soon as they are known: packets stall, at random"
    for family in ("ipv4", "ipv6"):
        yield from nearly_full(host, f"net/{family}/neigh/default/gc_thresh3", why)


def open_files(host: Examination) -> Iterator[Finding]:
    why = "no program can open anything any more, this one included"
    yield from nearly_full(host, "fs/file-max", why)


def nearly_full(host: Examination, name: str, why: str) -> Iterator[Finding]:
    used, most = host.vitals.limit(name)
    if used >= FULL * most:
        yield Finding(f"{used} of {most} used: {dotted(name)}", why, lasting(name, TIMES * most))
