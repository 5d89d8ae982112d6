"""A replica that ends is in nobody's way, and comes back when it is well."""

from reconciler.kernel.workloads.oci import STATE
from tests.netns.test_services import TESTED, behind
from tests.netns.watching import EVENT, watching

ALL = {"t-web-1", "t-web-2", "t-web-3"}
LATE = """
  job:
    command: [sleep, '1000']
    stop_signal: SIGKILL
    healthcheck: {test: test -e /tmp/done, interval: 1s, retries: 60}
    networks: [n]
  after: {command: [sleep, '1000'], stop_signal: SIGKILL, depends_on: {job: {condition: service_healthy}}}
containers:"""


def test_who_ends_takes_nothing_new_until_it_is_well_again(lab):
    """Long before its test could fail often enough, and not just because it was well before."""
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    manifest = lab.write(TESTED.replace("retries: 1}", "retries: 1000}"))
    with watching(lab, manifest) as watcher:
        watcher.until(lambda: lab.reconcile("--status", manifest).out.count("running, healthy") == 3, EVENT)
        watcher.until(lambda: behind(lab) == ALL, EVENT)
        before = watcher.log.count("t-web-2 is healthy")
        lab.run(["crun", f"--root={STATE}", "kill", "t-web-2", "KILL"])
        watcher.until(lambda: behind(lab) == ALL - {"t-web-2"}, EVENT)
        watcher.until(lambda: behind(lab) == ALL, EVENT)
        assert "put right" in watcher.log and watcher.log.count("t-web-2 is healthy") > before > 0
    lab.destroy()


def test_a_client_whose_table_was_meddled_with_is_led_to_nobody_dead_either(lab):
    """What was read of it is no longer so, and is held against nothing."""
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    manifest = lab.write(TESTED)
    with watching(lab, manifest) as watcher:
        watcher.until(lambda: behind(lab) == ALL, EVENT)
        lab.run("nft delete set inet reconciler quiesced4", "t-k")
        lab.run(["crun", f"--root={STATE}", "kill", "t-web-2", "KILL"])
        watcher.until(lambda: behind(lab) == ALL - {"t-web-2"}, EVENT)
    lab.destroy()


def test_who_ends_while_its_project_waits_for_another_takes_nothing_new(lab):
    """Though the apply goes on until that one is done; what drifts meanwhile is put right, too."""
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    manifest, crun_list = lab.write(TESTED), ["crun", f"--root={STATE}", "list"]
    with watching(lab, manifest) as watcher:
        watcher.until(lambda: behind(lab) == ALL, EVENT)
        lab.write(TESTED.replace("\ncontainers:", LATE))
        watcher.until(lambda: "t-job-1" in lab.run(crun_list).out, EVENT)
        lab.run(["crun", f"--root={STATE}", "kill", "t-web-2", "KILL"])
        watcher.until(lambda: behind(lab) == ALL - {"t-web-2"}, EVENT)
        lab.run("ip -n t-k addr flush dev eth0 scope global")
        watcher.until(lambda: lab.address("t-k"), EVENT)
        assert "t-after-1" not in lab.run(crun_list).out
        lab.succeed(lab.reconcile("--exec", "t-job-1", "--", "touch", "/tmp/done"))
        watcher.until(lambda: behind(lab) == ALL and "t-after-1" in lab.run(crun_list).out)
    lab.destroy()
