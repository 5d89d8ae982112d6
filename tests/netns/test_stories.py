"""Stories in small files: N-*.yaml is what is wanted next, N-*.sh what somebody does by hand, N-*.plan the
plan that follows.

After each, an apply, and again: nothing.  The same stories are told to a watcher, which needs no telling.
"""

import re
from pathlib import Path

import pytest

from tests.netns.watching import watching

HERE = Path(__file__).parent / "stories"
STORIES = sorted(folder.name for folder in HERE.iterdir())
MADE_UP = re.compile(
    r"; plan [0-9a-f]{16}|ve[a-z2-7]{13}|(?<=ether_addr . )\S+|([0-9a-f]{2}:){5}[0-9a-f]{2}| {3}/run/\S+"
)


def steps(story: str) -> list[Path]:
    return sorted(file for file in (HERE / story).iterdir() if file.suffix in (".yaml", ".sh"))


def happen(lab, step: Path) -> None:
    if step.suffix == ".sh":
        lab.run(["sh", "-e", str(step)])
    else:
        lab.write(step.read_text(), "m/t.yaml")


@pytest.mark.parametrize("story", STORIES)
def test_plan_by_plan(lab, story, update_golden):
    for step in steps(story):
        happen(lab, step)
        said = MADE_UP.sub("", lab.reconcile("--plan", lab.files / "m").out)
        golden = step.with_suffix(".plan")
        if update_golden:
            golden.write_text(said)
        assert said == golden.read_text(), step.name
        lab.succeed(lab.reconcile("--apply", lab.files / "m"))
        assert lab.reconcile("--plan", "--exit-code", lab.files / "m").rc == 0, step.name


@pytest.mark.parametrize("story", STORIES)
def test_told_to_a_watcher(lab, story):
    first, *rest = steps(story)
    happen(lab, first)
    with watching(lab, lab.files / "m") as watcher:
        for step in rest:
            watcher.settled(0.3)
            applies = watcher.status["last_apply"]["count"]
            happen(lab, step)
            watcher.until(lambda applies=applies: watcher.status["last_apply"]["count"] > applies)
            watcher.synced()
            assert lab.reconcile("--plan", "--exit-code", lab.files / "m").rc == 0, step.name
