"""PATHs in, Manifest out; what was validated before and has not changed since is not validated again."""

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .compose.files import STDIN, Inputs
from .spec import Manifest
from .store import cache


def load(
    paths: Sequence[str | Path],
    *,
    environ: Mapping[str, str] = os.environ,
    projects: frozenset[str] | None = None,
    stdin: str | None = None,
    folder: str = "",
) -> Manifest:
    """Everything that the PATHs describe; raises ManifestErrors with all mistakes.

    `paths` are files, directories or `-`, whose text is `stdin` or what the process is given.  `projects` are
    the only ones wanted; None wants all.  `folder` is where validated manifests are kept for the next run; ""
    keeps none.
    """
    asked = cache.Asked(tuple(os.fspath(path) for path in paths), projects, environ)
    kept = folder if STDIN not in asked.paths else ""
    with uncollected():
        if kept and (known := cache.remembered(kept, asked)):
            return known
        from .assemble import assemble  # with pydantic, which costs more than all the rest of a plan

        inputs = Inputs(environ, stdin)
        manifest = assemble(paths, inputs, projects)
        if kept:
            cache.remember(kept, asked, inputs.texts, manifest)
        return manifest


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector: it would go through every node again and again, and none of them is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
