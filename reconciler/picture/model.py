"""What is drawn, whatever it is drawn with."""

from collections import Counter
from typing import NamedTuple

from ..values import value

EGRESS, INGRESS = "egress", "ingress"
ADDED, CHANGED, REPLACED, REMOVED = "+", "~", "-/+", "-"


class Alteration(NamedTuple):
    """What a plan does to something: one of the four above, "" for nothing, and what that cuts."""

    op: str = ""
    cost: str = "none"
    detail: str = ""

    @property
    def cuts(self) -> str:
        return f"cuts: {self.cost}" if self.cost != "none" else ""


UNALTERED = Alteration()


def signed(op: str) -> str:
    """With a minus as wide as the plus."""
    return op.replace("-", "−")


class Stop(NamedTuple):
    """A container's place on a network."""

    network: str
    link: str = ""
    addresses: tuple[str, ...] = ()
    op: str = ""


class PortLabel(NamedTuple):
    """A published port: where on the host, and where it leads."""

    door: str  # 8080/tcp
    target: str
    network: str  # of the address that it leads to
    op: str = ""

    @property
    def text(self) -> str:
        return f"{signed(self.op)}{self.door} → {self.target}"


class Allowance(NamedTuple):
    """Whom a container may reach (`egress`), or who may reach it, at what ports: "" is all."""

    way: str
    peer: str
    what: str = ""


@value
class Rail:
    """A network."""

    name: str
    project: str
    label: str = ""  # shorter, where its project need not be said
    driver: str = ""
    subnets: tuple[str, ...] = ()
    internal: bool = False
    where: str = ""  # file:line
    notes: tuple[str, ...] = ()
    alteration: Alteration = UNALTERED

    @property
    def op(self) -> str:
        return self.alteration.op


@value
class Lane:
    """A container, or several that are alike."""

    name: str
    project: str
    label: str = ""
    aside: str = ""  # said beside it, in small
    stops: tuple[Stop, ...] = ()
    ports: tuple[PortLabel, ...] = ()
    where: str = ""
    notes: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()  # by policies: `egress`, `ingress`
    allows: tuple[Allowance, ...] = ()
    alteration: Alteration = UNALTERED
    members: tuple["Lane", ...] = ()  # which it stands for, where these are several

    @property
    def op(self) -> str:
        return self.alteration.op

    @property
    def every(self) -> tuple["Lane", ...]:
        return self.members or (self,)

    @property
    def policed(self) -> str:
        """`egress 2 · ingress none`: in which directions policies bind it, and how many they let through."""
        counts = Counter(way for way, _ in {(one.way, one.peer) for one in self.allows})
        return " · ".join(f"{way} {counts[way] or 'none'}" for way in self.bound)

    @property
    def networks(self) -> tuple[tuple[str, str], ...]:
        return tuple((stop.network, stop.op) for stop in self.stops)


@value
class Picture:
    """`rails` from the left, `lanes` from the top; `counts` is the last line: words with operations."""

    title: str
    subtitle: str = ""
    rails: tuple[Rail, ...] = ()
    lanes: tuple[Lane, ...] = ()
    counts: tuple[tuple[str, str], ...] = ()

    @property
    def projects(self) -> tuple[str, ...]:
        """Those that lanes are of, as they come."""
        return tuple(dict.fromkeys(lane.project for lane in self.lanes))


def caption(one: Lane | Rail) -> str:
    """What is written into the box of one, where it has a box: a line each."""
    if isinstance(one, Rail):
        said = " ".join(("internal",) * one.internal + one.subnets[:1])
    else:
        said = one.aside or " ".join(ip for stop in one.stops for ip in stop.addresses[:1])
        said = "\n".join(filter(None, (said, one.policed)))
    name = f"{signed(one.op)} {one.label or one.name}".strip()
    return "\n".join(filter(None, (name, said, one.alteration.cuts)))
