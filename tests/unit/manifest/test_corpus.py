"""Real Compose files, as their authors wrote them."""

from pathlib import Path

import pytest

from reconciler.pipeline import load

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "awesome-compose"
FILES = sorted(CORPUS.glob("*/compose.y*ml"))
pytestmark = pytest.mark.skipif(not FILES, reason="the corpus is not here")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_an_unchanged_compose_file_is_a_manifest(file):
    (project,) = load([file], environ={}).projects
    assert project.containers and project.name == file.parent.name.lower()
