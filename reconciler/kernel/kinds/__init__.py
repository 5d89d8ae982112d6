"""One file for each kind, with all that this package knows of it; a file that is here is in the table."""

import os
from importlib import import_module

from .table import KINDS

for file in sorted(os.listdir(__path__[0])):
    if file.endswith(".py") and not file.startswith("_"):
        import_module(f"{__name__}.{file[:-3]}")

__all__ = ["KINDS"]
