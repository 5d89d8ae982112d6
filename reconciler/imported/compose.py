"""A Compose file as a manifest of its own: what its files come to together, with variables replaced."""

from collections.abc import Iterable, Mapping
from typing import Any

from .draft import SECTIONS, Draft, Entry


def draft(project: str, tree: Mapping[str, Any], unused: Iterable[str]) -> Draft:
    """`unused` is what no part of ours acts on."""
    entries = {
        section: tuple(Entry(key=key, said=said or {}) for key, said in (tree.get(section) or {}).items())
        for section in SECTIONS
    }
    return Draft(
        project=project,
        entries=entries,
        top={key: said for key, said in tree.items() if key not in ("name", "include", "version", *SECTIONS)},
        head=(
            f"What project {project} comes to, by `reconcile --import compose`: merged, and replaced.",
            "Nothing need be imported for reconciler to read it: Compose files are manifests.",
            *unused,
        ),
    )
