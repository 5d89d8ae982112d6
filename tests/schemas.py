"""The schemas of what the command writes, held against it: stricter than its readers should be, since here a
key that no schema names is a mistake."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "schemas"
TYPES = {"string": str, "array": list, "object": dict, "null": type(None), "boolean": bool}
SILENT = {"description", "title", "$schema", "$id", "$defs"}  # what checks nothing
Schema = dict[str, Any]


class Checked:
    """One schema; each keyword that it may use is a method, so that no other passes for checked."""

    def __init__(self, name: str):
        self.root: Schema = json.loads((FOLDER / f"{name}.schema.json").read_text())

    def faults(self, value: Any) -> list[str]:
        return list(self.wrong(value, self.root, "$"))

    def faults_of_row(self, key: str, value: Any) -> list[str]:
        """What is wrong with one of an array."""
        return list(self.wrong(value, self.root["properties"][key]["items"], f"$.{key}[]"))

    def faults_of(self, definition: str, value: Any) -> list[str]:
        return list(self.wrong(value, self.root["$defs"][definition], definition))

    def wrong(self, value: Any, schema: Schema | bool, at: str) -> Iterator[str]:
        for keyword, wanted in schema.items() if isinstance(schema, dict) else ():
            if keyword not in SILENT:
                yield from getattr(self, f"check_{keyword.strip('$')}")(value, wanted, at)
        if isinstance(value, dict) and isinstance(schema, dict) and "properties" in schema:
            yield from (f"{at}.{key} is in no schema" for key in value.keys() - schema["properties"].keys())

    def check_type(self, value: Any, wanted: str | list[str], at: str) -> Iterator[str]:
        if not any(is_of(value, kind) for kind in ([wanted] if isinstance(wanted, str) else wanted)):
            yield f"{at} is no {wanted}: {value!r:.80}"

    def check_const(self, value: Any, wanted: Any, at: str) -> Iterator[str]:
        yield from self.check_enum(value, [wanted], at)

    def check_enum(self, value: Any, wanted: list[Any], at: str) -> Iterator[str]:
        if value not in wanted:
            yield f"{at} is none of {wanted}: {value!r:.80}"

    def check_pattern(self, value: Any, wanted: str, at: str) -> Iterator[str]:
        if isinstance(value, str) and not re.search(wanted, value):
            yield f"{at} is not like {wanted}: {value!r:.80}"

    def check_minimum(self, value: Any, wanted: int, at: str) -> Iterator[str]:
        if is_of(value, "number") and value < wanted:
            yield f"{at} is less than {wanted}: {value}"

    def check_minItems(self, value: Any, wanted: int, at: str) -> Iterator[str]:
        if isinstance(value, list) and len(value) < wanted:
            yield f"{at} has {len(value)} items"

    def check_maxItems(self, value: Any, wanted: int, at: str) -> Iterator[str]:
        if isinstance(value, list) and len(value) > wanted:
            yield f"{at} has {len(value)} items"

    def check_maxProperties(self, value: Any, wanted: int, at: str) -> Iterator[str]:
        if isinstance(value, dict) and len(value) > wanted:
            yield f"{at} has {len(value)} keys"

    def check_items(self, value: Any, wanted: Schema, at: str) -> Iterator[str]:
        for number, one in enumerate(value if isinstance(value, list) else ()):
            yield from self.wrong(one, wanted, f"{at}[{number}]")

    def check_prefixItems(self, value: Any, wanted: list[Schema], at: str) -> Iterator[str]:
        for number, (one, schema) in enumerate(
            zip(value if isinstance(value, list) else (), wanted, strict=False)
        ):
            yield from self.wrong(one, schema, f"{at}[{number}]")

    def check_properties(self, value: Any, wanted: dict[str, Schema], at: str) -> Iterator[str]:
        for key, schema in wanted.items() if isinstance(value, dict) else ():
            if key in value:
                yield from self.wrong(value[key], schema, f"{at}.{key}")

    def check_required(self, value: Any, wanted: list[str], at: str) -> Iterator[str]:
        yield from (
            f"{at}.{key} is missing" for key in wanted if isinstance(value, dict) and key not in value
        )

    def check_additionalProperties(self, value: Any, wanted: Schema, at: str) -> Iterator[str]:
        for key, one in value.items() if isinstance(value, dict) else ():
            yield from self.wrong(one, wanted, f"{at}.{key}")

    def check_anyOf(self, value: Any, wanted: list[Schema], at: str) -> Iterator[str]:
        found = [list(self.wrong(value, schema, at)) for schema in wanted]
        if all(found):
            yield from max(found, key=lambda faults: -len(faults))

    def check_ref(self, value: Any, wanted: str, at: str) -> Iterator[str]:
        yield from self.wrong(value, self.root["$defs"][wanted.removeprefix("#/$defs/")], at)


def is_of(value: Any, kind: str) -> bool:
    if kind in TYPES:
        return isinstance(value, TYPES[kind])
    return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
