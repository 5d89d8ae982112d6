"""Options of the whole suite, and whoever shares the processors with nobody."""

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path

import pytest

from tests.thorough import THOROUGH, some

HERE = Path(__file__).parent
ON_A_KERNEL = ("netns", "faults")
MANY = 4  # cases of one test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden cases")
    parser.addoption("--few", action="store_true", help="of a test of a kernel with many cases, one in three")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--update-golden")


def alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that are long in waiting begin first, beside all others; those that run alone come last, when the
    others have no more to do."""
    if config.getoption("--few") and not THOROUGH:
        left_out = {*items}.difference(few(items))
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: (alone(item), item.get_closest_marker("long") is None))


def few(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    cases: dict[tuple[Path, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        cases[item.path, item.name.partition("[")[0]].append(item)
    for (path, _), each in cases.items():
        many = len(each) >= MANY and path.relative_to(HERE).parts[0] in ON_A_KERNEL
        yield from some(each, 3) if many else each


def pytest_configure() -> None:
    """To look for garbage at each 700 new things, as Python does, took a tenth of the time."""
    gc.set_threshold(10_000)


def pytest_collection_finish() -> None:
    """What there is by now stays, and none of it is looked at again."""
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with among_workers(alone(item)):
        yield


@contextmanager
def among_workers(alone: bool) -> Iterator[None]:
    """Inside with others, or alone; who waits for that stands in the door, and nobody comes in meanwhile."""
    with open(HERE / "README.md") as door, open(HERE / "conftest.py") as room:
        flock(door, LOCK_EX)
        flock(room, LOCK_EX if alone else LOCK_SH)
        flock(door, LOCK_UN)
        try:
            yield
        finally:
            flock(room, LOCK_UN)  # closed it would not be while a child has it too
