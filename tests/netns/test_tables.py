"""One `inet reconciler` and one `bridge reconciler` for all projects: each changes its own in them, and they
take the place of the tables that 0.2.0 made, two a project."""

import re

from tests.netns.lab import Lab
from tests.unit.test_house import ROOT

STANDING = ROOT / "tests/upgrade/0.2.0/standing"


def tables(lab: Lab) -> list[str]:
    return sorted(lab.run("nft list tables").out.splitlines())


OURS = ["table bridge reconciler", "table inet reconciler"]


def comments(lab: Lab, project: str) -> int:
    listed = "".join(lab.rules(f"{family} reconciler") for family in ("inet", "bridge"))
    return len(re.findall(rf'comment "{project}["\s]', listed))
