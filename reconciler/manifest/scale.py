"""`--scale SERVICE=N`: a number of replicas beside the files, for one run of the command."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import ManifestError
from ..mistakes import NoSuchName, WrongValue
from .spec import Manifest, ProjectSpec
from .yaml.node import nearest

VARIABLE = "RECONCILE_SCALE"  # the twin of --scale
MOST = 65536  # as in a file
WRITTEN = re.compile(r"(?:([^\s/=,]+)/)?([^\s/=,]+)=(\S+)")


class Scale(NamedTuple):
    """What was asked for; `project` is "" where the name of the service tells."""

    project: str
    service: str
    number: int

    def __str__(self) -> str:
        return f"--scale {f'{self.project}/' * bool(self.project)}{self.service}={self.number}"

    def is_of(self, project: str, service: str) -> bool:
        return self.service == service and self.project in ("", project)


def parsed(text: str) -> Scale:
    """Raises ValueError, which says what is wrong."""
    found = WRITTEN.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no SERVICE=N: as web=3, or shop/web=3")
    project, service, number = found.groups(default="")
    if not re.fullmatch("[0-9]{1,9}", number) or int(number) > MOST:
        raise ValueError(f"{number!r} is no number of replicas: from 0 to {MOST}")
    return Scale(project, service, int(number))


def asked(environ: Mapping[str, str]) -> list[Scale]:
    """Raises ManifestError for what nobody can have asked for."""
    try:
        return [parsed(part.strip()) for part in environ.get(VARIABLE, "").split(",") if part.strip()]
    except ValueError as error:
        raise WrongValue(f"{VARIABLE}: {error}") from None


def number(scales: Sequence[Scale], project: str, service: str) -> int | None:
    """The last that was asked for, as in Compose; None where the files tell."""
    return next((one.number for one in reversed(scales) if one.is_of(project, service)), None)


def mistakes(
    scales: Iterable[Scale], projects: Sequence[ProjectSpec], idle: Mapping[str, str]
) -> Iterator[ManifestError]:
    """What is of no service, or of several; `idle` says why a service has no container."""
    for one in scales:
        there = [project for project in projects if one.project in ("", project.name)]
        homes = [p.name for p in there if any(c.is_service and c.name == one.service for c in p.containers)]
        if not there and one.project:
            known = (project.name for project in projects)
            yield NoSuchName(f"{one}: no project is named {one.project}", nearest(one.project, known))
        elif not homes:
            yield NoSuchName(f"{one}: there is no service {one.service}", hint(one.service, there, idle))
        elif len(homes) > 1:
            words = f"{one}: {len(homes)} projects have a service {one.service}"
            yield NoSuchName(words, f"write {' or '.join(f'{home}/{one.service}' for home in homes)}")


def hint(name: str, projects: Sequence[ProjectSpec], idle: Mapping[str, str]) -> str:
    containers = [container for project in projects for container in project.containers]
    if name in idle:
        return f"it {idle[name]}"
    if any(container.name == name for container in containers):
        return "it is one of `containers:`, each of which is one alone"
    return nearest(name, {container.name for container in containers if container.is_service})


def scaled(manifest: Manifest) -> dict[str, int]:
    """By PROJECT/SERVICE, the number of those that are as somebody asked, and not as their files say."""
    return {
        f"{project.name}/{spec.name}": spec.replicas
        for project in manifest.projects
        for spec in project.containers
        if spec.files_say is not None
    }
