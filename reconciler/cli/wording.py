"""What becomes of one resource, in the words of who wrote the manifest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..core.plan import Step
from ..core.render import number, outermost
from ..core.resource import Key
from ..inventory.subjects import Subjects
from ..kinds.address import Address
from ..kinds.file import File
from ..kinds.link import Link, NetworkLink, Veth
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from ..kinds.route import Route
from ..kinds.rule import Rule
from ..kinds.sysctl import Sysctl

CONSEQUENT = ("went with ", "to be replaced", "detached from ")  # what follows from another step
MOST = 4  # changes of one container or network that are told one by one
DEFAULTS = {"0.0.0.0/0": "IPv4 default route", "::/0": "IPv6 default route"}
IPV6 = {"0": "IPv6 on", "1": "IPv6 off"}
NO_IPV6 = f"no {DEFAULTS['::/0']}"
INTERNAL = {"+": "internal", "-": "internal no more"}
LINK, ADDRESS, OTHER, WAY, MINOR = range(5)  # in the order in which changes are told
FIRST = " (the first by gw_priority, then by name)"  # of a container's networks


class Wording:
    """Of the steps of one plan, which creates these."""

    def __init__(self, subjects: Subjects, created: set[Key]):
        self.subjects, self.created = subjects, created

    def changes(self, steps: Sequence[Step]) -> str:
        """What becomes of something that stands: settings and files mostly follow from what else is told."""
        every = [*map(self.changed, steps), *((ADDRESS, words) for words in moved(steps))]
        found = sorted(every, key=lambda told: told[0])
        told = [*dict.fromkeys(words for rank, words in found if words and rank < MINOR)]
        told = [words for words in told if words != NO_IPV6 or IPV6["1"] not in told]
        told = told or [*dict.fromkeys(words for _, words in found if words)]
        more = [f"and {len(told) - MOST} more"] * (len(told) > MOST)
        return "; ".join([*told[:MOST], *more, *kept_apart(steps)])

    def changed(self, step: Step) -> tuple[int, str]:
        """What one step does to something that stands, and its rank; "" for what goes without saying."""
        r = step.resource
        if isinstance(r, Element):
            return OTHER, INTERNAL.get(step.op, "") * (r.map == "internal")
        if isinstance(r, Address | Rule) or outermost(step, self.created):
            return OTHER, ""
        if isinstance(r, Route):
            return WAY, self.way(step, r)
        if step.because.startswith(CONSEQUENT):
            return OTHER, ""
        if isinstance(r, File):
            return MINOR, r.path.rpartition("/")[2]
        if isinstance(r, Link):
            return LINK, self.link(step, r)
        if isinstance(r, Sysctl):
            return setting(step, r)
        what = r.key.replace(f" {r.place or HOST}/", " ", 1)
        return OTHER, f"{sign(step)}{what}" + f": {step.because}" * bool(step.because)

    def way(self, step: Step, route: Route) -> str:
        """A default route: by which network, and why it has moved there; others are how networks are made."""
        if route.dst not in DEFAULTS or not route.place or route.table != "main":
            return ""
        what, old = DEFAULTS[route.dst], step.before
        by = self.network(route.ns, route.link)
        if step.op == "-":
            return "" if step.because.startswith(CONSEQUENT) else f"no {what}"
        if not isinstance(old, Route):
            return f"{what} by {by}" * (step.op == "+" and step.old is None)
        if (was := self.network(old.ns, old.link, before=True)) == by:
            follows = step.because.startswith(CONSEQUENT) or old.src != route.src
            return "" if follows else f"{what}: {step.because}"
        stays = was == self.network(old.ns, old.link)
        return f"{what} by {by} instead of {was}" + FIRST * stays

    def link(self, step: Step, link: Link) -> str:
        """What changes of it, bridges by their networks; a network's own needs no name."""
        words = step.because
        if isinstance(link, Veth) and isinstance(step.before, Veth) and link.bridge != step.before.bridge:
            was, now = (
                self.subjects.network_of(name) or "none" for name in (step.before.bridge, link.bridge)
            )
            words = f"network {was} -> {now}"
        if isinstance(link, NetworkLink) and step.op == "~" and link.ns == HOST:
            return words
        place = f" on {self.network(link.ns, link.name)}" * (
            step.op == "+" and not words and bool(link.place)
        )
        return f"{sign(step)}{link.name}{place}" + f": {words}" * bool(words)

    def network(self, ns: str, link: str, *, before: bool = False) -> str:
        return self.subjects.network(ns, link, before=before) or link

    def target(self, steps: Iterable[Step]) -> str:
        """Where a port leads, and where it led."""
        limited, found = divided(steps)
        if not found:
            return limited
        ends = dict.fromkeys(self.end(step) for step, _ in found if step.op != "-")
        told = f"to {', '.join([*ends][:MOST])}" if ends else ""
        families = {r.flow.family for _, r in found if r.flow}
        if {step.op for step, _ in found} == {"-"}:
            return f"no more by IPv{families.pop()}" if len(families) == 1 else ""
        told += f" and {len(ends) - MOST} more" * (len(ends) > MOST)
        return f"{told}; {limited}" if told and limited else told or limited

    def end(self, step: Step) -> str:
        """`10.1.0.2 . 80` as the container that has it, and its port."""
        assert isinstance(step.resource, Element)
        ip, port = parts(step.resource.value)
        now = self.subjects.container(ip) + f" port {port}" * bool(port)
        if not isinstance(step.before, Element) or step.before.value == step.resource.value:
            return now
        old, old_port = parts(step.before.value)
        was = self.subjects.container(old) + f" port {old_port}" * bool(old_port)
        if was != now:
            return f"{now} instead of {was}"
        networks = self.subjects.network_at(ip), self.subjects.network_at(old, before=True)
        if networks[0] != networks[1]:
            return f"{now} by {networks[0]} instead of {networks[1]}, as its default route"
        return f"{now} at {ip} instead of {old}"


def divided(steps: Iterable[Step]) -> tuple[str, list[tuple[Step, Element]]]:
    """What becomes of a port's limits, in words, and the steps that are about where it leads."""
    every = [(step, step.resource) for step in steps if isinstance(step.resource, Element)]
    words = dict.fromkeys(limit_words(step, r) for step, r in every if r.limits)
    told = [one for one in words if one]
    more = [f"and {len(told) - MOST} more"] * (len(told) > MOST)
    return "; ".join([*told[:MOST], *more]), [(step, r) for step, r in every if not r.limits]


def limit_words(step: Step, r: Element) -> str:
    """`+from 192.0.2.0/24`, `rate over 5/second burst 5`."""
    limit = r.limits
    if limit and limit.source:
        by = f" by {limit.link}" * bool(limit.link)
        return f"{sign(step)}from {limit.source}{by}" if step.op != "~" else ""
    words = r.limit.removeprefix("limit ").removesuffix(" packets").replace("ct count", "connections")
    return f"no {words}" if step.op == "-" and words else words


def sign(step: Step) -> str:
    return step.op if step.op != "~" else ""


def parts(value: str) -> tuple[str, str]:
    ip, _, port = value.partition(" . ")
    return ip, port


def setting(step: Step, one: Sysctl) -> tuple[int, str]:
    if one.name.endswith("/disable_ipv6"):
        return OTHER, IPV6.get(one.value, "")
    words = step.because.removeprefix("value ") if step.old else one.value
    return MINOR, f"{one.name.replace('/', '.') if '.' not in one.name else one.name}: {words}"


def kept_apart(steps: Iterable[Step]) -> Iterator[str]:
    """How many routes and rules come and go by which networks are made, and kept from one another."""
    mine = (s for s in steps if isinstance(s.resource, Rule | Route) and not s.resource.place)
    counts = Counter((s.op, s.resource.noun) for s in mine if s.op != "~" and not s.because)
    yield from (f"{op}{number(n, noun)}" for (op, noun), n in sorted(counts.items()))


def moved(steps: Iterable[Step]) -> Iterator[str]:
    """The addresses that come in the stead of others."""
    found = [(step.op, step.resource.ip) for step in steps if isinstance(step.resource, Address)]
    for is_ipv6 in (False, True):
        mine = [(op, ip) for op, ip in found if (":" in ip) == is_ipv6 and not ip.startswith("fe80:")]
        old, new = ([ip for op, ip in mine if op == which] for which in "-+")
        if old and new:
            yield f"address {' '.join(old)} -> {' '.join(new)}"
        elif old or new:
            yield f"{'-' if old else '+'}address {' '.join(old or new)}"
