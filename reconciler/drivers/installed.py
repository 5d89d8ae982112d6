"""Drivers of packages that somebody installed: found by their entry points, and believed nothing.

Their faults are told as their own, and what is not of their network is refused.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, wraps
from importlib.metadata import entry_points
from typing import ParamSpec, TypeVar

from ..cnm.driver import API, Driver, Wanted
from ..cnm.topology import Network
from ..core.resource import Resource
from ..errors import DriverFault, ManifestError, ReconcileError, Where, said
from ..manifest.spec import NOWHERE
from .bounds import stranger

P = ParamSpec("P")
T = TypeVar("T")
GROUP = "reconciler.drivers"
BLAME = "tell whoever wrote it"
ANSWERING = ("carrier", "agreed", "per_host", "requests", "refuse", "settle", "together", "locks")
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
    """An installed driver, of which every failure is told as its own and every resource is looked at."""

    def __init__(self, inner: Driver):
        self.name, self.scope, self.options = inner.name, inner.scope, inner.options
        for name in ANSWERING:
            setattr(self, name, answering(inner.name, getattr(inner, name)))
        for name in LISTING:
            setattr(self, name, listing(inner.name, getattr(inner, name)))
        self.unbounded = listing(inner.name, inner.lower)

    def lower(self, network: Network) -> Iterator[Resource]:
        for resource in self.unbounded(network):
            if reason := stranger(resource, network):
                message = f"driver `{self.name}` wants {resource.key} for network {network.name}: {reason}"
                raise DriverFault(message, BLAME, network.spec.where)
            yield resource


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
