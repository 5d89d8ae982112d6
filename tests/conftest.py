"""Options of the whole suite, and whoever shares the processors with nobody."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden cases")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--update-golden")


def alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that are long in waiting begin first, beside all others; those that run alone come last, when the
    others have no more to do."""
    items.sort(key=lambda item: (alone(item), item.get_closest_marker("long") is None))


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
