"""The table of kinds: what the executor, the snapshot and the fake kernel loop over."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Set
from dataclasses import dataclass
from errno import ENOENT
from socket import socket
from typing import Any, Generic, TypeVar

from ...core.plan import Step
from ...core.resource import Key, Resource
from ...kinds.ownership import HOST
from ..apply.batch import Batch, HostEnd, Requests
from ..netlink.links import Seen
from ..observe.readings import Readings, View, remembered

__all__ = [  # what a kind is written in
    "KINDS", "Batch", "Held", "Key", "Kind", "Live", "Readings", "Requests", "Resource", "Seen", "Step",
    "View", "register", "remembered",
]  # fmt: skip

R = TypeVar("R", bound=Resource)
Held = Mapping[Key, Resource]
Live = MutableMapping[Key, Resource]


def nothing(*_: object) -> tuple[()]:
    return ()


@dataclass(kw_only=True, eq=False, repr=False)  # which takes a third of the time to import
class Kind(Generic[R]):
    """All that the kernel package knows of one kind: how it is made, read and imitated.

    Made: `put` creates or changes it, `remove` takes it away; both add messages to the requests of its place,
    or act at once.  Read: `dump` asks for bytes while we are in a namespace, and `decode` yields what is ours
    among them, in normal form; a kind of link has `decode_link` instead, for what the kernel calls
    `link_kind`.  Imitated by the fake kernel: `missing` is the errno for what a value needs and does not
    find, `cascade` takes along what goes with it.
    """

    of: type[R]

    put: Callable[[Requests, Step, R], object] = nothing
    remove: Callable[[Requests, Step, R], object] = nothing
    at_once: bool = False  # they act by other means than messages: all that was asked for before comes first
    enters: Callable[[Step], bool] = lambda _: True  # whether a step has to go into its sandbox
    apart: Callable[..., object] | None = None  # the reading that alone tells what they change in a sandbox
    from_outside: str = ""  # ops that are carried out where who is root in the sandbox has no say
    host_end: HostEnd | None = None  # what an end on the host is told when all places are done

    places: tuple[bool, bool] = (True, False)  # where it is read: on the host, in sandboxes
    dump: Callable[[View, socket], list[bytes]] = lambda *_: []
    decode: Callable[[Readings, str], Iterable[Resource]] = nothing
    link_kind: str = ""
    link_data: Callable[[R], bytes] = lambda _: b""  # what distinguishes a link of its kind
    decode_link: Callable[[Readings, str, Seen], Iterable[Resource]] = nothing
    shut: Callable[[Readings, str], Iterable[Resource]] = nothing  # of a sandbox that cannot be looked into
    asked: Callable[[Readings, Set[str]], Iterable[Resource]] = nothing  # in these places, as it was named
    in_the_way: Callable[[View, R], Iterable[Resource]] = nothing  # of one that is wanted in a sandbox
    refuse: Callable[[R], object] | None = None  # raises for one that is wanted, and does not stand

    missing: Callable[[R, Held], int] = lambda *_: 0
    absent: int = ENOENT  # the errno for changing or removing what is not there
    cascade: Callable[[R, Live], object] = nothing
    changed: Callable[[R, Live], object] = nothing  # what a change in place takes along
    needs: Callable[[R], Iterable[Key]] = nothing  # what must stand when a transaction ends
    unset: Callable[[R], R] | None = None  # as it reads where nobody has set it

    def stands(self, ns: str) -> bool:
        """Whether it is read there: on the host, or in a sandbox."""
        return self.places[ns != HOST]


class KindTable(dict[type[Resource], Kind[Any]]):
    """A kind is found by the class of its values; an heir that has no entry of its own has its parent's."""

    def __missing__(self, of: type[Resource]) -> Kind[Any]:
        return self.setdefault(of, next(self[parent] for parent in of.__mro__[1:] if parent in self))


KINDS = KindTable()


def register(kind: Kind[R]) -> None:
    KINDS[kind.of] = kind
