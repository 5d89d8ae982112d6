"""What every mapping of a manifest has in common, and how its fields are described.

Values come here with one spelling for everything (merge.py), so that a field has one type; the other
spellings are added to the schema alone, by `Also`.
"""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

from ..compose.ignored_keys import NOTHING
from .fields import Scalar

TEXTS: JsonSchemaValue = {"type": "array", "items": {"type": "string"}}


class Also:
    """Another spelling that the schema allows; merge.py turns it into the first beforehand."""

    def __init__(self, other: JsonSchemaValue):
        self.other = other

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(core), self.other]}


class Record(BaseModel):
    """A mapping with known keys; `x-` keys are anybody's, and nothing uses Compose's `unused`."""

    # Built when first used: a run needs two or three of these models, and each costs some milliseconds.
    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, protected_namespaces=(), defer_build=True
    )
    unused: ClassVar[frozenset[str]] = NOTHING
    nested: ClassVar[dict[str, tuple[str, "type[Record]"]]] = {}  # key -> (one, map or list; of what)


def Is(description: str, **more: Any) -> Any:
    return Field(description=description, **more)


Texts = Annotated[dict[str, Scalar], Also(TEXTS)]
