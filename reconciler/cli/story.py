"""A plan in the words of who wrote the manifest: a line for each container, network and port, by project."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from ipaddress import ip_network
from typing import NamedTuple

from ..core.plan import Step
from ..core.render import COLOURS, number, place
from ..core.resource import DISRUPTIONS, Disruption, Resource
from ..core.subject import CONTAINER, FIREWALL, KINDS, NAMES, NETWORK, PORT, SERVICES, SETTINGS, Subject
from ..inventory.subjects import Subjects
from ..kinds.address import Address
from ..kinds.balancer import Balancer
from ..kinds.link import Veth
from ..kinds.nft import PROJECTS, Element, Table
from ..pipeline import Change
from .wording import CONSEQUENT, MOST, Wording, beside

EVERYBODY = "host"  # the project of what all share, and the place that is no sandbox
AS_A_WHOLE = (FIREWALL, NAMES, SERVICES, SETTINGS)
ORDER = ("-", "-/+", "~", "+")
COUNTED = {"+": "to create", "~": "to change", "-/+": "to make anew", "-": "to remove"}
DONE = {"+": "created", "~": "changed", "-/+": "made anew", "-": "removed"}


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
        return words + f"   [{self.cost}]" * (self.cost != "none") + self.place


class Story:
    def __init__(self, change: Change):
        self.todo, self.subjects = change.todo, Subjects(change.live, change.desired)
        self.states = change.live, change.desired
        self.groups: dict[Subject, list[Step]] = {}
        for step in change.todo:
            self.groups.setdefault(self.subjects.of(step.resource), []).append(step)
        created = {step.resource.key for step in change.todo if step.op == "+" and step.old is None}
        self.wording = Wording(self.subjects, created)

    @cached_property
    def lines(self) -> list[Becoming]:
        """By project, what costs most first."""
        found = (self.line(subject, steps) for subject, steps in self.groups.items())
        return sorted(
            found, key=lambda one: (one.subject.project == EVERYBODY, one.subject.project, rank(one))
        )

    def text(self, *, colour: bool = False) -> str:
        """A line each below the name of its project."""
        rows, project = [], ""
        for line in self.lines:
            if line.subject.project != project:
                project = line.subject.project
                rows.append(f"{project}:")
            rows.append(painted(line, colour=colour))
        return "".join(f"{row}\n" for row in rows)

    def summary(self, seconds: float | None = None) -> str:
        """The last line of a plan, or of what was done in so many seconds."""
        if not self.todo:
            return "Nothing to do."
        traffic = f"running traffic: {self.todo.disruption}"
        if seconds is not None:
            return f"{counted(self.lines, DONE)} in {seconds:.2f} s; {traffic}"
        return f"{counted(self.lines, COUNTED)}; {traffic}; plan {self.todo.digest}"

    def line(self, subject: Subject, steps: Sequence[Step]) -> Becoming:
        op = self.operation(subject, steps)
        cost = max((step.disruption for step in steps), key=DISRUPTIONS.index) if op != "+" else "none"
        where = next((told for step in defining_first(subject, steps) if (told := place(step.resource))), "")
        parts = filter(None, (self.detail(subject, op, steps), elements(subject, op, steps)))
        return Becoming(op, subject, "   ".join(parts), cost, where)

    def operation(self, subject: Subject, steps: Sequence[Step]) -> str:
        """What becomes of it as a whole; what a project has one of comes and goes with it."""
        ops = {step.op for step in defining(subject, steps)}
        if subject.kind in AS_A_WHOLE:
            whole = ops.pop() if len(ops) == 1 else "~"
            return whole if whole == self.coming(subject.project) else "~"
        if subject.kind == PORT and any(self.stands_beside(step.resource) for step in steps):
            return "~"
        if {"+", "-"} <= ops or any(step.op == "+" and step.old for step in defining(subject, steps)):
            return "-/+" if subject.kind in (CONTAINER, NETWORK) else "~"
        return ops.pop() if len(ops) == 1 else "~"

    def stands_beside(self, r: Resource) -> bool:
        """Whether the same port is, and stays, published in the other family."""
        key = beside(r) if isinstance(r, Element) else ""
        return key in self.states[0] and key in self.states[1]

    def coming(self, project: str) -> str:
        """Whether it comes or goes, and all with it; "" where it stays."""
        return self.comings.get(project) or self.comings.get(EVERYBODY, "")

    @cached_property
    def comings(self) -> dict[str, str]:
        """By project, those that do; what all share goes with the last, and its elements with their table."""
        found: dict[str, str] = {}
        for op, r in ((step.op, step.resource) for step in self.todo if step.op != "~"):
            if isinstance(r, Table):
                found[EVERYBODY] = op
            elif isinstance(r, Element) and r.map == PROJECTS:
                found[r.declared_by] = op
        return found

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
        networks = sorted(self.subjects.places.links.get(name, ("", name))[1] for name in bridges)
        return " ".join(given) + f" on {', '.join(networks)}" * bool(networks)


def led(steps: Sequence[Step]) -> str:
    """Which virtual addresses lead somewhere else, and for how many."""
    found = [step.resource for step in steps if isinstance(step.resource, Balancer)]
    ips = [*dict.fromkeys(ip for one in found for ip, *_ in one.servers)]
    more = f" and {len(ips) - MOST} more" * (len(ips) > MOST)
    return f"{', '.join(ips[:MOST])}{more} from {number(len(found), 'container')}"


def rank(line: Becoming) -> tuple[int, int, int, str]:
    """What costs most, and what is lost."""
    cost = -DISRUPTIONS.index(line.cost)
    return cost, ORDER.index(line.op), KINDS.index(line.subject.kind), line.subject.name


def defining(subject: Subject, steps: Iterable[Step]) -> Iterator[Step]:
    """Those that make it what it is; what has no one such thing is what all of them are together."""
    return (s for s in steps if s.resource.whole or subject.kind not in (CONTAINER, NETWORK))


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


def counted(lines: Iterable[Becoming], words: dict[str, str]) -> str:
    """`2 containers, 1 network to create, 1 container to change`."""
    counts = Counter((line.op, line.subject.kind) for line in lines)
    told = []
    for op in reversed(ORDER):
        kinds = [kind_words(kind, counts[op, kind]) for kind in KINDS if counts[op, kind]]
        told += [f"{', '.join(kinds)} {words[op]}"] if kinds else []
    return "; ".join(told)


def kind_words(kind: str, many: int) -> str:
    return number(many, kind) if kind in (CONTAINER, NETWORK, PORT) else kind
