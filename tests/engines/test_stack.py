"""A stack of docker/awesome-compose as its authors wrote it, brought up by one command: nginx, an application
and PostgreSQL, with a published port, a secret, a volume, a user and a test of health."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import blocks
from tests.engines import images
from tests.netns.conftest import lab, privileged
from tests.netns.engine_room import engine, running, with_podman
from tests.netns.lab import HOST4, ROOT, Lab
from tests.netns.watching import until

__all__ = ["lab", "privileged"]
NAME = "nginx-golang-postgres"
PLACES = (folder / "shared/corpus/awesome-compose" / NAME for folder in Path(__file__).parents)
SOURCE = next((place for place in PLACES if place.exists()), Path())
LACK = ("" if "RECONCILER_ENGINES" in os.environ else "run tests/engines/run as root") or images.lack()
pytestmark = pytest.mark.skipif(bool(LACK), reason=LACK)

# What the authors have beside the file, in short.
APPLICATION = """#!/bin/sh
export PGPASSWORD=$(cat /run/secrets/db-password)
printf "Content-Type: text/plain\\r\\n\\r\\n"
psql -h db -U postgres -d example -At -c "select title from blog"
"""
CONTAINERFILE = """
FROM localhost/psql AS builder
COPY app /app/cgi-bin/index.cgi
STOPSIGNAL KILL
CMD ["httpd", "-f", "-p", "8000", "-h", "/app"]
"""
FILES = {
    "backend/Dockerfile": CONTAINERFILE,
    "backend/app": APPLICATION,
    "proxy/nginx.conf": "server { listen 80; location / { proxy_pass http://backend:8000; } }\n",
    "db/password.txt": "q5n2g\n",
}
DB, BACKEND, PROXY = BOXES = tuple(f"{NAME}-{name}-1" for name in ("db", "backend", "proxy"))
TOLD = "create table blog (title text); insert into blog select 'Blog post #' || generate_series(0, 1)"
SHOWN = "Blog post #0\nBlog post #1\n"


@pytest.fixture
def host(lab: Lab) -> Iterator[Lab]:
    """One that has the images."""
    with with_podman(lab):
        images.nginx("docker.io/library/nginx:latest")
        images.postgres("docker.io/library/postgres:latest")
        yield lab


@pytest.fixture
def stack(host: Lab) -> Path:
    """Its file, and what is beside it."""
    images.psql("localhost/psql")
    shutil.copytree(SOURCE, host.files / NAME)
    for name, text in FILES.items():
        file = host.files / NAME / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    return host.files / NAME / "compose.yaml"


def page(lab: Lab, port: int = 80) -> str:
    """What a machine of the LAN is shown."""
    return lab.run(f"curl --silent --max-time 20 http://{HOST4}:{port}/", "R", check=False).out


@pytest.mark.skipif(not SOURCE.name, reason="the corpus is not here")
def test_an_unchanged_stack_comes_up_serves_heals_and_goes(lab, stack):
    before = lab.snapshot()

    def reconcile(mode: str, *words: object) -> str:
        return lab.succeed(lab.reconcile(mode, "--runtime=podman", stack, *words)).out

    reconcile("--apply")
    assert {*running()} == {*BOXES}
    inspected = ("inspect", "--format", "{{.State.StartedAt}}", *BOXES)
    started = engine(*inspected).splitlines()
    assert started == sorted(started)
    assert "Nothing to do" in reconcile("--plan") and "running, healthy" in reconcile("--status")
    engine("exec", DB, "psql", "--username=postgres", "--dbname=example", "--quiet", f"--command={TOLD}")
    assert page(lab) == SHOWN
    # The engine starts again what says so, in the same sandbox.
    os.kill(int(engine("inspect", "--format", "{{.State.Pid}}", DB)), signal.SIGKILL)
    until(lambda: page(lab) == SHOWN)
    assert "Nothing to do" in reconcile("--plan")
    # As with Compose, what a volume has outlives the stack.
    reconcile("--destroy")
    assert engine("ps", "--all", "--quiet") == "" and lab.namespaces() == []
    after = lab.snapshot()
    assert {key for key in after if after[key] != before[key] and "forward" not in key} == set()
    reconcile("--apply")
    assert page(lab) == SHOWN


def test_what_the_documentation_shows_runs_as_it_says(host):
    guide = (ROOT / "reconciler" / "docs" / "running.md").read_text()
    text = next(block.text for block in blocks(guide) if block.name == "compose.yaml")
    file = host.write(text, "compose.yaml")
    host.succeed(host.reconcile("--apply", "--runtime=podman", file))
    until(lambda: "Welcome to nginx" in page(host, 8080))
    asked = host.reconcile("--exec", "db", "--", "psql", "-U", "postgres", "-Atc", "select 41 + 1")
    assert asked.out == "42\n"
    host.succeed(host.reconcile("--destroy", file))
    assert engine("ps", "--all", "--quiet") == "" and host.namespaces() == []
