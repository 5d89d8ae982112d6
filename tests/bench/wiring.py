"""N sandboxes straight through the kernel package: what our own codec costs above the floor.

    python tests/bench/wiring.py N    in a throw-away namespace (see .ci/setup); prints one JSON line

No manifest, no firewall, no verification: `build` compares with floor.py's `wiring`, `read` with its `read`.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from reconciler.core.plan import plan  # noqa: E402
from reconciler.core.reconcile import apply  # noqa: E402
from reconciler.core.resource import Resource, state  # noqa: E402
from reconciler.kernel.linux import Linux  # noqa: E402
from reconciler.kinds.address import Address  # noqa: E402
from reconciler.kinds.link import Bridge, Veth  # noqa: E402
from reconciler.kinds.namespace import Namespace  # noqa: E402
from reconciler.kinds.ownership import HOST  # noqa: E402
from reconciler.kinds.route import Route  # noqa: E402

PORTS = 1000  # of a Linux bridge at most 1023


def network(bridge: int) -> Iterator[Resource]:
    name = f"bench{bridge}"
    yield Bridge(ns=HOST, name=name, project="bench", network=name, mac=f"02:00:00:00:ff:{bridge:02x}")
    yield Address(ns=HOST, link=name, ip=f"10.{bridge}.0.1", prefix=16)
    yield Address(ns=HOST, link=name, ip=f"fd99:{bridge:x}::1", prefix=64)


def sandbox(i: int) -> Iterator[Resource]:
    """Dual stack, as a container on one network has it."""
    bridge, end = i // PORTS + 1, i % PORTS
    ns, four, six = (
        f"bench-{i}",
        f"10.{bridge}.{end + 2 >> 8}.{end + 2 & 255}",
        f"fd99:{bridge:x}::{end + 2:x}",
    )
    mac = f"02:00:00:{bridge:02x}:{end >> 8:02x}:{end & 255:02x}"
    wire: dict[str, Any] = {"host_name": f"vb{i}", "bridge": f"bench{bridge}", "mac": mac}
    yield Namespace(name=ns, project="bench")
    yield Veth(ns=ns, name="eth0", project="bench", **wire)
    yield Address(ns=ns, link="eth0", ip=four, prefix=16)
    yield Address(ns=ns, link="eth0", ip=six, prefix=64)
    yield Route(ns=ns, dst="0.0.0.0/0", link="eth0", via=f"10.{bridge}.0.1")
    yield Route(ns=ns, dst="::/0", link="eth0", via=f"fd99:{bridge:x}::1")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and own processor time, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(count: int) -> None:
    desired = state(
        *(r for bridge in range(1, count // PORTS + 2) for r in network(bridge)),
        *(r for i in range(count) for r in sandbox(i)),
    )
    before = Linux().observe()
    todo = plan(before, desired)
    row = {"build": timed(lambda: apply(todo, Linux()))}
    live = Linux().observe()
    assert plan(live, desired) == (), str(plan(live, desired)[0])
    row["read"] = min(timed(lambda: Linux().observe()) for _ in range(3))
    reader = Linux()
    reader.observe()
    row["facts"] = min(timed(reader.facts) for _ in range(3))  # what they cost above an observation
    more = state(*desired.values(), *sandbox(count))
    row["one_more"] = timed(lambda: apply(plan(live, more), Linux()))
    gone = plan(Linux().observe(), before)
    row["destroy"] = timed(lambda: apply(gone, Linux()))
    assert Linux().observe() == before
    spans = {name: round(wall, 4) for name, (wall, _) in row.items()}
    print(json.dumps({"n": count} | spans | {f"cpu_{name}": round(cpu, 4) for name, (_, cpu) in row.items()}))


if __name__ == "__main__":
    os.makedirs("/run/netns", exist_ok=True)
    main(int(sys.argv[1]))
