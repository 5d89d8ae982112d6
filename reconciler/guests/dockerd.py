"""What Docker itself is asked, by its API: nobody else tells names, and which endpoints are no more.

Nothing here waits long, since Docker waits for us meanwhile; where it does not answer, nothing is concluded.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

from ..kernel.unix_http import DOCKER, Daemon

PATIENCE = 2.0  # seconds
SERVICE = "com.docker.compose.service"


class Silent(Exception):
    """Docker does not answer, or not what is understood."""


def asked(path: str, **filters: list[str]) -> Any:
    """What it tells; None for what it does not have."""
    query = f"?all=1&filters={quote(json.dumps(filters))}" if filters else ""
    try:
        with closing(Daemon(DOCKER, PATIENCE)) as daemon:
            return daemon.fetched(path + query)
    except OSError as error:
        raise Silent(str(error)) from error


def network(ident: str) -> str:
    """Which of ours it is, as it was told at its making."""
    try:
        found = asked(f"/networks/{ident}") or {}
        return str((found.get("Options") or {}).get("network", ""))
    except (Silent, AttributeError):
        return ""


def names(ident: str, endpoint: str) -> tuple[str, ...]:
    """What its container is called: its name, its service's where Compose has made it, and its short id."""
    try:
        return called(containers(ident).get(endpoint, ""))
    except Silent:
        return ()


def called(name: str) -> tuple[str, ...]:
    """With this name before the others; a list alone tells of a container that is being started."""
    if not name:
        return ()
    found = asked("/containers/json", name=[f"^/{re.escape(name)}$"]) or [{}]
    try:
        service, ident = (found[0].get("Labels") or {}).get(SERVICE, ""), found[0].get("Id", "")
    except (LookupError, AttributeError) as error:
        raise Silent(str(error)) from error
    return tuple(dict.fromkeys(filter(None, (name, service, ident[:12]))))


def containers(ident: str) -> Mapping[str, str]:
    """The name of the container of each endpoint of a network."""
    found = asked(f"/networks/{ident}") or {}
    try:
        return {one["EndpointID"]: one["Name"] for one in (found.get("Containers") or {}).values()}
    except (LookupError, AttributeError, TypeError) as error:
        raise Silent(str(error)) from error


def networks(known: Iterable[str]) -> frozenset[str]:
    """Those that it has of our driver, and those of these that it has at all."""
    try:
        found = {one["Id"] for one in asked("/networks", driver=["reconciler"]) or ()}
    except (LookupError, TypeError) as error:
        raise Silent(str(error)) from error
    return frozenset(found | {ident for ident in known if ident not in found and asked(f"/networks/{ident}")})
