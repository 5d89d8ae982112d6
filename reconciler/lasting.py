"""A kernel with the host around it, as the straight line asks it."""

from collections.abc import Callable, Collection, Set
from typing import Protocol

from .core.reconcile import Kernel
from .inventory.facts import HostFacts


class Host(Kernel, Protocol):
    """A kernel with the host around it."""

    def facts(self) -> HostFacts: ...


class LastingHost(Host, Protocol):
    """One that keeps what it has read, and can tell whether it is still so."""

    progress: Callable[[], None]  # called between the pieces of long work, with the thread on the host

    def aside(self) -> "LastingHost":
        """The same host to another reader, who knows its facts and disturbs no reading here."""

    def forget(self, places: frozenset[str] | None = None) -> None:
        """Whatever is asked next is read anew; with `places`, nothing has changed but there."""

    def transcribe(self) -> None:
        """From now on, remember where something is read and what it says."""

    def places_read(self) -> list[str]:
        """Where something was read since then; none where nothing can be told."""

    def moved(self, places: Collection[str]) -> frozenset[str] | None:
        """In which of these places something is no longer as it was read; None where that concerns all."""

    def links_stand(self, names: Set[str]) -> bool:
        """Whether these links of the host, and those that lead out of it, are what the facts last said."""

    def facts_stand(self) -> bool:
        """Whether the facts are what they were when they were last asked for."""
