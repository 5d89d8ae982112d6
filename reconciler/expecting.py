"""What is wanted is as `expect:` says, or refused; the evaluator comes in where something is expected."""

from collections.abc import Mapping, Sequence

from .cnm.topology import Expected
from .core.resource import State
from .errors import ManifestErrors
from .inventory.facts import HostFacts
from .mistakes import Unmet


def unmet(expected: Sequence[Expected], state: State, facts: HostFacts) -> Mapping[Expected, Unmet]:
    """The sentences that are not so in this state, each with what makes it so."""
    if not expected:
        return {}
    from .evaluate.expected import Checking  # which no other run need pay for

    found = ((one, Checking(one, state, facts).mistake) for one in expected)
    return {one: mistake for one, mistake in found if mistake}


def refuse_unmet(expected: Sequence[Expected], state: State, facts: HostFacts) -> None:
    """Raise ManifestErrors with each sentence that is not so in this state."""
    if broken := unmet(expected, state, facts):
        raise ManifestErrors(broken.values())
