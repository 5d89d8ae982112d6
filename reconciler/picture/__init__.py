"""A picture: networks are rails, containers lanes with stops, and ports enter from the left.  Pure."""

from collections.abc import Callable, Iterator, Mapping

from . import dot, mermaid, page, svg
from .model import Picture

FORMS: Mapping[str, Callable[[Picture], Iterator[str]]] = {
    "svg": svg.written,
    "html": page.written,
    "mermaid": mermaid.written,
    "dot": dot.written,
}
