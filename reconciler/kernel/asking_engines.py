"""All that Docker and podman have, by their sockets, and what rules of others lead elsewhere."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import quote

from .. import disk
from ..errors import Unsupported
from .unix_http import DOCKER, Daemon
from .workloads.commands import said_by

UNIX = "unix://"
PATIENCE = 60.0  # seconds for one answer: of ten thousand containers the list takes some


class Api(NamedTuple):
    """Where one answers, the variable that says so too, and its paths."""

    socket: str
    variable: str
    root: str
    listed: str
    networks: str
    piped: str


APIS = {
    "docker": Api(
        DOCKER, "DOCKER_HOST", "", "/containers/json?all=1", "/networks", "docker inspect $(docker ps -aq)"
    ),
    "podman": Api(
        "/run/podman/podman.sock",
        "CONTAINER_HOST",
        "/v4.0.0/libpod",
        "/containers/json?all=true",
        "/networks/json",
        "podman inspect $(podman ps -aq)",
    ),
}


def asked(engine: str, environ: Mapping[str, str]) -> list[Any]:
    """Containers, networks and images as `inspect` tells them; raises Unsupported where nobody answers."""
    api = APIS[engine]
    place = environ.get(api.variable) or UNIX + api.socket
    hint = f"or pipe what it says: {api.piped} | reconcile --import {engine} -"
    if not place.startswith(UNIX):
        raise Unsupported(f"{api.variable}={place} is no unix socket", hint)
    path = place.removeprefix(UNIX)
    try:
        with closing(Daemon(path, PATIENCE)) as daemon:
            return [*everything(daemon, api)]
    except OSError as error:
        raise Unsupported(f"no {engine} answers at {path}: {error.strerror or error}", hint) from None


def everything(daemon: Daemon, api: Api) -> Iterator[Any]:
    images: dict[str, None] = {}
    for one in listed(daemon, api.root + api.listed):
        found = daemon.fetched(f"{api.root}/containers/{quote(ident(one), safe='')}/json")
        if isinstance(found, dict):  # it may have gone since it was listed
            yield found
            images[str(found.get("Image", ""))] = None
    yield from listed(daemon, api.root + api.networks)
    for name in filter(None, images):
        if isinstance(found := daemon.fetched(f"{api.root}/images/{quote(name, safe='')}/json"), dict):
            yield {"RootFS": {}, **found}


def listed(daemon: Daemon, path: str) -> list[Any]:
    """Whoever has none says so: nothing at all is not what was asked for."""
    found = daemon.fetched(path)
    if not isinstance(found, list):
        raise OSError(f"{path}: no list")
    return found


def ident(one: Any) -> str:
    if not isinstance(one, dict) or not isinstance(one.get("Id"), str):
        raise OSError("a list of something else than containers")
    return str(one["Id"])


def rules() -> tuple[Any, str, list[str]]:
    """What nft says, and iptables of its nat tables, as text; and what could not be asked."""
    lost: list[str] = []
    said = {words: ran(words, lost) for words in (NFT, *IPTABLES)}
    try:
        nft = disk.parsed(said[NFT] or "{}")
    except ValueError as error:
        nft = {}
        lost.append(f"published ports that nft would tell: {error}")
    return nft, "".join(said[words] for words in IPTABLES), lost


NFT = ("nft", "-j", "list", "ruleset")
IPTABLES = (("iptables-save", "-t", "nat"), ("ip6tables-save", "-t", "nat"))


def ran(words: tuple[str, ...], lost: list[str]) -> str:
    if not shutil.which(words[0]):
        if words == NFT:
            lost.append("published ports that nft would tell: it is not installed")
        return ""
    try:
        return said_by(words, patience=PATIENCE)
    except OSError as error:
        lost.append(f"published ports that {words[0]} would tell: {error.strerror or error}")
        return ""


def installed() -> tuple[str, ...]:
    """The engines of this host, by their programs."""
    programs = {"podman": "podman", "oci": "crun", "systemd": "systemd-run"}
    systemd = os.path.isdir("/run/systemd/system")
    return tuple(
        name for name, program in programs.items() if shutil.which(program) and (name != "systemd" or systemd)
    )
