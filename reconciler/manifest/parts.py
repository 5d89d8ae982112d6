"""What each project of a manifest says, in whatever files that stands."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from functools import cache
from hashlib import sha256
from typing import Any

from .options import Drivers, described
from .spec import Manifest, ProjectSpec
from .store import lockfile


def sayings(manifest: Manifest) -> dict[str, str]:
    """By its name, a digest of what each project says, with what addresses.lock has of it.

    Places in files and comments say nothing, nor does a key that says what is so without it: a later version
    has more of them.
    """
    lock = lockfile.parsed(manifest.lock)
    return {
        project.name: sha256(f"{text(project)}{sorted(rows(lock, [project]).items())}".encode()).hexdigest()
        for project in manifest.projects
    }


def text(project: ProjectSpec) -> str:
    """Whatever folder it is read with."""
    return json.dumps(replace(project, path=""), default=content, sort_keys=True)


def content(value: Any) -> object:
    """What json cannot write by itself."""
    if isinstance(value, frozenset):
        return sorted(value)
    told = ((name, getattr(value, name), without) for name, without in usuals(value.__class__))
    return {name: said for name, said, without in told if said != without}


@cache
def usuals(kind: type[Any]) -> list[tuple[str, object]]:
    """Of each field, by its name, what is so where nothing is said."""
    return [(field.name, usual(field)) for field in fields(kind) if field.compare]


def usual(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def rows(lock: lockfile.Lock, projects: Collection[ProjectSpec]) -> lockfile.Lock:
    """The rows of these projects' networks."""
    names = {name for project in projects for name in network_names(project)}
    return {key: values for key, values in lock.items() if key[0] in names}


def network_names(project: ProjectSpec) -> Iterator[str]:
    """The full names, those of networks that nobody need write too."""
    yield from (network.full_name for network in project.networks)
    keys = {network.name for network in project.networks} | {"default", "bridge"}
    yield from (f"{project.name}_{key}" for key in keys)


def driver_names(projects: Iterable[ProjectSpec]) -> set[str]:
    return {network.driver for project in projects for network in project.networks}


def lacks_secrets(project: ProjectSpec) -> bool:
    """Whether some of its containers have variables whose values were kept nowhere."""
    runs = ((one.workload, one.environment) for one in project.containers if one.workload)
    return any(run.variables and not values for run, values in runs)


def lacking(projects: Iterable[ProjectSpec], drivers: Drivers) -> list[str]:
    """The drivers that are wanted and not here: what is said of their networks is read when they come."""
    return sorted(name for name in driver_names(projects) if not described(drivers, name))


def keeping(manifest: Manifest, older: Manifest | None, names: Collection[str]) -> Manifest:
    """The manifest, but these projects as they are in an older one, as far as there is one."""
    old = {project.name: project for project in older.projects} if older and names else {}
    projects = tuple(old.get(p.name, p) if p.name in names else p for p in manifest.projects)
    return replace(manifest, projects=projects) if old else manifest


def with_older(manifest: Manifest, older: Manifest, names: Collection[str]) -> Manifest:
    """The manifest, but these projects as they are in an older one, or as little there."""
    held = [project for project in older.projects if project.name in names]
    newer = [project for project in manifest.projects if project.name not in names]
    locks = [rows(lockfile.parsed(one.lock), part) for one, part in ((manifest, newer), (older, held))]
    lock: Mapping[tuple[str, str], tuple[str, ...]] = {**locks[0], **locks[1]}
    mixed = replace(
        manifest,
        projects=tuple(sorted([*newer, *held], key=lambda project: project.name)),
        lock=lockfile.text(lock) if lock else manifest.lock,
    )
    said = sorted((name, said) for name, said in sayings(mixed).items() if name in names)
    return replace(mixed, digest=sha256(f"{manifest.digest}{said}".encode()).hexdigest())


def host_names(manifest: Manifest) -> list[str]:
    return list(dict.fromkeys(host.name for project in manifest.projects for host in project.hosts))


def without_expectations(manifest: Manifest) -> Manifest:
    """For who looks at what is, whatever should be."""
    return replace(manifest, projects=tuple(replace(one, expect=()) for one in manifest.projects))
