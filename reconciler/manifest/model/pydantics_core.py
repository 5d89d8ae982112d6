"""What checks, of pydantic's core: beside it is a module of types, for who writes schemas by hand, that takes
a tenth of all that a run imports."""

import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING

PACKAGE = "pydantic_core"


def library() -> ModuleType:
    """It alone: its package is there, and what is in that is run when somebody else imports it.  Where it is
    called otherwise, the package."""
    if PACKAGE in sys.modules or not (spec := find_spec(PACKAGE)):
        return import_module(PACKAGE)
    sys.modules[PACKAGE] = module_from_spec(spec)
    try:
        with suppress(ImportError):
            return import_module(f"{PACKAGE}._pydantic_core")
    finally:
        del sys.modules[PACKAGE]
    return import_module(PACKAGE)


CORE = library()
if TYPE_CHECKING:
    from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError
else:
    PydanticCustomError, SchemaValidator = CORE.PydanticCustomError, CORE.SchemaValidator
    ValidationError = CORE.ValidationError
VERSION: str = CORE.__version__
FILE = CORE.__file__ or ""

__all__ = ["FILE", "VERSION", "PydanticCustomError", "SchemaValidator", "ValidationError"]
