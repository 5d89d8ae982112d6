"""From chains and maps to the text of which libnftables makes the kernel's code, each with what it needs.

Nothing enters it that its own strict pattern does not know.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ...core.resource import Resource
from ...kinds.nft import Chain, Map
from . import hooks, stateful, verdicts
from .datatypes import Type, named

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
# Compiled when something is first written.
RULE = r"""(?:[A-Za-z0-9 _.,:/@=!<>&|^+*{}()-]|"[A-Za-z0-9 _.,:/@=!+*()-]*")+"""


class Shape(NamedTuple):
    """What the elements of a map look like."""

    key: Type
    data: Type | None
    flags: str
    template: str = ""

    @property
    def interval(self) -> bool:
        return self.flags.startswith("interval")

    @property
    def is_plain_interval(self) -> bool:
        """Of one part: each element is two in the kernel, where it starts and what is beyond it."""
        return self.interval and len(self.key.parts) == 1

    @property
    def standin(self) -> Map:
        """A map to which rules are the same."""
        by_offset = any(part.name.startswith("@") for part in self.key.parts)
        kinds = [self.key, self.data] if self.data else [self.key]
        words = [kind.expressions if by_offset else kind.name for kind in kinds]
        return Map(family="", table="", name="", type=words[0], data="".join(words[1:]), flags=self.flags)


Place = tuple[str, ...]  # family, table, and what stands in it
Shapes = Mapping[Place, Shape]


def shape(wanted: Map) -> Shape:
    data = None
    if wanted.data:
        data = verdicts.TYPE if wanted.data == verdicts.NAME else named(wanted.data)
    return Shape(named(wanted.type), data, wanted.flags, wanted.template)


class Unit(NamedTuple):
    """Commands that make a chain or a map in a table of its own, with stand-ins for what that needs."""

    noun: str  # "map" or "chain"
    family: str
    name: str
    commands: tuple[tuple[str, str], ...]  # what is done, and to what of the table

    def text(self, table: str) -> list[str]:
        """A command a line."""
        verbs = [f"{verb} {self.family} {table} {rest}" for verb, rest in self.commands]
        return [f"add table {self.family} {table}", *verbs]

    @property
    def key(self) -> str:
        return "\n".join((f"{self.noun} {self.name}", *self.text("t")))


def of_map(wanted: Map) -> Unit:
    """Raises ValueError for words that are not ours."""
    shape(wanted)
    if wanted.template:
        stateful.packed(wanted.template)
    return Unit(Map.noun, wanted.family, wanted.name, (declared(wanted.name, wanted),))


def of_chain(chain: Chain, shapes: Mapping[str, Shape]) -> Unit:
    """`shapes` are the maps of its table, by name; raises KeyError for one that it looks up and that is not
    there, ValueError for words that are not ours."""
    name = checked(NAME, chain.name)
    hook = f" {{ {checked(hooks.FORM, chain.hook)} }}" if chain.hook else ""
    commands = (
        *(declared(looked_up, shapes[looked_up].standin) for looked_up in chain.looks_up),
        *(("add chain", checked(NAME, other)) for other in chain.jumps_to if other != name),
        ("add chain", name + hook),
        *(("add rule", f"{name} {checked(RULE, rule)}") for rule in chain.rules),
    )
    return Unit(Chain.noun, chain.family, name, commands)


def declared(name: str, wanted: Map) -> tuple[str, str]:
    return f"add {wanted.word}", f"{checked(NAME, name)} {{ {wanted.declaration} }}"


def checked(pattern: re.Pattern[str] | str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(repr(text))
    return text


def opaque(digest: str) -> tuple[str, ...]:
    """The rules of a chain that says something else than is wanted: equal to nothing, and never compiled."""
    return (f"<differs: {digest[:12]}>",)


def is_opaque(resource: Resource) -> bool:
    """Whether the rules of this chain are no words, but a digest of its code."""
    return isinstance(resource, Chain) and "".join(resource.rules[:1]).startswith("<differs: ")


def illegible(resource: Resource) -> bool:
    """Rolling back cannot restore such a chain: it is left alone, and named by the reading that follows."""
    return is_opaque(resource) and getattr(resource, "code", None) is None
