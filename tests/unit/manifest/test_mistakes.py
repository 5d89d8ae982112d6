"""The mistakes that people make, and what they are told: `mistakes.txt` has each manifest with its report, to
be read; `--update-golden` rewrites the reports."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from reconciler.errors import ManifestErrors
from reconciler.manifest.yaml.report import report
from reconciler.mistakes import Contradiction, NotYet, WrongValue
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


@pytest.mark.parametrize(
    ("broken", "manifest"),
    [
        (None, "include: [db.yaml]\nservices: {web: {depends_on: [db], networks: [back], links: [db]}}"),
        ("networks: [", "include: [db.yaml]\nservices: {web: {depends_on: [db], networks: [back]}}"),
        ("[a]", "include: [db.yaml]\nservices: {web: {network_mode: 'service:db'}}"),
        (None, "networks: [front]\nservices: {web: {networks: [front]}}"),
        (None, "netwroks: {front: }\nservices: {web: {networks: [front]}}"),
        (None, "servces: {db: {}}\nservices: {web: {depends_on: [db], network_mode: 'service:db'}}"),
        (None, "hosts: [a]\ncontainers: {web: {host: a}}"),
        (
            None,
            "networks: {n: {mtu: x, ipam: {config: [{subnet: 10.1.0.0/24}]}}}\n"
            "containers: {a: {networks: {n: {ipv4_address: 10.9.0.9}}}}",
        ),
        (
            None,
            "services: {db: {scale: x}, web: {network_mode: 'service:db', depends_on: [db], links: [db]}}",
        ),
        (None, "networks: {a: {ipam: {config: [{subnet: x}]}}}\ncontainers: {c: {networks: [a]}}"),
        (None, "services: {web: {ports: ['x:80'], networks: [n]}}\nnetworks: {n: }"),
    ],
)
def test_nothing_follows_from_a_mistake(broken, manifest, errors):
    if broken:
        Path("db.yaml").write_text(broken)
    assert len(errors(manifest).errors) == 1


def test_there_are_enough_of_them():
    assert len(MISTAKES) >= 49 and len({one.title for one in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize(
    ("kind", "manifest"),
    [
        (NotYet, "networks: {n: {ipam: {driver: dhcp}}}"),
        (WrongValue, "networks: {n: {ipam: {driver: other}}}"),
        (Contradiction, "services: {a: {}, a: {}}"),
    ],
)
def test_each_is_of_its_class(errors, kind, manifest):
    assert [type(one) for one in errors(manifest).errors] == [kind]


@pytest.mark.parametrize("files", ["", "services: {web: {env_file: own}}"])
def test_a_line_that_sets_no_variable_is_a_wrong_value_wherever_it_stands(errors, files):
    Path("own" if files else ".env").write_text("no assignment\n")
    assert [type(one) for one in errors(files or "services: {web: {}}").errors] == [WrongValue]
