"""One file for each kind, with all that this package knows of it; a file that is here is in the table."""

from importlib import import_module
from pathlib import Path

from .table import KINDS

for file in sorted(Path(__file__).parent.glob("[!_]*.py")):
    import_module(f"{__name__}.{file.stem}")

__all__ = ["KINDS"]
