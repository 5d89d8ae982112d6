"""Folders: several of them, two with one project, and a checkout at another path."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.netns.lab import Lab
from tests.netns.snapshot import differing


def project(name: str, port: int) -> str:
    return (
        f"name: {name}\nnetworks: {{n: {{}}}}\ncontainers: {{web: {{networks: [n], ports: ['{port}:80']}}}}\n"
    )


def git(folder: Path, *words: str) -> None:
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    person = ("-c", "user.name=x", "-c", "user.email=x@x")
    subprocess.run(["git", "-C", folder, *person, *words], check=True, capture_output=True)


def last(lab: Lab, *words: object) -> str:
    return lab.succeed(lab.reconcile("--plan", *words)).out.strip().rpartition("\n")[2]


def test_several_folders_prune_like_one(lab):
    red = lab.write(project("red", 8001), "red/r.yaml").parent
    lab.write(project("blue", 8002), "blue/b.yaml")
    gone = lab.write(project("blue2", 8003), "blue/b2.yaml")
    lab.succeed(lab.reconcile("--apply", red, gone.parent))
    assert "red: 1 network, 1 sandbox, 1 published port, from /run/lab/red\n" in lab.reconcile("--status").out
    gone.unlink()
    assert lab.reconcile("--status", red, gone.parent).rc == 2
    assert last(lab, red) == "Nothing to do."
    lab.succeed(lab.reconcile("--apply", red, gone.parent))
    assert lab.namespaces() == ["blue-web", "red-web"]


def test_a_name_that_another_folder_has_is_refused_and_both_are_named(lab):
    red = lab.write(project("shop", 8001), "red/shop.yaml").parent
    blue = lab.write("name: shop\ncontainers: {other: {}}\n", "blue/mine.yaml")
    lab.succeed(lab.reconcile("--apply", red))
    before = lab.snapshot()
    for path in (blue.parent, blue):
        for mode in ("--plan", "--apply", "--destroy", "--status"):
            result = lab.reconcile(mode, path)
            assert result.rc == 65 and "/run/lab/red" in result.err and "/run/lab/blue has" in result.err, (
                result
            )
            assert "blue/mine.yaml:1" in result.err and "--adopt" in result.err
    assert differing(before, lab.snapshot()) == {}
    lab.succeed(lab.reconcile("--apply", "--adopt", blue.parent))
    assert lab.namespaces() == ["shop-other"] and lab.reconcile("--apply", red).rc == 65
    lab.succeed(lab.reconcile("--destroy", "--project", "shop"))
    assert lab.namespaces() == []


def test_a_file_of_a_folder_is_of_that_folder(lab):
    one = lab.write(project("a", 8001), "dir/hosts/a.yaml")
    lab.write(project("b", 8002), "dir/b.yaml")
    lab.succeed(lab.reconcile("--apply", lab.files / "dir"))
    assert last(lab, one) == last(lab, one.parent) == "Nothing to do."
    lab.run("ip -n a-web link del eth0")  # the kernel takes a namespace's links away some time after its name
    lab.run("ip netns del a-web")
    assert last(lab, one) == last(lab, lab.files / "dir")


def test_a_plan_is_the_same_wherever_the_checkout_is(lab):
    """The case of a job that has the manifests, and a picture of the host."""
    host, picture = lab.write(project("a", 8001), "host/a.yaml").parent, lab.files / "state.json"
    lab.write(project("b", 8002), "host/b.yaml")
    lab.succeed(lab.reconcile("--apply", host))
    lab.succeed(lab.reconcile("--status", "--out", picture, host))
    job = lab.files / "job"
    shutil.copytree(host, job)
    assert last(lab, "--against", picture, job) == last(lab, "--against", picture, job / "a.yaml")
    assert last(lab, "--against", picture, job) == "Nothing to do."
    (job / "b.yaml").unlink()
    (host / "b.yaml").unlink()
    planned = last(lab, host)
    assert "1 container, 1 network, 1 port, " in planned and last(lab, "--against", picture, job) == planned


def test_every_clone_of_a_repository_is_the_same_folder(lab):
    """Also for an apply, and after an upgrade: what was recorded by its path is taken on."""
    lab.write(project("a", 8001), "origin/net/a.yaml")
    lab.write(project("b", 8002), "origin/net/b.yaml")
    lab.succeed(lab.reconcile("--apply", lab.files / "origin/net"))
    git(lab.files / "origin", "init")
    git(lab.files / "origin", "add", ".")
    git(lab.files / "origin", "commit", "-m", "x")
    git(lab.files / "origin", "remote", "add", "origin", "git@git.example.org:ops/all.git")
    for name in ("host", "job"):
        git(lab.files, "clone", "origin", name)
    git(lab.files / "host", "remote", "set-url", "origin", "https://token@git.example.org/ops/all")
    lab.succeed(lab.reconcile("--apply", lab.files / "origin/net"))
    assert "from git.example.org/ops/all//net" in lab.reconcile("--status").out
    for name in ("host", "job"):
        assert last(lab, lab.files / name / "net") == "Nothing to do."
        (lab.files / name / "net/b.yaml").unlink()
    assert last(lab, lab.files / "host/net") == last(lab, lab.files / "job/net") != "Nothing to do."
    git(lab.files / "job", "remote", "set-url", "origin", "https://git.example.org/others")
    assert lab.reconcile("--plan", lab.files / "job/net").rc == 65
