"""A project's trouble is its own: whose it is what this host, and not the manifests, says no to."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace

from ..errors import (
    DriverFault,
    Foreign,
    ManifestError,
    ManifestErrors,
    NoDriver,
    ReconcileError,
    Unsupported,
    Where,
)
from .spec import Manifest, ProjectSpec

Waiting = Mapping[str, ReconcileError]  # by project
ABOUT_HOST = (ManifestError, Unsupported, Foreign, DriverFault)  # what a decision or a look at a host raises


def troubled(error: ReconcileError, manifest: Manifest, fails: Callable[[ProjectSpec], bool]) -> Waiting:
    """The projects whose trouble an error is, each with its own; none where some of it is nobody's, or where
    nothing would be left to do.  What several include is the trouble of those that fail by themselves."""
    homes = homes_of(manifest)
    found: dict[str, list[ReconcileError]] = defaultdict(list)
    for one in each(error):
        names = homes.get(one.where, set()) if one.where else set()
        if len(names) > 1:
            names = {p.name for p in manifest.projects if p.name in names and fails(p)}
        if not names:
            return {}
        for name in names:
            found[name].append(one)
    left = {project.name for project in manifest.projects} - found.keys()
    return {name: merged(errors) for name, errors in found.items()} if left else {}


def each(error: ReconcileError) -> Sequence[ReconcileError]:
    return error.errors if isinstance(error, ManifestErrors) else [error]


def mistake_of(error: ManifestError) -> ManifestError | None:
    """What of it is wrong on every host: another may have the driver that this one lacks."""
    mistakes = (one for one in each(error) if isinstance(one, ManifestError))
    everywhere = [one for one in mistakes if not isinstance(one, NoDriver)]
    return ManifestErrors(everywhere) if everywhere else None


def merged(errors: list[ReconcileError]) -> ReconcileError:
    mistakes = [one for one in errors if isinstance(one, ManifestError)]
    return ManifestErrors(mistakes) if len(mistakes) > 1 else errors[0]


def together(mistake: ReconcileError, error: ReconcileError) -> ReconcileError:
    """What the manifests alone get wrong, and what is wrong with them here."""
    mistakes = isinstance(mistake, ManifestError) and isinstance(error, ManifestError)
    return merged([mistake, error]) if mistakes else mistake


def without(manifest: Manifest, names: Container[str]) -> Manifest:
    return replace(manifest, projects=tuple(p for p in manifest.projects if p.name not in names))


def homes_of(manifest: Manifest) -> dict[Where, set[str]]:
    """The projects that say something at each place; what several include is theirs together."""
    homes: dict[Where, set[str]] = defaultdict(set)
    for project in manifest.projects:
        for where in places_in(project):
            homes[where].add(project.name)
    return homes


def places_in(value: object) -> Iterator[Where]:
    """Every place that a part of a manifest remembers."""
    if isinstance(value, Where):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from places_in(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from places_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from places_in(item)
