"""Kernel settings: most come with the dump of their link, the rest are files below /proc/sys."""

import errno
import os
from collections import defaultdict
from collections.abc import Iterator, Set
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TypeVar

from ...kinds.ownership import HOST
from ...kinds.sysctl import Sysctl
from .. import netns
from ..procfs import PROC, Procfs
from ..transcript import note
from .link import link_with_end
from .namespace import absent_place
from .table import Held, Kind, Readings, Requests, Step, View, register

S = TypeVar("S", bound=Sysctl)


def put(requests: Requests, step: Step, sysctl: Sysctl) -> None:
    """Not where the link came with this value."""
    if sysctl.link and requests.link(sysctl.link).setting(sysctl.name) == sysctl.value:
        return
    writing = partial(write, requests.batch.procfs, sysctl)
    if sysctl.link in requests.fresh and can_wait(sysctl):
        requests.late.append((step, writing))
    else:
        requests.flush()
        writing()
    if not sysctl.link:  # it may show in all links
        requests.untouched = False
        requests.seen.clear()


def can_wait(sysctl: Sysctl) -> bool:
    """Whether all else of a new pair comes out the same without it: no router is heard before the host's end
    is up, one that is to have no IPv6 has no address of it, and nobody asks 127.0.0.11 yet."""
    off = sysctl.value == "1" and sysctl.name.endswith("/disable_ipv6")
    return off or sysctl.name.endswith(("/accept_ra", "/route_localnet"))


def write(procfs: Procfs, sysctl: Sysctl) -> None:
    fd = procfs.open(sysctl.ns, sysctl.name, os.O_WRONLY)
    try:
        os.write(fd, sysctl.value.encode())
    finally:
        os.close(fd)


def asked(readings: Readings, places: Set[str]) -> Iterator[Sysctl]:
    """As they were named, with the values that they have."""
    unread: dict[str, list[Sysctl]] = defaultdict(list)
    for r in readings.wanted(Sysctl):
        if r.ns in places:
            if found := from_link_dump(readings.view(r.ns), r):
                yield found
            else:
                unread[r.ns].append(r)
    with netns.kept() as home, closing(Procfs()) as procfs:
        for ns, sysctls in unread.items():
            netns.enter(ns) if ns != HOST else None
            there = [read(procfs, sysctl) for sysctl in sysctls]
            netns.back(home)  # whoever is given them may have something else to do
            yield from filter(None, there)


def from_link_dump(view: View, sysctl: Sysctl) -> Sysctl | None:
    """A sysctl as the link dump tells it; None where it does not."""
    link = view.by_name.get(sysctl.link)
    value = link.setting(sysctl.name) if link else None
    return None if value is None else with_value(sysctl, value)


def read(procfs: Procfs, sysctl: Sysctl) -> Sysctl | None:
    """None where there is none."""
    path = f"{PROC}/sys/{sysctl.name}"
    try:
        fd = procfs.open(sysctl.ns, sysctl.name, os.O_RDONLY)
    except OSError as error:
        note("content", (path,), error.errno or errno.EIO)
        return None
    try:
        found = os.read(fd, 4096)
    finally:
        os.close(fd)
    note("content", (path,), [found])
    return with_value(sysctl, found.decode().strip().replace("\t", " "))


def with_value(sysctl: S, value: str) -> S:
    return sysctl if value == sysctl.value else replace(sysctl, value=value)


def missing(sysctl: Sysctl, held: Held) -> int:
    lost = bool(sysctl.link) and not link_with_end(sysctl.ns, sysctl.link, held)
    return absent_place(sysctl.ns, held) or (errno.ENOENT if lost else 0)


register(Kind(of=Sysctl, put=put, asked=asked, missing=missing, unset=lambda r: with_value(r, "0")))
