"""What reading needs of the models: their keys, and what checks a record, by pydantic's core.

All of it follows from the program and from pydantic, so it is kept: to import pydantic and to build the
models takes as long as all else that a run does beside ten containers.
"""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ... import disk
from ..store import sealed, stamp
from . import amounts, fields, limits, port_syntax, pydantics_core
from .pydantics_core import SchemaValidator

if TYPE_CHECKING:
    from pydantic.plugin._schema_validator import PluggableSchemaValidator

    from . import service, top, workload

R_co = TypeVar("R_co", covariant=True)


class Outline(NamedTuple):
    """The keys of a model and those that nothing uses; of each with records in it, whether that is one, a map
    or a list, and of what."""

    keys: Mapping[str, str]  # as they are written, by field
    unused: frozenset[str]
    nested: Mapping[str, tuple[str, str]]

    @property
    def written(self) -> Collection[str]:
        return self.keys.values()


class Forms(NamedTuple):
    """By the names of models, what this process knows of them."""

    outlines: dict[str, Outline]
    schemas: dict[str, Any]
    made: set[str]  # what it did not find kept


KNOWN = Forms({}, {}, set())


class Checked:
    """A record: its values are attributes, as of the model that checked them."""

    __slots__ = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")

    __pydantic_fields_set__: set[str]

    @property
    def model_fields_set(self) -> set[str]:
        return self.__pydantic_fields_set__


# What stands in a core schema and not in JSON, by the name that it has there.
CALLED: Mapping[str, Callable[..., Any]] = {
    **{
        name: one
        for module in (amounts, fields, limits, port_syntax)
        for name, one in vars(module).items()
        if callable(one)
    },
    **{kind.__name__: kind for kind in (dict, list, tuple, Checked)},
}


class Form(Generic[R_co]):
    """A model, by its name."""

    def __init__(self, name: str):
        self.name = name

    @cached_property
    def outline(self) -> Outline:
        if self.name not in KNOWN.outlines:
            from .described import outlines  # with pydantic

            KNOWN.outlines.update(outlines())
            KNOWN.made.add(self.name)
        return KNOWN.outlines[self.name]

    @cached_property
    def nested(self) -> Mapping[str, tuple[str, "Form[Any]"]]:
        return {key: (how, form(name)) for key, (how, name) in self.outline.nested.items()}

    @cached_property
    def validator(self) -> "SchemaValidator | PluggableSchemaValidator":
        if self.name not in KNOWN.schemas:
            from . import described

            try:
                KNOWN.schemas[self.name] = described.schema(self.name)
            except LookupError:  # another pydantic has more in it
                return described.models()[self.name].__pydantic_validator__
            KNOWN.made.add(self.name)
        return SchemaValidator(revived(KNOWN.schemas[self.name]))

    def check(self, data: object) -> R_co:
        """The record; raises ValidationError."""
        found: R_co = self.validator.validate_python(data)
        return found


form = cache(Form[Any])
SERVICE: "Form[service.Service]" = form("Service")
CONTAINER: "Form[service.Container]" = form("Container")
NETWORK: "Form[top.NetworkRecord]" = form("NetworkRecord")
HOST: "Form[top.HostRecord]" = form("HostRecord")
POOL: "Form[top.Pool]" = form("Pool")
POLICY: "Form[top.Policy]" = form("Policy")
REACHABILITY: "Form[top.Reachability]" = form("Reachability")
TOP: "Form[top.Top]" = form("Top")
WORKLOAD: "Form[workload.WorkloadRecord]" = form("WorkloadRecord")
VOLUME: "Form[workload.VolumeRecord]" = form("VolumeRecord")
SHARED_FILE: "Form[workload.SharedFile]" = form("SharedFile")


def revived(value: Any) -> Any:
    """A core schema out of what JSON has of it."""
    match value:
        case {"called": name}:
            return CALLED[name]
        case dict():
            return {key: revived(inner) for key, inner in value.items()}
        case list():
            return [revived(inner) for inner in value]
    return value


@contextmanager
def kept(folder: str) -> Iterator[None]:
    """Know what is kept there, and keep what had to be made meanwhile; "" keeps nothing."""
    if folder:
        recall(folder)
    try:
        yield
    finally:
        if folder and KNOWN.made:
            keep(folder)


def recall(folder: str) -> None:
    """Know what is kept there of this program's models."""
    with suppress(*sealed.UNUSABLE):
        written, body = sealed.read(file(folder))
        if written == origin():
            outlines, schemas = disk.parsed(body)
            for name, (keys, unused, nested) in outlines.items():
                inner = {key: (how, of) for key, (how, of) in nested.items()}
                KNOWN.outlines.setdefault(name, Outline(keys, frozenset(unused), inner))
            KNOWN.schemas.update(schemas)


def keep(folder: str) -> None:
    """Keep it for the next run, where that is possible."""
    with suppress(OSError):
        outlines = {name: (one.keys, sorted(one.unused), one.nested) for name, one in KNOWN.outlines.items()}
        sealed.write(file(folder), origin(), json.dumps([outlines, KNOWN.schemas]).encode())
        KNOWN.made.clear()


def file(folder: str) -> str:
    return os.path.join(folder, "models")


def origin() -> dict[str, object]:
    """What it follows from; raises OSError where pydantic is not beside its core."""
    whole = os.path.join(os.path.dirname(os.path.dirname(pydantics_core.FILE)), "pydantic", "version.py")
    found = os.stat(whole)
    pydantic = [pydantics_core.VERSION, found.st_size, found.st_mtime_ns]
    return {"program": [*stamp.program()], "pydantic": pydantic}
