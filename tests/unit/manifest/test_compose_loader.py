"""Compose's own loader is asked much by its tests: whether we answer alike, and where not, why."""

from collections import Counter
from typing import Any

import pytest

from reconciler.errors import ManifestErrors
from reconciler.manifest.spec import ContainerSpec, PortSpec, ProjectSpec
from reconciler.pipeline import decide_everywhere

from .compose_behaviours import BEHAVIOURS, MAIN, OVER, Behaviour

CASES = [(part, one) for part, known in BEHAVIOURS.items() for one in known]
LEAST = 214  # behaviours that are alike


def looked_at(project: ProjectSpec, path: str) -> Any:
    """What a path leads to, as it is written in the table."""
    known = {one.name: one for one in project.containers}
    match path.split("."):
        case ["name"]:
            return project.name
        case ["names"]:
            return sorted(known)
        case ["count"]:
            return len(known)
        case ["networks"]:
            return [one.name for one in project.networks]
        case ["networks", name, *steps]:
            return followed(next(one for one in project.networks if one.name == name), steps)
        case [name, *steps]:
            return of_container(known[name], steps)
    raise ValueError(path)


def of_container(spec: ContainerSpec, steps: list[str]) -> Any:
    match steps:
        case ["ports"]:
            return [text(port) for port in spec.ports]
        case ["networks"]:
            return [end.network for end in spec.networks]
        case ["depends_on"]:
            return (
                [(one.container, one.condition) for one in spec.workload.depends_on] if spec.workload else []
            )
    return followed(spec, steps)


def followed(value: Any, steps: list[str]) -> Any:
    for step in steps:
        value = value[int(step)] if step.isdigit() else getattr(value, step)
    return value


def text(port: PortSpec) -> str:
    def span(ports: tuple[int, int] | None) -> str:
        first, last = ports or ("*", "*")
        return f"{first}" if first == last else f"{first}-{last}"

    return f"{port.host_ip or '*'}:{span(port.published)}->{span(port.target)}/{port.protocol}"


@pytest.mark.parametrize(("part", "one"), CASES, ids=lambda value: getattr(value, "name", value))
def test_behaviour(part: str, one: Behaviour, desk) -> None:
    for name, written in one.texts.items():
        desk.write(name, written)
    stack = [name for name in (MAIN, OVER) if name in one.texts]
    if one.look.startswith("!"):
        with pytest.raises(ManifestErrors) as caught:
            decide_everywhere(desk.load(*stack, environ=one.environ))
        assert one.look[1:] in str(caught.value)
    else:
        (project,) = desk.load(*stack, environ=one.environ).projects
        assert looked_at(project, one.look) == one.seen


def test_score(capsys) -> None:
    unlike = [f"  {part}: {one.name}: {one.unlike}" for part, one in CASES if one.unlike]
    counts = Counter(part for part, one in CASES if not one.unlike)
    with capsys.disabled():
        parts = ", ".join(f"{part} {counts[part]}/{len(known)}" for part, known in BEHAVIOURS.items())
        print(f"\nlike compose-go's loader: {counts.total()} of {len(CASES)} ({parts})")
        print("otherwise, on purpose:")
        print("\n".join(unlike))
    assert counts.total() >= LEAST
