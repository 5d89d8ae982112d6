"""The mistakes that people make, and what they are told: `mistakes.txt` has each manifest with its report, to
be read; `--update-golden` rewrites the reports."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from reconciler.errors import ManifestErrors
from reconciler.manifest.yaml.report import report
from reconciler.pipeline import decide_everywhere, load

TABLE = Path(__file__).with_suffix("").with_name("mistakes.txt")
HEAD, TOLD = "=== ", "...\n"  # begin a mistake, and its report: YAML's end of a document


class Mistake(NamedTuple):
    """A manifest with one thing wrong in it."""

    title: str
    manifest: str
    told: str

    def __str__(self) -> str:
        return f"{HEAD}{self.title}\n{self.manifest}{TOLD}{self.told}"


def table() -> Iterator[Mistake]:
    for part in re.split(f"^{HEAD}", TABLE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        manifest, _, told = rest.partition(TOLD)
        yield Mistake(title, manifest, told)


MISTAKES = list(table())


@pytest.fixture
def errors(tmp_path, monkeypatch):
    """A function from a manifest to what is wrong with it."""
    monkeypatch.chdir(tmp_path)

    def wrong(manifest: str) -> ManifestErrors:
        Path("shop.yaml").write_text(manifest)
        with pytest.raises(ManifestErrors) as caught:
            decide_everywhere(load(["shop.yaml"], environ={}))
        return caught.value

    return wrong


def test_they_are_told_so(errors, update_golden):
    told = [one._replace(told=report(errors(one.manifest)) + "\n\n") for one in MISTAKES]
    if update_golden:
        TABLE.write_text("".join(map(str, told)))
    assert update_golden or told == MISTAKES


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.title)
def test_each_is_one_with_a_place_and_a_hint(mistake, errors):
    (error,) = errors(mistake.manifest).errors
    assert error.where.file == "shop.yaml" and error.where.line and error.where.column
    assert error.hint


def test_there_are_enough_of_them():
    assert len(MISTAKES) >= 49 and len({one.title for one in MISTAKES}) == len(MISTAKES)
