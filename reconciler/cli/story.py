"""A plan in the words of who wrote the manifest: a line for each container, network and port, by project."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from ipaddress import ip_network
from typing import NamedTuple

from ..change import Change
from ..core.plan import Step
from ..core.render import COLOURS, number, place, priced
from ..core.resource import DISRUPTIONS, Disruption
from ..core.subject import CONTAINER, FIREWALL, KINDS, NAMES, NETWORK, PORT, SERVICES, Subject, as_counted
from ..inventory.summary import COUNTED, DONE, EVERYBODY, ORDER, Groups, counted, defining, in_words
from ..kinds.address import Address
from ..kinds.balancer import Balancer
from ..kinds.cni import CniAttachment
from ..kinds.link import NetworkLink, Veth
from ..kinds.nft import Element
from ..kinds.remote import RemoteEndpoint
from .wording import CONSEQUENT, MOST, Wording


class Becoming(NamedTuple):
    """What becomes of one of them."""

    op: str  # one of ORDER
    subject: Subject
    detail: str
    cost: Disruption
    place: str

    @property
    def text(self) -> str:
        _, kind, name = self.subject
        words = f"{self.op} {kind} {name}".rstrip() + f"   {self.detail}" * bool(self.detail)
        return words + priced(self.cost, self.place)


class Story:
    def __init__(self, change: Change):
        self.change, self.todo, self.groups = change, change.todo, Groups(change)
        created = {step.resource.key for step in change.todo if step.op == "+" and step.old is None}
        self.wording = Wording(self.groups.subjects, created)

    @cached_property
    def lines(self) -> list[Becoming]:
        """By project, what costs most first."""
        found = (self.line(subject, steps) for subject, steps in self.groups.steps.items())
        return sorted(
            found, key=lambda one: (one.subject.project == EVERYBODY, one.subject.project, rank(one))
        )

    @cached_property
    def reachable(self) -> list[str]:
        """What becomes reachable by it, and what no more."""
        if not self.todo:
            return []
        from .reachable import compared, lines  # which a plan that does nothing need not pay for

        return lines(compared(self.change, self.groups.subjects.states))

    def text(self, *, colour: bool = False) -> str:
        """A line each below the name of its project, and what becomes reachable by that."""
        rows, project = [], ""
        for line in self.lines:
            if line.subject.project != project:
                project = line.subject.project
                rows.append(f"{project}:")
            rows.append(painted(line, colour=colour))
        return "".join(f"{row}\n" for row in (*rows, *self.reachable))

    def summary(self, seconds: float | None = None) -> str:
        """The last line of a plan, or of what was done in so many seconds."""
        if seconds is None or not self.todo:
            return in_words(self.todo, self.counts(COUNTED))
        return f"{self.counts(DONE)} in {seconds:.2f} s; running traffic: {self.todo.disruption}"

    def counts(self, words: dict[str, str]) -> str:
        return counted(((line.op, line.subject.kind) for line in self.lines), words)

    def line(self, subject: Subject, steps: Sequence[Step]) -> Becoming:
        op = self.groups.operation(subject)
        cost = max((step.disruption for step in steps), key=DISRUPTIONS.index) if op != "+" else "none"
        where = next((told for step in defining_first(subject, steps) if (told := place(step.resource))), "")
        parts = filter(None, (self.detail(subject, op, steps), elements(subject, op, steps)))
        return Becoming(op, subject, "   ".join(parts), cost, where)

    def detail(self, subject: Subject, op: str, steps: Sequence[Step]) -> str:
        if op == "-":
            why = dict.fromkeys(
                s.because for s in steps if s.because and not s.because.startswith(CONSEQUENT)
            )
            return "; ".join(why)
        if subject.kind == NAMES or (subject.kind == FIREWALL and op == "+"):
            return ""
        if subject.kind == PORT:
            return self.wording.target(steps)
        if subject.kind == SERVICES:
            return led(steps)
        if op == "+" and subject.kind in (CONTAINER, NETWORK):
            return self.introduced(subject, steps)
        return self.wording.changes(steps)

    def introduced(self, subject: Subject, steps: Sequence[Step]) -> str:
        """Its addresses, and where it has them."""
        made = [step.resource for step in steps if step.op == "+"]
        addresses = [r for r in made if isinstance(r, Address) and not r.ip.startswith("fe80:")]
        told = [r.detail.strip(" ()") for r in made if r.detail and not isinstance(r, Element)]
        if subject.kind == NETWORK:
            subnets = (str(ip_network(f"{r.ip}/{r.prefix}", strict=False)) for r in addresses)
            return " ".join([*subnets, *told])
        given = [*(r.ip for r in addresses), *told]
        bridges = {r.bridge for r in made if isinstance(r, Veth)} - {""}
        networks = {self.groups.subjects.places.links.get(name, ("", name))[1] for name in bridges}
        networks |= {r.network for r in made if isinstance(r, NetworkLink | CniAttachment | RemoteEndpoint)}
        return " ".join(given) + f" on {', '.join(sorted(networks))}" * bool(networks)


def led(steps: Sequence[Step]) -> str:
    """Which virtual addresses lead somewhere else, and for how many."""
    found = [step.resource for step in steps if isinstance(step.resource, Balancer)]
    ips = [*dict.fromkeys(ip for one in found for ip, *_ in one.servers)]
    more = f" and {len(ips) - MOST} more" * (len(ips) > MOST)
    return f"{', '.join(ips[:MOST])}{more} from {number(len(found), 'container')}"


def rank(line: Becoming) -> tuple[int, int, int, tuple[str | int, ...]]:
    """What costs most, and what is lost."""
    cost = -DISRUPTIONS.index(line.cost)
    return cost, ORDER.index(line.op), KINDS.index(line.subject.kind), as_counted(line.subject.name)


def defining_first(subject: Subject, steps: Sequence[Step]) -> list[Step]:
    return [*defining(subject, steps), *steps]


def elements(subject: Subject, op: str, steps: Iterable[Step]) -> str:
    """How many entries of the firewall come, go or change."""
    if subject.kind == PORT or op == "-":
        return ""
    counts = Counter(step.op for step in steps if isinstance(step.resource, Element))
    signed = " ".join(f"{sign}{counts[sign]}" for sign in "+-~" if counts[sign])
    return f"({signed} firewall {'element' if counts.total() == 1 else 'elements'})" if signed else ""


def painted(line: Becoming, *, colour: bool) -> str:
    code = COLOURS[line.op[0]]
    return f"  \033[{code}m{line.text}\033[0m" if colour else f"  {line.text}"
