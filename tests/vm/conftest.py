"""The machine of tests/netns under a kernel that has everything.

Emulated, a process that imports us takes half a minute: the command runs in this one."""

import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.arguments import main
from tests.netns.conftest import privileged
from tests.netns.lab import Lab, Result
from tests.netns.namespaces import throwaway_host

__all__ = ["lab", "privileged"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.vm)


class SameProcess(Lab):
    """A host whose `reconcile` is a call."""

    def reconcile(self, *arguments: object, **_: Any) -> Result:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            rc = main([str(word) for word in arguments])
        return Result(rc, out.getvalue(), err.getvalue())


@pytest.fixture
def lab(privileged: None) -> Iterator[Lab]:
    with throwaway_host():
        made = SameProcess()
        try:
            yield made
        finally:
            made.close()
