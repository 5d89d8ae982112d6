"""A YAML value with its place; merging moves nodes about, and each keeps the place where it was written."""

from collections.abc import Iterable, Sequence
from sys import intern
from typing import Any, NamedTuple

from ...errors import ManifestError, Where
from ...mistakes import Contradiction, NoFile, WrongValue

MOST_WORDS = 12  # that a hint lists
MOST_COMPARED = 300  # for the nearest; each costs some 20 µs
MOST_DIFFERENCE = 4  # in length


class Place(NamedTuple):
    """Counted from one, as editors do."""

    file: str
    line: int
    column: int


class Node:
    """One value; treated as immutable, since an anchor's node stands wherever its aliases do."""

    __slots__ = ("value", "place", "tag", "keys")

    def __init__(self, value: Any, place: Place, tag: str = "", keys: dict[str, Place] | None = None):
        self.value = value  # dict[str, Node], list[Node], str, int, float, bool or None
        self.place = place
        self.tag = tag  # "", !reset or !override
        self.keys = keys or {}  # of a mapping: where each key stands

    def __repr__(self) -> str:
        """As a message has it."""
        return repr(raw(self))

    def get(self, key: str) -> "Node | None":
        return self.value.get(key) if type(self.value) is dict else None

    def items(self) -> list[tuple[str, "Node"]]:
        """Of a mapping; anything else has none."""
        return list(self.value.items()) if type(self.value) is dict else []

    def elements(self) -> list["Node"]:
        """Of a list; anything else has none."""
        return self.value if type(self.value) is list else []


def raw(node: Node) -> Any:
    """The plain data."""
    value = node.value
    if type(value) is dict:
        return {key: raw(child) for key, child in value.items()}
    return [raw(child) for child in value] if type(value) is list else value


def where(place: Place, path: str = "") -> Where:
    return Where(place.file, place.line, place.column, intern(path))  # as in many files


def dotted(steps: Iterable[str | int]) -> str:
    """`services.web.ports[0]`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def followed(node: Node, steps: Sequence[str | int]) -> list[Node]:
    """The nodes along a path, from the first on, as far as there are any."""
    nodes = [node]
    for step in steps:
        match nodes[-1].value:
            case dict() as children if step in children:
                nodes.append(children[step])
            case list() as children if isinstance(step, int) and step < len(children):
                nodes.append(children[step])
            case _:
                break
    return nodes


def locate(node: Node, steps: Sequence[str | int]) -> Place:
    """Where a path leads, or as near to it as there are nodes."""
    return followed(node, steps)[-1].place


class Mistakes(list[ManifestError]):
    """Every mistake of a run, in the order in which they are found."""

    def __init__(self) -> None:
        super().__init__()
        self.flawed: set[Place] = set()  # of values that nobody knows: what is wrong with these follows

    def at(self, place: Place, path: str, message: str, hint: str = "") -> None:
        self.extend([WrongValue(message, hint, where(place, path))])

    def between(self, at: Where, message: str, hint: str, label: tuple[Place, str]) -> None:
        """Of two that cannot both be; `label` is the other one, and what to say there."""
        self.extend([Contradiction(message, hint, at, (where(label[0]), label[1]))])

    def missing(self, place: Place, path: str, message: str, hint: str) -> None:
        """Of a file that is not there."""
        self.extend([NoFile(message, hint, where(place, path))])

    def extend(self, found: Iterable[ManifestError]) -> None:
        super().extend(one for one in found if not one.where or Place(*one.where[:3]) not in self.flawed)


def meant(word: str, words: Iterable[str], least: float = 0.6) -> str:
    """The one that was probably meant, as much like it as `least` of 1; "" where none was."""
    from difflib import get_close_matches  # some milliseconds, which only mistakes are worth

    near = [one for one in words if abs(len(one) - len(word)) <= MOST_DIFFERENCE][:MOST_COMPARED]
    return next(iter(get_close_matches(word.lower(), near, 1, least)), "")


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint with the word that was probably meant, else all that there are."""
    known = sorted(words)
    if one := meant(word, known):
        return f"did you mean `{one}`?"
    more = f" and {len(known) - MOST_WORDS} more" if len(known) > MOST_WORDS else ""
    return f"there are: {', '.join(known[:MOST_WORDS])}{more}" if known else "there are none"
