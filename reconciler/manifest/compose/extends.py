"""`extends`: a service on top of another, of the same file or of another one."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..yaml.node import Node, nearest, raw
from .library import Context
from .merge import NOTHING, SERVICES, merged, with_resets, without

LONGEST = 64  # services in a row; nobody writes so many, and each costs stack

Trail = tuple[tuple[str, str], ...]  # the file and the name of every service on the way


def extended(document: Node, at: Context, file: str, before: Node) -> Node:
    """The document with every `extends` carried out."""
    for section in SERVICES:
        entries = document.get(section)
        if not entries or not any(entry.get("extends") for _, entry in entries.items()):
            continue
        known = {**dict((before.get(section) or NOTHING).items()), **dict(entries.items())}
        chain = ExtendsChain(known, at, file)
        children = {name: chain.whole(name, ()) for name, _ in entries.items()}
        done = Node(children, entries.place, entries.tag, entries.keys)
        document = Node({**document.value, section: done}, document.place, document.tag, document.keys)
    return document


@dataclass
class ExtendsChain:
    """The services of one file, of which one may extend another, or one of another file."""

    services: Mapping[str, Node]
    at: Context
    file: str
    done: dict[str, Node] = field(default_factory=dict)
    others: "dict[str, ExtendsChain]" = field(default_factory=dict)

    def whole(self, name: str, trail: Trail) -> Node:
        """The service on top of what it extends."""
        service = self.services[name]
        extends = service.get("extends")
        if not extends or extends.value is None:
            return service
        if name not in self.done:
            path = f"services.{name}.extends"
            base = self.base(extends, path, (*trail, (os.path.abspath(self.file), name)))
            own = without(service, "extends")
            self.done[name] = with_resets(merged(base, own, (SERVICES[0], name)), own) if base else own
        return self.done[name]

    def base(self, extends: Node, path: str, trail: Trail) -> Node | None:
        named = {"service": extends} if isinstance(extends.value, str) else dict(extends.items())
        name = raw(named["service"]) if "service" in named else None
        if not isinstance(name, str):
            hint = "write `extends: {service: NAME}`"
            self.at.mistakes.at(extends.place, path, "`extends` needs a `service`", hint)
            return None
        there = self.elsewhere(named["file"], path) if "file" in named else self
        if there is None or there.refuses(name, named["service"], path, trail):
            return None
        return there.whole(name, trail)

    def refuses(self, name: str, at: Node, path: str, trail: Trail) -> bool:
        steps = " -> ".join([service for _, service in trail] + [name])
        message = hint = ""
        if name not in self.services:
            message, hint = f"`{name}` is no service of {self.file}", nearest(name, self.services)
        elif (os.path.abspath(self.file), name) in trail:
            message, hint = f"`extends` in a circle: {steps}", "leave one of them out"
        elif len(trail) > LONGEST:
            message, hint = f"more than {LONGEST} services extend one another", "write some of them out"
        if message:
            self.at.mistakes.at(at.place, path, message, hint)
        return bool(message)

    def elsewhere(self, named: Node, path: str) -> "ExtendsChain | None":
        file = self.at.path(str(named.value))
        library = self.at.library
        if not library.lend(file, named.place, path):
            return None
        if file not in self.others:
            folder = os.path.dirname(file)
            services: dict[str, Node] = {}
            for document in library.readable(file, self.at.variables, folder):
                services |= dict(services_of(document))
            self.others[file] = ExtendsChain(services, Context(library, folder, self.at.variables), file)
        return self.others[file]


def services_of(document: Node) -> Iterator[tuple[str, Node]]:
    for section in SERVICES:
        yield from (document.get(section) or NOTHING).items()
