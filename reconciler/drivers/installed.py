"""Drivers of packages that somebody installed: found by their entry points, and believed nothing.

Their faults are told as their own, and what is not of their network is refused.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, wraps
from importlib import invalidate_caches
from importlib.metadata import entry_points
from itertools import islice
from types import UnionType
from typing import ParamSpec, TypeVar

from ..cnm.carrier import Carrier
from ..cnm.driver import API, Driver, Joined, Socket, Wanted
from ..cnm.topology import Network, PerHostSubnets
from ..core.resource import Resource
from ..errors import NOWHERE, DriverFault, ManifestError, NoDriver, ReconcileError, Where, said
from ..inventory.facts import Facts
from ..manifest.options import Option
from .bounds import stranger

P = ParamSpec("P")
T = TypeVar("T")
Kind = type | UnionType  # of an answer
GROUP = "reconciler.drivers"
BLAME = "tell whoever wrote it"
ANSWERS: dict[str, Kind] = {"is_shared": object, "per_host": PerHostSubnets | None}
LISTS: dict[str, Kind] = {"sockets": Socket, "findings": ManifestError | str}
MOST = 1 << 18  # that one call may yield: one that never ends is a fault too


def names() -> set[str]:
    return {point.name for point in entry_points(group=GROUP)}


@cache
def installed(name: str) -> Driver:
    """The driver that a package has under this name.  Raises KeyError, or ManifestError."""
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise KeyError(name)
    packages = " and ".join(sorted(point.dist.name if point.dist else point.value for point in found))
    if len(found) > 1:
        raise NoDriver(f"driver `{name}` is in several packages", f"remove one: {packages}")
    try:
        invalidate_caches()  # a watcher may be older than the package
        made = found[0].load()
        driver = made() if isinstance(made, type) else made
        whole = is_driver(driver, name)
    except (Exception, SystemExit) as error:
        raise NoDriver(f"driver `{name}` of {packages} cannot be loaded: {said(error)}", BLAME) from error
    if not whole:
        hint = f"{found[0].value} is to be a reconciler.cnm.driver.Driver of that name"
        raise NoDriver(f"driver `{name}` of {packages} is none", hint)
    if driver.api != API:
        message = f"driver `{name}` of {packages} is written for API {driver.api}, and this is API {API}"
        raise NoDriver(message, f"install another version of {packages}, or of reconciler")
    return Watched(driver)


def is_driver(made: object, name: str) -> bool:
    """Whether it is one of this name, whose options and scope can be told of."""
    if not isinstance(made, Driver) or made.name != name or made.scope not in ("local", "swarm"):
        return False
    return isinstance(made.options, tuple) and all(isinstance(one, Option) for one in made.options)


class Watched(Driver):
    """An installed driver, of which every failure is told as its own and every answer is looked at."""

    def __init__(self, inner: Driver):
        self.name, self.scope, self.options = inner.name, inner.scope, inner.options
        self.configured, self.pools = bool(inner.configured), bool(inner.pools)
        for name, kind in ANSWERS.items():
            setattr(self, name, answering(inner.name, getattr(inner, name), kind))
        for name, kind in LISTS.items():
            setattr(self, name, listing(inner.name, getattr(inner, name), kind))
        self.decide = answering(inner.name, inner.carrier, Carrier | None)
        self.settle_all = listing(inner.name, inner.settle, Network)
        self.lower_all = listing(inner.name, self.bounded(inner.lower), Resource)

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier | None:
        found, project = self.decide(wanted, facts), wanted.project.name
        standing = (*facts.networks.values(), *facts.lans.values())
        owners = {one.bridge: one.project for one in standing if one.bridge}
        if found and (owner := owners.get(found.bridge, project)) != project:
            raise self.fault(f"the bridge {found.bridge}", wanted, f"it is project {owner}'s")
        return found

    def settle(self, networks: Sequence[Network], joined: Joined, facts: Facts) -> Sequence[Network]:
        found = self.settle_all(networks, joined, facts)
        if len(found) != len(networks):
            raise self.fault(f"{len(found)} networks of {len(networks)}", networks[0], "each is one still")
        for before, after in zip(networks, found, strict=True):
            if identity(before) != identity(after):
                raise self.fault(f"network {after.name}", before, "it may not become another")
        return found

    def lower(self, network: Network) -> Iterator[Resource]:
        return iter(self.lower_all(network))

    def bounded(
        self, lower: Callable[[Network], Iterable[Resource]]
    ) -> Callable[[Network], Iterable[Resource]]:
        """The same method, which yields nothing but what is the network's own."""

        @wraps(lower)
        def own(network: Network) -> Iterator[Resource]:
            for resource in lower(network):
                if reason := stranger(resource, network):
                    raise self.fault(resource.key, network, reason)
                yield resource

        return own

    def fault(self, what: str, network: Network | Wanted, reason: str) -> DriverFault:
        message = f"driver `{self.name}` wants {what} for network {network.name}: {reason}"
        return DriverFault(message, BLAME, network.spec.where)


def identity(network: Network) -> tuple[object, ...]:
    ends = tuple((end.sandbox, end.ifname, end.host_link) for end in network.endpoints)
    named = network.project, network.key, network.name, network.id
    return *named, network.spec, network.extent, network.bridge, ends


def answering(driver: str, method: Callable[P, T], kind: Kind) -> Callable[P, T]:
    """The same method, whose failures name the driver and the network that it was asked about."""

    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return of_kind(method(*args, **kwargs), kind)
        except ReconcileError:
            raise
        except (Exception, SystemExit) as error:
            network, where = subject(args)
            message = f"driver `{driver}` failed at `{method.__name__}` of {network}: {said(error)}"
            raise DriverFault(message, BLAME, where) from error

    return answer


def listing(driver: str, method: Callable[P, Iterable[T]], kind: Kind) -> Callable[P, list[T]]:
    """The same of a method that yields, which may fail at each."""

    @wraps(method)
    def every(*args: P.args, **kwargs: P.kwargs) -> list[T]:
        found = [of_kind(one, kind) for one in islice(method(*args, **kwargs), MOST + 1)]
        if len(found) > MOST:
            raise ValueError(f"it does not end with {MOST}")
        return found

    return answering(driver, every, list)


def of_kind(answer: T, kind: Kind) -> T:
    """Raises TypeError for what is not of this kind."""
    if not isinstance(answer, kind):
        raise TypeError(f"{type(answer).__name__} is no answer to it")
    return answer


def subject(args: Iterable[object]) -> tuple[str, Where]:
    """The network that a method was asked about."""
    for arg in args:
        if isinstance(arg, Wanted | Network):
            return f"network {arg.name}", arg.spec.where
    return "its networks", NOWHERE
