"""Which containers of a project run something: by whom, and what they share."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...mistakes import WrongValue
from ..model.forms import SHARED_FILE, VOLUME
from ..spec import ContainerSpec
from ..workload import IDLE, RUNTIMES
from ..yaml.node import nearest
from .containers import WrittenContainer, has_image
from .mounts import FOLDERS, TopLevel
from .workload import with_workload

if TYPE_CHECKING:
    from .project import ProjectReading

VARIABLE = "RECONCILE_RUNTIME"  # the twin of --runtime
SHARED = ("volumes", *FOLDERS)  # sections of the top level


def default(reading: "ProjectReading") -> str:
    """The engine of containers that say nothing: the project's, else that of whoever asks."""
    if said := written(reading):
        return said
    found = reading.variables.get(VARIABLE) or "none"
    if VARIABLE in reading.variables:
        reading.asked[VARIABLE] = found
    if found not in RUNTIMES:
        message = f"{VARIABLE}: unknown runtime {found[:60]!r}"
        reading.mistakes.append(WrongValue(message, nearest(found, RUNTIMES)))
        return "none"
    return found


def written(reading: "ProjectReading") -> str:
    """What the project says itself; "" where it says nothing, or nothing known."""
    node = reading.tree.get("runtime")
    if node is None or node.value in (None, ""):
        return ""
    if node.value in RUNTIMES:
        return str(node.value)
    message = f"unknown runtime {node.value!r}"
    reading.mistakes.at(node.place, "runtime", message, nearest(str(node.value), RUNTIMES))
    return "none"


def with_workloads(
    project: str, reading: "ProjectReading", made: Sequence[tuple[ContainerSpec, WrittenContainer]]
) -> Iterator[ContainerSpec]:
    """The containers, each with what it runs."""
    runs = any(spec.runtime != "none" for spec, _ in made)
    declared = declarations(project, reading, made) if runs else None
    for spec, one in made:
        yield with_workload(spec, one, declared) if declared else spec
        reading.unused |= one.unused
    if declared:
        reading.unused -= {*SHARED}
    elif not reading.tree.get("runtime"):
        reading.inputs.notes += idle_images(project, sum(has_image(one) for _, one in made))


def idle_images(project: str, count: int) -> Iterator[str]:
    """That nothing runs a project's images, where it has any."""
    if count:
        which, what = f"{count} containers have images", "them"
        if count == 1:
            which, what = "1 container has an image", "it"
        hint = "--runtime podman, or `runtime:` in the manifest"
        yield f"project {project}: {which} and {IDLE} {what}: {hint}"


def declarations(
    project: str, reading: "ProjectReading", made: Sequence[tuple[ContainerSpec, WrittenContainer]]
) -> TopLevel:
    """What the top level says to those that run something."""
    unused: set[str] = set()
    return TopLevel(
        project,
        reading.variables,
        frozenset(spec.name for spec, _ in made),
        {key: record for key, _, _, record in reading.entries("volumes", VOLUME, unused)},
        {
            section: {key: record for key, _, _, record in reading.entries(section, SHARED_FILE, unused)}
            for section in FOLDERS
        },
        {section: reading.names(section) for section in SHARED},
        reading.at,
        is_here=not reading.names("hosts"),
    )
