"""The keys of a manifest that are kept as they are written there: said once, on the fields of spec.py."""

from collections.abc import Callable
from functools import cache
from typing import TypeVar, get_type_hints

from ..key import Key

S = TypeVar("S")
EMPTY: dict[str, str] = {}


@cache
def keys(spec: Callable[..., object]) -> dict[str, Key]:
    """Those that become fields of a spec."""
    return {
        name: key
        for name, hint in get_type_hints(spec, include_extras=True).items()
        for key in getattr(hint, "__metadata__", ())
        if isinstance(key, Key)
    }


def from_record(spec: Callable[..., S], record: object, **own: object) -> S:
    """The spec with its keys as they are written; `own` are its other fields.  All that say nothing of a map
    have one that is empty, as the spec has it."""
    said = vars(record)
    return spec(**{name: said[name] for name in keys(spec) if said[name] != EMPTY} | own)
