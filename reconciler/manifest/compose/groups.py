"""Which files make one project: by name, and on top of one another or side by side."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...mistakes import NoSuchName
from ..read.project import ProjectReading
from ..store.known import Gist, Stacks, digest
from ..yaml.node import Mistakes, Node, Place, meant, nearest, raw, where
from .files import Found
from .interpolate import interpolated
from .library import Context, Library, context
from .merge import NOTHING
from .project import assemble, lenders

MANIFEST_KEYS = ("services", "containers", "networks", "include", "hosts", "pools", "policies", "expect")
ALIKE = 0.82  # a letter or two off: `spec`, `roles` and `servers` are of others
LONGEST = 128  # of a project's name: a sandbox's, which is a file's too, begins with it


@dataclass
class Group:
    """The files of one project: each stack is merged, and the stacks must not contradict one another."""

    name: str
    stacks: list[list[str]] = field(default_factory=list)

    @property
    def files(self) -> Stacks:
        return tuple(map(tuple, self.stacks))


def grouped(found: Sequence[Found], library: Library) -> dict[str, Group]:
    """The files by project; those that were named one by one go on top of one another."""
    for item in found:
        before = len(library.mistakes)
        library.gists[item.file] = one = gist(item.file, library)
        if not (item.explicit or one.is_manifest) and library.parsed.pop(item.file, []):
            del library.mistakes[before:]  # other YAML may have tags of its own
        folder = os.path.dirname(item.file)
        library.borrowed.update(os.path.abspath(os.path.join(folder, file)) for file in one.lenders)
    found = [item for item in found if counts(item, library)]
    names = named(found, library)
    groups: dict[str, Group] = {}
    stacks: dict[tuple[str, str], list[str]] = {}
    for item in sorted(found, key=lambda f: bool(f.overrides)):
        name = names[item.file]
        group = groups.setdefault(name, Group(name))
        key = (name, "" if item.explicit else item.overrides or item.file)
        if key not in stacks:
            stacks[key] = []
            group.stacks.append(stacks[key])
        stacks[key].append(item.file)
    return groups


def gist(file: str, library: Library) -> Gist:
    """That of an earlier run, if it was of this text."""
    found, known = digest(library.inputs.read(file)), library.gists.get(file)
    return known if known and known.digest == found else gist_of(library.documents(file), found)


def gist_of(documents: Sequence[Node], digest: str) -> Gist:
    """A directory may hold other YAML too; what looks like a manifest with a misspelt key counts as one."""
    names = [node.value for document in documents if (node := document.get("name"))]
    name = next((value for value in reversed(names) if value is not None), "")
    alike = all(value in (None, name) for value in names)
    plain = alike and isinstance(name, str) and "$" not in name and (normalised(name) or not name)
    plain = plain and len(str(name)) <= LONGEST
    keys = [key for document in documents for key, _ in document.items()]
    return Gist(
        digest,
        normalised(name) if plain else None,
        any(k in MANIFEST_KEYS for k in keys) or any(map(is_misspelt, keys)),
        all(document.value is None for document in documents),
        tuple(file for document in documents for file in lenders(document)),
    )


def is_misspelt(key: str) -> bool:
    return bool(meant(key, MANIFEST_KEYS, ALIKE))


def counts(item: Found, library: Library) -> bool:
    """A file that was named must say something; one that was found counts if it is a manifest of its own."""
    if not item.explicit:
        return os.path.abspath(item.file) not in library.borrowed and is_manifest(item.file, library)
    if library.gists[item.file].is_empty and item.file in library.inputs.texts and not library.mistakes:
        place = Place(item.file, 1, 1)
        library.mistakes.at(place, "", "the file is empty", "`--destroy` removes what a project has")
    return not library.gists[item.file].is_empty


def is_manifest(file: str, library: Library) -> bool:
    one = library.gists[file]
    if not (one.is_manifest or one.is_empty):
        library.inputs.notes.append(f"{file}: no manifest, not used")
    return one.is_manifest


def named(found: Sequence[Found], library: Library) -> dict[str, str]:
    """The project of each file: by its `name`, else by that of its companion, else by its folder."""
    contexts = {item.file: context(library, item.file) for item in found}
    names = {item.file: own_name(item.file, contexts[item.file]) for item in found}
    by_folder = {
        item.folder: names[item.file] for item in reversed(found) if item.explicit and names[item.file]
    }
    for item in found:
        companion = names.get(item.overrides) or (by_folder.get(item.folder) if item.explicit else "")
        names[item.file] = names[item.file] or companion or by_default(item, contexts[item.file])
    return names


def own_name(file: str, at: Context) -> str:
    plain = at.library.gists[file].name
    if plain is not None:
        return plain
    nodes = [document.get("name") or NOTHING for document in at.library.documents(file)]
    nodes = [node for node in nodes if node.value is not None]
    names = [said_name(node, at) for node in nodes]
    for node, name in zip(nodes, names, strict=True):
        if name != names[0]:
            hint = "a project a file, or one name: the documents of a file are laid on top of one another"
            label = (nodes[0].place, "the first one")
            at.mistakes.between(where(node.place, "name"), "two projects in one file", hint, label)
            break
    return names[-1] if names else ""


def said_name(node: Node, at: Context) -> str:
    value = interpolated(node, at.variables, at.mistakes, ("name",)).value
    text = str(value)
    name = normalised(text)
    if not isinstance(value, str):
        at.mistakes.at(node.place, "name", f"`name` must be text, not {text[:60]}", "in quotes it is")
    if text and not name:
        hint = "small letters, digits, `-` and `_`"
        at.mistakes.at(node.place, "name", f"{text!r} is no project name", hint)
    if len(name) > LONGEST:
        at.mistakes.at(node.place, "name", too_long(name), "take a shorter one")
    return name or ("unnamed" if text else "")


def by_default(item: Found, at: Context) -> str:
    folder = os.path.basename(item.folder)
    name = normalised(at.variables.values.get("COMPOSE_PROJECT_NAME", "")) or normalised(folder)
    if not name:
        message = f"the folder's name {folder!r} makes no project name"
        at.mistakes.at(Place(item.file, 0, 0), "", message, "add `name:`")
    if len(name) > LONGEST:
        at.mistakes.at(Place(item.file, 0, 0), "", f"the folder's is {too_long(name)}", "add `name:`")
    return name or "unnamed"


def too_long(name: str) -> str:
    return f"a project's name of {len(name)} characters, and {LONGEST} are most"


def normalised(name: str) -> str:
    """As Compose does it: small letters, digits, `-` and `_`, and neither of these first."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def wanted(groups: dict[str, Group], projects: frozenset[str], mistakes: Mistakes) -> dict[str, Group]:
    for name in sorted(projects - groups.keys()):
        mistakes.append(NoSuchName(f"no project is named {name}", nearest(name, groups)))
    return {name: group for name, group in groups.items() if name in projects}


def reading(group: Group, library: Library) -> ProjectReading:
    """The project's one tree, and what is needed to read it."""
    contexts = [context(library, stack[0], group.name) for stack in group.stacks]
    trees = [assemble(stack, at) for stack, at in zip(group.stacks, contexts, strict=True)]
    return ProjectReading(united(trees, library.mistakes), library.inputs, contexts[0].variables.values)


def united(trees: Sequence[Node], mistakes: Mistakes) -> Node:
    """Files side by side, none above the other: nothing may be defined twice."""
    if len(trees) == 1:
        return trees[0]
    children: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for tree in trees:
        for section, node in tree.items():
            known = children.get(section)
            children[section] = joined(section, known, node, mistakes) if known else node
            keys.setdefault(section, tree.keys.get(section, node.place))
    return Node(children, trees[0].place, "", keys)


def is_external(node: Node) -> bool:
    return type(node.value) is dict and bool((node.get("external") or node).value is True)


def joined(section: str, one: Node, two: Node, mistakes: Mistakes) -> Node:
    if type(one.value) is list and type(two.value) is list:
        return Node([*one.value, *two.value], one.place)
    if type(one.value) is not dict or type(two.value) is not dict:
        return one if two.value is None else two
    for name in one.value.keys() & two.value.keys() if not section.startswith("x-") else ():
        if is_external(one.value[name]) and raw(one.value[name]) == raw(two.value[name]):
            continue  # which neither defines
        place = two.keys.get(name, two.place)
        label = (one.keys.get(name, one.place), "and here")
        hint = "rename one, give its file a `name:` of its own, or name the files one by one to merge them"
        message = f"`{name}` is defined in two files"
        mistakes.between(where(place, f"{section}.{name}"), message, hint, label)
    return Node({**two.value, **one.value}, one.place, "", {**two.keys, **one.keys})
