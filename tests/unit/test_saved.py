"""The file of a saved state: what is no such file, and where it can be used."""

import json

import pytest

from reconciler import cli
from reconciler.errors import UsageError
from reconciler.facts import Blocker, Child, Claim, Device, Facts, Listener, Standing
from reconciler.manifest.frozen import freeze, reader
from reconciler.saved import saved

FACTS = Facts(
    name="h",
    routes=frozenset({"10.0.0.0/8", "192.0.2.0/24"}),
    addresses={"192.0.2.1": "eth0"},
    links={"eth0": Device(mtu=9000)},
    namespaces=frozenset({"theirs"}),
    listeners=frozenset({Listener("tcp", "::", 22)}),
    blockers=(Blocker("inet", "f", "c", "forward", True),),
    public_key="key=",
    missing={"vxlan": "no"},
    networks={"n": Standing("p", "br", ("10.0.0.1/24",))},
    claims=(Claim("p", 4, "", "tcp", 1, 2),),
    children=(Child("p", "n", "eth0", "macvlan", "bridge"),),
    guarded=(True, False),
)


@pytest.mark.parametrize("facts", [FACTS, Facts(public_key="")])
def test_facts_read_back_as_they_were_written(facts):
    assert reader(Facts)(json.loads(freeze(facts))) == facts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("", "is no saved state"),
        ("[]", "is no saved state"),
        ('{"schema_version": 1}', "is no saved state"),
        ('{"schema_version": 2}', "is of schema version 2, and this is 1"),
        ('{"schema_version": 1, "facts": [1], "bare": [], "told": [], "asked": []}', "is no saved state"),
        ("\x00\xff", "is no saved state"),
    ],
)
def test_what_is_no_saved_state_is_named(tmp_path, text, words):
    file = tmp_path / "h2.json"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=words):
        saved(str(file))


@pytest.mark.parametrize("mode", ["--apply", "--status", "--watch"])
def test_a_picture_can_only_be_looked_at(mode, capsys):
    assert cli.main([mode, "--against", "h2.json"]) == 64
    assert "--against goes with --plan" in capsys.readouterr().err
