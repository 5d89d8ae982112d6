"""Who answers for which kind of runtime."""

from collections.abc import Sequence

from . import cni, netavark
from .attending import KeptHost

KINDS = ("cni", "netavark")


def answer(words: Sequence[str], data: bytes, reader: KeptHost) -> tuple[int, str]:
    """The exit code, and what is told; the words are the kind, and what that kind tells beside its input."""
    kind, *more = words
    if kind == "cni":
        variables = (word.partition("=") for word in more)
        return cni.answer({name: text for name, _, text in variables}, data, reader)
    if kind == "netavark":
        return netavark.answer(more, data, reader)
    return 1, f"no plugin of {kind[:60]!r}"
