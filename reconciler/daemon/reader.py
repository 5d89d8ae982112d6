"""The manifests as a watcher reads them: what is broken is an answer as well."""

from ..drivers import DRIVERS
from ..errors import ReconcileError, Refused, foreseen
from ..manifest.parts import lacking
from ..manifest.spec import Manifest
from ..pipeline import load
from ..safety.git import checked_out, commit, log, trees, writing
from ..safety.rejections import held_back
from ..safety.revisions import Revisions
from .files import read_steadily, signature
from .orders import Orders


class ManifestReader:
    """The manifests, read again when a file has changed, and not while git is writing them."""

    def __init__(self, orders: Orders, history: Revisions):
        self.orders, self.paths, self.history = orders, orders.paths, history
        self.stale = True
        self.writer = ""  # the lock of a git that is writing the manifests
        self.signature: object = None
        self.lack: list[str] = []  # drivers that the manifests want and were read without
        self.moved = False  # since the commit was asked for
        self.tip = self.commit = ""
        self.files: tuple[str, ...] = ()
        self.known: Manifest | ReconcileError | None = None
        self.asked: object = None  # of what, and when, it was asked whether a person went back behind it
        self.refused: Refused | None = None

    def __call__(self) -> Manifest:
        """Raises what is wrong with them, and Refused for a revision that a person went back behind."""
        if self.known is None or (self.stale and self.is_old()):
            if not (read := read_steadily(lambda: self.watched, self.attempt)):
                return self.meanwhile()
            self.signature, self.known = read
            self.lack = self.drivers_lacking
            self.moved = True
        if self.stale:
            self.follow()
        self.stale, self.writer = False, ""
        return self.wanted()

    def is_old(self) -> bool:
        """Whether a file has changed, or a driver has come or gone."""
        return signature(self.watched) != self.signature or self.lack != self.drivers_lacking

    @property
    def drivers_lacking(self) -> list[str]:
        return lacking(self.known.projects, DRIVERS) if isinstance(self.known, Manifest) else []

    def follow(self) -> None:
        """Another commit may say the same."""
        tip = next(map(checked_out, trees(self.paths[:1])), "")
        if self.moved or tip != self.tip:
            self.moved, self.tip, self.commit = False, tip, commit(self.paths)

    def meanwhile(self) -> Manifest:
        """While git is writing, what was read before holds; it is to be read again."""
        self.stale, self.writer = True, writing(self.watched)
        return self.wanted()

    def wanted(self) -> Manifest:
        if self.known is None:
            raise Refused(f"git is writing to the manifests: {self.writer}", "they are read when it is done")
        if not isinstance(self.known, Manifest):
            raise self.known
        asked = (self.known.digest, self.history.stamp)
        if asked != self.asked:
            self.asked, self.refused = asked, held_back(self.known, self.history, self.paths)
        if self.refused:
            raise self.refused
        return self.known

    @property
    def watched(self) -> tuple[str, ...]:
        """The PATHs, and what the manifests there included when they were last whole."""
        if isinstance(self.known, Manifest):
            self.files = self.known.files
        return (*self.paths, *self.files)

    @property
    def heeded(self) -> tuple[str, ...]:
        """All that may tell of something new."""
        return (*self.watched, *filter(None, [log(self.paths)]))

    def attempt(self) -> Manifest | ReconcileError:
        try:
            wanted = self.orders
            return load(self.paths, environ=wanted.environ, projects=wanted.projects, folder=wanted.cache)
        except Exception as error:
            return foreseen(error)
