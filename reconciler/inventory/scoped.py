"""A kernel as far as somebody does something to it."""

from collections.abc import Iterable, Sequence, Set

from ..core.plan import Step
from ..core.reconcile import Kernel, Refusals
from ..core.resource import Key, Resource, State
from ..values import record
from .ownership import of_others


@record
class ScopedKernel:
    """What others have is not verified, restored or waited for, nor what drifts meanwhile of projects that a
    change leaves alone."""

    kernel: Kernel
    projects: frozenset[str]  # that it does something to
    theirs: Set[Key]
    known: Set[Key]  # all that stood, or is to stand

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        found = self.mine(self.kernel.observe(named, places))
        if found.keys() <= self.known:
            return found
        late = of_others(found, self.projects)  # of what came meanwhile
        return {key: r for key, r in found.items() if key in self.known or key not in late}

    def mine(self, state: State) -> State:
        return {key: r for key, r in state.items() if key not in self.theirs} if self.theirs else state

    def execute(self, batch: Sequence[Step]) -> Refusals:
        return self.kernel.execute(batch)
