"""PATHs in, Manifest out; what was validated before and has not changed since is not validated again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from .compose.files import STDIN, Inputs
from .parts import lacks_secrets
from .sources import sources
from .spec import Manifest
from .store import cache, stamp
from .store.cache import Asked as Asked
from .store.known import NOTHING


def load(asked: Asked, *, stdin: str | None = None, folder: str = "") -> Manifest:
    """What was asked for; see pipeline.load."""
    kept = folder if STDIN not in asked.paths else ""
    with uncollected():
        if kept and (known := cache.remembered(kept, asked)) and not any(map(lacks_secrets, known.projects)):
            return known
        from .assemble import assemble  # which nobody need pay for where nothing has changed
        from .model import forms

        names = stamp.names(asked.paths) if kept else {}
        inputs = Inputs(dict(asked.environ), asked.drivers, stdin)
        before = cache.recalled(kept, asked) if kept else NOTHING
        with forms.kept(folder):
            loaded = assemble(asked.paths, inputs, asked.projects, before)
        if kept:
            texts = {file: text for file, text in inputs.shelf.items() if text is not None}
            absent = inputs.absent.union(*(one.absent for one in loaded.projects))
            cache.remember(kept, asked, cache.Read(names, texts, absent), loaded)
        return replace(loaded.manifest, sources=tuple(sources(asked.paths)))


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
