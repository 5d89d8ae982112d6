"""A Manifest as bytes and back: what is kept of a revision, so that it can be wanted again."""

from functools import cache

from pydantic import TypeAdapter

from .spec import Manifest


@cache
def adapter() -> "TypeAdapter[Manifest]":
    return TypeAdapter(Manifest)


def freeze(manifest: Manifest) -> bytes:
    return adapter().dump_json(manifest)


def thaw(data: bytes) -> Manifest:
    """Raises ValueError for what is no revision of ours."""
    return adapter().validate_json(data)
