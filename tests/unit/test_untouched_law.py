"""No step for what did not change: what stands keeps subnet, addresses and ports, whoever comes or goes."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.inventory import ownership
from reconciler.kinds.ownership import SHARED
from reconciler.manifest.spec import NetworkSpec, PoolSpec
from reconciler.pipeline import compare, enact
from tests.unit.test_repair import Host
from tests.unit.worlds import container, manifest, port, project

# Few subnets, addresses and host ports, so that names hash to one place again and again.
POOL, NARROW = PoolSpec(base="10.0.0.0/24", size=28), (8000, 8011)
NAMES = [first + second for first in ("api", "blog", "shop", "wiki") for second in ("", "-a", "-b", "2")]


def shop(name: str, boxes: int):
    ports = (replace(port(80), published=NARROW),)
    found = [container(f"c{n}", ports=ports if n == 0 else ()) for n in range(boxes)]
    return project(name, NetworkSpec(name="default"), *found, pools=(POOL,))


@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(
    st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4), max_size=6), min_size=2, max_size=5)
)
def test_what_comes_and_goes_leaves_the_others_alone(revisions):
    host = Host()
    for before, now in pairwise([{}, *revisions]):
        wanted = manifest(*(shop(name, boxes) for name, boxes in sorted(now.items())))
        change = compare(replace(wanted, root="/etc/reconciler"), host)
        owners = [ownership.owners(state) for state in (change.live, change.desired)]
        moved = {name for name in before | now if before.get(name) != now.get(name)}
        for step in change.todo:
            home = change.live if step.resource.key in change.live else change.desired
            owner = owners[home is change.desired](home[step.resource.key])
            assert owner in moved | {SHARED}, (step, owner)
            # Of a project that has grown, what stood stands.
            if owner in before and before.get(owner, 0) < now.get(owner, 0):
                assert step.op == "+" or step.resource.noun in ("file", "names"), step
        enact(change, host)
