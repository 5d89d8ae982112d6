"""What engines say of what they have: JSON in which anything may be, sorted by what it is of."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import ReconcileError

Object = Mapping[str, Any]
SHOWN = 60  # characters of a value


class Unreadable(ReconcileError):
    """It is not what it was said to be."""

    id, exit_code = "R0017", 65


class Odd(ValueError):
    """A value of another kind than engines give it."""


class Inspected(NamedTuple):
    """Objects of each kind, and how many are of none."""

    containers: tuple[Object, ...] = ()
    networks: tuple[Object, ...] = ()
    images: tuple[Object, ...] = ()
    strange: int = 0


def inspected(text: str) -> Inspected:
    """Arrays of containers, networks and images, or single ones, one behind the other."""
    return sorted_out([*objects(text)])


def sorted_out(found: list[Any]) -> Inspected:
    containers = [one for one in found if is_object(one, "Config") and "HostConfig" in one]
    networks = [one for one in found if is_object(one, "IPAM", "subnets", "dns_enabled")]
    networks = [one for one in networks if one not in containers]
    images = [one for one in found if is_object(one, "RootFS")]
    strange = len(found) - len(containers) - len(networks) - len(images)
    return Inspected(tuple(containers), tuple(networks), tuple(images), strange)


def is_object(one: Any, *keys: str) -> bool:
    return isinstance(one, Mapping) and any(key in one for key in keys)


def objects(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        try:
            found, at = decoder.raw_decode(text, at)
        except RecursionError:
            raise Unreadable("what came is nested too deep") from None
        except ValueError as error:
            line = text.count("\n", 0, getattr(error, "pos", 0)) + 1
            raise Unreadable(f"line {line} of what came is no JSON", "pipe `inspect` into this") from None
        yield from found if isinstance(found, list) else [found]


def word(said: Any) -> str:
    """A text; "" where there is none."""
    if said is None:
        return ""
    if not isinstance(said, str):
        raise Odd(said)
    return said


def many(said: Any) -> list[Any]:
    if not isinstance(said, list | None):
        raise Odd(said)
    return said or []


def words(said: Any) -> list[str]:
    return [word(one) for one in many(said)]


def mapping(said: Any) -> Object:
    if not isinstance(said, Mapping | None):
        raise Odd(said)
    return said or {}


def texts(said: Any) -> dict[str, str]:
    return {key: word(one) for key, one in mapping(said).items()}


def number(said: Any) -> int:
    if isinstance(said, bool) or not isinstance(said, int | None):
        raise Odd(said)
    return said or 0


def short(said: Any) -> str:
    """A value for people."""
    text = said if isinstance(said, str) else json.dumps(said, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
