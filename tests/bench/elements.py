"""What ten thousand published ports cost: one transaction, readings, one change, and nothing to do.

unshare -Urnm python tests/bench/elements.py [N]
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from reconciler.core.plan import Step, plan  # noqa: E402
from reconciler.core.resource import state  # noqa: E402
from reconciler.drivers.firewall.elements import skeleton  # noqa: E402
from reconciler.kernel import nft  # noqa: E402
from reconciler.kernel.nft.write import execute  # noqa: E402
from reconciler.kinds.nft import Element  # noqa: E402

TABLE = "reconciler"


def element(n: int, port: int = 80) -> Element:
    return Element(
        family="inet",
        table=TABLE,
        map="publish4",
        item=f"tcp . {n}",
        value=f"10.1.{n >> 8}.{n & 255} . {port}",
    )


def cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def timed(what: str, work: Callable[[], object], times: int = 1) -> None:
    wall, used = [], []
    for _ in range(times):
        start, before = time.perf_counter(), cpu()
        work()
        wall.append(time.perf_counter() - start)
        used.append(cpu() - before)
    print(f"{what:40} {1000 * min(wall):8.2f} ms wall {1000 * min(used):8.2f} ms cpu")


def main(count: int) -> None:
    bare = list(state(*skeleton()).values())  # several rulesets share tables
    elements = [element(n) for n in range(1, count + 1)]
    wanted = state(*bare, *elements)
    timed("blockers, no foreign table", nft.blockers, 20)
    timed("skeleton, one transaction", lambda: execute([Step("+", r) for r in bare]))
    timed("read, rules unknown", lambda: nft.read(bare))
    timed("read the skeleton, rules cached", lambda: nft.read(bare), 10)
    timed(f"add {count}, one transaction", lambda: execute([Step("+", e) for e in elements]))
    timed(f"read {count}", lambda: nft.read(bare), 10)
    timed("read and plan, nothing to do", lambda: plan(state(*nft.read(bare)), wanted), 5)
    timed("change one", lambda: execute([Step("~", element(7, 81), element(7))]))
    timed(
        f"delete {count}, one transaction",
        lambda: execute([Step("-", e) for e in elements[:6] + elements[7:]]),
    )
    timed("delete the tables", lambda: execute([Step("-", r) for r in bare if r.noun == "table"]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
