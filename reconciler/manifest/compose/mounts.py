"""What is mounted, built and run, by its short spellings and its long ones, as the long ones have it; paths
start from the project's folder."""

import re

from ..yaml.node import Node
from .merge import Shape, as_assignments, as_keys, as_path, shaped

PATHS = (".", "/", "~")  # what a source begins with that is no name of a volume
URL = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/")
PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
CONSISTENCY = ("consistent", "cached", "delegated")  # of other systems than Linux
LABELS = ("z", "Z")
NUMBER = re.compile(r"-?[0-9]+")


def of(node: Node, said: dict[str, object]) -> Node:
    """A mapping that an entry stands for: all of it was written there."""
    children = {
        key: of(node, value) if isinstance(value, dict) else Node(value, node.place)
        for key, value in said.items()
    }
    return Node(children, node.place, node.tag, dict.fromkeys(children, node.place))


def each(node: Node, shape: Shape) -> Node:
    if type(node.value) is not list:
        return node
    return Node([shape(child) for child in node.value], node.place, node.tag)


def as_mounts(folder: str) -> Shape:
    """`volumes` of a service; what cannot be read stays as it is."""
    moved = as_source(folder)

    def shape(node: Node) -> Node:
        if isinstance(node.value, str):
            node = short_mount(node)
        kind = node.get("type")
        return shaped(node, {"source": moved}) if kind and kind.value == "bind" else node

    return lambda node: each(node, shape)


def short_mount(node: Node) -> Node:
    """`[SOURCE:]TARGET[:MODES]`; a source that is missing is made, as Docker does."""
    parts = str(node.value).split(":")
    if len(parts) > 3 or not all(parts):
        return node
    if len(parts) == 1:
        return of(node, {"type": "volume", "target": parts[0]})
    is_path = parts[0].startswith(PATHS)
    modes = parts[2].split(",") if len(parts) == 3 else []
    said: dict[str, object] = {
        "type": "bind" if is_path else "volume",
        "source": parts[0],
        "target": parts[1],
    }
    bind: dict[str, object] = {"create_host_path": True} if is_path else {}
    for mode in modes:
        if mode in ("ro", "rw"):
            said["read_only"] = mode == "ro"
        elif mode in LABELS:
            bind["selinux"] = mode
        elif mode in PROPAGATIONS and is_path:
            bind["propagation"] = mode
        elif mode == "nocopy" and not is_path:
            said["volume"] = {"nocopy": True}
        elif mode not in CONSISTENCY:
            return node
    return of(node, {**said, **({"bind": bind} if bind else {})})


def as_source(folder: str) -> Shape:
    """A path; one from the home folder on, and none at all, stay as they are."""
    moved = as_path(folder)
    return lambda node: node if node.value == "" or str(node.value).startswith("~") else moved(node)


def as_build(folder: str) -> Shape:
    """`build: FOLDER` is `build: {context: FOLDER}`; a URL is no path."""
    moved = as_source(folder)

    def context(node: Node) -> Node:
        return node if URL.match(str(node.value)) else moved(node)

    def shape(node: Node) -> Node:
        if isinstance(node.value, str) and node.value:
            node = of(node, {"context": node.value})
        return shaped(node, {"context": context, "args": as_assignments, "labels": as_assignments})

    return shape


def as_sources(node: Node) -> Node:
    """`secrets: [NAME]` is `secrets: [{source: NAME}]`."""
    return each(node, lambda one: of(one, {"source": one.value}) if isinstance(one.value, str) else one)


def as_dependencies(node: Node) -> Node:
    """`depends_on: [db]` asks that db has started, whatever a file below asks."""
    named = as_keys(node)
    if named is node:
        return node
    started = {"condition": "service_started", "required": True}
    children = {name: of(child, started) for name, child in named.items()}
    return Node(children, node.place, node.tag, named.keys)


def as_words(node: Node) -> Node:
    """A blank text is no word: not even the image's own."""
    return Node([], node.place, node.tag) if node.value == "" else node


def as_limits(node: Node) -> Node:
    """`ulimits: {nofile: 1024}` is both of its limits."""
    if type(node.value) is not dict:
        return node
    children = {
        name: of(one, {"soft": one.value, "hard": one.value}) if NUMBER.fullmatch(str(one.value)) else one
        for name, one in node.value.items()
    }
    return Node(children, node.place, node.tag, node.keys)


def as_devices(node: Node) -> Node:
    """`{source: A, target: B, permissions: r}` is `A:B:r`."""

    def text(one: Node) -> Node:
        known = dict(one.items())
        source = known.pop("source", None)
        if source is None or known.keys() - {"target", "permissions"}:
            return one
        parts = [source, known.get("target", source), known.get("permissions")]
        return Node(":".join(str(part.value) for part in parts if part), one.place, one.tag)

    return each(node, text)
