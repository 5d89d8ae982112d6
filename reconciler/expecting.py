"""What is wanted is as `expect:` says, or refused; the evaluator comes in where something is expected."""

from .cnm.topology import Topology
from .core.resource import State
from .inventory.facts import HostFacts


def refuse_unexpected(topology: Topology, state: State, facts: HostFacts) -> None:
    """Raise ManifestErrors with each sentence that is not so in this state."""
    if topology.expected:
        from .evaluate.expected import refuse_unmet  # which no other run need pay for

        refuse_unmet(topology.expected, state, facts)
