"""Frozen values with named fields: dataclasses whose methods are written when the first value is made.

`dataclass` writes and compiles five methods for each class that is imported: a quarter of a run that finds
nothing to do.  A run makes values of few of them, and one text for each class compiles twice as fast.
"""

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
SOURCE = """\
def __init__(self, *, {parameters}):
 {settings}
def __eq__(self, other):
 return ({mine}) == ({others}) if self.__class__ is other.__class__ else NotImplemented
def __hash__(self):
 return hash(({mine}))
"""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def value(of: type[T]) -> type[T]:
    """The class as a frozen dataclass, whose fields are given by name."""
    of.__doc__ = of.__doc__ or of.__name__  # else a dataclass makes one of the signature, for as long again
    for name, method in METHODS.items():
        if name != "__repr__" or of.__repr__ is object.__repr__:
            setattr(of, name, method)
    return dataclass(init=False, repr=False, eq=False, kw_only=True)(of)


def first(self: Any, **given: Any) -> None:
    """What makes the first value of a class."""
    write_methods(type(self))
    self.__init__(**given)


def fixed(self: object, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is what it is")


def shown(self: Any) -> str:
    told = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(told)})"


METHODS = {"__init__": first, "__setattr__": fixed, "__delattr__": fixed, "__repr__": shown}


def write_methods(of: type[Any]) -> None:
    known = {"_put": object.__setattr__, "MISSING": MISSING}
    known |= {f"_{one.name}": one.default if has_default(one) else one.default_factory for one in fields(of)}
    compared = [one.name for one in fields(of) if one.compare]
    source = SOURCE.format(
        parameters=", ".join(map(parameter, fields(of))),
        settings="; ".join(f"_put(self, {one.name!r}, {setting(one)})" for one in fields(of)),
        mine="".join(f"self.{name}, " for name in compared),
        others="".join(f"other.{name}, " for name in compared),
    )
    exec(source, known)
    for name in ("__init__", "__eq__", "__hash__"):
        setattr(of, name, known[name])


def has_default(one: "Field[Any]") -> bool:
    return one.default is not MISSING


def parameter(one: "Field[Any]") -> str:
    if has_default(one):
        return f"{one.name}=_{one.name}"
    return one.name if one.default_factory is MISSING else f"{one.name}=MISSING"


def setting(one: "Field[Any]") -> str:
    made = f"_{one.name}() if {one.name} is MISSING else {one.name}"
    return one.name if has_default(one) or one.default_factory is MISSING else made
