"""Manifests beside a file that was named, which speak for its project too."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..change import Change
from ..errors import ReconcileError
from ..manifest.spec import ProjectSpec
from ..paths import CACHE
from ..pipeline import load
from .options import Options
from .session import note


def warn_of_files_beside(options: Options, change: Change) -> None:
    for words in files_left_out(options, change):
        note(options, f"warning: {words}")


def files_left_out(options: Options, change: Change) -> Iterator[str]:
    """A file is the whole truth of its project: what others in its folder say of that goes."""
    losing = {change.owner(key) for key in change.removed}
    for project in change.manifest.projects if losing else ():
        for file in files_beside(options, project, change.manifest.files) if project.name in losing else ():
            words = f"{file} is of project {project.name} as well, and is not named: what it declares goes"
            hint = "name the folder to have both, or give each file a `name:` of its own"
            yield f"{words}\n  hint: {hint}"


def files_beside(options: Options, project: ProjectSpec, read: Iterable[str]) -> list[str]:
    """Those of the same project in the folder of its file, where that was named by itself."""
    file = project.where.file
    named = {os.path.abspath(path) for path in options.sources if path != "-"}
    if not file or os.path.abspath(file) not in named:
        return []
    whole: Iterable[ProjectSpec] = ()
    with suppress(ReconcileError):  # broken ones say nothing yet
        folder = os.path.dirname(file) or "."
        whole = load([folder], environ=options.environ(), folder=CACHE).projects
    same = next((one for one in whole if one.name == project.name), None)
    places = [one.where.file for part in (same.networks, same.containers) for one in part] if same else []
    return sorted(name for name in {*places} if os.path.abspath(name) not in {*read})
