"""Another host, of which nothing is known: what it would take to build it from nothing."""

import time
from collections.abc import Iterable, Sequence

from ..core.plan import Step
from ..core.reconcile import Refusals
from ..core.resource import Resource, State
from ..errors import Refused
from ..inventory.facts import HostFacts
from ..values import record


@record
class Elsewhere:
    """It stands empty, and nothing is done to it."""

    name: str

    def facts(self) -> HostFacts:
        return HostFacts(known=False, now=time.time, name=self.name)

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        return {}

    def execute(self, batch: Sequence[Step]) -> Refusals:
        raise Refused(f"{self.name} is another host", "apply it there")
