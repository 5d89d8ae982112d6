"""Frozen values with named fields: dataclasses whose methods are written when the first value is made.

`dataclass` writes and compiles five methods for each class that is imported: a quarter of a run that finds
nothing to do.  A run makes values of few of them, and one text for each class compiles twice as fast.
"""

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from types import CellType
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
SHARED = 30  # attributes; an instance with more has a table of its own, of some KiB (SHARED_KEYS_MAX_SIZE)
SOURCE = """\
def __init__(self, {parameters}):
 {settings}
def __eq__(self, other):
 return ({mine}) == ({others}) if self.__class__ is other.__class__ else NotImplemented
def __hash__(self):
 return hash(({mine}))
"""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def value(of: type[T]) -> type[T]:
    """The class as a frozen dataclass, whose fields are given by name."""
    return named(of) if len(of.__annotations__) <= SHARED else slotted(of)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def slotted(of: type[T]) -> type[T]:
    """The same, with no room for anything else: a third less each, where there are many."""
    made = named(of, slots=True)
    for cell in cells_of(of):
        cell.cell_contents = made
    return made


def cells_of(of: type[Any]) -> Iterator[CellType]:
    """Where `super()` in its methods looks for the class that it is written in: that with slots is another,
    and until Python 3.14 a dataclass leaves it at that."""
    for member in vars(of).values():
        method = getattr(member, "fget", member)
        free = getattr(getattr(method, "__code__", None), "co_freevars", ())
        if "__class__" in free:
            yield method.__closure__[free.index("__class__")]


def named(of: type[T], *, slots: bool = False) -> type[T]:
    return dataclass(init=False, repr=False, eq=False, kw_only=True, slots=slots)(with_methods(of))


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(of: type[T]) -> type[T]:
    """The same, whose fields may be given in their order; there is no room for anything else in it."""
    return dataclass(init=False, repr=False, eq=False, slots=True)(with_methods(of))


def with_methods(of: type[T]) -> type[T]:
    of.__doc__ = of.__doc__ or of.__name__  # else a dataclass makes one of the signature, for as long again
    for name, method in METHODS.items():
        if name != "__repr__" or of.__repr__ is object.__repr__:
            setattr(of, name, method)
    return of


def by_name(one: Any) -> dict[str, Any]:
    """What it was given, wherever it keeps that."""
    return {each.name: getattr(one, each.name) for each in fields(one) if each.init}


def first(self: Any, *given: Any, **named: Any) -> None:
    """What makes the first value of a class."""
    write_methods(type(self))
    self.__init__(*given, **named)


def fixed(self: object, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is what it is")


def shown(self: Any) -> str:
    told = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(told)})"


METHODS = {"__init__": first, "__setattr__": fixed, "__delattr__": fixed, "__repr__": shown}


def write_methods(of: type[Any]) -> None:
    known: dict[str, object] = {"_put": object.__setattr__}
    known |= {f"_{one.name}": default(one) for one in fields(of) if not is_required(one)}
    compared, given = [one.name for one in fields(of) if one.compare], [one for one in fields(of) if one.init]
    settings = [f"_put(self, {one.name!r}, {one.name})" for one in given]
    source = SOURCE.format(
        parameters=", ".join(parameters(given)),
        settings="; ".join([*settings, *["self.__post_init__()"] * hasattr(of, "__post_init__")]),
        mine="".join(f"self.{name}, " for name in compared),
        others="".join(f"other.{name}, " for name in compared),
    )
    exec(source, known)
    for name in ("__init__", "__eq__", "__hash__"):
        setattr(of, name, known[name])


def parameters(all_of_them: "Sequence[Field[Any]]") -> Iterator[str]:
    yield from (parameter(one) for one in all_of_them if not one.kw_only)
    if named := [parameter(one) for one in all_of_them if one.kw_only]:
        yield from ("*", *named)


def parameter(one: "Field[Any]") -> str:
    return one.name if is_required(one) else f"{one.name}=_{one.name}"


def is_required(one: "Field[Any]") -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def default(one: "Field[Any]") -> object:
    """Made once: what is frozen may share it."""
    return one.default if one.default_factory is MISSING else one.default_factory()
