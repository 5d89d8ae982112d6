"""The JSON Schema of a manifest, from the models, for editors: `# yaml-language-server: $schema=...`."""

import json
from itertools import chain
from typing import Any

from ..options import Drivers, Option, accepted, usable
from .fields import NAME
from .record import Record
from .top import Top
from .workload import Deployed, SharedFile, VolumeRecord, WorkloadRecord

DRAFT = "https://json-schema.org/draft/2020-12/schema"
UNUSED = "Accepted for Compose's sake; nothing uses it."
ABOUT = {
    "volumes": "Volumes that containers name.",
    "secrets": "Secrets that containers name, each a file.",
    "configs": "Configs that containers name, each a file.",
}
VARIABLE = {"$ref": "#/$defs/Variable"}
NO_TEXT = ("boolean", "integer", "number")
SCALAR = {"type": ["string", "number", "boolean", "null"]}


def text(drivers: Drivers) -> str:
    """The schema as it is committed and printed."""
    return json.dumps(schema(drivers), indent=1, sort_keys=True) + "\n"


def schema(drivers: Drivers) -> dict[str, Any]:
    made = Top.model_json_schema(mode="validation")
    definitions = made.pop("$defs")
    for apart in (WorkloadRecord, VolumeRecord, SharedFile):
        definitions |= parts(apart)
    for model in descendants(Record):
        mapping = made if model is Top else definitions[model.__name__]
        complete(mapping, model)
    run(made, definitions)
    definitions["NetworkRecord"]["properties"]["driver_opts"] = driver_options(drivers)
    for section in ("networks", "services", "containers", "hosts"):
        made["properties"][section]["propertyNames"] = {"pattern": f"^{NAME.pattern}$"}
    named = {name.removesuffix("Record"): with_variables(untitled(one)) for name, one in definitions.items()}
    named["Variable"] = {"type": "string", "pattern": r"\$", "description": "It has a variable's value."}
    return {"$schema": DRAFT, "title": "Manifest", **with_variables(untitled(made)), "$defs": named}


def with_variables(value: Any) -> Any:
    """The same, where `${VARIABLE}` may stand for a number, for true or false, and for one of some words."""
    if isinstance(value, list):
        return [with_variables(child) for child in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in NO_TEXT or isinstance(value.get("enum"), list):
        told = {key: value[key] for key in ("description", "default") if key in value}
        return {"anyOf": [{k: v for k, v in value.items() if k not in told}, VARIABLE], **told}
    done = {key: with_variables(child) for key, child in value.items()}
    if "anyOf" in value:
        ways = [*chain.from_iterable(way.get("anyOf", [way]) for way in done["anyOf"])]
        rest = [way for way in ways if way != VARIABLE]
        text = len(rest) == len(ways) or {"type": "string"} in rest
        done["anyOf"] = rest if text else [*rest, VARIABLE]
    return done


def parts(model: type[Record]) -> dict[str, Any]:
    """The definitions that a model comes to, its own among them."""
    whole = model.model_json_schema(mode="validation")
    return {**whole.pop("$defs", {}), model.__name__: whole}


def run(made: dict[str, Any], definitions: dict[str, Any]) -> None:
    """What is held against those that run something alone stands where it is written."""
    told = definitions.pop(WorkloadRecord.__name__)["properties"]
    for name in ("Container", "Service"):
        known = definitions[name]["properties"]
        known |= {key: about for key, about in told.items() if key in known and key != "deploy"}
    definitions["Deploy"]["properties"] |= {
        key: about
        for key, about in definitions.pop(Deployed.__name__)["properties"].items()
        if key in Deployed.model_fields
    }
    for section, model in (("volumes", VolumeRecord), ("secrets", SharedFile), ("configs", SharedFile)):
        about = {"$ref": f"#/$defs/{model.__name__}"}
        made["properties"][section] = {
            "additionalProperties": {"anyOf": [about, {"type": "null"}]},
            "description": ABOUT[section],
            "type": "object",
        }


def descendants(model: type[Record]) -> list[type[Record]]:
    return [m for below in model.__subclasses__() for m in (below, *descendants(below))]


def complete(mapping: dict[str, Any], model: type[Record]) -> None:
    """What pydantic does not know: keys that nothing uses, and `x-`."""
    mapping["patternProperties"] = {"^x-": {}}
    for key in sorted(model.unused):
        mapping["properties"][key] = {"description": UNUSED}


def driver_options(drivers: Drivers) -> dict[str, Any]:
    """Every driver's options; whose they are stands in the description."""
    found: dict[str, tuple[Option, list[str]]] = {}
    for driver, described in usable(drivers):
        for name, option in accepted(described.options).items():
            found.setdefault(name, (option, []))[1].append(driver)
    properties = {
        name: {**SCALAR, "description": f"{option.about} ({', '.join(names)})"}
        for name, (option, names) in found.items()
    }
    about = "Options of the driver, by our names or Docker's."
    kinds = {"type": "object", "additionalProperties": SCALAR}
    return {**kinds, "description": about, "properties": properties}


def untitled(value: Any) -> Any:
    """Without the titles that pydantic makes of the keys' names; a definition is called as people would."""
    if isinstance(value, dict):
        return {k: untitled(v) for k, v in value.items() if k != "title" or not isinstance(v, str)}
    if isinstance(value, str) and value.startswith("#/$defs/"):
        return value.removesuffix("Record")
    return [untitled(child) for child in value] if isinstance(value, list) else value
