"""What `--scale` has done beside the files, told wherever a person would not expect it."""

import os
from collections.abc import Iterator, Mapping

from ..change import Change
from ..manifest.scale import scaled
from ..safety.revisions import Revisions
from .options import Options
from .session import note


def warn_of_return(options: Options, change: Change) -> None:
    for words in returns(options, change):
        note(options, f"warning: {words}")


def returns(options: Options, change: Change) -> Iterator[str]:
    """Services that go back to the number that their files say."""
    past = Revisions(options.state_dir)
    touched = change.touched & change.projects if change.todo else frozenset()
    before = past.scaled(touched) if touched else {}
    for project in change.manifest.projects if before else ():
        for spec in project.containers:
            number = before.get(what := f"{project.name}/{spec.name}", spec.replicas)
            if spec.files_say is None and number != spec.replicas and project.name not in change.waiting:
                yield (
                    f"{what} goes from {number} replicas back to {spec.replicas}, as its files say"
                    f"\n  hint: --scale {what}={number} keeps them"
                )


def warn_of_watcher(options: Options, change: Change) -> None:
    """It applies the files as they are."""
    if not (names := scaled(change.manifest)):
        return
    from ..daemon.status import SUSPENDED, watcher_runs, watcher_status  # with all that a watcher is

    if not watcher_runs() or os.path.exists(SUSPENDED):
        return
    paths = (watcher_status() or {}).get("paths", ["/"])
    if any(is_below(file, path) for file in change.manifest.files for path in paths):
        hint = "--suspend it meanwhile, or write `scale` into the file"
        words = f"the watcher applies the files as they are, and so undoes {in_words(names)}"
        note(options, f"warning: {words}\n  hint: {hint}")


def is_below(file: str, path: str) -> bool:
    return f"{os.path.realpath(file)}/".startswith(f"{os.path.realpath(path).rstrip('/')}/")


def in_words(numbers: Mapping[str, int]) -> str:
    """As it would be asked for again."""
    return " ".join(f"--scale {what}={number}" for what, number in sorted(numbers.items()))
