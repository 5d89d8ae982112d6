"""The reference of the documentation, as Markdown: the command as its help has it, manifests by their schema.

`docs/reference/` has what these functions return, and a test keeps it so.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from . import help
from .help import HelpEntry

MADE = "<!-- Made by reconciler/cli/reference.py: tests/unit/test_reference.py --update-golden writes it. -->"
Schema = Mapping[str, Any]
SILENT = ({"type": "null"}, {"$ref": "#/$defs/Variable"})  # of what may be written


def command() -> str:
    return "\n".join([MADE, "", "# Reference: the command", "", *usage(), "", *modes(), "", *options(), ""])


def usage() -> Iterator[str]:
    yield from ("```text", help.USAGE.removeprefix("usage: "), "```", "")
    yield "One mode, `--plan` where none is named. [The command](../command.md) says more about each."


def modes() -> Iterator[str]:
    yield from ("## Modes", "", "| mode | does |", "|---|---|")
    for entry in chain.from_iterable(help.modes().values()):
        yield row(spelled(entry), entry.help)


def options() -> Iterator[str]:
    yield from ("## Options", "", "| option | does | default | environment twin |", "|---|---|---|---|")
    for entry in chain.from_iterable(help.options().values()):
        if entry.twin:
            default = f"`{entry.default}`" * bool(entry.default)
            yield row(spelled(entry), entry.help, default, f"`{entry.twin}`")


def spelled(entry: HelpEntry) -> str:
    *short, last = entry.spellings
    return ", ".join(f"`{one}`" for one in (*short, f"{last} {entry.value}".rstrip()))


def manifest(schema: Schema) -> str:
    """Each mapping a table of its keys; what nothing uses is listed below it."""
    definitions = schema["$defs"]
    tables = [("Top level", schema), *((name, definitions[name]) for name in reachable(schema))]
    head = [MADE, "", "# Reference: manifests", "", "`reconcile --schema` prints the same for editors."]
    return "\n".join([*head, *(line for name, one in tables for line in table(name, one)), ""])


def reachable(schema: Schema) -> list[str]:
    """The definitions that have keys, as one meets them on the way down."""
    found: list[str] = []
    names = list(references(schema["properties"]))
    while names:
        name = names.pop(0)
        if name not in found:
            found.append(name)
            names += references(schema["$defs"][name])
    return [name for name in found if "properties" in schema["$defs"][name]]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from [name_of(value["$ref"])] if "$ref" in value else []
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        yield from references(one)


def table(name: str, mapping: Schema) -> Iterator[str]:
    yield from ("", f"## {name}", "", str(mapping.get("description", "")), "")
    yield from ("| key | is | type | default |", "|---|---|---|---|")
    idle = []
    for key, about in sorted(mapping["properties"].items()):
        if "nothing uses it" in about["description"]:
            idle.append(f"`{key}`")
        else:
            default = about.get("default")
            written = f"`{str(default).lower()}`" if default not in (None, "", [], {}) else ""
            yield row(f"`{key}`", about["description"], kind(about), written)
            yield from inner(key, about)
    if idle:
        yield from ("", f"Accepted for Compose's sake, and nothing uses them: {', '.join(idle)}.")


def inner(key: str, about: Schema) -> Iterator[str]:
    """Keys of a mapping that has no name: those of `driver_opts`."""
    for name, option in sorted(about.get("properties", {}).items()):
        yield row(f"`{key}.{name}`", option["description"], "scalar", "")


def kind(about: Schema) -> str:
    """What may be written, in words."""
    match about:
        case {"$ref": name}:
            return f"[{name_of(name)}](#{name_of(name).lower()})"
        case {"anyOf": ways}:
            return " or ".join(dict.fromkeys(kind(way) for way in ways if way not in SILENT))
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"type": "array", "items": items}:
            return f"list of {kind(items)}"
        case {"type": "object", "additionalProperties": dict() as values}:
            return f"mapping of {kind(values)}"
        case {"type": list()}:
            return "scalar"
        case {"type": "object"}:
            return "mapping"
        case {"type": word}:
            return {"boolean": "true or false", "string": "text"}.get(word, str(word))
    return "anything"


def name_of(reference: str) -> str:
    return reference.removeprefix("#/$defs/")


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
