"""Who waits for others comes behind them, and ends before them."""

from reconciler.core.plan import Step
from reconciler.kernel.workloads.execute import levels
from reconciler.kinds.workload import Workload


def step(name: str, *after: str) -> Step:
    waits = tuple((other, "service_started") for other in after)
    return Step("+", Workload(name=name, project="t", engine="podman", after=waits))


def named(steps: list[Step]) -> list[list[str]]:
    return [[one.resource.key.split()[1] for one in level] for level in levels(steps)]


def test_each_comes_behind_what_it_waits_for():
    assert named([step("web", "app"), step("app", "db"), step("db"), step("log")]) == [
        ["db", "log"],
        ["app"],
        ["web"],
    ]


def test_who_stands_already_is_waited_for_by_nobody():
    assert named([step("web", "elsewhere")]) == [["web"]]


def test_a_circle_that_others_have_made_ends():
    assert named([step("a", "b"), step("b", "a")]) == [["a", "b"]]
