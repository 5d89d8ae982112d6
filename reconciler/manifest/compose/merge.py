"""Compose's override rules: both spellings of a key are brought to one shape, then the trees are merged."""

import os
from collections.abc import Callable, Mapping

from ..model.port_syntax import identity
from ..yaml.node import Node, Place, raw

Shape = Callable[[Node], Node]
REPLACED = (("command",), ("entrypoint",), ("healthcheck", "test"))  # commands are never appended to
LOGGING = ("logging",)  # options of another driver mean something else
MOUNTED: Mapping[tuple[str, ...], str] = {  # by which entries are told apart
    ("volumes",): "target",
    ("secrets",): "source",
    ("configs",): "source",
}
PORTS = ("ports",)  # which an address, both ports and a protocol tell apart
SERVICES = ("services", "containers")
NOTHING = Node(None, Place("", 0, 0))


def merged(base: Node, over: Node, path: tuple[str, ...] = ()) -> Node:
    """`over` on top of `base`: mappings by key, lists appended, anything else replaced."""
    if over.tag == "!override" or base.tag == "!reset" or of_service(path) in REPLACED:
        return over
    match base.value, over.value:
        case _, None:
            return base
        case dict(), dict() if of_service(path) == LOGGING and differ(base, over, "driver"):
            return over
        case dict(), dict():
            return mappings(base, over, path)
        case list(), list():
            return lists(base, over, path)
    return over


def of_service(path: tuple[str, ...]) -> tuple[str, ...]:
    """The way from a service on, which anybody may have named like one of its keys."""
    return path[2:] if path and path[0] in SERVICES else ()


def mappings(base: Node, over: Node, path: tuple[str, ...]) -> Node:
    children = dict(base.value)
    for key, child in over.value.items():
        if child.tag == "!reset":
            children.pop(key, None)
        else:
            children[key] = merged(children[key], child, (*path, key)) if key in children else child
    keys = {**over.keys, **base.keys}
    return Node(children, base.place, base.tag, {key: keys[key] for key in children if key in keys})


def with_resets(node: Node, over: Node) -> Node:
    """What came of laying `over` on something, with its resets: they are about what lies below that too."""
    if type(node.value) is not dict or type(over.value) is not dict:
        return node
    children = dict(node.value)
    for key, child in over.value.items():
        if child.tag == "!reset":
            children[key] = child
        elif key in children:
            children[key] = with_resets(children[key], child)
    return Node(children, node.place, node.tag, {**over.keys, **node.keys})


def lists(base: Node, over: Node, path: tuple[str, ...]) -> Node:
    if path[:1] == ("networks",) and path[2:] == ("ipam", "config"):
        return Node(subnets(base.value, over.value, path), base.place)
    if key := MOUNTED.get(of_service(path)):
        return Node(replaced(base.value, over.value, lambda entry: said(entry, key)), base.place)
    if of_service(path) == PORTS:
        return Node(replaced(base.value, over.value, lambda entry: identity(raw(entry))), base.place)
    known = {(type(child.value), child.value) for child in base.value if is_scalar(child)}
    fresh = [c for c in over.value if not is_scalar(c) or (type(c.value), c.value) not in known]
    return Node([*base.value, *fresh], base.place)


def subnets(base: list[Node], over: list[Node], path: tuple[str, ...]) -> list[Node]:
    """Entries of one subnet are one entry."""
    result = list(base)
    for entry in over:
        same = [i for i, other in enumerate(result) if subnet_of(other) == subnet_of(entry) != ""]
        if same:
            result[same[0]] = merged(result[same[0]], entry, path)
        else:
            result.append(entry)
    return result


def replaced(base: list[Node], over: list[Node], key: Callable[[Node], object]) -> list[Node]:
    """What is of the same key, and thus in the place of something else, replaces it."""
    result, known = list(base), [key(entry) for entry in base]
    for entry in over:
        name = key(entry)
        if name is not None and name in known:
            result[known.index(name)] = entry
        else:
            result.append(entry)
            known.append(name)
    return result


def differ(one: Node, two: Node, key: str) -> bool:
    """Whether both say something of a key, and not the same."""
    return None not in (said(one, key), said(two, key)) and said(one, key) != said(two, key)


def said(node: Node, key: str) -> object:
    return (node.get(key) or NOTHING).value


def subnet_of(entry: Node) -> str:
    subnet = entry.get("subnet")
    return str(subnet.value) if subnet else ""


def is_scalar(node: Node) -> bool:
    return not isinstance(node.value, dict | list)


def without(node: Node, key: str) -> Node:
    if node.get(key) is None:
        return node
    return Node({k: v for k, v in node.value.items() if k != key}, node.place, node.tag, node.keys)


def without_resets(node: Node) -> Node:
    """What is left of `!reset` when nothing stands below it: nothing."""
    if type(node.value) is list and any(child.tag == "!reset" for child in node.value):
        return Node([c for c in node.value if c.tag != "!reset"], node.place, node.tag)
    if type(node.value) is dict:
        children = {k: without_resets(v) for k, v in node.value.items() if v.tag != "!reset"}
        return Node(children, node.place, node.tag, node.keys)
    return node


def shaped(node: Node, shapes: Mapping[str, Shape]) -> Node:
    """A mapping with these of its children in their one shape."""
    if type(node.value) is not dict:
        return node
    changed = {key: shapes[key](node.value[key]) for key in node.value.keys() & shapes.keys()}
    children = {key: changed.get(key, child) for key, child in node.value.items()}
    return Node(children, node.place, node.tag, node.keys)


def as_list(node: Node) -> Node:
    """`dns: 8.8.8.8` is a list of one."""
    return Node([Node(node.value, node.place)], node.place, node.tag) if isinstance(node.value, str) else node


def as_keys(node: Node) -> Node:
    """`networks: [front]` is `networks: {front: }`."""
    if type(node.value) is not list or not all(isinstance(c.value, str | int) for c in node.value):
        return node
    names = [(str(child.value), child.place) for child in node.value]
    return Node({n: Node(None, p) for n, p in names}, node.place, node.tag, dict(names))


def as_assignments(node: Node) -> Node:
    """`labels: [a=1]` is `labels: {a: "1"}`."""
    if type(node.value) is not list or not all(is_scalar(child) for child in node.value):
        return node
    children: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for child in node.value:
        key, equals, value = str(child.value).partition("=")
        children[key] = Node(value if equals else None, child.place, child.tag)
        keys[key] = child.place
    return Node(children, node.place, node.tag, keys)


def as_hosts(node: Node) -> Node:
    """`extra_hosts` as a mapping of names to lists of addresses; `=` separates before `:` does."""
    if type(node.value) is dict:
        children = {name: split_addresses(child) for name, child in node.value.items()}
        return Node(children, node.place, node.tag, node.keys)
    if type(node.value) is not list or not all(is_scalar(child) for child in node.value):
        return node
    hosts: dict[str, list[Node]] = {}
    keys: dict[str, Place] = {}
    for child in node.value:
        text = str(child.value)
        name, _, addresses = text.partition("=" if "=" in text else ":")
        hosts.setdefault(name, []).extend(split_addresses(Node(addresses, child.place)).value)
        keys.setdefault(name, child.place)
    return Node({n: Node(a, keys[n]) for n, a in hosts.items()}, node.place, node.tag, keys)


def split_addresses(node: Node) -> Node:
    if not isinstance(node.value, str):
        return node
    found = [
        Node(text.strip().removeprefix("[").removesuffix("]"), node.place) for text in node.value.split(",")
    ]
    return Node(found, node.place, node.tag)


def as_paths(folder: str) -> Shape:
    """`env_file` as a list, its paths from the project's folder on."""
    moved = as_path(folder)

    def shape(node: Node) -> Node:
        node = as_list(node)
        if type(node.value) is not list:
            return node
        return Node([shaped(moved(child), {"path": moved}) for child in node.value], node.place, node.tag)

    return shape


def as_path(folder: str) -> Shape:
    """One path, from the project's folder on; what an unset variable leaves is none."""

    def moved(node: Node) -> Node:
        if not isinstance(node.value, str) or not node.value:
            return node
        return Node(os.path.normpath(os.path.join(folder, node.value)), node.place, node.tag)

    return moved
