"""What keeps a container to a bandwidth, on the host, where nobody in there can undo it: a token
bucket on the host's end of its pair for what goes there, and another on a link that all is led through
that comes from there."""

from ..core.resource import Identity, Key, Origin, Ownership, Resource, Stage, kind
from ..core.subject import CONTAINER, Part, Places
from .link import AtLink, Link, unaddressed
from .ownership import HOST, alias

HANDLE = 0x7265  # of a queueing discipline of ours ("re"), and the preference of a filter
TICK, SECOND = 64, 10**9  # nanoseconds: Linux counts in those of 64 (PSCHED_SHIFT)
MOST_TICKS = (1 << 26) - 1  # that a burst may take: 4.29 s (tbf_change)
PATIENCE = 20  # parts of a second that something may wait
MOST_QUEUED = (1 << 32) - 1


@kind
class Ifb(Link):
    """A link that gives back to another what was led here from there, when its turn has come."""

    rank, loss = 5, "none"  # nothing is led there any more when it goes

    ns: Identity[str] = HOST
    project: str
    sandbox: str  # whose it is,
    end: str  # and what its link there is called

    @property
    def alias(self) -> str:
        return alias(self.project, self.sandbox, self.end)

    def owner(self, known: Ownership) -> str:
        return known.of("", self.name, self.project)

    def part_of(self, known: Places) -> Part:
        return CONTAINER, self.sandbox

    def commands(self, old: Resource | None) -> list[str]:
        made = [f"ip link add {self.name} type ifb", unaddressed(HOST, self.name)]
        return [*([] if old else made), f"ip link set dev {self.name} {self.settings}"]


@kind
class TokenBucket(AtLink):
    """The queueing discipline by which a link sends no faster than this.  It changes in place: what waits in
    it goes on waiting."""

    noun, stage, rank, loss = "qdisc", Stage.ENDS, 10, "none"

    rate: int  # bits a second
    burst: int  # bytes that go at once all the same
    queue: int  # bytes that may wait

    def commands(self, old: Resource | None) -> list[str]:
        settings = f"rate {self.rate}bit burst {self.burst}b limit {self.queue}b"
        return [f"tc qdisc replace dev {self.link} root handle {HANDLE:x}: tbf {settings}"]

    def removal(self) -> list[str]:
        return [f"tc qdisc del dev {self.link} root"]


@kind
class Redirect(AtLink):
    """All that comes in by a link goes through another one first; what that one drops is gone."""

    noun, stage, rank, loss = "redirect", Stage.ENDS, 11, "none"

    to: str  # "" where that is nowhere: nothing comes in

    @property
    def refers(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.to),) if self.to else ()

    def commands(self, old: Resource | None) -> list[str]:
        every = f"dev {self.link} parent ffff: protocol all prio {HANDLE} u32 match u32 0 0"
        stale = [] if old is None else [f"tc filter del dev {self.link} parent ffff: prio {HANDLE}"]
        made = f"tc filter add {every} action mirred egress redirect dev {self.to}"
        return [f"tc qdisc replace dev {self.link} ingress", *stale, made]

    def removal(self) -> list[str]:
        return [f"tc qdisc del dev {self.link} ingress"]


def token_bucket(link: str, rate: int, burst: int, origin: Origin | None = None) -> TokenBucket:
    """As Linux keeps it: in whole bytes a second, and a burst as the time that it takes, in ticks."""
    rate = rate // 8 * 8
    burst = burst_of(rate, ticks(rate, burst))
    queue = min(rate // 8 // PATIENCE + burst, MOST_QUEUED)
    return TokenBucket(link=link, rate=rate, burst=burst, queue=queue, origin=origin)


def ticks(rate: int, burst: int) -> int:
    return max(1, min(burst * 8 * SECOND // (rate * TICK), MOST_TICKS))


def burst_of(rate: int, ticks: int) -> int:
    """The fewest bytes that take so long."""
    return -(-ticks * TICK * rate // (8 * SECOND))
