"""Real Compose files, as their authors wrote them."""

from pathlib import Path

import pytest

from reconciler.errors import ManifestErrors
from reconciler.pipeline import load

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "awesome-compose"
FILES = sorted(CORPUS.glob("*/compose.y*ml"))
pytestmark = pytest.mark.skipif(not FILES, reason="the corpus is not here")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_an_unchanged_compose_file_is_a_manifest(file):
    (project,) = load([file], environ={}).projects
    assert project.containers and project.name == file.parent.name.lower()


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_what_runs_is_read_or_lacks_a_file(file):
    """The files that these mount are not here; all else of them is understood."""
    try:
        (project,) = load([file], environ={"RECONCILE_RUNTIME": "podman"}).projects
        assert any(container.workload for container in project.containers)
    except ManifestErrors as error:
        assert all(one.message.endswith("does not exist") for one in error.errors)
