"""The manifests as a watcher reads them: what is broken is an answer as well."""

from ..errors import ReconcileError, Refused, foreseen
from ..manifest.spec import Manifest
from ..pipeline import load
from ..safety.git import commit
from ..safety.revisions import Revisions
from .files import read_steadily, signature


class ManifestReader:
    """The manifests, read again when a file has changed, and not while somebody is writing them."""

    def __init__(
        self, paths: tuple[str, ...], projects: frozenset[str] | None, history: Revisions, folder: str = ""
    ):
        self.paths, self.projects, self.history, self.folder = paths, projects, history, folder
        self.stale = True
        self.signature: object = None
        self.commit = ""
        self.files: tuple[str, ...] = ()
        self.known: Manifest | ReconcileError | None = None

    def __call__(self) -> Manifest:
        """Raises what is wrong with them, and Refused for a revision that a person went back behind."""
        stale, self.stale = self.stale, False
        if self.known is None or (stale and signature(self.watched) != self.signature):
            read = read_steadily(lambda: self.watched, self.attempt)
            self.signature, self.known = read
            self.commit = commit(self.paths)
        if not isinstance(self.known, Manifest):
            raise self.known
        if why := self.history.rejections.get(self.known.digest):
            hint = "change the manifests, or run --apply yourself"
            raise Refused(f"this revision is not applied: {why}", hint)
        return self.known

    @property
    def watched(self) -> tuple[str, ...]:
        """The PATHs, and what the manifests there included when they were last whole."""
        if isinstance(self.known, Manifest):
            self.files = self.known.files
        return (*self.paths, *self.files)

    def attempt(self) -> Manifest | ReconcileError:
        try:
            return load(self.paths, projects=self.projects, folder=self.folder)
        except Exception as error:
            return foreseen(error)
