"""The JSON Schema: fresh, complete, and every field of it explained."""

import json
from pathlib import Path

import pytest

from reconciler.drivers import BUILT_IN, built_in
from reconciler.manifest.model import schema
from reconciler.manifest.model.record import Record
from reconciler.manifest.model.top import Top

COMMITTED = Path(__file__).parents[3] / "schemas" / "manifest.schema.json"
DRIVERS = {name: built_in(name) for name in BUILT_IN}
SCHEMA = schema.schema(DRIVERS)


def test_the_committed_schema_is_fresh(update_golden):
    if update_golden:
        COMMITTED.write_text(schema.text(DRIVERS))
    assert COMMITTED.read_text() == schema.text(DRIVERS)


@pytest.mark.parametrize("model", schema.descendants(Record), ids=lambda model: model.__name__)
def test_every_field_says_what_it_is(model):
    assert model.__doc__
    assert not [name for name, field in model.model_fields.items() if not field.description]


def test_every_key_is_said_once():
    """On the spec, or on the model where it is written otherwise than it is kept."""
    derived = [m for m in schema.descendants(Record) if m.__base__.__name__ == m.__name__]
    assert len(derived) == 9
    for model in derived:
        assert not model.__base__.model_fields.keys() & vars(model)["__annotations__"].keys()


def test_every_property_of_the_schema_has_a_description():
    tables = {"Top": SCHEMA, **SCHEMA["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, table in tables.items()
        for key, of in table.get("properties", {}).items()
        if "description" not in of
    ]
    assert not silent


def test_unknown_keys_are_wrong_and_extensions_are_not():
    for table in (SCHEMA, *(t for t in SCHEMA["$defs"].values() if "properties" in t)):
        assert table["additionalProperties"] is False and "^x-" in table["patternProperties"]


def test_references_lead_somewhere():
    text = json.dumps(SCHEMA)
    named = {part.split('"')[0] for part in text.split("#/$defs/")[1:]}
    assert named <= set(SCHEMA["$defs"])


def test_drivers_options_are_part_of_it():
    known = SCHEMA["$defs"]["Network"]["properties"]["driver_opts"]["properties"]
    for driver in DRIVERS.values():
        for option in driver.options:
            assert {option.key, *option.docker} <= set(known)


def test_both_spellings_are_allowed():
    service = SCHEMA["$defs"]["Service"]["properties"]
    assert {of.get("type") for of in service["networks"]["anyOf"]} == {"object", "array"}
    assert {of.get("type") for of in service["dns"]["anyOf"]} == {"array", "string"}
    assert {"string", "integer"} <= {of.get("type") for of in service["ports"]["items"]["anyOf"]}


def test_variables_may_stand_where_no_text_can():
    service, network = (SCHEMA["$defs"][name]["properties"] for name in ("Service", "Network"))
    variable = {"$ref": "#/$defs/Variable"}
    for key in (service["scale"], service["init"], network["internal"], network["gateway_mode"]):
        assert variable in key["anyOf"] and key["description"]
    for key in (service["networks"], service["ports"]["items"], network["mtu"], network["ipam"]):
        assert variable not in key["anyOf"]


def test_composes_unused_keys_are_accepted():
    assert {"build", "volumes", "healthcheck", "command"} <= set(SCHEMA["$defs"]["Service"]["properties"])
    assert set(Top.unused) <= set(SCHEMA["properties"])
