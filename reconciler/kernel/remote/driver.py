"""A plugin as a network driver: activated once a run, and asked by method."""

import errno
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from . import http
from .http import MethodMissing, PluginRefusal, PluginTrouble

KIND = "NetworkDriver"
SCOPES = ("local", "global")
IMPATIENCE = 2.0  # seconds for one that once has not answered in time


def scope(name: str, address: str, patience: float = http.PATIENCE) -> str:
    """Whether its networks are each host's own; raises OSError for what is no network driver."""
    told = http.ask(address, "Plugin.Activate", None, patience)
    kinds = told.get("Implements")
    if not isinstance(kinds, list) or KIND not in kinds:
        known = ", ".join(map(str, kinds)) if isinstance(kinds, list) and kinds else "nothing"
        words = f"it is no network driver: it implements {http.printable(known)}"
        raise PluginTrouble(errno.EPROTO, words)
    try:
        found = http.ask(address, f"{KIND}.GetCapabilities", None, patience).get("Scope")
    except MethodMissing:
        return SCOPES[0]
    if found not in SCOPES:
        words = (
            f"{KIND}.GetCapabilities: its scope is {http.printable(repr(found))}, neither local nor global"
        )
        raise PluginTrouble(errno.EPROTO, words)
    return str(found)


class RemoteDrivers:
    """Those of one apply, each activated when it is first needed."""

    def __init__(self) -> None:
        self.known: dict[str, RemoteDriverCalls] = {}
        self.lock = Lock()

    def __getitem__(self, name: str) -> "RemoteDriverCalls":
        """Raises OSError where it is not there, or is none; all who wait for one wait together."""
        with self.lock:
            one = self.known.setdefault(name, RemoteDriverCalls(name))
        one.activate()
        return one


class RemoteDriverCalls:
    """What one is asked; each of its errors names it."""

    def __init__(self, name: str):
        self.name, self.address, self.scope = name, "", ""
        self.lock, self.trouble = Lock(), ""
        self.patience = http.PATIENCE

    def activate(self) -> None:
        with self.lock:
            if self.trouble:
                raise PluginTrouble(errno.EIO, self.trouble)
            if not self.scope:
                try:
                    self.find()
                except OSError as error:
                    self.trouble = named(self.name, error)
                    raise PluginTrouble(error.errno or errno.EIO, self.trouble) from None

    def find(self) -> None:
        from .discovery import address_of  # which asks us for scopes

        try:
            self.address = address_of(self.name)
        except ValueError as error:
            raise PluginTrouble(errno.EINVAL, str(error)) from None
        if not self.address:
            raise PluginTrouble(errno.ENOENT, "it is nowhere to be found")
        self.scope = scope(self.name, self.address)

    def ask(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises PluginRefusal where it says no, PluginTrouble where it says nothing."""
        try:
            return http.ask(self.address, f"{KIND}.{method}", body, self.patience)
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:
                self.patience = min(self.patience, IMPATIENCE)
            raise type(error)(error.errno or errno.EIO, named(self.name, error)) from None

    def offer(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What it need not know of."""
        try:
            return self.ask(method, body)
        except MethodMissing:
            return {}

    def part_with(self, methods: Sequence[str], body: Mapping[str, Any]) -> bool:
        """Tell it of an end.  Where it says no, it knows nothing of it any more; whether it did so last.
        All are asked, and the first trouble is raised then."""
        troubles, refused = [], False
        for method in methods:
            try:
                refused = False
                self.ask(method, body)
            except PluginRefusal:
                refused = True
            except PluginTrouble as error:
                troubles.append(error)
        for trouble in troubles:
            raise trouble
        return refused


def named(name: str, error: OSError) -> str:
    return f"plugin {name}: {error.strerror or error}"
