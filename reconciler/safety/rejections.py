"""What a person went back behind, or did not confirm: no watcher applies it as long as manifests say it.

It is known by what a project says, and not by where that was read: an apply of one file, or of a folder by
another spelling, is of the same projects.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress

from ..errors import ReconcileError, Refused
from ..manifest.parts import sayings, with_older
from ..manifest.spec import Manifest
from ..pipeline import load
from .revision import Revision
from .revisions import Revisions, rejection

HINT = "change the manifests, or run --apply yourself"


class HeldBack(Refused):
    """`instead` is the manifest with these projects as they were applied last; None where nothing tells."""

    id = "R0007"

    def __init__(self, reasons: Mapping[str, str], instead: Manifest | None):
        told = "; ".join(f"project {name} is not applied: {why}" for name, why in sorted(reasons.items()))
        super().__init__(told, HINT)
        self.instead = instead


def whole_root(manifest: Manifest) -> str:
    """The folder that it is the whole truth of."""
    return "" if manifest.partial else manifest.root


def keys(manifest: Manifest) -> dict[str, str]:
    """By its name, what a manifest says of each project, as it is rejected."""
    return {name: rejection(name, said) for name, said in sayings(manifest).items()}


def absent(name: str, root: str) -> str:
    """What a folder says of a project that is not in it."""
    return f"{name} not in {root}"


def departures(said: Mapping[str, str], past: Mapping[str, str], root: str) -> Iterator[str]:
    """What is said otherwise than it was, as it is rejected; `root` is the whole truth of both."""
    yield from (rejection(name, what) for name, what in said.items() if past.get(name) != what)
    yield from (absent(name, root) for name in past.keys() - said.keys() if root)


def rejecting(manifest: Manifest, past: Revisions, paths: tuple[str, ...], why: str) -> Callable[[], None]:
    """What is called when nobody has confirmed it: what nobody had applied before is left alone by watchers,
    and what the files say by then of the same projects, which has come on top of it."""
    said, root = sayings(manifest), whole_root(manifest)
    stood = past.standing(paths, said)
    anew = {*departures(said, stood, root)}
    names = {key.split(" ")[0] for key in anew}

    def reject() -> None:
        on_top = now(paths) or manifest
        later = departures(sayings(on_top), stood, root and whole_root(on_top))
        past.reject(anew | {key for key in later if key.split(" ")[0] in names}, why)

    return reject


@contextmanager
def going_back(
    wanted: Revision, past: Revisions, unwritten: Callable[[ReconcileError], None]
) -> Iterator[None]:
    """What stands instead of it, and what the manifests say now, is left alone by watchers: said before it is
    done, so that none is quicker, and taken back if that fails."""
    known, then, root = past.rejections, sayings(wanted.manifest), whole_root(wanted.manifest)
    newer = [past.standing(wanted.paths), sayings(now(wanted.paths) or wanted.manifest)]
    try:
        pardon(wanted.manifest, past)
        past.reject(
            {key for said in newer for key in departures(said, then, root)},
            f"rolled back to revision {wanted.number}",
        )
    except ReconcileError as error:
        unwritten(error)
    try:
        yield
    except BaseException:
        past.write_rejections(known)
        raise


def now(paths: tuple[str, ...]) -> Manifest | None:
    """What the files say; None where that cannot be told."""
    with suppress(ReconcileError):
        return None if "-" in paths else load(paths)
    return None


def held_back(manifest: Manifest, past: Revisions, paths: tuple[str, ...]) -> Refused | None:
    """Why the manifest is not applied as it stands; None where nobody minds."""
    known = past.rejections
    if why := known.get(manifest.digest):  # a version before 0.3 rejected texts
        return Refused(f"this revision is not applied: {why}", HINT)
    if not (reasons := rejected(manifest, known)):
        return None
    older = past.last(paths, reasons)
    return HeldBack(reasons, older and with_older(manifest, older, reasons))


def rejected(manifest: Manifest, known: Mapping[str, str]) -> dict[str, str]:
    """By its name, why a project is not applied as the manifest has it, or goes on though it has not."""
    said = keys(manifest) if known else {}
    away = (key.split(" ")[0] for key in known if key.endswith(absent("", whole_root(manifest))))
    said |= {
        name: absent(name, whole_root(manifest)) for name in away if whole_root(manifest) and name not in said
    }
    return {name: known[key] for name, key in said.items() if key in known}


def pardon(manifest: Manifest, past: Revisions) -> None:
    """A person has applied it, whatever was said of it before."""
    known = past.rejections
    gone = {absent(name, whole_root(manifest)) for name in rejected(manifest, known)}
    past.pardon({manifest.digest, *gone, *about(manifest, known)})


def let_go(manifest: Manifest, past: Revisions) -> None:
    """It stands as the manifests have it: what they said before is no longer what is held back."""
    past.pardon(about(manifest, past.rejections) - {*keys(manifest).values()})


def about(manifest: Manifest, known: Collection[str]) -> set[str]:
    names = {project.name for project in manifest.projects}
    return {key for key in known if key.split(" ")[0] in names}
