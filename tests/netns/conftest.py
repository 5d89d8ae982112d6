"""Each test gets a host of its own; tests that only look share one host for each module and parameter."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.netns import forked
from tests.netns.lab import Lab
from tests.netns.namespaces import become_root, throwaway_host


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.netns)


@pytest.fixture(scope="session")
def privileged() -> None:
    """`./check` has made this process root of a throw-away host already; plain pytest does it here."""
    if "RECONCILER_THROWAWAY" not in os.environ:
        become_root()
        os.environ["RECONCILER_THROWAWAY"] = "1"
    forked.load()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many as this process may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def new_lab() -> Iterator[Lab]:
    with throwaway_host():
        lab = Lab()
        try:
            yield lab
        finally:
            lab.close()


@pytest.fixture
def lab(privileged: None) -> Iterator[Lab]:
    """A host for one test."""
    with new_lab() as made:
        yield made


@pytest.fixture(scope="module", params=["br_netfilter=1", "br_netfilter=0"])
def netfiltered(request: pytest.FixtureRequest, privileged: None) -> Iterator[Lab]:
    """A host for all tests of a module, once with bridged frames passing the inet hooks and once without."""
    with new_lab() as made:
        for name in ("iptables", "ip6tables"):
            try:
                made.sysctl(f"net/bridge/bridge-nf-call-{name}", value=request.param[-1])
            except FileNotFoundError:
                if request.param.endswith("1"):
                    pytest.skip("this kernel has no br_netfilter")
        yield made
