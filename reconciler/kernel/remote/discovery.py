"""Plugins by name, where Docker looks for them: https://docs.docker.com/engine/extend/plugin_api."""

import os
import re
import stat
from collections.abc import Iterator, Mapping

from ... import disk
from ...inventory.facts import RemotePlugin
from .. import looking
from ..transcript import HOST_PLACE, NOTED, Transcript, note, noting
from . import driver, http, records
from .http import PluginRefusal

SOCKETS = "/run/docker/plugins"
SPECS = ("/etc/docker/plugins", "/usr/lib/docker/plugins")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:-]*")  # of a file: no path leads elsewhere
QUICKLY = 3.0  # seconds that a plan waits for one that it has never heard of


class Plugins(Mapping[str, RemotePlugin]):
    """Facts.plugins: looked for when first asked for, since few manifests name any."""

    def __init__(self) -> None:
        self.transcript = NOTED.get() or Transcript()
        self.known: dict[str, RemotePlugin | None] = {}

    def __getitem__(self, name: str) -> RemotePlugin:
        if name not in self.known:
            with noting(self.transcript):
                self.known[name] = look(name)
                note("plugin", (name,), answer(self.known[name]), HOST_PLACE)
        if (found := self.known[name]) is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name, found in self.known.items() if found)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def answer(found: RemotePlugin | None) -> list[bytes]:
    return [repr(found).encode()]


def look(name: str) -> RemotePlugin | None:
    """The plugin as it is now: of one that has networks of ours, their records tell what it is."""
    try:
        address = address_of(name)
    except (OSError, ValueError) as error:
        return RemotePlugin(name, lack=f"what tells of it cannot be read: {error}")
    if not address:
        return None
    if scope := records.scope(name):
        return RemotePlugin(name, address, scope, silent=silence(address))
    try:
        return RemotePlugin(name, address, driver.scope(name, address, QUICKLY))
    except (OSError, PluginRefusal) as error:
        return RemotePlugin(name, address, lack=error.strerror or str(error))


def silence(address: str) -> str:
    """Why nobody listens there; "" where somebody does."""
    try:
        http.connected(address, QUICKLY).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def address_of(name: str) -> str:
    """ "" where there is none; raises OSError and ValueError for what is no address."""
    if not NAME.fullmatch(name):
        return ""
    for path in (f"{SOCKETS}/{name}.sock", f"{SOCKETS}/{name}/{name}.sock"):
        if is_socket(path):
            return f"unix://{path}"
    for folder in SPECS:
        for path in (f"{folder}/{name}", f"{folder}/{name}/{name}"):
            if address := spec(f"{path}.spec") or described(f"{path}.json"):
                return address
    return ""


def is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def spec(path: str) -> str:
    return content(path).decode(errors="replace").strip()


def described(path: str) -> str:
    """The address in a description by JSON."""
    if not (text := content(path)):
        return ""
    told = disk.parsed(text)
    if not isinstance(told, dict) or not isinstance(told.get("Addr"), str):
        raise ValueError(f"{path} tells no `Addr`")
    if told.get("TLSConfig"):
        raise ValueError(f"{path} wants TLS, which is not supported")
    return str(told["Addr"])


def content(path: str) -> bytes:
    """What is asked again is the plugin itself, so nothing is noted."""
    with noting(Transcript()):
        try:
            return looking.content(path)
        except (FileNotFoundError, NotADirectoryError):
            return b""
