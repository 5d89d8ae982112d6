"""A service that is scaled beside its files: what stands stays, and everybody who should know is told."""

import pytest

from tests.netns.watching import watching

MANIFEST = """
name: t
networks: {n: {}}
services:
  web: {networks: [n], scale: 2}
"""
BACK = "warning: t/web goes from 4 replicas back to 2, as its files say\n  hint: --scale t/web=4 keeps them"


@pytest.fixture
def folder(lab):
    lab.write(MANIFEST, "m/t.yaml")
    lab.succeed(lab.reconcile("--apply", lab.files / "m"))
    return lab.files / "m"


def replicas(lab) -> dict[str, str]:
    return {name: lab.address(name) for name in lab.namespaces()}


def test_replicas_come_and_go_at_the_end_and_what_stands_stays(lab, folder):
    two = replicas(lab)
    four = lab.succeed(lab.reconcile("--plan", "--scale", "web=4", "-o", "json", folder)).steps
    assert {step for step in four if "namespace" in step} == {f"create namespace t-web-{n}" for n in (3, 4)}
    stays = [step for step in four if "t-web-1" in step or "t-web-2" in step]
    assert stays == ["update balancer t-web-1", "update balancer t-web-2"]
    lab.succeed(lab.reconcile("--rehearse", "--scale", "web=4", folder))
    lab.succeed(lab.reconcile("--apply", "--scale", "web=4", folder))
    assert [*replicas(lab)] == ["t-web-1", "t-web-2", "t-web-3", "t-web-4"]
    assert two.items() < replicas(lab).items()
    again = lab.succeed(lab.reconcile("--plan", "--exit-code", "--scale", "web=4", folder))
    assert again.out == "Nothing to do.\n" and again.err == ""
    lab.succeed(lab.reconcile("--apply", "--scale", "web=1", folder))
    assert replicas(lab) == {"t-web-1": two["t-web-1"]}


def test_it_is_told_where_it_stands_goes_and_comes_back(lab, folder):
    assert lab.succeed(lab.reconcile("--apply", "--scale", "web=4", folder)).err == ""
    four = replicas(lab)
    status = lab.reconcile("--status", folder)
    assert status.rc == 2 and "beside the files: --scale t/web=4\n" in status.out
    assert lab.reconcile("--status", "-o", "json").json["scaled"] == {"t/web": 4}
    assert BACK in lab.succeed(lab.reconcile("--plan", folder)).err
    assert lab.succeed(lab.reconcile("--plan", "--scale", "web=3", folder)).err == ""
    assert BACK in lab.succeed(lab.reconcile("--apply", folder / "t.yaml")).err
    assert len(replicas(lab)) == 2
    assert "beside the files" not in lab.succeed(lab.reconcile("--status", folder)).out
    back = lab.succeed(lab.reconcile("--rollback", "2"))
    assert "revision 2 was applied with --scale t/web=4" in back.err and replicas(lab) == four
    assert "beside the files: --scale t/web=4\n" in lab.reconcile("--status").out


def test_a_watcher_goes_by_the_files_and_whoever_scales_beside_it_is_told(lab, folder):
    scale = ("--apply", "--wait", 5, "--scale", "web=3")
    with watching(lab, folder) as watcher:
        watcher.settled()
        elsewhere = lab.write(MANIFEST.replace("name: t", "name: o"), "elsewhere/o.yaml")
        assert "watcher" not in lab.succeed(lab.reconcile(*scale, elsewhere)).err
        said = lab.succeed(lab.reconcile(*scale, folder)).err
        assert said.count("warning: the watcher applies the files as they are, and so undoes") == 1
        assert "--scale t/web=3" in said
        watcher.until(lambda: "t-web-3" not in lab.namespaces())
        watcher.until(lambda: "--scale t/web" not in lab.reconcile("--status").out)
        lab.succeed(lab.reconcile("--suspend"))
        assert "watcher" not in lab.succeed(lab.reconcile(*scale, folder)).err
        watcher.settled()
        assert "t-web-3" in lab.namespaces()
