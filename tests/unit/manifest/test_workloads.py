"""What runs in a container: each of Compose's keys that an engine acts on, by each of its spellings."""

from dataclasses import fields

import pytest

from reconciler.manifest.workload import DependencySpec, HealthSpec, MountSpec, WorkloadSpec
from reconciler.pipeline import load

PODMAN = {"RECONCILE_RUNTIME": "podman", "HOME": "/home/me"}
RUNS = "runtime: podman\nservices:\n  web:\n    image: nginx\n"


def indented(body):
    return "".join(f"    {line}\n" for line in body.splitlines())


def runs(desk, body, more=""):
    """What the service `web` runs, whose further keys are given."""
    return desk.container(RUNS + indented(body) + more, PODMAN).workload


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("command: sh -c 'echo a b'", "command", ("sh", "-c", "echo a b")),
        ("command: [sleep, 10, true]", "command", ("sleep", "10", "true")),
        ("command: []", "command", ()),
        ("command: ''", "command", ()),
        ("command: ${UNSET_VARIABLE}", "command", ()),
        ("command:", "command", None),
        ("entrypoint: /run.sh -x", "entrypoint", ("/run.sh", "-x")),
        ("entrypoint: ['']", "entrypoint", ("",)),
        ("entrypoint: ''", "entrypoint", ()),
        ("restart: no", "restart", "no"),
        ("restart: on-failure:3", "restart", "on-failure:3"),
        ("deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}", "restart", "on-failure:2"),
        ("deploy: {restart_policy: {delay: 5s}}", "restart", "always"),
        ("deploy: {restart_policy: {condition: none}}\nrestart: always", "restart", "always"),
        ("working_dir: /srv", "working_dir", "/srv"),
        ("user: 1000", "user", "1000"),
        ("user: 'www:www'", "user", "www:www"),
        ("group_add: [audio, 20]", "group_add", ("audio", "20")),
        ("read_only: true", "read_only", True),
        ("init: true", "init", True),
        ("tty: true", "tty", True),
        ("stdin_open: true", "stdin_open", True),
        ("privileged: 'true'", "privileged", True),
        ("cap_add: [NET_ADMIN]", "cap_add", ("NET_ADMIN",)),
        ("cap_drop: [ALL]", "cap_drop", ("ALL",)),
        ("security_opt: ['no-new-privileges:true']", "security_opt", ("no-new-privileges:true",)),
        ("devices: ['/dev/fuse:/dev/fuse:rw']", "devices", ("/dev/fuse:/dev/fuse:rw",)),
        ("devices: [{source: /dev/a, target: /dev/b, permissions: r}]", "devices", ("/dev/a:/dev/b:r",)),
        ("devices: [{source: /dev/a}]", "devices", ("/dev/a:/dev/a",)),
        ("ulimits: {nproc: 65535}", "ulimits", (("nproc", 65535, 65535),)),
        ("ulimits: {nofile: {soft: 1024, hard: -1}}", "ulimits", (("nofile", 1024, -1),)),
        ("sysctls: {kernel.msgmax: 65536, net.core.somaxconn: 1}", "sysctls", (("kernel.msgmax", "65536"),)),
        ("sysctls: [kernel/sem=1 2  3]", "sysctls", (("kernel.sem", "1 2 3"),)),
        ("shm_size: 64m", "shm_size", 64 << 20),
        ("shm_size: 1.5gb", "shm_size", 3 << 29),
        ("shm_size: 2097152", "shm_size", 2 << 20),
        ("stop_signal: SIGUSR1", "stop_signal", "SIGUSR1"),
        ("stop_grace_period: 1m30s", "stop_grace_period", 90.0),
        ("stop_grace_period: 1.5s", "stop_grace_period", 1.5),
        ("pid: host", "pid", "host"),
        ("ipc: shareable", "ipc", "shareable"),
        ("uts: host", "uts", "host"),
        ("userns_mode: host", "userns_mode", "host"),
        ("cgroup_parent: shop.slice", "cgroup_parent", "shop.slice"),
        ("platform: linux/arm64", "platform", "linux/arm64"),
        ("pull_policy: always", "pull_policy", "always"),
        ("pull_policy: if_not_present", "pull_policy", "missing"),
        ("logging: {driver: journald, options: {tag: 7}}", "logging", ("journald", (("tag", "7"),))),
        ("annotations: {a.b: 1}", "annotations", {"a.b": "1"}),
        ("annotations: [a.b=1]", "annotations", {"a.b": "1"}),
        ("oom_score_adj: -500", "oom_score_adj", -500),
        ("cpus: '0.5'", "cpus", 0.5),
        ("cpus: 2", "cpus", 2.0),
        ("deploy: {resources: {limits: {cpus: '0.25'}}}", "cpus", 0.25),
        ("cpuset: 0-2,4", "cpuset", "0-2,4"),
        ("cpuset: 0", "cpuset", "0"),
        ("cpu_shares: 512", "cpu_shares", 512),
        ("mem_limit: 512m", "memory", 512 << 20),
        ("mem_limit: 512m\ndeploy: {resources: {limits: {memory: 0.5g}}}", "memory", 512 << 20),
        ("deploy: {resources: {limits: {memory: 20M}}}", "memory", 20 << 20),
        ("mem_reservation: 1k", "memory_reservation", 1024),
        ("deploy: {resources: {reservations: {memory: 1k}}}", "memory_reservation", 1024),
        ("memswap_limit: -1", "memory_swap", -1),
        ("memswap_limit: 1g", "memory_swap", 1 << 30),
        ("pids_limit: 100", "pids", 100),
        ("pids_limit: -1", "pids", 0),
        ("deploy: {resources: {limits: {pids: 7}}}", "pids", 7),
        ("healthcheck: {test: true || false}", "health", HealthSpec(test=("/bin/sh", "-c", "true || false"))),
        ("healthcheck: {test: [CMD-SHELL, a b]}", "health", HealthSpec(test=("/bin/sh", "-c", "a b"))),
        ("healthcheck: {test: [CMD, a, b]}", "health", HealthSpec(test=("a", "b"))),
        ("healthcheck: {test: [NONE]}", "health", HealthSpec(test=())),
        ("healthcheck: {disable: true}", "health", HealthSpec(test=())),
        (
            "healthcheck: {test: x, interval: 1m, timeout: 500ms, retries: 5, start_period: 0s}",
            "health",
            HealthSpec(test=("/bin/sh", "-c", "x"), interval=60.0, timeout=0.5, retries=5),
        ),
    ],
)
def test_a_key_becomes_a_field(desk, body, field, expected):
    assert getattr(runs(desk, body), field) == expected


def test_every_field_has_a_key_here():
    """Those of several containers or files have tests of their own."""
    apart = {"variables", "mounts", "build", "depends_on", "unheeded", "places"}
    (marks,) = (mark for mark in test_a_key_becomes_a_field.pytestmark if mark.name == "parametrize")
    assert {field for _, field, _ in marks.args[1]} | apart == {field.name for field in fields(WorkloadSpec)}


@pytest.mark.parametrize(
    ("body", "at", "message", "hint"),
    [
        ("command: sh -c 'a", (5, 14), "no command: no closing quotation", "close the quotation"),
        ("command: {a: b}", (5, 14), "must be a list, not a mapping", ""),
        ("restart: sometimes", (5, 14), "'sometimes' is no restart policy", "unless-stopped"),
        ("restart: on-failure:x", (5, 14), "is no restart policy", ""),
        ("read_only: maybe", (5, 16), "`read_only` must be true or false", ""),
        ("cap_add: [A B]", (5, 15), "'A B' is no single word", ""),
        ("ulimits: {nofile: many}", (5, 23), "`nofile` must be a mapping, not 'many'", ""),
        ("ulimits: {nofile: {soft: 1}}", (5, 23), "`hard` is missing", ""),
        ('sysctls: {kernel.sem: "1\\n2"}', (5, 27), "is no value of kernel.sem", "on one line"),
        ("shm_size: large", (5, 15), "'large' is no size", "64m"),
        ("mem_limit: -1", (5, 16), "'-1' is no size", ""),
        ("memswap_limit: -2", (5, 20), "'-2' is no size", ""),
        ("stop_grace_period: 10", (5, 24), "'10' is no time", "10s"),
        ("stop_grace_period: soon", (5, 24), "'soon' is no time", "1m30s"),
        ("healthcheck: {test: [a, b]}", (5, 25), "no test", "CMD, CMD-SHELL or NONE"),
        ("healthcheck: {interval: 5s}", (5, 18), "`test` is missing", "write the test too"),
        ("healthcheck: {test: x, retries: -1}", (5, 37), "-1 is too small", "at least 0"),
        ("healthcheck: {test: x, intervall: 5s}", (5, 28), "unknown key `intervall`", "`interval`"),
        ("build: {contxt: .}", (5, 13), "unknown key `contxt`", "`context`"),
        ("build: {dockerfile: a, dockerfile_inline: b}", (5, 12), "exclude each other", "keep one"),
        ("pull_policy: seldom", (5, 18), "'seldom' is no value of `pull_policy`", "always, missing"),
        ("logging: {drivr: syslog}", (5, 15), "unknown key `drivr`", "`driver`"),
        ("oom_score_adj: high", (5, 20), "must be a whole number", ""),
        ("cpus: -1", (5, 11), "-1 is too small", ""),
        ("cpus: .inf", (5, 11), "must be a whole number", ""),
        ("cpus: 1\ndeploy: {resources: {limits: {cpus: 2}}}", (5, 11), "differ", "keep one of them"),
        ("deploy: {resources: {limit: {}}}", (5, 26), "unknown key `limit`", "`limits`"),
        ("deploy: {restart_policy: {condition: ever}}", (5, 42), "'ever' is no value of `condition`", ""),
        ("pids_limit: few", (5, 17), "'few' is no number of processes", ""),
        ("volumes: {a: b}", (5, 14), "`volumes` must be a list", ""),
        ("volumes: ['./a:/b:rq']", (5, 15), "'./a:/b:rq' is no mount", "[SOURCE:]TARGET[:MODE]"),
        ("volumes: ['./a:b']", (5, 15), "'b' is no path in a container", "slash"),
        ("volumes: ['data:/d']", (5, 15), "volume `data` is not declared", "add `volumes: {data: }`"),
        ("volumes: [{type: npipe, target: /a}]", (5, 22), "'npipe' is no value of `type`", "bind"),
        ("volumes: [{type: bind, target: /a}]", (5, 15), "`source` is missing", "a path of the host"),
        ("volumes: [{type: bind, source: ./none, target: /a}]", (5, 36), "/shop/none does not exist", ""),
        ("volumes: [/a, './b:/a/']", (5, 19), "two mounts at /a", "keep one"),
        ("tmpfs: run", (5, 12), "'run' is no tmpfs", "/run:size=64m"),
        ("volumes: [{type: tmpfs, target: /a, tmpfs: {mode: 9}}]", (5, 55), "are no permissions", "0440"),
        ("secrets: [pass]", (5, 15), "unknown secret `pass`", "add it to `secrets:`"),
        ("configs: [conf]", (5, 15), "unknown config `conf`", ""),
        ("depends_on: {db: {condition: service_up}}", (5, 34), "'service_up' is no condition", ""),
        ("pid: service:dbb", (5, 10), "unknown service `dbb`", "did you mean `db`?"),
        ("rootfs: /srv", (5, 13), "podman runs images", "remove it"),
    ],
)
def test_a_mistake_has_its_place(desk, spot, body, at, message, hint):
    error = desk.only(RUNS + indented(body) + "  db: {image: x}\n", PODMAN)
    assert message in error.message and hint in (error.hint or "")
    assert spot(error) == at


def test_a_source_that_is_missing_is_a_missing_file(desk):
    text = RUNS + indented("volumes: [{type: bind, source: ./none, target: /a}]")
    assert desk.only(text, PODMAN).id == "R0102"


@pytest.mark.parametrize("section", ["volumes", "secrets", "configs"])
def test_a_mistake_at_the_top_level_is_told_once(desk, section):
    text = f"{section}: {{x: {{nmae: y}}}}\n" + RUNS
    entry = "'x:/x'" if section == "volumes" else "x"
    assert "unknown key `nmae`" in desk.only(text + indented(f"{section}: [{entry}]"), PODMAN).message


def test_where_nothing_runs_these_keys_hold_what_they_like(desk):
    body = "command: {a: b}\nvolumes: [5, {x: y}, 'data:/d']\nrestart: sometimes\nulimits: 7\nsecrets: {a: b}"
    container = desk.container("services:\n  web:\n    image: x\n" + indented(body) + "secrets: [odd]\n")
    assert (container.runtime, container.workload) == ("none", None)
    assert "services.*.volumes: accepted, not used" in desk.load().notes


def test_volumes_of_every_kind(desk):
    (desk.folder / "there").mkdir()
    found = runs(
        desk,
        "volumes:\n"
        "- /anonymous\n"
        "- data:/data:nocopy,ro\n"
        "- ./made:/made:z,rshared\n"
        "- ~/mine:/mine\n"
        "- kept:/kept\n"
        "- own:/own\n"
        "- {type: bind, source: ./there, target: /there, read_only: true, bind: {propagation: rslave}}\n"
        "- {type: bind, source: later, target: /later, bind: {create_host_path: true}}\n"
        "- {type: volume, source: data, target: /twice, volume: {nocopy: true}}\n"
        "- {type: tmpfs, target: /mem, tmpfs: {size: 1m, mode: 01777}}\n"
        "tmpfs: [/run, '/tmp:size=64m,noexec,ro']",
        "volumes: {data: , kept: {external: true}, own: {name: mine}}\n",
    ).mounts
    shop = str(desk.folder)
    assert found == (
        MountSpec(kind="volume", target="/anonymous"),
        MountSpec(kind="volume", target="/data", source="shop_data", options=("nocopy",), read_only=True),
        MountSpec(kind="bind", target="/made", source=f"{shop}/made", options=("rshared", "z"), make=True),
        MountSpec(kind="bind", target="/mine", source="/home/me/mine", make=True),
        MountSpec(kind="volume", target="/kept", source="kept"),
        MountSpec(kind="volume", target="/own", source="mine"),
        MountSpec(kind="bind", target="/there", source=f"{shop}/there", options=("rslave",), read_only=True),
        MountSpec(kind="bind", target="/later", source=f"{shop}/later", make=True),
        MountSpec(kind="volume", target="/twice", source="shop_data", options=("nocopy",)),
        MountSpec(kind="tmpfs", target="/mem", options=("size=1048576", "mode=1777")),
        MountSpec(kind="tmpfs", target="/run"),
        MountSpec(kind="tmpfs", target="/tmp", options=("size=64m", "noexec"), read_only=True),
    )
    assert [one.where.line for one in found] == [*range(6, 16), 16, 16]


def test_a_source_on_another_host_is_not_looked_for(desk):
    body = "volumes: [{type: bind, source: /nowhere, target: /a}]"
    (mount,) = runs(desk, body, "hosts: {h: {address: 192.0.2.1}}\n").mounts
    assert mount.source == "/nowhere"


def test_secrets_and_configs_are_files(desk):
    for name in ("pass", "conf"):
        desk.write(f"{name}.txt", "")
    found = runs(
        desk,
        "secrets: [pass, {source: pass, target: other}, {source: pass, target: /etc/pass, mode: 0400}]\n"
        "configs: [conf, {source: conf, target: /etc/conf}]",
        "secrets: {pass: {file: ./pass.txt}}\nconfigs: {conf: {file: conf.txt}}\n",
    )
    targets = ["/run/secrets/pass", "/run/secrets/other", "/etc/pass", "/conf", "/etc/conf"]
    assert [one.target for one in found.mounts] == targets
    assert {one.source for one in found.mounts[:3]} == {f"{desk.folder}/pass.txt"}
    assert all(one.read_only and one.kind == "bind" for one in found.mounts)
    assert [key for key, _ in found.unheeded] == ["secrets.mode"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{file: none.txt}", "/shop/none.txt does not exist"),
        ("{environment: PASS}", "`environment` of a secret is not supported yet"),
        ("{content: hush}", "`content` of a secret is not supported yet"),
        ("{external: true}", "`external` of a secret is not supported yet"),
        ("", "secret `pass` has no `file`"),
    ],
)
def test_a_secret_without_a_file_is_told_once_and_only_where_it_is_used(desk, text, message):
    top = f"secrets: {{pass: {text}}}\n"
    error = desk.only(
        top + RUNS + indented("secrets: [pass]") + "  two: {image: a, secrets: [pass]}\n", PODMAN
    )
    assert message in error.message and error.where.line == 1
    assert desk.project(top + RUNS + indented("restart: always"), PODMAN)


def test_what_volumes_cannot_have_yet(desk):
    for text, word in (("{driver: nfs}", "driver"), ("{driver_opts: {o: x}}", "driver_opts")):
        error = desk.only(f"volumes: {{d: {text}}}\n" + RUNS + indented("volumes: ['d:/d']"), PODMAN)
        assert f"a `{word}`" in error.message and error.where.line == 1


def test_a_volume_may_be_a_folder_of_the_host(desk):
    volume = "{driver: local, driver_opts: {type: none, o: bind, device: '%s'}}"
    top = f"volumes: {{d: {volume % '/srv/d/'}}}\n"
    (mount,) = runs(desk, "volumes: ['d:/d:ro,nocopy']", top).mounts
    assert mount == MountSpec(kind="bind", target="/d", source="/srv/d", read_only=True)
    top = f"volumes: {{d: {volume % './d'}}}\n"
    assert "a `driver_opts`" in desk.only(RUNS + indented("volumes: ['d:/d']") + top, PODMAN).message


def test_build(desk):
    environ = {**PODMAN, "B": "from outside"}
    text = (
        "services:\n  web:\n    build: {context: app, dockerfile: D, target: t,"
        " args: [A=1, B, C], labels: {l: 1}}"
        "\n  text: {build: ./app}\n  url: {build: 'https://git.example/x.git#main:sub'}"
        "\n  named: {build: ., image: mine}\n  inline: {build: {dockerfile_inline: FROM x}}\n"
    )
    web, text, url, named, inline = desk.project(text, environ).containers
    assert (web.image, named.image) == ("shop-web", "mine")
    assert web.workload.build.context == text.workload.build.context == f"{desk.folder}/app"
    assert web.workload.build.arguments == (("A", "1"), ("B", "from outside"))
    assert (web.workload.build.dockerfile, web.workload.build.target) == ("D", "t")
    assert web.workload.build.labels == (("l", "1"),)
    assert url.workload.build.context == "https://git.example/x.git#main:sub"
    assert named.workload.build.context == inline.workload.build.context == str(desk.folder)
    assert inline.workload.build.inline == "FROM x"


def test_dependencies(desk):
    text = (
        "services:\n  web:\n    image: x\n    links: [cache]\n    pid: service:side\n"
        "    depends_on:\n      db: {condition: service_healthy, restart: true}\n"
        "      gone: {condition: service_started, required: false}\n"
        "  db: {image: x, depends_on: [cache]}\n  cache: {image: x}\n  side: {image: x}\n"
        "  gone: {image: x, profiles: [debug]}\n"
    )
    web, db, *_ = desk.project(text, PODMAN).containers
    assert web.workload.depends_on == (
        DependencySpec(container="db", condition="service_healthy", restart=True),
        DependencySpec(container="side", restart=True),
        DependencySpec(container="cache"),
    )
    assert db.workload.depends_on == (DependencySpec(container="cache"),)


def test_the_environment_is_told_by_its_digest(desk):
    digests = [
        runs(desk, f"environment: {text}").variables
        for text in ("{A: 1, B: 2}", "[B=2, A=1]", "{A: 1, B: 3}", "{A: '1\\nB=2'}", "{}")
    ]
    assert digests[0] == digests[1] and len({*digests}) == 4
    assert digests[-1] == "" and {len(one) for one in digests[:-1]} == {16}


def test_later_files_lie_on_top_of_earlier(desk):
    desk.write(
        "compose.yaml",
        "volumes: {data: }\n" + RUNS + "    command: a b\n    volumes: [./one:/srv, 'data:/data']\n"
        "    cap_add: [A]\n    logging: {driver: journald, options: {tag: x}}\n    build: ./app\n"
        "    ulimits: {nofile: 10}\n    healthcheck: {test: x, interval: 5s}\n    deploy:"
        " {resources: {limits: {cpus: 1}}}\n",
    )
    desk.write(
        "compose.override.yaml",
        "services:\n  web:\n    command: c\n    volumes: [./two:/srv]\n    cap_add: [A, B]\n"
        "    logging: {driver: syslog}\n    build: {target: t}\n    ulimits: {nofile: {soft: 5, hard: 6}}\n"
        "    healthcheck: {test: [CMD, y]}\n    deploy: {resources: {limits: {memory: 1m}}}\n",
    )
    paths = [desk.folder]
    web = load(paths, environ=PODMAN).projects[0].containers[0].workload
    assert (web.command, web.cap_add, web.logging) == (("c",), ("A", "B"), ("syslog", ()))
    assert [(one.target, one.source) for one in web.mounts] == [
        ("/srv", f"{desk.folder}/two"),
        ("/data", "shop_data"),
    ]
    assert (web.build.context, web.build.target) == (f"{desk.folder}/app", "t")
    assert web.ulimits == (("nofile", 5, 6),) and (web.cpus, web.memory) == (1.0, 1 << 20)
    assert web.health == HealthSpec(test=("y",), interval=5.0)


def test_paths_of_what_is_extended_start_from_its_own_folder(desk):
    desk.write(
        "base/app.yaml",
        "services: {app: {image: x, command: a, volumes: [./d:/d, ./e:/e], build: ., tmpfs: /t}}",
    )
    web = desk.container(
        "services: {web: {extends: {file: base/app.yaml, service: app}, volumes: [./d:/d], tmpfs: /u}}",
        PODMAN,
    ).workload
    assert [one.source for one in web.mounts] == [f"{desk.folder}/d", f"{desk.folder}/base/e", "", ""]
    assert web.command == ("a",) and web.build.context == f"{desk.folder}/base"


@pytest.mark.parametrize(
    ("project", "own", "environ", "expected"),
    [
        ("", "", {}, "none"),
        ("", "", PODMAN, "podman"),
        ("runtime: none", "", PODMAN, "none"),
        ("runtime: podman", "", {}, "podman"),
        ("runtime: podman", "runtime: none", PODMAN, "none"),
        ("runtime: none", "runtime: podman", {}, "podman"),
        ("runtime: podman", "runtime: oci", {}, "oci"),
        ("", "runtime: runc", PODMAN, "podman"),
    ],
)
def test_which_engine(desk, project, own, environ, expected):
    body = indented(f"image: x\ncommand: y\n{own}")
    container = desk.container(f"{project}\nservices:\n  web:\n{body}", environ)
    assert container.runtime == expected and bool(container.workload) == (expected != "none")


def test_the_engine_may_stand_in_a_file_of_variables(desk):
    desk.write(".env", "RECONCILE_RUNTIME=podman\n")
    assert desk.container("services: {web: {image: x}}").runtime == "podman"
    desk.write(".env", "RECONCILE_RUNTIME=pod\n")
    assert "unknown runtime 'pod'" in desk.only("services: {web: {image: x}}").message


def test_the_engine_is_part_of_the_revision(desk):
    desk.write("compose.yaml", "services: {web: {image: x}}")
    digests = {desk.load(environ=environ).digest for environ in ({}, {"OTHER": "x"}, PODMAN)}
    assert len(digests) == 2
    desk.write("compose.yaml", "runtime: none\nservices: {web: {image: x}}")
    assert desk.load().digest == desk.load(environ=PODMAN).digest


def test_a_container_without_an_image_is_a_sandbox(desk):
    container = desk.container("containers: {a: }", PODMAN)
    assert (container.runtime, container.workload) == ("none", None)
    error = desk.only("containers: {a: {runtime: podman}}")
    assert "needs an `image` or a `build`" in error.message and error.where.column == 27
    for engine in ("oci", "systemd"):
        assert "`command` is missing" in desk.only(f"containers: {{a: {{runtime: {engine}}}}}").message


def test_what_nothing_heeds_is_kept_with_its_place(desk):
    body = (
        "gpus: all\nruntime: nvidia\nbuild: {context: ., ssh: [default]}\nblkio_config: {weight: 3}\n"
        "deploy: {update_config: {}, resources: {reservations: {devices: []}}}"
    )
    found = {key: at.line for key, at in runs(desk, body).unheeded}
    assert found == {
        "gpus": 5,
        "runtime": 6,
        "build.ssh": 7,
        "blkio_config": 8,
        "deploy.update_config": 9,
        "deploy.resources.reservations.devices": 9,
    }
    notes = desk.load(environ=PODMAN).notes
    assert "services.*.gpus: accepted, not used" in notes
    assert not [note for note in notes if "healthcheck" in note or "services.*.build: " in note]


def test_every_key_has_its_place(desk):
    spec = runs(desk, "mem_limit: 1m\ndeploy: {resources: {limits: {pids: 5}}}\nhealthcheck: {test: x}")
    lines = {key: spec.at(key, None).line for key in ("image", "memory", "mem_limit", "pids", "health")}
    assert lines == {"image": 4, "memory": 5, "mem_limit": 5, "pids": 6, "health": 7}
    assert spec.at("user", None) is None


def test_a_project_whose_images_nothing_runs_is_told_of(desk):
    desk.write("compose.yaml", "services: {a: {image: x}, b: {build: .}, c: }")
    hint = "--runtime podman, or `runtime:` in the manifest"
    assert f"project shop: 2 containers have images and nothing runs them: {hint}" in desk.load().notes
    desk.write("compose.yaml", "runtime: none\nservices: {a: {image: x}}")
    assert not desk.load().notes


def test_what_is_kept_is_what_was_read(desk, tmp_path):
    """All but values of variables, which are secret."""
    desk.write("pass.txt", "")
    desk.write(
        "compose.yaml",
        "volumes: {d: }\nsecrets: {pass: {file: pass.txt}}\n" + RUNS + "    gpus: all\n"
        "    volumes: ['d:/d']\n    secrets: [pass]\n    ulimits: {nofile: 5}\n"
        "    build: {context: ., args: {A: 1}}\n"
        "    logging: {driver: x, options: {a: b}}\n    healthcheck: {test: x}\n    depends_on: [db]\n"
        "  db: {image: x}\n",
    )
    kept = str(tmp_path / "kept")
    first, second = (desk.load(environ=PODMAN, folder=kept) for _ in range(2))
    assert first == second
    one, two = (manifest.projects[0].containers[0].workload for manifest in (first, second))
    assert (one.places, one.unheeded, hash(one.logging)) == (two.places, two.unheeded, hash(two.logging))
    assert [mount.where for mount in one.mounts] == [mount.where for mount in two.mounts]
