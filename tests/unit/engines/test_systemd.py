"""The lines of a service for each thing that is said, and what systemd itself makes of them."""

import subprocess
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest

from reconciler.engines.systemd import lower
from reconciler.errors import ManifestError
from reconciler.manifest.workload import HealthSpec, MountSpec
from tests.unit.engines.samples import place, saying, task

LINES = [
    (
        "mounts",
        (MountSpec(kind="bind", source="/a b", target="/w"),),
        'BindPaths="/a b":/w|ReadWritePaths=+/w',
    ),
    (
        "mounts",
        (MountSpec(kind="volume", source="shop_data", target="/d", read_only=True),),
        "BindReadOnlyPaths=/var/lib/reconciler/volumes/shop_data:/d",
    ),
    (
        "mounts",
        (MountSpec(kind="tmpfs", target="/t", options=("size=1m",)),),
        "TemporaryFileSystem=/t:size=1m|ReadWritePaths=+/t",
    ),
    ("restart", "unless-stopped", "Restart=always|RestartSec=1"),
    ("restart", "on-failure:3", "Restart=on-failure|RestartSec=1"),
    ("working_dir", "/w%", "WorkingDirectory=/w%%"),
    ("user", "www-data:7", "User=www-data|Group=7"),
    ("group_add", ("7", "tty"), "SupplementaryGroups=7 tty"),
    ("read_only", True, "ReadOnlyPaths=+/|ReadWritePaths=+/dev +/proc"),
    ("security_opt", ("no-new-privileges:true",), "NoNewPrivileges=yes"),
    ("devices", ("/dev/fuse:/dev/f:rw",), "DeviceAllow=/dev/fuse rw|BindPaths=/dev/fuse:/dev/f"),
    ("ulimits", (("nofile", 1, -1),), "LimitNOFILE=1:infinity"),
    ("shm_size", 4096, "TemporaryFileSystem=/dev/shm:size=4096,mode=1777"),
    ("stop_signal", "SIGINT", "KillSignal=SIGINT"),
    ("cgroup_parent", "shop.slice", "Slice=shop.slice"),
    ("oom_score_adj", -5, "OOMScoreAdjust=-5"),
    ("cpus", 0.5, "CPUQuota=50%"),
    ("cpuset", "0-1", "AllowedCPUs=0-1"),
    ("cpu_shares", 512, "CPUWeight=50"),
    ("memory", 4096, "MemoryMax=4096"),
    ("memory_reservation", 4096, "MemoryLow=4096"),
    ("pids", -1, "TasksMax=infinity"),
    ("memory_swap", 4096, "MemorySwapMax=4096"),
    ("cap_drop", ("CHOWN",), "CapabilityBoundingSet=~CAP_CHOWN"),
    ("cap_drop", ("ALL",), "CapabilityBoundingSet="),
    ("cap_add", ("net_raw",), "AmbientCapabilities=CAP_NET_RAW"),
]


def unit(name: str, value: object, **other: object) -> str:
    how = lower(saying("systemd", name, value, rootfs="", **other)).how
    return how.files[0][1]


@pytest.mark.parametrize("name, value, lines", LINES)
def test_a_field_has_its_lines(name: str, value: object, lines: str):
    assert unit(name, value).partition("TimeoutStopSec=10\n")[2] == lines.replace("|", "\n") + "\n"


def test_a_service_is_whole():
    found = lower(task("systemd", labels={"a": "b"}, environment={"B": 'x"$`\\\ny', "A": "1"}))
    assert found.how.files == (
        (
            "reconciler-shop-web.service",
            f"""\
[Unit]
Description=shop-web of project shop
X-Reconciler-Label=["a", "b"]
X-Reconciler-After=[]
X-Reconciler-Digest={found.digest}
X-Reconciler-Grace=10
X-Reconciler-Image=busy
X-Reconciler-Name=shop-web
X-Reconciler-Project=shop
X-Reconciler-Restart=no
X-Reconciler-Sandbox=shop-web

[Service]
Type=exec
ExecStart=:sleep 9
NetworkNamespacePath=/run/netns/shop-web
RootDirectory=/srv/root
MountAPIVFS=yes
BindReadOnlyPaths=/etc/netns/shop-web/resolv.conf:/etc/resolv.conf
BindReadOnlyPaths=/etc/netns/shop-web/hosts:/etc/hosts
TimeoutStopSec=10
EnvironmentFile=/run/reconciler-workloads/systemd/shop-web.env
""",
        ),
        ("/run/reconciler-workloads/systemd/shop-web.env", 'A="1"\nB="x\\"\\$\\`\\\\\ny"\n'),
    )


def test_words_of_a_program_are_its_own():
    words = ("/bin/sh", "-c", 'echo "$HOME" %h; a\\b\n', ";", "", "it's")
    text = unit("command", words)
    assert 'ExecStart=:/bin/sh -c "echo \\"$HOME\\" %%h; a\\\\b\\n" ";" "" "it\'s"\n' in text


def test_tries_are_as_many_as_was_said():
    assert "StartLimitBurst=4\nStartLimitIntervalSec=infinity\n" in unit("restart", "on-failure:3")
    assert "StartLimitIntervalSec=0\n" in unit("restart", "always")
    assert "StartLimit" not in unit("working_dir", "/")


def test_a_test_is_told_to_who_counts():
    test = HealthSpec(test=("date", "+%s"), interval=5, retries=2)
    lines = unit("health", test).splitlines()
    assert 'X-Reconciler-Health=["date", "+%%s"]' in lines
    assert {"X-Reconciler-Interval=5", "X-Reconciler-Retries=2"} <= {*lines}


def test_a_grace_of_nothing_is_not_for_ever():
    assert "TimeoutStopSec=0.001\n" in unit("stop_grace_period", 0.0)


@pytest.mark.parametrize(
    "name, value",
    [
        ("command", ()),
        ("command", ("-x",)),
        ("working_dir", "/a\nUser=root"),
        ("working_dir", "/a\\"),
        ("security_opt", ("seccomp:x",)),
        ("ulimits", (("beers", 1, 1),)),
        ("cgroup_parent", "/shop"),
        ("mounts", (MountSpec(kind="volume", target="/x"),)),
        ("mounts", (MountSpec(kind="bind", source="/a", target="/x", options=("U",)),)),
    ],
)
def test_what_systemd_has_no_line_for_is_refused(name: str, value: object):
    with pytest.raises(ManifestError) as caught:
        unit(name, value)
    assert caught.value.where in (place(name), task("systemd").where)


def test_a_variable_that_systemd_would_pass_over_is_refused():
    with pytest.raises(ManifestError, match="a-b"):
        lower(task("systemd", environment={"a-b": "1"}))


@pytest.mark.skipif(not which("systemd-analyze"), reason="no systemd-analyze to ask")
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path):
    spec = replace(task("systemd").spec, command=("/bin/sh", "-c", 'echo "$HOME" %h; true'))
    said = {name: value for name, value, _ in LINES}
    how = lower(task("systemd", rootfs="", environment={"A": "1"}, spec=replace(spec, **said))).how
    file = tmp_path / how.files[0][0]
    file.write_text(how.files[0][1])
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    assert file.name not in done.stdout + done.stderr
