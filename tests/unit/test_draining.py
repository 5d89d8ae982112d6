"""Who is to stop is led to no more before it is stopped, and whatever else is planned is done as well."""

import pytest

from reconciler.core.plan import plan
from reconciler.core.resource import state
from reconciler.draining import with_rest
from reconciler.drivers.firewall.shared import numbers
from reconciler.kinds.address import Address
from reconciler.kinds.balancer import Balancer
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.nft import Element
from reconciler.kinds.ownership import WHOLE
from reconciler.kinds.resolver import ZoneFile
from reconciler.kinds.workload import Workload

VIP, ENDS = "10.1.0.9", ["10.1.0.2", "10.1.0.3", "10.1.0.4"]
THIRD = WHOLE // 3


def share(number, first, last, *, by_client=False):
    item = f"tcp . 8080 . {numbers((first, last), by_client=by_client)}"
    value = f"{ENDS[number]} . 80"
    return Element(family="inet", table="reconciler", map="publish4_spread", item=item, value=value)


def replica(number):
    name = f"web-{number + 1}"
    yield Namespace(name=name, project="p")
    yield Address(ns=name, link="eth0", ip=ENDS[number], prefix=24)
    yield Workload(name=name, project="p", engine="oci", sandbox=name)


def served(*parts, by_client=False):
    yield Namespace(name="k", project="p")
    if parts:
        yield Balancer(ns="k", servers=((VIP, by_client, tuple(zip(ENDS, parts, strict=False))),))
    names = [f"{ip} tasks.web.p_n" for ip in ENDS[: len(parts)]]
    yield ZoneFile(network="p_n", project="p", lines=(f"{VIP} web.p_n", *names))
    for number in range(len(parts) or 1):
        yield from replica(number)


def carried_out(todo, live):
    """The states that its steps lead through."""
    now = dict(live)
    for step in todo:
        if step.op == "-":
            now = {key: r for key, r in now.items() if step.resource.key not in (key, *r.within)}
        else:
            now[step.resource.key] = step.resource
        yield step, now


@pytest.mark.parametrize("by_client", [False, True])
def test_one_of_three_goes(by_client):
    shares = [
        share(n, n * THIRD, (n + 1) * THIRD - 1 if n < 2 else WHOLE - 1, by_client=by_client)
        for n in range(3)
    ]
    halves = [share(n, n * WHOLE // 2, (n + 1) * WHOLE // 2 - 1, by_client=by_client) for n in range(2)]
    live = state(*served(THIRD, THIRD, THIRD + 1, by_client=by_client), *shares)
    desired = state(*served(WHOLE // 2, WHOLE // 2, by_client=by_client), *halves)
    steps = list(carried_out(with_rest(plan(live, desired), live, desired), live))
    stops = [step.op == "-" and step.resource.noun == "workload" for step, _ in steps]
    assert stops.count(True) == 1 and steps[-1][1] == desired
    before = steps[stops.index(True)][1]
    [server] = before["balancer k"].servers
    assert server == (VIP, by_client, tuple(zip(ENDS, (WHOLE // 2, WHOLE // 2, 0), strict=True)))
    found = [r for r in before.values() if isinstance(r, Element)]
    assert {r for r in found if r.value != f"{ENDS[2]} . 80"} == {*halves}
    assert [int(r.item.rpartition(" . ")[2], 16) >= 2 * WHOLE for r in found if r not in halves] == [True]
    assert not any(ENDS[2] in line for line in before["names p_n/p"].lines)


def test_who_goes_with_the_last_goes_as_it_was():
    live = state(*served(THIRD, THIRD, THIRD + 1))
    todo = plan(live, {})
    assert with_rest(todo, live, {}) == todo
    alone = state(*served())
    steps = list(carried_out(with_rest(plan(live, alone), live, alone), live))
    now = next(now for step, now in steps if step.resource.key == "balancer k")
    assert now["balancer k"].servers[0][2][0] == (ENDS[0], WHOLE) and steps[-1][1] == alone


@pytest.mark.parametrize("item", ["tcp . 8080 . *", "tcp . 8080 . 7", "tcp", "tcp . 8080 . 0x0-x"])
def test_what_somebody_else_put_among_the_shares_is_left_as_it_is(item):
    foreign = Element(
        family="inet", table="reconciler", map="publish4_spread", item=item, value=f"{ENDS[2]} . 80"
    )
    live = state(*served(THIRD, THIRD, THIRD + 1), foreign)
    desired = state(*served(WHOLE // 2, WHOLE // 2))
    steps = list(carried_out(with_rest(plan(live, desired), live, desired), live))
    assert steps[-1][1] == desired
