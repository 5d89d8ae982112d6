"""The reference of the documentation is what parser and schema say."""

import pytest

from reconciler.cli import arguments, reference
from reconciler.drivers import BUILT_IN, built_in
from reconciler.manifest.model import schema
from tests.docs import DOCS

SCHEMA = schema.schema({name: built_in(name) for name in BUILT_IN})
MADE = {"command": reference.command, "manifest": lambda: reference.manifest(SCHEMA)}


@pytest.mark.parametrize("name", MADE)
def test_it_is_fresh(name, update_golden, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    file, text = DOCS / "reference" / f"{name}.md", MADE[name]()
    if update_golden:
        file.write_text(text)
    assert file.read_text() == text


def test_every_flag_is_in_it_and_in_the_page_that_says_more():
    made, told = reference.command(), (DOCS / "command.md").read_text()
    flags = {one for action in arguments.parser()._actions for one in action.option_strings}
    for flag in sorted(flags - {"--help", "-h", "--version"}):
        assert f"`{flag}" in made and f"`{flag}" in told, flag


def test_every_key_is_in_it():
    made = reference.manifest(SCHEMA)
    for mapping in (SCHEMA, *SCHEMA["$defs"].values()):
        assert all(f"`{key}`" in made for key in mapping.get("properties", ()))
