"""What Docker has done while nobody here listened: endpoints that are no more go, and new names are learnt.

What it has asked for just now it need not list yet.
"""

import os
import time

from . import attending, docker_networks, dockerd, folder
from .attending import KeptHost
from .docker import RUNTIME
from .guest import Guest

NEW = 60.0  # seconds


def keep(since: float, reader: KeptHost) -> None:
    """`since` is when we began to listen.  Raises dockerd.Silent, when all stays as it is."""
    known, stood = docker_networks.all_of_them(), [*folder.guests(RUNTIME)]
    if not known and not stood:
        return
    there = dockerd.networks(known)
    listed = {end: name for ident in there for end, name in dockerd.containers(ident).items()}
    for ident in known:
        if ident not in there and not is_new(docker_networks.path(ident), since):
            docker_networks.forget(ident)
    gone = {one.id for one in stood if one.id not in listed and not is_new(folder.path(one), since)}
    if gone:
        attending.forget(RUNTIME, gone, reader)
    for one in stood:
        if one.id in listed and listed[one.id] not in one.ends[0].aliases[:1]:
            rename(one, dockerd.called(listed[one.id]), reader)


def rename(one: Guest, names: tuple[str, ...], reader: KeptHost) -> None:
    attending.alter(one, one.link, lambda end: end.called(names), reader)


def is_new(path: str, since: float) -> bool:
    try:
        written = os.stat(path).st_mtime
    except FileNotFoundError:
        return True
    return written > since and time.time() - written < NEW
