"""What is told for others to run: the same words, as a command line and as a unit."""

import shlex

import pytest

from reconciler.cli.arguments import parse
from reconciler.engines import engine
from reconciler.engines.export import command_lines, quadlet, quadlets
from reconciler.errors import UsageError
from reconciler.manifest.workload import BuildSpec, HealthSpec, MountSpec, WorkloadSpec
from tests.unit.engines.samples import saying, task

SPEC = WorkloadSpec(
    command=("sh", "-c", "echo $HOME 5%"),
    entrypoint=("/init",),
    mounts=(MountSpec(kind="volume", source="shop_data", target="/data"),),
    health=HealthSpec(test=("true", "x")),
    restart="unless-stopped",
    read_only=True,
    privileged=True,
    memory=4096,
    annotations={"a": "b c"},
)


def test_a_command_line_is_that_which_is_carried_out():
    one = task("podman", spec=SPEC)
    (text,) = command_lines([one, task("oci")])
    how = engine("podman").lower(one).how
    assert how and shlex.split(text) == ["podman", "run", *how.words]


def test_an_image_is_built_before():
    one = saying("podman", "build", BuildSpec(context="/src", inline="FROM busy"))
    build, run = command_lines([one])
    assert build == "podman build --tag busy --file - /src <<'END'\nFROM busy\nEND"
    assert run.startswith("podman run ")


def test_a_quadlet_has_a_key_for_what_it_can():
    given = task(
        "podman", spec=SPEC, environment={"TOKEN": "hunter2"}, labels={"tier": "front end"}, hostname="www"
    )
    assert quadlet(given) == (
        "shop-web.container",
        """\
[Unit]
Description=shop-web of project shop

[Container]
Image=busy
EnvironmentFile=/etc/containers/systemd/shop-web.env
Label="tier=front end"
ContainerName=shop-web
PodmanArgs=--http-proxy=false
Network=ns:/run/netns/shop-web
HostName=www
PodmanArgs=--no-hosts
Volume=/etc/netns/shop-web/resolv.conf:/etc/resolv.conf:ro
Volume=/etc/netns/shop-web/hosts:/etc/hosts:ro
Volume=shop_data:/data
HealthCmd=["true", "x"]
HealthInterval=30s
HealthTimeout=30s
HealthRetries=3
HealthStartPeriod=0s
ReadOnly=true
ReadOnlyTmpfs=false
PodmanArgs=--privileged
Annotation="a=b c"
PodmanArgs=--memory 4096b
PodmanArgs=--entrypoint "[\\"/init\\"]"
Exec=sh -c "echo $$HOME 5%%"

[Service]
Restart=always

[Install]
WantedBy=multi-user.target
""",
    )


def test_files_are_named():
    (text,) = quadlets([task("podman"), task("systemd")])
    assert text.startswith("# /etc/containers/systemd/shop-web.container\n[Unit]\n")


@pytest.mark.parametrize("form", ["podman", "quadlet"])
def test_they_are_forms_of_what_is_shown(form: str):
    assert parse(["--show", "-o", form]).output == form
    with pytest.raises(UsageError, match="goes with --show"):
        parse(["--plan", "-o", form])
