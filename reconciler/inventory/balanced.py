"""What stands of services: how their replicas do, and the addresses that all of them have together."""

from ..core.bykind import ByKind
from ..kinds.ownership import TASKS
from ..kinds.resolver import ZoneFile
from ..kinds.workload import RUNNING, Workload


def conditions(live: ByKind) -> dict[str, str]:
    """What has ended is that, however it did before."""
    return {r.name: r.health if r.state == RUNNING else r.state for r in live.of(Workload)}


def vips(live: ByKind) -> dict[tuple[str, str], tuple[str, ...]]:
    """What services are called by one address: who stands behind it is called `tasks.SERVICE` too."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    told = backends(live)
    for r in live.of(ZoneFile) if told else ():
        for ip, name, *_ in (line for line in map(str.split, r.lines) if len(line) > 1):
            service = name.removesuffix(f".{r.network.lower()}")
            at = r.network, f"{r.project}/{service}"
            if service != name and at in told:
                found[at] = (*found.get(at, ()), ip)
    return found


def backends(live: ByKind) -> dict[tuple[str, str], tuple[str, ...]]:
    """The replicas of services, less who takes nothing new."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for r in live.of(ZoneFile):
        for ip, *called in (line.split() for line in r.lines if TASKS in line):
            for name in (name for name in called if name.startswith(TASKS)):
                at = r.network, f"{r.project}/{name.removeprefix(TASKS)}"
                found[at] = (*found.get(at, ()), ip)
    return found
