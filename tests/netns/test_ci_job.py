"""The example of a job in manifests/ci: its lines, as a runner's shell runs them, on a throw-away host."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest
import yaml

from reconciler.manifest.compose.files import find
from reconciler.manifest.yaml.node import Mistakes
from tests.netns.lab import ENVIRONMENT, ROOT, Lab, Result
from tests.netns.samples import MORE, WEB
from tests.netns.test_checkout import git

JOB = ROOT / "manifests/ci/.gitlab-ci.yml"
PIPELINE = yaml.safe_load(JOB.read_text())
LACKING = "name: p\nnetworks: {lan: {driver: macvlan, parent: nic}}\ncontainers: {a: {networks: [lan]}}\n"

pytestmark = pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("curl")), reason="git or curl is not installed"
)


class Notes(BaseHTTPRequestHandler):
    """The part of GitLab's interface that comments on a merge request."""

    posted: list[tuple[str, str, str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.posted.append((self.path, self.headers["PRIVATE-TOKEN"], parse_qs(body)["body"][0]))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Runner:
    """Who checks out the repository and runs the lines of a job, on this host."""

    lab: Lab
    tree: Path
    environment: dict[str, str]

    def commit(self, manifest: str, name: str = "t.yaml") -> None:
        (self.tree / "networks").mkdir(exist_ok=True)
        (self.tree / "networks" / name).write_text(manifest)
        git(self.tree, "add", "networks")
        git(self.tree, "commit", "-qm", "x")

    def run(self, job: str, request: str = "") -> Result:
        words = ["bash", "-c", "\n".join(["set -eo pipefail", *PIPELINE[job]["script"]])]
        environment = {**self.environment, **({"CI_MERGE_REQUEST_IID": request} if request else {})}
        return self.lab.run(words, check=False, cwd=self.tree, env=environment)


@pytest.fixture
def runner(lab: Lab) -> Iterator[Runner]:
    tree, programs = lab.files / "tree", lab.files / "bin"
    for folder in (tree, programs):
        folder.mkdir(parents=True)
    git(tree, "init", "-q")
    (programs / "reconcile").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m reconciler "$@"\n')
    (programs / "reconcile").chmod(0o755)
    Notes.posted.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Notes) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        known = {
            **{name: str(value) for name, value in PIPELINE["variables"].items()},
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CI_API_V4_URL": f"http://127.0.0.1:{server.server_port}/api/v4",
            "CI_PROJECT_ID": "7",
            "TOKEN": "secret",
        }
        yield Runner(lab, tree, {**ENVIRONMENT, **known})
        server.shutdown()


def test_a_merge_request_is_told_and_what_was_told_is_applied(runner: Runner) -> None:
    runner.commit(WEB)
    assert runner.run("plan", request="3").rc == 0
    [(path, token, body)] = Notes.posted
    assert (path, token) == ("/api/v4/projects/7/merge_requests/3/notes", "secret")
    assert body == (runner.tree / "plan.md").read_text()
    assert "+ container t-web" in body and git(runner.tree, "rev-parse", "HEAD")[:12] in body
    assert runner.lab.namespaces() == []
    assert runner.run("plan").rc == 0 and len(Notes.posted) == 1
    applied = runner.run("apply")
    assert applied.rc == 0 and runner.lab.namespaces() == ["t-db", "t-web"], applied
    assert runner.run("plan").rc == 0
    assert "nothing to do" in (runner.tree / "plan.md").read_text() and runner.run("apply").rc == 0


def test_what_has_moved_since_is_not_applied(runner: Runner) -> None:
    runner.commit(WEB)
    assert runner.run("plan").rc == runner.run("apply").rc == 0
    runner.commit(MORE)
    assert runner.run("plan").rc == 0
    runner.lab.run("ip netns del t-db")
    refused = runner.run("apply")
    assert refused.rc == 1 and "t-cache" not in runner.lab.namespaces(), refused
    assert runner.run("plan").rc == runner.run("apply").rc == 0


def test_who_waits_is_told_before_the_job_fails_and_a_mistake_is_its_log_s(runner: Runner) -> None:
    runner.commit(WEB)
    runner.commit(LACKING, "p.yaml")
    assert runner.run("plan", request="3").rc == 3
    assert "**Projects that wait: 1**" in Notes.posted[0][2]
    runner.commit("name: p\nnetworks: {lan: {drivr: x}}\n", "p.yaml")
    broken = runner.run("plan", request="3")
    assert broken.rc == 65 and "drivr" in broken.err and len(Notes.posted) == 1


def test_a_comment_that_is_not_taken_fails_the_job(runner: Runner) -> None:
    runner.commit(WEB)
    runner.environment["CI_API_V4_URL"] += "\n"
    assert runner.run("plan", request="3").rc not in (0, 2)


def test_the_shell_is_well_written() -> None:
    shellcheck = Path(sys.prefix, "bin", "shellcheck")
    for job in ("plan", "apply"):
        script = "\n".join(PIPELINE[job]["script"])
        subprocess.run([shellcheck, "-s", "bash", "-"], input=script, text=True, check=True)


def test_a_folder_of_manifests_is_read_without_it() -> None:
    found = [one.file for one in find([ROOT / "manifests"], Mistakes())]
    assert len(found) > 10 and not [file for file in found if "/ci/" in file]
