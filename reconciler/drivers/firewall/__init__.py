"""The host's firewall and routing policy, for the networks of every driver."""

from ...core.resource import Origin
from ...kinds.nft import Chain
from ...kinds.ownership import TABLE_PREFIX

FIRST_LOOK = -300  # before conntrack, and all that others usually have


def filtering(hook: str, priority: int = FIRST_LOOK) -> str:
    """What a base chain says of itself."""
    return f"type filter hook {hook} priority {priority}; policy accept;"


def chain_of(project: str, name: str, hook: str, rules: tuple[str, ...], origin: Origin) -> Chain:
    """A chain of a driver's own in the project's table, which looks at packets first."""
    table, hook = TABLE_PREFIX + project, filtering(hook)
    return Chain(family="inet", table=table, name=name, hook=hook, rules=rules, origin=origin)
