"""The file of a saved state: what is no such file, and where it can be used."""

import json
import random
from contextlib import suppress
from dataclasses import replace

import pytest

from reconciler import __version__
from reconciler.cli import arguments
from reconciler.errors import UsageError
from reconciler.hosts.snapshot import saved, sealed
from reconciler.inventory.facts import Blocker, Claim, Device, Facts, Listener, LiveNetwork, StackedNetwork
from reconciler.manifest.store.codec import decode, encode, shape
from tests.odd import ODD, odd

FACTS = Facts(
    name="h",
    routes=frozenset({"10.0.0.0/8", "192.0.2.0/24"}),
    addresses={"192.0.2.1": "eth0"},
    links={"eth0": Device(mtu=9000)},
    namespaces=frozenset({"theirs"}),
    listeners=frozenset({Listener("tcp", "::", 22)}),
    blockers=(Blocker("inet", "f", "c", "forward", True),),
    public_key=lambda: "key=",
    heard=lambda: (Listener("tcp", "::", 22, "sshd (pid 7)"),),
    local=lambda: frozenset({"192.0.2.64/26"}),
    missing={"vxlan": "no"},
    networks={"n": LiveNetwork("p", "br", ("10.0.0.1/24",))},
    claims=(Claim("p", 4, "", "tcp", 1, 2),),
    children=(StackedNetwork("p", "n", "eth0", "macvlan", "bridge"),),
    guarded=(True, False),
)


@pytest.mark.parametrize("facts", [FACTS, Facts()])
def test_facts_read_back_as_they_were_written(facts):
    told = decode(Facts, json.loads(encode(facts)))
    asked_later = ("public_key", "heard", "local")
    assert all(getattr(told, name)() == getattr(facts, name)() for name in asked_later)
    assert replace(told, now=facts.now, **{name: getattr(facts, name) for name in asked_later}) == facts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("", "is no saved state"),
        ("[]", "is no saved state"),
        ('{"schema_version": 2}', "is no saved state"),
        ('{"schema_version": 3}', "is of schema version 3, and this is 2"),
        ('{"schema_version": 2, "facts": [1], "bare": [], "told": [], "asked": []}', "is no saved state"),
        ("\x00\xff", "is no saved state"),
    ],
)
def test_what_is_no_saved_state_is_named(tmp_path, text, words):
    file = tmp_path / "h2.json"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=words):
        saved(str(file))


WHOLE = {
    "schema_version": 2,
    "version": "9",
    "shape": shape(Facts),
    "facts": FACTS,
    "bare": [],
    "told": [],
    "asked": [],
}


def test_a_picture_that_lost_something_is_none(tmp_path):
    file, told = tmp_path / "h2.json", json.loads(encode(WHOLE))
    file.write_text(json.dumps({**told, "seal": sealed(encode(told))}, indent=2))
    assert saved(str(file)).facts().name == "h"
    file.write_text(json.dumps(told))
    with pytest.raises(UsageError, match="is no saved state"):
        saved(str(file))
    file.write_text(json.dumps({**told, "seal": sealed(encode(told)), "bare": [["Bridge", ["x"]]]}))
    with pytest.raises(UsageError, match="is no saved state"):
        saved(str(file))


def test_a_picture_by_a_version_that_has_other_fields_is_told(tmp_path):
    file, told = tmp_path / "h2.json", json.loads(encode({**WHOLE, "shape": {"Facts": ["colour"]}}))
    file.write_text(json.dumps({**told, "seal": sealed(encode(told))}))
    with pytest.raises(UsageError, match=f"is of reconcile 9, and this is {__version__}"):
        saved(str(file))


def test_any_bytes_are_a_picture_or_refused(tmp_path):
    file, told, luck = tmp_path / "h2.json", json.loads(encode(WHOLE)), random.Random(7)
    whole = json.dumps({**told, "seal": sealed(encode(told))}).encode()
    for _ in range(150):
        data = bytearray(whole)
        at = luck.randrange(len(data))
        data[at : at + luck.choice([0, 1, 9, 99])] = luck.choice([b"", b"\0", b"[", b'"', b"9" * 20, b"null"])
        file.write_bytes(data)
        with suppress(UsageError):
            saved(str(file))


@pytest.mark.parametrize("place", WHOLE)
def test_a_forged_picture_is_refused_too(tmp_path, place):
    """Whoever makes the seal as well gets a sentence."""
    file, told = tmp_path / "h2.json", json.loads(encode(WHOLE))
    for value in (
        None,
        5,
        "x",
        [5],
        [[]],
        [["Bridge", [1]]],
        [["Nothing", []]],
        [[["Bridge"], {}]],
        {"a": 1},
    ):
        forged = {**told, place: value}
        file.write_text(json.dumps({**forged, "seal": sealed(encode(forged))}))
        with suppress(UsageError):
            saved(str(file))


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_file_is_no_picture(tmp_path, kind):
    with pytest.raises(UsageError):
        saved(str(odd(kind, tmp_path / "x")))


@pytest.mark.parametrize("mode", ["--apply", "--status", "--watch"])
def test_a_picture_can_only_be_looked_at(mode, capsys):
    assert arguments.main([mode, "--against", "h2.json"]) == 64
    assert "--against goes with --plan" in capsys.readouterr().err
