"""What runs: containers of podman that come and go with their sandboxes, in order, and are put right."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.netns.engine_room import IMAGE, engine, running, with_podman
from tests.netns.lab import HOST4, Lab
from tests.netns.watching import EVENT, until, watching

pytestmark = pytest.mark.skipif(not which("podman"), reason="not installed: podman")

SHOP = f"""
name: shop
runtime: podman
networks: {{front: {{}}, back: {{internal: true}}}}
x-app: &app {{image: {IMAGE}, stop_signal: KILL}}
services:
  web:
    <<: *app
    command: [httpd, -f, -p, "80", -h, /www]
    networks: [front, back]
    ports: ["8080:80"]
    environment: {{SECRET: hush}}
    depends_on: {{db: {{condition: service_healthy}}}}
  db:
    <<: *app
    command: [sh, -c, 'sleep 0.5; touch /tmp/ready; exec sleep 1000']
    networks: [back]
    healthcheck: {{test: test -e /tmp/ready, interval: 1s, retries: 20}}
"""
ENDS = f"""{{name: t, runtime: podman, services: {{
    job: {{image: {IMAGE}, command: [sh, -c, 'echo no such file; exit 3']}},
    after: {{image: {IMAGE}, command: sleep 100, stop_signal: KILL,
            depends_on: {{job: {{condition: service_completed_successfully}}}}}}}}}}"""


@pytest.fixture
def podman(lab: Lab) -> Iterator[Lab]:
    with with_podman(lab) as made:
        yield made


def page(lab: Lab) -> str:
    """What a machine outside is told, as soon as somebody answers."""
    ask = "curl --silent --max-time 20 --retry 40 --retry-delay 0 --retry-connrefused"
    return lab.run(f"{ask} http://{HOST4}:8080/", "R", check=False).out


def mac(lab: Lab) -> str:
    return lab.json("ip -j -n shop-web-1 link show eth0")[0]["address"]


def tell(name: str, what: str) -> str:
    return engine("inspect", "--format", what, name)


def test_a_stack_comes_up_in_order_and_leaves_nothing(podman):
    before = podman.snapshot()
    podman.apply(SHOP)
    assert running().keys() == {"shop-web-1", "shop-db-1"}
    assert podman.planned(SHOP) == []
    assert page(podman) == "web\n"
    inside = podman.reconcile("--exec", "web", "--", "sh", "-c", "nslookup db >/dev/null; echo $SECRET $?")
    assert inside.out == "hush 0\n", inside
    ready, started = (tell(f"shop-{name}-1", "{{.State.StartedAt}}") for name in ("db", "web"))
    assert ready < started
    status = podman.reconcile("--status", podman.write(SHOP), "-o", "json").json
    rows = {row["name"]: (row["state"], row["health"]) for row in status["containers"]}
    assert rows == {"shop-web-1": ("running", ""), "shop-db-1": ("running", "healthy")}
    podman.succeed(podman.reconcile("--destroy", podman.write(SHOP)))
    assert running() == {} and engine("ps", "--all", "--quiet") == "" and podman.namespaces() == []
    after = podman.snapshot()
    assert {key for key in after if after[key] != before[key] and "forward" not in key} == set()


def test_what_is_told_otherwise_is_made_anew_in_the_same_sandbox(podman):
    podman.apply(SHOP)
    before, address = running(), mac(podman)
    changed = SHOP.replace("hush", "hushed")
    plan = podman.plan(changed)
    assert "~ container shop-web-1   workload shop-web-1: digest" in plan.out and "[recreate]" in plan.out
    podman.apply(changed)
    after = running()
    assert after["shop-db-1"] == before["shop-db-1"] and after["shop-web-1"] != before["shop-web-1"]
    assert mac(podman) == address and podman.planned(changed) == []
    assert podman.reconcile("--exec", "shop-web-1", "--", "sh", "-c", "echo $SECRET").out == "hushed\n"
    # Nobody keeps what is secret.
    kept = subprocess.run(["grep", "-rl", "hushed", "/run/reconciler", "/var/lib/reconciler"], stdout=-1)
    assert kept.stdout == b""


def test_one_that_does_not_start_is_its_own_trouble(podman):
    podman.apply(SHOP)
    before = running()
    broken = SHOP.replace("[httpd, -f", "[nosuch, -f").replace("1000", "1001")
    result = podman.try_apply(broken)
    assert result.rc == 3 and "container shop-web-1 does not run as it should" in result.err, result
    assert "nosuch" in result.err and "t.yaml:" in result.err
    after = running()
    assert after["shop-web-1"] == before["shop-web-1"] and after["shop-db-1"] != before["shop-db-1"]
    assert podman.planned(broken) == ["update workload shop-web-1"]


def test_one_that_ends_at_once_stays_to_be_asked_why(podman):
    result = podman.try_apply(ENDS)
    assert result.rc == 3 and "container t-job-1 does not run as it should: it is exited (3)" in result.err
    assert "t.yaml:" in result.err and "container t-after-1 does not run" in result.err, result
    assert podman.reconcile("--logs", "job").out == "no such file\n"
    assert podman.planned(ENDS) == ["create workload t-after-1", "update workload t-job-1"]
    podman.apply(ENDS.replace("exit 3", "exit 0"))
    assert running().keys() == {"t-after-1"} and podman.planned(ENDS.replace("exit 3", "exit 0")) == []
    podman.destroy()
    assert engine("ps", "--all", "--quiet") == ""


def test_who_waits_for_what_does_not_start_does_not_either(podman):
    result = podman.try_apply(SHOP.replace("touch /tmp/ready", "true").replace("retries: 20", "retries: 1"))
    assert result.rc == 3 and "shop-db-1 is not healthy" in result.err, result
    assert running().keys() == {"shop-db-1"} and podman.namespaces() == ["shop-db-1", "shop-web-1"]


def test_what_is_no_longer_declared_goes(podman):
    podman.apply(SHOP)
    less = SHOP[: SHOP.index("  db:")].replace("depends_on: {db: {condition: service_healthy}}", "")
    podman.apply(less, "--no-prune")
    assert running().keys() == {"shop-web-1", "shop-db-1"}
    podman.apply(less)
    assert running().keys() == {"shop-web-1"} and podman.namespaces() == ["shop-web-1"]


def test_somebody_elses_container_is_left_alone(podman):
    engine("run", "--detach", "--name", "shop-web-1", "--network", "none", IMAGE, "sleep", "100")
    before = running()["shop-web-1"]
    result = podman.try_apply(SHOP)
    assert result.rc == 3 and "shop-web-1" in result.err and running()["shop-web-1"] == before
    podman.succeed(podman.reconcile("--destroy", podman.write(SHOP)))
    assert running() == {"shop-web-1": before}


def test_what_has_done_its_work_is_not_run_again(podman):
    job = f"""{{name: t, runtime: podman, services: {{
        job: {{image: {IMAGE}, command: 'true'}},
        after: {{image: {IMAGE}, command: sleep 100, stop_signal: KILL,
                depends_on: {{job: {{condition: service_completed_successfully}}}}}}}}}}"""
    podman.apply(job)
    assert running().keys() == {"t-after-1"} and podman.planned(job) == []


def test_a_network_is_shared_and_outlives_a_container(podman):
    shared = f"""{{name: t, runtime: podman, services: {{
        web: {{image: {IMAGE}, command: sleep 100, stop_signal: KILL}},
        side: {{image: {IMAGE}, command: sleep 100, stop_signal: KILL, network_mode: 'service:web'}}}}}}"""
    podman.apply(shared)
    assert running().keys() == {"t-web-1", "t-side-1"} and podman.namespaces() == ["t-web-1"]
    spaces = {os.readlink(f"/proc/{tell(name, '{{.State.Pid}}')}/ns/net") for name in running()}
    assert len(spaces) == 1
    engine("rm", "--force", "--time=0", "t-web-1")
    assert podman.planned(shared) == ["create workload t-web-1"]
    podman.apply(shared)
    assert {os.readlink(f"/proc/{tell(name, '{{.State.Pid}}')}/ns/net") for name in running()} == spaces


def pid(name: str) -> int:
    """0 where there is none."""
    return int(engine("ps", "--filter", f"name=^{name}$", "--format", "{{.Pid}}") or "0")


def killed(name: str) -> None:
    os.kill(pid(name), signal.SIGKILL)


def removed(name: str) -> None:
    engine("rm", "--force", "--time=0", name)


def lost(name: str) -> None:
    subprocess.run(["ip", "netns", "del", name], check=True)


def test_a_watcher_puts_right_what_ends(podman):
    with watching(podman, podman.write(SHOP)) as watcher:
        for how in (killed, removed, lost):
            before = pid("shop-web-1")
            how("shop-web-1")
            watcher.until(lambda before=before: pid("shop-web-1") not in (0, before), EVENT)
            watcher.synced()
            assert page(podman) == "web\n"
        podman.write(SHOP.replace("hush", "hushed"))
        watcher.until(
            lambda: podman.reconcile("--exec", "web", "--", "sh", "-c", "echo $SECRET").out == "hushed\n"
        )


def test_health_is_told_where_no_systemd_runs_tests(podman):
    with watching(podman, podman.write(SHOP)) as watcher:
        engine("exec", "shop-db-1", "rm", "/tmp/ready")
        watcher.until(lambda: "shop-db-1: podman" in (told := status(podman)) and "unhealthy" in told, 40)


def status(lab: Lab) -> str:
    return lab.reconcile("--status", lab.write(SHOP)).out


def test_there_is_no_podman(lab):
    Path("/run/nothing").mkdir()
    lab.run("mount --bind /run/nothing /usr/bin")
    result = lab.plan(SHOP)
    assert result.rc == 65 and "t.yaml:" in result.err and "apt install podman" in result.err, result


def test_what_is_run_of_an_image_of_ours_is_not_ours(podman):
    podman.apply(SHOP)
    engine("commit", "--quiet", "shop-web-1", "localhost/copy:1")
    engine("run", "--detach", "--name", "copy", "--network", "none", "localhost/copy:1", "sleep", "100")
    assert podman.planned(SHOP) == []
    podman.succeed(podman.reconcile("--destroy", podman.write(SHOP)))
    assert running().keys() == {"copy"}


def test_who_is_in_the_way_of_a_way_back_is_left_alone(podman):
    podman.apply(SHOP)
    engine("run", "--detach", "--name", "shop-web-1.before", "--network", "none", IMAGE, "sleep", "100")
    before = running()
    result = podman.try_apply(SHOP.replace("hush", "hushed"))
    assert result.rc == 3 and "shop-web-1.before that is not ours" in result.err, result
    assert running() == before


@pytest.mark.parametrize("left", [True, False])
def test_who_was_cut_short_may_be_followed_by_one_that_removes_nothing(podman, left):
    podman.apply(SHOP)
    engine("stop", "--time=0", "shop-web-1")
    engine("rename", "shop-web-1", "shop-web-1.before")
    if left:
        podman.apply(SHOP, "--no-prune")
    podman.apply(SHOP.replace("hush", "hushed"), *["--no-prune"] * left)
    assert engine("ps", "--all", "--format", "{{.Names}}").split() == ["shop-db-1", "shop-web-1"]


CRUN = "/run/reconciler-workloads/crun"


def test_a_container_of_crun_that_somebody_made_is_left_alone(lab):
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    web = "web: {command: sleep 100, network_mode: host, stop_signal: KILL}, "
    both = f"{{name: t, runtime: oci, services: {{{web}more: {{command: sleep 100, stop_signal: KILL}}}}}}"
    lab.apply(both)
    lab.run("cp -a /run/reconciler-workloads/oci/t-web-1 /run/theirs")
    lab.run("mount --rbind / /run/theirs/rootfs")
    lab.apply(both.replace(web, ""))
    for name in ("theirs", "t-web-1"):
        lab.run(["sh", "-c", f"exec crun --root {CRUN} run -d -b /run/theirs {name} >/run/log 2>&1"])
    result = lab.try_apply(both)
    assert result.rc == 3 and "t-web-1 that is not ours" in result.err, result
    lab.succeed(lab.reconcile("--destroy", lab.write(both)))
    assert lab.run(f"crun --root {CRUN} list --quiet").out.split() == ["theirs", "t-web-1"]


LATE = f"""{{name: late, runtime: podman, services: {{
    job: {{image: {IMAGE}, command: sleep 1000}},
    after: {{image: {IMAGE}, command: 'true',
        depends_on: {{job: {{condition: service_completed_successfully}}}}}}}}}}"""


def test_nobody_else_waits_for_what_a_container_waits_for(podman):
    podman.write(SHOP)
    with watching(podman, podman.files) as watcher:
        podman.write(LATE, "late.yaml")
        watcher.until(lambda: pid("late-job-1"), EVENT)
        podman.run("ip -n shop-web-1 link set eth0 down")
        link = "ip -j -n shop-web-1 link show eth0"
        watcher.until(lambda: podman.json(link)[0]["operstate"] == "UP", EVENT)
        removed("late-job-1")


def test_an_engine_that_answers_nothing_holds_up_nobody_else(podman):
    podman.apply(SHOP)
    podman.run("mount --bind /bin/false /usr/bin/podman")
    podman.run("ip link del br-shop-front")
    result = podman.try_apply(SHOP)
    assert result.rc == 3 and "container shop-web-1 does not run as it should" in result.err, result
    assert "br-shop-front" in podman.links()
    podman.run("umount /usr/bin/podman")
    podman.apply(SHOP)
    assert page(podman) == "web\n" and podman.planned(SHOP) == []


def test_what_one_waits_for_may_be_another_engines(podman):
    both = f"""{{name: both, runtime: podman, services: {{
        web: {{image: {IMAGE}, command: sleep 100, stop_signal: KILL,
              depends_on: {{db: {{condition: service_healthy}}}}}},
        db: {{runtime: oci, command: [sh, -c, 'touch /tmp/ready; sleep 100'], stop_signal: SIGKILL,
             healthcheck: {{test: test -e /tmp/ready, interval: 1s}}}}}}}}"""
    podman.apply(both)
    assert running().keys() == {"both-web-1"} and podman.planned(both) == []
    podman.succeed(podman.reconcile("--destroy", podman.write(both)))
    assert not Path("/run/reconciler-workloads").exists() and not Path("/var/lib/reconciler/engines").exists()


@pytest.mark.parametrize("engine_of", ["podman", "oci"])
def test_a_test_that_never_ends_has_failed_when_its_time_is_over(podman, engine_of):
    what = f"image: {IMAGE}, " if engine_of == "podman" else ""
    hangs = f"""{{name: hangs, runtime: {engine_of}, services: {{web: {{{what}command: sleep 100,
        stop_signal: SIGKILL, healthcheck: {{test: sleep 50, interval: 1s, timeout: 1s, retries: 1}}}}}}}}"""
    with watching(podman, podman.write(hangs)) as watcher:
        watcher.until(lambda: "container hangs-web-1 is not healthy" in watcher.log)
        assert watcher.status["in_sync"]


def test_what_a_container_says_is_not_kept_in_memory(lab):
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    command = "[sh, -c, 'echo said; exec sleep 100']"
    loud = f"{{name: loud, runtime: oci, services: {{web: {{command: {command}, stop_signal: SIGKILL}}}}}}"
    lab.apply(loud)
    until(lambda: lab.reconcile("--logs", "web").out == "said\n", EVENT)
    assert lab.run(["grep", "-rlx", "said", "/run/reconciler-workloads"], check=False).out == ""
    lab.succeed(lab.reconcile("--destroy", lab.write(loud)))
    assert not Path("/var/lib/reconciler/logs").exists()


def test_who_has_the_hosts_network_goes_with_its_file(podman):
    """Nothing else of it bears a mark."""
    web = f"{{image: {IMAGE}, command: sleep 100, network_mode: host, stop_signal: KILL}}"
    host = f"{{name: t, runtime: podman, services: {{web: {web}}}}}"
    other = "{name: u, containers: {a: {}}}"
    folder = podman.write(host, "m/t.yaml").parent
    podman.write(other, "m/u.yaml")
    podman.succeed(podman.reconcile("--apply", folder))
    assert running().keys() == {"t-web-1"}
    (folder / "t.yaml").unlink()
    podman.succeed(podman.reconcile("--apply", folder))
    assert running() == {} and podman.namespaces() == ["u-a"]


def test_ports_that_nobody_listens_on_are_told(podman):
    podman.apply(SHOP.replace('[httpd, -f, -p, "80", -h, /www]', "sleep 100"))
    assert "shop-web-1: podman" in status(podman) and "nothing listens on 80/tcp" in status(podman)


def test_a_container_of_podmans_own_is_attached_and_so_is_its_next_life(podman):
    """Its user started it, and goes on to."""
    attach = "{name: t, networks: {n: {}}, containers: {a: {attach: {podman: own}, networks: [n]}, b: {}}}"
    with watching(podman, podman.write(attach)) as watcher:
        assert "podman knows no container own" in podman.plan(attach).err
        engine("run", "-d", "--name=own", "--network=none", "--stop-signal=KILL", IMAGE, "sleep", "1000")
        watcher.until(lambda: "t-a" in podman.namespaces() and podman.links("t-a") == ["lo", "eth0"], EVENT)
        address = podman.address("t-a")
        first = os.stat("/run/netns/t-a").st_ino
        engine("restart", "-t", "0", "own")
        watcher.until(lambda: os.stat("/run/netns/t-a").st_ino != first, EVENT)
        watcher.until(lambda: podman.links("t-a") == ["lo", "eth0"], EVENT)
        assert podman.address("t-a") == address
        assert address in engine("exec", "own", "cat", "/proc/net/fib_trie")
        engine("stop", "-t", "0", "own")
        watcher.settled()
        assert podman.planned(attach) == [] and "container own does not run" in podman.plan(attach).err
