"""The documentation holds together: it leads somewhere, and leaves no error and no exit code out."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
import yaml

import reconciler
from reconciler.cli import paragraph
from reconciler.cli.arguments import main
from reconciler.errors import ManifestErrors, ReconcileError
from tests.docs import DOCS, LINK, ROOT, anchors, blocks, pages, written

LITERAL = {0, 2, 130}  # exit codes of no error


def errors(of: type[ReconcileError] = ReconcileError) -> Iterator[type[ReconcileError]]:
    """All classes of errors; one of many mistakes has the ids of these."""
    yield of
    for one in of.__subclasses__():
        if one.__module__.startswith("reconciler.") and one is not ManifestErrors:
            yield from errors(one)


@pytest.fixture(scope="module")
def known() -> list[type[ReconcileError]]:
    for module in walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return list(errors())


def test_every_error_has_an_id_of_its_own(known):
    ids = [error.id for error in known]
    assert len(ids) == len(set(ids))


def test_every_id_has_a_paragraph_and_the_reverse(known):
    assert {error.id for error in known} == set(paragraph.paragraphs())
    assert all(len(text.splitlines()) > 2 for text in paragraph.paragraphs().values())


def test_explain_prints_it(capsys):
    assert main(["--explain", "R0113"]) == 0
    assert capsys.readouterr().out.startswith(
        "R0113: The project stands from another folder\n\nA host remembers"
    )
    assert main(["--explain", "R9999"]) == 64


@pytest.mark.parametrize("slip", ["R999", "R0999", "r9999"])
def test_an_id_that_no_error_has(capsys, slip):
    assert main(["--explain", slip]) == 64
    assert capsys.readouterr().err.startswith(
        f"error: no error is called {slip}\n  hint: there are R0001 to "
    )


def test_an_error_tells_where_more_is_said_of_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("shop.yaml").write_text("services: {web: {prots: []}, db: {networks: [a]}}\n")
    assert main(["--validate", "shop.yaml"]) == 65
    assert capsys.readouterr().err.splitlines()[-1] == "  see: reconcile --explain R0104 (and R0106)"
    assert main(["--validate", "-q", "shop.yaml"]) == 65
    assert "see:" not in capsys.readouterr().err
    assert main(["--validate", "-o", "json", "shop.yaml"]) == 65
    assert [one["id"] for one in json.loads(capsys.readouterr().err)["errors"]] == ["R0104", "R0106"]


def test_every_exit_code_is_documented(known):
    table = (DOCS / "errors.md").read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert documented == {error.exit_code for error in known} | LITERAL


@pytest.mark.parametrize("page", written(), ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        file, _, anchor = link.partition("#")
        if "://" not in link:
            target = (page.parent / file).resolve() if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target.read_text()), link


def test_every_page_is_linked_from_the_first():
    index = (DOCS / "README.md").read_text()
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(index)}
    assert set(DOCS.rglob("*.md")) - linked == {DOCS / "README.md"}


def test_the_door_is_short_and_leads_inside():
    readme = (ROOT / "README.md").read_text()
    assert readme.count("\n") < 250 and "(reconciler/docs/README.md)" in readme


def test_the_example_is_a_manifest():
    (shown, *_) = blocks((DOCS / "two-tiers.md").read_text())
    assert shown.text == (ROOT / "manifests" / "two-tiers.yaml").read_text()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_what_is_yaml_and_json_is_so(page):
    for block in blocks(page.read_text()):
        if block.language in ("yaml", "json"):
            assert list(yaml.safe_load_all(block.text))


def test_the_first_page_has_the_latest_figures():
    """The table between the marks of `speed` is the one source."""
    comparison, readme = (
        (ROOT / "reconciler/docs/comparison.md").read_text(),
        (ROOT / "README.md").read_text(),
    )
    speed = comparison.partition("<!-- speed -->")[2].partition("<!-- /speed -->")[0]
    latest = {row[0]: row[1:] for row in map(cells, speed.splitlines()) if row}
    every, _, idle, more, gone = latest["500"]
    [ours] = (row for row in map(cells, readme.splitlines()) if row[:1] == ["reconciler, later, with names"])
    assert ours[1:] == [every, more, f"{idle}, the kernel", gone]
    assert f"the command here {latest['100'][3]}," in comparison


def cells(line: str) -> list[str]:
    return [one.strip() for one in line.strip("|").split("|")] if line.startswith("|") else []
