"""What Docker has done while nobody here listened: endpoints that are no more go, and new names are learnt.

What it has asked for just now it need not list yet.
"""

import os
import time

from ..errors import ReconcileError
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
    here = [one for one in stood if one.ends[0].config in there]  # of others this Docker tells nothing
    gone = {one.id for one in here if one.id not in listed and not is_new(folder.path(one), since)}
    if gone:
        attending.forget(RUNTIME, gone, reader)
    named = [one for one in stood if one.id in listed and listed[one.id] not in one.ends[0].aliases[:1]]
    if failures := [*filter(None, (rename(one, listed[one.id], reader) for one in named))]:
        raise ReconcileError("; ".join(map(attending.words, failures)))


def rename(one: Guest, name: str, reader: KeptHost) -> ReconcileError | None:
    """Why it is not called so by now; others are all the same."""
    names = dockerd.called(name)
    try:
        attending.alter(one, one.link, lambda end: end.called(names), reader)
    except ReconcileError as error:
        return error
    return None


def is_new(path: str, since: float) -> bool:
    try:
        written = os.stat(path).st_mtime
    except FileNotFoundError:
        return True
    return written > since and time.time() - written < NEW
