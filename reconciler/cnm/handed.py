"""Containers of which nothing but the host's end of a pair is ours: whoever takes the other sets all else."""

from ..manifest.spec import ContainerSpec

LINK = "link "  # what it is attached to begins so, as `docker ` does for others


def end_of(spec: ContainerSpec) -> str:
    """What the end is called that somebody takes; "" where nobody does."""
    return spec.attach.removeprefix(LINK) if spec.attach.startswith(LINK) else ""
