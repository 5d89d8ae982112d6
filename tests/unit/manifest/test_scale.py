"""`--scale`: another number of replicas than the files say, and everything that it cannot be."""

import json

import pytest

from reconciler.cli.arguments import main
from reconciler.errors import ManifestError, ManifestErrors
from reconciler.manifest.parts import sayings
from reconciler.manifest.scale import scaled
from reconciler.safety.revisions import Revisions

SHOP = """
name: shop
networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}
services:
  web: {networks: [n], scale: 2}
  api: {networks: [n], deploy: {replicas: 2}}
  named: {networks: [n], container_name: x}
  fixed: {networks: {n: {ipv4_address: 10.1.0.9}}}
  all: {networks: [n], deploy: {mode: global}}
  here: {attach: {pid: 1}, networks: [n]}
  later: {networks: [n], profiles: [p]}
containers: {one: {networks: [n]}}
"""
BLOG = "{name: blog, networks: {n: }, services: {web: {networks: [n]}}}"


@pytest.fixture
def folder(desk):
    desk.write("shop.yaml", SHOP)
    desk.write("blog.yaml", BLOG)
    return desk


def loaded(desk, *scales: str, **more):
    return desk.load("shop.yaml", "blog.yaml", environ={"RECONCILE_SCALE": ",".join(scales)}, **more)


def numbers(manifest) -> dict[str, int]:
    return {f"{p.name}/{c.name}": c.replicas for p in manifest.projects for c in p.containers}


def test_a_service_has_the_last_number_that_is_asked_for_and_the_others_theirs(folder):
    plain, manifest = loaded(folder), loaded(folder, "shop/web=3", "api=4", "shop/web=5", "named=1")
    assert numbers(manifest) == {**numbers(plain), "shop/web": 5, "shop/api": 4}
    assert scaled(manifest) == {"shop/web": 5, "shop/api": 4} and scaled(plain) == {}
    assert manifest.digest != plain.digest and sayings(manifest)["blog"] == sayings(plain)["blog"]


def test_as_many_as_the_files_say_is_what_they_say(folder):
    same = loaded(folder, "shop/web=2")
    assert scaled(same) == {} and sayings(same) == sayings(loaded(folder))
    assert numbers(loaded(folder, "shop/web=0"))["shop/web"] == 0


def test_what_is_kept_of_one_run_is_not_taken_for_another(folder, tmp_path):
    for scales, number in ((), 2), (("shop/web=5",), 5), ((), 2), (("shop/web=3",), 3), (("shop/web=3",), 3):
        manifest = loaded(folder, *scales, folder=str(tmp_path / "kept"))
        assert numbers(manifest)["shop/web"] == number


@pytest.mark.parametrize(
    ("scale", "words", "hint"),
    [
        ("wbe=3", "there is no service wbe", "did you mean `web`?"),
        ("web=3", "2 projects have a service web", "write blog/web or shop/web"),
        ("shp/web=3", "no project is named shp", "did you mean `shop`?"),
        ("blog/api=3", "there is no service api", "there are: web"),
        ("one=3", "there is no service one", "it is one of `containers:`"),
        ("later=3", "there is no service later", "it is in the profile p, which is not active"),
        ("named=2", "2 replicas cannot share a `container_name`", "remove the name"),
        ("fixed=2", "2 replicas cannot share 10.1.0.9", "remove the address"),
        ("all=1", "a global service has one replica on every host", "leave out --scale all=1"),
        ("here=2", "several replicas cannot be attached to one", "write one container each"),
    ],
)
def test_what_cannot_be_scaled_is_told(folder, scale, words, hint):
    with pytest.raises(ManifestErrors) as caught:
        loaded(folder, scale)
    (error,) = caught.value.errors
    assert words in error.message and error.hint.startswith(hint)


def test_what_nobody_can_have_asked_for_is_told(folder):
    with pytest.raises(ManifestError, match="RECONCILE_SCALE: 'x' is no number of replicas"):
        loaded(folder, "api=x")


NONE = ["web", "web=", "=3", "web=-1", "web=x", "web=65537", "web=٣", "a/b/c=1", ""]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_number_of_replicas_is_usage(folder, text, capsys):
    assert main(["--show", f"--scale={text}", str(folder.folder / "blog.yaml")]) == 64
    assert "argument --scale: " in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["--watch", "--status", "--validate", "--destroy"])
def test_only_some_modes_scale(folder, mode, monkeypatch, capsys):
    monkeypatch.setenv("RECONCILE_SCALE", "web=2")
    assert main([mode, str(folder.folder / "blog.yaml")]) == 64
    assert "--scale goes with --plan, --apply" in capsys.readouterr().err


def test_a_revision_tells_of_it_until_the_project_is_applied_without(folder, tmp_path, capsys):
    past = Revisions(str(tmp_path / "state"))
    past.record(loaded(folder, "shop/web=5"), ("/m",), "", "s")
    assert past.scaled(["shop", "blog"]) == {"shop/web": 5} and past.scaled(["blog"]) == {}
    assert past.last(("/m",)).projects[1].containers[0].files_say == 2
    past.record(folder.load("blog.yaml"), ("/m/blog.yaml",), "", "s")
    assert past.scaled(["shop", "blog"]) == {"shop/web": 5}
    assert main(["--history", "-o", "json", "--state-dir", str(tmp_path / "state")]) == 0
    rows = json.loads(capsys.readouterr().out)["revisions"]
    assert [row["scaled"] for row in rows] == [{}, {"shop/web": 5}]
    past.record(loaded(folder), ("/m",), "", "s")
    assert past.scaled(["shop", "blog"]) == {}


def test_who_scales_over_hosts_is_told_that_the_lock_has_to_know(desk, monkeypatch, capsys):
    hosts = "hosts: {h1: {address: 10.0.0.1}, h2: {address: 10.0.0.2}}\n"
    network = "networks: {n: {driver: overlay, ipam: {config: [{subnet: 10.55.0.0/24}]}}}\n"
    file = str(desk.write("t.yaml", f"name: t\n{hosts}{network}services: {{web: {{networks: [n]}}}}\n"))
    assert main(["--lock", file]) == 0
    monkeypatch.setenv("RECONCILE_HOST", "h2")
    assert main(["--show", "--scale", "web=2", file]) == 65
    assert "run `reconcile --lock` with the same PATHs and --scale" in capsys.readouterr().err
    assert main(["--lock", "--scale", "web=2", file]) == main(["--show", "--scale", "web=2", file]) == 0
    assert "sandbox t-web-2" in capsys.readouterr().out
