"""Who runs what, decided: what is not on this host holds up what is new, and heals nothing less."""

import pytest

from reconciler.cnm.build import build
from reconciler.drivers import DRIVERS, lower
from reconciler.errors import ManifestError, ManifestErrors
from reconciler.inventory.facts import Facts
from reconciler.kinds.maps import PROJECTS
from reconciler.kinds.nft import Element
from reconciler.kinds.workload import ENGINES, Workload
from reconciler.manifest.spec import Manifest
from reconciler.manifest.workload import RUNTIMES, DependencySpec, WorkloadSpec
from tests.unit.worlds import container, manifest, project

NO_PODMAN = {"podman": "apt install podman"}
STANDS = {("t-web", "br-t-default"): ("172.16.0.2",)}


def running(name: str, *after: str, **more: object):
    waits = tuple(DependencySpec(container=other) for other in after)
    spec = WorkloadSpec(command=("true",), depends_on=waits)
    return container(name, image="x", runtime="podman", workload=spec, **more)


def built(of: Manifest, **facts: object):
    return build(of, Facts(**facts), DRIVERS)


def test_engines_are_the_runtimes_that_run_something():
    assert RUNTIMES[1:] == ENGINES


def test_an_engine_that_is_not_here_is_a_mistake_for_what_is_new():
    with pytest.raises(ManifestError, match="no podman is on this host"):
        built(manifest(project("t", running("web"))), missing=NO_PODMAN)


def test_an_engine_that_has_gone_is_told_and_what_stands_is_wanted_as_before():
    topology = built(manifest(project("t", running("web"))), missing=NO_PODMAN, leases=STANDS)
    assert any("no podman is on this host, which is to run t-web" in words for words in topology.warnings)
    state = lower(topology)
    assert "namespace t-web" in state and not any(isinstance(r, Workload) for r in state.values())


def test_circles_of_all_projects_are_told_at_once():
    first, second = (running("a", "b"), running("b", "a")), (running("c", "c"),)
    with pytest.raises(ManifestErrors) as caught:
        built(manifest(project("t", *first), project("u", *second)))
    told = [one.message for one in caught.value.errors]
    assert told == ["a and b wait for one another", "c wait for one another"]


def test_a_project_without_a_network_bears_a_mark_too():
    for mode in ("host", "none"):
        state = lower(built(manifest(project("t", running("web", network_mode=mode)))))
        assert [r.project for r in state.values() if isinstance(r, Element) and r.map == PROJECTS] == ["t"]


def test_who_has_the_network_of_one_that_has_anothers_has_that():
    modes = {
        "j": "service:a",
        "k": "service:j",
        "h": "host",
        "i": "service:h",
        "c": "container:x",
        "d": "service:c",
    }
    specs = [running("a"), *(running(name, network_mode=mode) for name, mode in modes.items())]
    state = lower(built(manifest(project("t", *specs))))
    found = {r.name.removeprefix("t-"): r.sandbox for r in state.values() if isinstance(r, Workload)}
    assert found == {"a": "t-a", "j": "t-a", "k": "t-a", "h": "", "i": "", "c": "x", "d": "x"}
