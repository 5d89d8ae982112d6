"""What does not work beside the line: told once, shown by --status, and tried again with every turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import ReconcileError, foreseen, trace
from .backoff import Backoff


class Troubles:
    """`note` takes lines of the log; `backoff` says how long each is left alone."""

    def __init__(self, note: Callable[[str], None], *, verbose: bool):
        self.note, self.verbose = note, verbose
        self.backoff: Backoff[str] = Backoff()
        self.words: dict[str, str] = {}

    @contextmanager
    def contained(self, what: str) -> Iterator[None]:
        """What fails there is told, and holds up nothing."""
        try:
            yield
        except Exception as error:
            self.tell(what, error)
        else:
            self.end(what)

    def end(self, what: str) -> None:
        self.words.pop(what, None)
        self.backoff.forget(what)

    def tell(self, what: str, error: Exception) -> None:
        self.backoff.increase(what)
        failure = foreseen(error)
        words = failure.message
        if isinstance(error, OSError) and error.filename:  # a disk, not a bug
            words = f"{error.filename}: {error.strerror}"
        if self.words.get(what) != words:
            self.note(f"trouble with {what}: {words}")
            self.trace(failure)
        self.words[what] = words

    def trace(self, failure: ReconcileError | None) -> None:
        """For who asks; nobody asks for those of errors that we know."""
        if self.verbose and failure and (frames := trace(failure)):
            self.note(frames)
