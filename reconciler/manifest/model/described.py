"""What pydantic makes of the models, as JSON has it: functions and classes are called by their names."""

from collections.abc import Iterable
from typing import Any

from .forms import CALLED, Checked, Outline
from .record import Record, nested
from .top import Top
from .workload import SharedFile, VolumeRecord, WorkloadRecord

FOR_EDITORS = ("metadata", "json_schema_input_schema")  # of what is told of a schema, not of what checks
NAMES = {called: name for name, called in CALLED.items()}


ROOTS: tuple[type[Record], ...] = (Top, WorkloadRecord, VolumeRecord, SharedFile)


def models(roots: Iterable[type[Record]] = ROOTS) -> dict[str, type[Record]]:
    """By their names, these models and those of all that is in them."""
    found: dict[str, type[Record]] = {}
    for model in roots:
        found |= {model.__name__: model, **models(inner for _, inner in nested(model).values())}
    return found


def outlines() -> dict[str, Outline]:
    return {name: outline(model) for name, model in models().items()}


def outline(model: type[Record]) -> Outline:
    keys = {name: field.alias or name for name, field in model.model_fields.items()}
    inner = {key: (how, of.__name__) for key, (how, of) in nested(model).items()}
    return Outline(keys, model.unused, inner)


def schema(name: str) -> Any:
    """Pydantic's core schema of a model."""
    model = models()[name]
    model.model_rebuild()
    return named(model.__pydantic_core_schema__)


def named(value: Any) -> Any:
    """As forms.revived takes it; raises LookupError for what has no name."""
    match value:
        case {"type": str()}:
            return {key: named(inner) for key, inner in value.items() if key not in FOR_EDITORS}
        case dict():  # of fields, of which one may be called so
            return {key: named(inner) for key, inner in value.items()}
        case list() | tuple():
            return [named(inner) for inner in value]
        case str() | int() | float() | None:
            return value
    return {"called": NAMES[Checked if isinstance(value, type) and issubclass(value, Record) else value]}
