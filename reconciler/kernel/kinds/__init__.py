"""One file for each kind, with all that this package knows of it; a file that is here is in the table."""

from importlib import import_module
from pkgutil import iter_modules

from .table import KINDS

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")

__all__ = ["KINDS"]
