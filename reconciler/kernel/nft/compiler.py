"""Rules and declarations as the kernel's own bytes.  libnftables makes them of text, in an empty network
namespace, where it harms nobody; there the kernel is asked what it was told.

They are kept, by their text, for as long as kernel and library are the same.  Deleting the file costs some
milliseconds, and nothing else.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from ... import disk
from ...errors import KernelError
from ...kinds.nft import Chain, Code
from .. import netns
from ..lock import RUN
from . import library, raw
from .code import anonymous, code, digests
from .text import Unit
from .wire import snapshot

FILE = f"{RUN}/rules"
FORMAT = 1  # of what is kept
AT_A_TIME = 200  # units: some 3 KB each, in one transaction of libnftables
SPARE = 200  # as many entries that nobody asked for are kept: of another project's chains, of other manifests


class Compiled(NamedTuple):
    """What a unit came to; `digest` is "" for a map, whose declaration is the only set of its code."""

    digest: str
    code: Code


class Rejected(NamedTuple):
    """What libnftables, or the kernel, says of a unit."""

    number: int
    words: str


Outcome = Compiled | Rejected


def compiled(units: Iterable[Unit]) -> Mapping[str, Outcome]:
    """What each comes to, by its key."""
    wanted = {unit.key: unit for unit in units}
    kept = stored() if wanted else {}
    found: dict[str, Outcome] = {key: thawed(kept[key]) for key in wanted if key in kept}
    missing = [unit for key, unit in wanted.items() if key not in found]
    for start in range(0, len(missing), AT_A_TIME):
        found |= loaded(missing[start : start + AT_A_TIME])
    if missing:
        store(found, kept)
    return found


def loaded(units: list[Unit]) -> dict[str, Outcome]:
    """Those that are refused are left out, until all others are accepted."""
    refused: dict[str, Outcome] = {}
    while units:
        lines = [(line, unit) for n, unit in enumerate(units) for line in unit.text(table_name(n))]
        answer = library.in_child(partial(load, lines, units))
        if answer.died:
            raise KernelError("compile rules in a scratch namespace", 0, answer.complaint)
        if answer.accepted:
            return refused | {key: thawed(one) for key, one in json.loads(answer.words).items()}
        at, number, words = library.located(answer)
        bad = [lines[at][1]] if 0 <= at < len(lines) else units
        refused |= {unit.key: Rejected(number, words) for unit in bad}
        units = [unit for unit in units if unit not in bad]
    return refused


def table_name(n: int) -> str:
    return f"unit{n}"


def load(lines: list[tuple[str, Unit]], units: list[Unit]) -> tuple[bool, str]:
    """In a child: into a namespace of its own, and out again."""
    netns.make()
    accepted, words = library.run("\n".join(line for line, _ in lines))
    if not accepted:
        return False, words
    tables = snapshot(lambda reading: raw.tables(reading, raw.Selection(lambda name: True)))
    by_name = {table.name: table for table in tables}
    return True, json.dumps(
        {unit.key: frozen(found_in(by_name[table_name(n)], unit)) for n, unit in enumerate(units)}
    )


def found_in(table: raw.RawTable, unit: Unit) -> Compiled:
    """What the unit's table holds of it."""
    if unit.noun == Chain.noun:
        [chain] = [chain for chain in table.chains if chain.name == unit.name]
        return Compiled(digests(table).get(chain.name, ""), code(chain.rules, anonymous(table)))
    [one] = [one for one in table.sets if one.name == unit.name]
    return Compiled("", Code(sets=((one.name, one.declaration, ()),)))


def frozen(one: Compiled) -> list[Any]:
    """As it is kept, bytes in hexadecimal."""
    rules = [[part.hex() for part in rule] for rule in one.code.rules]
    sets = [[name, declared.hex(), [each.hex() for each in lists]] for name, declared, lists in one.code.sets]
    return [one.digest, rules, sets, sorted(one.code.maps), sorted(one.code.chains)]


def thawed(kept: list[Any]) -> Compiled:
    digest, rules, sets, maps, chains = kept
    unhex = bytes.fromhex
    return Compiled(
        digest,
        Code(
            tuple((unhex(expressions), unhex(comment)) for expressions, comment in rules),
            tuple((name, unhex(declared), tuple(map(unhex, lists))) for name, declared, lists in sets),
            frozenset(maps),
            frozenset(chains),
        ),
    )


def stored() -> dict[str, list[Any]]:
    """What is kept, by unit; nothing where it is not whole, or of another kernel or library."""
    with suppress(OSError, ValueError):
        told, _, content = disk.read(FILE).partition(b"\n")
        if told == checksum(content):
            kept = disk.parsed(content)
            if kept["kernel"] == kernel() and library.is_unchanged(kept["library"]):
                return dict(kept["units"])
    return {}


def store(found: Mapping[str, Outcome], kept: Mapping[str, list[Any]]) -> None:
    """Where that cannot be done, it is done again another time."""
    units = {key: frozen(one) for key, one in found.items() if isinstance(one, Compiled)}
    others = {key: one for key, one in kept.items() if key not in units}
    content = {
        "kernel": kernel(),
        "library": library.version(),
        "units": units | (others if len(others) < SPARE else {}),
    }
    written = json.dumps(content).encode()
    with suppress(OSError):
        os.makedirs(RUN, mode=0o700, exist_ok=True)
        disk.write(FILE, checksum(written) + b"\n" + written)


def checksum(content: bytes) -> bytes:
    """A file that is torn, or that another version wrote, is believed in nothing."""
    return hashlib.sha256(b"%d" % FORMAT + content).hexdigest().encode()


def kernel() -> str:
    system = os.uname()
    return f"{system.release} {system.version}"
