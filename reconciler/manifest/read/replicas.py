"""How many replicas a service has: as its files say, or as a person wants it beside them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model.service import Container, Deploy
    from .containers import WrittenContainer


def replicas(written: "WrittenContainer") -> dict[str, int | None]:
    """Their number, as fields of a container; a container's name cannot be shared."""
    files_say, scale = in_files(written), written.scale
    number = files_say if scale is None else scale
    if number > 1 and getattr(written.record, "container_name", None):
        written.wrong(
            ("container_name",), f"{number} replicas cannot share a `container_name`", "remove the name"
        )
    if scale is not None and is_global(written.record):
        hint = f"leave out --scale {written.key}={scale}"
        written.wrong(("deploy", "mode"), "a global service has one replica on every host", hint)
    return {"replicas": number, "files_say": None if number == files_say else files_say}


def in_files(written: "WrittenContainer") -> int:
    """`scale` and `deploy.replicas` must agree."""
    if is_global(written.record):
        return 1
    deploy, scale = deploy_of(written.record), getattr(written.record, "scale", None)
    count = deploy.replicas if deploy else None
    if scale is not None and count is not None and scale != count:
        written.wrong(("scale",), f"`scale` is {scale} and `deploy.replicas` is {count}", "keep one of them")
    return next((n for n in (scale, count) if n is not None), 1)


def deploy_of(record: "Container") -> "Deploy | None":
    """That of a service; a container has none."""
    found: Deploy | None = getattr(record, "deploy", None)
    return found


def is_global(record: "Container") -> bool:
    deploy = deploy_of(record)
    return deploy is not None and deploy.mode.startswith("global")
