"""What every mapping of a manifest has in common, and how its keys become fields.

Most keys are said once, on the fields of spec.py, and `of` makes them keys of a model, which itself says what
is written otherwise than it is kept.  Values come here in one spelling (compose/spelling.py), so that a field
has one type; the other spellings are added to the schema alone, by `Also`.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field
from dataclasses import fields as fields_of
from functools import cache
from types import GenericAlias
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler, create_model
from pydantic.json_schema import JsonSchemaValue

from ..compose.ignored_keys import NOTHING
from ..key import Key
from . import checks, fields
from .keys import keys

TEXTS: JsonSchemaValue = {"type": "array", "items": {"type": "string"}}


class Also:
    """Another spelling that the schema allows; spelling.py turns it into the first beforehand."""

    def __init__(self, other: JsonSchemaValue):
        self.other = other

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(core), self.other]}


ALSO = {"text": Also({"type": "string"}), "list": Also(TEXTS)}
WITHOUT_BLANKS = AfterValidator(fields.without_blanks)


class Record(BaseModel):
    """A mapping with known keys; `x-` keys are anybody's, and nothing uses Compose's `unused`."""

    # Built when first used: a run needs two or three of these models, and each costs some milliseconds.
    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, protected_namespaces=(), defer_build=True
    )
    unused: ClassVar[frozenset[str]] = NOTHING


R = TypeVar("R", bound=Record)


def Is(description: str, **more: Any) -> Any:
    return pydantic.Field(description=description, **more)


def of(spec: type) -> Callable[[type[R]], type[R]]:
    """Adds to a model the keys of a spec."""

    def made(model: type[R]) -> type[R]:
        hints, said = get_type_hints(spec), {field.name: field for field in fields_of(spec)}
        derived: dict[str, Any] = {
            name: (type_of(hints[name], key), said_of(said[name], key)) for name, key in keys(spec).items()
        }
        about: dict[str, Any] = {"__doc__": model.__doc__, "__module__": model.__module__}
        return create_model(model.__name__, __base__=model, **about, **derived)

    return made


def type_of(hint: Any, key: Key) -> Any:
    """That of a key: its check, of each value where there are many."""
    check = getattr(checks, key.check) if key.check else checks.Int if hint is int else None
    if check and get_args(hint)[1:] == (...,):
        hint = Annotated[GenericAlias(tuple, (check, ...)), WITHOUT_BLANKS]
    elif check and get_origin(hint) is Mapping:
        hint = GenericAlias(dict, (str, check))
    elif check:
        hint = check
    return Annotated[hint, ALSO[key.also]] if key.also else hint


def said_of(field: Field[Any], key: Key) -> Any:
    """Its description and its default; a schema shows none that is empty and of many."""
    if field.default == ():
        return Is(key.about, default_factory=tuple)
    if field.default_factory is not MISSING:
        return Is(key.about, default_factory=dict)
    return Is(key.about) if field.default is MISSING else Is(key.about, default=field.default)


@cache
def nested(model: type[Record]) -> dict[str, tuple[str, type[Record]]]:
    """The keys with records in them: whether one, a map or a list, and of what."""
    found = {name: within(field.annotation) for name, field in model.model_fields.items()}
    return {name: inner for name, inner in found.items() if inner}


def within(hint: Any) -> tuple[str, type[Record]] | None:
    if isinstance(hint, type) and issubclass(hint, Record):
        return "one", hint
    inner = next(filter(None, map(within, get_args(hint))), None)
    match get_origin(hint):
        case origin if inner and origin in (list, tuple):
            return "list", inner[1]
        case origin if inner and origin is dict:
            return "map", inner[1]
    return inner
