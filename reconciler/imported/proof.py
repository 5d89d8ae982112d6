"""What a manifest refuses of a draft becomes a comment at its place: what is written is valid."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from .draft import Draft, Entry
from .text import LONGEST_KEY, Path, TextLine, lines

NAMED = "container_name"  # what may be all that is wrong with an entry
ROUNDS = 20  # what is taken out may leave something else wrong


class Mistake(NamedTuple):
    """A mistake, and the line it is in; 0 where nobody knows."""

    line: int
    words: str


def proved(draft: Draft, faults: Callable[[str], Sequence[Mistake]]) -> Draft:
    """The draft less what is refused."""
    draft = with_short_keys(draft)
    for _ in range(ROUNDS):
        rows = [*lines(draft)]
        found = faults("".join(f"{row.text}\n" for row in rows))
        if not found:
            return draft
        left = without(draft, rows, found)
        if left == draft:
            break
        draft = left
    return replace(draft, lost=(*draft.lost, *(f"still wrong: {one.words}" for one in found)))


def without(draft: Draft, rows: Sequence[TextLine], found: Iterable[Mistake]) -> Draft:
    """Less what these lines say, the last first, so that those before stay what they were."""
    places: dict[Path, str] = {}
    for one in found:
        path = rows[one.line - 1].path if 0 < one.line <= len(rows) else ()
        places.setdefault(path, f"{dotted(path[2:])}{one.words}")
    refused = {path: words for path, words in places.items() if len(path) > 1}
    top = {path[0]: words for path, words in places.items() if len(path) == 1}
    entries = {
        section: tuple(trimmed(section, those, by_key(section, refused)))
        for section, those in draft.entries.items()
    }
    still = {(section, one.key) for section, those in entries.items() for one in those}
    gone = [path for path in sorted(refused, key=str) if len(path) == 2 and path not in still]
    dropped = [f"{path[1]}: {refused[path]}" for path in gone]
    dropped += [f"{key}: {words}" for key, words in top.items() if key in draft.top]
    kept = {key: said for key, said in draft.top.items() if key not in top}
    return replace(draft, entries=entries, top=kept, lost=(*draft.lost, *dropped))


def dotted(path: Path) -> str:
    """What it is, before what is wrong with it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    return f"{text}: " if text else ""


def by_key(section: str, refused: Mapping[Path, str]) -> Mapping[object, Mapping[Path, str]]:
    found: dict[object, dict[Path, str]] = {}
    for path, words in refused.items():
        if path[0] == section:
            found.setdefault(path[1], {})[path[2:]] = words
    return found


def trimmed(
    section: str, entries: Iterable[Entry], refused: Mapping[object, Mapping[Path, str]]
) -> Iterable[Entry]:
    for one in entries:
        places = refused.get(one.key, {})
        if () in places:
            if NAMED not in one.said:
                continue
            one, places = one.without((NAMED,), f"{NAMED}: {places[()]}"), {}
        for path in sorted(places, key=order, reverse=True):
            one = one.without(path, places[path])
        yield one


def order(path: Path) -> tuple[tuple[bool, str, int], ...]:
    return tuple((isinstance(step, int), str(step), step if isinstance(step, int) else 0) for step in path)


def with_short_keys(draft: Draft) -> Draft:
    """Without those that YAML could not hold, as names of labels may be."""
    entries = {section: tuple(map(fitting, those)) for section, those in draft.entries.items()}
    return replace(draft, entries=entries)


def fitting(one: Entry) -> Entry:
    for key, said in one.said.items():
        for name in said if isinstance(said, Mapping) else ():
            if len(name) > LONGEST_KEY:
                one = one.without((key, name), f"{key} {name[:40]}...: a name of {len(name)} characters")
    return one
