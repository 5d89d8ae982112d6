"""Where replicas may stand, as it is written: values alone."""

from dataclasses import field

from ..errors import NOWHERE, Where
from ..values import value


@value
class ConstraintSpec:
    """One of `constraints:`; what it speaks of is node.hostname, node.ip or node.labels.NAME."""

    attribute: str
    equal: bool  # == or !=
    value: str
    where: Where = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.attribute} {'==' if self.equal else '!='} {self.value}"


@value
class PlacementSpec:
    """Where the replicas of a service may stand, in a project with `hosts:`."""

    everywhere: bool = False  # mode: global
    constraints: tuple[ConstraintSpec, ...] = ()
    spread: tuple[str, ...] = ()  # labels of hosts
    most: int = 0  # on one host; 0 is no limit
    where: Where = field(default=NOWHERE, compare=False)
