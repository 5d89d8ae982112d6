"""What the README shows is what the program does."""

from pathlib import Path
from textwrap import indent

ROOT = Path(__file__).parents[2]


def shown(path: str) -> str:
    return indent((ROOT / path).read_text().rstrip("\n"), "    ")


def test_the_example_is_a_golden_case():
    readme = (ROOT / "README.md").read_text()
    assert shown("manifests/two-tiers.yaml") in readme
    assert shown("tests/golden/manifests/two-tiers/topology.txt") in readme
