"""podman's words for each thing that is said, and what it has no words for."""

from dataclasses import replace

import pytest

from reconciler.engines.podman import lower
from reconciler.errors import ManifestError, Where
from reconciler.kernel.workloads.commands import said_by
from reconciler.manifest.workload import BuildSpec, HealthSpec, MountSpec
from tests.unit.engines.samples import SAYING, place, saying, task

NETWORK = (
    "--http-proxy=false --network ns:/run/netns/shop-web --no-hosts"
    " --volume /etc/netns/shop-web/resolv.conf:/etc/resolv.conf:ro"
    " --volume /etc/netns/shop-web/hosts:/etc/hosts:ro"
)
WORDS = [
    ("mounts", SAYING["mounts"], "--volume /srv:/www"),
    (
        "mounts",
        (MountSpec(kind="bind", source="/srv", target="/www", read_only=True, options=("z",)),),
        "--volume /srv:/www:ro,z",
    ),
    ("mounts", (MountSpec(kind="volume", source="shop_data", target="/data"),), "--volume shop_data:/data"),
    ("mounts", (MountSpec(kind="volume", target="/data"),), "--mount type=volume,dst=/data"),
    ("mounts", (MountSpec(kind="tmpfs", target="/run"),), "--tmpfs /run"),
    ("mounts", (MountSpec(kind="tmpfs", target="/run", options=("size=64m",)),), "--tmpfs /run:size=64m"),
    ("restart", "on-failure:3", "--restart on-failure:3"),
    ("working_dir", "/www", "--workdir /www"),
    ("user", "1000:1000", "--user 1000:1000"),
    ("group_add", ("7", "8"), "--group-add 7 --group-add 8"),
    ("read_only", True, "--read-only --read-only-tmpfs=false"),
    ("init", True, "--init"),
    ("tty", True, "--tty"),
    ("stdin_open", True, "--interactive"),
    ("privileged", True, "--privileged"),
    ("cap_add", ("NET_RAW",), "--cap-add NET_RAW"),
    ("cap_drop", ("ALL",), "--cap-drop ALL"),
    ("security_opt", ("no-new-privileges:true",), "--security-opt no-new-privileges=true"),
    ("security_opt", ("label=disable",), "--security-opt label=disable"),
    ("security_opt", ("systempaths=unconfined",), "--security-opt unmask=ALL"),
    ("devices", ("/dev/fuse",), "--device /dev/fuse"),
    ("ulimits", (("nofile", 100, 200), ("core", -1, -1)), "--ulimit nofile=100:200 --ulimit core=-1:-1"),
    ("sysctls", (("kernel.msgmax", "1000"),), "--sysctl kernel.msgmax=1000"),
    ("shm_size", 1048576, "--shm-size 1048576b"),
    ("stop_signal", "SIGINT", "--stop-signal SIGINT"),
    ("stop_grace_period", 1.5, "--stop-timeout 2"),
    ("pid", "container:shop-db-1", "--pid container:shop-db-1"),
    ("ipc", "shareable", "--ipc shareable"),
    ("uts", "host", "--uts host"),
    ("userns_mode", "host", "--userns host"),
    ("cgroup_parent", "/shop", "--cgroup-parent /shop"),
    ("platform", "linux/arm64", "--platform linux/arm64"),
    ("pull_policy", "if_not_present", "--pull missing"),
    ("pull_policy", "build", "--pull never"),
    (
        "logging",
        ("json-file", (("max-file", "3"), ("max-size", "9m"))),
        "--log-driver k8s-file --log-opt max-size=9m",
    ),
    ("annotations", {"a": "b c"}, "--annotation a=b c"),
    ("oom_score_adj", -5, "--oom-score-adj -5"),
    ("cpus", 0.5, "--cpus 0.5"),
    ("cpuset", "0-1", "--cpuset-cpus 0-1"),
    ("cpu_shares", 512, "--cpu-shares 512"),
    ("memory", 64000000, "--memory 64000000b"),
    ("memory_reservation", 64000000, "--memory-reservation 64000000b"),
    ("memory_swap", -1, "--memory-swap -1"),
    ("pids", -1, "--pids-limit -1"),
]


def before_labels(words: tuple[str, ...]) -> str:
    return " ".join(words[: words.index("--label")])


@pytest.mark.parametrize("name, value, words", WORDS)
def test_a_field_has_its_options(name: str, value: object, words: str):
    found = lower(saying("podman", name, value))
    assert before_labels(found.how.words) == f"--detach --name shop-web {NETWORK} {words}"


def test_every_field_has_a_row():
    own = {"command", "entrypoint", "variables", "build", "health"}
    assert {name for name, _, _ in WORDS} | own == SAYING.keys()


def test_the_image_and_its_words_come_last():
    plain = task("podman")
    assert lower(plain).how.words[-3:] == ("busy", "sleep", "9")
    spec = replace(plain.spec, entrypoint=("/bin/sh", "-c"), command=None)
    assert lower(replace(plain, spec=spec)).how.words[-3:] == ("--entrypoint", '["/bin/sh", "-c"]', "busy")
    spec = replace(spec, entrypoint=(), command=())
    assert lower(replace(plain, spec=spec)).how.words[-3:] == ("--entrypoint", "", "busy")


def test_a_task_of_the_hosts_network_has_podmans_own_files_of_names():
    words = before_labels(lower(task("podman", sandbox="", hostname="www")).how.words)
    assert words == "--detach --name shop-web --http-proxy=false --network host --hostname www"


def test_a_file_of_names_that_is_mounted_is_that_one():
    mounts = (MountSpec(kind="bind", source="/srv/hosts", target="/etc/hosts"),)
    words = lower(saying("podman", "mounts", mounts)).how.words
    assert [word for word in words if "/etc/hosts" in word] == ["/srv/hosts:/etc/hosts"]


def test_variables_are_named_and_their_values_given():
    how = lower(task("podman", environment={"B": "2\n3", "A": "1", "PATH": "/app", "HTTP*": "x"})).how
    assert "--env A --env B --env HTTP*=x --env PATH=/app" in before_labels(how.words)
    assert how.environment == {"A": "1", "B": "2\n3"}


@pytest.mark.parametrize(
    "health, words",
    [
        (HealthSpec(test=()), "--no-healthcheck"),
        (
            HealthSpec(test=("CMD", "a b"), timeout=3, retries=2, start_period=90),
            '--health-cmd ["CMD", "a b"] --health-interval 30s --health-timeout 3s --health-retries 2'
            " --health-start-period 90s",
        ),
        (
            HealthSpec(test=("/bin/a b",)),
            """--health-cmd ["'/bin/a b'"] --health-interval 30s --health-timeout 30s"""
            " --health-retries 3 --health-start-period 0s",
        ),
    ],
)
def test_a_test_is_of_podmans_and_its_time_ours(health: HealthSpec, words: str):
    assert before_labels(lower(saying("podman", "health", health)).how.words).endswith(words)


def test_labels_tell_what_it_was_made_of():
    found = lower(
        task(
            "podman",
            labels={"tier": "front", "reconciler.project": "x"},
            after=(("shop-db", "service_healthy"),),
        )
    )
    words = found.how.words
    labels = dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "--label")
    assert labels == {
        "tier": "front",
        "reconciler.project": "shop",
        "reconciler.name": "shop-web",
        "reconciler.digest": found.digest,
        "reconciler.image": "busy",
        "reconciler.sandbox": "shop-web",
        "reconciler.restart": "no",
        "reconciler.after": '[["shop-db", "service_healthy"]]',
        "reconciler.grace": "10",
    }


def test_an_image_is_built():
    build = BuildSpec(
        context="/src", dockerfile="a/Dockerfile", arguments=(("V", "1"),), target="run", labels=(("a", "b"),)
    )
    how = lower(saying("podman", "build", build)).how
    words = "--tag busy --file /src/a/Dockerfile --build-arg V=1 --label a=b --target run /src"
    assert how.build == tuple(words.split())
    inline = lower(saying("podman", "build", BuildSpec(context="https://a/b.git", inline="FROM busy\n"))).how
    assert inline.build == ("--tag", "busy", "--file", "-", "https://a/b.git")
    assert inline.containerfile == "FROM busy\n"


def test_folders_are_made_where_that_was_asked_for():
    mounts = tuple(
        MountSpec(kind="bind", source=f"/{made}", target=f"/{made}", make=made) for made in (True, False)
    )
    assert lower(saying("podman", "mounts", mounts)).how.folders == ("/True",)


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("command", (), "take an image's command away"),
        ("logging", ("syslog", ()), "does not log to `syslog`"),
        ("logging", ("", (("tag", "a,b"), ("labels", "a,b"))), "differ on .* mean in `tag: a,b`"),
        ("annotations", {"a": 'say "b"'}, 'differ on what .* mean in `a: say "b"`'),
        ("pull_policy", "daily", "does not know `pull_policy: daily`"),
        ("security_opt", ("writable-cgroups=true",), "has no security option `writable-cgroups=true`"),
    ],
)
def test_what_podman_has_no_way_for_is_told_at_its_place(name: str, value: object, words: str):
    with pytest.raises(ManifestError, match=words) as caught:
        lower(saying("podman", name, value))
    assert caught.value.where == place(name)


def test_a_path_that_podman_cannot_take_is_told_at_its_mount():
    where = Where("shop.yaml", 12, 9)
    with pytest.raises(ManifestError, match="takes no path") as caught:
        lower(saying("podman", "mounts", (MountSpec(kind="bind", source="/a:b", target="/c", where=where),)))
    assert caught.value.where == where


def test_a_root_is_no_image():
    with pytest.raises(ManifestError, match="rootfs"):
        lower(task("podman", rootfs="/srv/root"))


def test_a_podman_that_waits_for_a_lock_is_not_waited_for_without_end():
    with pytest.raises(TimeoutError, match="no answer from sleep within 0.1 s"):
        said_by(["sleep", "5"], patience=0.1)
