"""The machines of tests/netns, under a kernel that has everything."""

from pathlib import Path

import pytest

from tests.netns.conftest import lab, privileged

__all__ = ["lab", "privileged"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.vm)
