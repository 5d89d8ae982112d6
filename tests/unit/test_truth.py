"""Whose a project is: what a host remembers of the folder that it stands from."""

from dataclasses import replace

import pytest

from reconciler.errors import ManifestError
from reconciler.inventory.ownership import root_of, roots
from reconciler.kinds.comment import kept
from reconciler.manifest.sources import Source
from reconciler.manifest.spec import Manifest, ProjectSpec
from reconciler.pipeline import compare
from reconciler.truth import destruction, there
from tests.unit.test_pipeline import FakeHost, blog, run, shop

LONG = "/" + "ü" * 60
REPOSITORY = "git.example.org/ops/net"
RED, BLUE = (Source(path=f"/{name}", names=(f"/{name}",), whole=True) for name in ("red", "blue"))


def of(source: Source, *manifests: Manifest, **more: object) -> Manifest:
    projects = (replace(p, path=source.path) for one in manifests for p in one.projects)
    return Manifest(projects=tuple(projects), sources=(source,), **more)  # type: ignore[arg-type]


def both(red: Manifest, blue: Manifest) -> Manifest:
    return Manifest(projects=(*of(RED, red).projects, *of(BLUE, blue).projects), sources=(RED, BLUE))


@pytest.mark.parametrize(
    ("stood", "names", "folder", "file"),
    [
        ("", ["/a"], "/a", ""),
        ("/a", ["/a"], "/a", "/a"),
        ("/a", [REPOSITORY, "/a"], REPOSITORY, REPOSITORY),
        (REPOSITORY, [REPOSITORY, "/elsewhere"], REPOSITORY, REPOSITORY),
        (REPOSITORY, [f"{REPOSITORY}//hosts", "/a"], REPOSITORY, REPOSITORY),
        ("/", ["/a/b"], "/", "/"),
        ("/a", ["/a/b"], "/a", "/a"),
        ("/a/b", ["/a"], "/a", None),
        ("/ab", ["/a"], None, None),
        ("/a", ["/ab"], None, None),
        ("/a", ["/b"], None, None),
        ("/a", ["standard input"], None, None),
        ("/a", [], "/a", "/a"),
        (kept("p", LONG), [LONG], LONG, LONG),
        (kept("p", LONG), [f"{LONG}/b"], kept("p", LONG), kept("p", LONG)),
    ],
)
def test_what_is_remembered(stood, names, folder, file):
    assert root_of("p", stood, names, whole=True) == folder
    assert root_of("p", stood, names, whole=False) == file


def test_several_folders_prune_like_one():
    host = FakeHost()
    run(host, both(shop(1), blog()))
    assert roots(host.observe()) == {"shop": "/red", "blog": "/blue"}
    run(host, both(shop(1), Manifest()))
    assert roots(host.observe()) == {"shop": "/red"}


def test_one_of_several_folders_leaves_the_others():
    host = FakeHost()
    run(host, both(shop(1), blog()))
    assert not run(host, of(RED, shop(1))).todo
    run(host, of(RED, Manifest()))
    assert roots(host.observe()) == {"blog": "/blue"}


def test_another_folder_takes_nothing_over_by_name_or_by_destroying():
    host = FakeHost()
    run(host, of(RED, shop(2)))
    taken = of(BLUE, shop(1))
    for manifest in (taken, replace(taken, partial=True), destruction(taken, frozenset())):
        with pytest.raises(ManifestError, match="project shop stands from /red, and /blue has one"):
            compare(manifest, host)
    assert destruction(taken, frozenset({"shop"})).partial
    assert compare(destruction(Manifest(), frozenset({"shop"})), host).todo


def test_adopting_is_said():
    host = FakeHost()
    run(host, of(RED, shop(2)))
    run(host, of(BLUE, shop(1)), adopt=True)
    assert roots(host.observe()) == {"shop": "/blue"}
    assert not compare(of(BLUE, shop(1)), host).todo
    assert not compare(of(RED, Manifest()), host).todo


def test_what_nobodys_folder_has_is_taken_on_and_a_file_changes_no_folder():
    host = FakeHost()
    file = replace(RED, whole=False)
    run(host, of(file, shop(1)))
    assert roots(host.observe()) == {"shop": ""}
    run(host, of(RED, shop(1)))
    assert not compare(of(file, shop(1)), host).todo
    host.lose("link host/br-shop-front")
    assert compare(of(file, shop(1)), host).todo == compare(of(RED, shop(1)), host).todo != ()


def test_what_an_earlier_version_recorded_is_the_same_folder():
    """It knew paths alone."""
    host = FakeHost()
    run(host, replace(Manifest(projects=(*shop(1).projects, *blog().projects)), root="/red"))
    clone = Source(path="/red", names=(f"{REPOSITORY}//red", "/red"), whole=True)
    run(host, of(clone, shop(1)))
    assert roots(host.observe()) == {"shop": f"{REPOSITORY}//red"}
    assert not compare(of(replace(clone, path="/ci", names=(clone.names[0], "/ci")), shop(1)), host).todo


# another machine


def known_as(names: tuple[str, ...], *stood: tuple[str, Source]) -> tuple[str, ...]:
    host = FakeHost()
    made = {"shop": shop(1), "blog": blog()}
    for name, source in stood:
        run(host, of(source, made[name]))
    wanted = of(Source(path="/ci", names=names, whole=True), shop(1), blog())
    return there(wanted, host.observe()).sources[0].names


def test_paths_say_nothing_of_another_machine():
    in_git = replace(RED, names=(REPOSITORY,))
    assert known_as(("/ci",)) == ("/ci",)
    assert known_as(("/ci",), ("shop", RED)) == ("/red",)
    assert known_as(("/ci",), ("shop", in_git)) == (REPOSITORY,)
    assert known_as((REPOSITORY, "/ci"), ("shop", RED)) == ("/red",)
    assert known_as((REPOSITORY, "/ci"), ("shop", RED), ("blog", in_git)) == (REPOSITORY, "/ci")
    assert known_as(("git.example.org/other", "/ci"), ("shop", in_git)) == ("git.example.org/other", "/ci")


def test_a_project_without_a_source_claims_nothing():
    host = FakeHost()
    run(host, of(RED, shop(1)))
    assert not compare(Manifest(projects=shop(1).projects), host).todo
    assert ProjectSpec(name="x").path == ""
