"""What was validated is remembered, and forgotten as soon as anything that it came from changes."""

import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.drivers import DRIVERS
from reconciler.errors import ManifestErrors
from reconciler.manifest import assemble
from reconciler.manifest.spec import Manifest, ProjectSpec
from reconciler.manifest.store.cache import KEPT, OLDEST, Asked, remembered
from reconciler.manifest.store.codec import Unknown, decode, encode, shape
from reconciler.pipeline import load

TEXT = """
name: shop
networks: {front: {enable_ipv6: true, ipam: {config: [{subnet: 10.1.0.0/24, aux_addresses: {a: 10.1.0.9}}]}}}
services:
  web:
    networks: {front: {aliases: [w], routes: []}}
    ports: ["80", "8080:80", "9000-9010:9000-9010"]
    extra_hosts: ["x:host-gateway"]
    environment: {A: "${ANIMAL:-cat}"}
"""


LATER = TEXT.replace("web:", "later:").replace("name: shop", "name: second")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "compose.yaml").write_text(TEXT)
    return tmp_path


def known(folder: Path, environ=None):
    return remembered(str(folder / "kept"), Asked((str(folder / "in"),), None, environ or {}, DRIVERS))


def loaded(folder: Path, environ=None):
    return load([folder / "in"], environ=environ or {}, folder=str(folder / "kept"))


@pytest.mark.parametrize("change", [{"scope": "swarm"}, {"options": ()}], ids=str)
def test_a_driver_of_which_something_else_is_told_makes_it_stale(folder, change):
    loaded(folder)
    other = SimpleNamespace(**{"scope": "local", "options": DRIVERS["bridge"].options, **change})
    asked = Asked((str(folder / "in"),), None, {}, {"bridge": other})
    assert known(folder) and not remembered(str(folder / "kept"), asked)


def test_a_manifest_is_decoded_as_it_was_encoded():
    manifest = load(["-"], stdin=TEXT, environ={})
    found = decode(Manifest, json.loads(encode(manifest)))
    assert found == manifest
    assert found.projects[0].containers[0].where.line == 5


def test_what_is_no_manifest_is_a_value_error():
    for data in ({}, [1], [[[]], 1, 2, 3, 4], None, "x", json.loads(encode(load(["-"], stdin=TEXT)))[:-1]):
        with pytest.raises(ValueError):
            decode(Manifest, data)


def test_what_an_earlier_version_had_no_field_for_takes_its_default():
    earlier = shape(Manifest) | {"Manifest": ["root", "projects"], "ProjectSpec": ["name"]}
    assert decode(Manifest, ["/m", [["shop"]]], earlier) == Manifest(
        root="/m", projects=(ProjectSpec(name="shop"),)
    )


def test_what_a_later_version_wrote_is_unknown_here():
    later = shape(Manifest) | {"PoolSpec": ["base", "size", "where", "colour"]}
    with pytest.raises(Unknown, match="colour"):
        decode(Manifest, json.loads(encode(Manifest())), later)


def test_the_second_time_it_is_remembered(folder):
    assert known(folder) is None
    assert loaded(folder) == known(folder) == loaded(folder)


@pytest.mark.parametrize("change", ["text", "override", "dotenv", "new file", "variable", "version", "shape"])
def test_whatever_it_came_from_makes_it_forgotten(folder, change, monkeypatch):
    loaded(folder)
    environ = {}
    match change:
        case "text":
            (folder / "in/compose.yaml").write_text(TEXT.replace("8080", "8081"))
        case "override":
            (folder / "in/compose.override.yaml").write_text("services: {web: {hostname: w}}\n")
        case "dotenv":
            (folder / "in/.env").write_text("ANIMAL=dog\n")
        case "new file":
            (folder / "in/more.yaml").write_text("name: blog\ncontainers: {web: {}}\n")
        case "variable":
            environ = {"ANIMAL": "dog"}
        case "version":
            monkeypatch.setattr("reconciler.manifest.store.cache.__version__", "0")
        case "shape":
            monkeypatch.setattr("reconciler.manifest.store.cache.shape", lambda kind: {})
    assert known(folder, environ) is None


@pytest.mark.parametrize("place", ["a folder that nothing else is read from", "behind a link", "a folder"])
def test_a_file_that_was_not_there_makes_it_forgotten(folder, place):
    late = folder / "late"
    late.mkdir()
    include = "include: [{path: compose.yaml, project_directory: ../late}]\n"
    match place:
        case "behind a link":
            (folder / "in/.env").symlink_to(late / ".env")
        case "a folder":
            (late / ".env").mkdir()
            (folder / "in/main.yaml").write_text(include)
        case _:
            (folder / "in/main.yaml").write_text(include)
    before = loaded(folder)
    assert known(folder) == before
    if place == "a folder":
        (late / ".env").rmdir()
    (late / ".env").write_text("ANIMAL=dog\n")
    assert known(folder) is None
    assert loaded(folder).projects[0].containers[0].environment["A"] == "dog"


@pytest.mark.parametrize("new", ["compose.yaml", "another.yaml"])
def test_what_is_saved_while_it_is_read_is_read_next_time(folder, new, monkeypatch):
    """Else the last edit of several would never come to anything."""
    read = assemble.assemble

    def assembled(*asked):
        found = read(*asked)
        (folder / "in" / new).write_text(LATER)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(assemble, "assemble", assembled)
        load([folder / "in"], folder=str(folder / "cache"))
    found = load([folder / "in"], folder=str(folder / "cache"))
    assert "later" in {spec.name for project in found.projects for spec in project.containers}


FILES = {
    "a/compose.yaml": (
        "name: a\nservices: {web: {}}",
        "services: {web: {hostname: '${H:-x}'}}",
        "name: ${N}",
    ),
    "a/compose.override.yaml": ("services: {web: {hostname: o}}", "name: b\nservices: {more: {}}", "a: 1"),
    "a/.env": ("N=fromenv", "H=there", "", "COMPOSE_PROJECT_NAME=other"),
    "b.yaml": (
        "name: b\ninclude: [base.yaml]\ncontainers: {one: {}}",
        "name: a\nservices: {two: {ulimits: {}}}",
        "name: b\nservices: {three: {extends: {file: base.yaml, service: web}}}",
        "name: b\nservices: {four: {env_file: [{path: some.env, required: false}], image: $BLANK}}",
    ),
    "base.yaml": (
        "networks: {net: {}}\nservices: {web: {}}",
        "name: c\nservices: {web: {}}",
        "nothing: ours",
    ),
    "some.env": ("A=1", "A=2"),
}
EDITS = st.sampled_from([(file, text) for file, texts in FILES.items() for text in (*texts, None)])


@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=2, max_size=5))
def test_what_is_taken_over_is_what_would_be_read(commits):
    """A law: whatever was edited, added or removed, a load that knows the one before is equal to one that
    knows nothing."""
    with TemporaryDirectory() as name:
        (home := Path(name, "in", "a")).mkdir(parents=True)
        for edits in commits:
            for file, text in edits:
                at = home.parent / file
                at.unlink(missing_ok=True) if text is None else at.write_text(text)
            assert attempt(home.parent) == attempt(home.parent, folder=str(Path(name, "kept")))


def attempt(path: Path, **more):
    try:
        return encode(load([path], environ={}, **more))
    except ManifestErrors as error:
        return str(error)


def test_of_what_was_edited_no_more_is_read(folder, monkeypatch):
    (folder / "in/more.yaml").write_text("name: blog\ncontainers: {web: {}}\n")
    loaded(folder)
    (folder / "in/more.yaml").write_text("name: blog\ncontainers: {later: {}}\n")
    read, names = assemble.spec_of, []
    monkeypatch.setattr(assemble, "spec_of", lambda name, at: names.append(name) or read(name, at))
    assert [project.name for project in loaded(folder).projects] == ["blog", "shop"]
    assert names == ["blog"]


def test_a_corrupt_entry_is_ignored(folder):
    expected = loaded(folder)
    for entry in (folder / "kept").iterdir():
        entry.write_bytes(entry.read_bytes()[:-20])
    assert loaded(folder) == expected


def test_mistakes_are_never_remembered(folder):
    (folder / "in/compose.yaml").write_text("services: {web: {nonsense: 1}}\n")
    for _ in range(2):
        with pytest.raises(Exception, match="nonsense"):
            loaded(folder)


def test_old_entries_and_all_but_the_newest_are_pruned(folder):
    (folder / "kept").mkdir()
    now = time.time()
    for number in range(KEPT + 8):
        (entry := folder / "kept" / f"{number:032x}").touch()
        os.utime(entry, (now - number, now - number))
    os.utime(folder / "kept" / f"{2:032x}", (0, now - OLDEST - 60))
    (folder / "kept" / "folder").mkdir()
    loaded(folder)
    left = {path.name for path in (folder / "kept").iterdir()}
    assert len(left) == KEPT and known(folder) and "folder" in left
    assert f"{1:032x}" in left and f"{2:032x}" not in left and f"{KEPT:032x}" not in left


@pytest.mark.parametrize("path", ["gone/shop.yaml", "gone/below/shop.yaml", "in/compose.yaml/shop.yaml"])
def test_a_file_of_a_folder_that_is_not_there_is_one_that_cannot_be_read(path, folder):
    for kept in ("", str(folder / "kept")):
        with pytest.raises(ManifestErrors) as caught:
            load([folder / path], environ={}, folder=kept)
        [error] = caught.value.errors
        assert error.id == "R0102" and error.where.file == str(folder / path)
