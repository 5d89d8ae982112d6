"""Drivers of packages that somebody installed: found by their entry points, and believed nothing.

Their faults are told as their own, and what is not of their network is refused.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, wraps
from importlib.metadata import entry_points
from typing import ParamSpec, TypeVar

from ..cnm.carrier import Carrier
from ..cnm.driver import API, Driver, Wanted
from ..cnm.endpoint import Addresses, Attachments
from ..cnm.topology import Network
from ..core.resource import Resource
from ..errors import DriverFault, ManifestError, ReconcileError, Where, said
from ..inventory.facts import Facts
from ..manifest.spec import NOWHERE, ProjectSpec
from .bounds import stranger

P = ParamSpec("P")
T = TypeVar("T")
GROUP = "reconciler.drivers"
BLAME = "tell whoever wrote it"
ANSWERING = ("is_shared", "per_host", "requests", "refuse", "locks")
LISTING = ("sockets", "conflicts", "warnings")


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
        raise ManifestError(f"driver `{name}` is in several packages", f"remove one: {packages}")
    try:
        made = found[0].load()
        driver = made() if isinstance(made, type) else made
    except Exception as error:
        raise ManifestError(
            f"driver `{name}` of {packages} cannot be loaded: {said(error)}", BLAME
        ) from error
    if not isinstance(driver, Driver) or driver.name != name:
        hint = f"{found[0].value} is to be a reconciler.cnm.driver.Driver of that name"
        raise ManifestError(f"driver `{name}` of {packages} is none", hint)
    if driver.api != API:
        message = f"driver `{name}` of {packages} is written for API {driver.api}, and this is API {API}"
        raise ManifestError(message, f"install another version of {packages}, or of reconciler")
    return Watched(driver)


class Watched(Driver):
    """An installed driver, of which every failure is told as its own and every answer is looked at."""

    def __init__(self, inner: Driver):
        self.name, self.scope, self.options = inner.name, inner.scope, inner.options
        for name in ANSWERING:
            setattr(self, name, answering(inner.name, getattr(inner, name)))
        for name in LISTING:
            setattr(self, name, listing(inner.name, getattr(inner, name)))
        self.decide, self.lower_all = answering(inner.name, inner.carrier), listing(inner.name, inner.lower)
        self.settle_one = answering(inner.name, inner.settle)
        self.settle_all = listing(inner.name, inner.together)

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier | None:
        found, project = self.decide(wanted, facts), wanted.project.name
        standing = (*facts.networks.values(), *facts.lans.values())
        owners = {one.bridge: one.project for one in standing if one.bridge}
        if found and (owner := owners.get(found.bridge, project)) != project:
            raise self.fault(f"the bridge {found.bridge}", wanted, f"it is project {owner}'s")
        return found

    def settle(self, network: Network, attachments: Attachments, given: Addresses, facts: Facts) -> Network:
        return self.same(network, self.settle_one(network, attachments, given, facts))

    def together(
        self, projects: Sequence[ProjectSpec], networks: Sequence[Network], facts: Facts
    ) -> Sequence[Network]:
        found = self.settle_all(projects, networks, facts)
        if len(found) != len(networks):
            raise self.fault(f"{len(found)} networks of {len(networks)}", networks[0], "each is one still")
        return [self.same(*pair) for pair in zip(networks, found, strict=True)]

    def lower(self, network: Network) -> Iterator[Resource]:
        for resource in self.lower_all(network):
            if reason := stranger(resource, network):
                raise self.fault(resource.key, network, reason)
            yield resource

    def same(self, network: Network, found: Network) -> Network:
        """What was found, if it is the same network still."""
        if identity(found) != identity(network):
            raise self.fault(f"network {found.name}", network, "it may not become another")
        return found

    def fault(self, what: str, network: Network | Wanted, reason: str) -> DriverFault:
        message = f"driver `{self.name}` wants {what} for network {network.name}: {reason}"
        return DriverFault(message, BLAME, network.spec.where)


def identity(network: Network) -> tuple[object, ...]:
    return network.project, network.key, network.name, network.id, network.extent, len(network.endpoints)


def answering(driver: str, method: Callable[P, T]) -> Callable[P, T]:
    """The same method, whose failures name the driver and the network that it was asked about."""

    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except ReconcileError:
            raise
        except Exception as error:
            network, where = subject(args)
            message = f"driver `{driver}` failed at `{method.__name__}` of {network}: {said(error)}"
            raise DriverFault(message, BLAME, where) from error

    return answer


def listing(driver: str, method: Callable[P, Iterable[T]]) -> Callable[P, list[T]]:
    """The same of a method that yields, which may fail at each."""

    @wraps(method)
    def every(*args: P.args, **kwargs: P.kwargs) -> list[T]:
        return list(method(*args, **kwargs))

    return answering(driver, every)


def subject(args: Iterable[object]) -> tuple[str, Where]:
    """The network that a method was asked about."""
    for arg in args:
        if isinstance(arg, Wanted | Network):
            return f"network {arg.name}", arg.spec.where
    return "its networks", NOWHERE
