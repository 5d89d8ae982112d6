"""What is said of a key where it is a field of spec.py."""

from typing import NamedTuple


class Key(NamedTuple):
    """What the key of a field's name means, the type in model/checks.py that its text is held against (of
    sequences and mappings each value), and whether a text alone or a list is another spelling."""

    about: str
    check: str = ""
    also: str = ""  # text, list
