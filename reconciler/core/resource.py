"""A resource is a frozen value with roles on its fields; everything else follows from them."""

from collections.abc import Callable, Mapping
from dataclasses import field, fields, replace
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar, dataclass_transform, overload

from ..errors import Where
from ..values import by_name, slotted
from .subject import CONTAINER, Part, Places

T = TypeVar("T")
Of = TypeVar("Of")
R = TypeVar("R", bound="Resource")
Identity = Annotated[T, "identity"]  # part of the key
Fixed = Annotated[T, "fixed"]  # the kernel cannot change it in place: replace
Odd = Annotated[T, "odd"]  # seldom so, and told only then
# What is not as it is by default somebody else has brought about: nobody asks for that, nor for its return.
Unasked = Annotated[T, "drift"]
Drift = Odd[Unasked[T]]  # which is told only then

Key = str  # "link host/br-front": what is printed is what is compared
Disruption = str
# In order of what it costs: nobody notices; single connections end, through what is changed; all that a
# container has by one of its links or addresses stall, or end with that; a container goes, with all it has.
DISRUPTIONS: tuple[Disruption, ...] = ("none", "flow", "link", "recreate")


class Origin(NamedTuple):
    """Why a resource is wanted: the place in the manifest and the driver that asked for it."""

    where: Where
    driver: str = ""


class Ownership(NamedTuple):
    """Whose things are, as far as the marks of a whole state tell."""

    places: Mapping[str, str]  # by the sandbox's name
    links: Mapping[str, str]  # by the name on the host; "" where no mark tells
    prefixes: Mapping[str, str]  # by what is routed to another host
    projects: frozenset[str]  # all that stand
    shared: str  # the project of what all share

    def of(self, place: str, link: str = "", project: str = "") -> str:
        """Of what stands in this place, on this link, and names this project."""
        if place:
            return self.places.get(place, self.shared)
        return self.links.get(link, project or self.shared)


class once(Generic[Of, T]):  # noqa: N801
    """As functools.cached_property, without the lock that it has until Python 3.12: half the time."""

    def __init__(self, of: Callable[[Of], T]):
        self.of, self.name, self.__doc__ = of, of.__name__, of.__doc__

    @overload
    def __get__(self, one: None, kind: type[Of]) -> "once[Of, T]": ...
    @overload
    def __get__(self, one: Of, kind: type[Of]) -> T: ...
    def __get__(self, one: Of | None, kind: type[Of]) -> "once[Of, T] | T":
        if one is None:
            return self
        found = self.of(one)
        object.__setattr__(one, self.name, found)  # from here on it is found before this is
        return found


class Stage:
    """When in an apply a kind is built; torn down in the opposite order.  The host fails closed."""

    # ENDS is what is on the host's ends of pairs, ATTACHING what others' programs do to sandboxes that stand;
    # what runs in a sandbox comes when all else stands.
    FIREWALL, WIRING, ENDS, ATTACHING, OPENING, RUNNING = range(6)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def kind(of: type[T]) -> type[T]:
    """The class as one of resources."""
    return slotted(of)


@kind
class Resource:
    """One thing the kernel holds: equal values mean there is nothing to do.

    A kind is a subclass that states, as class variables, `noun` (the first word of its key), `stage`
    and `rank` (when it is built, relative to others of its place), and, as roles on its fields, what
    is its identity and what the kernel cannot change in place.  `within` and `refers` must point to
    what is built earlier.
    """

    noun: ClassVar[str]
    stage: ClassVar[int] = Stage.WIRING
    rank: ClassVar[int] = 0
    prompt: ClassVar[bool] = True  # deleting it deletes its contents at once; a namespace does so later
    lasting: ClassVar[bool] = False  # its loss cannot be undone: deleted when all else has succeeded
    marked: ClassVar[bool] = True  # ours can be told from others'; what cannot is set, never pruned
    leftover: ClassVar[bool] = False  # nothing declares it: removed for good, and never put back
    closed: ClassVar[bool] = False  # nothing is done in its place
    alone: ClassVar[bool] = False  # what goes wrong in its place returns nothing else
    whole: ClassVar[bool] = False  # what it is part of comes and goes with it
    loss: ClassVar[Disruption] = "link"  # what deleting one mostly costs running traffic

    key: Key = field(init=False, compare=False, repr=False)  # what it is found by, and printed as
    origin: Origin | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        key = f"{self.noun} {'/'.join(roles(type(self)).identity(self))}"
        object.__setattr__(self, "key", key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key}, {self.values()})"

    @classmethod
    def at(cls, *path: str) -> Key:
        return f"{cls.noun} {'/'.join(path)}"

    def turned(self, kind: type[R], **changes: object) -> R:
        """As one of another kind with the same fields, but for these."""
        return kind(**by_name(self) | changes)

    @property
    def place(self) -> str:
        """The sandbox it stands in, or "" for the host: what stands in one place is built together."""
        return ""

    @property
    def within(self) -> tuple[Key, ...]:
        """Deleting any of these deletes this (on delete cascade)."""
        return ()

    @property
    def refers(self) -> tuple[Key, ...]:
        """Deleting any of these detaches this (on delete set null)."""
        return ()

    @property
    def ends(self) -> tuple[Key, ...]:
        """What is no resource of its own and goes with it: others may be within it."""
        return ()

    @property
    def homes(self) -> tuple[Key, ...]:
        """What it is counted under when that is new as well, outermost first."""
        return self.within

    @property
    def detail(self) -> str:
        """What a plan's line tells behind the key of something new."""
        return ""

    @property
    def body(self) -> str:
        """A text of several lines that is to be reviewed with a plan."""
        return ""

    @property
    def where(self) -> Where | None:
        """Its place in the manifest, where that is known."""
        return self.origin.where if self.origin else None

    @property
    def order(self) -> tuple[int, str, int, Key]:
        return self.stage, self.place, self.rank, self.key

    @property
    def on_links(self) -> tuple[str, ...]:
        """The names of the host's links that it is one of, or stands on."""
        return ()

    def owner(self, known: Ownership) -> str:
        """The project that it is of; "" where no mark tells."""
        return known.of(self.place)

    def part_of(self, known: Places) -> Part:
        """What a person calls what it is part of."""
        return (CONTAINER, self.place) if self.place else known.by_link(*self.on_links)

    def replaces(self, old: "Resource") -> bool:
        fixed = roles(type(self)).fixed
        return type(self) is not type(old) or fixed(self) != fixed(old)

    @property
    def toll(self) -> Disruption:
        """What deleting this one costs running traffic."""
        return self.loss

    def cost(self, old: "Resource | None") -> Disruption:
        """What becoming this costs running traffic; `old` is None for a creation."""
        return "none"

    def outcome(self, now: "Resource | None") -> str:
        """What has become of it, where it was made and is not as it should be; "" says that its key tells."""
        return ""

    def values(self) -> dict[str, Any]:
        """Every field but the origin, by name: what JSON and the digest are made of."""
        names, odd = roles(type(self)).names, roles(type(self)).odd
        return {name: value for name in names if (value := getattr(self, name)) or name not in odd}

    @property
    def mended(self) -> "Resource":
        """As somebody may ask for it."""
        drift = roles(type(self)).drift
        usual: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in drift}
        return replace(self, **usual) if drift else self

    def commands(self, old: "Resource | None") -> list[str]:
        """The `ip` or `nft` commands that would bring this about, for people (`-o shell`)."""
        return []

    def removal(self) -> list[str]:
        """The commands that would remove it."""
        return []


State = Mapping[Key, Resource]  # desired and live are one type; only their reader differs


class Roles(NamedTuple):
    """What the annotations of a kind's fields say, as ready-made getters."""

    identity: Callable[[Resource], tuple[str, ...]]
    fixed: Callable[[Resource], tuple[Any, ...]]
    names: tuple[str, ...]
    keys: tuple[str, ...]  # the names of those that are its identity
    odd: tuple[str, ...]
    drift: tuple[str, ...]


class Kinds(dict[type[Resource], Roles]):
    """Each kind's annotations are read once."""

    def __missing__(self, kind: type[Resource]) -> Roles:
        def tagged(tag: str) -> tuple[str, ...]:
            return tuple(f.name for f in fields(kind) if tag in getattr(f.type, "__metadata__", ()))

        def getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
            if len(names) > 1:
                return attrgetter(*names)
            return lambda resource: tuple(getattr(resource, name) for name in names)

        keys, names = tagged("identity"), tuple(f.name for f in fields(kind) if f.compare)
        odd, drift = tagged("odd"), tagged("drift")
        return self.setdefault(kind, Roles(getter(keys), getter(tagged("fixed")), names, keys, odd, drift))


roles = Kinds().__getitem__


def state(*resources: Resource) -> State:
    return {r.key: r for r in resources}


def laid(base: State, top: State) -> State:
    """The second on top of the first; no copy where one says all, since a whole host is much."""
    return {**base, **top} if base and top else base or top
