"""A sandbox's place on a network that plugins of the Container Network Interface make (CNI, 1.1.0)."""

import json
from collections.abc import Iterator
from dataclasses import field
from shlex import quote
from typing import Any

from ..core.resource import Fixed, Identity, Key, Ownership, Resource, Stage, kind
from .namespace import Namespace
from .ownership import place

ATTACHED = "attached"
ASTRAY = "its sandbox is no more"
PLUGINS = ("/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni")  # where they are looked for


@kind
class CniAttachment(Resource):
    """What plugins were asked for, and what has become of it: nothing of it can change in place.

    Plugins must take it back while they are there to be told of it, even if its sandbox has gone: host-local
    else keeps the address for ever.  So no kernel takes it along, and it goes by a step of its own.
    """

    noun, stage, loss = "attachment", Stage.ATTACHING, "recreate"
    place = property(place)

    ns: Identity[str]
    name: Identity[str]  # of its link there
    project: Fixed[str]
    network: Fixed[str]
    config: Fixed[str]  # the list of plugins, as JSON
    runtime: Fixed[str] = "{}"  # what they are asked for by their capabilities, as JSON
    args: Fixed[str] = ""  # and all of them by CNI_ARGS
    path: Fixed[str] = ":".join(PLUGINS)
    state: Fixed[str] = ATTACHED
    addresses: tuple[str, ...] = field(default=(), compare=False)  # what it was given

    @property
    def within(self) -> tuple[Key, ...]:
        return (Namespace.at(self.ns),)

    @property
    def plugins(self) -> list[dict[str, Any]]:
        """In the order in which they attach."""
        found: list[dict[str, Any]] = json.loads(self.config)["plugins"]
        return found

    @property
    def programs(self) -> Iterator[str]:
        """The names of all that are run."""
        for plugin in self.plugins:
            yield plugin["type"]
            if ipam := plugin.get("ipam", {}).get("type"):
                yield ipam

    @property
    def detail(self) -> str:
        chosen = [pair.partition("=")[2] for pair in self.args.split(";") if pair.startswith("IP=")]
        chosen += json.loads(self.runtime).get("ips", ())
        by = (plugin["ipam"]["type"] for plugin in self.plugins if plugin.get("ipam"))
        given = ", ".join(chosen) or f"address by {next(by, 'its plugins')}"
        return f"   ({' '.join(plugin['type'] for plugin in self.plugins)}, {given})"

    def owner(self, known: Ownership) -> str:
        return self.project or known.of(self.place)  # a record that cannot be read tells none

    def outcome(self, now: Resource | None) -> str:
        return now.state if isinstance(now, CniAttachment) else ""

    def commands(self, old: Resource | None) -> list[str]:
        return [self.said(f"cnitool add {json.loads(self.config)['name']}")]

    def removal(self) -> list[str]:
        return [self.said(f"cnitool del {json.loads(self.config)['name']}")]

    @property
    def has_wishes(self) -> bool:
        """Whether addresses are chosen for it."""
        return "IP=" in self.args or "ips" in json.loads(self.runtime)

    def broken(self, state: str) -> "BrokenAttachment":
        return self.turned(BrokenAttachment, state=state)

    def said(self, words: str) -> str:
        """As CNI's own tool takes it, from a folder with the list in it."""
        given = {"CNI_IFNAME": self.name, "CNI_PATH": self.path, "CNI_ARGS": self.args}
        given |= {"CAP_ARGS": self.runtime} if self.runtime != "{}" else {}
        pairs = " ".join(f"{name}={quote(value)}" for name, value in given.items() if value)
        return f"{pairs} {words} /run/netns/{self.ns}"


@kind
class BrokenAttachment(CniAttachment):
    """One that is no longer as its plugins said: only they can make it anew."""

    leftover = True
