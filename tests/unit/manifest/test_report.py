"""Reports as golden texts: `errors/NAME.yaml`, and what is said of it; `--update-golden` rewrites them."""

from pathlib import Path

import pytest

from reconciler.errors import ManifestError, ManifestErrors, Where
from reconciler.manifest.yaml.report import as_json, from_disk, report
from reconciler.pipeline import decide_everywhere, load

FOLDER = Path(__file__).parent / "errors"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_golden(name, monkeypatch, update_golden):
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ManifestErrors) as caught:
        decide_everywhere(load([f"{name}.yaml"], environ={}))
    said = report(caught.value) + "\n"
    golden = FOLDER / f"{name}.txt"
    if update_golden:
        golden.write_text(said)
    assert golden.read_text() == said


def told(text, column, message="wrong"):
    return report(ManifestError(message, "do", Where("a.yaml", 1, column)), lambda file: text)


def test_the_caret_stands_under_the_token():
    assert told('key: "two words", x', 6).splitlines()[4] == "  |      ^^^^^^^^^^^"


def test_wide_characters_and_tabs_keep_the_caret_in_place():
    assert told("日本: x", 5).splitlines()[4] == "  |       ^"
    assert told("\tb: x", 5).splitlines()[3:5] == ["1 |  b: x", "  |     ^"]


def test_long_lines_are_cut_around_the_token():
    lines = told("a" * 5000 + " here " + "b" * 5000, 5002).splitlines()
    assert len(lines[3]) < 130 and lines[4].index("^") == lines[3].index("here")


def test_nothing_that_a_terminal_obeys():
    said = told("a: \x1b[2J\x9b", 4, "bad \x1b]0;x\x07 word")
    assert all(character.isprintable() or character == "\n" for character in said)


@pytest.mark.parametrize(
    "where", [Where("gone.yaml", 3, 1), Where("a.yaml"), Where("a.yaml", 99, 1), Where("")]
)
def test_without_source_the_place_alone(where):
    assert "^" not in report(ManifestError("wrong", where=where), lambda file: "one line")


def test_a_report_never_fails_over_a_file(tmp_path):
    assert (
        from_disk(str(tmp_path)) == "" and from_disk("\0") == "" and from_disk(str(tmp_path / "none")) == ""
    )


def test_of_many_mistakes_the_first_are_told_and_how_many_there_are():
    error = ManifestErrors(ManifestError("wrong", where=Where("a.yaml", n)) for n in range(1, 71))
    said = report(error, lambda file: "")
    assert said.count("error: wrong") == 50
    assert said.endswith("\n\nand 20 more errors: --validate -o json lists all")
    assert "more" not in report(ManifestErrors(error.errors[:50]), lambda file: "")


def test_errors_for_programs():
    label = (Where("b.yaml", 2, 3, "networks.b"), "and here")
    error = ManifestError("wrong", "do", Where("a.yaml", 1, 5, "networks.a"), label)
    assert as_json(error) == {
        "id": "R0100",
        "message": "wrong",
        "hint": "do",
        "file": "a.yaml",
        "line": 1,
        "column": 5,
        "path": "networks.a",
        "label": {"file": "b.yaml", "line": 2, "column": 3, "path": "networks.b", "message": "and here"},
    }
