"""PATHs: files, directories and `-`, and everything that is no manifest."""

import os
import socket

import pytest

from reconciler.errors import ManifestErrors
from reconciler.manifest.compose import files
from reconciler.pipeline import load


def projects(manifest):
    return {project.name: sorted(c.name for c in project.containers) for project in manifest.projects}


def test_the_folders_name_is_the_projects(tmp_path):
    for folder, name in {"My App": "myapp", "_x.y": "xy", "a-b_c": "a-b_c"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "compose.yaml").write_text("services: {web: }")
        assert load([tmp_path / folder / "compose.yaml"], environ={}).projects[0].name == name


def test_a_folder_that_names_nothing(tmp_path):
    (tmp_path / "...").mkdir()
    (tmp_path / "..." / "a.yaml").write_text("services: {web: }")
    with pytest.raises(ManifestErrors, match="makes no project name"):
        load([tmp_path / "..." / "a.yaml"], environ={})


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("name: My_App\n", {}, "my_app"),
        ("name: '${N}'\n", {"N": "given"}, "given"),
        ("name: '${N}'\n", {}, "shop"),
        ("", {"COMPOSE_PROJECT_NAME": "env"}, "env"),
        ("name: own\n", {"COMPOSE_PROJECT_NAME": "env"}, "own"),
    ],
)
def test_the_projects_name(desk, text, environ, expected):
    assert desk.project(text + "services: {web: }", environ).name == expected


def test_standard_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifest = load(["-"], environ={}, stdin="name: piped\nservices: {web: }")
    assert projects(manifest) == {"piped": ["web"]} and manifest.root == ""
    with pytest.raises(ManifestErrors) as caught:
        load(["-"], environ={}, stdin="services: {web: {prots: }}\nx: 1")
    assert {error.where.file for error in caught.value.errors} == {"-"}


def test_a_directory_is_read_whole(desk):
    desk.write("a.yaml", "services: {a: }")
    desk.write("b.yml", "name: other\nservices: {b: }")
    desk.write("deep/er/c.yaml", "services: {c: }")
    desk.write(".hidden.yaml", "services: {no: }")
    desk.write(".git/d.yaml", "services: {no: }")
    desk.write("a.yaml~", "services: {no: }")
    desk.write(".a.yaml.swp", "services: {no: }")
    desk.write("4913", "")
    desk.write("notes.txt", "services: {no: }")
    manifest = desk.load(".")
    assert projects(manifest) == {"shop": ["a"], "other": ["b"], "er": ["c"]}
    assert manifest.root == str(desk.folder)


def test_a_directory_holds_other_yaml_too(desk):
    desk.write("compose.yaml", "services: {a: }")
    desk.write("prometheus.yml", "global: {scrape_interval: 5s}\nscrape_configs: []\n")
    desk.write("playbook.yaml", "- hosts: all\n")
    desk.write("empty.yaml", "# nothing\n")
    desk.write("deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n")
    desk.write("openapi.yaml", "openapi: 3.1.0\nservers: [{url: /}]\ntools: []\n")
    desk.write("requirements.yml", "roles: [{name: a}]\n")
    desk.write("stack.yaml", "Resources: {A: {B: !Ref C}, A: {}}\n")
    manifest = desk.load(".")
    assert projects(manifest) == {"shop": ["a"]}
    assert [note for note in manifest.notes if "no manifest" in note and "prometheus.yml" in note]


def test_a_misspelt_manifest_in_a_directory_is_not_passed_over(desk):
    desk.write("a.yaml", "servces: {web: }\n")
    (error,) = desk.refused(".")
    assert error.hint == "did you mean `services`?"


def test_a_broken_file_in_a_directory_is_a_mistake(desk):
    desk.write("a.yaml", "services: {a: }")
    desk.write("b.yaml", "services: {b: \n")
    assert len(desk.refused(".")) == 1


def test_of_composes_default_names_the_first_counts(desk):
    desk.write("compose.yaml", "services: {a: }")
    desk.write("docker-compose.yml", "services: {b: }")
    assert projects(desk.load(".")) == {"shop": ["a"]}


def test_an_empty_directory_is_an_empty_truth(desk):
    manifest = desk.load(".")
    assert manifest.projects == () and manifest.root == str(desk.folder)


def test_links_to_files_are_followed(desk):
    desk.write("..data/real.yaml", "services: {a: }")
    (desk.folder / "a.yaml").symlink_to("..data/real.yaml")
    assert projects(desk.load(".")) == {"shop": ["a"]}


def test_nameless_files_of_one_folder_go_together(desk):
    desk.write("base.yaml", "name: named\nservices: {a: {image: x}}")
    desk.write("over.yaml", "services: {a: {image: y}}")
    (project,) = desk.load("base.yaml", "over.yaml").projects
    assert (project.name, project.containers[0].image) == ("named", "y")


def test_files_of_two_projects(desk):
    desk.write("a.yaml", "name: one\nservices: {a: }")
    desk.write("b.yaml", "name: two\nservices: {b: }")
    assert projects(desk.load("a.yaml", "b.yaml")) == {"one": ["a"], "two": ["b"]}


def test_only_some_projects(desk):
    desk.write("a.yaml", "name: one\nservices: {a: }")
    desk.write("b.yaml", "name: two\nservices: {b: {prots: }}")
    assert projects(desk.load("a.yaml", "b.yaml", projects=frozenset({"one"}))) == {"one": ["a"]}
    with pytest.raises(ManifestErrors, match="no project is named oen") as caught:
        desk.load("a.yaml", "b.yaml", projects=frozenset({"oen"}))
    assert caught.value.errors[0].hint == "did you mean `one`?"


def test_a_project_has_a_name_that_files_can_have(desk):
    long = "a" * 129
    assert "of 129 characters, and 128 are most" in desk.only(f"name: {long}\nservices: {{web: }}").message
    desk.write(f"{long}/compose.yaml", "services: {web: }")
    assert "of 129 characters" in desk.refused(f"{long}/compose.yaml")[0].message
    assert desk.project(f"name: {long[1:]}\nservices: {{web: }}").name == long[1:]


def pipe(path):
    os.mkfifo(path)


def listener(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path)[-90:])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (pipe, "a pipe is no regular file"),
        (lambda path: path.symlink_to("nowhere"), "dangling link to nowhere"),
        (lambda path: path.symlink_to("x.yaml"), "cannot be read: Too many levels of symbolic links"),
        (lambda path: path.symlink_to("/dev/null"), "a device is no regular file"),
        (lambda path: path.write_bytes(b"a: \xff\n"), "no UTF-8: byte 0xff"),
        (lambda path: path.write_bytes("services: {}".encode("utf-16")), "no UTF-8: byte 0xff"),
        (lambda path: path.write_bytes(b"a: \0\n"), "no YAML"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b"# all gone\n"), "the file is empty"),
    ],
)
def test_what_cannot_be_read(desk, make, message):
    make(desk.folder / "x.yaml")
    (error,) = desk.refused("x.yaml")
    assert message in error.message and error.where.file.endswith("x.yaml")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (pipe, "a pipe is no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "a device is no regular file"),
        (lambda path: path.write_bytes(b"A=\xff"), "no UTF-8"),
        (os.mkdir, "is a directory"),
        (lambda path: path.symlink_to(path), "does not exist"),
        (lambda path: None, "does not exist"),
    ],
)
def test_a_file_of_variables_that_cannot_be_read(desk, make, message):
    """Nobody is to go on as if nothing stood in it."""
    make(desk.folder / "vars")
    desk.write("sub/a.yaml", "services: {web: {image: a}}")
    by_name = "services: {web: {image: a, env_file: vars}}", "include: [{path: sub/a.yaml, env_file: vars}]"
    for text in by_name:
        assert message in desk.only(text).message and desk.only(text).id == "R0102"
    for nothing in ("/dev/null", "'${UNSET}'"):
        desk.write("compose.yaml", by_name[0].replace("vars", nothing))
        desk.load()


def test_a_folder_in_the_place_of_an_env_file_is_not_to_be_made(desk):
    (desk.folder / "vars").mkdir()
    error = desk.only("services: {web: {env_file: [{path: vars, required: false}]}}")
    assert "is a directory" in error.message and error.hint == "name a file in it"


@pytest.mark.parametrize("make", [pipe, lambda path: path.symlink_to("/dev/zero")])
def test_what_stands_in_the_place_of_env_is_read_or_told(desk, make):
    make(desk.folder / ".env")
    assert "is no regular file" in desk.only("services: {web: {hostname: '${A:-default}'}}").message


def test_a_file_that_is_not_there_may_be_called_otherwise(desk):
    desk.write("shop.yaml", "services: {a: }")
    desk.write("shop.txt", "no manifest")
    assert [desk.refused(name)[0].hint for name in ("shop.yml", "other/shop.yml", "zzz")] == [
        "did you mean `shop.yaml`?", "", "",
    ]  # fmt: skip


def test_what_cannot_be_read_in_a_directory(desk):
    desk.write("a.yaml", "services: {a: }")
    os.mkfifo(desk.folder / "pipe.yaml")
    (desk.folder / "link.yml").symlink_to("nowhere")
    assert len(desk.refused(".")) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(desk):
    desk.write("x.yaml", "services: {}").chmod(0)
    assert "Permission denied" in desk.refused("x.yaml")[0].message


def test_a_file_that_is_too_large(desk, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    desk.write("x.yaml", "services: {web: }\n")
    assert "larger than" in desk.refused("x.yaml")[0].message


def test_bad_names_of_files(desk):
    assert "cannot be read" in desk.refused("a\0b")[0].message
    assert "cannot be read" in desk.refused("x" * 300)[0].message


def test_a_byte_order_mark_is_no_content(desk):
    (desk.folder / "compose.yaml").write_bytes(b"\xef\xbb\xbfservices: {web: }\n")
    assert projects(desk.load()) == {"shop": ["web"]}


def test_the_digest_covers_texts_and_variables(desk):
    desk.write("compose.yaml", "services: {web: {image: 'a:$TAG'}}")
    first = desk.load(environ={"TAG": "1", "OTHER": "1"}).digest
    assert desk.load(environ={"TAG": "1", "OTHER": "2"}).digest == first
    assert desk.load(environ={"TAG": "2"}).digest != first
    desk.write("compose.yaml", "services: {web: {image: 'b:$TAG'}}")
    assert desk.load(environ={"TAG": "1"}).digest != first
