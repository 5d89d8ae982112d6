"""What others call things, as keys of a manifest and as names of projects."""

import re

STRANGE = re.compile(r"[^A-Za-z0-9_.-]+")
LONGEST = 63


def key_of(name: str) -> str:
    """The nearest that a manifest takes."""
    return STRANGE.sub("-", name).lstrip(".-")[:LONGEST] or "unnamed"


def project_of(name: str) -> str:
    """Likewise: small letters, digits, `-` and `_`."""
    return re.sub(r"[^a-z0-9_-]+", "", name.lower()).lstrip("-_")[:LONGEST]
